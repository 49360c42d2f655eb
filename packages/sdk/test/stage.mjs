// A server that answers in the shapes of the interaction API, for what a real one does not do on demand: being slow,
// being busy, hanging up in the middle. That the shapes are the real ones is what interop/node/sdk is for.

import { createServer } from 'node:http';

export const CLIENT = {
  client_id: 'web', name: 'Lighthouse', description: 'Shows your notes beside the weather', logo_url: null,
  client_url: 'https://lighthouse.example/', policy_url: 'https://lighthouse.example/privacy', tos_url: null, verified: true, first_party: false, deceptive: false,
};
export const USER = { user_id: 'user-test-1', name: 'Ada Quay', email: 'ada@harbour.example' };
const scope = (name, more = {}) => ({ scope: name, text: name, detail: null, optional: false, grantable: true, reason: null, granted_before: false, ...more });
const SCOPES = [
  scope('openid'), scope('email'), scope('notes.read', { text: 'Read your notes' }),
  scope('notes.write', { text: 'Write and delete your notes', detail: 'Those in the bin too', optional: true }),
];

/** An interaction by the name of its handle: each is one difference from the usual one. */
const stories = {
  consent: {},
  login: { next: 'login', user: null, login: { login_hint: 'ada@harbour.example', reauthenticate: false, select_account: false, return_url: null } },
  again: { next: 'login', login: { login_hint: 'ada@harbour.example', reauthenticate: true, select_account: false, return_url: null } },
  account: { next: 'login', login: { login_hint: null, reauthenticate: false, select_account: true, return_url: null } },
  redirect: { next: 'redirect' },
  loopback: { client: { ...CLIENT, name: 'Lantern', verified: false }, redirect: { host: '127.0.0.1', kind: 'loopback', uri: 'http://127.0.0.1:4711/callback' } },
  native: { client: { ...CLIENT, name: 'Lantern' }, redirect: { host: 'com.example.lantern', kind: 'app', uri: 'com.example.lantern:/callback' } },
  unverified: {
    client: { ...CLIENT, client_id: 'https://tools.example/client.json', name: 'Harboυr', verified: false, deceptive: true },
    scopes: [...SCOPES.map((own) => ({ ...own, granted_before: own.scope === 'openid' })), scope('notes.admin', { text: 'Manage everybody’s notes', grantable: false, reason: 'role' })],
  },
  confirm: { confirm_only: true, redirect: { host: '127.0.0.1', kind: 'loopback', uri: 'http://127.0.0.1:4711/callback' } },
  hostile: {
    client: { ...CLIENT, name: '\u202e<img src=x onerror=alert(1)> ' + 'W'.repeat(200), logo_url: 'javascript:alert(1)' },
    user: { user_id: 'u', name: 'A'.repeat(120), email: `${'b'.repeat(60)}@${'c'.repeat(60)}.example` },
    redirect: { host: `${'d'.repeat(60)}.${'e'.repeat(60)}.example`, kind: 'web', uri: `https://${'d'.repeat(60)}.example/${'f'.repeat(400)}` },
  },
};

function interaction(id, guest) {
  const story = { next: 'consent', ...stories[id] };
  const target = story.redirect?.kind === 'app' ? 'com.example.lantern:/callback' : `${guest}/callback`;
  return {
    interaction_id: id, expires_at: '2030-01-01T00:00:00Z', client: CLIENT,
    redirect: { host: 'web.example', kind: 'web', uri: 'https://web.example/callback' }, user: USER, scopes: SCOPES,
    resources: [{ resource: 'https://api.example/notes', name: 'Notes' }], end_date_allowed: true, project: { name: 'Harbour' },
    confirm_only: false, ...story, ...(story.next === 'redirect' && { redirect_url: `${target}?code=c&state=s` }), target,
  };
}

