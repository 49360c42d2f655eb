import assert from 'node:assert/strict';
import { address, callsTo, inspect, isOn, lastCall, stage, story } from './page.mjs';

const consent = (interaction, more) => address('consent', { interaction, ...more });

story('who asks, for what, as whom, and where it leads', {}, async (page) => {
  await page.goto(consent('consent'));
  await isOn(page, 'consent');
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Lighthouse wants access to your Harbour account');
  const text = await page.locator('.card').innerText();
  for (const shown of ['Verified by Harbour', 'lighthouse.example', 'Ada Quay', 'ada@harbour.example', 'Know that it is you', 'Read your notes', 'Those in the bin too', 'Notes', 'https://api.example/notes', 'web.example']) {
    assert.ok(text.includes(shown), `${shown} is not shown: ${text}`);
  }
  assert.equal(await page.getByText('https://web.example/callback').isVisible(), false);
  await page.getByText('Full address').click();
  assert.equal(await page.getByText('https://web.example/callback').isVisible(), true);
});

story('allow with one value left out and an end, by keyboard only', {}, async (page) => {
  await page.goto(consent('consent'));
  await isOn(page, 'consent');
  const focused = () => page.evaluate(() => {
    let own = document.activeElement;
    while (own?.shadowRoot?.activeElement) own = own.shadowRoot.activeElement;
    return own?.tagName === 'INPUT' ? own.value : (own?.innerText ?? '').split('\n')[0];
  });
  assert.match(await focused(), /wants access/, 'the focus is on the heading');
  const seen = [];
  for (let step = 0; step < 6; step += 1) {
    await page.keyboard.press('Tab');
    seen.push(await focused());
    if (seen.at(-1) === 'notes.write') await page.keyboard.press('Space');
    if (seen.at(-1) === 'When I disconnect it') await page.keyboard.press('ArrowDown');
    if (seen.at(-1) === 'Allow') break;
  }
  assert.deepEqual(seen, ['Privacy policy', 'Sign in with another account', 'notes.write', 'Full address', 'When I disconnect it', 'Allow']);
  const before = Date.now();
  await page.keyboard.press('Enter');
  await page.waitForURL(/callback\?code=c&state=s/);
  const { body } = lastCall('/decide');
  assert.deepEqual({ ...body, expires_at: undefined }, { decision: 'allow', scopes: ['openid', 'email', 'notes.read'], expires_at: undefined });
  const end = Date.parse(body.expires_at) - before;
  assert.ok(Math.abs(end - 86_400_000) < 30_000, body.expires_at);
});

story('deny', {}, async (page) => {
  await page.goto(consent('consent'));
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.waitForURL(/callback\?error=access_denied/);
  assert.deepEqual(lastCall('/decide').body, { decision: 'deny', scopes: [], expires_at: null });
});

story('the Enter key in the form decides nothing', {}, async (page) => {
  await page.goto(consent('consent'));
  await isOn(page, 'consent');
  await page.getByRole('checkbox').focus();
  await page.keyboard.press('Enter');
  await page.waitForTimeout(200);
  assert.equal(callsTo('/decide').length, 0);
});

story('three clicks make one decision: the first', {}, async (page) => {
  await page.goto(consent('consent'));
  await isOn(page, 'consent');
  stage.delay = 300;
  await page.locator('hospes-consent').evaluate(({ shadowRoot }) => {
    for (const part of ['allow', 'allow', 'deny']) shadowRoot.querySelector(`[part=${part}]`).click();
  });
  await page.waitForURL(/callback\?code=c/);
  assert.equal(callsTo('/decide').length, 1);
});

for (const [name, fail] of [
  ['unreachable', () => (stage.isDown = true)],
  ['busy', () => (stage.next = [503, 503])],
]) {
  story(`a decision that fails (${name}) says so, keeps what was chosen, and can be sent again`, {}, async (page) => {
    await page.goto(consent('consent'));
    await isOn(page, 'consent');
    await page.getByRole('checkbox').uncheck();
    fail();
    const allow = page.getByRole('button', { name: 'Allow' });
    await allow.click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    if (name === 'busy') assert.match(await alert.innerText(), /request-id-test-1/);
    assert.equal(await page.getByRole('checkbox').isChecked(), false);
    await inspect(page, `consent-${name}`, [320, 1440]);
    await allow.click();
    await alert.waitFor();
    stage.isDown = false;
    await allow.click();
    await page.waitForURL(/callback\?code=c/);
    assert.ok(callsTo('/decide').every(({ body }) => !body.scopes.includes('notes.write')));
  });
}

