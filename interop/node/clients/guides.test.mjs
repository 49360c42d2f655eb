// The commands of README.md and of docs/guides, as they stand there: whoever copies them must get what is printed below them.
//
// What follows `sh` says how a block is run: `run` to its end, `leave running` as a server, `in the browser` with a person
// who opens the address that it prints. A block of `text` is what the commands before it print; … in it stands for
// anything. A word with … in a command is the word with the same beginning that was printed last; the first of its output.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../port.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
// One server is enough for all: the guides go on where the first one ends.
const directory = join(process.env.INTEROP_DIRECTORY, 'guides');
const running = [];
let home, Person;

before(async () => {
  home = `http://localhost:${await freePort()}`;
  process.env.INTEROP_ISSUER = home;
  ({ Person } = await import('../person.mjs'));
  await mkdir(directory);
  await symlink(join(root, 'examples'), join(directory, 'examples'));
  await symlink(process.env.INTEROP_HOSPES, join(directory, 'hospes'));
});
after(() => running.forEach((server) => server.kill()));

/** The fenced blocks of a document that say how they are run, and what they print. */
async function blocks(path) {
  const text = await readFile(join(root, path), 'utf8');
  return [...text.matchAll(/^```(sh .+|text)\n([\s\S]*?)^```$/gm)].map(([, kind, body]) => ({ kind, body }));
}

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Output as a guide shows it, as an expression: a line of … is any lines, … in a line anything in it. */
function pattern(shown) {
  const lines = shown.trimEnd().split('\n').map((line) => (line === '…' ? '[\\s\\S]*' : line.split('…').map(literal).join('.*')));
  return new RegExp(`^${lines.join('\n')}$`);
}

/** A reader at a terminal, who goes through a document from the top. */
class Reader {
  #printed = '';
  /** Everything that was printed, the latest first. */
  #screen = [];
  #environment = { PATH: `${directory}:${process.env.PATH}`, HOME: directory, HOSPES_OPERATIONS_LISTEN: 'none' };
  #folder = directory;

  constructor(environment = {}) {
    Object.assign(this.#environment, { ISSUER: home }, environment);
  }

  #filled(command) {
    const here = command.replaceAll('http://localhost:8080', home).replaceAll('https://auth.example.com', home);
    return here.replace(/[\w-]*…/g, (word) => {
      const alike = new RegExp(`(?<![\\w-])${literal(word.slice(0, -1))}[\\w.~-]+`);
      const found = this.#screen.map((printed) => printed.match(alike)?.[0]).find(Boolean);
      assert.ok(found, `nothing was printed that ${word} could stand for: ${this.#screen}`);
      return found;
    });
  }

  #prints(text) {
    this.#printed = text;
    this.#screen.unshift(text);
  }

  #start(command) {
    const options = { cwd: this.#folder, env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] };
    const shell = spawn('bash', ['-euo', 'pipefail', '-c', command], options);
    shell.printed = '';
    for (const stream of [shell.stdout, shell.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        shell.printed += text;
        shell.emit('printed');
      });
    }
    return shell;
  }

  async #run(command) {
    const state = join(directory, 'state');
    // The folder and the variables stay for the next command, as in a terminal.
    const shell = this.#start(`trap 'pwd >${state}; set +u; export -p >>${state}' EXIT\nset -a\n${command}`);
    const [code] = await once(shell, 'close');
    assert.equal(code, 0, `${command}\n${shell.printed}`);
    const [folder, ...variables] = (await readFile(state, 'utf8')).split('\n');
    this.#folder = folder;
    for (const line of variables) {
      const [, name, value] = line.match(/^declare -x (\w+)="(.*)"$/) ?? [];
      if (name) this.#environment[name] = value;
    }
    return shell.printed;
  }

  /** Waits until a command that goes on has printed what is shown, or ends. */
  async #until(shell, shown) {
    while (!pattern(shown).test(this.#seen(shell.printed))) {
      assert.equal(shell.exitCode, null, shell.printed);
      await Promise.race([once(shell, 'printed'), once(shell, 'close')]);
    }
  }

  #seen(printed) {
    return printed.replaceAll(home, 'http://localhost:8080').replaceAll(`:${new URL(home).port}`, ':8080').trimEnd();
  }

  async read(path) {
    const all = await blocks(path);
    assert.ok(all.some(({ kind }) => kind !== 'text'), `${path} has no command that can be run`);
    let shell;
    for (const [at, { kind, body }] of all.entries()) {
      const command = kind === 'text' ? undefined : this.#filled(body);
      const shown = all[at + 1]?.kind === 'text' ? all[at + 1].body : undefined;
      if (kind === 'sh run') {
        this.#prints(await this.#run(command));
        // curl ends well also when the server refuses.
        assert.doesNotMatch(this.#printed, /"error_type"/, command);
      } else if (kind === 'sh leave running') {
        shell = this.#start(`exec ${command}`);
        running.push(shell);
        await this.#until(shell, shown);
        this.#prints(shell.printed);
      } else if (kind === 'sh in the browser') {
        shell = this.#start(command);
        await this.#until(shell, shown);
        this.#prints(shell.printed);
        const address = shell.printed.match(/^http.*$/m)[0];
        const back = await new Person('ada@example.com').authorize(address);
        assert.equal((await fetch(back)).status, 200);
      } else if (kind === 'text' && all[at - 1]?.kind === 'text') {
        // What the same command prints after that.
        if (shell.exitCode === null) await once(shell, 'close');
        this.#prints(shell.printed.slice(this.#printed.length));
        assert.match(this.#seen(this.#printed), pattern(body));
      } else if (kind === 'text') {
        assert.match(this.#seen(this.#printed), pattern(body));
      } else {
        assert.fail(`${path}: nobody knows how to run a block of ${kind}`);
      }
    }
  }

  /** The variables that stand for the project in the documents, and where its configuration is. */
  project() {
    const first = (prefix) => this.#filled(`${prefix}…`);
    return {
      PROJECT_ID: first('project-test-'),
      SECRET: first('secret-test-'),
      HOSPES_CONFIG: join(this.#folder, 'hospes.toml'),
    };
  }
}

// They begin with SQLite, so there is nothing to learn from another database.
const skip = process.env.INTEROP_DATABASE === 'postgres' && 'the documents use SQLite';

/** What the other documents take for granted: a folder with a configuration, and the project's secret. */
let environment;

test('the first token', { skip }, async () => {
  const reader = new Reader();
  await reader.read('docs/guides/first-token.md');
  environment = reader.project();
});

const others = [
  'README', 'docs/guides/settings', 'docs/guides/keep-your-stytch-front-end', 'docs/guides/audit', 'docs/guides/webhooks',
  'docs/guides/bring-your-own-login', 'docs/guides/add-oauth-to-your-app',
];
for (const name of others) {
  const path = `${name}.md`;
  test(`the commands of ${path}`, { skip }, async () => {
    assert.ok(environment, 'the first guide went wrong');
    await new Reader(environment).read(path);
  });
}
