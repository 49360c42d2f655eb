// Says which React it is, and what the page is on a server.

import { createElement, version } from 'react';
import { renderToString } from 'react-dom/server';
import { Page } from './react-page.mjs';

console.log(version, renderToString(createElement(Page, { issuer: process.argv[2], getToken: () => 'secret' })));