/** Starts the stage on loopback. `files` answers what is not the API: `(path) => { type, body, headers } | undefined`. */
export async function openStage(files = () => undefined) {
  const stage = {
    /** What was asked: `{ method, path, headers, body }`. */
    calls: [],
    /** The next calls of the API answer with these, one after the other. */
    next: [],
    /** Every call is hung up on. */
    isDown: false,
    /** Milliseconds before each answer of the API. */
    delay: 0,
    /** Whether somebody is signed in by cookie. */
    signedIn: true,
    /** How often a trusted token was exchanged for a session. */
    exchanges: 0,
    apps: [],
  };
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', async () => {
      const { pathname } = new URL(request.url, 'http://stage');
      const isApi = /^\/(interactions|account)\b/.test(pathname);
      if (!isApi) {
        const file = files(request.url);
        response.writeHead(file ? 200 : 404, { 'content-type': file?.type ?? 'text/html', 'cache-control': 'no-store', ...file?.headers });
        return response.end(file?.body ?? '<!doctype html><html lang="en"><title>Guest</title><h1>Guest</h1></html>');
      }
      const cors = {
        'access-control-allow-origin': request.headers.origin ?? '*', 'access-control-allow-credentials': 'true',
        'access-control-allow-headers': 'authorization,content-type,accept-language', 'access-control-allow-methods': 'GET,POST,DELETE',
        'access-control-expose-headers': 'x-request-id,retry-after', vary: 'origin',
      };
      if (request.method === 'OPTIONS') return response.writeHead(204, cors).end();
      const body = text ? JSON.parse(text) : undefined;
      stage.calls.push({ method: request.method, path: pathname, headers: request.headers, body });
      const fault = stage.next.shift();
      if (stage.delay) await new Promise((resolve) => setTimeout(resolve, stage.delay));
      if (stage.isDown) return request.socket.destroy();
      const [status, answer] = fault ? [fault, refusal(fault, 'temporarily_unavailable')] : play(request.method, pathname, body, request.headers);
      response.writeHead(status, { ...cors, 'content-type': 'application/json', 'x-request-id': 'request-id-test-1', ...(status === 429 && { 'retry-after': '7' }) });
      response.end(JSON.stringify(answer));
    });
  });

  function play(method, path, body, headers) {
    const isSignedIn = stage.signedIn || headers.authorization !== undefined || body?.trusted_token !== undefined;
    const [, first, id, verb] = path.split('/').map(decodeURIComponent);
    if (body?.trusted_token === 'refused') return [400, refusal(400, 'invalid_trusted_auth_token')];
    if (body?.profile_id === 'unknown') return [404, refusal(404, 'trusted_token_profile_not_found')];
    if (first === 'interactions') {
      const handle = id ?? body.interaction_id ?? 'consent';
      if (!stories[handle]) return [404, refusal(404, 'interaction_not_found')];
      const own = interaction(handle, stage.guest);
      if (verb === 'login') {
        return isSignedIn ? [200, { ...own, next: 'consent', user: USER, login: undefined }] : [401, refusal(401, 'no_session_arguments')];
      }
      if (verb === 'decide') {
        const answer = body.decision === 'allow' ? 'code=c' : 'error=access_denied';
        return [200, { ...own, next: 'redirect', login: undefined, redirect_url: `${own.target}?${answer}&state=s` }];
      }
      return [200, own];
    }
    if (id === 'session') {
      if (method === 'GET') return isSignedIn ? [200, { user: USER }] : [401, refusal(401, 'no_session_arguments')];
      if (method === 'DELETE') return (stage.signedIn = false), [200, {}];
      if (body.trusted_token) return [200, { user: USER, session_token: `session-of-${(stage.exchanges += 1)}` }];
      if (body.email === 'many@harbour.example') return [429, refusal(429, 'too_many_requests')];
      if (body.password !== 'correct horse battery staple') return [401, refusal(401, 'unauthorized_credentials')];
      return [200, { user: USER, session_token: 'session-token-of-ada' }];
    }
    if (!isSignedIn) return [401, refusal(401, 'no_session_arguments')];
    if (method === 'DELETE') return (stage.apps = stage.apps.filter((own) => own.client.client_id !== verb)), [200, {}];
    return [200, { connected_apps: stage.apps }];
  }

  function refusal(status, error_type) {
    return { status_code: status, request_id: 'request-id-test-1', error_type, error_message: `the stage says ${error_type}` };
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.url = `http://127.0.0.1:${server.address().port}`;
  stage.guest = `http://localhost:${server.address().port}`;
  stage.interaction = (id) => interaction(id, stage.guest);
  stage.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  /** As it was at the start. */
  stage.reset = () => {
    Object.assign(stage, { calls: [], next: [], isDown: false, delay: 0, signedIn: true, exchanges: 0 });
    const granted = (name, text) => ({ scope: name, text, detail: null });
    stage.apps = [
      { client: CLIENT, scopes: [granted('openid', ''), granted('offline_access', ''), granted('notes.read', 'Read your notes')], resources: [{ resource: 'https://api.example/notes', name: 'Notes' }], connected_at: '2026-03-02T09:00:00Z', last_used_at: '2026-11-28T17:00:00Z', expires_at: null },
      { client: { ...CLIENT, client_id: 'https://tools.example/a b', name: 'Lantern', verified: false }, scopes: [granted('notes.read', 'Read your notes')], resources: [], connected_at: '2026-11-29T09:00:00Z', last_used_at: null, expires_at: '2026-12-29T09:00:00Z' },
    ];
  };
  stage.reset();
  return stage;
}
