//! A mail that lets its reader set a new password: how long, for whom, and by which proof.
//!
//! Specs: RFC 7636 §4.6, OWASP's advice for forgotten passwords; the members are those of Stytch's contract.

use crate::{
    Refusal,
    id::{EmailId, InteractionId, UserId},
    pkce::CodeChallenge,
    refuse_api,
    session::Attributes,
    time::{Seconds, Timestamp},
};
use serde::{Deserialize, Serialize};
use url::Url;

pub const UNABLE: Refusal = refuse_api(
    401,
    "unable_to_auth_password_reset_token",
    "the token is unknown, used or too old; passwords/email/reset/start sends another",
);
pub const VERIFIER_EXPECTED: Refusal = refuse_api(
    400,
    "pkce_expected_code_verifier",
    "email/reset/start had a code_challenge: send the code_verifier of it",
);
pub const VERIFIER_NOT_EXPECTED: Refusal = refuse_api(
    400,
    "pkce_did_not_expect_code_verifier",
    "email/reset/start had no code_challenge: send one there, or no code_verifier here",
);
pub const VERIFIER_MISMATCH: Refusal =
    refuse_api(400, "pkce_mismatch", "the code_verifier does not fit the code_challenge of email/reset/start");
pub const OTHER_DEVICE: Refusal = refuse_api(
    401,
    "attribute_mismatch",
    "options ask for the same attributes as those of email/reset/start, and they are not the same",
);
pub const BAD_LIFETIME: Refusal =
    refuse_api(400, "invalid_argument", "reset_password_expiration_minutes: 5 to 10080; 30 if it is left out");
pub const TOO_MANY: Refusal =
    refuse_api(429, "too_many_requests", "the user has five mails for a new password that are not used; let them look");

/// Mails that are good at the same time. More would only fill somebody's inbox.
pub const MOST_AT_ONCE: i64 = 5;

/// How long a token is good unless it is asked for otherwise.
pub const LIFETIME: Seconds = Seconds(30 * 60);

/// The language of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailLocale {
    #[default]
    En,
    De,
}

impl MailLocale {
    /// The language of a mail for somebody who reads pages in the language `tag` (BCP 47).
    pub fn of_tag(tag: &str) -> Self {
        match tag.split('-').next() {
            Some(language) if language.eq_ignore_ascii_case("de") => Self::De,
            _ => Self::En,
        }
    }
}

