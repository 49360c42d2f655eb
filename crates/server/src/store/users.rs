//! Users, and the names by which they are found: a copy of what stands in their rows, kept in the same transaction, so
//! that a name is one user's only.

use super::{
    page::Position,
    sql::{Row, Tx, to_json},
};
use anyhow::{Result, ensure};
use hospes_protocol::{
    Timestamp,
    id::{ProjectId, SessionId, UserId},
    user::{Name, NameKind, User},
};
use std::collections::BTreeSet;

/// Why a user cannot be written as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Another user has this id.
    Id,
    /// Another user has this name.
    Name(Name),
}

impl Tx<'_> {
    pub fn find_user(&mut self, project: &ProjectId, id: &UserId) -> Result<Option<User>> {
        self.one(
            "SELECT user_id, external_id, profile, roles, created_at, updated_at, disabled_at, tokens_valid_from
             FROM users WHERE project_id = $1 AND user_id = $2",
            &[project.into(), id.into()],
            user,
        )
    }

    pub fn find_user_by_name(&mut self, project: &ProjectId, name: &Name) -> Result<Option<User>> {
        self.one(
            "SELECT u.user_id, external_id, profile, roles, created_at, updated_at, disabled_at, tokens_valid_from
             FROM user_names n JOIN users u ON u.project_id = n.project_id AND u.user_id = n.user_id
             WHERE n.project_id = $1 AND n.kind = $2 AND n.name = $3",
            &[project.into(), name.kind.as_str().into(), (&name.text).into()],
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

    /// Adds a user. When the id or a name is taken, nothing is added.
    pub fn add_user(&mut self, project: &ProjectId, user: &User) -> Result<Result<(), Taken>> {
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
            return Ok(Err(Taken::Id));
        }
        let outcome = self.add_names(project, &user.id, &user.names())?;
        if outcome.is_err() {
            self.run("DELETE FROM users WHERE project_id = $1 AND user_id = $2", &[project.into(), (&user.id).into()])?;
        }
        Ok(outcome)
    }

    /// Writes external id, profile and roles of a user who was read by [`Tx::take_user`] in this transaction. When a
    /// name is another's, nothing is written.
    pub fn update_user(&mut self, project: &ProjectId, user: &User, now: Timestamp) -> Result<Result<(), Taken>> {
        let wanted = user.names();
        let held = self.find_names(project, &user.id)?;
        let added: BTreeSet<_> = wanted.difference(&held).cloned().collect();
        if let Err(taken) = self.add_names(project, &user.id, &added)? {
            return Ok(Err(taken));
        }
        for name in held.difference(&wanted) {
            self.remove_name(project, &user.id, name)?;
        }
        let updated = self.run(
            "UPDATE users SET external_id = $3, profile = $4, roles = $5, updated_at = $6
             WHERE project_id = $1 AND user_id = $2",
            &[
                project.into(),
                (&user.id).into(),
                user.external_id.as_ref().into(),
                (&to_json(&user.profile)?).into(),
                (&to_json(&user.roles)?).into(),
                now.into(),
            ],
        )?;
        ensure!(updated == 1, "the user {} is gone; take it before it is changed", user.id);
        Ok(Ok(()))
    }

    /// Gives the user these names. In their order, so that two who want the same ones do not wait for each other.
    fn add_names(&mut self, project: &ProjectId, user: &UserId, names: &BTreeSet<Name>) -> Result<Result<(), Taken>> {
        for (n, name) in names.iter().enumerate() {
            let added = self.run(
                "INSERT INTO user_names (project_id, kind, name, user_id) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
                &[project.into(), name.kind.as_str().into(), (&name.text).into(), user.into()],
            )?;
            if added == 0 {
                for earlier in names.iter().take(n) {
                    self.remove_name(project, user, earlier)?;
                }
                return Ok(Err(Taken::Name(name.clone())));
            }
        }
        Ok(Ok(()))
    }

    fn remove_name(&mut self, project: &ProjectId, user: &UserId, name: &Name) -> Result<()> {
        self.run(
            "DELETE FROM user_names WHERE project_id = $1 AND kind = $2 AND name = $3 AND user_id = $4",
            &[project.into(), name.kind.as_str().into(), (&name.text).into(), user.into()],
        )?;
        Ok(())
    }

    fn find_names(&mut self, project: &ProjectId, user: &UserId) -> Result<BTreeSet<Name>> {
        let names = self.all(
            "SELECT kind, name FROM user_names WHERE project_id = $1 AND user_id = $2",
            &[project.into(), user.into()],
            |row| Ok(Name { kind: row.word("user_names", "kind", NameKind::parse)?, text: row.get("name")? }),
        )?;
        Ok(names.into_iter().collect())
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

    /// As [`Tx::sign_out_everywhere`], but for the session `kept`: for whoever is there and ends all else.
    pub fn sign_out_elsewhere(
        &mut self,
        project: &ProjectId,
        id: &UserId,
        kept: &SessionId,
        now: Timestamp,
    ) -> Result<()> {
        self.void_codes_of_user(project, id)?;
        self.revoke_families_of_user(project, id, now)?;
        self.run(
            "UPDATE sessions SET revoked_at = $4
             WHERE project_id = $1 AND user_id = $2 AND session_id <> $3 AND revoked_at IS NULL",
            &[project.into(), id.into(), kept.into(), now.into()],
        )?;
        self.remove_interactions_of_user(project, id)?;
        self.run(
            "UPDATE grants SET updated_at = updated_at WHERE project_id = $1 AND user_id = $2",
            &[project.into(), id.into()],
        )?;
        self.void_codes_of_user(project, id)?;
        self.revoke_families_of_user(project, id, now)?;
        Ok(())
    }

    /// Deletes a user with all that belongs to them. Whatever else still names them finds no user, and so is void. `false`
    /// when there is no such user any more.
    ///
    /// What is issued meanwhile holds a grant, as in [`Tx::sign_out_everywhere`]: that waits for it before anything goes.
    pub fn remove_user(&mut self, project: &ProjectId, id: &UserId, now: Timestamp) -> Result<bool> {
        self.sign_out_everywhere(project, id, now)?;
        let values = [project.into(), id.into()];
        self.run(
            "DELETE FROM authorization_codes WHERE (project_id, client_id, user_id) IN (
                 SELECT project_id, client_id, user_id FROM grants WHERE project_id = $1 AND user_id = $2)",
            &values,
        )?;
        self.run("DELETE FROM token_families WHERE project_id = $1 AND user_id = $2", &values)?;
        self.run("DELETE FROM grants WHERE project_id = $1 AND user_id = $2", &values)?;
        self.run("DELETE FROM sessions WHERE project_id = $1 AND user_id = $2", &values)?;
        self.run("DELETE FROM attests WHERE project_id = $1 AND user_id = $2", &values)?;
        self.run("DELETE FROM passwords WHERE project_id = $1 AND user_id = $2", &values)?;
        self.remove_password_resets_of_user(project, id)?;
        self.run("DELETE FROM user_names WHERE project_id = $1 AND user_id = $2", &values)?;
        Ok(self.run("DELETE FROM users WHERE project_id = $1 AND user_id = $2", &values)? == 1)
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
