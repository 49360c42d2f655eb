// examples/bring-your-own-login by the two commands of its README, with openid-client as the guest.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as client from 'openid-client';
import { Page, Person } from '../person.mjs';
import { freePort } from '../port.mjs';

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));
const directory = join(process.env.INTEROP_DIRECTORY, 'harbour');
const CALLBACK = 'https://guest.example/callback';
const skip = process.env.INTEROP_DATABASE === 'postgres' && 'the example uses SQLite';

describe('bring your own login', { skip }, () => {
  let issuer, harbour, env, running, known, guest;

  /** A call of the management API, as Harbour's back end would make it. */
  async function call(method, path, body) {
    const response = await fetch(`${issuer}${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`${known.PROJECT_ID}:${known.SECRET}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: body && JSON.stringify(body),
    });
    return response.json();
  }

  const example = () => ({ cwd: join(directory, 'bring-your-own-login'), env });
  const person = (name) => new Person(`${name}@harbour.example`, undefined, harbour);

  before(async () => {
    [issuer, harbour] = [`http://localhost:${await freePort()}`, `http://localhost:${await freePort()}`];
    env = {
      PATH: process.env.PATH, HOSPES: process.env.INTEROP_HOSPES, ISSUER: issuer, HARBOUR_URL: harbour,
      HOSPES_OPERATIONS_LISTEN: 'none',
    };
    await mkdir(directory);
    await cp(join(examples, 'bring-your-own-login'), join(directory, 'bring-your-own-login'), {
      recursive: true, filter: (path) => !path.endsWith('server'),
    });
    await cp(join(examples, 'policy.toml'), join(directory, 'policy.toml'));
    const [code] = await once(spawn('node', ['set-up.mjs'], { ...example(), stdio: 'ignore' }), 'close');
    assert.equal(code, 0);
    running = spawn('node', ['start.mjs'], { ...example(), stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    while (!/To be a guest/.test(printed) || !/Harbour is at/.test(printed)) {
      printed += (await Promise.race([once(running.stdout, 'data'), once(running, 'close')]))[0];
      assert.equal(running.exitCode, null, printed);
    }
    known = JSON.parse(await readFile(join(directory, 'bring-your-own-login/server/harbour.json'), 'utf8'));
    const app = { client_type: 'third_party', client_name: 'Lighthouse', redirect_urls: [CALLBACK] };
    const { connected_app } = await call('POST', '/v1/connected_apps/clients', app);
    guest = await client.discovery(
      new URL(`${issuer}/v1/public/${known.PROJECT_ID}/.well-known/openid-configuration`),
      connected_app.client_id, undefined, client.ClientSecretBasic(connected_app.client_secret),
      { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
    );
  });
  after(() => running?.kill());

  const SCOPE = 'openid email offline_access notes.read notes.write';

  /** What the guest sends its browser away with, and what it expects back. */
  async function request(scope = SCOPE, more = {}) {
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() };
    const url = client.buildAuthorizationUrl(guest, {
      redirect_uri: CALLBACK, scope, state: checks.expectedState, nonce: checks.expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...more,
    });
    return { url, checks };
  }

  async function signIn(who, scope) {
    const { url, checks } = await request(scope);
    const back = await who.authorize(url);
    return client.authorizationCodeGrant(guest, back, { ...checks, idTokenExpected: true });
  }

  /** The token with which Harbour's login says who this is. */
  async function tokenOf(who) {
    const page = await who.visit(`${harbour}/login`);
    await who.press(page, 'login-submit', { username: who.username, password: who.password });
    return JSON.parse((await who.visit(`${harbour}/token`)).html).token;
  }

  test('the guest finds Harbour’s page, and everything else at Hospes', () => {
    const { authorization_endpoint, token_endpoint, issuer: named } = guest.serverMetadata();
    assert.equal(authorization_endpoint, `${harbour}/authorize`);
    assert.ok(token_endpoint.startsWith(issuer));
    assert.equal(named, issuer);
  });

  test('a user of Harbour logs in there, allows, and is not asked twice; the tokens are renewed', async () => {
    const ada = person('ada');
    const tokens = await signIn(ada);
    assert.deepEqual(ada.visited, ['login', 'consent']);
    assert.deepEqual(tokens.scope.split(' ').sort(), SCOPE.split(' ').sort());
    const info = await client.fetchUserInfo(guest, tokens.access_token, tokens.claims().sub);
    assert.equal(info.email, 'ada@harbour.example');
    // The user was made by the first login, with Harbour's own id.
    const user = await call('GET', '/v1/users/harbour%7Cada');
    assert.deepEqual([user.user_id, user.roles.includes('writer')], [tokens.claims().sub, true]);
    // Consent is remembered, but for access while the user is away: that is asked each time.
    await signIn(ada, 'openid email notes.read');
    assert.deepEqual(ada.visited, []);
    // A guest that wants to be sure of who is there gets a login.
    await ada.authorize((await request('openid email notes.read', { prompt: 'login' })).url);
    assert.deepEqual(ada.visited, ['login']);
    // Harbour is asked whether Ada still has access; without a good answer this fails.
    const refreshed = await client.refreshTokenGrant(guest, tokens.refresh_token);
    assert.equal((await client.tokenIntrospection(guest, refreshed.access_token)).active, true);
  });

  test('a guest that begins at Hospes meets the same page and the same login', async () => {
    const lantern = await client.discovery(new URL(issuer), known.LANTERN_ID, undefined, client.None(), {
      execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
    });
    const redirect_uri = `http://127.0.0.1:${await freePort()}/callback`;
    const ask = async (more) => {
      const pkceCodeVerifier = client.randomPKCECodeVerifier();
      const checks = { pkceCodeVerifier, expectedState: client.randomState() };
      const code_challenge = await client.calculatePKCECodeChallenge(pkceCodeVerifier);
      const url = client.buildAuthorizationUrl(lantern, {
        redirect_uri, scope: 'openid notes.read notes.write', state: checks.expectedState, code_challenge,
        code_challenge_method: 'S256', ...more,
      });
      return { checks, url };
    };
    const ada = new Person('ada@harbour.example', undefined, harbour, issuer);
    const first = await ask();
    const tokens = await client.authorizationCodeGrant(lantern, await ada.authorize(first.url), first.checks);
    assert.deepEqual(ada.visited, ['login', 'consent']);
    assert.equal((await call('GET', '/v1/users/harbour%7Cada')).user_id, tokens.claims().sub);
    // A fresh login is one that is not older than the request; tokens count in seconds.
    await sleep(1100);
    const fresh = await ask({ prompt: 'login' });
    await ada.authorize(fresh.url);
    assert.equal(ada.visited[0], 'login');
    const nobody = await ask({ prompt: 'none' });
    const refused = await new Person('ben@harbour.example', undefined, harbour, issuer).authorize(nobody.url);
    await assert.rejects(client.authorizationCodeGrant(lantern, refused, nobody.checks), { error: 'login_required' });
    const no = await ask({ prompt: 'consent' });
    const denied = await ada.authorize(no.url, { answer: 'consent-deny' });
    await assert.rejects(client.authorizationCodeGrant(lantern, denied, no.checks), { error: 'access_denied' });
  });

  test('a user without the role sees what they cannot give, and does not give it', async () => {
    const ben = person('ben');
    const { url } = await request();
    const login = await ben.visit(url);
    const consent = await ben.press(login, 'login-submit', { username: ben.username, password: ben.password });
    assert.match(consent.html, /Write and delete your notes: your account may not do this/);
    assert.match(consent.html, /guest\.example/);
    const tokens = await signIn(ben);
    assert.ok(tokens.scope.includes('notes.read') && !tokens.scope.includes('notes.write'), tokens.scope);
  });

  test('a user who denies sends the guest away', async () => {
    const { url, checks } = await request();
    const cleo = person('cleo');
    const back = await cleo.authorize(url, { answer: 'consent-deny' });
    await assert.rejects(client.authorizationCodeGrant(guest, back, checks), { error: 'access_denied' });
    assert.equal(back.searchParams.get('state'), checks.expectedState);
    // It was no consent.
    await cleo.authorize((await request()).url);
    assert.deepEqual(cleo.visited, ['consent']);
  });

  test('a request that is not the guest’s shows a page, and leads nowhere', async () => {
    const { url } = await request();
    const ada = person('ada');
    await tokenOf(ada);
    for (const [name, value] of [['redirect_uri', 'https://evil.example/'], ['client_id', 'nobody'], ['scope', 'openid nonsense']]) {
      const changed = new URL(url);
      changed.searchParams.set(name, value);
      const page = await ada.visit(changed);
      assert.ok(page instanceof Page, String(page));
      assert.deepEqual([page.name, page.status], ['problem', 400]);
    }
  });

  test('nobody decides from another site, or leads a login elsewhere', async () => {
    const post = (path, origin, fields) =>
      fetch(`${harbour}${path}`, { method: 'POST', redirect: 'manual', headers: { origin }, body: new URLSearchParams(fields) });
    const right = { username: 'ada@harbour.example', password: 'correct horse battery staple' };
    for (const path of ['/login', '/authorize', '/close']) {
      assert.equal((await post(path, 'https://evil.example', right)).status, 403);
    }
    for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', 'http://[']) {
      const answer = await post('/login', harbour, { ...right, next });
      assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/']);
    }
    assert.equal((await post('/login', harbour, { ...right, password: 'guess' })).status, 401);
  });

  test('a token of another issuer, for another audience, or by another key lets nobody in', async () => {
    const token = await tokenOf(person('ada'));
    const attest = (profile_id, token) => call('POST', '/v1/sessions/attest', { profile_id, token });
    assert.equal((await attest(known.PROFILE_ID, token)).status_code, 200);
    const { trusted_token_profile: own } = await call('GET', `/v1/trusted_token_profiles/${known.PROFILE_ID}`);
    for (const [change, error] of [
      [{ issuer: 'https://tenant.auth0.com/' }, 'jwt_invalid_issuer'],
      [{ audience: 'another' }, 'jwt_invalid_audience'],
    ]) {
      const { trusted_token_profile: other } = await call('POST', '/v1/trusted_token_profiles', { ...own, ...change });
      assert.equal((await attest(other.profile_id, token)).error_type, error);
    }
    const [header, claims] = token.split('.');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const forged = sign('sha256', `${header}.${claims}`, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
    assert.equal((await attest(known.PROFILE_ID, `${header}.${claims}.${forged}`)).error_type, 'invalid_trusted_auth_token');
  });

  test('only Hospes learns from Harbour who has access', async () => {
    const token = await tokenOf(person('ada'));
    for (const authorization of [undefined, 'Bearer x', `Bearer ${token}`]) {
      const answer = await fetch(`${harbour}/hospes/check`, { headers: authorization && { authorization } });
      assert.equal(answer.status, 401);
    }
  });

  test('a user whom Hospes has disabled is a user of Harbour, and of no guest', async () => {
    const ben = person('ben');
    await signIn(ben);
    await call('POST', '/v1/users/harbour%7Cben/disable');
    const page = await ben.visit((await request()).url);
    assert.deepEqual([page.name, page.status], ['problem', 400]);
    assert.match(page.html, /user_not_found/);
    assert.equal((await ben.visit(`${harbour}/`)).name, 'home');
    await call('POST', '/v1/users/harbour%7Cben/enable');
    // No token of the second in which the user was disabled counts any more.
    await sleep(1100);
    await signIn(person('ben'));
  });

  test('a user who closes their account takes it from every guest at once', async () => {
    const cleo = person('cleo');
    const tokens = await signIn(cleo);
    assert.equal((await client.tokenIntrospection(guest, tokens.access_token)).active, true);
    await cleo.press(await cleo.visit(`${harbour}/`), 'close');
    assert.equal((await client.tokenIntrospection(guest, tokens.access_token)).active, false);
    await assert.rejects(client.refreshTokenGrant(guest, tokens.refresh_token), { error: 'invalid_grant' });
    const login = await cleo.visit((await request()).url);
    const refused = await cleo.press(login, 'login-submit', { username: cleo.username, password: cleo.password });
    assert.deepEqual([refused.name, refused.status], ['login', 401]);
  });
});
