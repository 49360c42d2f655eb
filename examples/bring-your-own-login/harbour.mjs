// Harbour, an application with a login of its own, lets other applications act for its users.
//
// A guest sends the browser to /authorize, by way of Hospes or at once. Harbour logs its user in as always, shows Hospes
// the token of that login, asks the user, and sends the browser back with what Hospes answers. Codes, tokens and keys are
// the business of Hospes.

import { createServer } from 'node:http';
import {
  asked, attest, authorize, Away, decideInteraction, disable, loggedIn, openInteraction, questionOf, Refused,
  startAuthorization,
} from './hospes.mjs';
import { beginSession, close, endSession, jwks, logIn, sessionOf, tokenOf, userOf } from './login.mjs';
import { consentPage, homePage, loginPage, problemPage, retryPage, STYLE } from './pages.mjs';

const { HARBOUR_URL = 'http://localhost:3000' } = process.env;
const TOKEN_ISSUER = `${HARBOUR_URL}/`;

const tokenFor = (session) => session && tokenOf(session, TOKEN_ISSUER);

/** The guest's request, by its handle or whole: after the login, and after consent unless it was given before. */
const begin = (visit) => (visit.url.searchParams.has('interaction') ? beginByHandle(visit) : beginByQuery(visit));

/** Hospes has the request, and says what is next. */
async function beginByHandle({ url, session }) {
  const id = url.searchParams.get('interaction');
  const interaction = await openInteraction(id, tokenFor(session));
  if (interaction.next === 'redirect') return redirect(interaction.redirect_url);
  // The handle is in the address to which the login leads back.
  if (interaction.next === 'login' || !session) return toLogin(url);
  return page(consentPage({ ...interaction, confirmOnly: interaction.confirm_only, kept: { interaction: id } }, session.user));
}

/** The guest came straight here, as those of Stytch's contract do. */
async function beginByQuery({ url, session }) {
  const prompt = (url.searchParams.get('prompt') ?? '').split(' ').filter(Boolean);
  if (!session || prompt.includes('login')) {
    // Once is enough: the way back does not ask for it again.
    const others = prompt.filter((value) => value !== 'login').join(' ');
    if (others) url.searchParams.set('prompt', others);
    else url.searchParams.delete('prompt');
    return toLogin(url);
  }
  const request = asked(url.searchParams);
  const { session_token } = await attest(tokenFor(session));
  const { client, consent_required, scope_results } = await startAuthorization(request, session_token);
  if (!consent_required) return redirect((await authorize(request, session_token, true)).redirect_uri);
  const to = new URL(request.redirect_uri);
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(to.hostname);
  return page(consentPage({
    client: { name: client.client_name },
    scopes: scope_results.map((result) => ({ scope: result.scope, text: result.description, grantable: result.is_grantable })),
    redirect: { host: to.host || to.href, kind: to.protocol === 'https:' && !isHere ? 'web' : 'app' },
    kept: { query: url.search },
  }, session.user));
}

/** The user's answer. A whole request comes back with the form and is checked anew, as if it were the first time. */
async function decide({ form, session }) {
  const [id, query] = [form.get('interaction'), form.get('query') ?? ''];
  // Whoever was asked has gone, and perhaps another has come: they are asked themselves.
  const again = id ? `/authorize?${new URLSearchParams({ interaction: id })}` : `/authorize?${new URLSearchParams(query)}`;
  if (session?.user.id !== form.get('user')) return redirect(again);
  const isAllowed = form.get('answer') === 'allow';
  try {
    if (id) {
      const answer = [isAllowed ? 'allow' : 'deny', isAllowed ? form.getAll('scope') : []];
      return redirect((await decideInteraction(id, tokenFor(session), ...answer)).redirect_url);
    }
    const { session_token } = await attest(tokenFor(session));
    return redirect((await authorize(asked(new URLSearchParams(query)), session_token, isAllowed)).redirect_uri);
  } catch (error) {
    if (error instanceof Away) return page(retryPage(form), 503);
    throw error;
  }
}

const toLogin = (url) => redirect(`/login?${new URLSearchParams({ next: url.pathname + url.search })}`);

async function enter({ form }) {
  const user = logIn(form.get('username') ?? '', form.get('password') ?? '');
  if (!user) return page(loginPage(form.get('next') ?? '', form.get('username') ?? '', 'Email or password is wrong.'), 401);
  const session = beginSession(user);
  const cookie = `harbour=${session.id}; Path=/; HttpOnly; SameSite=Lax${HARBOUR_URL.startsWith('https') ? '; Secure' : ''}`;
  // Only to a page of ours: the address came with a link that anybody may have made.
  const next = form.get('next') ?? '';
  const to = URL.canParse(next, HARBOUR_URL) && new URL(next, HARBOUR_URL);
  const isOurs = to && to.origin === HARBOUR_URL;
  const id = isOurs && to.pathname === '/authorize' && to.searchParams.get('interaction');
  // A guest may want a fresh login; this is one.
  if (id) await loggedIn(id, tokenFor(session));
  return { ...redirect(isOurs ? to.href : '/'), cookie };
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
  'GET /token': ({ session }) => (session ? json({ token: tokenFor(session) }) : json({ error: 'log in' }, 401)),
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
    if (error instanceof Away) return page(problemPage('That cannot be done just now. Try again in a moment.'), 503);
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
