//! What a token stands on, read in one statement: these are the hottest reads of the server.

use super::{
    families::family,
    grants::grant,
    sql::{Row, Tx},
    users::user,
};
use anyhow::{Context as _, Result};
use hospes_protocol::{
    Timestamp,
    family::Family,
    grant::Grant,
    id::{ClientId, FamilyId, ProjectId, UserId},
    user::User,
};

/// The rows behind an access token, as they are now. Its client is in the cache of clients.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenStanding {
    pub family: Option<Family>,
    pub user: Option<User>,
    pub grant: Option<Grant>,
    /// Whether the token's `jti` is on the list of revoked tokens.
    pub is_listed: bool,
}

impl Tx<'_> {
    /// The family that a token names, with its user and grant, and whether the token itself was revoked. Also reads
    /// the change counter, so that [`Tx::change_counter`] costs nothing afterwards.
    pub fn find_token_standing(
        &mut self,
        project: &ProjectId,
        family_id: &FamilyId,
        jti: &str,
    ) -> Result<TokenStanding> {
        let (counter, standing) = self
            .one(
                "SELECT d.change_counter, r.expires_at AS listed_until,
                     f.family_id AS f_family_id, f.plane AS f_plane, f.client_id AS f_client_id,
                     f.user_id AS f_user_id, f.session_id AS f_session_id, f.scope AS f_scope,
                     f.resources AS f_resources, f.context AS f_context, f.created_at AS f_created_at,
                     f.revoked_at AS f_revoked_at, f.expires_at AS f_expires_at, f.generation AS f_generation,
                     f.secret_hash AS f_secret_hash, f.superseded AS f_superseded,
                     f.idle_expires_at AS f_idle_expires_at,
                     u.user_id AS u_user_id, u.external_id AS u_external_id, u.profile AS u_profile,
                     u.roles AS u_roles, u.created_at AS u_created_at, u.updated_at AS u_updated_at,
                     u.disabled_at AS u_disabled_at, u.tokens_valid_from AS u_tokens_valid_from,
                     g.user_id AS g_user_id, g.client_id AS g_client_id, g.scope AS g_scope,
                     g.resources AS g_resources, g.created_at AS g_created_at, g.updated_at AS g_updated_at,
                     g.last_used_at AS g_last_used_at, g.expires_at AS g_expires_at, g.revoked_at AS g_revoked_at,
                     g.tokens_valid_from AS g_tokens_valid_from
                 FROM deployment d
                 LEFT JOIN revoked_tokens r ON r.project_id = $1 AND r.jti = $3
                 LEFT JOIN token_families f ON f.project_id = $1 AND f.family_id = $2
                 LEFT JOIN users u ON u.project_id = $1 AND u.user_id = f.user_id
                 LEFT JOIN grants g ON g.project_id = $1 AND g.user_id = f.user_id AND g.client_id = f.client_id
                 WHERE d.name = 'main'",
                &[project.into(), family_id.into(), jti.into()],
                token_standing,
            )?
            .context("the deployment's row is missing")?;
        self.change_counter = Some(counter);
        Ok(standing)
    }

    /// A user and what they permit a client.
    pub fn find_user_and_grant(
        &mut self,
        project: &ProjectId,
        user_id: &UserId,
        client_id: &ClientId,
    ) -> Result<(Option<User>, Option<Grant>)> {
        let found = self.one(
            "SELECT u.user_id AS u_user_id, u.external_id AS u_external_id, u.profile AS u_profile, u.roles AS u_roles,
                 u.created_at AS u_created_at, u.updated_at AS u_updated_at, u.disabled_at AS u_disabled_at,
                 u.tokens_valid_from AS u_tokens_valid_from,
                 g.user_id AS g_user_id, g.client_id AS g_client_id, g.scope AS g_scope, g.resources AS g_resources,
                 g.created_at AS g_created_at, g.updated_at AS g_updated_at, g.last_used_at AS g_last_used_at,
                 g.expires_at AS g_expires_at, g.revoked_at AS g_revoked_at,
                 g.tokens_valid_from AS g_tokens_valid_from
             FROM users u
             LEFT JOIN grants g ON g.project_id = u.project_id AND g.user_id = u.user_id AND g.client_id = $3
             WHERE u.project_id = $1 AND u.user_id = $2",
            &[project.into(), user_id.into(), client_id.into()],
            |row| Ok((row.joined("u_", "user_id", user)?, row.joined("g_", "user_id", grant)?)),
        )?;
        Ok(found.unwrap_or_default())
    }
}

fn token_standing(row: &Row<'_>) -> Result<(i64, TokenStanding)> {
    let counter = row.get("change_counter")?;
    let is_listed = row.get::<Option<Timestamp>>("listed_until")?.is_some();
    let standing = TokenStanding {
        family: row.joined("f_", "family_id", family)?,
        user: row.joined("u_", "user_id", user)?,
        grant: row.joined("g_", "user_id", grant)?,
        is_listed,
    };
    Ok((counter, standing))
}
