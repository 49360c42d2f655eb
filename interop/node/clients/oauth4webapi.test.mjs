// oauth4webapi: the strictest client there is, as an oracle of what we answer.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import * as oauth from 'oauth4webapi';
import { hospes } from '../hospes.mjs';
import { Person, issuer } from '../person.mjs';

const insecure = { [oauth.allowInsecureRequests]: true };
const ada = new Person('ada');

const as = await oauth
  .discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...insecure })
  .then((response) => oauth.processDiscoveryResponse(new URL(issuer), response));

const web = { client_id: 'web' };
const webAuth = oauth.ClientSecretBasic('web-secret-for-tests-0123456789abcdef');
const native = { client_id: 'native' };

async function authorizationUrl(client, redirectUri, extra = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const url = new URL(as.authorization_endpoint);
  const parameters = {
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...extra,
  };
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== undefined) url.searchParams.append(name, one);
  }
  return { url, verifier, state: parameters.state, nonce: parameters.nonce, redirectUri };
}

async function redeem(client, clientAuth, { verifier, state, nonce, redirectUri }, answer, additionalParameters = {}) {
  const parameters = oauth.validateAuthResponse(as, client, answer, state);
  const response = await oauth.authorizationCodeGrantRequest(as, client, clientAuth, parameters, redirectUri, verifier, {
    additionalParameters,
    ...insecure,
  });
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: nonce,
    requireIdToken: nonce !== undefined,
  });
  if (tokens.id_token) await oauth.validateApplicationLevelSignature(as, response, insecure);
  return tokens;
}

/** RFC 9068, checked as a resource server would. */
function accessTokenClaims(accessToken, audience) {
  const request = new Request('https://api.example/notes', { headers: { authorization: `Bearer ${accessToken}` } });
  return oauth.validateJwtAccessToken(as, request, audience, insecure);
}

test('the metadata is the same by OIDC discovery', async () => {
  const oidc = await oauth
    .discoveryRequest(new URL(issuer), { algorithm: 'oidc', ...insecure })
    .then((response) => oauth.processDiscoveryResponse(new URL(issuer), response));
  assert.equal(oidc.issuer, issuer);
  assert.equal(oidc.token_endpoint, as.token_endpoint);
  assert.deepEqual(as.code_challenge_methods_supported, ['S256']);
  assert.equal(as.authorization_response_iss_parameter_supported, true);
  assert.ok(as.token_endpoint_auth_methods_supported.includes('none'));
});

test('a confidential client: code, ID token, user info, refresh that keeps its token', async () => {
  const request = await authorizationUrl(web, 'https://web.example/callback', {
    scope: 'openid profile email phone address offline_access notes.read',
  });
  const answer = await ada.authorize(request.url);
  assert.deepEqual(ada.visited, ['login', 'consent']);
  assert.equal(answer.searchParams.getAll('iss').length, 1);
  const tokens = await redeem(web, webAuth, request, answer);
  const idToken = oauth.getValidatedIdTokenClaims(tokens);
  assert.equal(idToken.aud, 'web');

  const claims = await accessTokenClaims(tokens.access_token, 'https://api.example/notes');
  assert.equal(claims.client_id, 'web');
  assert.equal(claims.sub, idToken.sub);
  assert.ok(claims.scope.split(' ').includes('notes.read'));

  const info = await oauth
    .userInfoRequest(as, web, tokens.access_token, insecure)
    .then((response) => oauth.processUserInfoResponse(as, web, idToken.sub, response));
  assert.equal(info.name, 'Ada Quay');
  assert.equal(info.email, 'ada@harbour.example');
  assert.equal(info.email_verified, true);
  assert.equal(info.phone_number, '+49301234567');
  assert.equal(info.address.locality, 'Hamburg');
  assert.ok(Object.values(info).every((value) => value !== null));

  for (let round = 0; round < 2; round += 1) {
    const refreshed = await oauth
      .refreshTokenGrantRequest(as, web, webAuth, tokens.refresh_token, insecure)
      .then((response) => oauth.processRefreshTokenResponse(as, web, response));
    assert.ok(refreshed.refresh_token === undefined || refreshed.refresh_token === tokens.refresh_token);
    assert.notEqual(refreshed.access_token, tokens.access_token);
  }

  // The consent is remembered: the next time, no page at all.
  const again = await authorizationUrl(web, 'https://web.example/callback', { scope: 'openid profile' });
  const second = await ada.authorize(again.url);
  assert.deepEqual(ada.visited, []);
  await redeem(web, webAuth, again, second);
});

