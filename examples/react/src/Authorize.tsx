import { HospesConsent } from '@hospes/sdk/react';
import { hospes } from './hospes';

/** Where other programs send people who should let them in. The element opens the login by itself when it needs one. */
export function Authorize() {
  return <HospesConsent client={hospes} hostName="Harbour" />;
}
