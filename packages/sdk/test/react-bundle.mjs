// Bundles a module of the tests with one of the two versions of React.

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** `mode` is React's: in development its strict mode mounts everything twice. */
export async function bundleReact(version, entry, { mode = 'production', ...options } = {}) {
  const modules = join(root, version === 18 ? 'test/react-18/node_modules' : 'node_modules');
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    write: options.outfile !== undefined,
    alias: { react: join(modules, 'react'), 'react-dom': join(modules, 'react-dom'), '@hospes/sdk': join(root, 'lib') },
    define: { 'process.env.NODE_ENV': JSON.stringify(mode) },
    // React's server renderer asks for Node's own modules.
    banner: options.platform === 'node' ? { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" } : {},
    logLevel: 'error',
    ...options,
  });
  return outputFiles?.[0]?.text;
}

/** What react-page.mjs is on a server, without a document. */
export async function renderOnServer(version, issuer) {
  const directory = await mkdtemp(join(root, 'node_modules/.hospes-'));
  try {
    const file = join(directory, 'page.mjs');
    await bundleReact(version, join(root, 'test/react-server.mjs'), { outfile: file, platform: 'node' });
    const [react, ...html] = execFileSync(process.execPath, [file, issuer], { encoding: 'utf8' }).trim().split(' ');
    return { react, html: html.join(' ') };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
