// Every scenario over every host: what a user, a slow network and an attacker do to an authorization page, whoever draws it.
//
// A host is a file in hosts/; what it exports is described in hosts/README.md.
// SCENARIO_HOSTS=pages,express runs some hosts only; SCENARIO_PICTURES=FOLDER writes a picture of every screen.

import { readdirSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { launch } from './chromium.mjs';
import { main, more } from './scenarios/answers.mjs';
import { appearance } from './scenarios/appearance.mjs';
import { attacks } from './scenarios/attacks.mjs';
import { openGuest } from './scenarios/guest.mjs';
import { trouble } from './scenarios/trouble.mjs';
import { Visit } from './scenarios/visit.mjs';

const only = process.env.SCENARIO_HOSTS?.split(',');
const files = readdirSync(new URL('./hosts/', import.meta.url)).filter((file) => file.endsWith('.mjs'));
const browser = await launch();
const guest = await openGuest();
after(async () => {
  await browser.close();
  guest.stop();
});

/** What a host is known not to do yet, and what for. */
const awaited = {
  'elements: a second visit is not asked again': 'the interaction does not say that a confirmation is enough',
  'pages: the login ends between page and answer: a new login, and the request is not lost': 'the form is refused as forged',
  'pages: another user logs in meanwhile: the open page does not answer for them': 'the form is refused as forged',
  'pages: the server has the answer, and its own is lost: once more, and the user arrives': 'an answer is told once',
};

for (const file of files) {
  const { name, start } = await import(`./hosts/${file}`);
  if (only && !only.includes(name)) continue;

  describe(name, () => {
    let starting;
    /** Started by the first scenario that runs. */
    const started = async () => ({ name, ...(await (starting ??= start())) });
    after(async () => (await starting)?.stop());

    const run = (title, scenario, options = {}) =>
      test(title, { timeout: 90_000, todo: awaited[`${name}: ${title}`] }, async (context) => {
        const host = await started();
        if (options.javaScriptEnabled === false && !host.noScript) return context.skip('its page is a program');
        const visits = [];
        const openVisit = async (more) => {
          const visit = await Visit.open(browser, { host, guest, ...options, ...more });
          visits.push(visit);
          return visit;
        };
        try {
          await scenario(await openVisit(), { openVisit, skip: (reason) => context.skip(reason) });
        } catch (error) {
          for (const { page } of visits) error.message += `\n  at ${page.url()}`;
          await Promise.allSettled(visits.map((visit) => visit.close()));
          throw error;
        }
        for (const visit of visits) await visit.close();
      });

    for (const [title, scenario] of Object.entries({ ...main, ...more, ...trouble, ...attacks, ...appearance })) run(title, scenario);
    for (const [title, scenario] of Object.entries(main)) run(`${title}; without JavaScript`, scenario, { javaScriptEnabled: false });
  });
}
