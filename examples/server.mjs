// The Hospes that an example runs for itself, in the folder `server` beside it.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const { ISSUER = 'http://localhost:8080' } = process.env;
/** Of the example's users. */
export const PASSWORD = 'correct horse battery staple';
const { HOSPES = 'hospes' } = process.env;
const folder = 'server';
const notes = `${folder}/example.json`;

const running = [];
// However this program ends, what was started here ends with it.
process.on('exit', () => running.forEach((child) => child.kill()));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit());

/** Runs a command of Hospes, as you would; the answer is what it prints. `input` is typed in. */
export function hospes(command, input) {
  console.log(`hospes ${command.map((word) => (/^[\w.:/=-]+$/.test(word) ? word : `'${word}'`)).join(' ')}`);
  const { status, stdout, error } = spawnSync(HOSPES, ['--json', ...command], {
    cwd: folder, encoding: 'utf8', input: input ?? '', stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (status === 0) return stdout.trim() ? JSON.parse(stdout) : undefined;
  console.error(error ? `${HOSPES} cannot be run: ${error.message}` : stdout);
  // Half a server is none.
  if (!existsSync(notes)) rmSync(folder, { recursive: true });
  process.exit(1);
}

/** What `setUp` noted when it made the server; it runs once, and again when the folder is gone. */
export function made(setUp) {
  if (existsSync(notes)) {
    const noted = JSON.parse(readFileSync(notes, 'utf8'));
    if (noted.ISSUER === ISSUER) return noted;
    console.error(`The folder ${folder} is of a server at ${noted.ISSUER}. Remove it to make one at ${ISSUER}.`);
    process.exit(1);
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const noted = { ISSUER, ...setUp() };
  writeFileSync(notes, `${JSON.stringify(noted, null, 2)}\n`, { mode: 0o600 });
  return noted;
}

/** The commands for a Hospes with two users, a client, and a page of yours that asks them. */
export function seedHarbour(authorizationUrl) {
  hospes(['init', '--issuer', ISSUER, '--name', 'Harbour']);
  hospes(['policy', 'apply', fileURLToPath(new URL('policy.toml', import.meta.url))]);
  hospes(['settings', 'set', 'authorization_url', authorizationUrl]);
  hospes(['settings', 'set', 'sdk.domains', JSON.stringify([new URL(authorizationUrl).origin])]);
  for (const [name, email] of [['Ada Quay', 'ada@harbour.example'], ['Ben Pier', 'ben@harbour.example']]) {
    hospes(['user', 'add', '--name', name, '--email', email, '--role', 'writer', '--password-stdin'], PASSWORD);
  }
  return { CLIENT_ID: addLantern() };
}

/** Registers a program on somebody's own machine; the answer is its id. */
export function addLantern() {
  const redirect = ['--redirect-uri', 'http://127.0.0.1/callback'];
  return hospes(['client', 'add', '--name', 'Lantern', '--public', '--native', ...redirect]).client_id;
}

/** The tag for the elements of this very version of Hospes: `src` and `integrity`, as `hospes doctor` prints them. */
export function pinnedSdk() {
  const { found } = hospes(['doctor']).findings.find(({ about }) => about === 'sdk');
  const [, src, integrity] = found.match(/^(\S+) has integrity="(\S+)"$/);
  return { src, integrity };
}

/** Starts a program that ends with this one; when it ends by itself, so does this one. */
export function run(program, given, env = {}) {
  const child = spawn(program, given, { env: { ...process.env, ...env }, stdio: 'inherit' });
  running.push(child);
  child.on('close', (code) => process.exit(code ?? 1));
}

const isThere = async (url) => (await fetch(url).catch(() => undefined))?.ok;

/** Waits until an address answers. */
export async function answers(url) {
  while (!(await isThere(url))) await sleep(100);
}

/** Starts the server; the answer comes when it is ready. The example goes on without it if it ends later. */
export async function serve() {
  const discovery = `${ISSUER}/.well-known/openid-configuration`;
  if (await isThere(discovery)) {
    console.error(`There is a server at ${ISSUER} already. Stop it, or choose another address: README.md.`);
    process.exit(1);
  }
  // Another Hospes on this machine may have the usual port for operators.
  const env = { HOSPES_OPERATIONS_LISTEN: 'none', ...process.env };
  const child = spawn(HOSPES, ['--config', `${folder}/hospes.toml`, 'serve'], { env, stdio: 'inherit' });
  running.push(child);
  const ended = () => process.exit(1);
  child.on('error', (error) => console.error(`${HOSPES} cannot be run: ${error.message}`));
  child.on('close', ended);
  await answers(discovery);
  child.off('close', ended);
}

/** Starts a guest: a program that wants to act for one of the users. It prints the link to follow, then its tokens. */
export function invite(CLIENT_ID, SCOPE) {
  const guest = fileURLToPath(new URL('command-line/get-token.mjs', import.meta.url));
  running.push(spawn('node', [guest], { env: { ...process.env, ISSUER, CLIENT_ID, SCOPE }, stdio: 'inherit' }));
  console.log(`
To be the guest again, in another terminal of this folder:

  ISSUER=${ISSUER} CLIENT_ID=${CLIENT_ID} SCOPE="${SCOPE}" node ../command-line/get-token.mjs
`);
}
