// Stytch's own packages in the browser, against the running server: headless, the custom element, and React.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { hospes } from '../hospes.mjs';
import { PASSWORD, issuer } from '../person.mjs';
import { answerTo, isOn, listen, mailedLink, open, request, screenshot } from './stage.mjs';
import { hostApp } from './stytch/host-app.mjs';

const SECRET = 'secret-test-for-interop-0123456789abcdef';
const PROJECT = 'project-test-11111111-1111-4111-8111-111111111111';
const CALLBACK = 'https://spa.example/callback';
const stage = await open();

let answer;
const app = createServer((incoming, response) => answer(incoming, response));
let home, publicToken;
before(async () => {
  home = `http://127.0.0.1:${await listen(app)}`;
  const added = await hospes('public-token', 'add');
  publicToken = added.public_token;
  await hospes('settings', 'set', 'sdk.enabled', 'true');
  await hospes('settings', 'set', 'sdk.domains', JSON.stringify([home]));
  answer = await hostApp({ issuer, publicToken });
});
after(async () => {
  await hospes('settings', 'set', 'sdk', 'null');
  app.closeAllConnections();
  app.close();
  await stage.stop();
});

function story(name, tell) {
  test(name, { timeout: 120_000 }, async () => {
    const profile = await stage.profile({ locale: 'en' });
    const complaints = [];
    profile.on('response', (response) => {
      if (response.url().startsWith(issuer) && response.status() >= 500) complaints.push(`${response.status()} ${response.url()}`);
    });
    profile.on('weberror', (error) => complaints.push(String(error.error())));
    profile.setDefaultTimeout(20_000);
    try {
      await tell(await profile.newPage(), profile);
      assert.deepEqual(complaints, []);
    } finally {
      await profile.close();
    }
  });
}

/** An authorization request as the client sends it, at one of the host app's pages. */
function ask(page, extra) {
  const asked = request('spa', CALLBACK, { scope: 'openid email notes.read notes.write', ...extra });
  return { ...asked, href: `${home}/${page}${new URL(asked.href).search}` };
}

async function logIn(page, user = 'ada') {
  await page.waitForFunction(() => window.stytch);
  return page.evaluate(
    ([email, password]) => window.stytch.passwords.authenticate({ email, password, session_duration_minutes: 60 }),
    [`${user}@harbour.example`, PASSWORD],
  );
}

/** What a call of the packages is refused with. */
function refusal(page, call, argument) {
  return page.evaluate(
    ([source, value]) => eval(source)(value).then(() => 'done', (error) => `${error.status_code} ${error.error_type}`),
    [String(call), argument],
  );
}

