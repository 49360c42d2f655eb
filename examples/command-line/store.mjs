// Where tokens are kept: the system's keychain if there is one that answers, else a file that only this user may read.

import { homedir } from 'node:os';
import { join } from 'node:path';
import { constants, mkdir, lstat, open, rename, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { keychain } from './keychain.mjs';
import { Problem } from './problem.mjs';

/** The folder of this program's files, made if it is not there. */
export async function folder() {
  const path = join(base(), 'lantern');
  await mkdir(path, { recursive: true, mode: 0o700 });
  const found = await lstat(path);
  // Whoever may write there may put anything in the place of our files.
  const isOurs = found.isDirectory() && (!process.getuid || (found.uid === process.getuid() && (found.mode & 0o022) === 0));
  if (!isOurs) throw new Problem(`${path} is not a folder that only you may write to; mend that, or remove it`);
  return path;
}

function base() {
  const { XDG_STATE_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === 'win32') return LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support');
  // The specification has it that a path which is not absolute counts for nothing.
  return XDG_STATE_HOME?.startsWith('/') ? XDG_STATE_HOME : join(homedir(), '.local', 'state');
}

const file = async (account) => join(await folder(), `${Buffer.from(account).toString('base64url')}.json`);

/** What is kept for an account, if anything is. */
export async function load(account) {
  const text = (await keychain.load(account)) ?? (await read(await file(account)));
  return text === undefined ? undefined : JSON.parse(text);
}

/** Keeps something for an account in the place of what was there; the answer says where. */
export async function save(account, value) {
  const path = await file(account);
  const text = JSON.stringify(value);
  if (await keychain.save(account, text)) {
    await rm(path, { force: true });
    return keychain.name;
  }
  await write(path, text);
  return path;
}

/** Forgets an account. */
export async function remove(account) {
  await keychain.remove(account);
  await rm(await file(account), { force: true });
}

async function read(path) {
  let handle;
  try {
    handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw new Problem(`${path} cannot be read; remove it and log in again`, { cause: error });
  }
  try {
    const { mode, uid } = await handle.stat();
    if (process.getuid && (uid !== process.getuid() || (mode & 0o077) !== 0)) {
      throw new Problem(`others may read or have made ${path}; remove it and log in again`);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Writes the whole file or nothing. The new one is made, so it follows no link, and takes the place of what is there. */
async function write(path, text) {
  const made = `${path}.${randomUUID()}`;
  const handle = await open(made, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(made, path).catch(async (error) => {
    await rm(made, { force: true });
    throw error;
  });
}
