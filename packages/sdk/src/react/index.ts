'use client';

/** For React 18 and 19: the elements as components, and hooks for pages that draw everything themselves. */
export { HospesConnectedApps, HospesConsent, HospesLogin } from './elements.js';
export { useConnectedApps, useHospes, useInteraction, useSession } from './hooks.js';
export type { ConnectedAppsState, InteractionState } from './hooks.js';
export * from '../index.js';