test('a narrower token by scope at refresh, a wider one is refused', async () => {
  const request = await authorizationUrl(web, 'https://web.example/callback', { scope: 'openid offline_access notes.read' });
  const tokens = await redeem(web, webAuth, request, await ada.authorize(request.url));
  const refresh = (scope) =>
    oauth
      .refreshTokenGrantRequest(as, web, webAuth, tokens.refresh_token, { additionalParameters: { scope }, ...insecure })
      .then((response) => oauth.processRefreshTokenResponse(as, web, response));
  assert.equal((await refresh('notes.read')).scope, 'notes.read');
  await assert.rejects(refresh('notes.read notes.write'), (error) => error.error === 'invalid_scope' && error.status === 400);
  await refresh('openid');
});

test('a public client rotates its refresh token, on a loopback port of its own', async () => {
  for (const host of ['127.0.0.1:49567', 'localhost:49568', '[::1]:49569']) {
    const request = await authorizationUrl(native, `http://${host}/callback`, { scope: 'openid offline_access' });
    const answer = await ada.authorize(request.url);
    assert.equal(answer.host, host);
    const tokens = await redeem(native, oauth.None(), request, answer);
    const refresh = (token) =>
      oauth
        .refreshTokenGrantRequest(as, native, oauth.None(), token, insecure)
        .then((response) => oauth.processRefreshTokenResponse(as, native, response));
    const next = await refresh(tokens.refresh_token);
    assert.notEqual(next.refresh_token, tokens.refresh_token);
    // The answer got lost: the same successor again, inside the window.
    assert.equal((await refresh(tokens.refresh_token)).refresh_token, next.refresh_token);
    await refresh(next.refresh_token);
  }
});

test('a code works once, and its replay ends what came from it', async () => {
  const request = await authorizationUrl(web, 'https://web.example/callback', { scope: 'openid offline_access' });
  const answer = await ada.authorize(request.url);
  const tokens = await redeem(web, webAuth, request, answer);
  await assert.rejects(redeem(web, webAuth, request, answer), (error) => error.error === 'invalid_grant');
  const refreshed = oauth
    .refreshTokenGrantRequest(as, web, webAuth, tokens.refresh_token, insecure)
    .then((response) => oauth.processRefreshTokenResponse(as, web, response));
  await assert.rejects(refreshed, (error) => error.error === 'invalid_grant');
});

test('resource indicators: the registered text is the audience, whatever was typed', async () => {
  for (const typed of ['https://mcp.example.com', 'https://mcp.example.com/', 'https://MCP.example.com:443']) {
    const request = await authorizationUrl(web, 'https://web.example/callback', { resource: typed });
    const tokens = await redeem(web, webAuth, request, await ada.authorize(request.url), { resource: typed });
    await accessTokenClaims(tokens.access_token, 'https://mcp.example.com');
  }
  const both = await authorizationUrl(web, 'https://web.example/callback', {
    resource: ['https://mcp.example.com', 'https://api.example/notes'],
  });
  const tokens = await redeem(web, webAuth, both, await ada.authorize(both.url), { resource: 'https://api.example/notes' });
  assert.equal((await accessTokenClaims(tokens.access_token, 'https://api.example/notes')).aud, 'https://api.example/notes');

  const unknown = await authorizationUrl(web, 'https://web.example/callback', { resource: 'https://evil.example' });
  const refused = await ada.authorize(unknown.url);
  assert.throws(
    () => oauth.validateAuthResponse(as, web, refused, unknown.state),
    (error) => error instanceof oauth.AuthorizationResponseError && error.error === 'invalid_target',
  );
});

