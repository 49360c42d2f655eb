// Makes a Hospes in the folder `server`, fills its address into the pages, and serves both. Read it for the commands.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { serveFiles } from './files.mjs';
import { ISSUER, hospes, invite, made, pinnedSdk, serve } from '../server.mjs';

const { APP_URL = 'http://localhost:3000' } = process.env;
const PASSWORD = 'correct horse battery staple';
const policy = fileURLToPath(new URL('../policy.toml', import.meta.url));

const { CLIENT_ID } = made(() => {
  hospes(['init', '--issuer', ISSUER, '--name', 'Harbour']);
  hospes(['policy', 'apply', policy]);
  hospes(['settings', 'set', 'authorization_url', `${APP_URL}/authorize.html`]);
  hospes(['settings', 'set', 'sdk.domains', JSON.stringify([APP_URL])]);
  for (const [name, email] of [['Ada Quay', 'ada@harbour.example'], ['Ben Pier', 'ben@harbour.example']]) {
    hospes(['user', 'add', '--name', name, '--email', email, '--role', 'writer', '--password-stdin'], PASSWORD);
  }
  const { client_id } = hospes([
    'client', 'add', '--name', 'Lantern', '--public', '--native', '--redirect-uri', 'http://127.0.0.1/callback',
  ]);
  return { CLIENT_ID: client_id };
});

// Anew at each start: another version of Hospes has other elements.
const { src, integrity } = pinnedSdk();
mkdirSync('server/pages', { recursive: true });
for (const file of readdirSync('pages')) {
  const text = readFileSync(`pages/${file}`, 'utf8')
    .replace('src="https://auth.example.com/sdk/hospes.js" integrity=""', `src="${src}" integrity="${integrity}"`)
    .replaceAll('https://auth.example.com', ISSUER);
  writeFileSync(`server/pages/${file}`, text);
}

await serve();
serveFiles('server/pages', APP_URL);
console.log(`
The pages are at ${APP_URL}/authorize.html (to which guests are sent) and ${APP_URL}/apps.html
The users are ada and ben @harbour.example; their password is: ${PASSWORD}`);
invite(CLIENT_ID, 'openid email notes.read notes.write');
