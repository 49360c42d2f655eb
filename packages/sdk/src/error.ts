/** Why there was no answer to use; every other type is the server's `error_type`. */
export type LocalErrorType = 'network_error' | 'timeout' | 'aborted' | 'unexpected_answer' | 'no_interaction' | 'token_unavailable' | 'unsafe_redirect';

/** A call that failed. `message` is for developers; what users read is the elements' business. */
export class HospesError extends Error {
  override readonly name = 'HospesError';
  /** The server's `error_type`, or a {@link LocalErrorType}. */
  readonly type: LocalErrorType | (string & {});
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;
  /** Under which the operator finds the request in the log. */
  readonly requestId: string | null;
  /** Seconds to wait, if the server says so. */
  readonly retryAfter: number | null;

  constructor(type: string, message: string, status = 0, requestId: string | null = null, retryAfter: number | null = null) {
    super(message);
    this.type = type;
    this.status = status;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }

  /** Nobody is signed in, or not any more. */
  get isSignedOut(): boolean {
    return (this.status === 401 && this.type !== 'unauthorized_credentials') || SIGNED_OUT.has(this.type);
  }

  /** The same call may succeed later: nothing is wrong with it. */
  get isTemporary(): boolean {
    return this.type === 'network_error' || this.type === 'timeout' || this.status === 429 || this.status >= 500;
  }
}

const SIGNED_OUT = new Set([
  'session_not_found',
  'no_oauth_authorize_user_selector',
  'interaction_login_required',
  'interaction_of_another_user',
]);