/** What the client got for a code. */
async function redeem(asked) {
  const code = (await answerTo(asked)).get('code');
  const response = await fetch(`${issuer}/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code', code, client_id: 'spa', redirect_uri: CALLBACK, code_verifier: asked.verifier,
    }),
  });
  assert.equal(response.status, 200);
  return response.json();
}

story('headless: login, session, user, rights', async (page) => {
  await page.goto(`${home}/headless`);
  assert.equal(await refusal(page, () => window.stytch.passwords.authenticate({ email: 'ada@harbour.example', password: 'wrong', session_duration_minutes: 60 })), '401 unauthorized_credentials');
  const { user, session_token: token } = await logIn(page, 'ben');
  assert.equal(user.emails[0].email, 'ben@harbour.example');
  assert.ok(token);
  const seen = await page.evaluate(async () => {
    const { session, user, rbac } = window.stytch;
    await session.authenticate({ session_duration_minutes: 30 });
    return {
      session: session.getSync()?.user_id, user: user.getSync()?.user_id, tokens: session.getTokens(),
      read: await rbac.isAuthorized('notes', 'read'), write: await rbac.isAuthorized('notes', 'write'),
      all: await rbac.allPermissions(),
    };
  });
  assert.equal(seen.session, user.user_id);
  assert.equal(seen.user, user.user_id);
  assert.equal(seen.tokens.session_token, token);
  assert.deepEqual([seen.read, seen.write], [true, false]);
  assert.equal(seen.all.notes.read, true);
  // The whole name of the user who changed it, at once and after a reload.
  const updated = await page.evaluate(async () => {
    await window.stytch.user.update({ untrusted_metadata: { theme: 'dark' } });
    return window.stytch.user.getSync().untrusted_metadata;
  });
  assert.deepEqual(updated, { theme: 'dark' });
  await page.reload();
  await page.waitForFunction(() => window.stytch?.user.getSync()?.untrusted_metadata.theme === 'dark');
  assert.equal((await page.evaluate(() => window.stytch.user.get())).emails[0].email, 'ben@harbour.example');
  const strength = await page.evaluate(() => window.stytch.passwords.strengthCheck({ password: 'qwertyuiop' }));
  assert.equal(strength.valid_password, false);
  await page.evaluate(() => window.stytch.session.revoke());
  assert.equal(await page.evaluate(() => window.stytch.session.getSync()), null);
  assert.deepEqual(await page.context().cookies(home).then((all) => all.map(({ name }) => name)), []);
});

story('headless: a session that ended elsewhere logs the page out', async (page) => {
  await page.goto(`${home}/headless`);
  const { user } = await logIn(page, 'cleo');
  await fetch(`${issuer}/v1/users/${user.user_id}/sign_out_everywhere`, {
    method: 'POST', headers: { authorization: `Basic ${Buffer.from(`${PROJECT}:${SECRET}`).toString('base64')}` },
  });
  assert.match(await refusal(page, () => window.stytch.session.authenticate()), /session_not_found/);
  assert.equal(await page.evaluate(() => window.stytch.session.getSync()), null);
});

story('headless: start, allow, start again without a question, connected apps, disconnect', async (page) => {
  await page.goto(`${home}/headless`);
  await logIn(page, 'dora');
  const asked = ask('headless');
  const outcome = await page.evaluate(async (href) => {
    const { result } = window.parseOAuthAuthorizeParams(new URL(href).searchParams);
    const { idp, user } = window.stytch;
    const scopes = result.scopes ?? result.scope.split(' ');
    const first = await idp.oauthAuthorizeStart({ ...result, scopes });
    const submitted = await idp.oauthAuthorizeSubmit({ ...result, scopes, consent_granted: true });
    const second = await idp.oauthAuthorizeStart({ ...result, scopes });
    const listed = await user.getConnectedApps();
    return { first, submitted, second, listed };
  }, asked.href);
  assert.equal(outcome.first.consent_required, true);
  assert.equal(outcome.first.client.client_name, 'Semaphore');
  assert.equal(outcome.second.consent_required, false);
  assert.equal(new URL(outcome.submitted.redirect_uri).searchParams.get('code'), outcome.submitted.authorization_code);
  const [{ connected_app_id: id, scopes_granted: granted }] = outcome.listed.connected_apps;
  assert.deepEqual([id, granted], ['spa', 'openid email notes.read notes.write']);
  const after = await page.evaluate(async (app) => {
    await window.stytch.user.revokedConnectedApp(app);
    return window.stytch.user.getConnectedApps();
  }, id);
  assert.deepEqual(after.connected_apps, []);
});

story('headless: signing up is the operator’s to allow, and who has an account is not told before', async (page) => {
  await page.goto(`${home}/headless`);
  const create = (email) => window.stytch.passwords.create({ email, password: 'umbrella over the north pier', session_duration_minutes: 60 });
  await page.waitForFunction(() => window.stytch);
  assert.equal(await refusal(page, create, 'nora@harbour.example'), '403 sign_up_disabled');
  await hospes('settings', 'set', 'sdk.sign_up', 'true');
  assert.equal(await refusal(page, create, 'nora@harbour.example'), 'done');
  assert.equal(await page.evaluate(() => window.stytch.user.getSync().emails[0].email), 'nora@harbour.example');
  assert.equal(await refusal(page, create, 'nora@harbour.example'), '400 duplicate_email');
  await hospes('settings', 'set', 'sdk.sign_up', 'null');
});

story('headless: a mail with a link, and a new password', async (page) => {
  const urls = [{ url: `${home}/headless`, types: [{ type: 'RESET_PASSWORD', is_default: true }] }];
  await hospes('settings', 'set', 'redirect_urls', JSON.stringify(urls));
  await page.goto(`${home}/headless`);
  await page.waitForFunction(() => window.stytch);
  const start = (email) => window.stytch.passwords.resetByEmailStart({ email, reset_password_redirect_url: `${location.origin}/headless` });
  assert.equal(await refusal(page, start, 'nobody@harbour.example'), 'done');
  assert.equal(await refusal(page, start, 'finn@harbour.example'), 'done');
  const link = new URL(await mailedLink('finn@harbour.example'));
  assert.equal(link.origin + link.pathname, `${home}/headless`);
  await page.goto(link.href);
  await page.waitForFunction(() => window.stytch);
  const { user } = await page.evaluate(() => {
    const token = new URLSearchParams(location.search).get('token');
    return window.stytch.passwords.resetByEmail({ token, password: 'umbrella over the north pier', session_duration_minutes: 60 });
  });
  assert.equal(user.emails[0].email, 'finn@harbour.example');
  assert.equal(await page.evaluate(() => window.stytch.user.getSync().user_id), user.user_id);
  await hospes('settings', 'set', 'redirect_urls', 'null');
});

story('headless: what is wrong is told by a name and by what to change', async (page) => {
  await page.goto(`${home}/headless`);
  await logIn(page, 'emil');
  await hospes('settings', 'set', 'sdk.enabled', 'false');
  assert.equal(await refusal(page, () => window.stytch.session.authenticate()), '403 sdk_disabled');
  await hospes('settings', 'set', 'sdk.enabled', 'true');
  await hospes('public-token', 'remove', publicToken);
  assert.equal(await refusal(page, () => window.stytch.session.authenticate()), '401 invalid_public_token');
  // Without what bootstrap says the packages go on, and their calls say what is wrong.
  await page.reload();
  await page.waitForFunction(() => window.stytch);
  assert.equal(await refusal(page, () => window.stytch.passwords.strengthCheck({ password: 'a' })), '401 invalid_public_token');
  publicToken = (await hospes('public-token', 'add')).public_token;
  answer = await hostApp({ issuer, publicToken });
});

story('element: nobody is logged in, then consent with what cannot be granted, and allow', async (page) => {
  const asked = ask('element');
  await page.goto(asked.href);
  await page.waitForFunction(() => window.show);
  await page.evaluate(() => window.show());
  await page.getByText('No active session').waitFor();
  await logIn(page, 'ben');
  await page.reload();
  await page.waitForFunction(() => window.show);
  await page.evaluate(() => window.show());
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  await screenshot(page, 'stytch-element');
  const text = await page.locator('main').innerText();
  assert.match(text, /Semaphore/);
  assert.match(text, /Interop/);
  assert.match(text, /Read your notes/);
  await page.getByRole('button', { name: 'Allow' }).click();
  await isOn(page, 'guest');
  assert.deepEqual((await redeem(asked)).scope.split(' ').sort(), ['email', 'notes.read', 'openid']);

  // Once more: nothing to ask, so it goes on by itself.
  const again = ask('element');
  await page.goto(again.href);
  await page.waitForFunction(() => window.show);
  await page.evaluate(() => window.show());
  await isOn(page, 'guest');
  assert.deepEqual((await redeem(again)).scope.split(' ').sort(), ['email', 'notes.read', 'openid']);
});

story('element: deny leads back to the client', async (page) => {
  await page.goto(`${home}/element`);
  await logIn(page, 'ada');
  const asked = ask('element', { prompt: 'consent' });
  await page.goto(asked.href);
  await page.waitForFunction(() => window.show);
  await page.evaluate(() => window.show());
  await page.getByRole('button', { name: 'Deny' }).click();
  await isOn(page, 'guest');
  assert.equal((await answerTo(asked)).get('error'), 'access_denied');
});

story('element: an unknown client, and a redirect URI that is not registered', async (page) => {
  await page.goto(`${home}/element`);
  await logIn(page, 'ada');
  for (const [extra, text] of [[{ client_id: 'nobody' }, /connected app/], [{ redirect_uri: 'https://evil.example/' }, /redirect/]]) {
    const asked = ask('element', extra);
    await page.goto(asked.href);
    await page.waitForFunction(() => window.show);
    await page.evaluate(() => window.show());
    await page.getByText(text).first().waitFor();
    assert.equal(new URL(page.url()).origin, home);
  }
});

story('element: a token of the host app’s own login takes the place of a session', async (page) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const made = await fetch(`${issuer}/v1/trusted_token_profiles`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${PROJECT}:${SECRET}`).toString('base64')}`, 'content-type': 'application/json',
    },
    body: JSON.stringify({
      name: 'Harbour', issuer: 'https://login.harbour.example', audience: 'hospes', public_key_type: 'PEM',
      pem_files: [publicKey.export({ type: 'spki', format: 'pem' })],
      attribute_mapping: { email: 'email', token_id: 'jti', external_user_id: 'sub' }, can_jit_provision: true,
    }),
  });
  const { trusted_token_profile: profile, ...refused } = await made.json();
  assert.ok(profile, JSON.stringify(refused));
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const content = `${part({ alg: 'ES256', typ: 'JWT' })}.${part({
    iss: 'https://login.harbour.example', aud: 'hospes', sub: 'harbour|olga', jti: `t-${now}`, iat: now, exp: now + 300,
    email: 'olga@harbour.example', email_verified: true,
  })}`;
  const token = `${content}.${sign('sha256', content, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  const asked = ask('element', { scope: 'openid email' });
  await page.goto(asked.href);
  await page.waitForFunction(() => window.show);
  await page.evaluate((trusted) => window.show(trusted), { trustedAuthToken: token, tokenProfileID: profile.profile_id });
  await page.getByRole('button', { name: 'Allow' }).click();
  await isOn(page, 'guest');
  const claims = JSON.parse(Buffer.from((await redeem(asked)).id_token.split('.')[1], 'base64url'));
  assert.equal(claims.nonce, 'n-0');
});

