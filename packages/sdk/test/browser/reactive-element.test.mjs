// The base class: how properties and attributes get in, at any time.

import assert from 'node:assert/strict';
import { address, callsTo, isOn, lastCall, stage, story } from './page.mjs';

const load = (page) => page.evaluate(() => import('/sdk/hospes.js').then(() => {}));

story('what was set before the element was loaded counts, defaults or not', {}, async (page) => {
  await page.goto(`${stage.guest}/`);
  await page.evaluate((issuer) => {
    const consent = document.createElement('hospes-consent');
    Object.assign(consent, { issuer, interaction: 'consent', messages: { 'consent.allow': 'Sure' } });
    const apps = Object.assign(document.createElement('hospes-connected-apps'), { issuer, signOut: true });
    document.body.append(consent, apps);
  }, stage.url);
  await load(page);
  await page.getByRole('button', { name: 'Sure' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
});

story('an element that is made by a script waits until it is on the page, and takes what was set by then', {}, async (page) => {
  await page.goto(`${stage.guest}/`);
  await load(page);
  await page.evaluate(async (issuer) => {
    window.own = document.createElement('hospes-consent');
    window.own.issuer = issuer;
    await new Promise((resolve) => setTimeout(resolve, 50));
    window.own.interaction = 'consent';
  }, stage.url);
  assert.equal(stage.calls.length, 0);
  await page.evaluate(() => document.body.append(window.own));
  await isOn(page, 'consent');
  assert.equal(lastCall('/interactions').body.interaction_id, 'consent');
});

story('attributes become texts, numbers and switches, and go back to the default when they are removed', {}, async (page) => {
  await page.goto(address('connected-apps', { '-host-name': 'Harbour', '-sign-out': '', '-heading-level': '3' }));
  await isOn(page, 'list');
  const levels = () => page.getByRole('heading').evaluateAll((all) => all.map((own) => own.ariaLevel));
  assert.deepEqual(await levels(), ['3', '4', '4']);
  assert.match(await page.locator('.lead').innerText(), /Harbour/);
  assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 1);
  await page.locator('hospes-connected-apps').evaluate(async (own) => {
    for (const name of ['heading-level', 'sign-out', 'host-name']) own.removeAttribute(name);
    await own.updateComplete;
  });
  assert.deepEqual(await levels(), ['1', '2', '2']);
  assert.match(await page.locator('.lead').innerText(), /localhost/);
  assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 0);
});

story('many changes are one drawing; a move on the page begins nothing anew', {}, async (page) => {
  await page.goto(address('consent', { interaction: 'consent' }));
  await isOn(page, 'consent');
  const drawings = await page.locator('hospes-consent').evaluate(async (own) => {
    let count = 0;
    const { render } = own;
    own.render = () => ((count += 1), render.call(own));
    own.hostName = 'One';
    own.hostName = 'Two';
    own.messages = {};
    await own.updateComplete;
    own.hostName = 'Two';
    await own.updateComplete;
    return count;
  });
  assert.equal(drawings, 1);
  await page.evaluate(() => document.body.prepend(document.querySelector('hospes-consent')));
  await isOn(page, 'consent');
  assert.match(await page.getByRole('heading', { level: 1 }).innerText(), /Two/);
  assert.equal(callsTo('/interactions').length, 1);
});
