/**
 * The headless client: everything that the elements do, without anything to see. No dependencies; runs in browsers,
 * Node, workers and React Native.
 *
 * @module
 */
export { beginningOf } from './client.js';
export { createClient } from './create-client.js';
export type { CallOptions, ClientEvents, ClientOptions, HospesClient } from './client.js';
export { HospesError } from './error.js';
export type { LocalErrorType } from './error.js';
export type { NonceStorage } from './nonce.js';
export { tokenFrom } from './token-url.js';
export type * from './shapes.js';
