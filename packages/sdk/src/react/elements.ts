'use client';

import { createComponent, type EventName } from '@lit/react';
import * as React from 'react';
import type { HospesError } from '../error.js';
import type { ConsentStep, Interaction, LoginStep, UserView } from '../shapes.js';
import { HospesConnectedApps as ConnectedAppsElement } from '../elements/connected-apps.js';
import { HospesConsent as ConsentElement, type LoginReason } from '../elements/consent.js';
import { HospesLogin as LoginElement } from '../elements/login.js';

const onError = 'hospes-error' as EventName<CustomEvent<{ error: HospesError }>>;

/** `<hospes-consent>`: the authorization page. */
export const HospesConsent = createComponent({
  react: React,
  tagName: 'hospes-consent',
  elementClass: ConsentElement,
  displayName: 'HospesConsent',
  events: {
    onLoginRequired: 'hospes-login-required' as EventName<CustomEvent<{ interaction: LoginStep | ConsentStep; reason: LoginReason; returnUrl: string }>>,
    onDecided: 'hospes-decided' as EventName<CustomEvent<{ decision: 'allow' | 'deny'; interaction: Interaction }>>,
    onRedirect: 'hospes-redirect' as EventName<CustomEvent<{ url: string }>>,
    onError,
  },
});

/** `<hospes-login>`: email and password. */
export const HospesLogin = createComponent({
  react: React,
  tagName: 'hospes-login',
  elementClass: LoginElement,
  displayName: 'HospesLogin',
  events: {
    onSignedIn: 'hospes-signed-in' as EventName<CustomEvent<{ user: UserView }>>,
    onCancel: 'hospes-cancel' as EventName<CustomEvent<object>>,
    onError,
  },
});

/** `<hospes-connected-apps>`: what the user has connected. */
export const HospesConnectedApps = createComponent({
  react: React,
  tagName: 'hospes-connected-apps',
  elementClass: ConnectedAppsElement,
  displayName: 'HospesConnectedApps',
  events: {
    onLoginRequired: 'hospes-login-required' as EventName<CustomEvent<{ reason: 'nobody'; returnUrl: string }>>,
    onDisconnected: 'hospes-disconnected' as EventName<CustomEvent<{ client_id: string }>>,
    onSignedOut: 'hospes-signed-out' as EventName<CustomEvent<object>>,
    onError,
  },
});
