// A page that draws everything itself: the tests call the packages' client by its names.

import { createStytchClient, parseOAuthAuthorizeParams } from '@stytch/vanilla-js/headless';
import { options, publicToken } from './client.mjs';

window.stytch = createStytchClient(publicToken, options);
window.parseOAuthAuthorizeParams = parseOAuthAuthorizeParams;
document.body.dataset.page = 'headless';
