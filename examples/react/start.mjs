// Makes a Hospes in the folder `server`, builds the app for its address, and serves both.

import { build, preview } from 'vite';
import { PASSWORD, invite, made, seedHarbour, serve } from '../server.mjs';

const { APP_URL = 'http://localhost:3000' } = process.env;
const { CLIENT_ID } = made(() => seedHarbour(`${APP_URL}/authorize`));

await serve();
await build({ logLevel: 'error' });
await preview();
console.log(`
Harbour is at ${APP_URL}
Its users are ada and ben @harbour.example; their password is: ${PASSWORD}`);
invite(CLIENT_ID, 'openid email notes.read notes.write');
