// The blocks for shadcn: whoever adds one gets code that compiles, and is told what else it needs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { root } from './react-bundle.mjs';

const built = join(root, 'registry/r');
const blocks = readdirSync(built).map((name) => JSON.parse(readFileSync(join(built, name), 'utf8')));

test('a block has what the schema of shadcn asks for, and names everything that it imports', () => {
  assert.deepEqual(blocks.map(({ name }) => name), ['hospes-connected-apps', 'hospes-consent']);
  for (const { $schema, name, type, title, description, dependencies, registryDependencies, files } of blocks) {
    assert.equal($schema, 'https://ui.shadcn.com/schema/registry-item.json');
    assert.equal(type, 'registry:component');
    assert.ok(title && description, name);
    assert.deepEqual(files.map((file) => file.path), [`${name}.tsx`]);
    const imports = files.flatMap(({ content }) => [...content.matchAll(/ from '(.+)'/g)].map(([, from]) => from));
    const ui = imports.flatMap((from) => /^@\/components\/ui\/(.+)$/.exec(from)?.[1] ?? []);
    const packages = imports.filter((from) => !/^[@.]\//.test(from) && from !== 'react').map((from) => from.split('/').slice(0, 2).join('/'));
    assert.deepEqual(registryDependencies, ui.toSorted(), name);
    assert.deepEqual(dependencies, [...new Set(packages)], name);
  }
});

test('copied into an app, as `shadcn add` does, the blocks compile under strict settings', () => {
  const app = mkdtempSync(join(root, 'node_modules/.hospes-app-'));
  try {
    mkdirSync(join(app, 'components'));
    for (const { path, content } of blocks.flatMap(({ files }) => files)) writeFileSync(join(app, 'components', basename(path)), content);
    const paths = { '@/components/ui/*': [join(root, 'test/shadcn/ui.tsx')], '@hospes/sdk/react': [join(root, 'lib/react/index.d.ts')] };
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ extends: join(root, 'tsconfig.registry.json'), compilerOptions: { rootDir: root, paths }, include: ['components'] }));
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', app], { stdio: ['ignore', 'inherit', 'inherit'] });
  } finally {
    rmSync(app, { recursive: true, force: true });
  }
});
