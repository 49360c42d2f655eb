// Bundles a module of the tests with one of the two versions of React.

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
