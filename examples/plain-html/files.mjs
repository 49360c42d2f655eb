// Serves the files of a folder, as any web server would.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css' };

/** Begins to serve; fails if the port is taken. */
export async function serveFiles(folder, url) {
  const server = createServer(async (request, response) => {
    // Parsing takes every `..` away.
    const { pathname } = new URL(request.url, url);
    const file = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    const body = await readFile(join(folder, file)).catch(() => undefined);
    const type = TYPES[extname(file)];
    if (!body || !type) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache', 'x-frame-options': 'DENY' }).end(body);
  });
  server.listen(new URL(url).port || 80, 'localhost');
  await once(server, 'listening');
}
