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
const hosts = await Promise.all(files.map((file) => import(`./hosts/${file}`)));
const browser = await launch();
const guest = await openGuest();
after(async () => {
  await browser.close();
  guest.stop();
});

// Two hosts at a time, for much of it is waiting; one scenario at a time in each, for some stop its server.
describe('scenarios', { concurrency: 2 }, () => {
  for (const { name, start } of hosts.filter((host) => !only || only.includes(host.name))) {
    describe(name, { concurrency: 1 }, () => {
      let starting;
      /** Started by the first scenario that runs. */
      const started = async () => ({ ...(await (starting ??= start())), name });
      after(async () => (await starting)?.stop());

      for (const [title, scenario] of Object.entries({ ...main, ...more, ...trouble, ...attacks, ...appearance })) {
        test(title, { timeout: 90_000 }, async (context) => {
          await play(scenario, await started(), context);
        });
      }
      for (const [title, scenario] of Object.entries(main)) {
        test(`${title}; without JavaScript`, { timeout: 90_000 }, async (context) => {
          const host = await started();
          if (!host.noScript) return context.skip('its page is a program');
          await play(scenario, host, context, { javaScriptEnabled: false });
        });
      }
    });
  }
});

/** Lets one scenario happen, in browsers of its own. */
async function play(scenario, host, context, options) {
  const visits = [];
  const openVisit = async (more) => {
    const visit = await Visit.open(browser, { host, guest, ...options, ...more });
    visits.push(visit);
    return visit;
  };
  try {
    await scenario(await openVisit(), { openVisit, skip: (reason) => context.skip(reason) });
  } catch (error) {
    for (const visit of visits) error.message += `\n  then at ${visit.page.url()}: ${(await visit.text().catch(String)).slice(0, 300)}`;
    await Promise.allSettled(visits.map((visit) => visit.close()));
    throw error;
  }
  for (const visit of visits) await visit.close();
}
