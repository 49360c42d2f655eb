//! Mails that let their reader set a new password: until it is used each is a row, and until it is sent the row says
//! when to try. A row that was voided stays until it would have expired, so that the mails of a user can be counted.
//!
//! The token is not stored, only its hash; it is made again from the salt when the mail is sent.

use super::sql::{Row, Tx, to_json};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    id::{InteractionId, ProjectId, UserId},
    password_reset::{Destination, PasswordReset},
    pkce::CodeChallenge,
};

/// A mail that is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct DueMail {
    pub reset: PasswordReset,
    pub token_salt: Vec<u8>,
    /// With this one.
    pub attempts: i64,
}

impl Tx<'_> {
    pub fn add_password_reset(
        &mut self,
        project: &ProjectId,
        reset: &PasswordReset,
        token_hash: &[u8; 32],
        token_salt: &[u8; 16],
    ) -> Result<()> {
        let (redirect_url, interaction) = match &reset.destination {
            Destination::HostApp(url) => (Some(url), None),
            Destination::OwnPage(interaction) => (None, interaction.as_ref()),
        };
        self.run(
            "INSERT INTO password_resets (project_id, reset_id, token_hash, token_salt, user_id, email_id, redirect_url,
                 code_challenge, attributes, locale, created_at, expires_at, mail_due_at, mail_attempts, interaction_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $11, 0, $13)",
            &[
                project.into(),
                (&reset.id).into(),
                token_hash.into(),
                token_salt.into(),
                (&reset.user_id).into(),
                (&reset.email_id).into(),
                redirect_url.into(),
                reset.code_challenge.as_ref().map(CodeChallenge::as_str).into(),
                (&to_json(&reset.attributes)?).into(),
                (&to_json(&reset.locale)?).into(),
                reset.created_at.into(),
                reset.expires_at.into(),
                interaction.into(),
            ],
        )?;
        Ok(())
    }

    pub fn find_password_reset(&mut self, project: &ProjectId, token_hash: &[u8; 32]) -> Result<Option<PasswordReset>> {
        self.one(
            "SELECT reset_id, user_id, email_id, redirect_url, interaction_id, code_challenge, attributes, locale,
                 created_at, expires_at
             FROM password_resets WHERE project_id = $1 AND token_hash = $2 AND voided_at IS NULL",
            &[project.into(), token_hash.into()],
            reset,
        )
    }

    /// Takes a token away; of many who try at once one is told `true`.
    pub fn redeem_password_reset(&mut self, project: &ProjectId, token_hash: &[u8; 32]) -> Result<bool> {
        let removed = self.run(
            "DELETE FROM password_resets WHERE project_id = $1 AND token_hash = $2 AND voided_at IS NULL",
            &[project.into(), token_hash.into()],
        )?;
        Ok(removed == 1)
    }

    /// Voids the links to our own page that the user was sent, also those that are still to be sent.
    pub fn void_password_resets_on_own_page(
        &mut self,
        project: &ProjectId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<()> {
        self.run(
            "UPDATE password_resets SET voided_at = $3, mail_due_at = NULL
             WHERE project_id = $1 AND user_id = $2 AND redirect_url IS NULL AND voided_at IS NULL",
            &[project.into(), user.into(), now.into()],
        )?;
        Ok(())
    }

    pub fn remove_password_resets_of_user(&mut self, project: &ProjectId, user: &UserId) -> Result<()> {
        self.run("DELETE FROM password_resets WHERE project_id = $1 AND user_id = $2", &[project.into(), user.into()])?;
        Ok(())
    }

    /// How many mails the user was sent whose time is not over.
    pub fn count_password_resets(&mut self, project: &ProjectId, user: &UserId, now: Timestamp) -> Result<i64> {
        let count = self.one(
            "SELECT COUNT(reset_id) AS total FROM password_resets
             WHERE project_id = $1 AND user_id = $2 AND expires_at > $3",
            &[project.into(), user.into(), now.into()],
            |row| row.get("total"),
        )?;
        Ok(count.unwrap_or_default())
    }

    /// The projects that have mails to send now.
    pub fn list_projects_with_due_mails(&mut self, now: Timestamp) -> Result<Vec<ProjectId>> {
        self.all(
            "SELECT project_id FROM projects
             WHERE EXISTS (
                 SELECT r.reset_id FROM password_resets r
                 WHERE r.project_id = projects.project_id AND r.mail_due_at <= $1)",
            &[now.into()],
            |row| row.get("project_id"),
        )
    }

    /// The ids of mails to send now, those that waited longest first.
    pub fn list_due_mails(&mut self, project: &ProjectId, now: Timestamp, limit: u32) -> Result<Vec<String>> {
        self.all(
            "SELECT reset_id FROM password_resets WHERE project_id = $1 AND mail_due_at <= $2
             ORDER BY mail_due_at LIMIT $3",
            &[project.into(), now.into(), limit.into()],
            |row| row.get("reset_id"),
        )
    }

    /// Takes a mail that is due, so that no other process sends it before `again_at`.
    pub fn take_due_mail(
        &mut self,
        project: &ProjectId,
        id: &str,
        now: Timestamp,
        again_at: Timestamp,
    ) -> Result<Option<DueMail>> {
        self.one(
            "UPDATE password_resets SET mail_due_at = $4, mail_attempts = mail_attempts + 1
             WHERE project_id = $1 AND reset_id = $2 AND mail_due_at <= $3
             RETURNING reset_id, user_id, email_id, redirect_url, interaction_id, code_challenge, attributes, locale,
                 created_at, expires_at, token_salt, mail_attempts",
            &[project.into(), id.into(), now.into(), again_at.into()],
            |row| {
                Ok(DueMail {
                    reset: reset(row)?,
                    token_salt: row.get("token_salt")?,
                    attempts: row.get("mail_attempts")?,
                })
            },
        )
    }

    /// When the mail is to be tried again; `None` when it has been sent, or never will be.
    pub fn set_mail_due(&mut self, project: &ProjectId, id: &str, at: Option<Timestamp>) -> Result<()> {
        self.run(
            "UPDATE password_resets SET mail_due_at = $3
             WHERE project_id = $1 AND reset_id = $2 AND voided_at IS NULL",
            &[project.into(), id.into(), at.into()],
        )?;
        Ok(())
    }
}

fn reset(row: &Row<'_>) -> Result<PasswordReset> {
    let challenge: Option<String> = row.get("code_challenge")?;
    let redirect_url: Option<String> = row.get("redirect_url")?;
    let interaction: Option<InteractionId> = row.get("interaction_id")?;
    Ok(PasswordReset {
        id: row.get("reset_id")?,
        user_id: row.get("user_id")?,
        email_id: row.get("email_id")?,
        destination: redirect_url.map_or(Destination::OwnPage(interaction), Destination::HostApp),
        code_challenge: challenge
            .map(|text| CodeChallenge::parse(&text))
            .transpose()
            .map_err(|refusal| anyhow::anyhow!("password_resets.code_challenge: {refusal}"))?,
        attributes: row.json("password_resets", "attributes")?,
        locale: row.json("password_resets", "locale")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}
