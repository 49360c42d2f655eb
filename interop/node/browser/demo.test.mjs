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
      await page.click('#consent-allow');
      await page.waitForSelector('#guest-refresh');
      assert.ok(page.url().startsWith(told.url), page.url());
      for (const step of ['userinfo', 'refresh']) {
        await page.click(`#guest-${step}`);
        await page.waitForSelector('#guest-refresh');
      }
      assert.ok((await page.textContent('body')).includes(told.login));
      if (javaScriptEnabled) await inspect(page, 'demo-tokens');
      await page.click('#guest-revoke');
      await page.waitForLoadState();
      await page.click('#guest-logout');
      await page.waitForLoadState();
      if (await page.locator('#logout-confirm').count()) await page.click('#logout-confirm');
      await page.waitForSelector('#guest-login, [data-page="logged-out"]');
    } finally {
      await profile.close();
    }
  });
}
