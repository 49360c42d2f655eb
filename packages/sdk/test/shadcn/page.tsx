import { createRoot } from 'react-dom/client';
import { HospesConnectedApps } from '../../registry/hospes-connected-apps';
import { HospesConsent } from '../../registry/hospes-consent';

declare global {
  interface Window {
    returnUrl?: string;
  }
}

const issuer = document.body.dataset['issuer'] ?? '';
const root = document.createElement('main');
document.body.append(root);
createRoot(root).render(
  location.hash === '#apps' ? <HospesConnectedApps issuer={issuer} /> : <HospesConsent issuer={issuer} hostName="Harbour" onLoginRequired={(returnUrl) => (window.returnUrl = returnUrl)} />,
);
