// The pages as people meet them: in a real browser, with and without JavaScript.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { hospes } from '../hospes.mjs';
import { PASSWORD, issuer } from '../person.mjs';
import { answers, answerTo, inspect, isOn, logIn, mailedLink, open, received, request } from './stage.mjs';

const stage = await open();
after(() => stage.stop());

const CALLBACK = 'https://web.example/callback';
const ask = (extra) => request('web', CALLBACK, extra);
const SECRET = 'Basic ' + Buffer.from('web:web-secret-for-tests-0123456789abcdef').toString('base64');

/** Every test has a browser of its own, and no page of ours may answer 5xx or complain in its console. */
function story(name, options, tell) {
  test(name, { timeout: 120_000 }, async () => {
    const profile = await stage.profile(options);
    const complaints = [];
    profile.on('response', (response) => {
      if (response.url().startsWith(issuer) && response.status() >= 500) complaints.push(`${response.status()} ${response.url()}`);
    });
    profile.on('console', (message) => {
      const isOurs = message.page()?.url().startsWith(issuer);
      if (isOurs && message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
    });
    profile.setDefaultTimeout(20_000);
    try {
      await tell(await profile.newPage(), profile);
      assert.deepEqual(complaints, []);
    } finally {
      await profile.close();
    }
  });
}

async function redeem(asked, code) {
  const response = await fetch(`${issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: SECRET },
    body: new URLSearchParams({
      grant_type: 'authorization_code', code, redirect_uri: asked.redirectUri, code_verifier: asked.verifier,
    }),
  });
  return { status: response.status, ...(await response.json()) };
}

for (const javaScriptEnabled of [true, false]) {
  const mode = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript';

  story(`login, consent, callback, ${mode}`, { javaScriptEnabled }, async (page) => {
    const asked = ask({ scope: 'openid profile email notes.read notes.write', prompt: 'consent' });
    await page.goto(asked.href);
    await logIn(page, 'ada');
    await isOn(page, 'consent');
    assert.match(await page.innerText('main'), /Lighthouse/);
    assert.match(await page.innerText('main'), /web\.example/);
    await page.uncheck('input[name="scope:notes.write"]');
    await page.click('#consent-allow');
    await isOn(page, 'guest');
    const answer = await answerTo(asked);
    const tokens = await redeem(asked, answer.get('code'));
    assert.equal(tokens.status, 200, JSON.stringify(tokens));
    const scope = tokens.scope.split(' ');
    assert.ok(scope.includes('notes.read') && !scope.includes('notes.write'), tokens.scope);
  });

  story(`deny, and cancel at the login, ${mode}`, { javaScriptEnabled }, async (page) => {
    const cancelled = ask();
    await page.goto(cancelled.href);
    await isOn(page, 'login');
    await page.click('#login-cancel');
    await isOn(page, 'guest');
    assert.equal((await answerTo(cancelled)).get('error'), 'access_denied');

    const denied = ask({ prompt: 'consent' });
    await page.goto(denied.href);
    await logIn(page, 'ada');
    await page.click('#consent-deny');
    await isOn(page, 'guest');
    assert.equal((await answerTo(denied)).get('error'), 'access_denied');
  });

  story(`form_post, ${mode}`, { javaScriptEnabled }, async (page) => {
    const asked = ask({ response_mode: 'form_post', prompt: 'consent' });
    await page.goto(asked.href);
    await logIn(page, 'ada');
    await page.click('#consent-allow');
    if (!javaScriptEnabled) {
      await isOn(page, 'form-post');
      await page.click('#form-post-submit');
    }
    await page.waitForURL('https://web.example/**');
    const answer = await answerTo(asked);
    assert.ok(answer.get('code'));
    assert.equal(answers(asked)[0].method, 'POST');
  });

  story(`account chooser: go on, and switch, ${mode}`, { javaScriptEnabled }, async (page) => {
    const first = request('first', 'https://first.example/callback');
    await page.goto(first.href);
    await logIn(page, 'ada');
    await answerTo(first);

    const second = request('first', 'https://first.example/callback', { prompt: 'select_account' });
    await page.goto(second.href);
    await isOn(page, 'account');
    assert.match(await page.innerText('main'), /Ada Quay/);
    await page.click('#account-continue');
    assert.ok((await answerTo(second)).get('code'));

    const third = request('first', 'https://first.example/callback', { prompt: 'select_account' });
    await page.goto(third.href);
    await page.click('#account-switch');
    await logIn(page, 'emil');
    assert.ok((await answerTo(third)).get('code'));
    await page.goto(`${issuer}/account/apps`);
    await isOn(page, 'apps');
    assert.match(await page.innerText('main'), /Emil Jetty/);
  });

  story(`connected apps: disconnect ends the app's access, ${mode}`, { javaScriptEnabled }, async (page) => {
    const asked = ask({ scope: 'openid offline_access', prompt: 'consent' });
    await page.goto(asked.href);
    await logIn(page, 'dora');
    await page.click('#consent-allow');
    const tokens = await redeem(asked, (await answerTo(asked)).get('code'));
    assert.ok(tokens.refresh_token, JSON.stringify(tokens));

    await page.goto(`${issuer}/account/apps`);
    await isOn(page, 'apps');
    await page.click('li[data-client="web"] button[name="disconnect"]');
    assert.match(await page.innerText('[role="status"]'), /Lighthouse/);
    assert.equal(await page.locator('li[data-client="web"]').count(), 0);

    const refreshed = await fetch(`${issuer}/oauth2/token`, {
      method: 'POST',
      headers: { authorization: SECRET },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token }),
    });
    assert.equal((await refreshed.json()).error, 'invalid_grant');
    const info = await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    assert.equal(info.status, 401);

    await page.goto(ask().href);
    await isOn(page, 'consent');
  });

  story(`a forgotten password, ${mode}`, { javaScriptEnabled }, async (page) => {
    const [name, password] = [javaScriptEnabled ? 'finn' : 'greta', 'umbrella over the north pier'];
    const asked = ask({ prompt: 'consent' });
    await page.goto(asked.href);
    await isOn(page, 'login');
    await page.click('#login-forgot');
    await isOn(page, 'forgot-password');
    await page.fill('#email', `${name}@harbour.example`);
    await page.click('#forgot-submit');
    await isOn(page, 'reset-sent');
    await page.goto(await mailedLink(`${name}@harbour.example`));
    await isOn(page, 'reset-password');
    await page.fill('#password', 'qwertyuiop');
    await page.click('#reset-submit');
    assert.match(await page.innerText('[role="alert"]'), /leaks/);
    await page.fill('#password', password);
    await page.click('#reset-submit');
    await isOn(page, 'consent');
    await page.click('#consent-allow');
    assert.ok((await answerTo(asked)).get('code'));
    const stranger = await stage.profile();
    try {
      const window = await stranger.newPage();
      await window.goto(`${issuer}/login`);
      await logIn(window, name, password);
      await isOn(window, 'apps');
    } finally {
      await stranger.close();
    }
  });

  story(`logout, ${mode}`, { javaScriptEnabled }, async (page) => {
    const asked = ask({ prompt: 'consent' });
    await page.goto(asked.href);
    await logIn(page, 'ada');
    await page.click('#consent-allow');
    await answerTo(asked);
    await page.goto(`${issuer}/oauth2/logout`);
    await isOn(page, 'logout');
    await page.click('#logout-cancel');
    await isOn(page, 'logged-out');
    await page.goto(`${issuer}/account/apps`);
    await isOn(page, 'apps');
    await page.goto(`${issuer}/oauth2/logout`);
    await page.click('#logout-confirm');
    await isOn(page, 'logged-out');
    await page.goto(`${issuer}/account/apps`);
    await isOn(page, 'login');
  });
}

