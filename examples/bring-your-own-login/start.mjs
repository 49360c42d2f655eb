// Starts Hospes and Harbour, and registers a guest to try it with.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { HOSPES = 'hospes', ISSUER = 'http://localhost:8080', HARBOUR_URL = 'http://localhost:3000' } = process.env;
if (!existsSync('server/harbour.json')) {
  console.error('There is no Hospes here yet. First: node set-up.mjs');
  process.exit(1);
}
const known = JSON.parse(readFileSync('server/harbour.json', 'utf8'));
// Another Hospes on this machine may have the usual port for operators.
const env = { HOSPES_OPERATIONS_LISTEN: 'none', ...process.env, ...known, ISSUER, HARBOUR_URL };

/** Registers somebody else's program, which can keep no secret; the answer is its id. */
async function register(client_name, redirect_urls) {
  const response = await fetch(`${ISSUER}/v1/connected_apps/clients`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${known.PROJECT_ID}:${known.SECRET}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ client_type: 'third_party_public', client_name, redirect_urls }),
  });
  const { connected_app, error_message } = await response.json();
  if (!connected_app) throw new Error(error_message);
  return connected_app.client_id;
}

const running = [];
const stop = () => running.forEach((child) => child.kill());
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
function start(program, ...given) {
  const child = spawn(program, given, { env, stdio: 'inherit' });
  child.on('error', (error) => {
    console.error(`${program} cannot be started: ${error.message}`);
    process.exitCode = 1;
    stop();
  });
  running.push(child);
  return child;
}

const hospes = start(HOSPES, '--config', 'server/hospes.toml', 'serve');
const harbour = start('node', 'harbour.mjs');
harbour.on('exit', (code) => {
  process.exitCode ||= code ?? 0;
  stop();
});
let isReady = false;
hospes.on('exit', (code) => {
  // Without it Harbour goes on: people can log in, and an answer to a guest is kept on their page.
  if (isReady) return console.log('Hospes has ended. To have it back: hospes --config server/hospes.toml serve');
  process.exitCode ||= code ?? 1;
  return stop();
});

const discovery = `${ISSUER}/v1/public/${known.PROJECT_ID}/.well-known/openid-configuration`;
while (!(await fetch(discovery).catch(() => undefined))?.ok) {
  if (process.exitCode) process.exit();
  await sleep(100);
}
isReady = true;
known.BEACON_ID ??= await register('Beacon', ['http://127.0.0.1/callback']);
writeFileSync('server/harbour.json', JSON.stringify(known, null, 2));

console.log(`
Hospes is at ${ISSUER} (process ${hospes.pid}), Harbour at ${HARBOUR_URL}
Harbour's users are ada, ben and cleo @harbour.example; their password is: correct horse battery staple
To be a guest, in another terminal of this folder:

  ISSUER=${ISSUER} CLIENT_ID=${known.LANTERN_ID} \\
  SCOPE="openid offline_access notes.read notes.write" node ../command-line/get-token.mjs

and a guest of Stytch's contract, who goes to Harbour's page at once:

  ISSUER=${discovery} \\
  CLIENT_ID=${known.BEACON_ID} SCOPE="openid email offline_access notes.read notes.write" \\
  node ../command-line/get-token.mjs
`);