story('a server that is down at the start, then back', {}, async (page) => {
  stage.isDown = true;
  await page.goto(consent('consent'));
  await isOn(page, 'failed');
  await inspect(page, 'consent-down', [320, 1440]);
  stage.isDown = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await isOn(page, 'consent');
});

story('an interaction that is over has no button to try again', {}, async (page) => {
  await page.goto(consent('gone'));
  await isOn(page, 'failed');
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'This page has expired');
  assert.match(await page.locator('.card').innerText(), /request-id-test-1/);
  assert.equal(await page.getByRole('button').count(), 0);
});

story('a slow server: a word that it takes time, and nothing to click', {}, async (page) => {
  stage.delay = 700;
  await page.goto(consent('consent'));
  await isOn(page, 'waiting');
  assert.match(await page.getByRole('status').innerText(), /Loading/);
  assert.equal(await page.getByRole('button').count(), 0);
  await isOn(page, 'consent');
});

story('inside of a frame it shows nothing, and asks the server nothing', {}, async (page) => {
  await page.goto(`${stage.guest}/`);
  await page.evaluate((src) => document.body.append(Object.assign(document.createElement('iframe'), { src, width: 600, height: 500 })), consent('consent'));
  const frame = page.frameLocator('iframe');
  await frame.locator('.card[data-screen="framed"]').waitFor();
  assert.equal(await frame.getByRole('button').count(), 0);
  assert.equal(await frame.getByRole('link').getAttribute('target'), '_blank');
  assert.equal(stage.calls.length, 0);
});

story('what needs no consent goes on at once', {}, async (page) => {
  await page.goto(consent('redirect'));
  await page.waitForURL(/callback\?code=c/);
});

story('a program on the device: a warning, then how it ended and a way back', {}, async (page) => {
  await page.goto(consent('native'));
  await isOn(page, 'consent');
  assert.match(await page.getByRole('note').innerText(), /just started this yourself/);
  await page.getByRole('button', { name: 'Allow' }).click();
  await isOn(page, 'outcome');
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Lantern is connected');
  const link = page.getByRole('link', { name: 'Open Lantern' });
  assert.equal(await link.getAttribute('href'), 'com.example.lantern:/callback?code=c&state=s');
  assert.match(await page.evaluate(() => document.activeElement.shadowRoot.activeElement.tagName), /H1/);
  await inspect(page, 'outcome-allowed', [320, 1440]);
});

story('a program on the device that was denied', {}, async (page) => {
  await page.goto(consent('native'));
  await page.getByRole('button', { name: 'Deny' }).click();
  await isOn(page, 'outcome');
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Access was not given');
});

story('loopback, unverified, look-alike name, a URL as id, what cannot be granted, what is new', {}, async (page) => {
  await page.goto(consent('loopback'));
  await isOn(page, 'consent');
  const text = await page.locator('.card').innerText();
  assert.match(text, /An app on this device \(\s*127\.0\.0\.1\s*\)/);
  assert.match(text, /Never continue because somebody sent you a link/);
  await inspect(page, 'consent-loopback', [320, 1440]);
  await page.goto(consent('unverified'));
  await isOn(page, 'consent');
  const other = await page.locator('.card').innerText();
  for (const shown of ['Not verified by Harbour', 'look like others', 'tools.example', 'Manage everybody’s notes', 'Your account does not have these rights', 'has not checked who made this app', 'New']) {
    assert.ok(other.includes(shown), `${shown} is not shown: ${other}`);
  }
  assert.equal(await page.getByRole('link').count(), 0, 'no link that nobody has looked at');
  await inspect(page, 'consent-unverified');
});

story('remembered consent of a native client asks for a confirmation only', {}, async (page) => {
  await page.goto(consent('confirm'));
  await isOn(page, 'consent');
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Continue to Lighthouse?');
  assert.equal(await page.getByRole('checkbox').count(), 0);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForURL(/code=c/);
  assert.deepEqual(lastCall('/decide').body.scopes, ['openid', 'email', 'notes.read', 'notes.write']);
});

