import { HospesConsent, useConnectedApps, useHospes, useInteraction, useSession } from '@hospes/sdk/react/index.js';
import { StrictMode, createElement as e, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

const issuer = document.body.dataset.issuer;

/** The element as a component: objects go in as properties, events come out. */
function Element() {
  const [said, say] = useState('');
  const messages = { 'consent.allow': 'Sure' };
  return e('main', null,
    e(HospesConsent, { issuer, messages, onDecided: (event) => say(event.detail.decision), onRedirect: (event) => event.preventDefault() }),
    e('p', { id: 'said' }, said));
}

/** A page that draws everything itself. */
function Own() {
  useEffect(() => void (window.mounted = (window.mounted ?? 0) + 1), []);
  const client = useHospes({ issuer });
  const user = useSession(client);
  const { interaction, error, isBusy, decide, retry } = useInteraction(client);
  const { found, disconnect } = useConnectedApps(client);
  return e('main', null,
    e('h1', null, interaction ? `${interaction.client.name}: ${interaction.next}` : 'waiting'),
    e('p', { id: 'user' }, user?.name ?? 'nobody'),
    error && e('p', { role: 'alert' }, error.type),
    e('button', { onClick: () => decide({ decision: 'allow', scopes: ['openid'] }), disabled: isBusy }, 'Yes'),
    e('button', { onClick: retry }, 'Again'),
    found?.connected_apps.map(({ client: app }) => e('button', { key: app.client_id, onClick: () => disconnect(app.client_id) }, `End ${app.name}`)));
}

createRoot(document.getElementById('root')).render(e(StrictMode, null, e(location.hash === '#own' ? Own : Element)));
