// Hospes with its own pages: the host that is there without an app around.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../../server.mjs';

export const name = 'pages';

/** A few words are enough for the direction; the rest stays English. */
const ARABIC = `direction = "rtl"

[login]
title = "تسجيل الدخول إلى {host}"
submit = "تسجيل الدخول"

[consent]
allow = "السماح"
deny = "الرفض"
`;

export async function start() {
  const seed = new URL('./seed.toml', import.meta.url).pathname;
  const server = await startServer({
    seed,
    configure: (directory) => {
      mkdirSync(join(directory, 'locales'));
      writeFileSync(join(directory, 'locales', 'ar.toml'), ARABIC);
      return '\n[pages]\nlocales_dir = "locales"\n';
    },
  });
  const { issuer } = server;
  return {
    issuer,
    origin: issuer,
    client: { client_id: 'lantern', scope: 'openid notes.read notes.write', optional: 'notes.write' },
    redirectUri: 'http://127.0.0.1/callback',
    users,
    noScript: true,
    answersOnce: true,
    arabic: true,
    hospes: server.hospes,
    async signIn(page, who = 'ada') {
      await page.fill('#username', users[who].username);
      await page.fill('#password', users[who].password);
      await page.click('#login-submit');
    },
    async signOut(page) {
      await page.goto(`${issuer}/oauth2/logout`);
      await page.click('#logout-confirm');
      await page.locator('[data-page="logged-out"]').waitFor();
    },
    login: (page) => page.locator('#login-form'),
    consent: (page) => ({
      heading: page.locator('[data-page="consent"] h1'),
      allow: page.locator('#consent-allow'),
      deny: page.locator('#consent-deny'),
      scope: (value) => page.locator(`input[name="scope:${value}"]`),
    }),
    serverDown: server.down,
    serverUp: server.up,
    stop: server.stop,
  };
}

const PASSWORD = 'correct horse battery staple';
const users = {
  ada: { username: 'ada@harbour.example', password: PASSWORD },
  ben: { username: 'ben@harbour.example', password: PASSWORD },
};
