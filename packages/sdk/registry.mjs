// The blocks of registry/ as the command line of shadcn takes them: for each a JSON file that holds its code.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './bundle.mjs';

/** The files of registry/r: `[path, text]`. */
export async function registryFiles() {
  const read = (path) => readFile(join(root, 'registry', path), 'utf8');
  const { items } = JSON.parse(await read('registry.json'));
  return Promise.all(
    items.map(async ({ files, ...item }) => {
      const withCode = await Promise.all(files.map(async (file) => ({ ...file, content: await read(file.path) })));
      const block = { $schema: 'https://ui.shadcn.com/schema/registry-item.json', ...item, files: withCode };
      return [`registry/r/${item.name}.json`, `${JSON.stringify(block, null, 2)}\n`];
    }),
  );
}
