// Serves a page with the headers on standard input (lines `name TAB value`) on localhost, lets the Observatory judge
// it, and fails below 140 points, which is all it gives to a host that is not built into browsers.
//
// The scanner's own command cannot be told a port, so its steps are taken here one by one.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [observatory, certificate] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(path.join(observatory, 'src', file)));
const { ALL_TESTS } = await load('constants.js');
const { MINIMUM_SCORE_FOR_EXTRA_CREDIT } = await load('grader/charts.js');
const { getGradeForScore, getScoreModifier } = await load('grader/grader.js');
const { retrieve } = await load('retriever/retriever.js');

const headers = readFileSync(0, 'utf8').split('\n').filter(Boolean).map((line) => line.split('\t'));
const policy = headers.find(([name]) => name === 'content-security-policy')[1];
const nonce = /'nonce-([^']+)'/.exec(policy)[1];

// What a page has to do itself for the marks that no header gives: a cookie as it should be, a script from another
// host with its digest.
const script = `sha384-${createHash('sha384').update('').digest('base64')}`;
const page = `<!doctype html><title>Judged</title>
<script nonce="${nonce}" src="https://scripts.example/a.js" integrity="${script}" crossorigin="anonymous"></script>`;
const cookie = '__Host-session=1; Path=/; Secure; HttpOnly; SameSite=Lax';

const listen = async (server) => {
  await once(server.listen(0, 'localhost'), 'listening');
  return server.address().port;
};
const tls = { key: readFileSync(`${certificate}.key`), cert: readFileSync(`${certificate}.pem`) };
const secure = https.createServer(tls, (request, response) => {
  for (const [name, value] of headers) response.setHeader(name, value);
  response.setHeader('set-cookie', cookie).setHeader('content-type', 'text/html; charset=utf-8').end(page);
});
const httpsPort = await listen(secure);
const plain = http.createServer((request, response) => {
  response.writeHead(308, { location: `https://localhost:${httpsPort}${request.url}` }).end();
});
const httpPort = await listen(plain);

const requests = await retrieve('localhost', { httpPort, httpsPort });
for (const server of [secure, plain]) {
  server.closeAllConnections();
  server.close();
}
if (requests.responses.https?.verified !== true) throw new Error('the page was not reached over verified https');

let penalties = 0;
let extra = 0;
for (const test of ALL_TESTS) {
  const { constructor, pass, result } = test(requests);
  const modifier = getScoreModifier(result);
  if (modifier < 0) penalties += modifier;
  else extra += modifier;
  console.log(`${pass ? 'pass' : 'FAIL'} ${String(modifier).padStart(4)} ${constructor.name}: ${result}`);
  if (!pass) process.exitCode = 1;
}
const base = 100 + penalties;
const { grade, score } = getGradeForScore(base >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? base + extra : base);
console.log(`score ${score}, grade ${grade}`);
if (score < 140 || grade !== 'A+') process.exitCode = 1;
