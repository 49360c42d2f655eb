// The guest: a program on this machine that connects to a host app, and what it gets.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const PAGE = `<!doctype html><html lang="en"><title>Guest</title><link rel="icon" href="data:,">
<body data-page="guest"><h1>Guest</h1></body></html>`;

/** Starts the guest's listener; any page on its origin answers, `/callback` is where codes go. */
export async function openGuest() {
  const received = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://guest');
    if (url.pathname === '/callback') received.push(url.searchParams);
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    /** What came for a request, in order. */
    answers: ({ state }) => received.filter((parameters) => parameters.get('state') === state),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const metadata = new Map();
/** What the issuer publishes; read once, because some scenarios stop the server. */
async function metadataOf({ issuer }) {
  if (!metadata.has(issuer)) {
    const response = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
    assert.equal(response.status, 200, `${issuer} publishes no metadata`);
    metadata.set(issuer, await response.json());
  }
  return metadata.get(issuer);
}

/** An authorization request of the host's guest, or of another of its clients. */
export async function ask(host, guest, { client_id = host.client.client_id, scope = host.client.scope, ...extra } = {}) {
  const { authorization_endpoint } = await metadataOf(host);
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(12).toString('base64url');
  const redirectUri = host.redirectUri.replace('127.0.0.1', new URL(guest.origin).host);
  const url = new URL(authorization_endpoint);
  const parameters = {
    client_id, redirect_uri: redirectUri, response_type: 'code', scope, state, nonce: 'n-0',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...extra,
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return { href: url.href, client_id, state, verifier, redirectUri };
}

/** The one answer to a request, once it has come. */
export async function answerTo(host, guest, asked) {
  for (let waited = 0; waited < 200 && guest.answers(asked).length === 0; waited += 1) await sleep(50);
  // A second one would be on its heels.
  await sleep(100);
  const answers = guest.answers(asked);
  assert.equal(answers.length, 1, `the guest got ${answers.length} answers: ${answers.join(' ')}`);
  assert.equal(answers[0].get('iss'), host.issuer, 'the answer does not say who gives it (RFC 9207)');
  return answers[0];
}

/** Redeems a code; `{ status, … }` as the token endpoint answers. */
export async function redeem(host, asked, code) {
  const { token_endpoint } = await metadataOf(host);
  const response = await fetch(token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code', client_id: asked.client_id, code, redirect_uri: asked.redirectUri, code_verifier: asked.verifier,
    }),
  });
  return { status: response.status, ...(await response.json()) };
}

/** The tokens for an answer that must have a code. */
export async function tokensFor(host, asked, answer) {
  assert.ok(answer.get('code'), `no code: ${answer}`);
  const tokens = await redeem(host, asked, answer.get('code'));
  assert.equal(tokens.status, 200, JSON.stringify(tokens));
  return { ...tokens, scope: tokens.scope.split(' '), sub: JSON.parse(Buffer.from(tokens.id_token.split('.')[1], 'base64url')).sub };
}
