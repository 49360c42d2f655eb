import assert from 'node:assert/strict';
import { address, callsTo, inspect, isOn, lastCall, stage, story } from './page.mjs';

const login = (more) => address('login', { '-host-name': 'Harbour', ...more });
const EMAIL = 'ada@harbour.example';
const PASSWORD = 'correct horse battery staple';

story('sign in by keyboard only; the page is told who it is', {}, async (page) => {
  await page.addInitScript(() => addEventListener('hospes-signed-in', (event) => (window.user = event.detail.user)));
  await page.goto(login({ '-return-url': '/home' }));
  await page.getByLabel('Email').waitFor();
  await page.keyboard.type(EMAIL);
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\d\/home/);
  assert.deepEqual(lastCall('/account/session').body, { email: EMAIL, password: PASSWORD });
});

story('password managers find the fields: in the page itself, in a form, named as they know it', {}, async (page) => {
  await page.goto(login());
  await page.getByLabel('Email').waitFor();
  const found = await page.evaluate(() => {
    const form = document.querySelector('hospes-login > form');
    return [...form.querySelectorAll('input')].map((own) => [own.autocomplete, own.type, own.form === form, document.contains(own)]);
  });
  assert.deepEqual(found, [['username', 'email', true, true], ['current-password', 'password', true, true]]);
});

story('a wrong password: says so, empties it, keeps the address, puts the focus there', {}, async (page) => {
  await page.goto(login({ '-client-name': 'Lighthouse' }));
  await page.getByLabel('Email').fill(EMAIL);
  await page.getByLabel('Password', { exact: true }).fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  assert.match(await page.getByRole('alert').innerText(), /do not match/);
  assert.equal(await page.getByLabel('Email').inputValue(), EMAIL);
  const password = page.getByLabel('Password', { exact: true });
  assert.equal(await password.inputValue(), '');
  assert.equal(await password.getAttribute('aria-invalid'), 'true');
  assert.equal(await password.evaluate((own) => document.activeElement === own), true);
  await inspect(page, 'login-wrong', [320, 1440]);
});

story('an empty field asks the server nothing', {}, async (page) => {
  await page.goto(login());
  await page.getByLabel('Email').fill(EMAIL);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  assert.equal(callsTo('/account/session').length, 0);
  assert.equal(await page.getByLabel('Password', { exact: true }).evaluate((own) => document.activeElement === own), true);
});

story('too many attempts; a server that is down, then back', {}, async (page) => {
  await page.goto(login());
  await page.getByLabel('Email').fill('many@harbour.example');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  const submit = page.getByRole('button', { name: 'Sign in' });
  await submit.click();
  await page.getByText('Too many attempts').waitFor();
  stage.isDown = true;
  await page.getByLabel('Email').fill(EMAIL);
  await submit.click();
  await page.getByText('Check your connection').waitFor();
  assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), PASSWORD);
  stage.isDown = false;
  await submit.click();
  await page.waitForFunction(() => !document.querySelector('[role=alert]'));
});

story('two submits make one login', {}, async (page) => {
  stage.delay = 300;
  await page.goto(login());
  await page.getByLabel('Email').fill(EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(700);
  assert.equal(callsTo('/account/session').length, 1);
});

story('the password can be looked at, and is hidden again when it is sent', {}, async (page) => {
  await page.goto(login());
  const password = page.getByLabel('Password', { exact: true });
  await password.fill('wrong');
  await page.getByLabel('Email').fill(EMAIL);
  const peek = page.getByRole('button', { name: 'Show password' });
  await peek.click();
  assert.equal(await password.getAttribute('type'), 'text');
  assert.equal(await peek.getAttribute('aria-pressed'), 'true');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  assert.equal(await password.getAttribute('type'), 'password');
});

story('a return address of another site is not followed', {}, async (page) => {
  await page.addInitScript(() => addEventListener('hospes-error', (event) => (window.refused = event.detail.error.type)));
  await page.goto(login({ '-return-url': 'https://evil.example/' }));
  await page.getByLabel('Email').fill(EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => window.refused);
  assert.equal(await page.evaluate(() => window.refused), 'unsafe_redirect');
  assert.match(page.url(), /page\/login/);
});

story('inside of a frame there are no fields', {}, async (page) => {
  await page.goto(`${stage.guest}/`);
  await page.evaluate((src) => document.body.append(Object.assign(document.createElement('iframe'), { src })), login());
  await page.frameLocator('iframe').locator('.card[data-screen="framed"]').waitFor();
  assert.equal(await page.frameLocator('iframe').locator('input').count(), 0);
});

story('the look: ours, from right to left, and shadcn’s', {}, async (page) => {
  await page.goto(login({ '-client-name': 'Lighthouse', '-login-hint': EMAIL }));
  await isOn(page, 'login');
  await inspect(page, 'login');
  await page.goto(login({ lang: 'ar' }));
  await isOn(page, 'login');
  await inspect(page, 'login-ar', [320, 1440]);
  await page.goto(login({ class: 'shadcn', '-theme': 'shadcn', '-color-scheme': 'light' }));
  await isOn(page, 'login');
  await inspect(page, 'login-shadcn', [1440]);
});
