// A React app: who is not logged in sees the login, and then what the client asks for.

import {
  IdentityProvider, Products, StytchLogin, StytchProvider, createStytchClient, useStytchIsAuthorized, useStytchSession,
} from '@stytch/react';
import { createRoot } from 'react-dom/client';
import { options, publicToken } from './client.mjs';

const client = createStytchClient(publicToken, options);
const login = {
  products: [Products.passwords],
  passwordOptions: { loginRedirectURL: location.href, resetPasswordRedirectURL: location.href },
  sessionOptions: { sessionDurationMinutes: 60 },
};

function Page() {
  const { session, isInitialized } = useStytchSession();
  const { isAuthorized } = useStytchIsAuthorized('notes', 'write');
  if (!isInitialized) return null;
  if (!session) return <StytchLogin config={login} />;
  return (
    <>
      <p id="rights">{isAuthorized ? 'may write' : 'may not write'}</p>
      {new URLSearchParams(location.search).has('client_id') && <IdentityProvider />}
    </>
  );
}

createRoot(document.querySelector('main')).render(
  <StytchProvider stytch={client}>
    <Page />
  </StytchProvider>,
);
document.body.dataset.page = 'react';