test('form_post', async () => {
  const request = await authorizationUrl(web, 'https://web.example/callback', { response_mode: 'form_post' });
  const answer = await ada.authorize(request.url);
  assert.equal(answer.action, 'https://web.example/callback');
  await redeem(web, webAuth, request, answer.parameters);
});

test('denied: access_denied with state and issuer', async () => {
  const request = await authorizationUrl(web, 'https://web.example/callback', { prompt: 'consent' });
  const refused = await ada.authorize(request.url, { answer: 'consent-deny' });
  assert.throws(
    () => oauth.validateAuthResponse(as, web, refused, request.state),
    (error) => error instanceof oauth.AuthorizationResponseError && error.error === 'access_denied',
  );
});

test('consent without an optional scope value', async () => {
  const request = await authorizationUrl(web, 'https://web.example/callback', {
    scope: 'openid notes.read notes.write',
    prompt: 'consent',
  });
  const answer = await ada.authorize(request.url, { untick: ['notes.write'] });
  const tokens = await redeem(web, webAuth, request, answer);
  const scope = tokens.scope.split(' ');
  assert.ok(scope.includes('notes.read') && !scope.includes('notes.write'), tokens.scope);
});

test('prompt=none: login_required for a stranger, a code for whom we know', async () => {
  const request = await authorizationUrl(web, 'https://web.example/callback', { prompt: 'none' });
  const stranger = await new Person('nobody').authorize(request.url);
  assert.equal(stranger.searchParams.get('error'), 'login_required');
  assert.equal(stranger.searchParams.get('iss'), issuer);
  const again = await authorizationUrl(web, 'https://web.example/callback', { prompt: 'none' });
  await redeem(web, webAuth, again, await ada.authorize(again.url));
});

test('prompt=login and max_age ask for the password again, and auth_time tells', async () => {
  const request = await authorizationUrl(web, 'https://web.example/callback', { prompt: 'login', max_age: '3600' });
  const answer = await ada.authorize(request.url);
  assert.deepEqual(ada.visited, ['login']);
  const parameters = oauth.validateAuthResponse(as, web, answer, request.state);
  const response = await oauth.authorizationCodeGrantRequest(
    as, web, webAuth, parameters, request.redirectUri, request.verifier, insecure,
  );
  await oauth.processAuthorizationCodeResponse(as, web, response, { expectedNonce: request.nonce, maxAge: 3600 });
});

