// examples/command-line, Lantern, as somebody at a terminal uses it, with a browser that a script is.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, lstat, mkdir, mkdtemp, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hospes } from '../hospes.mjs';
import { Person, issuer } from '../person.mjs';
import { freePort } from '../port.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const example = fileURLToPath(new URL('../../../examples/command-line', import.meta.url));
const directory = join(process.env.INTEROP_DIRECTORY, 'command-line');
const program = join(directory, 'lantern.mjs');
// The browser: it notes where it was sent.
const browser = join(directory, 'browser');
// Beside each run: notes when it asks for tokens.
const watch = join(directory, 'watch.mjs');
let clientId;

before(async () => {
  await cp(example, directory, { recursive: true, filter: (path) => !path.endsWith('node_modules') });
  // It stands where its library is.
  await symlink(join(here, 'node_modules'), join(directory, 'node_modules'));
  await writeFile(browser, '#!/bin/sh\ncd "$XDG_STATE_HOME"\nprintf %s "$1" >sent\nmv sent browser\n');
  await chmod(browser, 0o755);
  await writeFile(watch, `
    import { appendFileSync } from 'node:fs';
    const send = fetch;
    globalThis.fetch = (url, options) => {
      if (String(url).endsWith('/oauth2/token')) appendFileSync(process.env.XDG_STATE_HOME + '/asked', '.');
      return send(url, options);
    };
  `);
  const native = ['--public', '--native', '--redirect-uri', 'http://127.0.0.1/callback'];
  ({ client_id: clientId } = await hospes('client', 'add', '--name', 'Lantern', ...native));
});

/** Somebody's account on a machine: a home, and the program in it. */
class Terminal {
  static async open(more = {}) {
    return new Terminal(await mkdtemp(join(directory, 'home-')), more);
  }

  constructor(home, more) {
    this.home = home;
    this.env = {
      PATH: process.env.PATH, HOME: home, XDG_STATE_HOME: home, ISSUER: issuer, CLIENT_ID: clientId, BROWSER: browser,
      NODE_OPTIONS: `--import=${watch}`, ...more,
    };
    this.folder = join(home, 'lantern');
  }

  /** A run that goes on; `done` is how it ended. */
  start(...command) {
    const child = spawn('node', [program, ...command], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { out: '', problem: '' };
    child.stdout.on('data', (chunk) => (said.out += chunk));
    child.stderr.on('data', (chunk) => (said.problem += chunk));
    return { child, said, done: once(child, 'close').then(([code]) => ({ code, ...said })) };
  }

  run(...command) {
    return this.start(...command).done;
  }

  /** The address that the browser was sent to, once. */
  async address() {
    for (let waited = 0; waited < 200; waited += 1) {
      const url = await readFile(join(this.home, 'browser'), 'utf8').catch(() => '');
      if (url) {
        await writeFile(join(this.home, 'browser'), '');
        return new URL(url);
      }
      await sleep(50);
    }
    return assert.fail('the browser was not opened');
  }

  async logIn(who = 'ada') {
    const login = this.start('login');
    const back = await new Person(who).authorize(await this.address());
    const page = await fetch(back);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /You are logged in/);
    const { code, problem } = await login.done;
    assert.equal(code, 0, problem);
    return problem;
  }

  async file() {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.json'));
    assert.equal(names.length, 1, `files: ${names}`);
    return join(this.folder, names[0]);
  }

  kept = async () => JSON.parse(await readFile(await this.file(), 'utf8'));

  async change(changed) {
    await writeFile(await this.file(), JSON.stringify({ ...(await this.kept()), ...changed }));
  }

  /** How often it has asked for tokens. */
  asked = async () => (await readFile(join(this.home, 'asked'), 'utf8')).length;
}

const refresh = (token) =>
  fetch(`${issuer}/oauth2/token`, {
    method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: clientId }),
  });

test('login by the browser; who it is; the tokens in a file for nobody else', async () => {
  const terminal = await Terminal.open();
  const nobody = await terminal.run('whoami');
  assert.deepEqual([nobody.code, nobody.problem], [1, 'error: you are not logged in; run: lantern login\n']);
  const said = await terminal.logIn();
  assert.match(said, /Your browser has been opened/);
  assert.match(said, /You allowed: .*notes\.read/);
  assert.ok(said.includes(await terminal.file()), said);
  assert.equal((await lstat(await terminal.file())).mode & 0o777, 0o600);
  assert.equal((await lstat(terminal.folder)).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(terminal.folder), [(await terminal.file()).split('/').at(-1)], 'something was left behind');
  const { refresh_token, access_token } = await terminal.kept();
  assert.ok(!said.includes(refresh_token) && !said.includes(access_token));
  assert.equal((await terminal.run('whoami')).out, 'Ada Quay <ada@harbour.example>\n');
  assert.equal(await terminal.asked(), 1, 'an access token that is good was renewed');
});

