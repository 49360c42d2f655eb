/** All elements: importing this module defines them. */
export { HospesConnectedApps } from './connected-apps.js';
export { HospesConsent } from './consent.js';
export type { LoginReason } from './consent.js';
export { HospesLogin } from './login.js';
export type { LoginMethod, LoginSituation } from './login-method.js';
export { passwordMethod } from './password-method.js';
export type { Messages } from '../locales/en.js';