story('names of others stay text, stay inside of their place, and turn nothing around', {}, async (page) => {
  await page.goto(consent('hostile'));
  await isOn(page, 'consent');
  const heading = await page.getByRole('heading', { level: 1 }).innerText();
  assert.ok(heading.startsWith('<img src=x onerror=alert(1)>'), heading);
  assert.ok(heading.length < 130 && !heading.includes('\u202e'), heading);
  assert.equal(await page.locator('hospes-consent img').count(), 0);
  await inspect(page, 'consent-hostile', [320, 1440]);
});

story('nobody signed in: the login opens in place, and leads to the consent', {}, async (page) => {
  stage.signedIn = false;
  await page.goto(consent('login'));
  await page.getByLabel('Email').waitFor();
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Sign in to Harbour');
  assert.equal(await page.getByLabel('Email').inputValue(), 'ada@harbour.example');
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery staple');
  await page.keyboard.press('Enter');
  await isOn(page, 'consent');
  assert.equal(lastCall('/login').headers.authorization, 'Bearer session-token-of-ada');
  assert.equal(await page.locator('hospes-login').count(), 0);
});

story('cancel at the login denies', {}, async (page) => {
  stage.signedIn = false;
  await page.goto(consent('login'));
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.waitForURL(/access_denied/);
});

story('the client wants fresh proof', {}, async (page) => {
  await page.goto(consent('again'));
  await page.getByLabel('Email').waitFor();
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Confirm it’s you');
  assert.match(await page.locator('hospes-login .card').innerText(), /Lighthouse/);
});

story('the host app’s own login gets the way back', {}, async (page) => {
  stage.signedIn = false;
  await page.goto(consent('login', { '-login-url': '/sign-in?theme=x' }));
  await page.waitForURL(/\d\/sign-in/);
  const url = new URL(page.url());
  assert.equal(url.searchParams.get('theme'), 'x');
  assert.equal(new URL(url.searchParams.get('return_url')).searchParams.get('interaction'), 'login');
});

story('who the user is, by an address of the host app’s: asked for before each call, and nobody else is asked', {}, async (page) => {
  stage.signedIn = false;
  let answer = { status: 401 };
  const asked = [];
  await page.route('**/whose**', (route) => (asked.push(route.request().url()), route.fulfill(answer)));
  await page.goto(consent('consent', { '-token-url': '/whose?page=1' }));
  await isOn(page, 'consent');
  assert.equal(lastCall('/interactions').body.trusted_token, undefined);
  answer = { json: { trusted_token: 'of-the-host', profile_id: 'p' } };
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL(/callback\?code=c/);
  assert.equal(lastCall('/decide').body.trusted_token, 'of-the-host');
  assert.deepEqual(asked, Array(2).fill(`${stage.guest}/whose?page=1`));
  for (const [url, with_] of [['/whose', { status: 500 }], ['/whose', { body: '<html>' }], ['https://elsewhere.example/whose', answer]]) {
    answer = with_;
    stage.calls.length = 0;
    await page.goto(consent('consent', { '-token-url': url, '-host-name': 'Harbour' }));
    await isOn(page, 'failed');
    assert.match(await page.locator('details').textContent(), /token_unavailable/);
    assert.match(await page.locator('.card').innerText(), /Harbour is not set up correctly/);
    assert.equal(stage.calls.length, 0);
  }
});

story('the page opened by itself: where to begin, and nobody is blamed', {}, async (page) => {
  await page.goto(address('consent', { '-host-name': 'Harbour' }));
  await isOn(page, 'failed');
  const text = await page.locator('.card').innerText();
  assert.match(text, /Begin at the app that you want to connect\./);
  assert.doesNotMatch(text, /mistake|not set up/);
  assert.equal(stage.calls.length, 0);
  await inspect(page, 'no-interaction', [320, 1440]);
});

