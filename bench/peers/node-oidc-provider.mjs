// node-oidc-provider in memory, with the clients that bench/ measures. Users are logged in and consent without a page,
// so that a session is warm after one request.

import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const port = Number(process.env.PORT);
const issuer = `http://127.0.0.1:${port}`;
const api = 'https://api.example/notes';
const secret = 'hcs_for-measuring-only-0123456789abcdefghij';
const redirect_uris = [process.env.CALLBACK];

function jwk(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg };
}

function client(client_id, settings) {
  return {
    client_id,
    client_secret: secret,
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris,
    ...settings,
  };
}

// Its own store forgets all but the thousand newest entries, and a load has more.
const stored = new Map();
const grants = new Map();

class Memory {
  constructor(model) {
    this.model = model;
  }

  async upsert(id, payload) {
    const key = `${this.model}:${id}`;
    stored.set(key, payload);
    if (this.model === 'Session') stored.set(`uid:${payload.uid}`, payload);
    if (!payload.grantId || this.model === 'Grant' || this.model === 'Session') return;
    const keys = grants.get(payload.grantId);
    if (keys) keys.push(key);
    else grants.set(payload.grantId, [key]);
  }

  async find(id) {
    return stored.get(`${this.model}:${id}`);
  }

  async findByUid(uid) {
    return stored.get(`uid:${uid}`);
  }

  async findByUserCode() {}

  async consume(id) {
    stored.get(`${this.model}:${id}`).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    stored.delete(`${this.model}:${id}`);
  }

  async revokeByGrantId(id) {
    for (const key of grants.get(id) ?? []) stored.delete(key);
    grants.delete(id);
  }
}

const provider = new Provider(issuer, {
  adapter: Memory,
  clients: [
    client('web', { id_token_signed_response_alg: 'RS256' }),
    client('web-es256', { id_token_signed_response_alg: 'ES256' }),
    client('app', {
      client_secret: undefined,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
    }),
    client('service', { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] }),
  ],
  jwks: { keys: [jwk('ec', { namedCurve: 'P-256' }, 'ES256'), jwk('rsa', { modulusLength: 2048 }, 'RS256')] },
  // Scopes of its own only: one that is listed here is no scope of a resource any more, and consent is asked for it.
  scopes: ['openid', 'offline_access'],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => api,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'notes.read',
        audience: api,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  issueRefreshToken: (_, own) => own.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: () => true,
  async loadExistingGrant(ctx) {
    const { client: own, session } = ctx.oidc;
    const known = session.grantIdFor(own.clientId);
    if (known) return ctx.oidc.provider.Grant.find(known);
    const grant = new ctx.oidc.provider.Grant({ clientId: own.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(api, 'notes.read');
    await grant.save();
    return grant;
  },
});

let users = 0;
const answer = provider.callback();

createServer(async (request, response) => {
  if (!request.url.startsWith('/login/')) return answer(request, response);
  users += 1;
  const result = { login: { accountId: `user${users}` } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}).listen(port, '127.0.0.1');
