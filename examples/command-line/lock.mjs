// A lock between the runs of a program on one machine, which does not outlive the run that has it.

import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from './problem.mjs';

const PATIENCE = 60_000;

/** Does `work` while no other run does. */
export async function withLock(path, work) {
  const mine = `${path}.${process.pid}`;
  await writeFile(mine, String(process.pid), { mode: 0o600 });
  try {
    const end = Date.now() + PATIENCE;
    // Made by a link, so that it never is there without saying whose it is.
    while (!(await isMade(mine, path))) {
      if (Date.now() > end) throw new Problem(`another run has not finished for a minute; if there is none, remove ${path}*`);
      await breakIfDead(mine, path);
      await sleep(25 + Math.random() * 50);
    }
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Removes the lock of a run that was killed. Only one may do so at a time: it must not be the next one's lock by then. */
async function breakIfDead(mine, path) {
  if (isAlive(await holder(path))) return;
  const breaking = `${path}.breaking`;
  if (!(await isMade(mine, breaking))) return;
  try {
    if (!isAlive(await holder(path))) await rm(path, { force: true });
  } finally {
    await rm(breaking, { force: true });
  }
}

async function isMade(mine, path) {
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

const holder = async (path) => Number(await readFile(path, 'utf8').catch(() => process.pid));

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
