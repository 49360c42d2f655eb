-- The first schema. The rules of this dialect are in README.md beside this file.

CREATE TABLE projects (
    project_id        TEXT   NOT NULL PRIMARY KEY,
    name              TEXT   NOT NULL,
    issuer            TEXT   NOT NULL UNIQUE,
    settings          TEXT   NOT NULL,
    policy            TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    version           BIGINT NOT NULL,
    tokens_valid_from BIGINT NOT NULL
);

CREATE TABLE project_secrets (
    project_id  TEXT   NOT NULL,
    secret_id   TEXT   NOT NULL,
    secret_hash BYTES  NOT NULL,
    last_four   TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (project_id, secret_id)
);

-- By which a page in the browser says which project it belongs to; not secret.
CREATE TABLE public_tokens (
    project_id   TEXT   NOT NULL,
    public_token TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (project_id, public_token)
);
-- A token names one project.
CREATE UNIQUE INDEX public_tokens_by_token ON public_tokens (public_token);

-- One row for the whole deployment: what the master key must be, and what the caches compare.
CREATE TABLE deployment (
    name           TEXT   NOT NULL PRIMARY KEY,
    master_key_id  TEXT,
    check_value    BYTES,
    change_counter BIGINT NOT NULL
);
INSERT INTO deployment (name, change_counter) VALUES ('main', 1);

CREATE TABLE signing_keys (
    project_id   TEXT   NOT NULL,
    kid          TEXT   NOT NULL,
    purpose      TEXT   NOT NULL,
    alg          TEXT,
    public_jwk   TEXT,
    private_key  BYTES  NOT NULL,
    created_at   BIGINT NOT NULL,
    activates_at BIGINT NOT NULL,
    retires_at   BIGINT,
    expires_at   BIGINT,
    PRIMARY KEY (project_id, kid)
);

