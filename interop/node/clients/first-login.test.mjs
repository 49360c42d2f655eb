// examples/first-login as the README starts it, with the library that its package.json names.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hospes } from '../hospes.mjs';
import { Person, issuer } from '../person.mjs';
import { freePort } from '../port.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const example = fileURLToPath(new URL('../../../examples/first-login', import.meta.url));

const port = await freePort();
const home = `http://localhost:${port}`;
const registered = await hospes('client', 'add', '--name', 'First login', '--redirect-uri', `${home}/callback`);

// It stands where its library is.
const directory = join(process.env.INTEROP_DIRECTORY, 'first-login');
await mkdir(directory);
for (const file of ['client.mjs', 'package.json']) await cp(join(example, file), join(directory, file));
await symlink(join(here, 'node_modules'), join(directory, 'node_modules'));
const app = spawn('node', ['client.mjs'], {
  cwd: directory,
  env: {
    PATH: process.env.PATH, PORT: String(port), ISSUER: issuer,
    CLIENT_ID: registered.client_id, CLIENT_SECRET: registered.client_secret,
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
after(() => app.kill());
assert.match(String((await once(app.stdout, 'data'))[0]), new RegExp(`Open ${home}`));

test('the first login of the README ends with a greeting', async () => {
  const away = await fetch(home, { redirect: 'manual' });
  assert.equal(away.status, 303);
  const cookie = away.headers.get('set-cookie').split(';')[0];
  const back = await new Person('ada').authorize(away.headers.get('location'));
  const welcome = await fetch(back, { headers: { cookie } });
  const text = await welcome.text();
  assert.equal(welcome.status, 200, text);
  assert.match(text, /^Hello ada@harbour\.example! Your id here is user-/);
});

test('an answer that another browser began is refused, and so is a login that the user cancelled', async () => {
  const away = await fetch(home, { redirect: 'manual' });
  const cookie = away.headers.get('set-cookie').split(';')[0];
  const back = await new Person('ben').authorize(away.headers.get('location'), { answer: 'consent-deny' });
  const refused = await fetch(back, { headers: { cookie } });
  assert.equal(refused.status, 400);
  const elsewhere = await fetch(back);
  assert.equal(elsewhere.status, 400);
  assert.match(await elsewhere.text(), /this browser did not begin here/);
});

test('the example names the version of its library that is tested', async () => {
  const named = async (folder, list) => JSON.parse(await readFile(join(folder, 'package.json')))[list]['openid-client'];
  assert.equal(await named(example, 'dependencies'), await named(here, 'devDependencies'));
});
