//! Passwords: argon2id hashes, with failures counted in the database so that every process sees them.

use super::{
    page::Position,
    sql::{Row, Tx},
};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    id::{ProjectId, UserId},
};
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// In the PHC string format.
    pub hash: String,
    pub changed_at: Timestamp,
    /// Since the last success.
    pub failed_attempts: i64,
    pub locked_at: Option<Timestamp>,
    pub locked_until: Option<Timestamp>,
    /// The user must choose a new one before it counts again.
    pub must_reset_at: Option<Timestamp>,
}

impl Password {
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// Whether the right password lets the user in.
    pub fn counts(&self, now: Timestamp) -> bool {
        !self.is_locked(now) && self.must_reset_at.is_none()
    }
}

impl Tx<'_> {
    pub fn find_password(&mut self, project: &ProjectId, user: &UserId) -> Result<Option<Password>> {
        self.one(
            "SELECT hash, changed_at, failed_attempts, locked_at, locked_until, must_reset_at FROM passwords
             WHERE project_id = $1 AND user_id = $2",
            &[project.into(), user.into()],
            password,
        )
    }

    /// Sets or replaces the password, and forgets earlier failures.
    pub fn set_password(&mut self, project: &ProjectId, user: &UserId, hash: &str, now: Timestamp) -> Result<()> {
        self.run(
            "INSERT INTO passwords (project_id, user_id, hash, changed_at, failed_attempts)
             VALUES ($1, $2, $3, $4, 0)
             ON CONFLICT (project_id, user_id) DO UPDATE
             SET hash = excluded.hash, changed_at = excluded.changed_at, failed_attempts = 0, locked_at = NULL,
                 locked_until = NULL, must_reset_at = NULL",
            &[project.into(), user.into(), hash.into(), now.into()],
        )?;
        Ok(())
    }

    /// Puts a better hash of the same password in the place of `old`. Failures, locks and [`Password::must_reset_at`] stay
    /// as they are. `false`, and nothing is written, when the password is another meanwhile.
    pub fn renew_password_hash(&mut self, project: &ProjectId, user: &UserId, old: &str, new: &str) -> Result<bool> {
        let renewed = self.run(
            "UPDATE passwords SET hash = $4 WHERE project_id = $1 AND user_id = $2 AND hash = $3",
            &[project.into(), user.into(), old.into(), new.into()],
        )?;
        Ok(renewed == 1)
    }

    /// The password counts no more until a new one is set.
    pub fn require_password_reset(&mut self, project: &ProjectId, user: &UserId, now: Timestamp) -> Result<()> {
        self.run(
            "UPDATE passwords SET must_reset_at = $3 WHERE project_id = $1 AND user_id = $2",
            &[project.into(), user.into(), now.into()],
        )?;
        Ok(())
    }

    /// Who of a page of users ([`Tx::list_users`]) has a password.
    pub fn list_users_with_password(
        &mut self,
        project: &ProjectId,
        after: &Position,
        limit: u32,
    ) -> Result<BTreeSet<UserId>> {
        let users = self.all(
            "SELECT user_id FROM passwords WHERE project_id = $1 AND user_id IN (
                 SELECT user_id FROM users WHERE project_id = $1 AND (created_at, user_id) > ($2, $3)
                 ORDER BY created_at, user_id LIMIT $4)",
            &[project.into(), after.created_at.into(), (&after.id).into(), limit.into()],
            |row| row.get("user_id"),
        )?;
        Ok(users.into_iter().collect())
    }

    /// The user cannot log in with a password any more; `false` when they could not before.
    pub fn remove_password(&mut self, project: &ProjectId, user: &UserId) -> Result<bool> {
        let removed =
            self.run("DELETE FROM passwords WHERE project_id = $1 AND user_id = $2", &[project.into(), user.into()])?;
        Ok(removed == 1)
    }

    /// Counts an attempt before the password is looked at, and locks the row until the transaction ends. Returns the
    /// password with this attempt already counted.
    pub fn take_password_attempt(&mut self, project: &ProjectId, user: &UserId) -> Result<Option<Password>> {
        self.one(
            "UPDATE passwords SET failed_attempts = failed_attempts + 1 WHERE project_id = $1 AND user_id = $2
             RETURNING hash, changed_at, failed_attempts, locked_at, locked_until, must_reset_at",
            &[project.into(), user.into()],
            password,
        )
    }

    /// Counts a failure and returns how many there are since the last success.
    pub fn count_password_failure(&mut self, project: &ProjectId, user: &UserId) -> Result<i64> {
        Ok(self.take_password_attempt(project, user)?.map_or(0, |password| password.failed_attempts))
    }

    pub fn lock_password(
        &mut self,
        project: &ProjectId,
        user: &UserId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.run(
            "UPDATE passwords SET locked_at = $4, locked_until = $3 WHERE project_id = $1 AND user_id = $2",
            &[project.into(), user.into(), until.into(), now.into()],
        )?;
        Ok(())
    }

    /// Forgets failures after a success. Writes nothing when there is nothing to forget.
    pub fn reset_password_failures(&mut self, project: &ProjectId, user: &UserId) -> Result<()> {
        self.run(
            "UPDATE passwords SET failed_attempts = 0, locked_at = NULL, locked_until = NULL
             WHERE project_id = $1 AND user_id = $2 AND (failed_attempts > 0 OR locked_until IS NOT NULL)",
            &[project.into(), user.into()],
        )?;
        Ok(())
    }
}

fn password(row: &Row<'_>) -> Result<Password> {
    Ok(Password {
        hash: row.get("hash")?,
        changed_at: row.get("changed_at")?,
        failed_attempts: row.get("failed_attempts")?,
        locked_at: row.get("locked_at")?,
        locked_until: row.get("locked_until")?,
        must_reset_at: row.get("must_reset_at")?,
    })
}