test('secrets that form-encoding changes: encoded by the library, and raw', async () => {
  const odd = { client_id: 'odd-conf' };
  const secret = 's3cr3t/+=%2D:&?~0123456789-abcdef';
  const asked = (auth) =>
    oauth
      .clientCredentialsGrantRequest(as, odd, auth, { scope: 'notes.read' }, insecure)
      .then((response) => oauth.processClientCredentialsResponse(as, odd, response));
  await asked(oauth.ClientSecretBasic(secret));
  await asked((_as, client, _body, headers) => {
    headers.set('authorization', `Basic ${Buffer.from(`${client.client_id}:${secret}`).toString('base64')}`);
  });
  await asked((_as, client, body, headers) => {
    headers.set(
      'authorization',
      `Basic ${Buffer.from(`${encodeURIComponent(client.client_id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
    );
    body.set('client_id', client.client_id);
  });
  await assert.rejects(asked(oauth.ClientSecretBasic(`${secret}x`)), (error) => error.status === 401);
});

test('a client id that is a URL', async () => {
  const client = { client_id: 'https://a.example/x:y?z=1' };
  const auth = oauth.ClientSecretBasic('url-secret-for-tests-0123456789abcdef');
  const request = await authorizationUrl(client, 'https://a.example/callback', { scope: 'openid offline_access' });
  const tokens = await redeem(client, auth, request, await ada.authorize(request.url));
  const refreshed = await oauth
    .refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, insecure)
    .then((response) => oauth.processRefreshTokenResponse(as, client, response));
  const introspected = await oauth
    .introspectionRequest(as, client, auth, refreshed.access_token, insecure)
    .then((response) => oauth.processIntrospectionResponse(as, client, response));
  assert.equal(introspected.active, true);
  assert.equal(introspected.client_id, client.client_id);
});

test('client credentials, introspection by the resource server, revocation', async () => {
  const machine = { client_id: 'machine' };
  const auth = oauth.ClientSecretBasic('machine-secret-for-tests-0123456789abcdef');
  const tokens = await oauth
    .clientCredentialsGrantRequest(as, machine, auth, { scope: 'notes.read' }, insecure)
    .then((response) => oauth.processClientCredentialsResponse(as, machine, response));
  assert.equal(tokens.refresh_token, undefined);
  await accessTokenClaims(tokens.access_token, 'https://api.example/notes');

  const api = { client_id: 'api' };
  const apiAuth = oauth.ClientSecretBasic('api-secret-for-tests-0123456789abcdef');
  const ask = (client, clientAuth) =>
    oauth
      .introspectionRequest(as, client, clientAuth, tokens.access_token, insecure)
      .then((response) => oauth.processIntrospectionResponse(as, client, response));
  assert.equal((await ask(api, apiAuth)).active, true);
  // Somebody else learns nothing (attacks.md row 30).
  assert.deepEqual(await ask(web, webAuth), { active: false });

  const revoke = (client, clientAuth) =>
    oauth.revocationRequest(as, client, clientAuth, tokens.access_token, insecure).then(oauth.processRevocationResponse);
  await revoke(web, webAuth);
  assert.equal((await ask(api, apiAuth)).active, true);
  await revoke(machine, auth);
  assert.deepEqual(await ask(api, apiAuth), { active: false });
});

test('private_key_jwt, with a client that was added while the server runs', async () => {
  const { publicKey, privateKey } = await oauth.generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), kid: 'one', use: 'sig', alg: 'ES256' };
  const file = join(process.env.INTEROP_DIRECTORY, 'oauth4webapi.jwks');
  await writeFile(file, JSON.stringify({ keys: [jwk] }));
  await hospes(
    'client', 'add', '--id', 'node-jwt', '--name', 'By key', '--auth-method', 'private_key_jwt', '--jwks-file', file,
    '--redirect-uri', 'https://jwt.example/callback', '--grant', 'authorization_code', '--grant', 'refresh_token',
  );
  const client = { client_id: 'node-jwt' };
  const request = await authorizationUrl(client, 'https://jwt.example/callback', { scope: 'openid offline_access' });
  const auth = oauth.PrivateKeyJwt({ key: privateKey, kid: 'one' });
  const tokens = await redeem(client, auth, request, await ada.authorize(request.url));
  await oauth
    .refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, insecure)
    .then((response) => oauth.processRefreshTokenResponse(as, client, response));

  // The same assertion a second time (attacks.md row 28).
  let kept;
  const replaying = (server, own, body, headers) =>
    kept
      ? kept.forEach(([name, value]) => body.set(name, value))
      : Promise.resolve(auth(server, own, body, headers)).then(() => {
          kept = ['client_id', 'client_assertion_type', 'client_assertion'].map((name) => [name, body.get(name)]);
        });
  const refresh = () =>
    oauth
      .refreshTokenGrantRequest(as, client, replaying, tokens.refresh_token, insecure)
      .then((response) => oauth.processRefreshTokenResponse(as, client, response));
  await refresh();
  await assert.rejects(refresh(), (error) => error.error === 'invalid_client' && error.status === 401);

  // A removed client is unknown at the next request (T-11).
  await hospes('client', 'remove', 'node-jwt', '--yes');
  await assert.rejects(
    oauth
      .refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, insecure)
      .then((response) => oauth.processRefreshTokenResponse(as, client, response)),
    (error) => error.error === 'invalid_client' && error.status === 401,
  );
});

test('revoking a refresh token ends its access tokens too', async () => {
  const request = await authorizationUrl(web, 'https://web.example/callback', { scope: 'openid offline_access' });
  const tokens = await redeem(web, webAuth, request, await ada.authorize(request.url));
  await oauth.revocationRequest(as, web, webAuth, tokens.refresh_token, insecure).then(oauth.processRevocationResponse);
  const response = await oauth.userInfoRequest(as, web, tokens.access_token, insecure);
  assert.equal(response.status, 401);
  assert.match(response.headers.get('www-authenticate'), /^Bearer .*error="invalid_token"/);
});
