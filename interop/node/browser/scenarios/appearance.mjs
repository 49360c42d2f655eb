// How every screen looks, at every size and for everybody.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawnAs, focused, layoutOf, lookAt, movements, picture } from '../look.mjs';

const { deepEqual, equal, match, ok } = assert;
const WIDTHS = [320, 375, 768, 1280, 1920];

/** Nothing wider than the window and nothing cut at any width, light and dark; nothing for axe on a phone and on a desk. */
async function inspect({ page, pictures, host }, screen, widths = WIDTHS) {
  const found = await lookAt(page, `${host.name}-${screen}`, { widths, axeAt: [320, 1280], folder: pictures });
  deepEqual(found, []);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: null });
}

async function toLogin(visit, extra) {
  const asked = await visit.ask({ prompt: 'consent', ...extra });
  await visit.page.goto(asked.href);
  await visit.host.login(visit.page).waitFor();
  return asked;
}

export const appearance = {
  'the login, 320 to 1920 px, light and dark, axe': async (visit) => {
    await toLogin(visit);
    await inspect(visit, 'login');
  },

  'the question, 320 to 1920 px, light and dark, axe': async (visit) => {
    await visit.question({ prompt: 'consent' });
    await inspect(visit, 'consent');
  },

  'what is over, and what is wrong, 320 to 1920 px, light and dark, axe': async (visit) => {
    const asked = await visit.question({ prompt: 'consent' });
    const address = visit.page.url();
    await visit.allow(asked);
    await visit.page.goto(address);
    await visit.page.waitForTimeout(500);
    await inspect(visit, 'over', [320, 1280]);
    await visit.page.goto((await visit.ask({ client_id: 'nobody' })).href);
    await visit.page.waitForTimeout(500);
    await inspect(visit, 'error', [320, 1280]);
  },

  'from right to left': async (visit, { openVisit, skip }) => {
    if (!visit.host.arabic) return skip('it has no such language');
    const arab = await openVisit({ locale: 'ar' });
    await toLogin(arab);
    equal(await arab.page.evaluate(() => document.documentElement.dir), 'rtl');
    await inspect(arab, 'login-ar', [320, 1280]);
    await arab.logInIfAsked();
    await inspect(arab, 'consent-ar', [320, 1280]);
  },

  'by keyboard alone, with a focus that shows': async (visit) => {
    const { host, page } = visit;
    const asked = await toLogin(visit);
    const { username, password } = host.users.ada;
    await tabTo(page, (element) => element.matches('input:not([type=password], [type=hidden])'));
    await page.keyboard.type(username);
    await tabTo(page, (element) => element.matches('input[type=password]'));
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await visit.consent().heading.waitFor();
    const box = await visit.consent().scope(host.client.optional).elementHandle();
    await tabTo(page, (element, wanted) => element === wanted, box);
    await page.keyboard.press('Space');
    ok(!(await box.isChecked()), 'the space bar does not untick');
    const allow = await visit.consent().allow.elementHandle();
    await tabTo(page, (element, wanted) => element === wanted, allow);
    await page.keyboard.press('Enter');
    await visit.atGuest();
    ok(!(await visit.tokens(asked)).scope.includes(host.client.optional));
  },

  'less motion, where the visitor wants less': async (visit) => {
    const { host, page } = visit;
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await toLogin(visit);
    deepEqual(await movements(page), []);
    await visit.logInIfAsked();
    deepEqual(await movements(page), []);
    // Also while the answer is on its way; a page that only has a form does not change then.
    if (host.noScript) return;
    const network = await visit.slowNetwork();
    await visit.consent().allow.click({ noWaitAfter: true });
    await page.waitForTimeout(200);
    const found = await movements(page);
    network.release();
    await visit.atGuest();
    deepEqual(found, []);
  },

  'text at 200 %': async (visit) => {
    const { page, pictures, host } = visit;
    const sizeOf = (locator) => locator.evaluate((element) => parseFloat(getComputedStyle(element).fontSize));
    const heading = page.getByRole('heading').filter({ visible: true }).first();
    const devices = await visit.profile.newCDPSession(page);
    for (const screen of ['login', 'consent']) {
      if (screen === 'login') await toLogin(visit);
      else await visit.logInIfAsked();
      const before = await sizeOf(heading);
      for (const width of [640, 1280]) {
        await page.setViewportSize({ width, height: 1600 });
        await devices.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
        ok((await sizeOf(heading)) > before * 1.8, 'the text does not grow with the size that the visitor has set');
        deepEqual(await layoutOf(page), [], `${screen}, ${width} px, text at 200 %`);
        await picture(page, pictures, `${host.name}-${screen}-200-percent-${width}`, false);
        await devices.send('Page.setFontSizes', { fontSizes: { standard: 16, fixed: 13 } });
      }
    }
  },

  'a name of 60 characters, thirty scope values, words without an end': async (visit) => {
    const { host } = visit;
    const client = { client_id: 'long', scope: await addLongClient(host) };
    await visit.question({ ...client, prompt: 'consent' });
    const words = await visit.text();
    match(words, /Donaudampfschifffahrt/);
    equal(new Set(words.match(/Permission number \d+/g)).size, 30, words);
    await inspect(visit, 'consent-long');
  },
};

/** Presses Tab until an element has the focus; each one on the way shows that it has it. */
async function tabTo(page, isIt, wanted) {
  for (let presses = 0; presses < 60; presses += 1) {
    const element = await focused(page);
    if (element && (await element.evaluate(isIt, wanted))) return;
    const isSomething = element && (await element.evaluate((own) => own !== document.body && !own.matches('h1, h2, [tabindex="-1"]')));
    const withFocus = isSomething && (await drawnAs(element));
    await page.keyboard.press('Tab');
    if (!isSomething) continue;
    const tag = await element.evaluate((own) => own.outerHTML.slice(0, 200));
    assert.notEqual(await drawnAs(element), withFocus, `no focus shows at ${tag}`);
  }
  assert.fail('Tab does not lead there');
}

/** Adds what hardly fits to the project: a client, and thirty scope values; the scope to ask for. */
async function addLongClient({ hospes, redirectUri }) {
  const name = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunte'.slice(0, 60);
  const values = Array.from({ length: 30 }, (_, number) => `long.${number}.${'x'.repeat(number)}`);
  const policy = await hospes('policy', 'show');
  const permissions = policy.scopes.find(({ value }) => value === 'notes.read').permissions;
  const scopes = values.map((value, number) => ({
    value, permissions, optional: number % 3 === 0,
    description: `Permission number ${number}${number % 10 ? '' : `: ${'Rindfleischetikettierungsüberwachung'.repeat(4)}`}`,
  }));
  const folder = await mkdtemp(join(tmpdir(), 'hospes-policy-'));
  try {
    const file = join(folder, 'policy.json');
    writeFileSync(file, JSON.stringify({ ...policy, scopes: [...policy.scopes, ...scopes] }));
    await hospes('policy', 'apply', file);
    await hospes('client', 'add', '--id', 'long', '--name', name, '--public', '--native', '--redirect-uri', redirectUri);
  } finally {
    await rm(folder, { recursive: true });
  }
  return ['openid', ...values].join(' ');
}
