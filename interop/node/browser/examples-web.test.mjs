// The examples whose pages are for browsers: login, consent, code, token, call, each as its README tells it.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as express from './hosts/express.mjs';
import * as plainHtml from './hosts/plain-html.mjs';
import * as react from './hosts/react.mjs';
import { inspect, open } from './stage.mjs';

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));
const stage = await open();
after(() => stage.stop());

const SCOPE = 'openid email notes.read notes.write';

/** The guest of examples/command-line: the link that it prints, and the tokens that it gets. */
function guest({ issuer, client }) {
  const env = { PATH: process.env.PATH, ISSUER: issuer, CLIENT_ID: client.client_id, SCOPE };
  const program = spawn('node', [join(examples, 'command-line/get-token.mjs')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [printed, said] = ['', ''];
  program.stdout.on('data', (text) => (printed += text));
  const link = new Promise((resolve, reject) => {
    program.stderr.on('data', (text) => {
      said += text;
      const found = said.match(/in your browser:\n(\S+)\n/);
      if (found) resolve(found[1]);
    });
    program.on('close', () => reject(new Error(said)));
  });
  const tokens = new Promise((resolve, reject) => {
    program.on('close', (code) => (code === 0 ? resolve(JSON.parse(printed)) : reject(new Error(said))));
  });
  tokens.catch(() => {});
  return { link, tokens, stop: () => program.kill() };
}

/** Opens a browser for `tell`, in which nothing may be refused by a policy, and no error may be shown in the console. */
async function visit(tell, { tolerated } = {}) {
  const profile = await stage.profile({ locale: 'en' });
  profile.setDefaultTimeout(20_000);
  const complaints = [];
  await profile.exposeBinding('noteViolation', (_, text) => complaints.push(text));
  await profile.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
      window.noteViolation(`the policy refused ${violatedDirective} ${blockedURI} ${sample}`));
  });
  profile.on('console', (message) => {
    const isIcon = message.location().url.endsWith('/favicon.ico');
    if (message.type() === 'error' && !isIcon && !tolerated?.test(message.text())) complaints.push(message.text());
  });
  profile.on('weberror', (error) => complaints.push(String(error.error())));
  const page = await profile.newPage();
  try {
    await tell(page);
    assert.deepEqual(complaints, []);
  } catch (error) {
    error.message += `\n  at ${page.url()}\n  ${complaints.join('\n  ')}`;
    throw error;
  } finally {
    await profile.close();
  }
}

/** Starts a host for the tests of one `describe`. */
function started(start) {
  let starting;
  after(async () => (await starting)?.stop());
  return () => (starting ??= start());
}

/** What a bearer of `token` is answered by an API. */
const call = (url, token, init = {}) => fetch(url, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });

/** Login, a value left out, allow: the tokens that the guest got. */
async function story(host, page, name) {
  const asked = guest(host);
  try {
    await page.goto(await asked.link);
    await host.login(page).waitFor();
    await inspect(page, `${name}-login`);
    await host.signIn(page, 'ada');
    await host.consent(page).heading.waitFor();
    await inspect(page, `${name}-consent`);
    await host.consent(page).scope('notes.write').uncheck();
    await host.consent(page).allow.click();
    await page.getByText('You may close this page').waitFor();
    return await asked.tokens;
  } finally {
    asked.stop();
  }
}

const lines = (all) => all.filter((line) => /^[+-]./.test(line));

/** The lines that one file has and the other has not, as a README shows them. */
function difference(folder, before, after) {
  const words = ['diff', '--no-index', '--no-color', '-U0', before, after];
  const { stdout } = spawnSync('git', words, { cwd: join(examples, folder), encoding: 'utf8' });
  return lines(stdout.split('\n').slice(4));
}

