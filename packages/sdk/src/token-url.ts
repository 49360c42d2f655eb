import { HospesError } from './error.js';
import type { Proof } from './shapes.js';

/**
 * A `getToken` that asks the host app: `GET url`, with its cookies, answers the proof of who is signed in there as JSON
 * (a text, or `{ trusted_token, profile_id }`); `null`, or status 401, when nobody is.
 */
export function tokenFrom(url: string): () => Promise<Proof | null> {
  return async () => {
    const { href, origin } = new URL(url, location.href);
    // Whatever answers says who the user is: no other site may.
    if (origin !== location.origin) throw new HospesError('token_unavailable', `${url} leads to ${origin}; only ${location.origin} is asked`);
    try {
      const response = await fetch(href, { headers: { accept: 'application/json' }, cache: 'no-store', redirect: 'error' });
      if (response.status === 401) return null;
      if (response.ok) return (await response.json()) as Proof | null;
      throw new HospesError('token_unavailable', `${url} answers with status ${response.status}`, response.status);
    } catch (cause) {
      if (cause instanceof HospesError) throw cause;
      throw new HospesError('token_unavailable', `${url} does not answer with JSON: ${String(cause)}`);
    }
  };
}
