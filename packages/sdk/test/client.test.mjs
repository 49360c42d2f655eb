// The headless client against HTTP.

import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { HospesError, beginningOf, createClient } from '../lib/index.js';
import { USER, openStage } from './stage.mjs';

const stage = await openStage();
after(() => stage.stop());
beforeEach(() => stage.reset());

const kept = () => {
  const values = new Map();
  return { values, getItem: (key) => values.get(key) ?? null, setItem: (key, value) => void values.set(key, value) };
};
const client = (more = {}) => createClient({ issuer: stage.url, storage: kept(), ...more });
const refused = (type, more = {}) => (error) => {
  assert.ok(error instanceof HospesError, String(error));
  assert.equal(error.type, type);
  for (const [name, value] of Object.entries(more)) assert.equal(error[name], value, name);
  return true;
};

test('a handle begins, is decided, and leads on', async () => {
  const hospes = client();
  const asked = await hospes.interactions.start({ interaction_id: 'consent' });
  assert.equal(asked.next, 'consent');
  assert.deepEqual(stage.calls[0].body, { interaction_id: 'consent' });
  const answer = await hospes.interactions.decide('consent', { decision: 'allow', scopes: ['openid'], expires_at: '2027-01-01T00:00:00.000Z' });
  assert.equal(answer.next, 'redirect');
  assert.equal(answer.redirect_url, `${stage.guest}/callback?code=c&state=s`);
  assert.deepEqual(stage.calls[1].body, { decision: 'allow', scopes: ['openid'], expires_at: '2027-01-01T00:00:00.000Z' });
});

test('a denial carries no scope', async () => {
  await client().interactions.decide('consent', { decision: 'deny' });
  assert.deepEqual(stage.calls[0].body, { decision: 'deny', scopes: [], expires_at: null });
});

test('a raw query is passed on as it is, with a nonce that every later call of the tab repeats', async () => {
  const storage = kept();
  const query = 'client_id=web&scope=a%20b+c&state=%E2%9C%93&unknown=1';
  const hospes = client({ storage });
  const { interaction_id } = await hospes.interactions.start({ query });
  assert.equal(stage.calls[0].body.query, query);
  const { nonce } = stage.calls[0].body;
  assert.match(nonce, /^[A-Za-z0-9_-]{43}$/);
  await hospes.interactions.login(interaction_id);
  await hospes.interactions.decide(interaction_id, { decision: 'deny' });
  // After a login elsewhere, the page is loaded again and has the handle only.
  await client({ storage }).interactions.start({ interaction_id });
  assert.deepEqual(stage.calls.map(({ body }) => body.nonce), [nonce, nonce, nonce, nonce]);
  await client().interactions.start({ interaction_id });
  assert.equal(stage.calls.at(-1).body.nonce, undefined, 'another tab does not know the nonce');
});

test('two interactions have two nonces', async () => {
  const hospes = client();
  await hospes.interactions.start({ query: 'client_id=web' });
  await hospes.interactions.start({ query: 'client_id=web' });
  assert.notEqual(stage.calls[0].body.nonce, stage.calls[1].body.nonce);
});

test('the token is asked for before each call, and goes into the header only', async () => {
  let turn = 0;
  const hospes = client({ getToken: async () => `token-${(turn += 1)}` });
  await hospes.interactions.start({ interaction_id: 'consent' });
  await hospes.connectedApps.list();
  assert.deepEqual(stage.calls.map(({ headers }) => headers.authorization), ['Bearer token-1', 'Bearer token-2']);
  assert.doesNotMatch(JSON.stringify(stage.calls.map(({ path, body }) => [path, body])), /token-/);
});

test('a trusted token goes into the body of what is about an interaction, and nowhere else', async () => {
  const hospes = client({ getToken: () => ({ trusted_token: 'jwt', profile_id: 'p' }) });
  await hospes.interactions.login('login');
  assert.deepEqual(stage.calls[0].body, { trusted_token: 'jwt', profile_id: 'p' });
  assert.equal(stage.calls[0].headers.authorization, undefined);
  await hospes.session.logIn({ email: USER.email, password: 'correct horse battery staple' });
  assert.deepEqual(Object.keys(stage.calls[1].body), ['email', 'password']);
});

/** A JWT of a host app's login, as far as the client looks into it. */
const jwtOf = (claims) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
const heard = () => stage.calls.map(({ method, path, headers }) => `${method} ${path} ${headers.authorization ?? '-'}`);