test('of five runs at a time one uses the refresh token, and all go on', async () => {
  const terminal = await Terminal.open();
  await terminal.logIn();
  const before = await terminal.kept();
  await terminal.change({ expires_at: 0 });
  const runs = await Promise.all(Array.from({ length: 5 }, () => terminal.run('whoami')));
  for (const { code, out, problem } of runs) {
    assert.deepEqual([code, out], [0, 'Ada Quay <ada@harbour.example>\n'], problem);
  }
  assert.equal(await terminal.asked(), 2, 'once for the login, and once for all five');
  const after = await terminal.kept();
  assert.ok(after.refresh_token !== before.refresh_token && after.expires_at > Date.now() / 1000);
  assert.deepEqual([after.sub, after.scope], [before.sub, before.scope]);
});

test('the lock of a run that was killed does not hold up the next ones', async () => {
  const terminal = await Terminal.open();
  await terminal.logIn();
  await terminal.change({ expires_at: 0 });
  const dead = spawn('true');
  await once(dead, 'close');
  await writeFile(join(terminal.folder, 'lock'), String(dead.pid));
  const runs = await Promise.all(Array.from({ length: 5 }, () => terminal.run('whoami')));
  assert.deepEqual(runs.map(({ code }) => code), [0, 0, 0, 0, 0]);
  assert.equal(await terminal.asked(), 2);
});

test('logout takes the tokens back at the server, and forgets them', async () => {
  const terminal = await Terminal.open();
  await terminal.logIn();
  const { refresh_token } = await terminal.kept();
  const out = await terminal.run('logout');
  assert.deepEqual([out.code, out.problem], [0, 'You are logged out.\n']);
  assert.equal((await (await refresh(refresh_token)).json()).error, 'invalid_grant');
  assert.deepEqual(await readdir(terminal.folder), []);
  assert.equal((await terminal.run('logout')).problem, 'You were not logged in.\n');

  // A second login takes the first one's place, here and there.
  await terminal.logIn();
  const first = await terminal.kept();
  await terminal.logIn('ben');
  assert.equal((await (await refresh(first.refresh_token)).json()).error, 'invalid_grant');
  assert.equal((await terminal.run('whoami')).out, 'Ben Pier <ben@harbour.example>\n');

});

test('a login that was ended elsewhere is forgotten; a server that is away changes nothing', async () => {
  const terminal = await Terminal.open();
  await terminal.logIn();
  const { refresh_token } = await terminal.kept();
  const form = { token: refresh_token, client_id: clientId };
  await fetch(`${issuer}/oauth2/revoke`, { method: 'POST', body: new URLSearchParams(form) });
  await terminal.change({ expires_at: 0 });
  const ended = await terminal.run('whoami');
  assert.deepEqual([ended.code, ended.problem], [1, 'error: your login has ended; run: lantern login\n']);
  assert.deepEqual(await readdir(terminal.folder), []);

  const away = await Terminal.open({ ISSUER: `http://127.0.0.1:${await freePort()}` });
  const { code, problem } = await away.run('login');
  assert.equal(code, 1);
  assert.match(problem, /cannot be reached/);
});

