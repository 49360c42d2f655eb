// The React package on a server without a browser: in both versions it must load and write its tags.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderOnServer } from './react-bundle.mjs';

for (const version of [18, 19]) {
  test(`React ${version} renders the tags where there is no document`, async () => {
    const { react, html } = await renderOnServer(version, 'https://auth.example');
    assert.match(react, new RegExp(`^${version}\\.`));
    assert.match(html, /<hospes-consent[^>]*><\/hospes-consent><hospes-connected-apps[^>]*><\/hospes-connected-apps>/);
    assert.match(html, /<p id="own">\[null,true,null,null\]<\/p>/, 'the hooks wait for the browser');
    assert.doesNotMatch(html, /secret/, 'properties are not written as attributes');
  });
}