describe('express', () => {
  const host = started(express.start);

  test('login, consent, code, token, call', { timeout: 120_000 }, async () => {
    await visit(async (page) => {
      const { origin, issuer } = await host();
      const { access_token, scope } = await story(await host(), page, 'express');
      assert.deepEqual(scope.split(' ').sort(), ['email', 'notes.read', 'openid']);
      const info = await (await call(`${issuer}/oauth2/userinfo`, access_token)).json();
      assert.equal(info.email, 'ada@notes.example');
      const notes = await call(`${origin}/api/notes`, access_token);
      assert.deepEqual([notes.status, await notes.json()], [200, ['Buy bread']]);
      const refused = await call(`${origin}/api/notes`, access_token, { method: 'POST' });
      assert.deepEqual([refused.status, await refused.json()], [403, { error: 'insufficient_scope' }]);
      for (const token of ['x', `${access_token}x`]) assert.equal((await call(`${origin}/api/notes`, token)).status, 401);
      assert.equal((await fetch(`${origin}/api/notes`)).status, 401);

      // A page of the app that shows the connected apps needs one tag: the token of its login is enough.
      await page.goto(`${origin}/authorize`);
      await page.evaluate((address) => {
        const apps = document.createElement('hospes-connected-apps');
        for (const [name, value] of [['issuer', address], ['token-url', '/authorize/token'], ['login-url', '/login']]) apps.setAttribute(name, value);
        document.querySelector('hospes-consent').replaceWith(apps);
      }, issuer);
      const disconnect = page.getByRole('button', { name: /Disconnect/ });
      await disconnect.click();
      await disconnect.waitFor({ state: 'detached' });
      assert.equal((await call(`${issuer}/oauth2/userinfo`, access_token)).status, 401);
    });
  });

  test('with what the user allows the guest writes too; the app goes on as before', { timeout: 120_000 }, async () => {
    await visit(async (page) => {
      const { origin } = await host();
      const asked = guest(await host());
      await page.goto(`${origin}/login`);
      await (await host()).signIn(page, 'ben');
      // Who is logged in at the app is not asked to log in.
      await page.goto(await asked.link);
      await (await host()).consent(page).allow.click();
      const { access_token } = await asked.tokens;
      const added = await call(`${origin}/api/notes`, access_token, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ note: 'From a guest' }),
      });
      assert.equal(added.status, 201);
      await page.getByText('You may close this page').waitFor();
      await page.goto(`${origin}/`);
      await page.getByText('From a guest').waitFor();
      assert.equal(await page.getByText('Buy bread').count(), 1);
    });
  });

  test('a guest who wants a fresh login gets one, whoever is logged in', { timeout: 120_000 }, async () => {
    await visit(async (page) => {
      const { origin, login, signIn, consent } = await host();
      await page.goto(`${origin}/login`);
      await signIn(page, 'ada');
      // The time of the login counts in seconds.
      await sleep(1100);
      const asked = guest(await host());
      await page.goto(`${await asked.link}&prompt=login`);
      await login(page).waitFor();
      await signIn(page, 'ada');
      await consent(page).allow.click();
      assert.ok((await asked.tokens).access_token);
    });
  });

  test('a login leads to pages of the app only, and forms of other sites lead to nothing', async () => {
    const { origin } = await host();
    const post = (from, fields) =>
      fetch(`${origin}/login`, { method: 'POST', redirect: 'manual', headers: { origin: from }, body: new URLSearchParams(fields) });
    const right = { email: 'ada@notes.example', password: 'correct horse battery staple' };
    assert.equal((await post('https://evil.example', right)).status, 403);
    for (const return_url of ['https://evil.example/', '//evil.example', '/\\evil.example', 'http://[']) {
      const answer = await post(origin, { ...right, return_url });
      assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/']);
    }
    assert.equal((await post(origin, { ...right, password: 'guess' })).status, 401);
  });

  test('twenty lines at most are added, and the README shows them', async () => {
    const [ofApp, ofApi] = [difference('express', 'before.mjs', 'app.mjs'), difference('express', 'api-before.mjs', 'api.mjs')];
    const added = ofApp.filter((line) => line.startsWith('+'));
    assert.ok(added.length > 0 && added.length <= 20, `${added.length} lines: ${added.join('\n')}`);
    for (const line of [...added, ...ofApi]) assert.ok(line.length <= 121, line);
    const readme = await readFile(join(examples, 'express/README.md'), 'utf8');
    const shown = [...readme.matchAll(/^```diff\n([\s\S]*?)^```$/gm)].map(([, block]) => lines(block.split('\n')));
    assert.deepEqual(shown, [ofApp, ofApi]);
  });
});

describe('plain-html', () => {
  const host = started(plainHtml.start);

  test('login, consent, code, token, call; then the app is disconnected', { timeout: 120_000 }, async () => {
    await visit(async (page) => {
      const { origin, issuer, signIn } = await host();
      const { access_token, scope } = await story(await host(), page, 'plain-html');
      assert.deepEqual(scope.split(' ').sort(), ['email', 'notes.read', 'openid']);
      const info = await (await call(`${issuer}/oauth2/userinfo`, access_token)).json();
      assert.equal(info.email, 'ada@harbour.example');
      await page.goto(`${origin}/apps.html`);
      await signIn(page, 'ada');
      await page.getByRole('heading', { name: 'Connected apps' }).waitFor();
      await inspect(page, 'plain-html-apps');
      await page.getByRole('button', { name: /Disconnect.*Lantern/ }).click();
      await page.getByText('is disconnected').waitFor();
      assert.equal((await call(`${issuer}/oauth2/userinfo`, access_token)).status, 401);
      // The list is asked for before anybody is signed in.
    }, { tolerated: /status of 401/ });
  });

  test('another script than the one that was looked at is not run', { timeout: 60_000 }, async () => {
    const profile = await stage.profile();
    try {
      const page = await profile.newPage();
      await page.route('**/sdk/**', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: `${await response.text()}\n` });
      });
      const refused = page.waitForEvent('console', (message) => /integrity/.test(message.text()));
      await page.goto(`${(await host()).origin}/authorize.html`);
      await refused;
      assert.equal(await page.evaluate(() => Boolean(customElements.get('hospes-consent'))), false);
    } finally {
      await profile.close();
    }
  });
});

