// A host app whose authorization page is one tag: the SDK's elements, served by Hospes, on a page without a build.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { startServer } from '../../server.mjs';

export const name = 'elements';

const STYLE = `
  body { margin: 0; min-height: 100vh; box-sizing: border-box; padding: clamp(1rem, 6vh, 4rem) 1rem; background: #f6f5f2; }
  @media (prefers-color-scheme: dark) { body { background: #101211; } }
`;

export async function start() {
  const server = await startServer({ seed: new URL('./seed.toml', import.meta.url).pathname });
  const { issuer, hospes } = server;
  const app = createServer((request, response) => {
    if (request.url === '/style.css') return response.writeHead(200, { 'content-type': 'text/css' }).end(STYLE);
    const lang = /^ar\b/.test(request.headers['accept-language'] ?? '') ? 'ar' : 'en';
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      // The policy that the README of the SDK recommends, with the host app's own form-action.
      'content-security-policy': `default-src 'none'; script-src ${issuer}; connect-src ${issuer}; style-src 'self'; `
        + "img-src https: data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    });
    response.end(`<!doctype html><html lang="${lang}" dir="${lang === 'ar' ? 'rtl' : 'ltr'}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Harbour</title><link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,"><script type="module" crossorigin src="${issuer}/sdk/hospes.js"></script>
<body><main><hospes-consent issuer="${issuer}" host-name="Harbour"></hospes-consent></main></body></html>`);
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const origin = `http://127.0.0.1:${app.address().port}`;
  await hospes('settings', 'set', 'sdk.domains', JSON.stringify([origin]));
  await hospes('settings', 'set', 'authorization_url', `${origin}/authorize`);
  return {
    issuer,
    origin,
    client: { client_id: 'lantern', scope: 'openid notes.read notes.write', optional: 'notes.write' },
    redirectUri: 'http://127.0.0.1/callback',
    users,
    arabic: true,
    hospes,
    // No `signOut`: the element keeps the login in the memory of its tab, so that no other tab can end it.
    async signIn(page, who = 'ada') {
      await page.fill('hospes-consent input[autocomplete~="username"]', users[who].username);
      await page.fill('hospes-consent input[autocomplete="current-password"]', users[who].password);
      await page.click('hospes-consent form button[type="submit"]');
    },
    login: (page) => page.locator('hospes-consent form[data-method="password"]'),
    consent: (page) => ({
      heading: page.locator('hospes-consent .card[data-screen="consent"] h1'),
      allow: page.locator('hospes-consent [part~="allow"]'),
      deny: page.locator('hospes-consent [part~="deny"]'),
      scope: (value) => page.locator(`hospes-consent [data-scope="${value}"] input`),
    }),
    serverDown: server.down,
    serverUp: server.up,
    async stop() {
      app.closeAllConnections();
      app.close();
      await server.stop();
    },
  };
}

const PASSWORD = 'correct horse battery staple';
const users = {
  ada: { username: 'ada@harbour.example', password: PASSWORD },
  ben: { username: 'ben@harbour.example', password: PASSWORD },
};
