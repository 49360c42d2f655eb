// The official Node SDK of Stytch, as the host app's back end uses it, against the management API.

import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { before, describe, test } from 'node:test';
import stytch from 'stytch';
import { issuer } from '../person.mjs';

const PROJECT = 'project-test-11111111-1111-4111-8111-111111111111';
const SECRET = 'secret-test-for-interop-0123456789abcdef';
const CALLBACK = 'https://partner.example/callback';

const client = new stytch.Client({ project_id: PROJECT, secret: SECRET, env: issuer });

/** Our extensions, which the SDK does not know. */
async function extension(method, path, body) {
  const response = await fetch(`${issuer}${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${PROJECT}:${SECRET}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

/** That a call fails with this error type and status. */
function refused(status, error_type) {
  return (error) => {
    assert.equal(error.constructor.name, 'StytchError', error);
    assert.deepEqual([error.status_code, error.error_type], [status, error_type], error.error_message);
    assert.ok(error.request_id && error.error_url && error.error_message);
    return true;
  };
}

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A form to an endpoint of the Stytch plane. */
async function form(path, fields) {
  const response = await fetch(`${issuer}${path}`, { method: 'POST', body: new URLSearchParams(fields) });
  return { status: response.status, body: await response.json() };
}

const unique = () => randomBytes(6).toString('hex');
let user;

before(async () => {
  await extension('PATCH', '/v1/settings', { stytch: { enabled: true, issuer: 'project_id' } });
  user = await client.users.create({
    email: `sdk-${unique()}@example.com`,
    name: { first_name: 'Sandra', last_name: 'Kai' },
    roles: ['member'],
    trusted_metadata: { plan: 'gold' },
    external_id: `sdk-${unique()}`,
  });
});

test('the credentials belong to the project, and others are refused', async () => {
  const who = await client.debug.whoami();
  assert.deepEqual([who.project_id, who.name, who.status_code], [PROJECT, 'Interop', 200]);
  const stranger = new stytch.Client({ project_id: PROJECT, secret: 'secret-test-wrong', env: issuer });
  await assert.rejects(stranger.debug.whoami(), refused(401, 'unauthorized_credentials'));
  const { metrics } = await client.project.metrics();
  assert.ok(metrics.find((metric) => metric.metric_type === 'USER_COUNT').count > 0);
});

describe('connected apps', () => {
  for (const client_type of ['first_party', 'first_party_public', 'third_party', 'third_party_public']) {
    test(`a ${client_type} app lives from creation to deletion`, async () => {
      const isPublic = client_type.endsWith('public');
      const { connected_app: made } = await client.connectedApp.clients.create({
        client_type,
        client_name: 'Partner',
        client_description: 'Shows notes',
        redirect_urls: [CALLBACK],
        post_logout_redirect_urls: ['https://partner.example/bye'],
        access_token_expiry_minutes: 30,
      });
      assert.match(made.client_id, /^connected-app-test-/);
      assert.equal(typeof made.client_secret, isPublic ? 'undefined' : 'string');
      const { connected_app: found } = await client.connectedApp.clients.get({ client_id: made.client_id });
      assert.deepEqual([found.client_type, found.client_name, found.access_token_expiry_minutes], [client_type, 'Partner', 30]);
      assert.equal('client_secret' in found, false);
      const { connected_app: changed } = await client.connectedApp.clients.update({
        client_id: made.client_id,
        client_name: 'Partner two',
        redirect_urls: [CALLBACK, 'http://127.0.0.1/callback'],
      });
      assert.deepEqual([changed.client_name, changed.redirect_urls.length, changed.client_description], ['Partner two', 2, 'Shows notes']);
      const secrets = client.connectedApp.clients.secrets;
      if (isPublic) {
        await assert.rejects(secrets.rotateStart({ client_id: made.client_id }), refused(400, 'public_connected_apps_do_not_have_secrets'));
      } else {
        await assert.rejects(secrets.rotate({ client_id: made.client_id }), refused(400, 'connected_app_not_rotating_secret'));
        const { connected_app: next } = await secrets.rotateStart({ client_id: made.client_id });
        assert.equal(next.next_client_secret.slice(-4), next.next_client_secret_last_four);
        await assert.rejects(secrets.rotateStart({ client_id: made.client_id }), refused(400, 'connected_app_already_rotating_secret'));
        const { connected_app: rotated } = await secrets.rotate({ client_id: made.client_id });
        assert.equal(rotated.client_secret_last_four, next.next_client_secret_last_four);
      }
      await client.connectedApp.clients.delete({ client_id: made.client_id });
      await assert.rejects(client.connectedApp.clients.get({ client_id: made.client_id }), refused(404, 'connected_app_not_found'));
    });
  }

  test('a search goes through all pages', async () => {
    const found = new Set();
    let cursor;
    do {
      const page = await client.connectedApp.clients.search({ limit: 3, cursor });
      for (const app of page.connected_apps) found.add(app.client_id);
      assert.ok(page.results_metadata.total >= found.size);
      cursor = page.results_metadata.next_cursor;
    } while (cursor);
    assert.ok(found.has('web') && !found.has('machine'));
  });
});

describe('the code flow on the host app’s page', () => {
  let app, session;

  before(async () => {
    ({ connected_app: app } = await client.connectedApp.clients.create({
      client_type: 'third_party',
      client_name: 'Partner',
      redirect_urls: [CALLBACK],
      access_token_template_content: '{"plan": "{{ user.trusted_metadata.plan }}"}',
    }));
    const email = `flow-${unique()}@example.com`;
    session = await client.passwords.create({
      email,
      password: 'A quite unusual sentence 4711',
      session_duration_minutes: 60,
    });
    await client.users.update({ user_id: session.user_id, roles: ['reader'], trusted_metadata: { plan: 'silver' } });
  });

  const asked = ['openid', 'email', 'offline_access', 'notes.read', 'notes.write'];
  const start = (more = {}) =>
    client.idp.oauth.authorizeStart({
      client_id: app.client_id,
      redirect_uri: CALLBACK,
      response_type: 'code',
      scopes: asked,
      session_token: session.session_token,
      ...more,
    });

  async function authorize(more = {}) {
    const code_verifier = randomBytes(32).toString('base64url');
    const answer = await client.idp.oauth.authorize({
      client_id: app.client_id,
      redirect_uri: CALLBACK,
      response_type: 'code',
      scopes: asked,
      session_token: session.session_token,
      consent_granted: true,
      state: 'the state',
      nonce: 'the nonce',
      code_challenge: createHash('sha256').update(code_verifier).digest('base64url'),
      ...more,
    });
    return { url: new URL(answer.redirect_uri), code_verifier, code: answer.authorization_code };
  }

  const token = (fields) =>
    form(`/v1/public/${PROJECT}/oauth2/token`, { client_id: app.client_id, client_secret: app.client_secret, ...fields });

  test('consent is asked, given, remembered, introspected, refreshed and revoked', async () => {
    const first = await start();
    assert.equal(first.consent_required, true);
    assert.deepEqual([first.client.client_id, first.client.client_name, first.user_id], [app.client_id, 'Partner', session.user_id]);
    const grantable = Object.fromEntries(first.scope_results.map((own) => [own.scope, own.is_grantable]));
    assert.deepEqual([grantable['notes.read'], grantable['notes.write']], [true, false]);

    const { url, code, code_verifier } = await authorize();
    assert.deepEqual([url.origin + url.pathname, url.searchParams.get('state'), url.searchParams.get('code')], [CALLBACK, 'the state', code]);

    const redeemed = await token({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier });
    assert.equal(redeemed.status, 200, JSON.stringify(redeemed.body));
    const { access_token, refresh_token, id_token, scope, token_type } = redeemed.body;
    assert.equal(token_type.toLowerCase(), 'bearer');
    // The server narrows: the user may not write.
    assert.deepEqual(scope.split(' ').sort(), ['email', 'notes.read', 'offline_access', 'openid']);
    assert.equal(JSON.parse(Buffer.from(id_token.split('.')[1], 'base64url')).nonce, 'the nonce');

    const local = await client.idp.introspectTokenLocal(access_token);
    assert.deepEqual([local.subject, local.custom_claims.plan], [session.user_id, 'silver']);
    const asks = { token: access_token, client_id: app.client_id, client_secret: app.client_secret };
    const network = await client.idp.introspectTokenNetwork(asks);
    assert.deepEqual([network.subject, network.custom_claims.plan, network.token_type], [session.user_id, 'silver', 'access_token']);
    assert.equal('jti' in network.custom_claims, false);

    const userinfo = await fetch(`${issuer}/v1/oauth2/userinfo`, { headers: { authorization: `Bearer ${access_token}` } });
    assert.equal((await userinfo.json()).sub, session.user_id);

    const refreshed = await token({ grant_type: 'refresh_token', refresh_token });
    assert.equal(refreshed.status, 200, JSON.stringify(refreshed.body));
    // A confidential client keeps its refresh token.
    assert.equal('refresh_token' in refreshed.body, false);

    const { connected_apps } = await client.users.connectedApps({ user_id: session.user_id });
    assert.deepEqual(connected_apps.map((own) => own.connected_app_id), [app.client_id]);

    await client.users.revoke({ user_id: session.user_id, connected_app_id: app.client_id });
    await assert.rejects(client.idp.introspectTokenNetwork(asks));
    assert.equal((await token({ grant_type: 'refresh_token', refresh_token })).status >= 400, true);
    assert.equal((await start()).consent_required, true);
  });

  test('a code is redeemed once, with its verifier, at its own client', async () => {
    const { code, code_verifier } = await authorize();
    const wrong = await token({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: 'a'.repeat(43) });
    assert.equal(wrong.status, 400);
    assert.ok(wrong.body.error && wrong.body.request_id && !('error_type' in wrong.body));
    const fields = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier };
    assert.equal((await token(fields)).status, 200);
    assert.equal((await token(fields)).status, 400);
  });

  test('a user who denies sends the client away', async () => {
    const { url, code } = await authorize({ consent_granted: false, prompt: 'consent' });
    assert.equal(url.searchParams.get('error'), 'access_denied');
    assert.ok(!code);
  });

  test('what is not the client’s is refused', async () => {
    await assert.rejects(start({ redirect_uri: 'https://evil.example/' }), refused(401, 'connected_app_supplied_redirect_url_not_found_in_client'));
    await assert.rejects(start({ scopes: ['openid', 'nothing'] }), refused(400, 'oauth_invalid_scope_requested'));
    await assert.rejects(start({ client_id: 'connected-app-test-none' }), refused(404, 'connected_app_not_found'));
    await assert.rejects(start({ session_token: undefined }), refused(400, 'no_oauth_authorize_user_selector'));
  });

  test('what is issued here works on no other plane', async () => {
    const { code, code_verifier } = await authorize();
    const fields = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier, client_id: app.client_id, client_secret: app.client_secret };
    const standard = await form('/oauth2/token', fields);
    assert.equal(standard.status >= 400, true);
    assert.equal((await token(fields)).status, 200);
  });
});

describe('machines', () => {
  test('an imported id and secret get tokens, also while the secret rotates', async () => {
    const client_id = `imported-${unique()}`;
    const client_secret = randomBytes(24).toString('base64url');
    const made = await client.m2m.clients.create({
      client_id,
      client_secret,
      client_name: 'Night watch',
      scopes: ['notes.read', 'notes.write'],
      trusted_metadata: { tier: 'one' },
    });
    assert.deepEqual([made.m2m_client.client_id, made.m2m_client.status], [client_id, 'active']);
    const ask = (secret, scopes) => client.m2m.token({ client_id, client_secret: secret, scopes });
    const { access_token, expires_in, token_type } = await ask(client_secret, ['notes.read']);
    assert.deepEqual([expires_in, token_type.toLowerCase()], [3600, 'bearer']);
    const checked = await client.m2m.authenticateToken({ access_token, required_scopes: ['notes.read'] });
    assert.deepEqual([checked.client_id, checked.scopes], [client_id, ['notes.read']]);
    await assert.rejects(client.m2m.authenticateToken({ access_token, required_scopes: ['notes.write'] }));

    const { m2m_client: rotating } = await client.m2m.clients.secrets.rotateStart({ client_id });
    const next = rotating.next_client_secret;
    await ask(client_secret);
    await ask(next);
    await client.m2m.clients.secrets.rotate({ client_id });
    await ask(next);
    await assert.rejects(ask(client_secret));

    await client.m2m.clients.update({ client_id, status: 'inactive' });
    await assert.rejects(ask(next));
    await client.m2m.clients.update({ client_id, status: 'active' });
    await ask(next);

    for (const [filter_name, filter_value] of [['client_id', [client_id]], ['client_name', ['Night watch']], ['scopes', ['notes.write']]]) {
      const { m2m_clients } = await client.m2m.clients.search({ query: { operator: 'AND', operands: [{ filter_name, filter_value }] } });
      assert.ok(m2m_clients.some((own) => own.client_id === client_id), filter_name);
    }
    await client.m2m.clients.delete({ client_id });
    await assert.rejects(client.m2m.clients.get({ client_id }), refused(404, 'm2m_client_not_found'));
  });
});

describe('users', () => {
  test('a user is found by id and external id, changed, searched and deleted', async () => {
    const { user_id } = user;
    const found = await client.users.get({ user_id });
    assert.deepEqual([found.user_id, found.name.first_name, found.trusted_metadata.plan, found.status_code], [user_id, 'Sandra', 'gold', 200]);
    assert.equal((await client.users.get({ user_id: user.user.external_id })).user_id, user_id);
    const changed = await client.users.update({ user_id, trusted_metadata: { plan: null, tier: 2 }, name: { first_name: 'Sina' } });
    assert.deepEqual(changed.user.trusted_metadata, { tier: 2 });
    assert.equal(changed.user.name.first_name, 'Sina');
    await assert.rejects(client.users.create({ email: found.emails[0].email }), refused(400, 'duplicate_email'));
    await assert.rejects(client.users.get({ user_id: 'user-test-none' }), refused(404, 'user_not_found'));
  });

  test('every filter of a search finds its user', async () => {
    const email = `searched-${unique()}@search.example`;
    const phone_number = `+4930${String(parseInt(unique().slice(0, 6), 16)).padStart(8, '1')}`;
    const made = await client.users.create({ email, phone_number, name: { first_name: 'Quirin', last_name: unique() } });
    const filters = [
      ['user_id', [made.user_id]],
      ['email_address', [email]],
      ['email_address_fuzzy', email.slice(0, 14)],
      ['email_id', [made.email_id]],
      ['phone_number', [phone_number]],
      ['phone_number_fuzzy', phone_number.slice(0, 10)],
      ['phone_id', [made.phone_id]],
      ['full_name_fuzzy', 'Quirin'],
      ['email_verified', made.user.emails[0].verified],
      ['phone_verified', made.user.phone_numbers[0].verified],
      ['password_exists', false],
      ['status', 'active'],
      ['created_at_greater_than', new Date(Date.now() - 3_600_000).toISOString()],
      ['created_at_less_than', new Date(Date.now() + 3_600_000).toISOString()],
      ['created_at_between', { greater_than: new Date(Date.now() - 3_600_000).toISOString(), less_than: new Date(Date.now() + 3_600_000).toISOString() }],
    ];
    for (const [filter_name, filter_value] of filters) {
      const operands = [{ filter_name, filter_value }, { filter_name: 'user_id', filter_value: [made.user_id] }];
      const { results } = await client.users.search({ query: { operator: 'AND', operands } });
      assert.deepEqual(results.map((own) => own.user_id), [made.user_id], filter_name);
    }
    for (const filter_name of ['webauthn_registration_id', 'totp_id', 'crypto_wallet_id', 'oauth_provider']) {
      const { results } = await client.users.search({ query: { operator: 'AND', operands: [{ filter_name, filter_value: ['none'] }] } });
      assert.deepEqual(results, [], filter_name);
    }
    const all = client.users.searchAll({ limit: 2 });
    const seen = new Set();
    for await (const page of all) for (const own of page) seen.add(own.user_id);
    assert.ok(seen.has(made.user_id));
    await client.users.delete({ user_id: made.user_id });
    await assert.rejects(client.users.get({ user_id: made.user_id }), refused(404, 'user_not_found'));
  });
});

describe('sessions', () => {
  test('a session is authenticated by token and by JWT, checked against roles, and revoked', async () => {
    const email = `session-${unique()}@example.com`;
    const password = 'A quite unusual sentence 4711';
    const made = await client.passwords.create({ email, password });
    assert.deepEqual([made.session_token, made.session_jwt], ['', '']);
    await client.users.update({ user_id: made.user_id, roles: ['reader'] });
    const login = await client.passwords.authenticate({ email, password, session_duration_minutes: 30, session_custom_claims: { team: 'a' } });
    assert.equal(login.session.authentication_factors[0].type, 'password');

    const local = await client.sessions.authenticateJwtLocal({ session_jwt: login.session_jwt });
    assert.deepEqual([local.session_id, local.user_id, local.custom_claims.team], [login.session.session_id, made.user_id, 'a']);
    const remote = await client.sessions.authenticateJwt({ session_jwt: login.session_jwt, max_token_age_seconds: 0 });
    assert.equal(remote.session.session_id, login.session.session_id);

    const check = (action) =>
      client.sessions.authenticate({ session_token: login.session_token, authorization_check: { resource_id: 'notes', action } });
    const allowed = await check('read');
    assert.deepEqual([allowed.verdict.authorized, allowed.verdict.granting_roles], [true, ['reader']]);
    await assert.rejects(check('write'), (error) => error.status_code === 403);

    const { sessions } = await client.sessions.get({ user_id: made.user_id });
    assert.deepEqual(sessions.map((own) => own.session_id), [login.session.session_id]);
    await client.sessions.revoke({ session_id: login.session.session_id });
    await assert.rejects(client.sessions.authenticate({ session_token: login.session_token }), refused(404, 'session_not_found'));
    await assert.rejects(client.sessions.authenticate({}), refused(400, 'no_session_arguments'));
  });

  test('the key set is what the SDK expects', async () => {
    const { keys } = await client.sessions.getJWKS({ project_id: PROJECT });
    assert.ok(keys.length > 0);
    for (const key of keys) {
      assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'key_ops', 'kid', 'kty', 'n', 'use', 'x5c', 'x5tS256'].sort());
      assert.deepEqual([key.kty, key.alg, key.use], ['RSA', 'RS256', 'sig']);
    }
  });

  test('a JWT of the login that the host app has becomes a session', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const iss = 'https://login.example/';
    const { trusted_token_profile: profile } = await extension('POST', '/v1/trusted_token_profiles', {
      name: 'The login we have',
      issuer: iss,
      audience: 'harbour',
      public_key_type: 'PEM',
      pem_files: [publicKey.export({ type: 'spki', format: 'pem' })],
      attribute_mapping: { email: 'email', token_id: 'jti', external_user_id: 'sub' },
      can_jit_provision: true,
    });
    const now = Math.floor(Date.now() / 1000);
    const jwt = (claims, key = privateKey) => {
      const body = { iss, aud: 'harbour', sub: `auth0|${unique()}`, email: `host-${unique()}@example.com`, jti: unique(), iat: now, exp: now + 300, ...claims };
      const text = `${base64url({ alg: 'RS256', typ: 'JWT' })}.${base64url(body)}`;
      return `${text}.${sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`;
    };
    const attest = (token) => client.sessions.attest({ profile_id: profile.profile_id, token, session_duration_minutes: 60 });
    const email = `attested-${unique()}@example.com`;
    const login = await attest(jwt({ email }));
    assert.equal(login.user.emails[0].email, email);
    assert.equal(login.session.authentication_factors[0].type, 'trusted_auth_token');
    await client.sessions.authenticate({ session_token: login.session_token });
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    for (const token of [jwt({ iss: 'https://evil.example/' }), jwt({ aud: 'other' }), jwt({ exp: now - 600 }), jwt({}, other), 'not a token']) {
      await assert.rejects(attest(token), (error) => error.status_code >= 400 && error.status_code < 500);
    }
  });

  test('a session of another provider is migrated through its userinfo endpoint', async (t) => {
    const email = `migrated-${unique()}@example.com`;
    await client.users.create({ email });
    const server = createServer((request, response) => {
      const known = request.headers.authorization === 'Bearer the-old-token';
      response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(known ? { sub: 'old', email, email_verified: true } : {}));
    });
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    t.after(() => server.close());
    await extension('PATCH', '/v1/settings', { session_migration_url: `http://127.0.0.1:${server.address().port}/userinfo` });
    const login = await client.sessions.migrate({ session_token: 'the-old-token', session_duration_minutes: 60 });
    assert.equal(login.user.emails[0].email, email);
    await assert.rejects(client.sessions.migrate({ session_token: 'another', session_duration_minutes: 60 }));
  });
});