describe('react', () => {
  const host = started(react.start);

  test('login, consent, code, token, call', { timeout: 120_000 }, async () => {
    await visit(async (page) => {
      const { issuer } = await host();
      const { access_token, scope } = await story(await host(), page, 'react');
      assert.deepEqual(scope.split(' ').sort(), ['email', 'notes.read', 'openid']);
      const info = await (await call(`${issuer}/oauth2/userinfo`, access_token)).json();
      assert.equal(info.email, 'ada@harbour.example');
    });
  });

  test('one login for all pages: settings ask for it, show the apps, and sign out', { timeout: 120_000 }, async () => {
    await visit(async (page) => {
      const { origin, signIn, consent, login } = await host();
      const asked = guest(await host());
      await page.goto(await asked.link);
      await signIn(page, 'ben');
      await consent(page).allow.click();
      await asked.tokens;
      // The tokens may be there before the guest's page is.
      await page.getByText('You may close this page').waitFor();
      await page.goto(`${origin}/`);
      await inspect(page, 'react-home');
      await page.getByRole('link', { name: 'Connected apps' }).click();
      await login(page).waitFor();
      await inspect(page, 'react-login-page');
      await signIn(page, 'ben');
      await page.getByRole('heading', { name: 'Connected apps' }).waitFor();
      assert.equal(page.url(), `${origin}/settings`);
      await inspect(page, 'react-settings');
      // Another page and back, without another login.
      await page.getByRole('link', { name: 'Harbour' }).click();
      await page.getByRole('link', { name: 'Ben Pier' }).click();
      await page.getByRole('button', { name: /Disconnect.*Lantern/ }).click();
      await page.getByText('is disconnected').waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await login(page).waitFor();
      await page.getByRole('link', { name: 'Sign in' }).waitFor();
    }, { tolerated: /status of 401/ });
  });

  test('a login leads to pages of the app only', { timeout: 60_000 }, async () => {
    await visit(async (page) => {
      const { origin, signIn } = await host();
      for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', 'http://[']) {
        await page.goto(`${origin}/login?next=${encodeURIComponent(next)}`);
        await signIn(page, 'ada');
        await page.getByRole('heading', { name: 'Harbour', exact: true }).waitFor();
        assert.equal(page.url(), `${origin}/`);
      }
    }, { tolerated: /status of 401/ });
  });

  test('its types are right', { timeout: 120_000 }, async () => {
    const { status, stdout } = spawnSync('npm', ['run', 'check'], { cwd: join(examples, 'react'), encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  });
});

describe("the host app's own form-action 'self'", () => {
  const POLICY = "default-src 'self'; form-action 'self'";
  const [client, app] = [createServer(), createServer()];
  let elsewhere, home;
  before(async () => {
    client.on('request', (_, response) => response.end('back at the client'));
    app.on('request', ({ url, method }, response) => {
      // What a consent page without the element would do: a form, and the answer leads to the client.
      if (method === 'POST') return response.writeHead(303, { location: elsewhere }).end();
      response.setHeader('content-security-policy', POLICY);
      if (url === '/page.mjs') {
        response.setHeader('content-type', 'text/javascript');
        return response.end(`document.querySelector('#fetch').addEventListener('click', () => location.assign('${elsewhere}'));`);
      }
      response.setHeader('content-type', 'text/html');
      response.end('<form method="post"><button id="form">Allow</button></form><button id="fetch">Allow</button><script type="module" src="/page.mjs"></script>');
    });
    for (const server of [client, app]) await once(server.listen(0, '127.0.0.1'), 'listening');
    elsewhere = `http://127.0.0.1:${client.address().port}/`;
    home = `http://127.0.0.1:${app.address().port}/`;
  });
  after(() => [client, app].forEach((server) => server.closeAllConnections() ?? server.close()));

  test('stops a form whose answer leads to the client, and lets a script go there', { timeout: 60_000 }, async () => {
    const profile = await stage.profile();
    try {
      const page = await profile.newPage();
      await page.goto(home);
      const refused = page.waitForEvent('console', (message) => /form-action/.test(message.text()));
      await page.click('#form');
      await refused;
      assert.equal(page.url(), home);
      await page.click('#fetch');
      await page.getByText('back at the client').waitFor();
    } finally {
      await profile.close();
    }
  });
});
