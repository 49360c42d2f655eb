import { HospesConnectedApps, HospesConsent, HospesLogin, useConnectedApps, useHospes, useInteraction, useSession } from '@hospes/sdk/react/index.js';
import { Fragment, createElement, version } from 'react';
import { renderToString } from 'react-dom/server';

const issuer = 'https://auth.example';

function Own() {
  const client = useHospes({ issuer });
  const { interaction, isBusy } = useInteraction(client);
  const { found } = useConnectedApps(client);
  return createElement('p', null, JSON.stringify([interaction, isBusy, found, useSession(client) ?? null]));
}

const page = [HospesConsent, HospesLogin, HospesConnectedApps, Own].map((element, key) => createElement(element, { key, issuer, getToken: () => 'secret' }));
console.log(version, renderToString(createElement(Fragment, null, page)));
