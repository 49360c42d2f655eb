// Harbour, an application with a login of its own, lets other applications act for its users.
//
// A guest sends the browser to /authorize. Harbour logs its user in as always, shows Hospes the token of that login, asks
// the user, and sends the browser back with what Hospes answers. Codes, tokens and keys are the business of Hospes.

import { createServer } from 'node:http';
import { asked, attest, authorize, disable, questionOf, Refused, startAuthorization } from './hospes.mjs';
import { beginSession, close, endSession, jwks, logIn, sessionOf, tokenOf, userOf } from './login.mjs';
import { consentPage, homePage, loginPage, problemPage, STYLE } from './pages.mjs';

const { HARBOUR_URL = 'http://localhost:3000' } = process.env;
const TOKEN_ISSUER = `${HARBOUR_URL}/`;

/** The guest's request: after the login, and after consent unless it was given before. */
async function begin({ url, session }) {
  const prompt = (url.searchParams.get('prompt') ?? '').split(' ').filter(Boolean);
  if (!session || prompt.includes('login')) {
    // Once is enough: the way back does not ask for it again.
    const others = prompt.filter((value) => value !== 'login').join(' ');
    if (others) url.searchParams.set('prompt', others);
    else url.searchParams.delete('prompt');
    return redirect(`/login?${new URLSearchParams({ next: url.pathname + url.search })}`);
  }
  const request = asked(url.searchParams);
  const { session_token } = await attest(tokenOf(session.user, TOKEN_ISSUER));
  const { client, consent_required, scope_results } = await startAuthorization(request, session_token);
  if (!consent_required) return redirect((await authorize(request, session_token, true)).redirect_uri);
  return page(consentPage(client, scope_results, request.redirect_uri, session.user.email, url.search));
}

/** The user's answer. The request comes back with the form and is checked anew, as if it were the first time. */
async function decide({ form, session }) {
  if (!session) return redirect('/login');
  const request = asked(new URLSearchParams(form.get('query') ?? ''));
  const { session_token } = await attest(tokenOf(session.user, TOKEN_ISSUER));
  return redirect((await authorize(request, session_token, form.get('answer') === 'allow')).redirect_uri);
}

function enter({ form }) {
  const user = logIn(form.get('username') ?? '', form.get('password') ?? '');
  if (!user) return page(loginPage(form.get('next') ?? '', form.get('username') ?? '', 'Email or password is wrong.'), 401);
  const cookie = `harbour=${beginSession(user)}; Path=/; HttpOnly; SameSite=Lax${HARBOUR_URL.startsWith('https') ? '; Secure' : ''}`;
  // Only to a page of ours: the address came with a link that anybody may have made.
  const next = form.get('next') ?? '';
  const isOurs = URL.canParse(next, HARBOUR_URL) && new URL(next, HARBOUR_URL).origin === HARBOUR_URL;
  return { ...redirect(isOurs ? new URL(next, HARBOUR_URL).href : '/'), cookie };
}

function leave({ sessionId }) {
  endSession(sessionId);
  return redirect('/login');
}

/** An account is closed: at once for every guest, not only when the next refresh token comes. */
async function closeAccount({ session }) {
  if (!session) return redirect('/login');
  close(session.user);
  await disable(session.user.id).catch((error) => {
    // Hospes never met somebody who used no guest.
    if (error.type !== 'user_not_found') throw error;
  });
  return page(problemPage('Your account is closed.'));
}

/** Hospes asks whether a user still has access here, before it renews a guest's tokens. */
async function check({ request }) {
  const question = await questionOf(request.headers.authorization, `${HARBOUR_URL}/hospes/check`);
  if (!question) return json({ error: 'who asks?' }, 401);
  const user = userOf(question.external_id);
  return json({ active: user !== undefined && !user.closed });
}

const redirect = (location) => ({ status: 303, location });
const page = (body, status = 200) => ({ status, type: 'text/html; charset=utf-8', body: String(body) });
const json = (value, status = 200) => ({ status, type: 'application/json', body: JSON.stringify(value) });

const routes = {
  'GET /': ({ session }) => (session ? page(homePage(session.user)) : redirect('/login')),
  'GET /login': ({ url }) => page(loginPage(url.searchParams.get('next') ?? '', '')),
  'POST /login': enter,
  'POST /logout': leave,
  'POST /close': closeAccount,
  'GET /authorize': begin,
  'POST /authorize': decide,
  // As the SDKs of Auth0, Firebase and Supabase give it to the front end.
  'GET /token': ({ session }) => (session ? json({ token: tokenOf(session.user, TOKEN_ISSUER) }) : json({ error: 'log in' }, 401)),
  'GET /.well-known/jwks.json': () => json(jwks),
  'GET /hospes/check': check,
  'GET /style.css': () => ({ status: 200, type: 'text/css', body: STYLE }),
};

async function bodyOf(request) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > 65_536) throw new Error('the form is too long');
  }
  return new URLSearchParams(body);
}

async function answer(request) {
  const url = new URL(request.url, HARBOUR_URL);
  const route = routes[`${request.method} ${url.pathname}`];
  if (!route) return page(problemPage('There is no such page.'), 404);
  // Browsers say where a form stands; one on another site must not decide here.
  if (request.method === 'POST' && request.headers.origin !== HARBOUR_URL) return page(problemPage('This form is not ours.'), 403);
  const sessionId = request.headers.cookie?.match(/(?:^|; )harbour=([\w-]+)/)?.[1];
  const form = request.method === 'POST' ? await bodyOf(request) : undefined;
  try {
    return await route({ request, url, form, sessionId, session: sessionOf(sessionId) });
  } catch (error) {
    // Never back to the guest: what is refused here may be its redirect URI.
    if (error instanceof Refused) return page(problemPage(`${error.message} (${error.type})`), 400);
    throw error;
  }
}

createServer(async (request, response) => {
  let result;
  try {
    result = await answer(request);
  } catch (error) {
    console.error(error);
    result = page(problemPage('Something went wrong here. Try again in a moment.'), 500);
  }
  const { status, location, type, cookie, body } = result;
  response.writeHead(status, {
    ...(location && { location }),
    ...(type && { 'content-type': type }),
    ...(cookie && { 'set-cookie': cookie }),
    'cache-control': 'no-store',
    // No form-action: browsers apply it to where a form's answer leads, and that is the guest.
    'content-security-policy': "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    'referrer-policy': 'same-origin',
  });
  response.end(body);
}).listen(new URL(HARBOUR_URL).port, 'localhost', () => console.log(`Harbour is at ${HARBOUR_URL}`));