/// Where the link in the mail leads. A token is good only where its link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A page of the host app: of the setting `redirect_urls`, without the token.
    HostApp(String),
    /// Our own page. With the authorization request that waits for whoever asked, if there is one.
    OwnPage(Option<InteractionId>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct PasswordReset {
    pub id: String,
    pub user_id: UserId,
    /// The address that the mail goes to. While it is the user's the token counts.
    pub email_id: EmailId,
    pub destination: Destination,
    pub code_challenge: Option<CodeChallenge>,
    /// Of the device that asked.
    pub attributes: Attributes,
    pub locale: MailLocale,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What comes with a token.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    pub code_verifier: Option<String>,
    pub attributes: Attributes,
    pub ip_must_match: bool,
    pub user_agent_must_match: bool,
}

/// How long a token is good.
pub fn lifetime(minutes: Option<i64>) -> Result<Seconds, Refusal> {
    match minutes {
        None => Ok(LIFETIME),
        Some(minutes @ 5..=10_080) => Ok(Seconds(minutes * 60)),
        Some(_) => Err(BAD_LIFETIME),
    }
}

/// Whether whoever holds the token may set a password. Its age first: of a token that is not good any more nothing else
/// is told.
pub fn validate(reset: &PasswordReset, presented: &Presented, now: Timestamp) -> Result<(), Refusal> {
    if now >= reset.expires_at {
        return Err(UNABLE);
    }
    // RFC 7636 §4.6
    match (&reset.code_challenge, &presented.code_verifier) {
        (None, None) => {}
        (None, Some(_)) => return Err(VERIFIER_NOT_EXPECTED),
        (Some(_), None) => return Err(VERIFIER_EXPECTED),
        (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => {}
        (Some(_), Some(_)) => return Err(VERIFIER_MISMATCH),
    }
    let (then, here) = (&reset.attributes, &presented.attributes);
    let is_elsewhere = presented.ip_must_match && then.ip_address != here.ip_address;
    let is_another = presented.user_agent_must_match && then.user_agent != here.user_agent;
    if is_elsewhere || is_another { Err(OTHER_DEVICE) } else { Ok(()) }
}

/// The path of our own page, below the issuer.
pub const OWN_PAGE: &str = "/password/reset";

/// The link of the mail. Of our own page it is made of the issuer, never of what a request says (attacks.md row 17).
/// `None` where the host app's page or the issuer is no URL.
pub fn link(destination: &Destination, issuer: &str, token: &str) -> Option<String> {
    let mut url = match destination {
        Destination::HostApp(page) => Url::parse(page).ok()?,
        Destination::OwnPage(_) => Url::parse(&format!("{}{OWN_PAGE}", issuer.trim_end_matches('/'))).ok()?,
    };
    if let Destination::HostApp(_) = destination {
        url.query_pairs_mut().append_pair("stytch_token_type", "reset_password");
    }
    url.query_pairs_mut().append_pair("token", token);
    Some(url.into())
}

/// When a mail that the mail server did not take is tried again, after so many attempts: in half a minute first, then at
/// twice the distance each time, up to about an hour. Nothing is tried once the token has expired.
pub fn next_attempt(attempts: i64, now: Timestamp) -> Timestamp {
    now.plus(Seconds(15 << attempts.clamp(1, 8)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::NOW;

    /// RFC 7636 Appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn reset() -> PasswordReset {
        PasswordReset {
            id: "1".into(),
            user_id: UserId::new("user-test-1"),
            email_id: EmailId::new("email-test-1"),
            destination: Destination::HostApp("https://app.example/new".into()),
            code_challenge: None,
            attributes: Attributes { ip_address: "192.0.2.1".into(), user_agent: "Browser".into() },
            locale: MailLocale::En,
            created_at: NOW,
            expires_at: NOW.plus(Seconds(1800)),
        }
    }

    #[test]
    fn a_token_is_good_for_its_time_and_no_longer() {
        assert_eq!(validate(&reset(), &Presented::default(), Timestamp(NOW.0 + 1799)), Ok(()));
        assert_eq!(validate(&reset(), &Presented::default(), Timestamp(NOW.0 + 1800)), Err(UNABLE));
        assert_eq!((lifetime(None), lifetime(Some(5))), (Ok(Seconds(1800)), Ok(Seconds(300))));
        for minutes in [4, 10_081, 0, -1, i64::MAX] {
            assert_eq!(lifetime(Some(minutes)), Err(BAD_LIFETIME));
        }
    }

    #[test]
    fn the_verifier_must_be_that_of_whoever_asked() {
        let bound = PasswordReset { code_challenge: Some(CodeChallenge::parse(CHALLENGE).unwrap()), ..reset() };
        let with =
            |verifier: Option<&str>| Presented { code_verifier: verifier.map(str::to_owned), ..Presented::default() };
        assert_eq!(validate(&bound, &with(Some(VERIFIER)), NOW), Ok(()));
        assert_eq!(validate(&bound, &with(None), NOW), Err(VERIFIER_EXPECTED));
        assert_eq!(validate(&bound, &with(Some(&"x".repeat(43))), NOW), Err(VERIFIER_MISMATCH));
        assert_eq!(validate(&reset(), &with(Some(VERIFIER)), NOW), Err(VERIFIER_NOT_EXPECTED));
    }

    #[test]
    fn the_device_must_be_the_same_where_that_is_asked() {
        let elsewhere = Attributes { ip_address: "192.0.2.2".into(), user_agent: "Browser".into() };
        let presented = Presented { attributes: elsewhere, ..Presented::default() };
        assert_eq!(validate(&reset(), &presented, NOW), Ok(()));
        let same_agent = Presented { user_agent_must_match: true, ..presented.clone() };
        assert_eq!(validate(&reset(), &same_agent, NOW), Ok(()));
        assert_eq!(validate(&reset(), &Presented { ip_must_match: true, ..presented }, NOW), Err(OTHER_DEVICE));
    }

    #[test]
    fn the_waits_double_up_to_an_hour() {
        let waits: Vec<i64> = (1..=9).map(|attempts| next_attempt(attempts, NOW).since(NOW).0).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3840, 3840]);
        for attempts in [i64::MIN, 0, i64::MAX] {
            assert!((30..=3840).contains(&next_attempt(attempts, NOW).since(NOW).0), "{attempts}");
        }
    }

    #[test]
    fn a_link_keeps_what_its_page_asks_for() {
        let page = |url: &str| Destination::HostApp(url.into());
        let expected = "https://app.example/new?a=b&stytch_token_type=reset_password&token=x_-";
        assert_eq!(link(&page("https://app.example/new?a=b"), "", "x_-").as_deref(), Some(expected));
        assert_eq!(link(&page("no url"), "https://id.example", "x"), None);
    }

    #[test]
    fn a_link_to_our_own_page_is_made_of_the_issuer_and_the_token_alone() {
        for interaction in [None, Some(InteractionId::new("int_1"))] {
            let own = Destination::OwnPage(interaction);
            let link = |issuer| super::link(&own, issuer, "x_-");
            let expected = "https://id.example/auth/password/reset?token=x_-";
            assert_eq!(link("https://id.example/auth").as_deref(), Some(expected));
            assert_eq!(link("https://id.example/auth/").as_deref(), Some(expected));
            assert_eq!(link(""), None);
        }
    }

    #[test]
    fn a_mail_speaks_the_language_of_the_page() {
        for (tag, expected) in [
            ("de", MailLocale::De),
            ("DE-at", MailLocale::De),
            ("en", MailLocale::En),
            ("den", MailLocale::En),
            ("", MailLocale::En),
        ] {
            assert_eq!(MailLocale::of_tag(tag), expected, "{tag}");
        }
    }
}