story('a wrong password and an unknown user read the same', {}, async (page) => {
  const texts = [];
  for (const username of ['cleo', 'nobody-of-that-name']) {
    await page.goto(ask().href);
    await logIn(page, username, 'not the password');
    await isOn(page, 'login');
    texts.push(await page.innerText('[role="alert"]'));
    assert.equal(await page.inputValue('#username'), username);
    assert.equal(await page.inputValue('#password'), '');
    assert.equal(await page.getAttribute('#password', 'aria-invalid'), 'true');
  }
  assert.equal(texts[0], texts[1]);
  await page.fill('#username', 'cleo');
  await page.fill('#password', PASSWORD);
  await page.click('#login-submit');
  await isOn(page, 'consent');
});

story('the back button after the decision makes no second code', {}, async (page) => {
  const asked = ask({ prompt: 'consent' });
  await page.goto(asked.href);
  await logIn(page, 'ada');
  await page.click('#consent-allow');
  // Chromium does not go back while it is still on its way.
  await isOn(page, 'guest');
  await page.goBack();
  await page.waitForLoadState();
  if (await page.locator('#consent-allow').count()) {
    await page.click('#consent-allow');
    await page.waitForLoadState();
  }
  await isOn(page, 'error');
  await answerTo(asked);
});

story('a double submit makes one code', {}, async (page, profile) => {
  const asked = ask({ prompt: 'consent' });
  await page.goto(asked.href);
  await logIn(page, 'ada');
  await isOn(page, 'consent');
  const { action, form } = await page.evaluate(() => {
    const element = document.getElementById('consent-form');
    return { action: element.action, form: { ...Object.fromEntries(new FormData(element)), decision: 'allow' } };
  });
  // With this browser's cookies, and both on their way before the first answer.
  const posts = await Promise.all([1, 2].map(() => profile.request.post(action, { form, maxRedirects: 0 })));
  const codes = posts.filter((post) => post.headers().location?.startsWith(`${CALLBACK}?code=`));
  assert.equal(codes.length, 1, posts.map((post) => `${post.status()} ${post.headers().location}`).join(', '));
  assert.ok(posts.every((post) => post.status() < 500));
});