CREATE TABLE users (
    project_id        TEXT   NOT NULL,
    user_id           TEXT   NOT NULL,
    external_id       TEXT,
    profile           TEXT   NOT NULL,
    roles             TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    disabled_at       BIGINT,
    tokens_valid_from BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX users_by_age ON users (project_id, created_at, user_id);

-- Everything by which a user is found: e-mail addresses and user names in the folded form, phone numbers, the ids of
-- both, and the host app's id. A copy of what stands in the user's row, written with it.
CREATE TABLE user_names (
    project_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    PRIMARY KEY (project_id, kind, name)
);
CREATE INDEX user_names_by_user ON user_names (project_id, user_id);

CREATE TABLE passwords (
    project_id      TEXT   NOT NULL,
    user_id         TEXT   NOT NULL,
    hash            TEXT   NOT NULL,
    changed_at      BIGINT NOT NULL,
    failed_attempts BIGINT NOT NULL,
    locked_at       BIGINT,
    locked_until    BIGINT,
    -- The user must choose a new one before it counts again.
    must_reset_at   BIGINT,
    PRIMARY KEY (project_id, user_id)
);

-- Mails by which users set a new password. Sent where mail_due_at is NULL; used where there is no row any more. Without
-- a redirect_url the link leads to our own page, and interaction_id is the request that waits there; of those one a
-- user is good, and voided_at says since when an older one is not.
CREATE TABLE password_resets (
    project_id     TEXT   NOT NULL,
    reset_id       TEXT   NOT NULL,
    token_hash     BYTES  NOT NULL,
    token_salt     BYTES  NOT NULL,
    user_id        TEXT   NOT NULL,
    email_id       TEXT   NOT NULL,
    redirect_url   TEXT,
    interaction_id TEXT,
    code_challenge TEXT,
    attributes     TEXT   NOT NULL,
    locale         TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    mail_due_at    BIGINT,
    mail_attempts  BIGINT NOT NULL,
    voided_at      BIGINT,
    PRIMARY KEY (project_id, reset_id)
);
CREATE UNIQUE INDEX password_resets_by_token ON password_resets (project_id, token_hash);
CREATE INDEX password_resets_by_user ON password_resets (project_id, user_id);
CREATE INDEX password_resets_by_end ON password_resets (expires_at);
CREATE INDEX password_resets_due ON password_resets (project_id, mail_due_at) WHERE mail_due_at IS NOT NULL;

CREATE TABLE sessions (
    project_id       TEXT   NOT NULL,
    session_id       TEXT   NOT NULL,
    token_hash       BYTES  NOT NULL,
    user_id          TEXT   NOT NULL,
    authenticated_at BIGINT NOT NULL,
    amr              TEXT   NOT NULL,
    trusted_profile  TEXT,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    revoked_at       BIGINT,
    -- From here on: what only the host app sees.
    last_accessed_at BIGINT NOT NULL,
    attributes       TEXT   NOT NULL,
    factors          TEXT   NOT NULL,
    custom_claims    TEXT   NOT NULL,
    token_salt       BYTES  NOT NULL,
    PRIMARY KEY (project_id, session_id)
);
CREATE UNIQUE INDEX sessions_by_token ON sessions (project_id, token_hash);
CREATE INDEX sessions_by_user ON sessions (project_id, user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE clients (
    project_id        TEXT   NOT NULL,
    client_id         TEXT   NOT NULL,
    -- `app` or `machine`, as its settings say; for the lists.
    kind              TEXT   NOT NULL,
    settings          TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    version           BIGINT NOT NULL,
    disabled_at       BIGINT,
    tokens_valid_from BIGINT NOT NULL,
    -- When the client registered itself, if it did; for counting and removing those that nobody uses.
    registered_at     BIGINT,
    PRIMARY KEY (project_id, client_id)
);
CREATE INDEX clients_registered ON clients (project_id, registered_at, client_id) WHERE registered_at IS NOT NULL;
CREATE INDEX clients_by_age ON clients (project_id, created_at, client_id);
CREATE INDEX clients_by_kind ON clients (project_id, kind, created_at, client_id);

-- At most two a client: `current`, and `next` while rotating. Both are accepted.
CREATE TABLE client_secrets (
    project_id  TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    slot        TEXT   NOT NULL,
    -- Of a secret that was made here; of one that was made elsewhere, `wrapped_secret`.
    secret_hash BYTES,
    wrapped_secret TEXT,
    last_four   TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (project_id, client_id, slot)
);

CREATE TABLE grants (
    project_id        TEXT   NOT NULL,
    user_id           TEXT   NOT NULL,
    client_id         TEXT   NOT NULL,
    scope             TEXT   NOT NULL,
    resources         TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    last_used_at      BIGINT,
    expires_at        BIGINT,
    revoked_at        BIGINT,
    tokens_valid_from BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id, client_id)
);
-- With the user, so that PostgreSQL, as long as it has no statistics, finds one row by this index too.
CREATE INDEX grants_by_client ON grants (project_id, client_id, user_id);
CREATE INDEX grants_by_revocation ON grants (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX grants_by_end ON grants (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE interactions (
    project_id     TEXT   NOT NULL,
    interaction_id TEXT   NOT NULL,
    plane          TEXT   NOT NULL,
    way            TEXT   NOT NULL,
    request        TEXT   NOT NULL,
    progress       TEXT   NOT NULL,
    browser_hash   BYTES  NOT NULL,
    user_id        TEXT,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    decided_at     BIGINT,
    attempts       BIGINT NOT NULL,
    PRIMARY KEY (project_id, interaction_id)
);
CREATE INDEX interactions_by_end ON interactions (expires_at);
CREATE INDEX interactions_by_user ON interactions (project_id, user_id) WHERE user_id IS NOT NULL;

CREATE TABLE authorization_codes (
    project_id     TEXT   NOT NULL,
    code_hash      BYTES  NOT NULL,
    plane          TEXT   NOT NULL,
    client_id      TEXT   NOT NULL,
    user_id        TEXT   NOT NULL,
    -- The login that it came from; NULL when the host app vouched for the user without one.
    session_id     TEXT,
    family_id      TEXT   NOT NULL,
    redirect_uri   TEXT   NOT NULL,
    code_challenge TEXT,
    nonce          TEXT,
    scope          TEXT   NOT NULL,
    resources      TEXT   NOT NULL,
    context        TEXT   NOT NULL,
    issued_at      BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    redeemed_at    BIGINT,
    keep_until     BIGINT NOT NULL,
    attempts       BIGINT NOT NULL,
    PRIMARY KEY (project_id, code_hash)
);
CREATE INDEX authorization_codes_by_end ON authorization_codes (keep_until);

CREATE TABLE token_families (
    project_id      TEXT   NOT NULL,
    family_id       TEXT   NOT NULL,
    plane           TEXT   NOT NULL,
    client_id       TEXT   NOT NULL,
    user_id         TEXT   NOT NULL,
    session_id      TEXT,
    scope           TEXT   NOT NULL,
    resources       TEXT   NOT NULL,
    context         TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    revoked_at      BIGINT,
    expires_at      BIGINT NOT NULL,
    generation      BIGINT,
    secret_hash     BYTES,
    superseded      TEXT,
    idle_expires_at BIGINT,
    attempts        BIGINT NOT NULL,
    PRIMARY KEY (project_id, family_id)
);
CREATE INDEX token_families_by_user ON token_families (project_id, user_id, client_id);
CREATE INDEX token_families_by_session ON token_families (project_id, session_id);
CREATE INDEX token_families_by_end ON token_families (expires_at);

-- Access tokens revoked one by one, until they would have expired anyway.
CREATE TABLE revoked_tokens (
    project_id TEXT   NOT NULL,
    jti        TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, jti)
);
CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);

-- Single-use values seen: the `jti` of client assertions and the like.
CREATE TABLE replays (
    project_id TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    value_hash BYTES  NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, kind, value_hash)
);
CREATE INDEX replays_by_end ON replays (expires_at);

