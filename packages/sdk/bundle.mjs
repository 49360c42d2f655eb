// How the files for browsers are made: one module with everything in it, and one per language beside it.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root = fileURLToPath(new URL('.', import.meta.url));

const templates = {
  name: 'templates',
  setup({ onLoad }) {
    onLoad({ filter: /src\/elements\/[a-z-]+\.ts$/ }, async ({ path }) => ({ contents: smallTemplates(await readFile(path, 'utf8')), loader: 'ts' }));
  },
};

/** Markup and CSS in templates are strings to every bundler: none makes them smaller, so this does. */
export function smallTemplates(source) {
  return source.replace(/css ?`([^`]*)`/g, (_, css) => `css\`${smallCss(css)}\``).replace(/(>|\})\n\s+(?=<|\$\{)/g, '$1');
}

function smallCss(css) {
  return css
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,>]) ?/g, '$1')
    .replace(/: /g, ':')
    .replace(/;\}/g, '}')
    .trim();
}

/** Bundles modules; the answer holds the files, relative to the folder they would be written to. */
export async function bundle(entries) {
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
    plugins: [templates],
    logLevel: 'warning',
    mainFields: ['module', 'main'],
    conditions: ['browser', 'production'],
  });
  return outputFiles.map((file) => ({ path: file.path.slice(outdir.length + 1), contents: file.contents, text: file.text }));
}