describe('passwords', () => {
  test('strength is judged', async () => {
    const weak = await client.passwords.strengthCheck({ password: 'password1' });
    assert.equal(weak.valid_password, false);
    const strong = await client.passwords.strengthCheck({ password: 'A quite unusual sentence 4711' });
    assert.deepEqual([strong.valid_password, strong.score], [true, 4]);
    const create = (password) => client.passwords.create({ email: `weak-${unique()}@example.com`, password });
    await assert.rejects(create('password1'), refused(400, 'breached_password'));
    await assert.rejects(create('lantern12'), refused(400, 'weak_password'));
  });

  test('a bcrypt hash is taken over, and its owner logs in', async () => {
    const email = `bcrypt-${unique()}@example.com`;
    const password = 'The old harbour wall 1887';
    const hash = '$2b$10$N9qo8uLOickgx2ZMRZoMyeW1xahbuyUdjTpuw3mezA1tn9giP549a';
    const made = await client.passwords.migrate({ email, hash, hash_type: 'bcrypt', external_id: `old-${unique()}` });
    assert.equal(made.user_created, true);
    const login = await client.passwords.authenticate({ email, password, session_duration_minutes: 5 });
    assert.equal(login.user_id, made.user_id);
    await assert.rejects(client.passwords.authenticate({ email, password: `${password}!` }), (error) => error.status_code === 401);
    await client.passwords.existingPassword.reset({ email, existing_password: password, new_password: 'Another quite unusual one 42' });
    await client.passwords.authenticate({ email, password: 'Another quite unusual one 42' });
  });
});

test('the policy tells roles, resources and scopes', async () => {
  const { roles, resources, scopes } = (await client.rbac.policy()).policy;
  assert.ok(roles.some((role) => role.role_id === 'stytch_user'));
  assert.ok(roles.some((role) => role.role_id === 'reader' && role.permissions[0].resource_id === 'notes'));
  assert.ok(resources.some((resource) => resource.resource_id === 'notes'));
  assert.ok(scopes.some((scope) => scope.scope === 'notes.read'));
});
