// What each entry costs a page, minified and compressed, with everything that it needs from the start. Languages are
// loaded one by one and not counted. Lit (5.8 KB) is the same for all elements of a page, so their budgets leave it out;
// what a page loads that has nothing yet is in the last column.

import { gzipSync } from 'node:zlib';
import { bundle } from './bundle.mjs';

const KB = 1024;
const budgets = [
  ['headless client', 'src/index.ts', 5],
  ['<hospes-consent>', 'src/elements/consent.ts', 12],
  ['<hospes-connected-apps>', 'src/elements/connected-apps.ts', 12],
  ['<hospes-login>', 'src/elements/login.ts', 25],
  ['everything (dist/hospes.js)', 'src/browser.ts', 16],
];

async function size(entry, external) {
  const files = await bundle([{ in: entry, out: 'entry' }], external);
  return gzipSync(files.find(({ path }) => path === 'entry.js').contents, { level: 9 }).length / KB;
}

for (const [name, entry, budget] of budgets) {
  const [own, all] = [await size(entry, ['lit', 'lit/*']), await size(entry, [])];
  const verdict = own <= budget ? '' : '  too large';
  if (verdict) process.exitCode = 1;
  console.log(`${name.padEnd(28)} ${own.toFixed(1).padStart(5)} KB of ${budget} KB, with Lit ${all.toFixed(1)} KB${verdict}`);
}
