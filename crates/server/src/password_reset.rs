//! A new password for whoever reads a mail: the token, and what ends when the password is set. The same whether the host
//! app's back end asks or our own page does.

use crate::{app::App, failure::Failure, jobs, password_login, store::Tx};
use hospes_protocol::{
    Timestamp,
    audit_event::{EventKind, Occasion},
    id::{InteractionId, ProjectId},
    interaction::Progress,
    password_reset::{PasswordReset, UNABLE},
    session::FactorMethod,
    user::User,
};

/// The random parts of a mail. The token itself is not kept: it is made again when the mail is sent.
#[derive(Clone)]
pub(crate) struct NewToken {
    pub(crate) id: String,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl NewToken {
    pub(crate) fn draw(app: &App) -> Self {
        let id = format!("password-reset-{}-{}", app.environment, app.entropy.uuid());
        let salt = app.entropy.bytes::<16>();
        let hash = jobs::reset_token(app, &id, &salt).hash();
        Self { id, salt, hash }
    }

    /// Stores the mail; the job sends it once it is woken.
    pub(crate) fn add(&self, tx: &mut Tx<'_>, project: &ProjectId, reset: &PasswordReset) -> Result<(), Failure> {
        Ok(tx.add_password_reset(project, reset, &self.hash, &self.salt)?)
    }
}

/// A token with the new password, ready for the transaction.
pub(crate) struct Redemption {
    pub(crate) reset: PasswordReset,
    pub(crate) token_hash: [u8; 32],
    /// Of the new password.
    pub(crate) password_hash: String,
    /// The request that the user goes on with, if it is this browser's. It does not end with the user's others.
    pub(crate) going_on: Option<InteractionId>,
    pub(crate) occasion: Occasion,
}

impl Redemption {
    /// Redeems the token and sets the password. The address that the mail went to counts as verified; every session,
    /// token and open request of the user ends. Refused by [`UNABLE`] unless the token is still good and the user may
    /// come in. The user's row is locked until the transaction ends.
    pub(crate) fn store(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        now: Timestamp,
    ) -> Result<(User, FactorMethod), Failure> {
        let user = tx.take_user(project, &self.reset.user_id)?.filter(|user| user.disabled_at.is_none());
        let mut user = user.ok_or(UNABLE)?;
        let email = user.profile.emails.iter_mut().find(|email| email.id == self.reset.email_id).ok_or(UNABLE)?;
        let method = FactorMethod::EmailLink { email_id: email.id.to_string(), email_address: email.address.clone() };
        let was_verified = std::mem::replace(&mut email.verified, true);
        if !tx.redeem_password_reset(project, &self.token_hash)? {
            return Err(UNABLE.into());
        }
        tx.remove_password_resets_of_user(project, &user.id)?;
        password_login::activate(tx, project, &mut user, now)?;
        if !was_verified {
            // No name changes by this, so none can be another's.
            tx.update_user(project, &user, now)?
                .map_err(|taken| anyhow::anyhow!("a name of a user is taken: {taken:?}"))?;
        }
        tx.set_password(project, &user.id, &self.password_hash, now)?;
        if let Some(interaction) = &self.going_on {
            // Nobody's any more, so the sign-out that follows leaves it.
            tx.save_progress(project, interaction, &Progress::default())?;
        }
        tx.sign_out_everywhere(project, &user.id, now)?;
        let event = self.occasion.event(EventKind::UserPasswordSet).user(&user.id);
        tx.record(project, &event.detail("signed_out", true))?;
        Ok((user, method))
    }
}
