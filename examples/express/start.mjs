// Makes a Hospes for Notes, in the folder `server`, and starts the two. Read it for the commands.

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ISSUER, PASSWORD, addLantern, answers, hospes, invite, made, run, serve } from '../server.mjs';

const { APP_URL = 'http://localhost:3000' } = process.env;
const policy = fileURLToPath(new URL('../policy.toml', import.meta.url));

const { PROFILE_ID, CLIENT_ID } = made(() => {
  hospes(['init', '--issuer', ISSUER, '--name', 'Notes']);
  hospes(['policy', 'apply', policy]);
  hospes(['settings', 'set', 'authorization_url', `${APP_URL}/authorize`]);
  hospes(['settings', 'set', 'sdk.domains', JSON.stringify([APP_URL])]);
  // Whom Notes has logged in, Hospes believes: here is the key with which Notes says so.
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync('server/notes.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync('server/notes.pub.pem', publicKey.export({ type: 'spki', format: 'pem' }));
  const { profile_id } = hospes([
    'trusted-profile', 'add', '--name', 'Notes', '--issuer', APP_URL, '--audience', ISSUER,
    '--pem-file', 'notes.pub.pem', '--external-id-claim', 'sub', '--roles-claim', 'roles', '--jit',
  ]);
  const CLIENT_ID = addLantern();
  // Access tokens say who the user is at Hospes; Lantern's are to say who that is at Notes as well.
  hospes(['client', 'update', CLIENT_ID, '--access-token-template', '{"external_id": {{ user.external_id }}}']);
  return { PROFILE_ID: profile_id, CLIENT_ID };
});

await serve();
const PRIVATE_KEY = readFileSync('server/notes.pem', 'utf8');
run('node', ['app.mjs'], { APP_URL, ISSUER, PROFILE_ID, PRIVATE_KEY });
await answers(`${APP_URL}/login`);
console.log(`
The users of Notes are ada and ben @notes.example; their password is: ${PASSWORD}
Hospes is at ${ISSUER}`);
invite(CLIENT_ID, 'openid email notes.read notes.write');
