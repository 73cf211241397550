// Starts the reference server given as the argument and signs in on its page as a person does: with a wrong password and
// the right one, after a reload, with a second factor, in two browsers at once; and signs out. Fails if the page loses or
// leaks a session, or if the browser refuses anything that the page does.
'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { createHmac } = require('node:crypto');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const readline = require('node:readline');
const { chromium } = require('playwright-core');

const email = 'ann@example.com';
const password = 'seven yellow tram tickets';

async function start(program, folder) {
  const flags = ['--listen', '127.0.0.1:0', '--database-url', `sqlite:${join(folder, 'judge.db')}`, '--auth-rate-limit', 'off'];
  const server = spawn(program, [...flags, '--log-format', 'json', '--drain-delay', '0s'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // Read all the time, or the server waits for it.
  const port = await new Promise((resolve, reject) => {
    const lines = readline.createInterface({ input: server.stdout });
    lines.on('line', (line) => {
      const found = /serving on http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
      if (found) resolve(found[1]);
    });
    server.on('exit', (code) => reject(new Error(`the reference server ended with ${code}`)));
  });
  // A secure context over plain http too, where `__Host-` cookies are kept.
  return { server, url: `http://localhost:${port}` };
}

const api = (url) => async (path, body, token) => {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
};

// RFC 6238, so many steps from now.
function totp(secret, steps) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

// A browser of its own, with the page open.
async function open(browser, url, complaints) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  tab.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  tab.on('pageerror', (error) => complaints.push(error.message));
  await tab.goto(url);
  const message = () => tab.getByRole('alert').textContent();
  const type = async (secret) => {
    await tab.getByLabel('E-mail address').fill(email);
    await tab.getByLabel('Password').fill(secret);
    await tab.getByRole('button', { name: 'Sign in' }).click();
  };
  const token = async () => (await context.cookies()).find(({ name }) => name === '__Host-rt');
  const isIn = () => tab.getByRole('heading', { name: 'Your account' }).waitFor();
  const isOut = () => tab.getByRole('heading', { name: 'Sign in' }).waitFor();
  const sessions = () => tab.locator('#sessions tr').count();
  return { context, tab, message, type, token, isIn, isOut, sessions };
}

async function judge(browser, url) {
  const call = api(url);
  await call('/auth/register', { email, password });
  const complaints = [];
  const here = await open(browser, url, complaints);
  await here.isOut();

  await here.type('seven yellow tram tokens');
  await here.tab.getByRole('alert').filter({ hasText: 'wrong' }).waitFor();
  assert.strictEqual(await here.token(), undefined);
  console.log('a wrong password is refused');

  await here.type(password);
  await here.isIn();
  assert.strictEqual(await here.tab.locator('#me-email').textContent(), email);
  assert.strictEqual(await here.message(), '');
  const cookie = await here.token();
  const { httpOnly, secure, sameSite, path } = cookie;
  assert.deepStrictEqual({ httpOnly, secure, sameSite, path }, { httpOnly: true, secure: true, sameSite: 'Strict', path: '/' });
  const kept = await here.tab.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length, location.search]);
  assert.deepStrictEqual(kept, ['', 0, 0, '']);
  assert.strictEqual(await here.tab.getByLabel('Password').inputValue(), '');
  console.log('the right one signs in, and no script sees the token that stays');

  await here.tab.reload();
  await here.isIn();
  assert.notStrictEqual((await here.token()).value, cookie.value);
  console.log('a reload goes on with the session');

  const there = await open(browser, url, complaints);
  await there.type(password);
  await there.isIn();
  assert.strictEqual(await there.sessions(), 2);
  await there.tab.getByRole('button', { name: /^End the session with/ }).click();
  await there.tab.getByRole('alert').filter({ hasText: 'ended' }).waitFor();
  assert.strictEqual(await there.sessions(), 1);
  await here.tab.reload();
  await here.isOut();
  assert.strictEqual(await here.token(), undefined);
  console.log('a session that is ended elsewhere is over here');

  await there.tab.getByRole('button', { name: 'Sign out' }).click();
  await there.isOut();
  assert.strictEqual(await there.token(), undefined);
  await there.tab.reload();
  await there.isOut();
  console.log('who signs out is out');

  const { access_token: access } = await call('/auth/login', { email, password });
  const { secret } = await call('/auth/mfa/totp', {}, access);
  await call('/auth/mfa/totp/verify', { code: totp(secret, 0) }, access);
  const { recovery_codes: [recovery] } = await call('/auth/mfa/recovery-codes', {}, access);
  for (const [tab, proof] of [[here, () => totp(secret, 1)], [there, () => recovery]]) {
    await tab.type(password);
    const code = tab.tab.getByLabel(/^Code of your authenticator/);
    await code.fill('nonsense');
    await code.press('Enter');
    await tab.tab.getByRole('alert').filter({ hasText: 'the code is wrong' }).waitFor();
    await code.fill(proof());
    await code.press('Enter');
    await tab.isIn();
  }
  console.log('a second factor is asked for, and a recovery code stands in for it');

  // What the browser says of refused requests is no fault of the page; all else is.
  const faults = complaints.filter((text) => !text.startsWith('Failed to load resource'));
  assert.deepStrictEqual(faults, []);
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-chromium-'));
  const { server, url } = await start(process.argv[2], folder);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    await judge(browser, url);
  } finally {
    await browser.close();
    server.removeAllListeners('exit');
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
