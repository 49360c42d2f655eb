// The whole client. The account's calls take a session only: who proves by a token of the host app's own login who they
// are gets one for them. It is a module of its own because the consent needs none of it.

import { clientWith, type ClientOptions, type HospesClient } from './client.js';
import { HospesError } from './error.js';
import { send, type Call, type Transport } from './request.js';
import type { Proof, Session } from './shapes.js';

type TrustedToken = Exclude<Proof, string>;

/**
 * A client of one Hospes server: no state but the listeners and the session's token, after `session.logIn` or after a
 * call about the account with a token of the host app's own login.
 */
export function createClient(options: ClientOptions): HospesClient {
  return clientWith(options, options.getToken && withSessions(options.getToken));
}

function withSessions(getToken: NonNullable<ClientOptions['getToken']>): typeof send {
  let kept: { person: string; token: Promise<string | undefined> } | null = null;

  /** The session of whom `proof` names; calls at the same time share one. */
  function sessionOf(transport: Transport, proof: TrustedToken): NonNullable<typeof kept> {
    const person = personOf(proof);
    if (kept?.person === person) return kept;
    const begun = send<Session>(transport, { method: 'POST', path: '/account/session', body: { ...proof } }, null, false);
    return (kept = { person, token: begun.then((session) => session.session_token) });
  }

  return async function deliver<T>(transport: Transport, call: Call, proof: Proof | null | undefined, withCookies: boolean, isLast = false): Promise<T> {
    const isEnd = call.method === 'DELETE' && call.path === '/account/session';
    // Who signs out has perhaps signed out of the host app before.
    if (isEnd && kept) proof = await kept.token;
    if (isEnd || !proof) kept = null;
    // What is posted is about an interaction, or a login by password.
    if (isEnd || !proof || typeof proof === 'string' || call.method === 'POST') return send(transport, call, proof, withCookies);
    const own = sessionOf(transport, proof);
    let token;
    try {
      token = await own.token;
      return await send<T>(transport, call, token, withCookies);
    } catch (cause) {
      const isOver = cause instanceof HospesError && cause.isSignedOut;
      if (kept === own && (isOver || !token)) kept = null;
      if (isLast || !isOver) throw cause;
      return deliver<T>(transport, call, await getToken(), withCookies, true);
    }
  };
}

/** Equal for two tokens of one login: all of it but what each token has anew. */
function personOf({ trusted_token, profile_id }: TrustedToken): string {
  try {
    const { iat, nbf, exp, jti, ...person } = JSON.parse(atob(trusted_token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/')));
    return JSON.stringify([profile_id, person]);
  } catch {
    return profile_id + trusted_token;
  }
}
