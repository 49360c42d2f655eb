// The authorization server, by oauth4webapi, which checks what comes from it.

import * as oauth from 'oauth4webapi';
import { Problem } from './problem.mjs';

export const { ISSUER = 'http://localhost:8080', CLIENT_ID = 'lantern' } = process.env;
const client = { client_id: CLIENT_ID };
// RFC 8252 §8.4: a program that everybody can read has no secret.
const nobody = oauth.None();

/** Finds the server (OIDC Discovery §4); the answer is what can be asked of it. */
export async function server() {
  if (!URL.canParse(ISSUER)) throw new Problem(`ISSUER is no address: ${ISSUER}`);
  const issuer = new URL(ISSUER);
  // Without TLS only on this machine.
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(issuer.hostname);
  const options = () => ({ [oauth.allowInsecureRequests]: isHere, signal: AbortSignal.timeout(20_000) });
  const as = await say('cannot be reached', async () =>
    oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options())),
  );
  return {
    /** Where the browser goes, and what must be known when it comes back. */
    async begin(redirectUri, scope) {
      const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
      const url = new URL(as.authorization_endpoint);
      for (const [name, value] of Object.entries({
        response_type: 'code', client_id: CLIENT_ID, redirect_uri: redirectUri, scope, state,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
      })) url.searchParams.set(name, value);
      return { url: url.href, redirectUri, verifier, state };
    },

    /** Tokens for the answer that the browser brought. State, issuer (RFC 9207) and refusals are looked at. */
    redeem: (begun, answer) =>
      say('gave no tokens', async () => {
        const parameters = oauth.validateAuthResponse(as, client, answer, begun.state);
        const { redirectUri, verifier } = begun;
        const tokens = await oauth.processAuthorizationCodeResponse(as, client,
          await oauth.authorizationCodeGrantRequest(as, client, nobody, parameters, redirectUri, verifier, options()));
        return { ...tokens, sub: oauth.getValidatedIdTokenClaims(tokens)?.sub };
      }),

    refresh: (token) =>
      say('gave no new tokens', async () =>
        oauth.processRefreshTokenResponse(as, client,
          await oauth.refreshTokenGrantRequest(as, client, nobody, token, options()))),

    revoke: (token) =>
      say('could not be told', async () =>
        oauth.processRevocationResponse(await oauth.revocationRequest(as, client, nobody, token, options()))),

    userInfo: ({ access_token, sub }) =>
      say('does not say who you are', async () =>
        oauth.processUserInfoResponse(as, client, sub ?? oauth.skipSubjectCheck,
          await oauth.userInfoRequest(as, client, access_token, options()))),
  };
}

async function say(what, work) {
  try {
    return await work();
  } catch (error) {
    const refusal = error.error_description ?? error.error;
    const problem = new Problem(`${ISSUER} ${what}${refusal ? `: ${refusal}` : ''}`, { cause: refusal ? undefined : error });
    // `access_denied`, `invalid_grant` and the like.
    throw Object.assign(problem, { refusal: error.error });
  }
}
