//! Token families: one row for each, updated in place.
//!
//! A revoked family is dead at once and its row goes a day later: to whom it is missing, it is as good as revoked.

use super::sql::{Row, Tx, Value, to_json};
use anyhow::{Context as _, Result};
use hospes_protocol::{
    Timestamp,
    family::{Family, RefreshState},
    id::{ClientId, FamilyId, ProjectId, SessionId, UserId},
    plane::Plane,
    refresh_token::{encode_superseded, parse_superseded},
};

/// How long the row of a revoked family stays, for whoever looks into what happened.
const KEPT_AFTER_REVOCATION: i64 = 24 * 60 * 60;

impl Tx<'_> {
    pub fn find_family(&mut self, project: &ProjectId, id: &FamilyId) -> Result<Option<Family>> {
        self.one(
            "SELECT family_id, plane, client_id, user_id, session_id, scope, resources, context, created_at, revoked_at,
                 expires_at, generation, secret_hash, superseded, idle_expires_at
             FROM token_families WHERE project_id = $1 AND family_id = $2",
            &[project.into(), id.into()],
            family,
        )
    }

    /// Reads a family and locks its row until the transaction ends.
    pub fn take_family(&mut self, project: &ProjectId, id: &FamilyId) -> Result<Option<Family>> {
        self.one(
            "UPDATE token_families SET attempts = attempts + 1 WHERE project_id = $1 AND family_id = $2
             RETURNING family_id, plane, client_id, user_id, session_id, scope, resources, context, created_at,
                 revoked_at, expires_at, generation, secret_hash, superseded, idle_expires_at",
            &[project.into(), id.into()],
            family,
        )
    }

    pub fn add_family(&mut self, project: &ProjectId, family: &Family) -> Result<()> {
        let refresh = family.refresh.as_ref();
        self.run(
            "INSERT INTO token_families (project_id, family_id, plane, client_id, user_id, session_id, scope, resources,
                 context, created_at, revoked_at, expires_at, generation, secret_hash, superseded, idle_expires_at,
                 attempts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0)",
            &[
                project.into(),
                (&family.id).into(),
                family.plane.as_str().into(),
                (&family.client_id).into(),
                (&family.user_id).into(),
                family.session_id.as_ref().into(),
                (&family.scope.to_string()).into(),
                (&to_json(&family.resources)?).into(),
                (&to_json(&family.context)?).into(),
                family.created_at.into(),
                family.revoked_at.into(),
                family.expires_at.into(),
                refresh.map(|state| state.generation).into(),
                refresh.map(|state| &state.secret_hash).into(),
                refresh.map(|state| encode_superseded(&state.superseded)).as_ref().into(),
                refresh.map(|state| state.idle_expires_at).into(),
            ],
        )?;
        Ok(())
    }

    /// Stores where the refresh token stands now; to be called after [`Tx::take_family`] in the same transaction.
    pub fn save_refresh_state(&mut self, project: &ProjectId, id: &FamilyId, state: &RefreshState) -> Result<()> {
        self.run(
            "UPDATE token_families SET generation = $3, secret_hash = $4, superseded = $5, idle_expires_at = $6
             WHERE project_id = $1 AND family_id = $2",
            &[
                project.into(),
                id.into(),
                state.generation.into(),
                (&state.secret_hash).into(),
                (&encode_superseded(&state.superseded)).into(),
                state.idle_expires_at.into(),
            ],
        )?;
        Ok(())
    }

    /// Ends one family; `false` when it is not there or has ended before.
    pub fn revoke_family(&mut self, project: &ProjectId, id: &FamilyId, now: Timestamp) -> Result<bool> {
        let revoked = self.run(
            "UPDATE token_families
             SET revoked_at = $3, expires_at = CASE WHEN expires_at > $4 THEN $4 ELSE expires_at END
             WHERE project_id = $1 AND family_id = $2 AND revoked_at IS NULL",
            &[project.into(), id.into(), now.into(), gone_at(now)],
        )?;
        Ok(revoked == 1)
    }

    /// Ends the families of one grant and returns how many were alive.
    pub fn revoke_families_of_grant(
        &mut self,
        project: &ProjectId,
        user: &UserId,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<u64> {
        self.run(
            "UPDATE token_families
             SET revoked_at = $4, expires_at = CASE WHEN expires_at > $5 THEN $5 ELSE expires_at END
             WHERE project_id = $1 AND user_id = $2 AND client_id = $3 AND revoked_at IS NULL",
            &[project.into(), user.into(), client.into(), now.into(), gone_at(now)],
        )
    }

    /// Ends all families of a user and returns how many were alive. [`Tx::sign_out_everywhere`] does more.
    pub fn revoke_families_of_user(&mut self, project: &ProjectId, user: &UserId, now: Timestamp) -> Result<u64> {
        self.run(
            "UPDATE token_families
             SET revoked_at = $3, expires_at = CASE WHEN expires_at > $4 THEN $4 ELSE expires_at END
             WHERE project_id = $1 AND user_id = $2 AND revoked_at IS NULL",
            &[project.into(), user.into(), now.into(), gone_at(now)],
        )
    }

    /// Ends the families that came from one login and have no refresh token (OIDC Core §11: only offline access
    /// outlives the login), and returns how many were alive.
    pub fn revoke_online_families_of_session(
        &mut self,
        project: &ProjectId,
        session: &SessionId,
        now: Timestamp,
    ) -> Result<u64> {
        self.run(
            "UPDATE token_families
             SET revoked_at = $3, expires_at = CASE WHEN expires_at > $4 THEN $4 ELSE expires_at END
             WHERE project_id = $1 AND session_id = $2 AND generation IS NULL AND revoked_at IS NULL",
            &[project.into(), session.into(), now.into(), gone_at(now)],
        )
    }
}

fn gone_at(now: Timestamp) -> Value<'static> {
    now.0.saturating_add(KEPT_AFTER_REVOCATION).into()
}

pub(super) fn family(row: &Row<'_>) -> Result<Family> {
    Ok(Family {
        id: row.get("family_id")?,
        plane: row.word("token_families", "plane", Plane::parse)?,
        client_id: row.get("client_id")?,
        user_id: row.get("user_id")?,
        session_id: row.get("session_id")?,
        scope: row.get("scope")?,
        resources: row.json("token_families", "resources")?,
        context: row.json("token_families", "context")?,
        created_at: row.get("created_at")?,
        revoked_at: row.get("revoked_at")?,
        expires_at: row.get("expires_at")?,
        refresh: refresh(row)?,
    })
}

fn refresh(row: &Row<'_>) -> Result<Option<RefreshState>> {
    let Some(generation) = row.get("generation")? else { return Ok(None) };
    let secret_hash = row.get("secret_hash")?;
    let superseded = row.word("token_families", "superseded", parse_superseded)?;
    let idle_expires_at = row.get::<Option<Timestamp>>("idle_expires_at")?.context("token_families.idle_expires_at")?;
    Ok(Some(RefreshState { generation, secret_hash, superseded, idle_expires_at }))
}
