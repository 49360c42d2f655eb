// How the files for browsers are made: one module with everything in it, and one per language beside it.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root = fileURLToPath(new URL('.', import.meta.url));

/** Lit's templates are strings to a bundler: it does not make them smaller, so this does. */
const templates = {
  name: 'templates',
  setup({ onLoad }) {
    onLoad({ filter: /src\/elements\/[a-z-]+\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source
        .replace(/css`([^`]*)`/g, (_, css) => `css\`${smallCss(css)}\``)
        .replace(/(>|\})\n\s+(?=<|\$\{)/g, '$1');
      return { contents, loader: 'ts' };
    });
  },
};

function smallCss(css) {
  return css
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,>]) ?/g, '$1')
    .replace(/: /g, ':')
    .replace(/;\}/g, '}')
    .trim();
}

/** Bundles modules of `src`; the answer holds the files, relative to the folder they would be written to. */
export async function bundle(entries, external = []) {
  const outdir = `${root}dist`;
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: entries,
    bundle: true,
    format: 'esm',
    splitting: true,
    chunkNames: 'locales/[name]',
    target: ['es2022'],
    charset: 'utf8',
    legalComments: 'none',
    minify: true,
    outdir,
    write: false,
    external,
    plugins: [templates],
    logLevel: 'warning',
    mainFields: ['module', 'main'],
    conditions: ['browser', 'production'],
  });
  return outputFiles.map((file) => ({ path: file.path.slice(outdir.length + 1), contents: file.contents, text: file.text }));
}
