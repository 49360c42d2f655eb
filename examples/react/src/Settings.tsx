import { HospesConnectedApps } from '@hospes/sdk/react';
import { useNavigate } from 'react-router';
import { hospes } from './hospes';

/** The apps that somebody has connected, and a way to disconnect them. */
export function Settings() {
  const navigate = useNavigate();
  return (
    <HospesConnectedApps
      client={hospes}
      hostName="Harbour"
      signOut
      onLoginRequired={(event) => {
        // The app has a page for that; without this line the element would show the login in its own place.
        event.preventDefault();
        navigate('/login?next=/settings', { replace: true });
      }}
    />
  );
}
