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
<p aria-hidden="true" style="font-size: 3rem">🏮</p>
<h1>${escape(title)}</h1>
<p>${escape(text)}</p>
</main>
</body>
</html>
`;
