// The system's keychain, by the tool that comes with it: `security` on macOS, `secret-tool` (libsecret) on Linux.
//
// A secret is told to a tool by its standard input: everybody on the machine may read its arguments.

import { spawn } from 'node:child_process';

const SERVICE = 'lantern';

const macos = {
  name: 'the keychain',
  // In its interactive mode it reads the command itself from standard input. The text is base64url, so needs no quoting.
  save: (account, text) => run('security', ['-i'], `add-generic-password -U -s ${SERVICE} -a "${account}" -w ${text}\n`),
  load: (account) => run('security', ['find-generic-password', '-s', SERVICE, '-a', account, '-w']),
  remove: (account) => run('security', ['delete-generic-password', '-s', SERVICE, '-a', account]),
};

const libsecret = {
  name: 'the keyring',
  save: (account, text) =>
    run('secret-tool', ['store', '--label', `Lantern: ${account}`, 'service', SERVICE, 'account', account], text),
  load: (account) => run('secret-tool', ['lookup', 'service', SERVICE, 'account', account]),
  remove: (account) => run('secret-tool', ['clear', 'service', SERVICE, 'account', account]),
};

// By ssh there often is a tool but no keychain that answers: then every call fails, and the file is taken.
const none = { name: 'nothing', save: async () => {}, load: async () => {}, remove: async () => {} };
const tool = { darwin: macos, linux: libsecret }[process.platform] ?? none;

/** `save` answers whether it worked, `load` with what was saved. */
export const keychain = {
  name: tool.name,
  save: async (account, text) => {
    const coded = Buffer.from(text).toString('base64url');
    // Some tools end well without having done anything.
    return (await tool.save(account, coded)) !== undefined && (await tool.load(account)) === coded;
  },
  load: async (account) => {
    const coded = await tool.load(account);
    return coded ? Buffer.from(coded, 'base64url').toString() : undefined;
  },
  remove: (account) => tool.remove(account),
};

/** What a program prints, without the line break at its end; nothing if it fails or is not there. */
function run(program, given, input = '') {
  return new Promise((resolve) => {
    const child = spawn(program, given, { stdio: ['pipe', 'pipe', 'ignore'] });
    // A keychain that is locked may ask somebody who is not there.
    const timer = setTimeout(() => child.kill(), 60_000);
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
    child.stdin.on('error', () => {});
    const end = (result) => {
      clearTimeout(timer);
      resolve(result);
    };
    child.on('error', () => end(undefined));
    child.on('close', (code) => end(code === 0 ? printed.trimEnd() : undefined));
    child.stdin.end(input);
  });
}
