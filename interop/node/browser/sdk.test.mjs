// The SDK's elements on a page of the host app's, against the running server: the contract between the two.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { hospes } from '../hospes.mjs';
import { PASSWORD, issuer } from '../person.mjs';
import { answerTo, inspect, isOn, open, request } from './stage.mjs';

const ADA = 'ada@harbour.example';
const stage = await open();

/** The host app: an authorization page and a page of connected apps, each one tag. */
const app = createServer((incoming, response) => {
  const { pathname } = new URL(incoming.url, 'http://app');
  const element = pathname === '/apps' ? 'hospes-connected-apps sign-out' : 'hospes-consent';
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    // The policy that the README of the SDK recommends.
    'content-security-policy': `default-src 'none'; script-src ${issuer}; connect-src ${issuer}; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; img-src https: data:`,
  });
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Harbour</title><script type="module" crossorigin src="${issuer}/sdk/hospes.js"></script>
<body data-page="app"><main><${element} issuer="${issuer}" host-name="Harbour"></${element.split(' ')[0]}></main></body></html>`);
});

let home;
before(async () => {
  await new Promise((resolve) => app.listen(0, '127.0.0.1', resolve));
  home = `http://127.0.0.1:${app.address().port}`;
  await hospes('settings', 'set', 'sdk.domains', JSON.stringify([home]));
  await hospes('settings', 'set', 'authorization_url', `${home}/authorize`);
});
after(async () => {
  // The other files' tests are about our own pages.
  await hospes('settings', 'set', 'authorization_url', 'null');
  await hospes('settings', 'set', 'sdk.domains', 'null');
  app.closeAllConnections();
  app.close();
  await stage.stop();
});

function story(name, tell) {
  test(name, { timeout: 120_000 }, async () => {
    const profile = await stage.profile({ locale: 'en' });
    const complaints = [];
    profile.on('response', (response) => {
      if (response.url().startsWith(issuer) && response.status() >= 500) complaints.push(`${response.status()} ${response.url()}`);
    });
    profile.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
    });
    profile.setDefaultTimeout(20_000);
    try {
      await tell(await profile.newPage(), profile);
      assert.deepEqual(complaints, []);
    } finally {
      await profile.close();
    }
  });
}

const heading = (page, text) => page.getByRole('heading', { level: 1, name: text }).waitFor();

async function logIn(page, email = ADA, password = PASSWORD) {
  await page.getByLabel('Email', { exact: true }).fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const ask = (extra) => request('web', 'https://web.example/callback', { scope: 'openid email notes.read notes.write', prompt: 'consent', ...extra });

story('by a handle: login, a value left out, allow; the code comes with what was allowed', async (page) => {
  const asked = ask();
  await page.goto(asked.href);
  await isOn(page, 'app');
  await heading(page, 'Sign in to Harbour');
  await logIn(page, ADA, 'not the password');
  await page.getByText('do not match').waitFor();
  await logIn(page);
  await heading(page, 'Lighthouse wants access to your Harbour account');
  const text = await page.locator('.card').innerText();
  for (const shown of ['Verified by Harbour', 'Ada Quay', 'web.example', 'Read your notes', 'https://api.example/notes']) {
    assert.ok(text.includes(shown), `${shown} is not shown: ${text}`);
  }
  await inspect(page, 'sdk-consent');
  await page.getByLabel('Write and delete your notes').uncheck();
  await page.getByRole('button', { name: 'Allow' }).click();
  await isOn(page, 'guest');
  const answer = await answerTo(asked);
  const tokens = await fetch(`${issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: 'Basic ' + Buffer.from('web:web-secret-for-tests-0123456789abcdef').toString('base64') },
    body: new URLSearchParams({ grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: asked.redirectUri, code_verifier: asked.verifier }),
  });
  const { scope } = await tokens.json();
  assert.deepEqual(scope.split(' ').sort(), ['email', 'notes.read', 'openid']);
});

story('by a handle: deny, and cancel at the login', async (page) => {
  const cancelled = ask();
  await page.goto(cancelled.href);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await isOn(page, 'guest');
  assert.equal((await answerTo(cancelled)).get('error'), 'access_denied');
  const denied = ask();
  await page.goto(denied.href);
  await logIn(page);
  await page.getByRole('button', { name: 'Deny' }).click();
  await isOn(page, 'guest');
  assert.equal((await answerTo(denied)).get('error'), 'access_denied');
});

story('by a handle in another browser: shown, but the answer is not released', async (page) => {
  const asked = ask();
  await page.goto(asked.href);
  await isOn(page, 'app');
  const victim = await stage.profile({ locale: 'en' });
  try {
    const other = await victim.newPage();
    await other.goto(page.url());
    await logIn(other);
    await other.getByRole('button', { name: 'Allow' }).click();
    await isOn(other, 'error');
  } finally {
    await victim.close();
  }
});

story('by the raw query: the page is the endpoint; a reload goes on', async (page) => {
  const asked = ask();
  await page.goto(`${home}/authorize${new URL(asked.href).search}`);
  await logIn(page);
  await heading(page, /Lighthouse wants access/);
  await page.reload();
  // The token was in the page's memory only, and nobody is shown what somebody else was asked.
  await heading(page, 'Sign in to Harbour');
  await logIn(page);
  await heading(page, /Lighthouse wants access/);
  await page.getByRole('button', { name: 'Allow' }).click();
  await isOn(page, 'guest');
  assert.ok((await answerTo(asked)).get('code'));
});

story('a program on the device gets a warning, and the server says how it ended', async (page) => {
  const asked = request('native', 'com.example.lantern:/callback', { scope: 'openid', prompt: 'consent' });
  await page.goto(asked.href);
  await logIn(page);
  await page.getByText('just started this yourself').waitFor();
  await page.getByRole('button', { name: 'Allow' }).click();
  await isOn(page, 'outcome');
});

story('an interaction that is nobody’s', async (page) => {
  await page.goto(`${home}/authorize?interaction=nothing`);
  await heading(page, 'This page has expired');
  await page.goto(`${home}/authorize?client_id=nobody`);
  await page.getByRole('alert').waitFor();
});

story('connected apps: what was allowed is listed, and ended', async (page) => {
  const asked = ask();
  await page.goto(asked.href);
  await logIn(page);
  await page.getByRole('button', { name: 'Allow' }).click();
  await isOn(page, 'guest');
  await answerTo(asked);
  await page.goto(`${home}/apps`);
  await logIn(page);
  await heading(page, 'Connected apps');
  assert.match(await page.locator('.card').innerText(), /Ada Quay/);
  await page.getByRole('button', { name: /Disconnect.*Lighthouse/ }).click();
  await page.getByText('is disconnected').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Email', { exact: true }).waitFor();
});
