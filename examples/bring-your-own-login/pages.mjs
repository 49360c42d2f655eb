// Harbour's pages. They work without JavaScript.

const escape = (text) => String(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** HTML in which everything put in is text, unless it is HTML already. */
class Html extends String {}
const shown = (value) => (Array.isArray(value) ? value.map(shown).join('') : value instanceof Html ? value : escape(value));
const html = (parts, ...values) => new Html(parts.reduce((text, part, at) => text + shown(values[at - 1]) + part));

export const STYLE = `
body { font: 1rem/1.5 system-ui, sans-serif; color: #17324d; background: #eef3f7; margin: 0; }
main { max-width: 26rem; margin: 12vh auto 2rem; padding: 2rem; background: #fff; border-radius: 12px; }
h1 { font-size: 1.4rem; margin-top: 0; }
label { display: block; margin: 1rem 0; }
input { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid #7b93a8; border-radius: 6px; }
button { font: inherit; padding: .6rem 1.2rem; border: 1px solid #0b5cab; border-radius: 6px; background: #0b5cab; color: #fff; }
button.quiet { background: #fff; color: #0b5cab; }
form.row { display: flex; gap: .75rem; margin-top: 1.5rem; }
li { margin: .3rem 0; }
.no { color: #5d6f80; }
[role=alert] { color: #a3161f; }
`;

const page = (name, title, content) => html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} · Harbour</title>
<link rel="stylesheet" href="/style.css">
<body data-page="${name}">
<main><h1>${title}</h1>${content}</main>
</body>
</html>
`;

export const loginPage = (next, email, problem) => page('login', 'Log in to Harbour', html`
${problem ? html`<p role="alert">${problem}</p>` : ''}
<form id="login-form" method="post" action="/login">
<input type="hidden" name="next" value="${next}">
<label>Email <input name="username" type="email" value="${email}" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button id="login-submit">Log in</button>
</form>`);

/** Who asks, for what, where the answer goes, and who is asked: whoever cannot see that cannot decide. */
export const consentPage = (client, scopes, redirectUri, email, query) => page('consent', `Allow ${client.client_name}?`, html`
<p><b>${client.client_name}</b> asks to use Harbour for you, <b>${email}</b>:</p>
<ul>${scopes.map(({ description, is_grantable }) =>
  is_grantable ? html`<li>${description}</li>` : html`<li class="no">${description}: your account may not do this</li>`)}</ul>
<p>The answer goes to <b>${new URL(redirectUri).host || redirectUri}</b>.</p>
<form id="consent-form" class="row" method="post" action="/authorize">
<input type="hidden" name="query" value="${query}">
<button id="consent-allow" name="answer" value="allow">Allow</button>
<button id="consent-deny" name="answer" value="deny" class="quiet">Deny</button>
</form>`);

export const homePage = ({ email, roles }) => page('home', 'Harbour', html`
<p>You are logged in as <b>${email}</b>, with the role ${roles.join(' and ')}.</p>
<form class="row" method="post" action="/logout"><button>Log out</button></form>
<form class="row" method="post" action="/close"><button id="close" class="quiet">Close my account</button></form>`);

export const problemPage = (problem) => page('problem', 'That did not work', html`<p role="alert">${problem}</p>`);
