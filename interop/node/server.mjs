// A Hospes of a test's own: made fresh, seeded, and stopped and started again while the test looks on.

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './port.mjs';

const run = promisify(execFile);
const BINARY = process.env.INTEROP_HOSPES;

/**
 * Starts a server on loopback, on SQLite, with the rate limits off.
 *
 * `seed` is a file for `hospes seed`; `configure(directory)` returns more of the configuration, as TOML tables.
 */
export async function startServer({ seed, configure = () => '' }) {
  const directory = mkdtempSync(join(tmpdir(), 'hospes-browser-'));
  const [port, operations] = [await freePort(), await freePort()];
  const issuer = `http://127.0.0.1:${port}`;
  const config = join(directory, 'hospes.toml');
  writeFileSync(join(directory, 'hospes.key'), randomBytes(32).toString('base64url'), { mode: 0o600 });
  writeFileSync(config, `
issuer = "${issuer}"
listen = "127.0.0.1:${port}"
operations_listen = "127.0.0.1:${operations}"

[database]
url = "sqlite:hospes.db"

[master_key]
file = "hospes.key"

[limits]
login_per_minute = 0
authorize_per_minute = 0
token_per_second = 0
failed_authentication_per_minute = 0
${configure(directory)}`);

  /** Runs `hospes COMMAND…` on this server; the answer is what it prints as JSON. */
  const hospes = async (...command) => {
    const { stdout } = await run(BINARY, ['--config', config, '--json', ...command], { timeout: 30_000 });
    return stdout.trim() ? JSON.parse(stdout) : undefined;
  };

  let serving;
  const up = async () => {
    let log = '';
    serving = spawn(BINARY, ['--config', config, 'serve'], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [serving.stdout, serving.stderr]) stream.on('data', (chunk) => (log = (log + chunk).slice(-8000)));
    for (let waited = 0; waited < 300; waited += 1) {
      if (serving.exitCode !== null) break;
      const answer = await fetch(`http://127.0.0.1:${operations}/healthz`).catch(() => undefined);
      if (answer?.ok) return;
      await sleep(100);
    }
    throw new Error(`hospes did not start: ${log}`);
  };
  const down = async () => {
    if (!serving || serving.exitCode !== null || serving.signalCode !== null) return;
    const ended = once(serving, 'exit');
    serving.kill('SIGTERM');
    await ended;
  };

  const stop = async () => {
    await down();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await hospes('migrate');
    await hospes('seed', seed);
    await up();
  } catch (error) {
    await stop();
    throw error;
  }
  return { issuer, hospes, up, down, stop };
}
