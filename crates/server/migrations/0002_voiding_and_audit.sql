-- What a disconnect, a disabled client and a sign-out void at once: interactions that wait, and codes not yet redeemed.
-- Rows of the release before have no client; they end within the hour.
ALTER TABLE interactions ADD COLUMN client_id TEXT;
CREATE INDEX interactions_by_client ON interactions (project_id, client_id, user_id) WHERE client_id IS NOT NULL;
CREATE INDEX authorization_codes_unredeemed ON authorization_codes (project_id, client_id, user_id)
    WHERE redeemed_at IS NULL;

-- The ways in which people look for events.
CREATE INDEX audit_events_by_kind ON audit_events (project_id, kind, at, event_id);
CREATE INDEX audit_events_by_user ON audit_events (project_id, user_id, at, event_id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_events_by_client ON audit_events (project_id, client_id, at, event_id) WHERE client_id IS NOT NULL;
