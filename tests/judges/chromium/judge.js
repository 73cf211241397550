// Reads lines `preset TAB scheme TAB name TAB value`, opens a page behind the headers of each preset and fails if the
// browser runs, loads or isolates something else than expected.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const { chromium } = require('playwright-core');

// What becomes of the page below: whether it is cross-origin isolated, which scripts ran, which styles were applied.
const CLOSED = { isolated: false, ran: [], styles: [] };
// `default-src 'self'`: every file of the page's own host, uploads too, but nothing inline.
const SELF = { isolated: false, ran: ['own file'], styles: ['file'] };
const NONCE = { isolated: false, ran: ['nonce', 'loaded by nonce'], styles: ['file', 'nonce'] };
const EXPECTED = {
  classic: SELF,
  strict: CLOSED,
  web: NONCE,
  isolated: { ...NONCE, isolated: true },
  // Its `cross-origin-isolated=()` undoes what its opener and embedder policy ask for.
  owasp: SELF,
};

const page = (nonce) => `<!doctype html><title>Judged</title>
<link rel="stylesheet" href="/file.css"><style nonce="${nonce}">p { top: 2px }</style><p></p>
<script nonce="${nonce}">
  (window.ran = []).push('nonce');
  document.head.append(Object.assign(document.createElement('script'), { src: '/loaded.js' }));
</script>
<script>(window.ran ??= []).push('no nonce')</script>
<script nonce="AAAAAAAAAAAAAAAAAAAAAA==">(window.ran ??= []).push('wrong nonce')</script>
<script src="/loaded.js?no-nonce"></script>
<img src="/none" onerror="(window.ran ??= []).push('attribute')">`;

const files = {
  '/file.css': ['text/css', 'p { left: 1px; top: 1px }'],
  '/loaded.js': ['text/javascript', "window.ran.push('loaded by nonce')"],
  '/loaded.js?no-nonce': ['text/javascript', "(window.ran ??= []).push('own file')"],
};

async function judge(browser, preset, headers) {
  const policy = headers.find(([name]) => name === 'content-security-policy')[1];
  const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? 'none';
  const server = http.createServer((request, response) => {
    const [type, body] = files[request.url] ?? ['text/html', page(nonce)];
    for (const [name, value] of headers) response.setHeader(name, value);
    response.setHeader('content-type', type).end(body);
  });
  await once(server.listen(0, 'localhost'), 'listening');
  const tab = await browser.newPage();
  const complaints = [];
  tab.on('console', (message) => complaints.push(message.text()));
  await tab.goto(`http://localhost:${server.address().port}/`, { waitUntil: 'networkidle' });
  const seen = await tab.evaluate(() => {
    const { left, top } = getComputedStyle(document.querySelector('p'));
    const styles = [left === '1px' && 'file', top === '2px' && 'nonce'].filter(Boolean);
    return { isolated: crossOriginIsolated, ran: window.ran ?? [], styles };
  });
  await tab.close();
  server.closeAllConnections();
  server.close();
  assert.deepStrictEqual(seen, EXPECTED[preset], preset);
  // OWASP's list has features that not every browser knows; the presets that are ours do not.
  const unknown = complaints.filter((text) => text.includes('Permissions-Policy') && preset !== 'owasp');
  assert.deepStrictEqual(unknown, [], preset);
  console.log(`${preset}: ${JSON.stringify(seen)}`);
}

async function main() {
  const lines = readFileSync(0, 'utf8').split('\n').filter(Boolean).map((line) => line.split('\t'));
  // localhost is a secure context over plain http too.
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    for (const preset of Object.keys(EXPECTED)) {
      const headers = lines.filter(([of, scheme]) => of === preset && scheme === 'http');
      assert.notStrictEqual(headers.length, 0, `${preset} has no headers`);
      await judge(browser, preset, headers.map(([, , name, value]) => [name, value]));
    }
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
