// The React package on a server without a browser: in both versions it must load and write its tags.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundleReact, root } from './react-bundle.mjs';

for (const version of [18, 19]) {
  test(`React ${version} renders the tags where there is no document`, async () => {
    const directory = mkdtempSync(join(root, 'node_modules/.hospes-'));
    try {
      const file = join(directory, 'page.mjs');
      await bundleReact(version, join(root, 'test/react-server.mjs'), { outfile: file, platform: 'node' });
      const html = execFileSync(process.execPath, [file], { encoding: 'utf8' });
      assert.match(html, new RegExp(`^${version}\\.`));
      assert.match(html, /<hospes-consent[^>]*><\/hospes-consent><hospes-login[^>]*><\/hospes-login><hospes-connected-apps/);
      assert.match(html, /<p>\[null,true,null,null\]<\/p>/, 'the hooks wait for the browser');
      assert.doesNotMatch(html, /secret/, 'properties are not written as attributes');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
