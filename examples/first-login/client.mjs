// A web application that lets people log in by Hospes, and nothing else. The README of Hospes says how to start it.

import { createServer } from 'node:http';
import * as oauth from 'openid-client';

const { ISSUER = 'http://localhost:8080', CLIENT_ID, CLIENT_SECRET, PORT = 3000 } = process.env;
const home = `http://localhost:${PORT}`;
const hospes = await oauth.discovery(new URL(ISSUER), CLIENT_ID, undefined, oauth.ClientSecretBasic(CLIENT_SECRET), {
  execute: [oauth.allowInsecureRequests], // http is for loopback only; elsewhere take this line out
});

/** Sends the browser to Hospes; the cookie remembers what only this browser and we know. */
async function sendAway(response) {
  const [state, verifier] = [oauth.randomState(), oauth.randomPKCECodeVerifier()];
  const challenge = { code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' };
  const login = { redirect_uri: `${home}/callback`, scope: 'openid email', state, ...challenge };
  const cookie = `login=${state}.${verifier}; Path=/callback; HttpOnly; SameSite=Lax; Max-Age=3600`;
  response.writeHead(303, { location: oauth.buildAuthorizationUrl(hospes, login).href, 'set-cookie': cookie }).end();
}

/** The browser is back: the code becomes tokens, and they say who it is. */
async function welcome(url, request, response) {
  const [, expectedState, pkceCodeVerifier] = request.headers.cookie?.match(/\blogin=([\w-]+)\.([\w-]+)/) ?? [];
  if (!expectedState) throw new Error('this browser did not begin here; open / first');
  const checks = { expectedState, pkceCodeVerifier, idTokenExpected: true };
  const tokens = await oauth.authorizationCodeGrant(hospes, url, checks);
  const user = await oauth.fetchUserInfo(hospes, tokens.access_token, tokens.claims().sub);
  response.end(`Hello ${user.email}! Your id here is ${user.sub}.\n`);
}

createServer(async (request, response) => {
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  try {
    const url = new URL(request.url, home);
    if (url.pathname === '/') await sendAway(response);
    else if (url.pathname === '/callback') await welcome(url, request, response);
    else response.writeHead(404).end('there is nothing here\n');
  } catch (error) {
    response.writeHead(400).end(`The login failed: ${error.error_description ?? error.message}\n`);
  }
}).listen(PORT, 'localhost', () => console.log(`Open ${home}`));
