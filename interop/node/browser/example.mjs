// The examples that run on Node and have an authorization page: how the hosts start them, and what their pages share.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freeAddress, startExample as start } from '../example.mjs';

/** Starts `examples/NAME` by `npm start`; `noted` is what it has noted about its server. */
export async function startExample(name) {
  const origin = await freeAddress();
  const example = await start(name, { ready: /Open this in your browser/, origin, env: { APP_URL: origin } });
  return { ...example, noted: JSON.parse(await readFile(join(example.folder, 'server/example.json'), 'utf8')) };
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
