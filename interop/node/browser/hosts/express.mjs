// examples/express: an app with users of its own, which proves by a signed token who is logged in.

import { consentElement, lantern, startExample } from '../example.mjs';

export const name = 'express';

export async function start() {
  const example = await startExample('express');
  return {
    ...example,
    ...lantern(example),
    users,
    async signIn(page, who = 'ada') {
      await page.fill('#login [name="email"]', users[who].username);
      await page.fill('#login [name="password"]', users[who].password);
      await page.click('#login button');
    },
    async signOut(page) {
      await page.goto(`${example.origin}/`);
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.waitForSelector('#login');
    },
    login: (page) => page.locator('#login'),
    consent: consentElement,
  };
}

const PASSWORD = 'correct horse battery staple';
const users = {
  ada: { username: 'ada@notes.example', password: PASSWORD },
  ben: { username: 'ben@notes.example', password: PASSWORD },
};