story('two tabs: each gets its own answer, one consent page is answered once', {}, async (page, profile) => {
  const [one, two] = [ask({ prompt: 'consent' }), ask({ prompt: 'consent' })];
  const other = await profile.newPage();
  await page.goto(one.href);
  await other.goto(two.href);
  await logIn(page, 'ada');
  await logIn(other, 'ada');
  await isOn(page, 'consent');
  await isOn(other, 'consent');
  await other.click('#consent-allow');
  await isOn(other, 'guest');
  const stale = await profile.newPage();
  await stale.goto(page.url());
  await page.reload();
  await page.click('#consent-allow');
  await page.waitForLoadState();
  if ((await page.locator('body').getAttribute('data-page')) === 'consent') {
    // The other tab's login changed the session, so this form was drawn for another one: it is shown again.
    await page.click('#consent-allow');
  }
  await isOn(page, 'guest');
  assert.ok((await answerTo(one)).get('code'));
  assert.ok((await answerTo(two)).get('code'));
  if (await stale.locator('#consent-allow').count()) await stale.click('#consent-allow');
  await isOn(stale, 'error');
  await answerTo(one);
});

story('the login ends while the consent page is open', {}, async (page, profile) => {
  const asked = ask({ prompt: 'consent' });
  await page.goto(asked.href);
  await logIn(page, 'ada');
  await isOn(page, 'consent');
  await profile.clearCookies({ name: /session/ });
  await page.click('#consent-allow');
  await page.waitForLoadState();
  assert.ok(['login', 'error'].includes(await page.locator('body').getAttribute('data-page')));
  assert.equal(answers(asked).length, 0);
});

story('another browser cannot finish an interaction', {}, async (page) => {
  const asked = ask({ prompt: 'consent' });
  await page.goto(asked.href);
  await isOn(page, 'login');
  const stranger = await stage.profile();
  try {
    const window = await stranger.newPage();
    await window.goto(page.url());
    await isOn(window, 'error');
  } finally {
    await stranger.close();
  }
  await logIn(page, 'ada');
  await isOn(page, 'consent');
});

story('no page of ours stands in a frame', {}, async (page) => {
  await page.goto('https://evil.example/');
  await page.evaluate((src) => {
    const frame = document.createElement('iframe');
    frame.src = src;
    document.body.append(frame);
    return new Promise((resolve) => frame.addEventListener('load', resolve));
  }, ask().href);
  const inside = page.frames().find((frame) => frame !== page.mainFrame());
  assert.equal(await inside.locator('[data-page]').count(), 0);
});

