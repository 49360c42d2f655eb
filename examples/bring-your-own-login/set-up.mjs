// Makes a Hospes beside Harbour, in the folder `server`, and tells the two of each other.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AUDIENCE } from './login.mjs';

const { HOSPES = 'hospes', ISSUER = 'http://localhost:8080', HARBOUR_URL = 'http://localhost:3000' } = process.env;
const folder = 'server';
const policy = fileURLToPath(new URL('../policy.toml', import.meta.url));

if (existsSync(folder)) {
  console.error(`There is a folder "${folder}" already. Remove it to begin anew, or go on with: node start.mjs`);
  process.exit(1);
}
mkdirSync(folder);

/** Runs a command of Hospes; the answer is what it prints. */
function hospes(...command) {
  console.log(`hospes ${command.join(' ')}`);
  const { status, stdout, error } = spawnSync(HOSPES, ['--json', ...command], {
    cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) {
    if (error) console.error(`${HOSPES} cannot be run: ${error.message}`);
    rmSync(folder, { recursive: true });
    process.exit(1);
  }
  return stdout.trim() ? JSON.parse(stdout) : undefined;
}

const project = hospes('init', '--issuer', ISSUER, '--name', 'Harbour');
// For development only: Harbour is on this machine, and Hospes fetches from the public internet alone.
const config = `${folder}/hospes.toml`;
writeFileSync(config, readFileSync(config, 'utf8').replace('#allow = []', 'allow = ["localhost"]'));

hospes('policy', 'apply', policy);
// Guests are sent to Harbour's page, by Hospes or at once, and find everything else at Hospes.
hospes('settings', 'set', 'stytch.enabled', 'true');
hospes('settings', 'set', 'stytch.issuer', 'issuer');
hospes('settings', 'set', 'authorization_url', `${HARBOUR_URL}/authorize`);
// Whom Harbour has logged in, Hospes believes.
const profile = hospes(
  'trusted-profile', 'add', '--name', 'Harbour',
  '--issuer', `${HARBOUR_URL}/`, '--audience', AUDIENCE, '--jwks-url', `${HARBOUR_URL}/.well-known/jwks.json`,
  '--external-id-claim', 'sub', '--roles-claim', 'app_metadata.roles', '--jit',
  '--host-check-url', `${HARBOUR_URL}/hospes/check`,
);

// A guest that begins at Hospes itself: somebody else's program, which can keep no secret.
const lantern = hospes(
  'client', 'add', '--name', 'Lantern', '--public', '--native', '--redirect-uri', 'http://127.0.0.1/callback',
);

const known = {
  PROJECT_ID: project.project_id, SECRET: project.secret, PROFILE_ID: profile.profile_id, LANTERN_ID: lantern.client_id,
};
writeFileSync(`${folder}/harbour.json`, JSON.stringify(known, null, 2), { mode: 0o600 });
console.log('\nDone. Go on with: node start.mjs');
