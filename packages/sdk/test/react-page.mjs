// A page for both ends: rendered on a server, and taken over by the browser.

import { HospesConsent, HospesConnectedApps, useConnectedApps, useHospes, useInteraction, useSession } from '@hospes/sdk/react/index.js';
import { createElement as e } from 'react';

function Own({ issuer }) {
  const client = useHospes({ issuer });
  const { interaction, isBusy } = useInteraction(client);
  const { found } = useConnectedApps(client);
  return e('p', { id: 'own' }, JSON.stringify([interaction?.next ?? null, isBusy, found?.connected_apps.length ?? null, useSession(client)?.name ?? null]));
}

export const Page = ({ issuer, getToken }) =>
  e('main', null, e(HospesConsent, { issuer, getToken, hostName: 'Harbour' }), e(HospesConnectedApps, { issuer, headingLevel: 2 }), e(Own, { issuer }));
