// The examples whose back end asks: an application draws the page by itself, and people meet it in a real browser.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect, isOn, open, received } from './stage.mjs';

const stage = await open();
after(() => stage.stop());

/** A request of the host's client, whose answer comes to the guest's site on loopback. */
function ask(host, extra = {}) {
  const [verifier, state] = [randomBytes(32).toString('base64url'), randomBytes(12).toString('base64url')];
  const redirectUri = `${stage.other}/callback`;
  const url = new URL(`${host.issuer}/oauth2/authorize`);
  url.search = new URLSearchParams({
    client_id: host.client.client_id, redirect_uri: redirectUri, response_type: 'code', scope: host.client.scope, state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...extra,
  });
  return { href: url.href, state, verifier, redirectUri };
}

/** The one answer to a request, once it has come. */
async function answerTo(host, { state }) {
  const answers = () => received.filter(({ parameters }) => parameters.get('state') === state);
  for (let waited = 0; waited < 100 && answers().length === 0; waited += 1) await sleep(50);
  assert.equal(answers().length, 1);
  assert.equal(answers()[0].parameters.get('iss'), host.issuer);
  return answers()[0].parameters;
}

async function redeem(host, asked) {
  const answer = await answerTo(host, asked);
  assert.equal(answer.get('error'), null);
  const form = {
    grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: asked.redirectUri,
    code_verifier: asked.verifier, client_id: host.client.client_id,
  };
  const response = await fetch(`${host.issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) });
  const tokens = await response.json();
  assert.equal(response.status, 200, JSON.stringify(tokens));
  return { ...tokens, scopes: tokens.scope.split(' ').sort() };
}

/** Every story has a browser of its own; no policy of a page may stop anything. */
function story(name, tell, options = {}) {
  test(name, { timeout: 120_000 }, async () => {
    const profile = await stage.profile({ locale: 'en', ...options });
    const complaints = [];
    profile.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text());
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

const modes = [['with JavaScript', {}], ['without JavaScript', { javaScriptEnabled: false }]];

describe('examples/fastapi', () => {
  let host;
  before(async () => {
    const { start } = await import('./hosts/python.mjs');
    host = await start();
  }, { timeout: 120_000 });
  after(() => host?.stop());

  /** A call of the application's API. */
  const call = (token, init = {}) =>
    fetch(`${host.origin}/api/notes`, {
      ...init, headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    });
  const isAsked = async (page) => {
    await isOn(page, 'consent');
    return host.consent(page);
  };

  for (const [mode, options] of modes) {
    story(`the guest that it comes with reads and writes what Ada allows, ${mode}`, async (page) => {
      await page.goto(`${host.guest}/go`);
      await isOn(page, 'login');
      await page.fill('#username', host.users.ada.username);
      await page.fill('#password', 'not the password');
      await page.click('#login-submit');
      assert.match(await page.innerText('[role=alert]'), /address or the password is wrong/);
      await host.signIn(page);
      const consent = await isAsked(page);
      const text = await page.innerText('main');
      const guest = new URL(host.guest).host;
      for (const shown of ['Lantern', 'have not checked who makes it', 'ada@logbook.example', guest, 'Notes', 'on this device']) {
        assert.ok(text.includes(shown), `${shown} is not shown: ${text}`);
      }
      await consent.scope('notes.write').uncheck();
      await consent.allow.click();
      await isOn(page, 'guest');
      assert.match(await page.innerText('main'), /was refused: .*did not allow/s);

      await page.goto(`${host.guest}/go`);
      await (await isAsked(page)).allow.click();
      await isOn(page, 'guest');
      assert.match(await page.innerText('main'), /A note was written.*Lantern was here/s);

      // It asks for nothing new: nobody is asked again, until Ada takes it back.
      await page.goto(`${host.origin}/apps`);
      await page.getByRole('button', { name: 'Disconnect Lantern' }).click();
      assert.match(await page.innerText('main'), /No other app may act for you/);
      await page.goto(`${host.guest}/go`);
      await isAsked(page);
    }, options);

    story(`deny, and cancel at the login, ${mode}`, async (page) => {
      const cancelled = ask(host);
      await page.goto(cancelled.href);
      await page.click('#login-cancel');
      assert.equal((await answerTo(host, cancelled)).get('error'), 'access_denied');
      const denied = ask(host);
      await page.goto(denied.href);
      await host.signIn(page);
      await (await isAsked(page)).deny.click();
      assert.equal((await answerTo(host, denied)).get('error'), 'access_denied');
    }, options);

    story(`Hospes is away when the answer comes: it waits on the page, and is not asked for again, ${mode}`, async (page) => {
      const asked = ask(host, { prompt: 'consent' });
      await page.goto(asked.href);
      await host.signIn(page);
      const consent = await isAsked(page);
      await consent.scope('notes.write').uncheck();
      await host.serverDown();
      try {
        await consent.allow.click();
        await isOn(page, 'retry');
        await page.click('#retry');
        await isOn(page, 'retry');
        if (!('javaScriptEnabled' in options)) await inspect(page, 'fastapi-retry');
        const fresh = await page.context().newPage();
        await fresh.goto(`${host.origin}/authorize?interaction=int_x`);
        await isOn(fresh, 'problem');
        await fresh.close();
      } finally {
        await host.serverUp();
      }
      await page.click('#retry');
      assert.deepEqual((await redeem(host, asked)).scopes, ['notes.read', 'openid']);
    }, options);
  }

  story('the application begins anew under the open page, and takes the answer', async (page) => {
    const asked = ask(host, { prompt: 'consent' });
    await page.goto(asked.href);
    await host.signIn(page);
    const consent = await isAsked(page);
    await host.restart();
    await consent.allow.click();
    assert.deepEqual((await redeem(host, asked)).scopes, ['notes.read', 'notes.write', 'openid']);
  });

  story('a guest that wants a fresh login, or a choice of account, gets it', async (page) => {
    await page.goto(host.origin);
    await host.signIn(page);
    const again = ask(host, { prompt: 'login consent', login_hint: 'ben@logbook.example' });
    await page.goto(again.href);
    await isOn(page, 'login');
    assert.equal(await page.inputValue('#username'), 'ben@logbook.example');
    assert.equal(await page.locator('#account-continue').count(), 0);
    await host.signIn(page, 'ben');
    await (await isAsked(page)).allow.click();
    assert.ok(await redeem(host, again));

    const chosen = ask(host, { prompt: 'select_account consent' });
    await page.goto(chosen.href);
    await page.getByRole('button', { name: 'Go on as Ben Pier' }).click();
    await (await isAsked(page)).allow.click();
    assert.ok(await redeem(host, chosen));

    const nobody = ask(host, { prompt: 'none' });
    await host.signOut(page);
    await page.goto(nobody.href);
    assert.equal((await answerTo(host, nobody)).get('error'), 'login_required');
  });

  story('the page of one user does not answer for the next, and no other site answers for anybody', async (page, profile) => {
    const asked = ask(host, { prompt: 'consent' });
    await page.goto(asked.href);
    await host.signIn(page);
    const consent = await isAsked(page);
    const other = await profile.newPage();
    await host.signOut(other);
    await host.signIn(other, 'ben');
    await consent.allow.click();
    await isAsked(page);
    assert.match(await page.innerText('main'), /ben@logbook\.example/);

    const interaction = new URL(page.url()).searchParams.get('interaction');
    const form = new URLSearchParams({ interaction, decision: 'allow', scope: 'openid', csrf: 'f'.repeat(64) });
    const [cookie] = await profile.cookies(host.origin);
    const forged = await fetch(`${host.origin}/authorize`, {
      method: 'POST', redirect: 'manual', body: form, headers: { cookie: `${cookie.name}=${cookie.value}` },
    });
    assert.deepEqual([forged.status, forged.headers.get('location')], [303, `/authorize?interaction=${interaction}`]);
    await page.getByRole('button', { name: 'Use another' }).click();
    await isOn(page, 'login');
    await host.signIn(page);
    await (await isAsked(page)).deny.click();
    assert.equal((await answerTo(host, asked)).get('error'), 'access_denied');
  });

  story('the API takes access tokens for it, and says why it refuses others', async (page) => {
    const asked = ask(host, { scope: 'openid notes.read', prompt: 'consent' });
    await page.goto(asked.href);
    await host.signIn(page);
    await (await isAsked(page)).allow.click();
    const tokens = await redeem(host, asked);
    assert.equal((await call(tokens.access_token)).status, 200);
    const write = await call(tokens.access_token, { method: 'POST', body: '{"text": "no"}' });
    assert.equal(write.status, 403);
    assert.match(write.headers.get('www-authenticate'), /error="insufficient_scope".*scope="notes\.write"/);
    const [header, claims, signature] = tokens.access_token.split('.');
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const changed = part({ ...JSON.parse(Buffer.from(claims, 'base64url')), scope: 'notes.write' });
    const unsigned = part({ alg: 'none', typ: 'at+jwt' });
    for (const token of [tokens.id_token, 'x', 'a.b.c', `${header}.${changed}.${signature}`, `${unsigned}.${claims}.`]) {
      const refused = await call(token);
      assert.equal(refused.status, 401, token);
      assert.match(refused.headers.get('www-authenticate'), /error="invalid_token"/);
    }
    const nothing = await call();
    assert.deepEqual([nothing.status, nothing.headers.get('www-authenticate')], [401, 'Bearer realm="logbook"']);
    // A token for another API is none for this one.
    const elsewhere = await host.hospes('client', 'add', '--name', 'Night watch', '--machine', '--scope', 'notes.read');
    const machine = await fetch(`${host.issuer}/oauth2/token`, {
      method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials' }),
      headers: { authorization: `Basic ${Buffer.from(`${elsewhere.client_id}:${elsewhere.client_secret}`).toString('base64')}` },
    });
    assert.equal((await call((await machine.json()).access_token)).status, 401);
  });

  story('its pages are for every window and everybody', async (page) => {
    await page.goto(ask(host, { prompt: 'select_account consent' }).href);
    await inspect(page, 'fastapi-login');
    await host.signIn(page);
    await isAsked(page);
    await inspect(page, 'fastapi-consent');
    await page.goto(ask(host, { prompt: 'select_account consent' }).href);
    await inspect(page, 'fastapi-account');
    await page.goto(host.origin);
    await inspect(page, 'fastapi-home');
    await page.goto(`${host.origin}/apps`);
    await inspect(page, 'fastapi-apps');
    for (const path of ['/authorize', '/authorize?interaction=int_x', '/nowhere']) {
      await page.goto(`${host.origin}${path}`);
      await isOn(page, 'problem');
    }
    await inspect(page, 'fastapi-problem');
  });
});

/** What README.md of examples/fastapi and the guide say of `form-action`, so that nobody need believe it. */
test('form-action counts wherever a posted form leads, and not for a page that leads on', { timeout: 60_000 }, async () => {
  const listening = (answer) => new Promise((resolve) => {
    const server = createServer((request, response) => {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      answer(request, response);
    }).listen(0, '127.0.0.1', () => resolve(server));
  });
  const address = (server) => `http://127.0.0.1:${server.address().port}`;
  const redirect = (response, location) => response.writeHead(303, { location }).end();
  const client = await listening((_, response) => response.end('<!doctype html><title>Client</title><h1>Client</h1>'));
  const issuer = await listening((_, response) => redirect(response, address(client)));
  let policy, leadOn;
  const app = await listening((request, response) => {
    response.setHeader('content-security-policy', policy);
    if (request.method === 'POST') return leadOn(response);
    return response.end('<!doctype html><title>App</title><form method="post"><button>Allow</button></form>');
  });
  const by303 = (response) => redirect(response, address(issuer));
  const byRefresh = (response) =>
    response.writeHead(200, { refresh: `0;url=${address(issuer)}` }).end('<!doctype html><title>App</title>');
  const profile = await stage.profile({ javaScriptEnabled: false });
  try {
    const page = await profile.newPage();
    for (const [formAction, how, arrives] of [
      ['', by303, true],
      ["form-action 'self'", by303, false],
      [`form-action 'self' ${address(issuer)}`, by303, false],
      [`form-action 'self' ${address(issuer)} ${address(client)}`, by303, true],
      ["form-action 'self'", byRefresh, true],
    ]) {
      [policy, leadOn] = [`default-src 'none'; ${formAction}`, how];
      await page.goto(address(app));
      await page.click('button', { noWaitAfter: true });
      const heading = page.getByRole('heading', { name: 'Client' });
      const came = await heading.waitFor({ timeout: arrives ? 15_000 : 1500 }).then(() => true, () => false);
      assert.equal(came, arrives, `${formAction} ${how.name}`);
    }
  } finally {
    await profile.close();
    for (const server of [client, issuer, app]) {
      server.closeAllConnections();
      server.close();
    }
  }
});
