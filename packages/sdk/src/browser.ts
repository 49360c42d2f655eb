// What /sdk/hospes.js holds: the client, and the elements, defined.
export * from './elements/index.js';
export * from './index.js';
