// An example as its README starts it: in a copy of its folder, on free ports, with a fresh Hospes of its own.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../port.mjs';

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));
const run = promisify(execFile);

/** The files beside the folders of the examples on which those stand. */
const SHARED = ['server.mjs', 'policy.toml', 'command-line'];

/**
 * Starts `examples/NAME` by `npm start`. What it prints is in `printed()`; `serverDown` and `serverUp` end its Hospes and
 * begin it again, with the same database at the same port.
 */
export async function startExample(name) {
  const top = await mkdtemp(join(tmpdir(), `hospes-${name}-`));
  const folder = join(top, name);
  const lefts = ['node_modules', 'server', 'dist'];
  await cp(join(examples, name), folder, { recursive: true, filter: (path) => !lefts.includes(basename(path)) });
  for (const shared of SHARED) await cp(join(examples, shared), join(top, shared), { recursive: true });
  if (existsSync(join(folder, 'package-lock.json'))) {
    const packages = join(examples, name, 'node_modules');
    assert.ok(existsSync(packages), `run npm ci in examples/${name} first`);
    await symlink(packages, join(folder, 'node_modules'));
  }
  // The example runs `hospes`; this notes which process it is, so that a test can end it.
  const [hospesPath, pidFile] = [join(top, 'hospes'), join(top, 'hospes.pid')];
  const script = `#!/bin/sh\ncase "$*" in *serve) echo $$ >'${pidFile}';; esac\nexec '${process.env.INTEROP_HOSPES}' "$@"\n`;
  await writeFile(hospesPath, script);
  await chmod(hospesPath, 0o755);

  const [issuer, origin] = [`http://localhost:${await freePort()}`, `http://localhost:${await freePort()}`];
  const env = {
    PATH: process.env.PATH, HOME: process.env.HOME, HOSPES: hospesPath, ISSUER: issuer, APP_URL: origin,
    HOSPES_OPERATIONS_LISTEN: 'none', HOSPES_LIMITS__LOGIN_PER_MINUTE: '0', HOSPES_LIMITS__AUTHORIZE_PER_MINUTE: '0',
  };
  const command = spawn('npm', ['start'], { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [command.stdout, command.stderr]) stream.setEncoding('utf8').on('data', (text) => (printed += text));
  let server;

  async function until(isSo, what) {
    for (let waited = 0; waited < 1800; waited += 1) {
      if (await isSo()) return;
      assert.equal(command.exitCode, null, `examples/${name} has ended: ${printed}`);
      await sleep(100);
    }
    assert.fail(`examples/${name}: ${what}: ${printed}`);
  }
  const answers = (url) => async () => (await fetch(url).catch(() => undefined))?.status < 500;

  async function serverDown() {
    const pid = Number(await readFile(pidFile, 'utf8'));
    process.kill(pid, 'SIGTERM');
    const isGone = () => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    };
    await until(isGone, 'Hospes does not end');
  }

  async function serverUp() {
    server = spawn(hospesPath, ['--config', 'server/hospes.toml', 'serve'], { cwd: folder, env, stdio: 'ignore' });
    await until(answers(`${issuer}/.well-known/openid-configuration`), 'Hospes does not come back');
  }

  async function stop() {
    server?.kill();
    if (command.exitCode === null && command.signalCode === null) {
      const ended = once(command, 'close');
      process.kill(-command.pid, 'SIGTERM');
      await ended;
    }
    await rm(top, { recursive: true, force: true });
  }

  try {
    await until(() => printed.includes('Open this in your browser'), 'there is no link');
    // Whatever the app says at this address.
    await until(answers(origin), 'the app does not answer');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name, folder, issuer, origin, serverDown, serverUp, stop,
    printed: () => printed,
    /** What it noted about its server. */
    noted: JSON.parse(await readFile(join(folder, 'server/example.json'), 'utf8')),
    /** Runs the command line on its server, and reads the JSON. */
    async hospes(...words) {
      const { stdout } = await run(hospesPath, ['--config', 'server/hospes.toml', '--json', ...words], { cwd: folder, env });
      return stdout.trim() ? JSON.parse(stdout) : undefined;
    },
  };
}

/** The public client that each of the examples registers. */
export const lantern = ({ noted }) => ({
  client: { client_id: noted.CLIENT_ID, scope: 'openid notes.read notes.write', optional: 'notes.write' },
  redirectUri: 'http://127.0.0.1/callback',
});

/** Where `<hospes-consent>` shows what. */
export const consentElement = (page) => ({
  heading: page.locator('hospes-consent .card[data-screen="consent"] h1'),
  allow: page.locator('hospes-consent [part~="allow"]'),
  deny: page.locator('hospes-consent [part~="deny"]'),
  scope: (value) => page.locator(`hospes-consent [data-scope="${value}"] input[type="checkbox"]`),
});

const PASSWORD = 'correct horse battery staple';

/** The users of the examples in which Hospes has the users. */
export const elementUsers = {
  ada: { username: 'ada@harbour.example', password: PASSWORD },
  ben: { username: 'ben@harbour.example', password: PASSWORD },
};

/** Fills in `<hospes-login>`. */
export async function signInByElement(page, who = 'ada') {
  await page.fill('hospes-login input[type="email"]', elementUsers[who].username);
  await page.fill('hospes-login input[type="password"]', elementUsers[who].password);
  await page.click('hospes-login button[type="submit"]');
}
