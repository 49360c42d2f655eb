// Stytch's packages with sessions in cookies that no script can read: host app and server on one site, over TLS.

import assert from 'node:assert/strict';
import { request as call } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { after, before, test } from 'node:test';
import { hospes } from '../hospes.mjs';
import { PASSWORD, issuer } from '../person.mjs';
import { answerTo, certificate, isOn, listen, open, request } from './stage.mjs';
import { hostApp } from './stytch/host-app.mjs';

const HOME = 'https://app.harbour.example';
const AUTH = 'https://auth.harbour.example';
const CALLBACK = 'https://spa.example/callback';

/** What ends TLS before the server. */
const proxy = createHttpsServer(certificate(), (incoming, outgoing) => {
  const { method, url, headers } = incoming;
  const forwarded = call(`${issuer}${url}`, { method, headers: { ...headers, host: new URL(issuer).host } }, (response) => {
    outgoing.writeHead(response.statusCode, response.headers);
    response.pipe(outgoing);
  });
  incoming.pipe(forwarded);
});
let answer;
const app = createHttpsServer(certificate(), (incoming, response) => answer(incoming, response));
const stage = await open({ also: { 'app.harbour.example': await listen(app), 'auth.harbour.example': await listen(proxy) } });

before(async () => {
  const { public_token: publicToken } = await hospes('public-token', 'add');
  await hospes('settings', 'set', 'sdk.enabled', 'true');
  await hospes('settings', 'set', 'sdk.http_only_cookies', 'true');
  await hospes('settings', 'set', 'sdk.domains', JSON.stringify([HOME]));
  answer = await hostApp({ issuer: AUTH, publicToken });
});
after(async () => {
  await hospes('settings', 'set', 'sdk', 'null');
  for (const server of [app, proxy]) {
    server.closeAllConnections();
    server.close();
  }
  await stage.stop();
});

test('a session lives in cookies alone, from the login over a reload to the logout', { timeout: 120_000 }, async () => {
  const profile = await stage.profile({ locale: 'en' });
  profile.setDefaultTimeout(20_000);
  try {
    const page = await profile.newPage();
    await page.goto(`${HOME}/headless`);
    await page.waitForFunction(() => window.stytch);
    const begun = await page.evaluate(
      (password) => window.stytch.passwords.authenticate({ email: 'ada@harbour.example', password, session_duration_minutes: 60 }),
      PASSWORD,
    );
    assert.deepEqual([begun.session_token, begun.session_jwt], ['', '']);
    const cookies = (await profile.cookies()).filter(({ name, value }) => name.includes('stytch_session') && value);
    assert.deepEqual(cookies.map(({ name }) => name).sort(), ['__Host-stytch_session', '__Host-stytch_session_jwt']);
    for (const { httpOnly, secure, sameSite, domain } of cookies) {
      assert.deepEqual([httpOnly, secure, sameSite, domain], [true, true, 'Lax', 'auth.harbour.example']);
    }
    const stored = await page.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie);
    for (const { value } of cookies) assert.ok(!stored.includes(value), 'a token is within reach of the page');

    await page.reload();
    await page.waitForFunction(() => window.stytch?.session.getSync());
    assert.equal((await page.evaluate(() => window.stytch.user.get())).emails[0].email, 'ada@harbour.example');

    const asked = request('spa', CALLBACK, { scope: 'openid email notes.read', prompt: 'consent' });
    await page.goto(`${HOME}/element${new URL(asked.href).search}`);
    await page.waitForFunction(() => window.show);
    await page.evaluate(() => window.show());
    await page.getByRole('button', { name: 'Allow' }).click();
    await isOn(page, 'guest');
    assert.ok((await answerTo(asked)).get('code'));

    // A page of another site makes the browser call; the cookie does not come along, and nobody may read.
    const stolen = await page.evaluate(
      (url) => fetch(url, { credentials: 'include' }).then((response) => response.text(), (error) => error.name),
      `${AUTH}/sdk/v1/users/me`,
    );
    assert.equal(stolen, 'TypeError');

    await page.goto(`${HOME}/headless`);
    await page.waitForFunction(() => window.stytch?.session.getSync());
    await page.evaluate(() => window.stytch.session.revoke());
    const left = (await profile.cookies()).filter(({ name }) => name.includes('stytch_session'));
    assert.deepEqual(left, []);
  } finally {
    await profile.close();
  }
});
