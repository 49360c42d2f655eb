// examples/react: a single-page app; Hospes has the users.

import { consentElement, elementUsers, lantern, signInByElement, startExample } from '../example.mjs';

export const name = 'react';

export async function start() {
  const example = await startExample('react');
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
