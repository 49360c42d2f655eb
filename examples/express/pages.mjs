// The pages of Notes. They work without JavaScript.

const escape = (text) => String(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** HTML in which everything put in is text, unless it is HTML already. */
class Html extends String {}
const shown = (value) => (Array.isArray(value) ? value.map(shown).join('') : value instanceof Html ? value : escape(value));
export const html = (parts, ...values) => new Html(parts.reduce((text, part, at) => text + shown(values[at - 1]) + part));

/** A whole page, as text. */
export const page = (title, content) => String(html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} · Notes</title>
<link rel="stylesheet" href="/style.css">
<body>
<main>${content}</main>
</body>
</html>
`);

export const loginPage = (returnUrl, email = '', problem = '') => page('Log in', html`
<h1>Log in to Notes</h1>
${problem ? html`<p role="alert">${problem}</p>` : ''}
<form id="login" method="post" action="/login">
<input type="hidden" name="return_url" value="${returnUrl}">
<label>Email <input name="email" type="email" value="${email}" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>`);

export const notesPage = ({ email, notes }) => page('Your notes', html`
<h1>Your notes</h1>
<ul>${notes.map((note) => html`<li>${note}</li>`)}</ul>
<form method="post" action="/notes"><label>New note <input name="note" required></label><button>Add</button></form>
<form method="post" action="/logout"><p>You are ${email}. <button class="quiet">Log out</button></p></form>`);

export const problemPage = (problem) => page('That did not work', html`<h1>That did not work</h1><p role="alert">${problem}</p>`);

export const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#2b2118, #efe7db); --ground: light-dark(#f6f1e7, #17130f); --accent: light-dark(#8a4b16, #e0a26a); }
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 0; }
main { max-width: 28rem; margin: 0 auto; padding: 8vh 1rem 2rem; }
h1 { font-size: 1.5rem; }
label { display: block; margin: 1rem 0; }
input { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid light-dark(#8a7a68, #9c8c7a); border-radius: 6px; }
button { font: inherit; padding: .6rem 1.2rem; border: 1px solid var(--accent); border-radius: 6px; background: var(--accent); color: var(--ground); }
button.quiet { background: none; color: var(--accent); }
[role=alert] { color: light-dark(#a3161f, #ff9b93); }
`;
