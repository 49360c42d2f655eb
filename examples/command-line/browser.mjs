// Opens the user's browser, where there is one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Opens an address. The answer says whether a browser could be started; nobody knows more than that. */
export async function openBrowser(url) {
  const [program, ...given] = opener();
  if (!program) return false;
  // No shell: an address is full of signs that mean something to one.
  const child = spawn(program, [...given, url], { stdio: 'ignore', detached: true });
  try {
    await once(child, 'spawn');
  } catch {
    return false;
  }
  child.unref();
  return true;
}

function opener() {
  const { BROWSER, DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (BROWSER) return [BROWSER];
  if (process.platform === 'darwin') return ['open'];
  if (process.platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  // By ssh, in a container: what xdg-open would start there is a browser of text.
  return DISPLAY || WAYLAND_DISPLAY ? ['xdg-open'] : [];
}
