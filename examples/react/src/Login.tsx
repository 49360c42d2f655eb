import { HospesLogin } from '@hospes/sdk/react';
import { useNavigate, useSearchParams } from 'react-router';
import { hospes } from './hospes';

export function Login() {
  const navigate = useNavigate();
  const [query] = useSearchParams();
  return <HospesLogin client={hospes} hostName="Harbour" onSignedIn={() => navigate(ownPath(query.get('next')), { replace: true })} />;
}

/** A page of ours only: the address came with a link that anybody may have made. */
function ownPath(next: string | null): string {
  if (!next || !URL.canParse(next, location.origin)) return '/';
  const url = new URL(next, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : '/';
}
