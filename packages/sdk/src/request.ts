// One call to the server: JSON out, JSON in, every failure a HospesError.

import { HospesError } from './error.js';
import type { Proof } from './shapes.js';

export interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  body?: Record<string, unknown>;
  signal?: AbortSignal | undefined;
}

export interface Transport {
  /** Without a slash at its end. */
  issuer: string;
  fetch: typeof fetch;
  timeoutMs: number;
  language: () => string | undefined;
}

/**
 * Sends one call. A session of `proof` goes into `Authorization`, a token of the host app's own login into the body of
 * what is about an interaction: nothing else takes one. With cookies, those of the server's origin come along, if that
 * and ours belong to the same site.
 */
export async function send<T>(transport: Transport, call: Call, proof: Proof | null | undefined, withCookies: boolean): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  call.signal?.addEventListener('abort', abort);
  if (call.signal?.aborted) abort();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    abort();
  }, transport.timeoutMs);
  const headers: Record<string, string> = { accept: 'application/json' };
  const language = transport.language();
  let { body } = call;
  if (body) headers['content-type'] = 'application/json';
  if (typeof proof === 'object') {
    if (body && call.path.startsWith('/interactions')) body = { ...proof, ...body };
  } else if (proof) headers['authorization'] = `Bearer ${proof}`;
  if (language) headers['accept-language'] = language;
  try {
    const response = await transport.fetch(transport.issuer + call.path, {
      method: call.method,
      headers,
      credentials: withCookies ? 'include' : 'omit',
      cache: 'no-store',
      redirect: 'error',
      signal: controller.signal,
      ...(body && { body: JSON.stringify(body) }),
    });
    return read<T>(response, await response.text());
  } catch (cause) {
    if (cause instanceof HospesError) throw cause;
    if (isLate) throw new HospesError('timeout', `no answer from ${transport.issuer} within ${transport.timeoutMs} ms`);
    if (controller.signal.aborted) throw new HospesError('aborted', 'the call was aborted');
    // A browser does not say whether the server is down or whether it does not allow this page's origin.
    const hint = 'is it up, and is this origin among those it allows (sdk.domains)?';
    throw new HospesError('network_error', `cannot reach ${transport.issuer}: ${hint} (${String(cause)})`);
  } finally {
    clearTimeout(timer);
    call.signal?.removeEventListener('abort', abort);
  }
}

function read<T>(response: Response, text: string): T {
  const requestId = response.headers.get('x-request-id');
  let body: unknown;
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    body = null;
  }
  if (typeof body !== 'object' || body === null) {
    throw new HospesError('unexpected_answer', `status ${response.status} without JSON; is this the server's address?`, response.status, requestId);
  }
  if (response.ok) return body as T;
  const { error_type, error_message, request_id } = body as Record<string, string | undefined>;
  const wait = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  throw new HospesError(
    error_type ?? 'unexpected_answer',
    error_message ?? `status ${response.status}`,
    response.status,
    request_id ?? requestId,
    Number.isNaN(wait) ? null : wait,
  );
}
