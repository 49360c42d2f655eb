// The host app that was written with Stytch's packages: one page for each way to use them.

import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const pages = fileURLToPath(new URL('./pages/', import.meta.url));
const entries = { headless: 'headless.mjs', element: 'element.mjs', react: 'react.jsx' };

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: Object.entries(entries).map(([out, file]) => ({ out, in: `${pages}${file}` })),
    bundle: true, format: 'esm', jsx: 'automatic', write: false, outdir: '/', logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}

/** What answers for the host app; `settings` holds the address of the server and the public token. */
export async function hostApp(settings) {
  const files = await bundle();
  return (request, response) => {
    const { pathname } = new URL(request.url, 'http://app');
    const file = files.get(pathname);
    if (file !== undefined) {
      response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' });
      return response.end(file);
    }
    if (!(pathname.slice(1) in entries)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    return response.end(`<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Harbour</title><link rel="icon" href="data:,">
<script id="settings" type="application/json">${JSON.stringify(settings).replaceAll('<', '\\u003c')}</script>
<body><main></main><script type="module" src="${pathname}.js"></script></body></html>`);
  };
}
