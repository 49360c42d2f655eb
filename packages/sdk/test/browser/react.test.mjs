import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { bundleReact, renderOnServer } from '../react-bundle.mjs';
import { callsTo, isOn, lastCall, serve, stage, story } from './page.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const entry = here('react-app.mjs');

const VERSIONS = [18, 19];

function serveApp(path, version, script, root = '') {
  serve(`${path}.js`, 'text/javascript', script);
  serve(path, 'text/html', `<!doctype html><html lang="en"><title>React ${version}</title><link rel="icon" href="data:,"><body data-issuer="${stage.url}"><div id="root">${root}</div><script type="module" src="${path}.js"></script></body></html>`);
}

// Before the first story: a pause between two of them would end the browser.
for (const version of VERSIONS) {
  serveApp(`/react-${version}`, version, await bundleReact(version, entry));
  serveApp(`/react-${version}-strict`, version, await bundleReact(version, entry, { mode: 'development' }));
  const { html } = await renderOnServer(version, stage.url);
  serveApp(`/react-${version}-hydrate`, version, await bundleReact(version, here('react-hydrate.mjs'), { mode: 'development' }), html);
}

for (const version of VERSIONS) {
  // React complains in the console of a development build when the two ends differ, and a story fails by that.
  story(`React ${version}: a page that a server rendered is taken over as it is`, {}, async (page) => {
    await page.goto(`${stage.guest}/react-${version}-hydrate?interaction=consent`);
    await isOn(page, 'consent');
    await isOn(page, 'list');
    await page.getByRole('heading', { name: 'Lighthouse wants access to your Harbour account' }).waitFor();
    await page.getByText('["consent",false,2,"Ada Quay"]').waitFor();
  });

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

  story(`React ${version}: strict mode, which mounts twice, begins one interaction and sends one answer`, {}, async (page) => {
    const raw = 'client_id=web&scope=openid&state=x';
    await page.goto(`${stage.guest}/react-${version}-strict?${raw}#own`);
    await page.getByRole('heading', { name: 'Lighthouse: consent' }).waitFor();
    await page.getByRole('button', { name: 'End Lantern' }).waitFor();
    assert.deepEqual(await page.evaluate(() => window.mounted), 2, 'this is strict mode');
    for (const path of ['/interactions', '/account/session', '/account/connected_apps']) assert.equal(callsTo(path).length, 1, path);
    stage.delay = 200;
    await page.getByRole('button', { name: 'Yes' }).dblclick();
    await page.getByRole('heading', { name: 'Lighthouse: redirect' }).waitFor();
    await page.getByRole('button', { name: 'Yes' }).click();
    await page.waitForTimeout(300);
    assert.equal(callsTo('/decide').length, 1);
    stage.reset();
    await page.goto(`${stage.guest}/react-${version}-strict?${raw}`);
    await isOn(page, 'consent');
    assert.equal(callsTo('/interactions').length, 1);
    await page.getByRole('button', { name: 'Sure' }).dblclick();
    await page.getByText('allow', { exact: true }).waitFor();
    assert.equal(callsTo('/decide').length, 1);
  });
}
