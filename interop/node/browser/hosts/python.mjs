// examples/fastapi: a Python application that draws the page in its back end's templates.

import { freeAddress, startExample } from '../../example.mjs';

export const name = 'python';

const PASSWORD = 'correct horse battery staple';

export async function start() {
  const [app, guest] = [await freeAddress(), await freeAddress('127.0.0.1')];
  const example = await startExample('fastapi', {
    // ./test installs what requirements.txt names into an environment of its own.
    commands: [[process.env.INTEROP_PYTHON ?? 'python3', 'start.py']],
    ready: /Ctrl-C ends it all/,
    origin: app,
    env: { LOGBOOK_URL: app, GUEST_URL: guest },
  });
  const { clients: [lantern] } = await example.hospes('client', 'list');
  const users = {
    ada: { username: 'ada@logbook.example', password: PASSWORD },
    ben: { username: 'ben@logbook.example', password: PASSWORD },
  };
  return {
    ...example,
    guest,
    client: { client_id: lantern.client_id, scope: 'openid notes.read notes.write', optional: 'notes.write' },
    redirectUri: 'http://127.0.0.1/callback',
    users,
    noScript: true,
    async signIn(page, who = 'ada') {
      await page.fill('#username', users[who].username);
      await page.fill('#password', users[who].password);
      await page.click('#login-submit');
    },
    async signOut(page) {
      await page.goto(app);
      await page.click('#logout');
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
