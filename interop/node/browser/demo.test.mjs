// `hospes demo`, as a newcomer meets it: one command, one address, one login.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inspect, isOn, open } from './stage.mjs';

const stage = await open();
const demo = spawn(process.env.INTEROP_HOSPES, ['demo', '--directory', join(process.env.INTEROP_DIRECTORY, 'demo')], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
after(async () => {
  const ended = once(demo, 'exit');
  demo.kill('SIGTERM');
  await ended;
  await stage.stop();
});

/** What the command prints: where to go, and who to be. */
const told = await new Promise((resolve, reject) => {
  let text = '';
  demo.stdout.on('data', (chunk) => {
    text += chunk;
    const [url, login, password] = [/^\s*Open +(\S+)/m, /^\s*Log in +(\S+)/m, /^\s*Password +(.+)$/m].map(
      (pattern) => text.match(pattern)?.[1],
    );
    if (url && login && password && text.includes('Ctrl-C')) resolve({ url, login, password });
  });
  demo.on('exit', (code) => reject(new Error(`hospes demo ended with ${code}: ${text}`)));
  setTimeout(() => reject(new Error(`hospes demo says too little: ${text}`)), 60_000).unref();
});

for (const javaScriptEnabled of [true, false]) {
  test(`the guest application, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, { timeout: 120_000 }, async () => {
    const profile = await stage.profile({ javaScriptEnabled });
    try {
      const page = await profile.newPage();
      page.setDefaultTimeout(20_000);
      await page.goto(told.url);
      if (javaScriptEnabled) await inspect(page, 'demo-start');
      await page.click('#guest-login');
      await isOn(page, 'login');
      await page.fill('#username', told.login);
      await page.fill('#password', told.password);
      await page.click('#login-submit');
      await isOn(page, 'consent');
      if (javaScriptEnabled) await inspect(page, 'demo-consent');
      await page.click('#consent-deny');
      assert.match(await page.textContent('.problem'), /You said no.*access_denied/s);
      await page.click('#guest-login');
      await page.waitForSelector('#account-continue, #consent-allow');
      if (await page.locator('#account-continue').count()) await page.click('#account-continue');
      await page.click('#consent-allow');
      await page.waitForSelector('#guest-refresh');
      assert.ok(page.url().startsWith(told.url), page.url());
      const steps = [['userinfo', /knows who you are/], ['refresh', /new access token/], ['send', /on its way/]];
      for (const [step, notice] of steps) {
        await page.click(`#guest-${step}`);
        await page.getByRole('status').filter({ hasText: notice }).waitFor();
      }
      assert.match(await page.locator('.steps > li').first().textContent(), /Call an API.*201/s, 'the latest is first');
      assert.ok((await page.textContent('body')).includes(told.login));
      if (javaScriptEnabled) await inspect(page, 'demo-tokens');
      await page.click('#guest-revoke');
      await page.getByRole('heading', { name: 'You are disconnected' }).waitFor();
      assert.equal(await page.locator('.tag').count(), 2, 'the tokens are not marked as revoked');
      await page.click('#guest-refresh');
      assert.match(await page.textContent('.problem'), /no longer accepted.*invalid_grant/s);
      if (javaScriptEnabled) await inspect(page, 'demo-revoked');
      await page.click('#guest-logout');
      await page.waitForSelector('#guest-logged-out, #logout-confirm');
      if (await page.locator('#logout-confirm').count()) await page.click('#logout-confirm');
      await page.waitForSelector('#guest-logged-out');
      if (javaScriptEnabled) await inspect(page, 'demo-logged-out');
    } finally {
      await profile.close();
    }
  });
}

test('an API refuses what the user did not allow', { timeout: 60_000 }, async () => {
  const profile = await stage.profile({ javaScriptEnabled: false });
  try {
    const page = await profile.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(told.url);
    await page.click('#guest-login');
    await page.fill('#username', 'bob@example.com');
    await page.fill('#password', told.password);
    await page.click('#login-submit');
    await page.uncheck('[name="scope:postcards:send"]');
    await page.click('#consent-allow');
    await page.click('#guest-send');
    assert.match(await page.textContent('.problem'), /did not allow Postcard to send.*insufficient_scope/s);
  } finally {
    await profile.close();
  }
});
