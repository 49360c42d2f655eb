// The command line of the server under test.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs `hospes COMMAND…` beside the running server; the answer is what it prints as JSON. */
export async function hospes(...command) {
  const { stdout } = await run(process.env.INTEROP_HOSPES, ['--config', process.env.INTEROP_CONFIG, '--json', ...command], {
    timeout: 30_000,
  });
  return stdout.trim() ? JSON.parse(stdout) : undefined;
}
