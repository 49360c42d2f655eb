// The one page that Lantern shows.

const escape = (text) => String(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** A page with a heading and a sentence. */
export const page = (title, text) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} · Lantern</title>
<style>
body {
  display: grid; min-height: 100vh; margin: 0; place-items: center;
  background: #14213d; color: #fff; font: 1.125rem/1.5 system-ui, sans-serif;
}
main { max-width: 26rem; padding: 2rem; text-align: center; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; }
</style>
<body data-page="lantern">
<main>
<svg aria-hidden="true" width="64" height="64" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linejoin="round">
<path d="M9 5a3 3 0 0 1 6 0M7 5h10M8 5 6.5 9v7L8 20h8l1.5-4V9L16 5M7 20h10"/>
<path d="M12 9.5c2.3 2.6 2.3 5 0 6.5-2.3-1.5-2.3-3.9 0-6.5z" fill="#fca311" stroke="none"/>
</svg>
<h1>${escape(title)}</h1>
<p>${escape(text)}</p>
</main>
</body>
</html>
`;
