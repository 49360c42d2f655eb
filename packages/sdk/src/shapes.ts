// What the server answers, field by field, named as on the wire: one set of words for its documentation and for this code.

/** Who asks, as the user should know it. */
export interface ClientView {
  client_id: string;
  name: string;
  description: string;
  logo_url: string | null;
  client_url: string | null;
  policy_url: string | null;
  tos_url: string | null;
  /** The operator has checked who is behind this client. */
  verified: boolean;
  /** The client belongs to the host app itself. */
  first_party: boolean;
  /** The name is written in letters that look like others. */
  deceptive: boolean;
}

/** Where the answer will go. */
export interface RedirectView {
  host: string;
  /** `loopback`: a program on this device; `app`: whatever opens links of this scheme or address. */
  kind: 'web' | 'loopback' | 'app';
  /** The whole address, to be shown on demand. */
  uri: string;
}

export interface UserView {
  user_id: string;
  name: string | null;
  email: string | null;
}

/** One scope value that is asked for. */
export interface ScopeView {
  scope: string;
  /** In plain words, in the language of `Accept-Language`. */
  text: string;
  /** What more there is to say of it. */
  detail: string | null;
  /** The user may leave it out. */
  optional: boolean;
  /** False: the user cannot pass it on; `reason` says why. */
  grantable: boolean;
  reason: string | null;
  granted_before: boolean;
}

/** An API that the tokens will be for (RFC 8707). */
export interface ResourceView {
  resource: string;
  name: string | null;
}

interface Waiting {
  interaction_id: string;
  /** RFC 3339. */
  expires_at: string;
  client: ClientView;
  redirect: RedirectView;
  /** Null until somebody has signed in. */
  user: UserView | null;
  scopes: ScopeView[];
  resources: ResourceView[];
  /** The user may give their consent an end. */
  end_date_allowed: boolean;
  /** Consent is remembered; a program on the device only asks to be let through (RFC 8252 §8.6). */
  confirm_only: boolean;
  /** The host app. */
  project: { name: string };
}

/** Go to `redirect_url` now: it carries a code or an error. */
export interface RedirectStep extends Waiting {
  next: 'redirect';
  redirect_url: string;
}

/** Somebody must sign in, sign in again, or choose an account. */
export interface LoginStep extends Waiting {
  next: 'login';
  login: {
    login_hint: string | null;
    /** Somebody is signed in, and the client wants fresh proof. */
    reauthenticate: boolean;
    select_account: boolean;
    /** Where the login should lead back to. */
    return_url: string | null;
  };
}

/** The user decides. */
export interface ConsentStep extends Waiting {
  next: 'consent';
}

/** An authorization request that waits for its user, and what has to happen next. */
export type Interaction = RedirectStep | LoginStep | ConsentStep;

/** How an interaction begins: by the handle that the server put into the page's address, or by the raw query. */
export type Beginning = { interaction_id: string } | { query: string };

export interface Decision {
  decision: 'allow' | 'deny';
  /** Required and optional scope values that are allowed. What was not asked for is refused. */
  scopes?: string[];
  /** RFC 3339; null: until the user disconnects the client. */
  expires_at?: string | null;
}

/** A client that the user has connected. */
export interface ConnectedApp {
  client: ClientView;
  scopes: Pick<ScopeView, 'scope' | 'text' | 'detail'>[];
  resources: ResourceView[];
  connected_at: string;
  last_used_at: string | null;
  expires_at: string | null;
}

export interface ConnectedApps {
  /** The last used first. */
  connected_apps: ConnectedApp[];
}

export interface Session {
  user: UserView;
  session_token?: string;
  session_jwt?: string;
  /** RFC 3339. */
  expires_at?: string | null;
}

/** Proof of who the user is: a session's token or JWT, or a token of the host app's own login. */
export type Proof = string | { trusted_token: string; profile_id: string };
