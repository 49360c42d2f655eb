// A real browser, and the sites of the clients: what the browser tests stand on.
//
// The clients' host names lead to a server of ours on loopback by a rule of the browser, with a certificate made here;
// every other name leads nowhere.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PASSWORD, issuer } from '../person.mjs';
import { launch } from './chromium.mjs';
import { lookAt } from './look.mjs';

const screenshots = fileURLToPath(new URL('../../../test-results/browser/', import.meta.url));

/** What the clients' sites were asked for. */
export const received = [];

function answer(request, response) {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const url = new URL(request.url, `https://${request.headers.host}`);
    const parameters = request.method === 'POST' ? new URLSearchParams(body) : url.searchParams;
    if (url.pathname !== '/favicon.ico') received.push({ method: request.method, url, parameters });
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end('<!doctype html><html lang="en"><title>Guest</title><body data-page="guest"><h1>Guest</h1></body></html>');
  });
}

export function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

/** A key and a certificate for servers of the tests, which no browser would trust by itself. */
export function certificate() {
  const directory = process.env.INTEROP_DIRECTORY;
  const [key, cert] = [join(directory, 'guest.key'), join(directory, 'guest.pem')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', '/CN=guest.example', '-keyout', key, '-out', cert],
    { stdio: 'ignore', timeout: 30_000 },
  );
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

/** Starts browser and sites; `stop` ends both. `also` maps further host names to ports here. */
export async function open({ also = {} } = {}) {
  const sites = createHttpsServer(certificate(), answer);
  const plain = createHttpServer(answer);
  const [port, plainPort] = [await listen(sites), await listen(plain)];
  const names = ['web', 'spa', 'first', 'post', 'odd', 'evil'].map((name) => [`${name}.example`, port]);
  const browser = await launch({ ...Object.fromEntries(names), ...also });
  return {
    browser,
    other: `http://127.0.0.1:${plainPort}`,
    /** A browser profile of its own. */
    profile: (options = {}) => browser.newContext({ ignoreHTTPSErrors: true, ...options }),
    stop: async () => {
      await browser.close();
      for (const server of [sites, plain]) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

/** An authorization request of a client. */
export function request(client, redirectUri, extra = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(12).toString('base64url');
  const url = new URL(`${issuer}/oauth2/authorize`);
  const parameters = {
    client_id: client, redirect_uri: redirectUri, response_type: 'code', scope: 'openid', state, nonce: 'n-0',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...extra,
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return { href: url.href, state, verifier, redirectUri };
}

/** The answers that the client's site got for a request. */
export function answers({ state }) {
  return received.filter(({ parameters }) => parameters.get('state') === state);
}

/** The one answer, once it has come. */
export async function answerTo(asked) {
  for (let waited = 0; waited < 100 && answers(asked).length === 0; waited += 1) await new Promise((r) => setTimeout(r, 50));
  const all = answers(asked);
  assert.equal(all.length, 1, `the client got ${all.length} answers`);
  assert.deepEqual(all[0].parameters.getAll('iss'), [issuer]);
  return all[0].parameters;
}

/** Waits for a page, and says which one came instead. */
export async function isOn(page, name) {
  try {
    await page.waitForSelector(`body[data-page="${name}"]`, { timeout: 15_000 });
  } catch {
    const found = await page.locator('body').getAttribute('data-page');
    const text = (await page.locator('body').innerText()).slice(0, 600);
    assert.fail(`expected the page ${name}, on ${found} at ${page.url()}: ${text}`);
  }
}

/** The link in the mail to this address, once it has come; each mail is read once. */
export async function mailedLink(address) {
  const mails = join(dirname(process.env.INTEROP_CONFIG), 'mail');
  for (let waited = 0; waited < 200; waited += 1) {
    const files = existsSync(mails) ? readdirSync(mails).filter((name) => name.endsWith('.eml')) : [];
    for (const file of files.map((name) => join(mails, name))) {
      const mail = readFileSync(file, 'utf8').replaceAll('=\r\n', '').replaceAll('=3D', '=');
      if (!mail.includes(`To: ${address}`)) continue;
      rmSync(file);
      return mail.match(/: (http\S+)/)[1];
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return assert.fail(`no mail to ${address}`);
}

export async function logIn(page, username, password = PASSWORD) {
  await isOn(page, 'login');
  await page.fill('#username', username);
  await page.fill('#password', password);
  await page.click('#login-submit');
  await page.waitForLoadState();
}

/** Keeps a picture of the page, to look at. */
export function screenshot(page, name) {
  return page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

/** Looks at a page as its visitors do: narrow and wide, light and dark. No finding of axe, nothing cut off. */
export async function inspect(page, name) {
  const findings = await lookAt(page, name, { widths: [320, 1440], folder: screenshots });
  if ((await page.locator('h1').count()) !== 1) findings.push(`${name}: not exactly one h1`);
  assert.deepEqual(findings, []);
}
