'use client';

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { beginningOf, type ClientOptions, type HospesClient } from '../client.js';
import { createClient } from '../create-client.js';
import { HospesError } from '../error.js';
import type { ConnectedApps, Decision, Interaction, UserView } from '../shapes.js';

/** A client that lives as long as the component; a new one when the issuer changes. */
export function useHospes(options: ClientOptions): HospesClient {
  const latest = useRef(options);
  latest.current = options;
  const { issuer } = options;
  const hasToken = options.getToken !== undefined;
  return useMemo(
    () => createClient({ ...latest.current, issuer, ...(hasToken && { getToken: () => latest.current.getToken?.() }) }),
    [issuer, hasToken],
  );
}

function asError(cause: unknown): HospesError {
  return cause instanceof HospesError ? cause : new HospesError('unexpected_answer', String(cause));
}

/**
 * Sends `work` right after this moment, unless `signal` has fired by then. Strict mode ends each first mount at once, and
 * a request that has left cannot be taken back: a raw query would begin a second interaction.
 */
async function soon<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  await null;
  signal.throwIfAborted();
  return work();
}

/** Where an authorization request stands, and what can be done with it. */
export interface InteractionState {
  /** Null until the server has answered. Its `next` says what to show. */
  interaction: Interaction | null;
  /** Why the last call failed; what is shown may stay, and can be tried again. */
  error: HospesError | null;
  isBusy: boolean;
  /** Begins again. */
  retry: () => void;
  /** The user has signed in, or chosen the account that is signed in. */
  login: () => Promise<void>;
  /** Sends the user's answer; then `interaction.next` is `redirect`. While a call is under way, and after that, it does nothing. */
  decide: (decision: Decision) => Promise<void>;
}

/** The interaction of the page's address, or of this handle. */
export function useInteraction(client: HospesClient, interactionId?: string): InteractionState {
  const [interaction, setInteraction] = useState<Interaction | null>(null);
  const [error, setError] = useState<HospesError | null>(null);
  const [isBusy, setBusy] = useState(true);
  const [turn, setTurn] = useState(0);
  const busy = useRef(true);

  const run = useCallback(async (work: () => Promise<Interaction>, signal?: AbortSignal) => {
    busy.current = true;
    setBusy(true);
    setError(null);
    try {
      const next = await work();
      if (!signal?.aborted) setInteraction(next);
    } catch (cause) {
      if (!signal?.aborted) setError(asError(cause));
    } finally {
      if (!signal?.aborted) {
        busy.current = false;
        setBusy(false);
      }
    }
  }, []);

  useEffect(() => {
    const controller = new AbortController();
    const from = interactionId ? { interaction_id: interactionId } : beginningOf(window.location.href);
    void run(async () => {
      if (!from) throw new HospesError('no_interaction', 'the address has neither `interaction` nor `client_id`', 400);
      return soon(controller.signal, () => client.interactions.start(from, { signal: controller.signal }));
    }, controller.signal);
    return () => controller.abort();
  }, [client, interactionId, turn, run]);

  // What was decided stays decided.
  const id = interaction?.next === 'redirect' ? undefined : interaction?.interaction_id;
  return {
    interaction,
    error,
    isBusy,
    retry: useCallback(() => setTurn((own) => own + 1), []),
    login: useCallback(async () => {
      if (id && !busy.current) await run(() => client.interactions.login(id));
    }, [client, id, run]),
    decide: useCallback(async (decision: Decision) => {
      if (id && !busy.current) await run(() => client.interactions.decide(id, decision));
    }, [client, id, run]),
  };
}

export interface ConnectedAppsState {
  /** Null until the server has answered. */
  found: ConnectedApps | null;
  error: HospesError | null;
  /** The `client_id` that is being disconnected. */
  disconnecting: string | null;
  reload: () => void;
  disconnect: (clientId: string) => Promise<void>;
}

/** The apps that the user has connected. */
export function useConnectedApps(client: HospesClient): ConnectedAppsState {
  const [found, setFound] = useState<ConnectedApps | null>(null);
  const [error, setError] = useState<HospesError | null>(null);
  const [disconnecting, setDisconnecting] = useState<string | null>(null);
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    const controller = new AbortController();
    soon(controller.signal, () => client.connectedApps.list({ signal: controller.signal })).then(
      (own) => {
        setFound(own);
        setError(null);
      },
      (cause: unknown) => {
        if (!controller.signal.aborted) setError(asError(cause));
      },
    );
    return () => controller.abort();
  }, [client, turn]);

  const disconnect = useCallback(async (clientId: string) => {
    setDisconnecting(clientId);
    setError(null);
    try {
      await client.connectedApps.revoke(clientId);
      setFound((own) => own && { ...own, connected_apps: own.connected_apps.filter((app) => app.client.client_id !== clientId) });
    } catch (cause) {
      setError(asError(cause));
    } finally {
      setDisconnecting(null);
    }
  }, [client]);

  return { found, error, disconnecting, reload: useCallback(() => setTurn((own) => own + 1), []), disconnect };
}

/** Who is signed in: undefined while it is not known, null for nobody. Follows what the client does. */
export function useSession(client: HospesClient): UserView | null | undefined {
  const [user, setUser] = useState<UserView | null | undefined>(undefined);
  useEffect(() => {
    const controller = new AbortController();
    soon(controller.signal, () => client.session.current({ signal: controller.signal })).then((own) => setUser(own?.user ?? null), () => {});
    const off = client.on('session', setUser);
    return () => {
      off();
      controller.abort();
    };
  }, [client]);
  return user;
}
