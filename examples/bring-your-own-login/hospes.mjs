// What Harbour's back end says to Hospes: a few calls of the management API, and the answer to one question.

import { createPublicKey, verify } from 'node:crypto';

const { ISSUER = 'http://localhost:8080', PROJECT_ID, SECRET, PROFILE_ID } = process.env;

/** An answer that is no success; `type` is its name in the contract, as in `user_not_found`. */
export class Refused extends Error {
  constructor({ error_type, error_message }) {
    super(error_message);
    this.type = error_type;
  }
}

/** Hospes cannot be reached, or asks for patience. */
export class Away extends Error {}

async function call(method, path, body) {
  const response = await fetch(`${ISSUER}${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${PROJECT_ID}:${SECRET}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  }).catch((cause) => {
    throw new Away('Hospes cannot be reached', { cause });
  });
  if (response.status >= 500 || response.status === 429) throw new Away(`Hospes answered ${response.status}`);
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer);
  return answer;
}

// A request that came in at Hospes itself waits there, and the guest's browser brings its handle.
const interaction = (id, step = '') => `/v1/interactions/${encodeURIComponent(id)}${step}`;
const visitor = (token) => (token ? { trusted_token: token, profile_id: PROFILE_ID } : {});

/** What is to be done about a request that waits: `token` says who is logged in here, if anybody is. */
export const openInteraction = (interaction_id, token) =>
  call('POST', '/v1/interactions', { interaction_id, ...visitor(token) });

/** Whoever the token is of has just logged in, for this request. */
export const loggedIn = (id, token) => call('POST', interaction(id, '/login'), visitor(token));

/** Hands in what the user answered; the answer says where their browser goes. */
export async function decideInteraction(id, token, decision, scopes) {
  try {
    return await call('POST', interaction(id, '/decide'), { decision, scopes, ...visitor(token) });
  } catch (error) {
    if (error.type !== 'interaction_already_decided' || !token) throw error;
    // The form came twice, or the first answer was lost on its way here: the same user is told once more.
    return openInteraction(id, token);
  }
}

/** Shows Hospes who is logged in here: a user is made or brought up to date, and a session for the next call begins. */
export const attest = (token) =>
  call('POST', '/v1/sessions/attest', { profile_id: PROFILE_ID, token, session_duration_minutes: 5 });

/** What a guest asks for, in the words of the API. All of it is checked there; the query is anybody's. */
export const asked = (query) => ({
  client_id: query.get('client_id') ?? '',
  redirect_uri: query.get('redirect_uri') ?? '',
  response_type: query.get('response_type') ?? '',
  scopes: (query.get('scope') ?? 'openid').split(' ').filter(Boolean),
  prompt: query.get('prompt'),
  state: query.get('state'),
  nonce: query.get('nonce'),
  code_challenge: query.get('code_challenge'),
  resources: query.getAll('resource'),
});

/** What the page is to show. */
export const startAuthorization = ({ client_id, redirect_uri, response_type, scopes, prompt }, session_token) =>
  call('POST', '/v1/idp/oauth/authorize/start', { client_id, redirect_uri, response_type, scopes, prompt, session_token });

/** Hands in what the user answered; `redirect_uri` of the answer is where their browser goes. */
export const authorize = (request, session_token, consent_granted) =>
  call('POST', '/v1/idp/oauth/authorize', { ...request, session_token, consent_granted });

// Hospes knows our ids as external ids, and takes them in the place of its own.
const user = (id) => `/v1/users/${encodeURIComponent(id)}`;

/** Lets the user in nowhere any more, and ends what was issued for them. */
export const disable = (id) => call('POST', `${user(id)}/disable`);

/**
 * About whom Hospes asks when a guest uses a refresh token; `undefined` when it is not Hospes who asks.
 * The question is a JWT as bearer token, signed with a key of its key set, for this very URL.
 */
export async function questionOf(authorization, url) {
  try {
    const [header, claims, signature] = authorization.match(/^Bearer (.+)$/)[1].split('.');
    const read = (part) => JSON.parse(Buffer.from(part, 'base64url'));
    const { alg, typ, kid } = read(header);
    const { keys } = await (await fetch(`${ISSUER}/.well-known/jwks.json`)).json();
    const jwk = keys.find((key) => key.kid === kid && key.alg === 'ES256');
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
    const isGenuine = verify('sha256', `${header}.${claims}`, key, Buffer.from(signature, 'base64url'));
    const question = read(claims);
    const isOurs = question.iss === ISSUER && question.aud === url && question.exp > Date.now() / 1000;
    return isGenuine && isOurs && alg === 'ES256' && typ === 'host-check+jwt' ? question : undefined;
  } catch {
    return undefined;
  }
}
