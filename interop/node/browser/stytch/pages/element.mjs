// An authorization page of the packages' custom element.

import { StytchIdentityProvider, createStytchClient } from '@stytch/vanilla-js';
import { options, publicToken } from './client.mjs';

const client = (window.stytch = createStytchClient(publicToken, options));
window.happened = [];
customElements.define('stytch-identity-provider', StytchIdentityProvider);

/** Shows the element; `trusted` is a token of the host app's own login, with the profile that reads it. */
window.show = (trusted) => {
  const element = document.createElement('stytch-identity-provider');
  document.querySelector('main').append(element);
  const callbacks = {
    onEvent: (event) => window.happened.push(event.type),
    onError: (error) => window.happened.push(`error: ${error.message}`),
  };
  element.render({ client, callbacks, ...(trusted && { authTokenParams: trusted }) });
};
document.body.dataset.page = 'element';
