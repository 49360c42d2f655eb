// The login that Harbour has had all along: its users, their passwords, its sessions, and the token that says who is
// logged in, as Auth0, Firebase and Supabase issue one. Nothing in this file knows of Hospes.

import { generateKeyPairSync, randomBytes, randomUUID, scryptSync, sign, timingSafeEqual } from 'node:crypto';

/** Whom the tokens are for: the audience, as an Auth0 client id or a Firebase project would be. */
export const AUDIENCE = 'harbour';

const users = ['ada:writer', 'ben:reader', 'cleo:reader'].map((line) => {
  const [name, role] = line.split(':');
  const salt = randomBytes(16);
  const password = scryptSync('correct horse battery staple', salt, 32);
  return { id: `harbour|${name}`, email: `${name}@harbour.example`, roles: [role], closed: false, salt, password };
});

export const userOf = (id) => users.find((user) => user.id === id);

/** The user with this address and password, if their account is open. */
export function logIn(email, password) {
  const user = users.find((user) => user.email === email);
  const given = scryptSync(password, user?.salt ?? 'nobody', 32);
  return user && timingSafeEqual(given, user.password) && !user.closed ? user : undefined;
}

const sessions = new Map();

/** Begins a session, for somebody who has just logged in; its id is what goes into the cookie. */
export function beginSession(user) {
  const session = { id: randomBytes(32).toString('base64url'), user, since: Math.floor(Date.now() / 1000) };
  sessions.set(session.id, session);
  return session;
}

export const sessionOf = (id) => sessions.get(id);
export const endSession = (id) => sessions.delete(id);

/** The account is closed: nobody comes in by it any more. */
export function close(user) {
  user.closed = true;
  for (const [id, session] of sessions) if (session.user === user) sessions.delete(id);
}

// A real application keeps its key; this one has a new one at each start.
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const kid = randomUUID();

/** The public key, for whoever reads the tokens. */
export const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }] };

/** A token that says, for five minutes, who is logged in, and by `iat` since when: some guests want a fresh login. */
export function tokenOf({ user, since }, issuer) {
  const claims = {
    iss: issuer, aud: AUDIENCE, sub: user.id, iat: since, exp: Math.floor(Date.now() / 1000) + 300, jti: randomUUID(),
    email: user.email, email_verified: true, app_metadata: { roles: user.roles },
  };
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES256', typ: 'JWT', kid })}.${part(claims)}`;
  return `${signed}.${sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
