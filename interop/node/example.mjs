// An example of `examples` as its README starts it, on ports of its own, whose Hospes can go away and come back.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './port.mjs';

const run = promisify(execFile);
const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const hospes = process.env.INTEROP_HOSPES;

/**
 * Starts `examples/NAME` in a copy of its folder: runs `commands` one after the other, and waits until the last has
 * printed `ready`. Its Hospes has the configuration `server/hospes.toml`; `env` says more than where that is.
 */
export async function startExample(name, { commands, ready, env: more }) {
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const directory = await mkdtemp(join(tmpdir(), `hospes-${name}-`));
  const folder = join(directory, name);
  const isKept = (path) => !/[\\/](server|node_modules|\.venv|__pycache__)$/.test(path);
  await cp(join(examples, name), folder, { recursive: true, filter: isKept });
  await cp(join(examples, 'policy.toml'), join(directory, 'policy.toml'));
  const env = {
    PATH: process.env.PATH, HOSPES: hospes, ISSUER: issuer, HOSPES_OPERATIONS_LISTEN: 'none',
    // A test is faster than people are.
    HOSPES_LIMITS__AUTHORIZE_PER_MINUTE: '0', HOSPES_LIMITS__TOKEN_PER_SECOND: '0',
    ...more,
  };
  const options = { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] };
  const children = [];
  const begin = ([program, ...given]) => {
    const child = spawn(program, given, options);
    child.printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        child.printed = (child.printed + text).slice(-20_000);
        child.emit('printed');
      });
    }
    children.push(child);
    return child;
  };
  const end = async (child) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill();
    await ended;
  };

  const last = commands.at(-1);
  for (const command of commands.slice(0, -1)) {
    const child = begin(command);
    const [code] = await once(child, 'close');
    assert.equal(code, 0, child.printed);
  }
  let app, serving;
  const start = async () => {
    app = begin(last);
    while (!ready.test(app.printed)) {
      await Promise.race([once(app, 'printed'), once(app, 'close')]);
      assert.equal(app.exitCode, null, app.printed);
    }
    serving = await childOf(app.pid, 'serve');
  };
  await start();
  const serverDown = async () => {
    if (typeof serving === 'number') process.kill(serving, 'SIGTERM');
    else serving?.kill('SIGTERM');
    serving = undefined;
    while (await isThere(issuer)) await sleep(50);
  };
  return {
    issuer,
    folder,
    printed: () => app.printed,
    hospes: async (...command) => {
      const given = ['--config', 'server/hospes.toml', '--json', ...command];
      const { stdout } = await run(hospes, given, { cwd: folder, timeout: 30_000 });
      return stdout.trim() ? JSON.parse(stdout) : undefined;
    },
    serverDown,
    serverUp: async () => {
      serving ??= begin([hospes, '--config', 'server/hospes.toml', 'serve']);
      for (let waited = 0; !(await isThere(issuer)); waited += 1) {
        assert.ok(waited < 300 && serving.exitCode === null, serving.printed);
        await sleep(100);
      }
    },
    /** All of it ends and begins again; nothing in memory survives. */
    restart: async () => {
      await serverDown();
      await end(app);
      await start();
    },
    stop: async () => {
      await Promise.all(children.map(end));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The process below `parent` that was started with `word`. */
async function childOf(parent, word) {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,args=']);
  const lines = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const found = lines.find(([, ppid, ...args]) => Number(ppid) === parent && args.includes(word));
  assert.ok(found, `the example runs no ${word}`);
  return Number(found[0]);
}

const isThere = (issuer) => fetch(`${issuer}/.well-known/openid-configuration`).then((answer) => answer.ok, () => false);