story('element: a logout is asked about, done, and leads back', async (page) => {
  await page.goto(`${home}/element`);
  await logIn(page, 'ada');
  const query = new URLSearchParams({ client_id: 'spa', post_logout_redirect_uri: 'https://spa.example/bye', state: 'bye' });
  await page.goto(`${home}/element?${query}`);
  await page.waitForFunction(() => window.show);
  await page.evaluate(() => window.show());
  await screenshot(page, 'stytch-logout');
  await page.getByRole('button', { name: /yes|log ?out/i }).first().click();
  await isOn(page, 'guest');
  assert.equal(page.url(), 'https://spa.example/bye?state=bye');
  await page.goto(`${home}/headless`);
  await page.waitForFunction(() => window.stytch);
  assert.equal(await page.evaluate(() => window.stytch.session.getSync()), null);
});

story('react: login with a password, then consent; roles are known in the browser', async (page) => {
  const asked = ask('react', { prompt: 'consent' });
  await page.goto(asked.href);
  await page.locator('input[type="email"]').fill('ada@harbour.example');
  await page.getByRole('button', { name: 'Continue with email' }).click();
  await screenshot(page, 'stytch-react-login');
  await page.locator('input[type="password"]').fill(PASSWORD);
  await page.getByRole('button', { name: /continue|log ?in/i }).first().click();
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  assert.equal(await page.locator('#rights').innerText(), 'may write');
  await screenshot(page, 'stytch-react-consent');
  await page.getByRole('button', { name: 'Allow' }).click();
  await isOn(page, 'guest');
  assert.deepEqual((await redeem(asked)).scope.split(' ').sort(), ['email', 'notes.read', 'notes.write', 'openid']);
});

story('react: a wrong password is told, and a stranger signs up where that is allowed', async (page) => {
  await hospes('settings', 'set', 'sdk.sign_up', 'true');
  try {
    await page.goto(`${home}/react`);
    await page.locator('input[type="email"]').fill('ben@harbour.example');
    await page.getByRole('button', { name: 'Continue with email' }).click();
    await page.locator('input[type="password"]').fill('not the password');
    await page.getByRole('button', { name: /continue|log ?in/i }).first().click();
    // The component has words of its own for what the server names.
    await page.getByText(/unauthorized credentials/i).waitFor();
    await page.goto(`${home}/react`);
    await page.locator('input[type="email"]').fill('otto@harbour.example');
    await page.getByRole('button', { name: 'Continue with email' }).click();
    await page.locator('input[type="password"]').fill('umbrella over the north pier');
    await screenshot(page, 'stytch-react-sign-up');
    await page.getByRole('button', { name: /continue|create/i }).first().click();
    // Who has just come has no role.
    await page.getByText('may not write').waitFor();
  } finally {
    await hospes('settings', 'set', 'sdk.sign_up', 'null');
  }
});