story('a native app gets a link as well', {}, async (page) => {
  const asked = request('native', 'com.example.lantern:/callback');
  await page.goto(asked.href);
  await logIn(page, 'ada');
  await isOn(page, 'consent');
  await page.click('#consent-allow');
  await isOn(page, 'outcome');
  assert.equal(await page.innerText('#outcome-link'), 'Open Lantern');
  const link = await page.getAttribute('#outcome-link', 'href');
  assert.match(link, /^com\.example\.lantern:\/callback\?/);
  assert.equal(new URL(link).searchParams.get('state'), asked.state);
  await inspect(page, 'outcome');
});

story('by keyboard alone', {}, async (page) => {
  const asked = ask({ prompt: 'consent' });
  await page.goto(asked.href);
  await isOn(page, 'login');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'username');
  await page.keyboard.type('ada');
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForLoadState();
  await isOn(page, 'consent');
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate(() => document.activeElement.id)) === 'consent-allow') break;
  }
  await page.keyboard.press('Enter');
  await isOn(page, 'guest');
  assert.ok((await answerTo(asked)).get('code'));
});

story('every page: accessible, narrow and wide, light and dark', {}, async (page, profile) => {
  await page.goto(ask().href);
  await inspect(page, 'login');
  await logIn(page, 'emil', 'not the password');
  await inspect(page, 'login-wrong');
  const everything = 'openid profile email phone address offline_access notes.read notes.write';
  const asked = ask({ scope: everything, resource: 'https://mcp.example.com', prompt: 'consent' });
  await page.goto(asked.href);
  await logIn(page, 'emil');
  await isOn(page, 'consent');
  await inspect(page, 'consent');
  await page.click('#consent-allow');
  await answerTo(asked);

  await page.goto(request('native', 'http://127.0.0.1:1/callback').href);
  await isOn(page, 'consent');
  await inspect(page, 'consent-native');
  await page.goto(request('spa', 'https://spa.example/callback', { scope: everything }).href);
  await inspect(page, 'consent-unverified');
  await page.goto(ask({ prompt: 'select_account' }).href);
  await isOn(page, 'account');
  await inspect(page, 'account');
  await page.goto(`${issuer}/account/apps`);
  await isOn(page, 'apps');
  await inspect(page, 'apps');
  await page.click('li[data-client="web"] button[name="disconnect"]');
  await page.waitForSelector('[role="status"]');
  await inspect(page, 'apps-disconnected');

  // The client's site answers nothing, so the page that posts the form stays.
  await profile.route('https://web.example/**', (route) => route.fulfill({ status: 204 }));
  await page.goto(ask({ response_mode: 'form_post', prompt: 'consent' }).href);
  await isOn(page, 'consent');
  await page.click('#consent-allow');
  await isOn(page, 'form-post');
  await inspect(page, 'form-post');
  await profile.unroute('https://web.example/**');

  await page.goto(`${issuer}/oauth2/logout`);
  await inspect(page, 'logout');
  await page.click('#logout-confirm');
  await isOn(page, 'logged-out');
  await inspect(page, 'logged-out');
  await page.goto(request('nobody', CALLBACK).href);
  await isOn(page, 'error');
  await inspect(page, 'error');
  await page.goto(request('web', 'https://evil.example/callback').href);
  await isOn(page, 'error');
  await inspect(page, 'error-redirect');
});

story('the pages for a new password: accessible, narrow and wide, light and dark', {}, async (page) => {
  await page.goto(ask().href);
  await page.click('#login-forgot');
  await isOn(page, 'forgot-password');
  await inspect(page, 'forgot-password');
  await page.fill('#email', 'ben@harbour.example');
  await page.click('#forgot-submit');
  await isOn(page, 'reset-sent');
  await inspect(page, 'reset-sent');
  await page.goto(`${issuer}/password/reset?token=spent`);
  await isOn(page, 'forgot-password');
  await inspect(page, 'forgot-password-spent');
  await page.goto(await mailedLink('ben@harbour.example'));
  await isOn(page, 'reset-password');
  await inspect(page, 'reset-password');
  await page.fill('#password', 'harbour1');
  await page.click('#reset-submit');
  await isOn(page, 'reset-password');
  await inspect(page, 'reset-password-weak');
  await page.goto(`${issuer}/password/set`);
  await isOn(page, 'password-set');
  await inspect(page, 'password-set');
});

