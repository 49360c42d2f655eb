// Makes a Hospes in the folder `server`, fills its address into the pages, and serves both.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { serveFiles } from './files.mjs';
import { ISSUER, PASSWORD, invite, made, pinnedSdk, seedHarbour, serve } from '../server.mjs';

const { APP_URL = 'http://localhost:3000' } = process.env;
const { CLIENT_ID } = made(() => seedHarbour(`${APP_URL}/authorize.html`));

await serve();
// Anew at each start: another version of Hospes has other elements.
const { src, integrity } = pinnedSdk();
mkdirSync('server/pages', { recursive: true });
for (const file of readdirSync('pages')) {
  const text = readFileSync(`pages/${file}`, 'utf8')
    .replace('src="https://auth.example.com/sdk/hospes.js" integrity=""', `src="${src}" integrity="${integrity}"`)
    .replaceAll('https://auth.example.com', ISSUER);
  writeFileSync(`server/pages/${file}`, text);
}

await serveFiles('server/pages', APP_URL).catch((error) => {
  console.error(`The pages cannot be at ${APP_URL}: ${error.message}`);
  process.exit(1);
});
console.log(`
The pages are at ${APP_URL}/authorize.html (to which guests are sent) and ${APP_URL}/apps.html
The users are ada and ben @harbour.example; their password is: ${PASSWORD}`);
invite(CLIENT_ID, 'openid email notes.read notes.write');
