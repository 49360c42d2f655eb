// A program on the user's own machine that gets tokens for them: it shows an address to open in the browser, waits on
// loopback for the answer, and prints what it was given as JSON. It needs nothing but Node; a real program would rather
// take a library, which does the same checks.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

process.on('uncaughtException', ({ message, cause }) => {
  console.error(`error: ${message}${cause ? `: ${cause.message}` : ''}`);
  process.exit(1);
});

const { ISSUER = 'http://localhost:8080', CLIENT_ID, SCOPE = 'openid' } = process.env;
if (!CLIENT_ID) throw new Error('CLIENT_ID is not set; `hospes client add` prints it');

/** What a server answers, or an error with what it says is wrong. */
async function json(response) {
  const body = await response.json();
  if (response.ok) return body;
  throw new Error(`${response.url} answered ${response.status}: ${body.error_description ?? body.error_message}`);
}

// OIDC Discovery §4: the issuer says where everything else is. The address of the document itself will do as well.
const discovery = ISSUER.includes('/.well-known/') ? ISSUER : `${ISSUER}/.well-known/openid-configuration`;
const server = await json(await fetch(discovery));

// RFC 8252 §7.3: any free port; the redirect URI was registered without one.
const listener = createServer().listen(0, '127.0.0.1');
await once(listener, 'listening');
const redirect_uri = `http://127.0.0.1:${listener.address().port}/callback`;

// RFC 7636 §4: only who began can redeem the code. The state tells our answer from one that was slipped in.
const code_verifier = randomBytes(32).toString('base64url');
const state = randomBytes(16).toString('base64url');
const address = new URL(server.authorization_endpoint);
address.search = new URLSearchParams({
  response_type: 'code', client_id: CLIENT_ID, redirect_uri, scope: SCOPE, state,
  code_challenge: createHash('sha256').update(code_verifier).digest('base64url'), code_challenge_method: 'S256',
});
console.error(`Open this in your browser:\n${address}`);

const code = await new Promise((resolve, reject) => {
  listener.on('request', (request, response) => {
    const url = new URL(request.url, redirect_uri);
    const answer = url.searchParams;
    // Browsers ask for icons, and other programs may knock.
    if (url.pathname !== '/callback' || answer.get('state') !== state) return response.writeHead(404).end();
    // RFC 9207 §2.4: the answer comes from the server that was asked.
    const isTheirs = !answer.has('iss') || answer.get('iss') === server.issuer;
    const error = isTheirs ? answer.get('error_description') ?? answer.get('error') : `the answer is of ${answer.get('iss')}`;
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.setHeader('connection', 'close');
    response.end(error ? `It did not work: ${error}\n` : 'Done. You may close this page and go back to the terminal.\n');
    if (error) reject(new Error(error));
    else resolve(answer.get('code'));
  });
}).finally(() => listener.close());

const form = { grant_type: 'authorization_code', code, redirect_uri, code_verifier, client_id: CLIENT_ID };
const tokens = await json(await fetch(server.token_endpoint, { method: 'POST', body: new URLSearchParams(form) }));
console.log(JSON.stringify(tokens, null, 2));