test('the account’s calls take a session: a trusted token is exchanged for one, which stays as long as it works', async () => {
  stage.signedIn = false;
  let turn = 0;
  // Each token is another one, of the same person; the name is no ASCII, and gives base64url its - and _.
  const hospes = client({ getToken: () => ({ trusted_token: jwtOf({ sub: 'ada', name: 'Åda ÿ?>~', iat: (turn += 1), exp: turn + 60, jti: `t${turn}` }), profile_id: 'p' }) });
  const [{ connected_apps }, session] = await Promise.all([hospes.connectedApps.list(), hospes.session.current()]);
  assert.equal(connected_apps.length, 2);
  assert.equal(session.user.email, USER.email);
  await hospes.connectedApps.revoke('web');
  assert.deepEqual(heard(), [
    'POST /account/session -', 'GET /account/connected_apps Bearer session-of-1', 'GET /account/session Bearer session-of-1', 'DELETE /account/connected_apps/web Bearer session-of-1',
  ]);
  assert.deepEqual(Object.keys(stage.calls[0].body), ['trusted_token', 'profile_id']);
  await hospes.interactions.start({ interaction_id: 'consent' });
  assert.ok(stage.calls.at(-1).body.trusted_token, 'an interaction still gets the token itself');
  await hospes.session.logOut();
  assert.equal(heard().at(-1), 'DELETE /account/session Bearer session-of-1');
  await hospes.connectedApps.list();
  assert.equal(heard().at(-1), 'GET /account/connected_apps Bearer session-of-2');
});

test('a session that has ended is replaced once, with a fresh token', async () => {
  let turn = 0;
  const hospes = client({ getToken: () => ({ trusted_token: `opaque-${Math.min((turn += 1), 2)}`, profile_id: 'p' }) });
  stage.next = [undefined, 401];
  await hospes.connectedApps.list();
  assert.deepEqual(stage.calls.map(({ body, headers }) => body?.trusted_token ?? headers.authorization), ['opaque-1', 'Bearer session-of-1', 'opaque-2', 'Bearer session-of-2']);
  stage.next = [401, undefined, 401];
  await assert.rejects(hospes.connectedApps.list(), (error) => error.isSignedOut);
  assert.equal(stage.exchanges, 3);
  stage.next = [503];
  await assert.rejects(hospes.connectedApps.list(), refused('temporarily_unavailable'));
  await hospes.connectedApps.list();
  assert.equal(stage.exchanges, 4, 'that the server is busy ends no session; that it is gone does');
});

test('another person, and nobody, get no session of whom was there before', async () => {
  stage.signedIn = false;
  let proof = { trusted_token: jwtOf({ sub: 'ada', jti: '1' }), profile_id: 'p' };
  const hospes = client({ getToken: () => proof });
  await hospes.connectedApps.list();
  proof = { trusted_token: jwtOf({ sub: 'ben', jti: '2' }), profile_id: 'p' };
  await hospes.connectedApps.list();
  proof = { ...proof, profile_id: 'q' };
  await hospes.connectedApps.list();
  assert.equal(heard().at(-1), 'GET /account/connected_apps Bearer session-of-3');
  proof = null;
  await hospes.session.logOut();
  assert.equal(heard().at(-1), 'DELETE /account/session Bearer session-of-3', 'signed out of the host app first');
  await assert.rejects(hospes.connectedApps.list(), (error) => error.isSignedOut);
  assert.equal(await hospes.session.current(), null);
  proof = 'session-of-another-page';
  await hospes.connectedApps.list();
  assert.equal(heard().at(-1), 'GET /account/connected_apps Bearer session-of-another-page');
  assert.equal(stage.exchanges, 3);
});

test('a trusted token that is refused says so, and the next one is tried', async () => {
  let trusted_token = 'refused';
  const hospes = client({ getToken: () => ({ trusted_token, profile_id: 'p' }) });
  await assert.rejects(Promise.all([hospes.connectedApps.list(), hospes.session.current()]), refused('invalid_trusted_auth_token', { status: 400, isSignedOut: false }));
  stage.next = [503];
  trusted_token = 'good';
  await assert.rejects(hospes.connectedApps.list(), refused('temporarily_unavailable'));
  assert.equal((await hospes.connectedApps.list()).connected_apps.length, 2);
});

test('sign in, who is it, sign out', async () => {
  stage.signedIn = false;
  const hospes = client();
  const seen = [];
  hospes.on('session', (user) => seen.push(user?.name ?? null));
  hospes.on('error', (error) => seen.push(error.type));
  assert.equal(await hospes.session.current(), null);
  await hospes.session.logIn({ email: USER.email, password: 'correct horse battery staple' });
  assert.equal((await hospes.session.current()).user.email, USER.email);
  assert.equal(stage.calls.at(-1).headers.authorization, 'Bearer session-token-of-ada');
  await hospes.session.logOut();
  assert.equal(await hospes.session.current(), null);
  await client({ getToken: () => null }).session.logOut();
  assert.deepEqual(seen, ['Ada Quay', null], 'that nobody is signed in is no error');
});

