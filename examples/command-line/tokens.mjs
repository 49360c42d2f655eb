// What a login gave: kept between runs, renewed in time, and given back at the end.

import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { Problem } from './problem.mjs';
import { CLIENT_ID, ISSUER, server } from './server.mjs';
import { folder, load, remove, save } from './store.mjs';

// In signs that no command line and no file name minds.
const account = `${encodeURIComponent(CLIENT_ID)}@${encodeURIComponent(ISSUER)}`;
const alone = async (work) => withLock(join(await folder(), 'lock'), work);

/** Keeps the tokens of a login; the answer says where. Those of an earlier login are given back. */
export const keep = (answer) =>
  alone(async () => {
    const earlier = await load(account);
    const where = await save(account, kept(answer));
    if (earlier) await giveBack(earlier).catch(() => {});
    return where;
  });

/** Tokens with which an API can be called now; not with the access token that it has just refused. */
export async function freshTokens(refused) {
  const isUsable = (tokens) => tokens.access_token !== refused && tokens.expires_at > Date.now() / 1000 + 30;
  const tokens = await known();
  if (isUsable(tokens)) return tokens;
  // A refresh token is used once: of two runs at a time the second finds what the first has got.
  return alone(async () => {
    const tokens = await known();
    if (isUsable(tokens)) return tokens;
    if (!tokens.refresh_token) throw new Problem('your login has ended; run: lantern login');
    try {
      const renewed = { ...tokens, ...kept(await (await server()).refresh(tokens.refresh_token)) };
      await save(account, renewed);
      return renewed;
    } catch (error) {
      if (error.refusal !== 'invalid_grant') throw error;
      await remove(account);
      throw new Problem('your login has ended; run: lantern login');
    }
  });
}

/** Gives the tokens back and forgets them; false if there are none. */
export const logOut = () =>
  alone(async () => {
    const tokens = await load(account);
    if (!tokens) return false;
    // They are gone here in any case.
    await remove(account);
    await giveBack(tokens).catch((cause) => {
      const advice = 'disconnect Lantern on its page of connected apps';
      throw new Problem(`the tokens are forgotten here, but the server was not told; ${advice}`, { cause });
    });
    return true;
  });

// RFC 7009 §2.1: with the refresh token goes all that was issued with it.
const giveBack = async (tokens) => (await server()).revoke(tokens.refresh_token ?? tokens.access_token);

async function known() {
  const tokens = await load(account);
  if (!tokens) throw new Problem('you are not logged in; run: lantern login');
  return tokens;
}

/** What is worth keeping of an answer with tokens; what it does not name stays as it was. */
function kept({ expires_in = 300, ...answer }) {
  const named = ['access_token', 'refresh_token', 'scope', 'sub'].filter((name) => answer[name]);
  const expires_at = Math.floor(Date.now() / 1000) + expires_in;
  return { expires_at, ...Object.fromEntries(named.map((name) => [name, answer[name]])) };
}
