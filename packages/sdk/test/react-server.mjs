import { HospesConnectedApps, HospesConsent, HospesLogin } from '@hospes/sdk/react/index.js';
import { Fragment, createElement, version } from 'react';
import { renderToString } from 'react-dom/server';

const issuer = 'https://auth.example';
const page = [HospesConsent, HospesLogin, HospesConnectedApps].map((element, key) => createElement(element, { key, issuer }));
console.log(version, renderToString(createElement(Fragment, null, page)));
