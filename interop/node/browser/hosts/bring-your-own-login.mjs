// examples/bring-your-own-login: an application that proves by the tokens of its own login who is there.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freeAddress, startExample } from '../../example.mjs';

export const name = 'bring-your-own-login';

const PASSWORD = 'correct horse battery staple';

export async function start() {
  const origin = await freeAddress();
  const example = await startExample('bring-your-own-login', {
    commands: [['node', 'set-up.mjs'], ['node', 'start.mjs']],
    ready: /To be a guest/,
    origin,
    env: { HARBOUR_URL: origin },
  });
  const { LANTERN_ID } = JSON.parse(await readFile(join(example.folder, 'server/harbour.json'), 'utf8'));
  const users = {
    ada: { username: 'ada@harbour.example', password: PASSWORD },
    ben: { username: 'ben@harbour.example', password: PASSWORD },
  };
  return {
    ...example,
    client: { client_id: LANTERN_ID, scope: 'openid notes.read notes.write', optional: 'notes.write' },
    redirectUri: 'http://127.0.0.1/callback',
    users,
    noScript: true,
    async signIn(page, who = 'ada') {
      await page.fill('[name="username"]', users[who].username);
      await page.fill('[name="password"]', users[who].password);
      await page.click('#login-submit');
    },
    async signOut(page) {
      await page.goto(origin);
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.locator('#login-form').waitFor();
    },
    login: (page) => page.locator('#login-form'),
    consent: (page) => ({
      heading: page.locator('[data-page="consent"] h1'),
      allow: page.locator('#consent-allow'),
      deny: page.locator('#consent-deny'),
      scope: (value) => page.locator(`input[type="checkbox"][value="${value}"]`),
    }),
    // When the application's own answer was lost, the browser shows a page of its own, and sends the form again.
    retry: async (page) => ((await page.locator('#retry').count()) ? page.click('#retry') : page.reload()),
  };
}
