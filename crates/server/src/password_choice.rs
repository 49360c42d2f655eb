//! A password that a user chooses: judged by the project's policy, then hashed.
//!
//! Specs: NIST SP 800-63B-4 §3.1.1.2.

use crate::{app::App, failure::Failure};
use hospes_protocol::{
    Refusal,
    password_policy::{self, PasswordPolicy, Strength},
    user::User,
};
use serde_json::Value;
use zeroize::Zeroizing;

pub(crate) enum Chosen {
    /// The hash to store.
    Good(String),
    /// Why the password may not be chosen, and what was measured.
    Refused(Refusal, Strength),
}

/// Judges `password` for `user`, and hashes it if the policy accepts it.
pub(crate) async fn choose(
    app: &App,
    password: Zeroizing<String>,
    user: &User,
    policy: &PasswordPolicy,
) -> Result<Chosen, Failure> {
    let judged = app.passwords.judge(password.clone(), known_of(user), policy.clone()).await?;
    if let Err(refusal) = password_policy::decide(&password, &judged.strength, policy) {
        return Ok(Chosen::Refused(refusal, judged.strength));
    }
    Ok(Chosen::Good(app.passwords.hash(password).await?))
}

/// What an attacker knows about a user whom they are after.
fn known_of(user: &User) -> Vec<String> {
    let profile = &user.profile;
    let emails = profile.emails.iter().map(|email| email.address.clone());
    let names = profile.claims.values().filter_map(Value::as_str).map(str::to_owned);
    emails.chain(profile.username.clone()).chain(names).collect()
}