story('a reader without consent granted sees what cannot be passed on', {}, async (page) => {
  const asked = ask({ scope: 'openid notes.read notes.write', prompt: 'consent' });
  await page.goto(asked.href);
  await logIn(page, 'ben');
  await isOn(page, 'consent');
  assert.equal(await page.locator('input[name="scope:notes.write"]').count(), 0);
  assert.equal(await page.locator('#consent-refused [data-scope="notes.write"]').count(), 1);
  await inspect(page, 'consent-refused');
});

story('a client removed while its consent page is open', {}, async (page) => {
  await hospes(
    'client', 'add', '--id', 'leaving', '--name', 'Leaving', '--redirect-uri', CALLBACK, '--auth-method', 'client_secret_basic',
  );
  const asked = request('leaving', CALLBACK);
  await page.goto(asked.href);
  await logIn(page, 'ada');
  await isOn(page, 'consent');
  await hospes('client', 'remove', 'leaving', '--yes');
  await page.click('#consent-allow');
  await isOn(page, 'error');
  assert.equal(answers(asked).length, 0);
});

// T-06: what programs in the browser may call from elsewhere, and what they may not.
story('from another origin: every endpoint for programs, never the authorization endpoint', {}, async (page) => {
  await page.goto(`${stage.other}/`);
  const seen = await page.evaluate(async ({ issuer, authorize, secret }) => {
    const call = async (path, init) => {
      try {
        const response = await fetch(path.startsWith('http') ? path : issuer + path, init);
        const text = await response.text();
        return { status: response.status, challenge: response.headers.get('www-authenticate'), text: text.slice(0, 200) };
      } catch (error) {
        return { blocked: String(error) };
      }
    };
    const form = (parameters, headers = {}) => ({ method: 'POST', body: new URLSearchParams(parameters), headers });
    return {
      metadata: await call('/.well-known/oauth-authorization-server', { headers: { 'mcp-protocol-version': '2026-07-28' } }),
      openid: await call('/.well-known/openid-configuration', { headers: { 'mcp-protocol-version': '2026-07-28' } }),
      unknown: await call('/.well-known/oauth-protected-resource', { headers: { 'mcp-protocol-version': '2026-07-28' } }),
      jwks: await call('/.well-known/jwks.json'),
      token: await call('/oauth2/token', form({ grant_type: 'authorization_code', code: 'x' }, { authorization: 'Basic eDp5', dpop: 'x' })),
      publicToken: await call('/oauth2/token', form({ grant_type: 'refresh_token', client_id: 'spa', refresh_token: 'x' })),
      json: await call('/oauth2/token', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }),
      revoke: await call('/oauth2/revoke', form({ client_id: 'spa', token: 'x' })),
      introspect: await call('/oauth2/introspect', form({ token: 'x' }, { authorization: secret })),
      userinfo: await call('/oauth2/userinfo', { headers: { authorization: 'Bearer x' } }),
      authorize: await call(authorize, { credentials: 'include' }),
      authorizePreflight: await call(authorize, { headers: { 'mcp-protocol-version': 'x' } }),
      login: await call('/login', { credentials: 'include' }),
    };
  }, { issuer, authorize: ask().href, secret: SECRET });
  const text = JSON.stringify(seen, null, 1);
  assert.equal(seen.metadata.status, 200, text);
  assert.equal(seen.openid.status, 200, text);
  assert.equal(seen.unknown.status, 404, text);
  assert.equal(seen.jwks.status, 200, text);
  assert.equal(seen.token.status, 401, text);
  assert.match(seen.token.text, /invalid_client/);
  assert.equal(seen.publicToken.status, 400, text);
  assert.match(seen.publicToken.text, /invalid_grant/);
  assert.equal(seen.json.status, 400, text);
  assert.equal(seen.revoke.status, 200, text);
  assert.equal(seen.introspect.status, 200, text);
  assert.equal(seen.userinfo.status, 401, text);
  // Readable by the program only because the server exposes it.
  assert.match(seen.userinfo.challenge ?? '', /invalid_token/);
  for (const name of ['authorize', 'authorizePreflight', 'login']) assert.match(seen[name].blocked ?? '', /TypeError/, text);
});

test('nothing but the answers reached the clients', () => {
  const strange = received.filter(({ url, parameters }) => url.pathname === '/callback' && !parameters.get('iss'));
  assert.deepEqual(strange, []);
});
