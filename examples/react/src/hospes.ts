import { createClient } from '@hospes/sdk';

declare const ISSUER: string;

/** One client for the whole app: whoever signs in on one page is signed in on all. It keeps the login in memory only. */
export const hospes = createClient({ issuer: ISSUER });
