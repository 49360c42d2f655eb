// openid-client: what most Node applications use.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as client from 'openid-client';
import { Page, Person, issuer } from '../person.mjs';

const ben = new Person('ben');
const options = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] };
const web = await client.discovery(
  new URL(issuer), 'web', undefined,
  client.ClientSecretBasic('web-secret-for-tests-0123456789abcdef'), options,
);
const post = await client.discovery(
  new URL(issuer), 'post', undefined,
  client.ClientSecretPost('post-secret-for-tests-0123456789abcdef'), options,
);
const spa = await client.discovery(new URL(issuer), 'spa', undefined, client.None(), options);

async function signIn(config, person, redirectUri, extra = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...extra,
  });
  const answer = await person.authorize(url);
  return client.authorizationCodeGrant(config, answer, {
    pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true,
  });
}

test('web: sign in, user info, and a scope value that this user may not pass on', async () => {
  const tokens = await signIn(web, ben, 'https://web.example/callback', { scope: 'openid email notes.read notes.write' });
  const scope = tokens.scope.split(' ');
  assert.ok(scope.includes('notes.read') && !scope.includes('notes.write'), tokens.scope);
  const info = await client.fetchUserInfo(web, tokens.access_token, tokens.claims().sub);
  assert.equal(info.email, 'ben@harbour.example');
  assert.equal(info.name, undefined);
  assert.equal(tokens.refresh_token, undefined);
});

test('client_secret_post: sign in, refresh, introspect, revoke', async () => {
  const tokens = await signIn(post, ben, 'https://post.example/callback', { scope: 'openid offline_access' });
  const refreshed = await client.refreshTokenGrant(post, tokens.refresh_token);
  assert.equal((await client.tokenIntrospection(post, refreshed.access_token)).active, true);
  await client.tokenRevocation(post, refreshed.access_token);
  assert.equal((await client.tokenIntrospection(post, refreshed.access_token)).active, false);
  // The family lives on: only that access token was revoked (RFC 7009 §2.1).
  await client.refreshTokenGrant(post, tokens.refresh_token);
});

test('a public client in the browser rotates', async () => {
  const tokens = await signIn(spa, ben, 'https://spa.example/callback', { scope: 'openid offline_access' });
  const refreshed = await client.refreshTokenGrant(spa, tokens.refresh_token);
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
});

test('client credentials', async () => {
  const machine = await client.discovery(
    new URL(issuer), 'machine', undefined,
    client.ClientSecretBasic('machine-secret-for-tests-0123456789abcdef'), options,
  );
  const tokens = await client.clientCredentialsGrant(machine, { scope: 'notes.read', resource: 'https://api.example/notes' });
  assert.equal(tokens.scope ?? 'notes.read', 'notes.read');
  assert.equal(tokens.token_type, 'bearer');
});

test('logout started by the client: confirmed by the hint, back to the registered address', async () => {
  const person = new Person('ben');
  const tokens = await signIn(web, person, 'https://web.example/callback');
  const url = client.buildEndSessionUrl(web, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: 'https://web.example/bye',
    state: 'see you + later',
  });
  let answer = await person.visit(url);
  if (answer instanceof Page) {
    assert.equal(answer.name, 'logout');
    answer = await person.press(answer, 'logout-confirm');
  }
  assert.ok(answer instanceof URL, `not sent back: ${answer.html}`);
  assert.equal(answer.origin + answer.pathname, 'https://web.example/bye');
  assert.equal(answer.searchParams.get('state'), 'see you + later');
  // Signed out: the next request asks who it is.
  const next = client.buildAuthorizationUrl(web, {
    redirect_uri: 'https://web.example/callback', scope: 'openid', prompt: 'none', nonce: 'n', state: 's',
    code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()), code_challenge_method: 'S256',
  });
  assert.equal((await person.authorize(next)).searchParams.get('error'), 'login_required');
});

test('logout to an address that is not registered stays with us', async () => {
  const person = new Person('ben');
  const tokens = await signIn(web, person, 'https://web.example/callback');
  const url = client.buildEndSessionUrl(web, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: 'https://web.example/bye/../evil',
  });
  const answer = await person.visit(url);
  assert.ok(answer instanceof Page, `sent away to ${answer}`);
});

test('state comes back byte for byte', async () => {
  for (const state of ['a==', '%2B', '+', 'smörgås ☃', 'x'.repeat(4000)]) {
    const url = client.buildAuthorizationUrl(web, {
      redirect_uri: 'https://web.example/callback', scope: 'openid', prompt: 'none', nonce: 'n', state,
      code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()), code_challenge_method: 'S256',
    });
    const answer = await new Person('nobody').authorize(url);
    assert.deepEqual(answer.searchParams.getAll('state'), [state]);
    assert.deepEqual(answer.searchParams.getAll('iss'), [issuer]);
  }
});

test('an unknown client and an unregistered redirect URI stay on our page', async () => {
  for (const change of [{ client_id: 'nobody' }, { redirect_uri: 'https://evil.example/callback' }]) {
    const url = new URL(web.serverMetadata().authorization_endpoint);
    const parameters = {
      client_id: 'web', redirect_uri: 'https://web.example/callback', response_type: 'code', scope: 'openid', nonce: 'n',
      code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()), code_challenge_method: 'S256',
      ...change,
    };
    Object.entries(parameters).forEach(([name, value]) => url.searchParams.set(name, value));
    const page = await new Person('nobody').visit(url);
    assert.ok(page instanceof Page, `sent away to ${page}`);
    assert.equal(page.name, 'error');
    assert.ok(page.status >= 400 && page.status < 500, String(page.status));
    assert.match(page.headers.get('content-type'), /^text\/html/);
  }
});