test('an answer with another state, or by another way, is turned away, and the right one still counts', async () => {
  const terminal = await Terminal.open();
  const login = terminal.start('login');
  const address = await terminal.address();
  const callback = address.searchParams.get('redirect_uri');
  const state = address.searchParams.get('state');
  assert.match(callback, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  for (const [url, init] of [
    [`${callback}?code=x&state=another&iss=${issuer}`],
    [`${callback}?code=x&iss=${issuer}`],
    [`${callback}?error=access_denied&state=another`],
    [`${callback}?code=x&state=${state}`, { method: 'POST' }],
    [callback.replace('/callback', '/favicon.ico')],
  ]) assert.equal((await fetch(url, init)).status, 404, url);
  const back = await new Person('ada').authorize(address);
  assert.equal((await fetch(back)).status, 200);
  assert.equal((await login.done).code, 0);
});

test('an answer of another server, and the user’s no, end it', async () => {
  const terminal = await Terminal.open();
  let login = terminal.start('login');
  const back = await new Person('ada').authorize(await terminal.address());
  back.searchParams.set('iss', 'https://evil.example');
  assert.equal((await fetch(back)).status, 400);
  const mixed = await login.done;
  assert.equal(mixed.code, 1);
  assert.match(mixed.problem, /gave no tokens.*iss/s);

  login = terminal.start('login');
  const no = await new Person('ada').authorize(await terminal.address(), { answer: 'consent-deny' });
  const page = await fetch(no);
  assert.equal(page.status, 400);
  assert.match(await page.text(), /You said no/);
  const denied = await login.done;
  assert.equal(denied.code, 1);
  assert.match(denied.problem, /error: you said no in the browser; nothing has changed\n$/);
  assert.ok(!(await readdir(terminal.home)).includes('asked'), 'no code was redeemed');
});

test('no browser, no answer, Ctrl-C, a port that is taken, and nonsense', async () => {
  const terminal = await Terminal.open({ BROWSER: undefined });
  const late = terminal.start('login', '--timeout', '1');
  const { code, problem } = await late.done;
  assert.equal(code, 1);
  assert.match(problem, /Open in a browser on this machine:\n\nhttp.*\n\n/);
  assert.match(problem, /nobody has logged in for 1 seconds/);

  const missing = await Terminal.open({ BROWSER: join(directory, 'there-is-none') });
  assert.match((await missing.run('login', '--timeout', '1')).problem, /Open in a browser on this machine/);

  const other = await Terminal.open();
  const interrupted = other.start('login');
  await other.address();
  interrupted.child.kill('SIGINT');
  const ended = await interrupted.done;
  assert.deepEqual([ended.code, ended.problem.split('\n').at(-2)], [130, 'error: interrupted; nothing has changed']);

  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address();
  assert.match((await other.run('login', '--port', String(port))).problem, new RegExp(`error: port ${port} is taken`));
  taken.close();
  const nowhere = await new Terminal(other.home, { ISSUER: 'nowhere' }).run('login');
  assert.equal(nowhere.problem, 'error: ISSUER is no address: nowhere\n');
  const nonsense = [['dance'], ['login', '--port', 'x'], ['login', '--no-such-flag'], ['call'], ['call', 'http://api.example/']];
  for (const command of nonsense) {
    const refused = await other.run(...command);
    assert.equal(refused.code, 1);
    assert.match(refused.problem, /^error: /);
    assert.doesNotMatch(refused.problem, /\n {4}at /);
  }
  assert.match((await other.run('help')).out, /lantern login/);
});

test('a file that is a link, or that others may read, is not believed; a link is not written through', async () => {
  const terminal = await Terminal.open();
  await terminal.logIn();
  const file = await terminal.file();
  await chmod(file, 0o644);
  assert.match((await terminal.run('whoami')).problem, /others may read/);
  const secret = join(terminal.home, 'elsewhere');
  await cp(file, secret);
  const link = await Terminal.open();
  await mkdir(link.folder, { mode: 0o700 });
  await symlink(secret, join(link.folder, file.split('/').at(-1)));
  assert.match((await link.run('whoami')).problem, /cannot be read; remove it/);
  await chmod(terminal.folder, 0o777);
  assert.match((await terminal.run('whoami')).problem, /not a folder that only you may write to/);
});

test('where there is a keyring the tokens are in it, told by standard input, and in no file', async () => {
  const folder = await mkdtemp(join(directory, 'keyring-'));
  // As libsecret's tool has it: store reads the secret, lookup prints it, clear forgets it.
  await writeFile(join(folder, 'secret-tool'), `#!/bin/sh
echo "$@" >>"$XDG_STATE_HOME/arguments"
case $1 in
store) cat >"$XDG_STATE_HOME/keyring" ;;
lookup) cat "$XDG_STATE_HOME/keyring" 2>/dev/null ;;
clear) rm "$XDG_STATE_HOME/keyring" ;;
esac
`);
  await chmod(join(folder, 'secret-tool'), 0o755);
  const terminal = await Terminal.open({ PATH: `${folder}:${process.env.PATH}` });
  assert.match(await terminal.logIn(), /kept in the keyring/);
  assert.deepEqual(await readdir(terminal.folder), []);
  assert.equal((await terminal.run('whoami')).out, 'Ada Quay <ada@harbour.example>\n');
  const secret = await readFile(join(terminal.home, 'keyring'), 'utf8');
  const told = await readFile(join(terminal.home, 'arguments'), 'utf8');
  assert.ok(secret.length > 100 && !told.includes(secret.slice(0, 40)));
  assert.equal((await terminal.run('logout')).code, 0);
  assert.ok(!(await readdir(terminal.home)).includes('keyring'));
}, { skip: process.platform !== 'linux' && 'another system has another tool' });

test('an API is called with the token; one that refuses it gets a new one, once', async () => {
  const terminal = await Terminal.open();
  await terminal.logIn();
  const { access_token: first } = await terminal.kept();
  const seen = [];
  const api = createServer((request, response) => {
    const token = request.headers.authorization?.replace('Bearer ', '');
    seen.push([request.method, token]);
    if (request.url === '/away') return response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end();
    const isRefused = token === first || request.url === '/never';
    if (isRefused) response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' });
    return response.end('{"notes":[]}');
  }).listen(0, '127.0.0.1');
  await once(api, 'listening');
  const home = `http://127.0.0.1:${api.address().port}`;
  const called = await terminal.run('call', `${home}/notes`, '--data', '{"text":"x"}');
  assert.deepEqual([called.code, called.out], [0, '{"notes":[]}\n'], called.problem);
  assert.deepEqual(seen.map(([method, token]) => [method, token === first]), [['POST', true], ['POST', false]]);
  const never = await terminal.run('call', `${home}/never`);
  assert.equal(never.code, 1);
  assert.match(never.problem, /answered 401 Bearer error="invalid_token"/);
  assert.equal((await terminal.run('call', `${home}/away`)).code, 1, 'the token went where a redirect led');
  api.closeAllConnections();
  api.close();
});

test('the example names the version of its library that is tested', async () => {
  const named = async (folder, list) => JSON.parse(await readFile(join(folder, 'package.json')))[list].oauth4webapi;
  assert.equal(await named(example, 'dependencies'), await named(here, 'devDependencies'));
});
