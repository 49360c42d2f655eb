//! Users, and what they may type to log in.

use super::{
    page::Position,
    sql::{Row, Tx, to_json},
};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    id::{ProjectId, UserId},
    user::User,
};

impl Tx<'_> {
    pub fn find_user(&mut self, project: &ProjectId, id: &UserId) -> Result<Option<User>> {
        self.one(
            "SELECT user_id, external_id, profile, roles, created_at, updated_at, disabled_at, tokens_valid_from
             FROM users WHERE project_id = $1 AND user_id = $2",
            &[project.into(), id.into()],
            user,
        )
    }

    /// `login` in its folded form, as it was given to [`Tx::add_user`].
    pub fn find_user_by_login(&mut self, project: &ProjectId, login: &str) -> Result<Option<User>> {
        self.one(
            "SELECT u.user_id, external_id, profile, roles, created_at, updated_at, disabled_at, tokens_valid_from
             FROM user_logins l JOIN users u ON u.project_id = l.project_id AND u.user_id = l.user_id
             WHERE l.project_id = $1 AND l.login = $2",
            &[project.into(), login.into()],
            user,
        )
    }

    pub fn find_user_by_external_id(&mut self, project: &ProjectId, external_id: &str) -> Result<Option<User>> {
        self.one(
            "SELECT user_id, external_id, profile, roles, created_at, updated_at, disabled_at, tokens_valid_from
             FROM users WHERE project_id = $1 AND external_id = $2",
            &[project.into(), external_id.into()],
            user,
        )
    }

    /// A page of users, oldest first.
    pub fn list_users(&mut self, project: &ProjectId, after: &Position, limit: u32) -> Result<Vec<User>> {
        self.all(
            "SELECT user_id, external_id, profile, roles, created_at, updated_at, disabled_at, tokens_valid_from
             FROM users WHERE project_id = $1 AND (created_at, user_id) > ($2, $3)
             ORDER BY created_at, user_id LIMIT $4",
            &[project.into(), after.created_at.into(), (&after.id).into(), limit.into()],
            user,
        )
    }

    pub fn count_users(&mut self, project: &ProjectId) -> Result<i64> {
        let count =
            self.one("SELECT COUNT(user_id) AS total FROM users WHERE project_id = $1", &[project.into()], |row| {
                row.get("total")
            })?;
        Ok(count.unwrap_or_default())
    }

    /// Adds a user with logins in their folded form. `false` when id, external id or a login is taken; then nothing
    /// was added.
    pub fn add_user(&mut self, project: &ProjectId, user: &User, logins: &[String]) -> Result<bool> {
        for (n, login) in logins.iter().enumerate() {
            if !self.add_login(project, login, &user.id)? {
                for added in logins.iter().take(n) {
                    self.remove_login(project, added, &user.id)?;
                }
                return Ok(false);
            }
        }
        let added = self.run(
            "INSERT INTO users (project_id, user_id, external_id, profile, roles, created_at, updated_at, disabled_at,
                 tokens_valid_from)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT DO NOTHING",
            &[
                project.into(),
                (&user.id).into(),
                user.external_id.as_ref().into(),
                (&to_json(&user.profile)?).into(),
                (&to_json(&user.roles)?).into(),
                user.created_at.into(),
                user.updated_at.into(),
                user.disabled_at.into(),
                user.tokens_valid_from.into(),
            ],
        )?;
        if added == 0 {
            for login in logins {
                self.remove_login(project, login, &user.id)?;
            }
        }
        Ok(added == 1)
    }

    /// Writes external id, profile and roles. `false` when the user is gone or the external id is another's.
    pub fn update_user(&mut self, project: &ProjectId, user: &User, now: Timestamp) -> Result<bool> {
        let updated = self.run(
            "UPDATE users SET external_id = $3, profile = $4, roles = $5, updated_at = $6
             WHERE project_id = $1 AND user_id = $2 AND NOT EXISTS (
                 SELECT user_id FROM users other
                 WHERE other.project_id = $1 AND other.external_id = $3 AND other.user_id <> $2)",
            &[
                project.into(),
                (&user.id).into(),
                user.external_id.as_ref().into(),
                (&to_json(&user.profile)?).into(),
                (&to_json(&user.roles)?).into(),
                now.into(),
            ],
        )?;
        Ok(updated == 1)
    }

    /// Ends the user's access everywhere and lets nobody in until [`Tx::enable_user`]. `false` when there is no such
    /// user.
    pub fn disable_user(&mut self, project: &ProjectId, id: &UserId, now: Timestamp) -> Result<bool> {
        let disabled = self.run(
            "UPDATE users SET disabled_at = COALESCE(disabled_at, $3) WHERE project_id = $1 AND user_id = $2",
            &[project.into(), id.into(), now.into()],
        )?;
        self.sign_out_everywhere(project, id, now)?;
        Ok(disabled == 1)
    }

    /// Reads a user and locks the row until the transaction ends, so that a sign-out everywhere comes before or after.
    pub fn take_user(&mut self, project: &ProjectId, id: &UserId) -> Result<Option<User>> {
        self.one(
            "UPDATE users SET updated_at = updated_at WHERE project_id = $1 AND user_id = $2
             RETURNING user_id, external_id, profile, roles, created_at, updated_at, disabled_at, tokens_valid_from",
            &[project.into(), id.into()],
            user,
        )
    }

    /// Lets a user in again; what ended by disabling stays ended. `false` when there is no such user.
    pub fn enable_user(&mut self, project: &ProjectId, id: &UserId, now: Timestamp) -> Result<bool> {
        let enabled = self.run(
            "UPDATE users SET disabled_at = NULL, updated_at = $3 WHERE project_id = $1 AND user_id = $2",
            &[project.into(), id.into(), now.into()],
        )?;
        Ok(enabled == 1)
    }

    /// Ends the user's sessions, token families, pending interactions and codes, and voids every older artifact. Grants
    /// stay.
    ///
    /// On PostgreSQL a transaction that issues something meanwhile holds the user's grant
    /// ([`Tx::take_grant`]): we wait for it and look for codes and families once more, so that none slips through.
    pub fn sign_out_everywhere(&mut self, project: &ProjectId, id: &UserId, now: Timestamp) -> Result<()> {
        self.void_codes_of_user(project, id)?;
        self.revoke_families_of_user(project, id, now)?;
        self.run(
            "UPDATE users SET tokens_valid_from = $3 WHERE project_id = $1 AND user_id = $2 AND tokens_valid_from < $3",
            &[project.into(), id.into(), now.into()],
        )?;
        self.revoke_sessions_of_user(project, id, now)?;
        self.remove_interactions_of_user(project, id)?;
        self.run(
            "UPDATE grants SET updated_at = updated_at WHERE project_id = $1 AND user_id = $2",
            &[project.into(), id.into()],
        )?;
        self.void_codes_of_user(project, id)?;
        self.revoke_families_of_user(project, id, now)?;
        Ok(())
    }

    /// Gives a user one more login; `false` when it is taken, also by the same user.
    pub fn add_login(&mut self, project: &ProjectId, login: &str, user: &UserId) -> Result<bool> {
        let added = self.run(
            "INSERT INTO user_logins (project_id, login, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[project.into(), login.into(), user.into()],
        )?;
        Ok(added == 1)
    }

    /// Takes a login away; `false` when the user did not have it.
    pub fn remove_login(&mut self, project: &ProjectId, login: &str, user: &UserId) -> Result<bool> {
        let removed = self.run(
            "DELETE FROM user_logins WHERE project_id = $1 AND login = $2 AND user_id = $3",
            &[project.into(), login.into(), user.into()],
        )?;
        Ok(removed == 1)
    }

    pub fn find_logins(&mut self, project: &ProjectId, user: &UserId) -> Result<Vec<String>> {
        self.all(
            "SELECT login FROM user_logins WHERE project_id = $1 AND user_id = $2 ORDER BY login",
            &[project.into(), user.into()],
            |row| row.get("login"),
        )
    }
}

pub(super) fn user(row: &Row<'_>) -> Result<User> {
    Ok(User {
        id: row.get("user_id")?,
        external_id: row.get("external_id")?,
        profile: row.json("users", "profile")?,
        roles: row.json("users", "roles")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        disabled_at: row.get("disabled_at")?,
        tokens_valid_from: row.get("tokens_valid_from")?,
    })
}
