// What a user does with the question, and does again.

import assert from 'node:assert/strict';
import { redeem } from './guest.mjs';

const { deepEqual, equal, match, ok } = assert;

/** The main ones, which also hold without JavaScript where the host promises that. */
export const main = {
  'login, consent, tokens': async (visit) => {
    const { host, page } = visit;
    const asked = await visit.ask({ prompt: 'consent' });
    await page.goto(asked.href);
    await host.login(page).waitFor();
    await host.signIn(page, 'ada');
    await visit.consent().heading.waitFor();
    // MCP's rules for consent pages: the client, the account, each scope value, and where the answer goes.
    const words = await visit.text();
    for (const shown of [/Lantern/, /ada/i, /notes/i, /127\.0\.0\.1|(this|your) (device|computer|machine)/i]) match(words, shown);
    const { scope } = await visit.allow(asked);
    deepEqual(scope.sort(), host.client.scope.split(' ').sort());
  },

  'a wrong password says so, and loses nothing': async (visit) => {
    const { host, page } = visit;
    const asked = await visit.ask({ prompt: 'consent' });
    await page.goto(asked.href);
    await host.login(page).waitFor();
    const typed = host.users.ada.password;
    host.users.ada.password = 'not the password';
    await host.signIn(page, 'ada').finally(() => (host.users.ada.password = typed));
    await page.getByRole('alert').filter({ hasText: /\w/ }).first().waitFor();
    await host.signIn(page, 'ada');
    await visit.consent().heading.waitFor();
    await visit.allow(asked);
  },

  'narrowing: what is unticked is not in the token, and not asked for again': async (visit) => {
    const { client } = visit.host;
    const asked = await visit.question({ prompt: 'consent' });
    await visit.consent().scope(client.optional).uncheck();
    const narrow = client.scope.split(' ').filter((value) => value !== client.optional);
    deepEqual((await visit.allow(asked)).scope.sort(), narrow.toSorted());

    // What is left was granted: at most a confirmation that it is them, which RFC 8252 §8.6 wants of programs on a device.
    const again = await visit.ask({ scope: narrow.join(' ') });
    await visit.page.goto(again.href);
    await visit.logInIfAsked();
    if (!visit.answers(again).length) {
      equal(await visit.page.getByRole('checkbox').count(), 0);
      await visit.consent().allow.click();
    }
    await visit.atGuest();
    deepEqual((await visit.tokens(again)).scope.sort(), narrow.toSorted());

    // And what was left out is asked for again, not granted behind the user's back.
    await visit.question();
    ok(await visit.consent().scope(client.optional).isVisible());
  },

  'deny: the guest is told, and gets no code': async (visit) => {
    const asked = await visit.question({ prompt: 'consent' });
    await visit.consent().deny.click();
    await visit.atGuest();
    const answer = await visit.answer(asked);
    equal(answer.get('error'), 'access_denied');
    equal(answer.get('code'), null);
  },

  'a second visit is not asked again': async (visit) => {
    const { allow, heading } = visit.consent();
    await visit.allow(await visit.question({ prompt: 'consent' }));
    const asked = await visit.ask();
    await visit.page.goto(asked.href);
    await visit.logInIfAsked();
    if (await heading.isVisible()) {
      const words = await visit.text();
      ok(!/write and delete/i.test(words) && (await visit.page.getByRole('checkbox').count()) === 0, `asked again: ${words}`);
      await allow.click();
    }
    await visit.atGuest();
    deepEqual((await visit.tokens(asked)).scope.sort(), visit.host.client.scope.split(' ').sort());
  },

  'back after the answer: no second code from the same page, and words that say why': async (visit) => {
    const { page } = visit;
    const asked = await visit.question({ prompt: 'consent' });
    await visit.consent().allow.click();
    await visit.atGuest();
    await page.goBack();
    await page.waitForLoadState();
    const { allow } = visit.consent();
    if (await allow.isVisible()) await allow.click();
    await page.getByRole('heading').filter({ visible: true }).first().waitFor();
    await page.waitForTimeout(300);
    if (await allow.isVisible()) await allow.click();
    await visit.answer(asked);
    await visit.isOver();
  },

  'a double click: one code, and the user arrives': async (visit) => {
    const asked = await visit.question({ prompt: 'consent' });
    await visit.consent().allow.dblclick();
    await visit.atGuest();
    await visit.tokens(asked);
  },
};

export const more = {
  'two submits at once: exactly one code redeems': async (visit) => {
    const asked = await visit.question({ prompt: 'consent' });
    const submit = await visit.heldSubmit(() => visit.consent().allow.click());
    // With this browser's cookies, and both on their way before the first answer.
    const codes = await Promise.all([1, 2].map(() => visit.follow(submit)));
    const redeemed = [];
    for (const code of new Set(codes.filter(Boolean))) redeemed.push((await redeem(visit.host, asked, code)).status);
    deepEqual(redeemed.filter((status) => status === 200), [200], `codes: ${codes}, redeemed: ${redeemed}`);
  },

  'two tabs of one request: one code': async (visit) => {
    const asked = await visit.question({ prompt: 'consent' });
    const other = await visit.newTab();
    await other.goto(visit.page.url());
    await visit.logInIfAsked({ page: other });
    await visit.consent(other).allow.waitFor();
    await visit.allow(asked);
    await visit.consent(other).allow.click();
    await visit.consent(other).allow.waitFor({ state: 'hidden' });
    await other.waitForTimeout(300);
    await visit.isOver(other);
    equal(visit.answers(asked).length, 1);
  },

  'two tabs of two requests: each gets its own code': async (visit) => {
    const one = await visit.question({ prompt: 'consent' });
    const other = await visit.newTab();
    const two = await visit.question({ prompt: 'consent' }, { page: other });
    await visit.allow(one);
    await visit.allow(two, other);
  },
};
