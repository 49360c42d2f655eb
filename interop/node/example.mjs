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
import { freePort } from './port.mjs';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const run = promisify(execFile);

/** What running an example leaves in its folder, and the files beside the folders on which the examples stand. */
const LEFT = ['node_modules', 'server', 'dist', '.venv', '__pycache__'];
const SHARED = ['server.mjs', 'policy.toml', 'command-line'];

/** An address of this machine on which nobody listens. */
export const freeAddress = async (host = 'localhost') => `http://${host}:${await freePort()}`;

/**
 * Starts `examples/NAME` by the commands of its README, the last of which goes on; it is there when it has printed
 * `ready` and answers at `origin`. What it prints is in `printed()`. `serverDown` and `serverUp` end its Hospes and begin
 * it again, with the same database at the same port; `restart` does so with all of it.
 */
export async function startExample(name, { commands = [['npm', 'start']], ready, origin, env: more = {} }) {
  const top = await mkdtemp(join(tmpdir(), `hospes-${name}-`));
  const folder = join(top, name);
  const copy = (from, to) => cp(from, to, { recursive: true, filter: (path) => !LEFT.includes(basename(path)) });
  await copy(join(examples, name), folder);
  for (const shared of SHARED.filter((shared) => shared !== name)) await copy(join(examples, shared), join(top, shared));
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

  const issuer = await freeAddress();
  const env = {
    PATH: process.env.PATH, HOME: process.env.HOME, HOSPES: hospesPath, ISSUER: issuer, HOSPES_OPERATIONS_LISTEN: 'none',
    // A test is faster than people are.
    HOSPES_LIMITS__LOGIN_PER_MINUTE: '0', HOSPES_LIMITS__AUTHORIZE_PER_MINUTE: '0', HOSPES_LIMITS__TOKEN_PER_SECOND: '0',
    ...more,
  };
  let printed, command, server;

  function begin([program, ...given]) {
    printed = '';
    command = spawn(program, given, { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [command.stdout, command.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (printed += text));
    }
  }

  async function until(isSo, what) {
    for (let waited = 0; waited < 1800; waited += 1) {
      if (await isSo()) return;
      assert.equal(command.exitCode, null, `examples/${name} has ended: ${printed}`);
      await sleep(100);
    }
    assert.fail(`examples/${name}: ${what}: ${printed}`);
  }
  const answers = (url) => async () => (await fetch(url).catch(() => undefined))?.status < 500;

  async function start() {
    begin(commands.at(-1));
    await until(() => ready.test(printed), 'it does not say that it is ready');
    await until(answers(origin), 'the app does not answer');
  }

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

  async function end() {
    if (server && server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'close');
      server.kill();
      await ended;
    }
    if (command.exitCode === null && command.signalCode === null) {
      const ended = once(command, 'close');
      process.kill(-command.pid, 'SIGTERM');
      await ended;
    }
  }

  async function stop() {
    await end();
    await rm(top, { recursive: true, force: true });
  }

  try {
    for (const first of commands.slice(0, -1)) {
      begin(first);
      const [code] = await once(command, 'close');
      assert.equal(code, 0, printed);
    }
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name, folder, issuer, origin, serverDown, serverUp, stop,
    printed: () => printed,
    restart: async () => {
      await end();
      await start();
    },
    /** Runs the command line on its server, and reads the JSON. */
    async hospes(...words) {
      const { stdout } = await run(hospesPath, ['--config', 'server/hospes.toml', '--json', ...words], { cwd: folder, env });
      return stdout.trim() ? JSON.parse(stdout) : undefined;
    },
  };
}
