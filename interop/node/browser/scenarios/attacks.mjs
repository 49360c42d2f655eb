// What others try (rows 9, 12, 14 and 15 of the known attacks): the question is for the person and the browser that it was made for.

import assert from 'node:assert/strict';

const { equal, ok } = assert;

export const attacks = {
  // GHSA-c2jp-c369-7pvx, GHSA-rww4-4w9c-7733.
  'a handle opened in another browser is worth nothing': async (visit, { openVisit }) => {
    const { page } = visit;
    const asked = await visit.ask({ prompt: 'consent' });
    await page.goto(asked.href);
    await visit.host.login(page).waitFor();

    const victim = await openVisit();
    const { sub } = await victim.allow(await victim.question({ prompt: 'consent' }));
    await victim.page.goto(page.url());
    await victim.page.waitForTimeout(500);
    if (await victim.host.login(victim.page).isVisible()) await victim.logInIfAsked();
    if (await victim.consent().allow.isVisible()) await victim.consent().allow.click();
    await victim.page.waitForTimeout(500);
    equal(visit.answers(asked).length, 0, 'the victim’s answer went to the guest');
    ok(!victim.page.url().startsWith(visit.guest.origin));

    // And who made the handle does not get what the victim has allowed.
    await page.reload();
    await page.waitForTimeout(500);
    if (await visit.host.login(page).isVisible()) await visit.host.signIn(page, 'ben');
    await page.waitForTimeout(500);
    if (await visit.consent().allow.isVisible()) await visit.consent().allow.click();
    await page.waitForTimeout(500);
    if (visit.answers(asked).some((answer) => answer.get('code'))) assert.notEqual((await visit.tokens(asked)).sub, sub);
  },

  'in a frame of another site nothing can be allowed': async (visit) => {
    const { page } = visit;
    visit.tolerates(/frame/i);
    await visit.question({ prompt: 'consent' });
    const framed = await visit.newTab();
    await framed.goto(visit.guest.origin);
    await framed.evaluate((src) => {
      const frame = Object.assign(document.createElement('iframe'), { src, width: 900, height: 900 });
      document.body.append(frame);
      return new Promise((resolve) => frame.addEventListener('load', resolve));
    }, page.url());
    await framed.waitForTimeout(500);
    const inside = framed.frames().find((frame) => frame !== framed.mainFrame());
    equal(await visit.consent(inside).allow.count(), 0);
    equal(await visit.host.login(inside).count(), 0);
  },

  'an answer that another site sends in the user’s name is refused': async (visit) => {
    const asked = await visit.question({ prompt: 'consent' });
    const { url, headers, data } = await visit.heldSubmit(() => visit.consent().allow.click());
    // What the other site has: the user's cookies, by the browser. What it has not: tokens, and the host's own origin.
    const known = Object.entries(headers).filter(([name]) => !/authorization|csrf|xsrf|^referer$/.test(name));
    const theirs = { ...Object.fromEntries(known), origin: visit.guest.origin, 'sec-fetch-site': 'cross-site' };
    const forged = { url, headers: theirs, data: withoutCsrf(data, headers['content-type']) };
    equal(await visit.follow(forged), undefined, 'the forged answer counts');
    // Nor has the attempt spoilt it.
    ok(await visit.follow({ url, headers, data }), 'the user’s own answer counts no more');
    equal(visit.answers(asked).length, 0);
  },

  // Row 9, CVE-2025-4143: what was checked at the beginning holds to the end.
  'another redirect URI slipped into the answer counts for nothing': async (visit) => {
    const asked = await visit.question({ prompt: 'consent' });
    const { url, headers, data } = await visit.heldSubmit(() => visit.consent().allow.click());
    const elsewhere = 'https://evil.example/callback';
    const [ours, theirs] = [asked.redirectUri, elsewhere].map(encodeURIComponent);
    const swapped = /json/.test(headers['content-type'])
      ? JSON.stringify({ ...JSON.parse(data || '{}'), redirect_uri: elsewhere })
      : `${data.replaceAll(ours, theirs)}&redirect_uri=${theirs}`;
    // Refused, or not looked at; `follow` leads nowhere but to the host and the guest.
    await visit.follow({ url, headers, data: swapped });
  },

  'an error that the guest must not be told stays with the user': async (visit) => {
    const { page } = visit;
    for (const wrong of [{ redirect_uri: `${visit.guest.origin}/elsewhere` }, { client_id: 'nobody' }]) {
      const asked = await visit.ask(wrong);
      await page.goto(asked.href);
      await page.waitForTimeout(300);
      await page.getByRole('heading').first().waitFor();
      ok(!page.url().startsWith(visit.guest.origin), page.url());
      ok(!(await visit.consent().allow.isVisible()));
      equal(visit.answers(asked).length, 0);
    }
  },
};

function withoutCsrf(data, type = '') {
  if (/json/.test(type)) return JSON.stringify(JSON.parse(data), (name, value) => (/csrf/i.test(name) ? undefined : value));
  const form = new URLSearchParams(data);
  for (const name of [...form.keys()]) if (/csrf/i.test(name)) form.delete(name);
  return String(form);
}
