import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { bundleReact } from '../react-bundle.mjs';
import { callsTo, isOn, lastCall, serve, stage, story } from './page.mjs';

const entry = fileURLToPath(new URL('react-app.mjs', import.meta.url));

for (const version of [18, 19]) {
  const script = await bundleReact(version, entry);
  serve(`/react-${version}.js`, 'text/javascript', script);
  serve(`/react-${version}`, 'text/html', `<!doctype html><html lang="en"><title>React ${version}</title><link rel="icon" href="data:,"><body data-issuer="${stage.url}"><div id="root"></div><script type="module" src="/react-${version}.js"></script></body></html>`);

  story(`React ${version}: the element takes objects, and its events come out`, {}, async (page) => {
    await page.goto(`${stage.guest}/react-${version}?interaction=consent`);
    await isOn(page, 'consent');
    await page.getByRole('button', { name: 'Sure' }).click();
    await page.getByText('allow', { exact: true }).waitFor();
    assert.match(page.url(), /react-/, 'the page took the redirect into its own hands');
  });

  story(`React ${version}: hooks for a page that draws everything itself`, {}, async (page) => {
    await page.goto(`${stage.guest}/react-${version}?interaction=consent#own`);
    await page.getByRole('heading', { name: 'Lighthouse: consent' }).waitFor();
    assert.equal(await page.innerText('#user'), 'Ada Quay');
    await page.getByRole('button', { name: 'End Lantern' }).click();
    await page.getByRole('button', { name: 'End Lantern' }).waitFor({ state: 'detached' });
    stage.next = [503];
    await page.getByRole('button', { name: 'Yes' }).click();
    await page.getByRole('alert').waitFor();
    assert.equal(await page.innerText('[role=alert]'), 'temporarily_unavailable');
    await page.getByRole('button', { name: 'Yes' }).click();
    await page.getByRole('heading', { name: 'Lighthouse: redirect' }).waitFor();
    assert.equal(callsTo('/decide').length, 2);
    assert.deepEqual(lastCall('/decide').body.scopes, ['openid']);
  });
}
