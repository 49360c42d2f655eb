import { createElement } from 'react';
import { hydrateRoot } from 'react-dom/client';
import { Page } from '../react-page.mjs';

hydrateRoot(document.getElementById('root'), createElement(Page, { issuer: document.body.dataset.issuer }));
