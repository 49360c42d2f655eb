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
main { overflow-wrap: anywhere; }
@media (max-width: 30rem) { main { margin: 1rem .5rem; } }
label { display: block; margin: 1rem 0; }
ul { padding-left: 1.7rem; }
li.box { list-style: none; margin-left: -1.7rem; }
li.box label { display: flex; gap: .5rem; margin: 0; }
input[type=checkbox] { flex: none; width: 1.2rem; height: 1.2rem; margin: .15rem 0 0; }
.warning { padding: .6rem .9rem; background: #fdf3d7; border-radius: 6px; }
input:not([type=checkbox]) { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid #7b93a8; border-radius: 6px; }
button { font: inherit; padding: .6rem 1.2rem; border: 1px solid #0b5cab; border-radius: 6px; background: #0b5cab; color: #fff; }
button.quiet { background: #fff; color: #0b5cab; }
.row { display: flex; gap: .75rem; margin-top: 1.5rem; }
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

/**
 * Who asks, for what, where the answer goes, and who is asked: whoever cannot see that cannot decide.
 *
 * `kept` are the fields by which the form says what it answers. A page left open must not answer for the next user, so it
 * also says whom it has asked.
 */
export const consentPage = ({ client, resources = [], scopes, redirect, confirmOnly, kept }, user) =>
  page('consent', confirmOnly ? `Go on to ${client.name}?` : `Allow ${client.name}?`, html`
<p><b>${client.name}</b> asks to use Harbour for you, <b>${user.email}</b>${confirmOnly ? ', as you have allowed before' : ''}.
${client.verified ? 'We know who makes it.' : 'We have not checked who makes it.'}</p>
${client.deceptive ? html`<p class="warning">Look at its name twice: some letters in it look like others.</p>` : ''}
<form id="consent-form" method="post" action="/authorize">
${hidden({ ...kept, user: user.id })}
${confirmOnly ? scopes.filter(({ grantable }) => grantable).map(({ scope }) => hidden({ scope })) : listOf(scopes)}
${resources.length ? html`<p>It will work with ${resources.map(({ name, resource }) => name ?? resource).join(', ')}.</p>` : ''}
<p>The answer goes to <b>${redirect.host}</b>.</p>
${redirect.kind === 'web' ? '' : html`<p class="warning">A program on this device asks. Allow it only if you have just started it.</p>`}
<div class="row">
<button id="consent-allow" name="answer" value="allow">${confirmOnly ? 'Continue' : 'Allow'}</button>
<button id="consent-deny" name="answer" value="deny" class="quiet">${confirmOnly ? 'Cancel' : 'Deny'}</button>
</div>
</form>`);

const listOf = (scopes) => html`<ul>${scopes.map(scopeItem)}</ul>`;

function scopeItem({ scope, text, grantable, optional }) {
  if (!grantable) return html`<li class="no">${text}: your account may not do this</li>`;
  if (!optional) return html`<li>${text}${hidden({ scope })}</li>`;
  return html`<li class="box"><label><input type="checkbox" name="scope" value="${scope}" checked> ${text}</label></li>`;
}

const hidden = (fields) =>
  Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);

/** The answer could not be handed in. It waits on the page, and nobody is asked twice. */
export const retryPage = (form) => page('retry', 'One moment', html`
<p role="alert">Your answer could not be handed in just now. It is not lost.</p>
<form method="post" action="/authorize">
${[...form].map(([name, value]) => hidden({ [name]: value }))}
<button id="retry">Try again</button>
</form>`);

export const homePage = ({ email, roles }) => page('home', 'Harbour', html`
<p>You are logged in as <b>${email}</b>, with the role ${roles.join(' and ')}.</p>
<form class="row" method="post" action="/logout"><button>Log out</button></form>
<form class="row" method="post" action="/close"><button id="close" class="quiet">Close my account</button></form>`);

export const problemPage = (problem) => page('problem', 'That did not work', html`<p role="alert">${problem}</p>`);
