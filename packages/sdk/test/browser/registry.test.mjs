import assert from 'node:assert/strict';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../react-bundle.mjs';
import { inspect, lastCall, serve, stage, story } from './page.mjs';

const { outputFiles: [script] } = await build({
  entryPoints: [join(root, 'test/shadcn/page.tsx')], bundle: true, format: 'esm', write: false, jsx: 'automatic',
  tsconfig: join(root, 'tsconfig.registry.json'), define: { 'process.env.NODE_ENV': '"production"' }, logLevel: 'error',
});
serve('/blocks.js', 'text/javascript', script.text);
serve('/blocks', 'text/html', `<!doctype html><html lang="en"><title>Blocks</title><link rel="icon" href="data:,"><body data-issuer="${stage.url}"><script type="module" src="/blocks.js"></script></body></html>`);
const address = (story, hash = '') => `${stage.guest}/blocks?interaction=${story}${hash}`;

story('the consent block: shows what must be shown, narrows, and leads on', {}, async (page) => {
  await page.goto(address('unverified'));
  await page.getByRole('heading', { level: 1 }).waitFor();
  const text = await page.locator('main').innerText();
  for (const shown of ['Not verified', 'web.example', 'Ada Quay', 'https://api.example/notes', 'Manage everybody’s notes', 'Those in the bin too', 'Nobody has checked who made this app', 'It may be imitating another app']) {
    assert.ok(text.includes(shown), `${shown} is not shown: ${text}`);
  }
  await inspect(page, 'block-consent', [1440]);
  await page.getByLabel('Write and delete your notes').uncheck();
  stage.next = [503];
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.getByText('Try again').waitFor();
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL(/code=c/);
  assert.deepEqual(lastCall('/decide').body.scopes, ['openid', 'email', 'notes.read']);
});

story('the consent block: login, and a program on the device', {}, async (page) => {
  stage.signedIn = false;
  await page.goto(address('login'));
  await page.waitForFunction(() => window.returnUrl);
  assert.equal(await page.evaluate(() => window.returnUrl), '/blocks?interaction=login');
  stage.signedIn = true;
  await page.goto(address('native'));
  await page.getByText('Continue only if you have just started this yourself').waitFor();
  await page.getByRole('button', { name: 'Allow' }).click();
  assert.match(await page.getByRole('link', { name: 'Open Lantern' }).getAttribute('href'), /^com\.example\.lantern:.*code=c/);
});

story('the block of connected apps', {}, async (page) => {
  await page.goto(address('', '#apps'));
  await page.getByRole('button', { name: 'Disconnect Lantern' }).click();
  await page.getByText('Lantern').waitFor({ state: 'detached' });
  assert.match(await page.locator('main').innerText(), /Last used November 28, 2026/);
});

story('the consent block: what was allowed before is only confirmed', {}, async (page) => {
  await page.goto(address('confirm'));
  await page.getByRole('heading', { name: 'Continue to Lighthouse?' }).waitFor();
  assert.doesNotMatch(await page.locator('main').innerText(), /Read your notes/);
  await page.getByText('Continue only if you have just started this yourself').waitFor();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForURL(/code=c/);
  assert.deepEqual(lastCall('/decide').body.scopes, ['openid', 'email', 'notes.read', 'notes.write']);
});
