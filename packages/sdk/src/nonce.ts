// What ties an interaction that began from a raw query to this tab: a nonce that only this page knows.

/** The part of `Storage` that is needed. */
export type NonceStorage = Pick<Storage, 'getItem' | 'setItem'>;

const key = (interactionId: string) => `hospes.nonce.${interactionId}`;

/** 256 random bits as 43 characters of base64url. */
export function newNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** The tab's own storage; a page that has none keeps its nonces until it is left. */
export function tabStorage(): NonceStorage {
  try {
    // Reading the property throws where cookies and site data are blocked.
    if (globalThis.sessionStorage) return globalThis.sessionStorage;
  } catch {}
  const kept = new Map<string, string>();
  return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => void kept.set(name, value) };
}

export function keepNonce(storage: NonceStorage, interactionId: string, nonce: string): void {
  try {
    storage.setItem(key(interactionId), nonce);
  } catch {
    // Full or forbidden: the interaction then ends with this page.
  }
}

/** `{ nonce }` of an interaction that began in this tab from a raw query, else `{}`. */
export function nonceOf(storage: NonceStorage, interactionId: string): { nonce?: string } {
  const nonce = storage.getItem(key(interactionId));
  return nonce ? { nonce } : {};
}
