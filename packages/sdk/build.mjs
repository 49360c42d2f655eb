// Makes lib/ (modules and types, for npm), dist/ (for pages without a bundler; committed, since the server's binary
// holds it), custom-elements.json, docs/elements.md and registry/r (the blocks for shadcn). With --check it only says
// whether what is committed is what the source makes.

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { bundle, root, smallTemplates } from './bundle.mjs';
import { complete, reference } from './reference.mjs';
import { registryFiles } from './registry.mjs';

const isCheck = process.argv.includes('--check');
const bin = (name) => join(root, 'node_modules/.bin', name);
const run = (name, ...args) => execFileSync(bin(name), args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });

/** The manifest that editors read: attributes, properties, events, slots and parts of each element. */
async function manifest() {
  const directory = await mkdtemp(join(tmpdir(), 'hospes-sdk-'));
  try {
    run('cem', 'analyze', '--outdir', relative(root, directory), '--quiet');
    const text = await readFile(join(directory, 'custom-elements.json'), 'utf8');
    const found = JSON.parse(text.replaceAll(/src\/(elements\/[a-z-]+)\.ts/g, 'lib/$1.js'));
    found.modules.sort((one, other) => one.path.localeCompare(other.path));
    for (const own of found.modules.flatMap(({ declarations }) => declarations)) {
      own.members = own.members?.filter(({ privacy = 'public' }) => privacy === 'public');
      // What is not a public property is state of the element's own; what is not named in a comment is no event of ours.
      const names = new Set(own.members?.map(({ name }) => name));
      own.attributes = own.attributes?.filter(({ fieldName }) => !fieldName || names.has(fieldName));
      own.events = own.events?.filter(({ name }) => name.startsWith('hospes-'));
    }
    await complete(found);
    return found;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const NOTICE = '/*! Hospes, Apache-2.0. Contains Lit, BSD-3-Clause: see LICENSE.lit.txt */\n';
const elements = await manifest();
const files = [
  ...(await bundle([{ in: 'src/browser.ts', out: 'hospes' }])).map(({ path, text }) => [`dist/${path}`, path === 'hospes.js' ? NOTICE + text : text]),
  ['dist/LICENSE.lit.txt', await readFile(join(root, 'node_modules/lit-html/LICENSE'), 'utf8')],
  ['custom-elements.json', `${JSON.stringify(elements, null, 2)}\n`],
  ['docs/elements.md', reference(elements)],
  ...(await registryFiles()),
];

await rm(join(root, 'lib'), { recursive: true, force: true });
run('tsc', '-p', '.');
for (const name of await readdir(join(root, 'lib/elements'))) {
  const file = join(root, 'lib/elements', name);
  if (name.endsWith('.js')) await writeFile(file, smallTemplates(await readFile(file, 'utf8')));
}
run('tsc', '-p', 'tsconfig.registry.json');

if (isCheck) {
  const stale = [];
  for (const [path, text] of files) {
    const committed = await readFile(join(root, path), 'utf8').catch(() => null);
    if (committed !== text) stale.push(path);
  }
  if (stale.length) {
    console.error(`not what the source makes: ${stale.join(', ')}. Run: npm run build`);
    process.exit(1);
  }
} else {
  for (const made of ['dist', 'registry/r']) await rm(join(root, made), { recursive: true, force: true });
  for (const [path, text] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}
