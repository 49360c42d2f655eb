//! A login of a user: in a browser at our pages, or made by the host app's back end through the management API.

use crate::{
    id::{ClientId, SessionId, UserId},
    time::Timestamp,
    user::Email,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    /// When the user last proved who they are: the `auth_time` claim (OIDC Core §2).
    pub authenticated_at: Timestamp,
    /// How (RFC 8176): `["pwd"]`.
    pub amr: Vec<String>,
    /// The trusted token profile that the login stems from; what is issued on it depends on later attests.
    pub trusted_profile: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// A session with what the host app sees of it; pages and token endpoints need no more than [`Session`].
#[derive(Debug, Clone, PartialEq)]
pub struct FullSession {
    pub session: Session,
    pub last_accessed_at: Timestamp,
    pub attributes: Attributes,
    /// In the order in which they were first used.
    pub factors: Vec<Factor>,
    /// Claims that the host app put into the session's JWT, beside those of the template.
    pub custom_claims: Map<String, Value>,
    /// With it and a key that is not in the database the session's token is made again.
    pub token_salt: [u8; 16],
}

/// Of the user's device when the session began; empty where they are not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    pub ip_address: String,
    pub user_agent: String,
}

/// One way in which the user proved who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    pub method: FactorMethod,
    pub created_at: Timestamp,
    pub last_authenticated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorMethod {
    Password {
        email_id: String,
        email_address: String,
    },
    /// A link in a mail: the reset of a password, for one.
    EmailLink {
        email_id: String,
        email_address: String,
    },
    /// A JWT of another issuer that the project trusts.
    TrustedAuthToken {
        token_id: String,
    },
    /// An access token with `full_access`.
    AccessTokenExchange {
        client_id: ClientId,
    },
    /// A session of the login that the host app had before.
    Imported,
}

impl FactorMethod {
    /// The password of a user with this address, or of one who has none.
    pub fn password(email: Option<&Email>) -> Self {
        Self::Password {
            email_id: email.map(|email| email.id.to_string()).unwrap_or_default(),
            email_address: email.map(|email| email.address.clone()).unwrap_or_default(),
        }
    }

    /// The value for `amr` (RFC 8176 §2); `None` where it has no name for it.
    pub const fn amr(&self) -> Option<&'static str> {
        match self {
            Self::Password { .. } => Some("pwd"),
            _ => None,
        }
    }

    /// Whether `other` is the same way, so that it renews this factor instead of standing beside it.
    fn is_same_way(&self, other: &Self) -> bool {
        match (self, other) {
            // Every token has an id of its own; the last one says all.
            (Self::TrustedAuthToken { .. }, Self::TrustedAuthToken { .. }) => true,
            (own, other) => own == other,
        }
    }
}

impl FullSession {
    /// The user proved who they are once more, in the way of `method`.
    pub fn add_factor(&mut self, method: FactorMethod, now: Timestamp) {
        // For an exchange nobody proves anything: a program shows what it got by this very session.
        if !matches!(method, FactorMethod::AccessTokenExchange { .. }) {
            self.session.authenticated_at = now;
        }
        if let Some(amr) = method.amr()
            && !self.session.amr.iter().any(|own| own == amr)
        {
            self.session.amr.push(amr.to_owned());
        }
        match self.factors.iter_mut().find(|own| own.method.is_same_way(&method)) {
            Some(factor) => {
                factor.method = method;
                factor.last_authenticated_at = now;
            }
            None => self.factors.push(Factor { method, created_at: now, last_authenticated_at: now }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{NOW, full_session};

    fn password() -> FactorMethod {
        FactorMethod::Password { email_id: "email-1".into(), email_address: "alice@example.com".into() }
    }

    #[test]
    fn the_same_way_again_renews_its_factor_and_another_stands_beside_it() {
        let mut session = full_session();
        let first = session.factors.clone();
        session.add_factor(password(), NOW);
        assert_eq!((session.factors.len(), session.factors[0].created_at), (1, first[0].created_at));
        assert_eq!((session.factors[0].last_authenticated_at, session.session.authenticated_at), (NOW, NOW));
        session.add_factor(FactorMethod::TrustedAuthToken { token_id: "1".into() }, NOW);
        session.add_factor(FactorMethod::TrustedAuthToken { token_id: "2".into() }, NOW);
        let methods: Vec<_> = session.factors.iter().map(|factor| factor.method.clone()).collect();
        assert_eq!(methods, [password(), FactorMethod::TrustedAuthToken { token_id: "2".into() }]);
        assert_eq!(session.session.amr, ["pwd"]);
    }

    #[test]
    fn an_exchange_is_no_login() {
        let mut session = full_session();
        let before = session.session.authenticated_at;
        session.add_factor(FactorMethod::AccessTokenExchange { client_id: ClientId::new("app") }, NOW);
        assert_eq!((session.session.authenticated_at, session.factors.len()), (before, 2));
    }
}
