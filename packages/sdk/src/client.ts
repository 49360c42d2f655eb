import { HospesError } from './error.js';
import { keepNonce, newNonce, nonceOf, tabStorage, type NonceStorage } from './nonce.js';
import { send, type Call } from './request.js';
import type { Beginning, ConnectedApps, Decision, Interaction, Proof, Session, UserView } from './shapes.js';

export interface ClientOptions {
  /** The server's issuer, with its path if it has one: `https://auth.example.com`, `http://127.0.0.1:8080/auth`. */
  issuer: string;
  /**
   * Proof of who the user is, asked for before each call; null when nobody is signed in. Without this function the
   * server's own session counts: its cookie, or the token that {@link HospesClient.session} got.
   */
  getToken?: () => Proof | null | undefined | Promise<Proof | null | undefined>;
  /** The language of the server's texts, a BCP 47 tag; the browser's by default. */
  locale?: string;
  /** How long a call may take, in milliseconds; 20 000 by default. */
  timeoutMs?: number;
  fetch?: typeof fetch;
  /** Where nonces are kept; `sessionStorage` by default. */
  storage?: NonceStorage;
}

export interface CallOptions {
  signal?: AbortSignal;
}

/** What `on` listens to, and what its listeners get. */
export interface ClientEvents {
  /** An interaction began or went on. */
  interaction: Interaction;
  /** Somebody signed in; null: signed out. */
  session: UserView | null;
  /** A client was disconnected; its `client_id`. */
  disconnected: string;
  /** A call failed; not that nobody is signed in, which is a state. */
  error: HospesError;
}

export interface HospesClient {
  readonly issuer: string;
  /** The language that the server is asked for; may be changed. */
  locale: string | undefined;
  interactions: {
    /** Begins, or goes on after a login: says what has to happen next. */
    start(from: Beginning, options?: CallOptions): Promise<Interaction>;
    /** Says that the user has signed in, or chosen the account that is signed in. */
    login(interactionId: string, options?: CallOptions): Promise<Interaction>;
    /** The user's answer. The interaction that comes back says where to go: its `next` is `redirect`. */
    decide(interactionId: string, decision: Decision, options?: CallOptions): Promise<Interaction>;
  };
  connectedApps: {
    list(options?: CallOptions): Promise<ConnectedApps>;
    /** Ends the client's access at once. That it was not connected is no error. */
    revoke(clientId: string, options?: CallOptions): Promise<void>;
  };
  session: {
    /** Signs in by password. A token that the server answers with is kept in memory only. */
    logIn(credentials: { email: string; password: string }, options?: CallOptions): Promise<Session>;
    /** Who is signed in; null: nobody. */
    current(options?: CallOptions): Promise<Session | null>;
    logOut(options?: CallOptions): Promise<void>;
  };
  /** Calls `listener` at each event of this kind until the returned function is called. */
  on<K extends keyof ClientEvents>(kind: K, listener: (event: ClientEvents[K]) => void): () => void;
}

/**
 * A client that sends its calls by `deliver`. What is about interactions needs no more than `send`; for the account's
 * calls with a token of the host app's own login there is `createClient`.
 */
export function clientWith(options: ClientOptions, deliver: typeof send = send): HospesClient {
  const issuer = options.issuer.replace(/\/+$/, '');
  const storage = options.storage ?? tabStorage();
  const listeners = new Map<keyof ClientEvents, Set<(event: never) => void>>();
  let ownToken: string | null = null;

  function emit<K extends keyof ClientEvents>(kind: K, event: ClientEvents[K]): void {
    for (const listener of listeners.get(kind) ?? []) (listener as (event: ClientEvents[K]) => void)(event);
  }

  const transport = {
    issuer,
    fetch: options.fetch ?? ((...request: Parameters<typeof fetch>) => globalThis.fetch(...request)),
    timeoutMs: options.timeoutMs ?? 20_000,
    language: () => client.locale,
  };

  async function call<T>(call: Call): Promise<T> {
    try {
      return await deliver<T>(transport, call, options.getToken ? await options.getToken() : ownToken, !options.getToken);
    } catch (error) {
      if (error instanceof HospesError && error.type !== 'aborted' && !error.isSignedOut) emit('error', error);
      throw error;
    }
  }

  async function advance(path: string, body: Record<string, unknown> & { nonce?: string }, signal: AbortSignal | undefined): Promise<Interaction> {
    const interaction = await call<Interaction>({ method: 'POST', path, body, signal });
    if (interaction.next === 'redirect' && !isFollowable(interaction.redirect_url)) {
      throw new HospesError('unsafe_redirect', 'the answer leads to an address that would run as a script');
    }
    if (body.nonce) keepNonce(storage, interaction.interaction_id, body.nonce);
    emit('interaction', interaction);
    return interaction;
  }

  function of(interactionId: string, verb: string): string {
    return `/interactions/${encodeURIComponent(interactionId)}/${verb}`;
  }

  const client: HospesClient = {
    issuer,
    locale: options.locale,
    interactions: {
      async start(from, { signal } = {}) {
        return advance('/interactions', { ...from, ...('query' in from ? { nonce: newNonce() } : nonceOf(storage, from.interaction_id)) }, signal);
      },
      async login(id, { signal } = {}) {
        return advance(of(id, 'login'), nonceOf(storage, id), signal);
      },
      async decide(id, decision, { signal } = {}) {
        return advance(of(id, 'decide'), { scopes: [], expires_at: null, ...decision, ...nonceOf(storage, id) }, signal);
      },
    },
    connectedApps: {
      list: ({ signal } = {}) => call({ method: 'GET', path: '/account/connected_apps', signal }),
      async revoke(clientId, { signal } = {}) {
        await call({ method: 'DELETE', path: `/account/connected_apps/${encodeURIComponent(clientId)}`, signal });
        emit('disconnected', clientId);
      },
    },
    session: {
      async logIn({ email, password }, { signal } = {}) {
        const session = await call<Session>({ method: 'POST', path: '/account/session', body: { email, password }, signal });
        ownToken = session.session_token ?? session.session_jwt ?? null;
        emit('session', session.user);
        return session;
      },
      async current({ signal } = {}) {
        return call<Session>({ method: 'GET', path: '/account/session', signal }).catch(nobody);
      },
      async logOut({ signal } = {}) {
        await call({ method: 'DELETE', path: '/account/session', signal }).catch(nobody);
        ownToken = null;
        emit('session', null);
      },
    },
    on(kind, listener) {
      const all = listeners.get(kind) ?? new Set();
      listeners.set(kind, all.add(listener as (event: never) => void));
      return () => void all.delete(listener as (event: never) => void);
    },
  };
  return client;
}

/** That nobody is signed in is no failure here. */
function nobody(error: unknown): null {
  if (error instanceof HospesError && error.isSignedOut) return null;
  throw error;
}

/** A script or a document in an address would run in the page that follows it, with the page's rights. */
function isFollowable(url: string): boolean {
  return !/^(javascript|data|vbscript|blob|file|about):/i.test(url.replace(/[\u0000-\u0020]/g, ''));
}

/**
 * How the interaction of a page's address begins: `?interaction=…`, which the server put there, or the client's own
 * authorization request, passed on as it is. Null: the page was not opened for one.
 */
export function beginningOf(address: string | URL): Beginning | null {
  const { search, searchParams } = new URL(address);
  const handle = searchParams.get('interaction');
  if (handle) return { interaction_id: handle };
  return searchParams.has('client_id') || searchParams.has('request_uri') ? { query: search.slice(1) } : null;
}