for (const [proof, type] of [[{ trusted_token: 'refused', profile_id: 'p' }, 'invalid_trusted_auth_token'], [{ trusted_token: 'good', profile_id: 'unknown' }, 'trusted_token_profile_not_found']]) {
  story(`what the host app got wrong is not blamed on the client: ${type}`, {}, async (page) => {
    await page.route('**/whose', (route) => route.fulfill({ json: proof }));
    await page.goto(consent('consent', { '-token-url': '/whose', '-host-name': 'Harbour' }));
    await isOn(page, 'failed');
    const text = await page.locator('.card').innerText();
    assert.match(text, /Harbour is not set up correctly[^]*not yours and not the app’s[^]*The developer of Harbour/);
    assert.doesNotMatch(text, /The app made a mistake/);
    assert.match(await page.locator('details').textContent(), new RegExp(type));
  });
}

story('a page that cancels the event signs in by itself, and goes on', {}, async (page) => {
  stage.signedIn = false;
  await page.addInitScript(() => {
    addEventListener('hospes-login-required', (event) => {
      event.preventDefault();
      window.asked = event.detail.reason;
    });
  });
  await page.goto(consent('login'));
  await isOn(page, 'login-needed');
  assert.equal(await page.evaluate(() => window.asked), 'nobody');
  await inspect(page, 'login-needed', [320, 1440]);
  await page.getByRole('button', { name: 'Try again' }).click();
  await isOn(page, 'login-needed');
  stage.signedIn = true;
  await page.evaluate(() => document.querySelector('hospes-consent').continue());
  await isOn(page, 'consent');
});

