#!/usr/bin/env node
// Lantern: a program on somebody's own machine that acts for them at an API.
//
// `lantern help` says what it can. The server and the client id would be constants of a real program.

import { parseArgs } from 'node:util';
import { logIn } from './login.mjs';
import { Problem } from './problem.mjs';
import { server } from './server.mjs';
import { freshTokens, keep, logOut } from './tokens.mjs';

const HELP = `lantern login [--no-browser] [--port N] [--timeout SECONDS]
                     log in by the browser
lantern whoami       who is logged in
lantern call URL [--data JSON]
                     call an API: GET, or POST with --data
lantern logout       end it, here and at the server

ISSUER says where the server is (http://localhost:8080), CLIENT_ID which client this is (lantern), SCOPE what to ask for.`;

const commands = {
  async login({ 'no-browser': isWithoutBrowser, port, timeout }) {
    const { tokens, where } = await logIn({
      opensBrowser: !isWithoutBrowser,
      port: number(port, 0, 65_535, '--port'),
      seconds: number(timeout, 1, 3600, '--timeout'),
      keep,
    });
    console.error(`You are logged in. What that gives is kept in ${where}.`);
    console.error(`You allowed: ${tokens.scope}`);
  },

  async whoami() {
    const person = await (await server()).userInfo(await freshTokens());
    console.log(person.email ? `${person.name ?? person.sub} <${person.email}>` : (person.name ?? person.sub));
  },

  async call({ data }, [address]) {
    const url = URL.canParse(address ?? '') && new URL(address);
    // A token in the clear is everybody's.
    const isSafe = url && (url.protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname));
    if (!isSafe) throw new Problem('call what? Give an https address, or one of this machine: lantern call URL');
    let { access_token } = await freshTokens();
    let answer = await request(url, data, access_token);
    if (answer.status === 401) {
      // It may have been revoked, or the clocks disagree: once more with a new one.
      ({ access_token } = await freshTokens(access_token));
      answer = await request(url, data, access_token);
    }
    console.log(await answer.text());
    const why = answer.headers.get('www-authenticate') ?? '';
    if (!answer.ok) throw new Problem(`${url} answered ${answer.status} ${why}`.trim());
  },

  async logout() {
    const wasLoggedIn = await logOut();
    console.error(wasLoggedIn ? 'You are logged out.' : 'You were not logged in.');
  },

  async help() {
    console.log(HELP);
  },
};

const request = (url, data, token) =>
  fetch(url, {
    method: data === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, ...(data !== undefined && { 'content-type': 'application/json' }) },
    body: data,
    // Nor does it go where a redirect leads.
    redirect: 'error',
    signal: AbortSignal.timeout(30_000),
  });

function number(text, least, most, name) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Problem(`${name} wants a number from ${least} to ${most}`);
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'no-browser': { type: 'boolean', default: false },
      port: { type: 'string', default: '0' },
      timeout: { type: 'string', default: '300' },
      data: { type: 'string' },
    },
  });
  const [name = 'help', ...rest] = positionals;
  if (!Object.hasOwn(commands, name)) throw new Problem(`there is no command "${name}". What there is:\n\n${HELP}`);
  await commands[name](values, rest);
}

try {
  await main();
} catch (error) {
  // No token is in a message, and a stack helps nobody at a terminal.
  console.error(`error: ${error.message}${error.cause?.message ? `: ${error.cause.message}` : ''}`);
  process.exitCode = error.exitCode ?? 1;
}
