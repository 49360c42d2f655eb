import assert from 'node:assert/strict';
import { address, callsTo, inspect, isOn, lastCall, stage, story } from './page.mjs';

const apps = (more) => address('connected-apps', { '-host-name': 'Harbour', ...more });
const lantern = { name: /Disconnect.*Lantern/ };

story('which apps, what each may do, since when, until when', {}, async (page) => {
  await page.goto(apps({ '-sign-out': '' }));
  await isOn(page, 'list');
  const text = await page.locator('.card').innerText();
  for (const shown of ['Connected apps', 'Ada Quay', 'Lighthouse', 'Verified', 'Not verified', 'Stay connected', 'Read your notes', 'March 2, 2026', 'November 28, 2026', 'Not yet', 'December 29, 2026', 'When you disconnect it', 'https://api.example/notes']) {
    assert.ok(text.includes(shown), `${shown} is not shown: ${text}`);
  }
  await inspect(page, 'apps');
});

story('disconnect by keyboard: it goes, the page says so, and the focus is not lost', {}, async (page) => {
  await page.goto(apps());
  await isOn(page, 'list');
  await page.getByRole('button', lantern).focus();
  await page.keyboard.press('Enter');
  await page.getByText('is disconnected and can no longer use your account').waitFor();
  assert.match(await page.getByRole('status').innerText(), /Lantern/);
  assert.equal(await page.getByRole('listitem').filter({ hasText: 'Lantern' }).count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement.shadowRoot.activeElement.tagName), 'H1');
  assert.equal(callsTo('/account/connected_apps/https%3A%2F%2Ftools.example%2Fa%20b').length, 1);
  await inspect(page, 'apps-disconnected', [320, 1440]);
  await page.getByRole('button', { name: /Disconnect/ }).click();
  await page.getByText('No apps are connected').waitFor();
  await inspect(page, 'apps-none', [320, 1440]);
});

story('on a narrow screen a name stays whole, and nothing lies over anything', {}, async (page) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto(apps());
  await isOn(page, 'list');
  const row = page.getByRole('listitem').filter({ hasText: 'Lantern' });
  const name = await row.getByRole('heading').boundingBox();
  const badge = await row.locator('.badge').boundingBox();
  const button = await row.getByRole('button').boundingBox();
  assert.ok(name.height < 30, `the name is broken: ${name.height} px high`);
  assert.ok(badge.y + badge.height <= button.y || badge.x + badge.width <= button.x, JSON.stringify({ badge, button }));
});

story('a disconnect that fails stays in the list, says so beside it, and can be tried again', {}, async (page) => {
  await page.goto(apps());
  await isOn(page, 'list');
  stage.next = [503];
  await page.getByRole('button', lantern).click();
  await page.getByRole('alert').waitFor();
  assert.match(await page.locator('[data-client="https://tools.example/a b"]').innerText(), /request-id-test-1/);
  await inspect(page, 'apps-failed', [320]);
  await page.getByRole('button', lantern).click();
  await page.getByText('is disconnected').waitFor();
});

story('nobody signed in: the login opens in place; sign out leads back to it', {}, async (page) => {
  stage.signedIn = false;
  await page.goto(apps({ '-sign-out': '' }));
  await page.getByLabel('Email').fill('ada@harbour.example');
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery staple');
  await page.keyboard.press('Enter');
  await isOn(page, 'list');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Email').waitFor();
});

story('a host app with its own login: its token shows the list and disconnects, and no login of ours appears', {}, async (page) => {
  stage.signedIn = false;
  await page.route('**/whose', (route) => route.fulfill({ json: { trusted_token: 'of-the-host', profile_id: 'p' } }));
  await page.goto(apps({ '-token-url': '/whose' }));
  await isOn(page, 'list');
  assert.match(await page.locator('.card').innerText(), /Ada Quay/);
  await page.getByRole('button', lantern).click();
  await page.getByText('is disconnected').waitFor();
  assert.equal(lastCall('%2Fa%20b').headers.authorization, 'Bearer session-of-1');
  assert.equal(stage.exchanges, 1);
});

story('nobody signed in to the host app: its login, with the way back', {}, async (page) => {
  stage.signedIn = false;
  await page.route('**/whose', (route) => route.fulfill({ json: null }));
  await page.goto(apps({ '-token-url': '/whose', '-login-url': '/sign-in?theme=x' }));
  const from = page.url();
  await page.waitForURL(/\d\/sign-in/);
  assert.deepEqual([...new URL(page.url()).searchParams], [['theme', 'x'], ['return_url', from]]);
  await page.goto(apps({ '-token-url': '/whose' }));
  await page.getByLabel('Email').waitFor();
});

story('a token of the host app’s that is refused: its mistake, and its developer’s', {}, async (page) => {
  await page.route('**/whose', (route) => route.fulfill({ json: { trusted_token: 'refused', profile_id: 'p' } }));
  await page.goto(apps({ '-token-url': '/whose' }));
  await isOn(page, 'failed');
  const text = await page.locator('.card').innerText();
  assert.match(text, /Harbour is not set up correctly[^]*The developer of Harbour/);
  assert.match(await page.locator('details').textContent(), /For developers.*invalid_trusted_auth_token/);
  await inspect(page, 'apps-host-mistake', [320, 1440]);
});

story('a server that is down, then back', {}, async (page) => {
  stage.isDown = true;
  await page.goto(apps());
  await isOn(page, 'failed');
  stage.isDown = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await isOn(page, 'list');
});

story('as a part of a page: the level of its headings', {}, async (page) => {
  await page.goto(apps({ '-heading-level': '2' }));
  await isOn(page, 'list');
  const levels = await page.getByRole('heading').evaluateAll((all) => all.map((own) => [own.innerText, own.ariaLevel]));
  assert.deepEqual(levels, [['Connected apps', '2'], ['Lighthouse', '3'], ['Lantern', '3']]);
});

story('right to left', {}, async (page) => {
  await page.goto(apps({ lang: 'ar' }));
  await isOn(page, 'list');
  await inspect(page, 'apps-ar', [320, 1440]);
});