story('choose an account, or another, and come back from it', {}, async (page) => {
  await page.goto(consent('account'));
  await isOn(page, 'account');
  await inspect(page, 'account', [320, 1440]);
  await page.getByRole('button', { name: 'Use another account' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await isOn(page, 'account');
  await page.getByRole('button', { name: /Continue as.*Ada Quay/ }).click();
  await isOn(page, 'consent');
});

for (const error_type of ['interaction_login_required', 'no_oauth_authorize_user_selector']) {
  story(`signed out while the page was open (${error_type}): asks for the login, loses nothing`, {}, async (page) => {
    await page.goto(consent('consent'));
    await isOn(page, 'consent');
    await page.route('**/decide', (route) => route.fulfill({
      status: 400, contentType: 'application/json', headers: { 'access-control-allow-origin': stage.guest, 'access-control-allow-credentials': 'true' },
      body: JSON.stringify({ error_type, error_message: 'x', request_id: 'r', status_code: 400 }),
    }));
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByLabel('Email', { exact: true }).fill('ada@harbour.example');
    await page.getByLabel('Password', { exact: true }).fill('correct horse battery staple');
    await page.keyboard.press('Enter');
    await isOn(page, 'consent');
    await page.unroute('**/decide');
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.waitForURL(/code=c/);
  });
}

story('an answer that was lost: the second try learns where to go', {}, async (page) => {
  await page.goto(consent('consent'));
  await isOn(page, 'consent');
  const cors = { 'access-control-allow-origin': stage.guest, 'access-control-allow-credentials': 'true' };
  const error = { error_type: 'interaction_already_decided', error_message: 'x', request_id: 'r', status_code: 409 };
  await page.route('**/decide', (route) => route.fulfill({ status: 409, contentType: 'application/json', headers: cors, body: JSON.stringify(error) }));
  await page.route('**/interactions', (route) => {
    const answer = { ...stage.interaction('redirect'), interaction_id: 'consent' };
    return route.fulfill({ status: 200, contentType: 'application/json', headers: cors, body: JSON.stringify(answer) });
  });
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL(/code=c/);
});

story('the page is the authorization endpoint: the raw query, one nonce, and a reload that goes on', {}, async (page) => {
  await page.goto(`${stage.guest}/page/consent?client_id=web&scope=openid%20email&state=x`);
  await isOn(page, 'consent');
  assert.match(lastCall('/interactions').body.query, /^client_id=web&scope=openid%20email&state=x$/);
  const { nonce } = lastCall('/interactions').body;
  assert.equal(new URL(page.url()).search, '?interaction=consent', 'the request is not left in the address');
  await page.reload();
  await isOn(page, 'consent');
  assert.deepEqual(lastCall('/interactions').body, { interaction_id: 'consent', nonce });
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL(/code=c/);
  assert.equal(lastCall('/decide').body.nonce, nonce);
});

story('a page that takes the redirect into its own hands', {}, async (page) => {
  await page.addInitScript(() => addEventListener('hospes-redirect', (event) => {
    event.preventDefault();
    window.wouldGo = event.detail.url;
  }));
  await page.goto(consent('consent'));
  await page.getByRole('button', { name: 'Allow' }).click();
  await isOn(page, 'outcome');
  assert.match(await page.evaluate(() => window.wouldGo), /code=c/);
  await inspect(page, 'leaving', [320, 1440]);
});

for (const colorScheme of ['light', 'dark']) {
  story(`one accent is enough, in ${colorScheme}: what belongs to it follows`, { colorScheme, reducedMotion: 'reduce' }, async (page) => {
    const colours = () => page.locator('hospes-consent').evaluate((own) => {
      const of = (selector, name) => getComputedStyle(own.shadowRoot.querySelector(selector))[name];
      return { button: of('[part=allow]', 'backgroundColor'), tint: of('.face', 'backgroundColor'), badge: of('.badge', 'color'), line: of('.facts', 'borderBlockStartColor') };
    });
    await page.goto(consent('consent'));
    await isOn(page, 'consent');
    const ours = await colours();
    await page.emulateMedia({ colorScheme, contrast: 'more' });
    assert.notEqual((await colours()).line, ours.line, 'who asks for contrast gets it');
    await page.emulateMedia({ colorScheme, contrast: 'no-preference' });
    await page.locator('hospes-consent').evaluate((own) => own.style.setProperty('--hospes-accent', 'rgb(0, 90, 200)'));
    const brand = await colours();
    for (const name of ['button', 'tint', 'badge']) assert.notEqual(brand[name], ours[name], name);
    assert.equal(brand.line, ours.line);
  });
}

story('the look: ours, a brand’s, shadcn’s', {}, async (page) => {
  await page.goto(consent('consent'));
  await isOn(page, 'consent');
  await inspect(page, 'consent');
  await page.goto(consent('consent', { class: 'brand', '-color-scheme': 'light' }));
  await isOn(page, 'consent');
  await inspect(page, 'consent-brand', [1440]);
  await page.goto(consent('consent', { class: 'shadcn', '-theme': 'shadcn', '-color-scheme': 'light' }));
  await isOn(page, 'consent');
  await inspect(page, 'consent-shadcn', [320, 1440]);
});

for (const [lang, dir, title] of [
  ['de', 'ltr', 'Lighthouse möchte auf Ihr Harbour-Konto zugreifen'],
  ['es-MX', 'ltr', 'Lighthouse quiere acceder a tu cuenta de Harbour'],
  ['fr', 'ltr', 'Lighthouse demande l’accès à votre compte Harbour'],
  ['pt', 'ltr', 'Lighthouse quer acessar sua conta de Harbour'],
  ['ja', 'ltr', 'Lighthouse が Harbour アカウントへのアクセスを求めています'],
  ['ar', 'rtl', 'يريد Lighthouse الوصول إلى حسابك في Harbour'],
  ['eo', 'ltr', 'Lighthouse wants access to your Harbour account'],
]) {
  story(`the language of the page: ${lang}`, {}, async (page) => {
    await page.goto(consent('consent', { lang }));
    await isOn(page, 'consent');
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), title);
    assert.equal(await page.locator('hospes-consent').getAttribute('dir'), dir);
    assert.equal(stage.calls[0].headers['accept-language'], lang);
    await inspect(page, `consent-${lang}`, [320, 1440]);
  });
}

story('words of the host app’s own', {}, async (page) => {
  await page.addInitScript(() => addEventListener('DOMContentLoaded', () => {
    document.querySelector('hospes-consent').messages = { 'consent.allow': 'Sure', 'scopes.notes.read.title': 'Look at what you wrote' };
  }));
  await page.goto(consent('consent', { '-host-name': 'The Harbour' }));
  await page.getByRole('button', { name: 'Sure' }).waitFor();
  assert.match(await page.locator('.card').innerText(), /Look at what you wrote/);
  assert.match(await page.getByRole('heading', { level: 1 }).innerText(), /The Harbour/);
});

story('less motion for those who asked for it', { reducedMotion: 'reduce' }, async (page) => {
  stage.delay = 2000;
  await page.goto(consent('consent'));
  await page.getByText('Loading').waitFor();
  assert.equal(await page.locator('.spinner').evaluate((own) => getComputedStyle(own).animationDuration), '6s');
});
