// What goes wrong between the question and the answer, and must not cost the user the request.

import assert from 'node:assert/strict';

const { equal, match, ok } = assert;

export const trouble = {
  'the login ends between page and answer: a new login, and the request is not lost': async (visit, { skip }) => {
    if (!visit.host.signOut) return skip('it keeps the login in the tab');
    const { host, page } = visit;
    const asked = await visit.question({ prompt: 'consent' });
    await host.signOut(await visit.newTab());
    await visit.consent().allow.click();
    await host.login(page).waitFor();
    equal(visit.answers(asked).length, 0);
    await visit.logInIfAsked();
    if (await visit.consent().allow.isVisible()) await visit.consent().allow.click();
    await visit.atGuest();
    await visit.tokens(asked);
  },

  'another user logs in meanwhile: the open page does not answer for them': async (visit, { skip }) => {
    if (!visit.host.signOut) return skip('it keeps the login in the tab');
    const { page } = visit;
    const asked = await visit.question({ prompt: 'consent' });
    const other = await visit.newTab();
    await visit.host.signOut(other);
    const bens = await visit.question({ prompt: 'consent' }, { page: other, who: 'ben' });
    match(await visit.text(other), /ben/i);
    const { sub } = await visit.allow(bens, other);

    await visit.consent().allow.click();
    await page.waitForTimeout(500);
    equal(visit.answers(asked).length, 0, 'it answered');
    // Either the question again, now for ben, or the choice of an account, or words; and nothing is ada's any more.
    const words = await visit.text();
    if (await visit.consent().allow.isVisible()) {
      match(words, /ben/i);
      equal((await visit.allow(asked)).sub, sub);
    } else {
      match(words, /ben|log ?in|sign ?in|another (account|user|person)|somebody else|account/i);
    }
  },

  'a slow network: the page says that it is busy, and sends nothing twice': async (visit) => {
    const { page } = visit;
    const asked = await visit.question({ prompt: 'consent' });
    const network = await visit.slowNetwork();
    const { allow } = visit.consent();
    await allow.click({ noWaitAfter: true });
    await page.waitForTimeout(200);
    // While a form is on its way it is the browser that shows so.
    if (!visit.host.noScript) {
      const isBusy = await allow.evaluate((button) => button.matches(':disabled, [aria-disabled="true"], [aria-busy="true"]'));
      ok(isBusy, 'nothing says that the answer is on its way');
      await allow.click({ noWaitAfter: true, force: true });
      await allow.press('Enter', { noWaitAfter: true }).catch(() => {});
      await page.waitForTimeout(100);
      equal(network.posts, 1);
    }
    network.release();
    await visit.atGuest();
    await visit.tokens(asked);
  },

  'the server is away at the submit: a retry works, and asks nothing again': async (visit) => {
    const { host, page } = visit;
    const asked = await visit.question({ prompt: 'consent' });
    const { optional } = host.client;
    const question = await visit.consent().heading.innerText();
    await visit.consent().scope(optional).uncheck();
    await visit.whileServerIsAway(async () => {
      await visit.consent().allow.click().catch(() => {});
      // On the same page, or on another one, which may be the browser's own.
      const alert = page.getByRole('alert').filter({ hasText: /\w/ });
      await alert.or(page.getByRole('heading', { level: 1 }).filter({ hasNotText: question })).first().waitFor();
      equal(visit.answers(asked).length, 0);
    });
    await visit.tryAgain();
    ok(!(await host.login(page).isVisible()), 'asked to log in again');
    await visit.atGuest();
    ok(!(await visit.tokens(asked)).scope.includes(optional), 'what was unticked was forgotten');
  },

  'the server has the answer, and its own is lost: once more, and the user arrives': async (visit) => {
    const asked = await visit.question({ prompt: 'consent' });
    await visit.loseAnswer(() => visit.consent().allow.click().catch(() => {}));
    await visit.page.waitForTimeout(300);
    await visit.tryAgain();
    if (!visit.host.answersOnce) {
      await visit.atGuest();
      await visit.tokens(asked);
      return;
    }
    // It says so, and who begins again at the guest has it in one step.
    await visit.page.getByRole('heading').first().waitFor();
    await visit.isOver();
    equal(visit.answers(asked).length, 0);
    const again = await visit.question();
    equal(await visit.page.getByRole('checkbox').count(), 0, 'what was allowed is asked again');
    await visit.allow(again);
  },
};