-- Other issuers whose JWTs log users in.
CREATE TABLE trusted_token_profiles (
    project_id TEXT   NOT NULL,
    profile_id TEXT   NOT NULL,
    settings   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, profile_id)
);

-- When a user was last logged in by a profile.
CREATE TABLE attests (
    project_id  TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    profile_id  TEXT   NOT NULL,
    attested_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id, profile_id)
);

-- What happened, by whom, to whom. Its detail holds no secret.
CREATE TABLE audit_events (
    project_id TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    -- `user`, `client`, `host`, `operator` or `server`.
    actor      TEXT   NOT NULL,
    user_id    TEXT,
    client_id  TEXT,
    detail     TEXT   NOT NULL,
    PRIMARY KEY (project_id, event_id)
);
CREATE INDEX audit_events_by_age ON audit_events (project_id, at, event_id);

-- Where the host app is told what happens, and which secrets sign it, encrypted under the master key.
CREATE TABLE webhooks (
    project_id      TEXT   NOT NULL,
    webhook_id      TEXT   NOT NULL,
    url             TEXT   NOT NULL,
    kinds           TEXT   NOT NULL,
    secret          BYTES  NOT NULL,
    -- The one before, which signs as well until then.
    previous_secret BYTES,
    previous_until  BIGINT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    PRIMARY KEY (project_id, webhook_id)
);

-- The kinds of each, for whoever writes an event; `*` is all. A copy of what stands in `webhooks`.
CREATE TABLE webhook_kinds (
    project_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    PRIMARY KEY (project_id, kind, webhook_id)
);

-- Events on their way to a webhook. A process that takes one moves `next_attempt_at` on, so that no other takes it
-- meanwhile; when nothing more is to be done it is NULL.
CREATE TABLE webhook_deliveries (
    project_id      TEXT   NOT NULL,
    webhook_id      TEXT   NOT NULL,
    event_id        TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    attempts        BIGINT NOT NULL,
    next_attempt_at BIGINT,
    delivered_at    BIGINT,
    given_up_at     BIGINT,
    -- What the last attempt met.
    last_status     BIGINT,
    last_error      TEXT,
    PRIMARY KEY (project_id, webhook_id, event_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (project_id, webhook_id, next_attempt_at, event_id)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (project_id, webhook_id, created_at, event_id);
CREATE INDEX webhook_deliveries_by_end ON webhook_deliveries (created_at);