test('connected apps are listed and disconnected, whatever is in their id', async () => {
  const hospes = client();
  const gone = [];
  const off = hospes.on('disconnected', (id) => gone.push(id));
  const { connected_apps } = await hospes.connectedApps.list();
  assert.equal(connected_apps.length, 2);
  await hospes.connectedApps.revoke(connected_apps[1].client.client_id);
  assert.equal((await hospes.connectedApps.list()).connected_apps.length, 1);
  off();
  await hospes.connectedApps.revoke('web');
  assert.deepEqual(gone, [connected_apps[1].client.client_id]);
});

test('a refusal says its type, its status and under which id the operator finds it', async () => {
  const hospes = client();
  const errors = [];
  hospes.on('error', (error) => errors.push(error.type));
  await assert.rejects(hospes.interactions.start({ interaction_id: 'gone' }), refused('interaction_not_found', { status: 404, requestId: 'request-id-test-1', isTemporary: false }));
  await assert.rejects(hospes.session.logIn({ email: 'many@harbour.example', password: 'x' }), refused('too_many_requests', { status: 429, retryAfter: 7, isTemporary: true }));
  stage.next = [503];
  await assert.rejects(hospes.connectedApps.list(), refused('temporarily_unavailable', { status: 503, isTemporary: true }));
  assert.deepEqual(errors, ['interaction_not_found', 'too_many_requests', 'temporarily_unavailable']);
});

test('no answer, a late answer and an abort are told apart', async () => {
  stage.isDown = true;
  await assert.rejects(client().connectedApps.list(), refused('network_error', { status: 0, isTemporary: true }));
  stage.isDown = false;
  stage.delay = 300;
  await assert.rejects(client({ timeoutMs: 30 }).connectedApps.list(), refused('timeout', { isTemporary: true }));
  const hospes = client();
  const errors = [];
  hospes.on('error', (error) => errors.push(error.type));
  await assert.rejects(hospes.connectedApps.list({ signal: AbortSignal.timeout(30) }), refused('aborted', { isTemporary: false }));
  await assert.rejects(hospes.connectedApps.list({ signal: AbortSignal.abort() }), refused('aborted'));
  assert.deepEqual(errors, [], 'who aborts knows');
});

test('an answer that is not JSON says that the address may be wrong', async () => {
  const hospes = createClient({ issuer: `${stage.url}/elsewhere` });
  await assert.rejects(hospes.connectedApps.list(), (error) => refused('unexpected_answer', { status: 404 })(error) && /address/.test(error.message));
});

test('an address that would run as a script is not handed on', async () => {
  for (const url of ['javascript:alert(1)', ' JavaScript:alert(1)', 'java\nscript:alert(1)', 'data:text/html,x', 'vbscript:x', 'blob:x', 'file:///etc/passwd']) {
    const fetch = async () => Response.json({ next: 'redirect', redirect_url: url, interaction_id: 'x' });
    await assert.rejects(client({ fetch }).interactions.decide('x', { decision: 'allow' }), refused('unsafe_redirect'), url);
  }
  for (const url of ['https://web.example/callback?code=c', 'http://127.0.0.1:1/', 'com.example.app:/callback', 'http://[::1]:4/']) {
    const fetch = async () => Response.json({ next: 'redirect', redirect_url: url, interaction_id: 'x' });
    assert.equal((await client({ fetch }).interactions.decide('x', { decision: 'allow' })).redirect_url, url);
  }
});

test('the language is asked for, and may change', async () => {
  const hospes = client({ locale: 'de-AT' });
  await hospes.connectedApps.list();
  hospes.locale = 'ja';
  await hospes.connectedApps.list();
  assert.deepEqual(stage.calls.map(({ headers }) => headers['accept-language']), ['de-AT', 'ja']);
});

test('an issuer with a path and a slash at its end', async () => {
  const asked = [];
  const fetch = async (url) => (asked.push(url), Response.json({ connected_apps: [] }));
  await createClient({ issuer: 'https://auth.example/tenant/', fetch }).connectedApps.list();
  assert.deepEqual(asked, ['https://auth.example/tenant/account/connected_apps']);
});

test('cookies come along only without a token', async () => {
  const modes = [];
  const fetch = async (_, { credentials, headers }) => (modes.push(headers.authorization ?? credentials), Response.json({ connected_apps: [] }));
  await client({ fetch }).connectedApps.list();
  await client({ fetch, getToken: () => null }).connectedApps.list();
  await client({ fetch, getToken: () => '' }).connectedApps.list();
  assert.deepEqual(modes, ['include', 'omit', 'omit']);
});

test('how a page was opened', () => {
  assert.deepEqual(beginningOf('https://app.example/authorize?interaction=h'), { interaction_id: 'h' });
  assert.deepEqual(beginningOf('https://app.example/authorize?client_id=a&scope=b%20c+d#x'), { query: 'client_id=a&scope=b%20c+d' });
  assert.deepEqual(beginningOf('https://app.example/authorize?request_uri=urn:x'), { query: 'request_uri=urn:x' });
  assert.equal(beginningOf('https://app.example/'), null);
});
