// What each entry of the package costs a page that has nothing yet: minified, compressed, with lit-html and everything
// else that it needs from the start. Languages are loaded one by one and not counted. The modules are those of lib/, as
// they are published: `npm run build` makes them. Why the budgets are what they are:
// docs/decisions/0010-what-an-element-loads-from-the-start.md.

import { gzipSync } from 'node:zlib';
import { bundle } from './bundle.mjs';

const KB = 1024;
const budgets = [
  ['headless client', 'lib/index.js', 2.75],
  ['<hospes-consent>', 'lib/elements/consent.js', 15.5],
  ['<hospes-connected-apps>', 'lib/elements/connected-apps.js', 14],
  ['<hospes-login>', 'lib/elements/login.js', 14.5],
  ['all elements', 'lib/elements/index.js', 19],
  ['dist/hospes.js, one file', 'src/browser.ts', 19],
];

for (const [name, entry, budget] of budgets) {
  const [file] = (await bundle([{ in: entry, out: 'entry' }])).filter(({ path }) => path === 'entry.js');
  const size = gzipSync(file.contents, { level: 9 }).length / KB;
  const verdict = size <= budget ? '' : '  too large';
  if (verdict) process.exitCode = 1;
  console.log(`${name.padEnd(26)} ${size.toFixed(1).padStart(5)} KB of ${budget} KB${verdict}`);
}
