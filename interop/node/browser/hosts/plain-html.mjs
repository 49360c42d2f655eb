// examples/plain-html: one file of HTML on a static server; Hospes has the users.

import { consentElement, elementUsers, lantern, signInByElement, startExample } from '../example.mjs';

export const name = 'plain-html';

export async function start() {
  const example = await startExample('plain-html');
  return {
    ...example,
    ...lantern(example),
    users: elementUsers,
    signIn: signInByElement,
    // No `signOut`: the login is kept in the memory of its tab, so that no other tab can end it.
    login: (page) => page.locator('hospes-login form'),
    consent: consentElement,
  };
}
