// Notes, an application with users, passwords, sessions and an API of its own.

import express from 'express';
import { SignJWT, importPKCS8 } from 'jose';
import { beginSession, checkPassword, endSession, sessionById } from './accounts.mjs';
import { api } from './api.mjs';
import { STYLE, html, loginPage, notesPage, page, problemPage } from './pages.mjs';

const { APP_URL = 'http://localhost:3000' } = process.env;
const { ISSUER, PROFILE_ID, PRIVATE_KEY } = process.env;
const key = await importPKCS8(PRIVATE_KEY, 'ES256');
const CSP = `default-src 'self' ${ISSUER}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;
const app = express().disable('x-powered-by');

app.use((request, response, next) => {
  response.set({
    'cache-control': 'no-store',
    'content-security-policy': CSP,
    'referrer-policy': 'same-origin',
  });
  // Browsers say which site's page a request comes from; only a page of ours may change anything.
  const { origin } = request.headers;
  if (request.method !== 'GET' && origin && origin !== APP_URL) {
    return response.status(403).send(problemPage('This form is not ours.'));
  }
  request.session = sessionById(request.headers.cookie?.match(/(?:^|; )notes=([\w-]+)/)?.[1]);
  next();
});
app.use(express.urlencoded());
app.use('/api', api);

app.get('/', ({ session }, response) => (session ? response.send(notesPage(session.user)) : response.redirect(303, '/login')));

app.post('/notes', ({ session, body }, response) => {
  if (session && body?.note) session.user.notes.push(String(body.note));
  response.redirect(303, '/');
});

app.get('/login', ({ query }, response) => response.send(loginPage(query.return_url ?? '/')));

app.post('/login', ({ session, body }, response) => {
  const { email = '', password = '', return_url = '/' } = body ?? {};
  const user = checkPassword(String(email), String(password));
  if (!user) return response.status(401).send(loginPage(return_url, email, 'Email or password is wrong.'));
  endSession(session?.id);
  const isSecure = APP_URL.startsWith('https:');
  response.cookie('notes', beginSession(user), { httpOnly: true, sameSite: 'lax', secure: isSecure });
  // Only to a page of ours: the address came with a link that anybody may have made.
  const isOurs = URL.canParse(return_url, APP_URL) && new URL(return_url, APP_URL).origin === APP_URL;
  response.redirect(303, isOurs ? new URL(return_url, APP_URL).href : '/');
});

app.post('/logout', ({ session }, response) => {
  endSession(session?.id);
  response.clearCookie('notes').redirect(303, '/login');
});

// Whom Hospes sends here is asked by its element, which goes to our login first if nobody is logged in.
app.get('/authorize', (request, response) => response.send(page('Connect an app', html`
<script type="module" crossorigin src="${ISSUER}/sdk/hospes.js"></script>
<hospes-consent issuer="${ISSUER}" host-name="Notes" login-url="/login" token-url="/authorize/token">
</hospes-consent>`)));

// Who is logged in here, since when, and what they may pass on: signed, so that Hospes can believe it.
app.get('/authorize/token', async ({ session }, response) => {
  if (!session) return response.json(null);
  const { id, email } = session.user;
  const token = new SignJWT({ iss: APP_URL, aud: ISSUER, sub: id, email, roles: ['writer'], jti: crypto.randomUUID() })
    .setIssuedAt(session.since).setExpirationTime('1 minute').setProtectedHeader({ alg: 'ES256' });
  response.json({ trusted_token: await token.sign(key), profile_id: PROFILE_ID });
});

app.get('/style.css', (request, response) => response.type('css').send(STYLE));

app.use((request, response) => response.status(404).send(problemPage('There is no such page.')));

app.use((error, request, response, next) => {
  const status = error.status ?? 500;
  if (status >= 500) console.error(error);
  response.status(status).send(problemPage(status >= 500 ? 'Something went wrong here. Try again in a moment.' : error.message));
});

app.listen(new URL(APP_URL).port || 80, 'localhost', (error) => {
  if (error) throw error;
  console.log(`Notes is at ${APP_URL}`);
});
