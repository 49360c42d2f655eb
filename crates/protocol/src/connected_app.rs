//! What the host app may say about a connected app, and what each of the four types may have.
//!
//! Specs: RFC 6749 §2.1, OAuth 2.1 §2.3 and §7.5, OIDC Core §11; the names of the refusals are those of Stytch's contract.
//!
//! [`registration_rules`] holds here too; what it refuses gets the contract's name.

use crate::{
    claim_template::{self, Kind},
    client::{AuthenticationMethod, ClientSettings, Confidentiality, GrantType, Party},
    error::{ErrorCode, Refusal, refuse},
    plane::Plane,
    redirect_uri, registration_rules,
    time::Seconds,
};

const fn refuse_api(name: &'static str, description: &'static str) -> Refusal {
    refuse(ErrorCode::Api { name, status: 400 }, description)
}

pub const BAD_EXPIRY: Refusal =
    refuse_api("idp_invalid_access_token_expiry_minutes", "access_token_expiry_minutes must be 5 to 1440");
pub const BAD_LOGO: Refusal =
    refuse_api("invalid_argument", "logo_url must be an https URL with a host and without user name");

/// What is to be changed; `None` stays as it is, an empty text or list clears.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub name: Option<String>,
    pub description: Option<String>,
    pub redirect_uris: Option<Vec<String>>,
    pub post_logout_redirect_uris: Option<Vec<String>>,
    pub logo_uri: Option<String>,
    pub full_access_allowed: Option<bool>,
    pub bypass_consent_for_offline_access: Option<bool>,
    pub access_token_expiry_minutes: Option<i64>,
    pub access_token_custom_audience: Option<String>,
    pub access_token_template: Option<String>,
    pub id_token_template: Option<String>,
}

/// The settings of a new connected app about which nothing is known but its type and its plane.
pub fn new(party: Party, confidentiality: Confidentiality, plane: Plane) -> ClientSettings {
    let is_confidential = confidentiality == Confidentiality::Confidential;
    ClientSettings {
        authentication_methods: if is_confidential {
            vec![AuthenticationMethod::ClientSecretBasic, AuthenticationMethod::ClientSecretPost]
        } else {
            vec![AuthenticationMethod::None]
        },
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        // Design section 5: the contract has it so, and only for those that have a secret.
        pkce_optional: is_confidential && plane == Plane::Stytch,
        ..ClientSettings::new(party, confidentiality, plane)
    }
}

/// The settings after `change`. `private_schemes` are those without a dot that the operator accepts.
pub fn change(settings: &ClientSettings, change: &Change, private_schemes: &[&str]) -> Result<ClientSettings, Refusal> {
    let mut settings = settings.clone();
    let set = |own: &mut String, to: &Option<String>| {
        if let Some(to) = to {
            own.clone_from(to);
        }
    };
    set(&mut settings.name, &change.name);
    set(&mut settings.description, &change.description);
    set(&mut settings.access_token_template, &change.access_token_template);
    set(&mut settings.id_token_template, &change.id_token_template);
    if let Some(uris) = &change.redirect_uris {
        settings.redirect_uris.clone_from(uris);
    }
    if let Some(uris) = &change.post_logout_redirect_uris {
        settings.post_logout_redirect_uris.clone_from(uris);
    }
    if let Some(uri) = &change.logo_uri {
        settings.logo_uri = Some(uri.clone()).filter(|uri| !uri.is_empty());
        if settings.logo_uri.as_ref().is_some_and(|uri| !uri.starts_with("https:")) {
            return Err(BAD_LOGO);
        }
    }
    if let Some(audience) = &change.access_token_custom_audience {
        settings.access_token_custom_audience = Some(audience.clone()).filter(|audience| !audience.is_empty());
    }
    if let Some(minutes) = change.access_token_expiry_minutes {
        if !(5..=1440).contains(&minutes) {
            return Err(BAD_EXPIRY);
        }
        settings.access_token_lifetime = Some(Seconds(minutes.saturating_mul(60)));
    }
    settings.full_access_allowed = change.full_access_allowed.unwrap_or(settings.full_access_allowed);
    settings.bypass_consent_for_offline_access =
        change.bypass_consent_for_offline_access.unwrap_or(settings.bypass_consent_for_offline_access);
    claim_template::parse(&settings.access_token_template, Kind::User)
        .map_err(|refusal| named("idp_invalid_access_token_jwt_template", refusal))?;
    registration_rules::validate_client_draft(&settings, private_schemes).map_err(by_contract)?;
    Ok(settings)
}

/// A refusal of ours under the contract's name; it says the same.
fn by_contract(refusal: Refusal) -> Refusal {
    if let ErrorCode::Api { .. } = refusal.error {
        return refusal;
    }
    let by_name = [
        (registration_rules::FULL_ACCESS_FOR_THIRD_PARTY, "third_party_clients_cannot_use_full_access"),
        (registration_rules::BYPASS_FOR_THIRD_PARTY, "third_party_clients_require_consent_for_offline_access"),
        (registration_rules::BAD_CUSTOM_AUDIENCE, "idp_invalid_access_token_custom_audience"),
        (registration_rules::REPEATED_ENTRY, "connected_app_invalid_redirect_url"),
        (redirect_uri::NOT_ABSOLUTE, "connected_app_redirect_url_must_include_scheme"),
        (redirect_uri::SCHEME_WITHOUT_DOT, "connected_app_redirect_url_must_use_http_or_https_scheme"),
        (redirect_uri::HTTP_NOT_LOOPBACK, "connected_app_redirect_url_http_scheme_must_use_loopback"),
    ];
    if refusal == registration_rules::BAD_WEB_URI {
        return BAD_LOGO;
    }
    match by_name.iter().find(|(own, _)| *own == refusal) {
        Some((_, name)) => named(name, refusal),
        None if refusal.error == ErrorCode::InvalidRedirectUri => named("connected_app_invalid_redirect_url", refusal),
        None => named("invalid_argument", refusal),
    }
}

fn named(name: &'static str, refusal: Refusal) -> Refusal {
    Refusal { error: ErrorCode::Api { name, status: 400 }, ..refusal }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the operator accepts no scheme without a dot.
    fn change(settings: &ClientSettings, asked: &Change) -> Result<ClientSettings, Refusal> {
        super::change(settings, asked, &[])
    }

    fn app(party: Party, confidentiality: Confidentiality) -> ClientSettings {
        new(party, confidentiality, Plane::Stytch)
    }

    #[track_caller]
    fn check(settings: &ClientSettings, asked: Change, expected: Result<(), &str>) {
        let outcome = change(settings, &asked).map(|_| ()).map_err(|refusal| refusal.error.as_str());
        assert_eq!(outcome, expected, "{asked:?}");
    }

    #[test]
    fn each_type_may_be_stored_as_it_begins() {
        for party in [Party::First, Party::Third] {
            for confidentiality in [Confidentiality::Public, Confidentiality::Confidential] {
                for plane in [Plane::Standard, Plane::Stytch] {
                    let settings = new(party, confidentiality, plane);
                    assert_eq!(change(&settings, &Change::default()), Ok(settings.clone()));
                    let may_skip_pkce = confidentiality == Confidentiality::Confidential && plane == Plane::Stytch;
                    assert_eq!(settings.pkce_optional, may_skip_pkce);
                }
            }
        }
    }

    #[test]
    fn privileges_are_for_first_parties() {
        let full_access = Change { full_access_allowed: Some(true), ..Change::default() };
        let bypass = Change { bypass_consent_for_offline_access: Some(true), ..Change::default() };
        for confidentiality in [Confidentiality::Public, Confidentiality::Confidential] {
            let (first, third) = (app(Party::First, confidentiality), app(Party::Third, confidentiality));
            check(&first, full_access.clone(), Ok(()));
            check(&first, bypass.clone(), Ok(()));
            check(&third, full_access.clone(), Err("third_party_clients_cannot_use_full_access"));
            check(&third, bypass.clone(), Err("third_party_clients_require_consent_for_offline_access"));
        }
    }

    #[test]
    fn what_is_refused_has_the_contracts_name() {
        let settings = app(Party::Third, Confidentiality::Public);
        let base = Change::default();
        for (uri, name) in [
            ("app.example/cb", "connected_app_redirect_url_must_include_scheme"),
            ("http://a.example/cb", "connected_app_redirect_url_http_scheme_must_use_loopback"),
            ("cursor://cb", "connected_app_redirect_url_must_use_http_or_https_scheme"),
            ("https://a.example/#x", "connected_app_invalid_redirect_url"),
            ("javascript:alert(1)", "connected_app_invalid_redirect_url"),
            ("", "connected_app_invalid_redirect_url"),
        ] {
            let uris = Some(vec![uri.to_owned()]);
            check(&settings, Change { redirect_uris: uris.clone(), ..base.clone() }, Err(name));
            check(&settings, Change { post_logout_redirect_uris: uris, ..base.clone() }, Err(name));
        }
        let twice = Some(vec!["https://a.example/".to_owned(); 2]);
        check(&settings, Change { redirect_uris: twice, ..base.clone() }, Err("connected_app_invalid_redirect_url"));
        for minutes in [i64::MIN, 0, 4, 1441, i64::MAX] {
            let asked = Change { access_token_expiry_minutes: Some(minutes), ..base.clone() };
            assert_eq!(change(&settings, &asked), Err(BAD_EXPIRY));
        }
        for uri in ["http://a.example/logo", "javascript:x", "https:///x"] {
            assert_eq!(change(&settings, &Change { logo_uri: Some(uri.into()), ..base.clone() }), Err(BAD_LOGO));
        }
        let text = |text: &str| Some(text.to_owned());
        let wrong = "idp_invalid_access_token_custom_audience";
        check(&settings, Change { access_token_custom_audience: text("a b"), ..base.clone() }, Err(wrong));
        let wrong = "idp_invalid_access_token_jwt_template";
        check(&settings, Change { access_token_template: text("{"), ..base.clone() }, Err(wrong));
        let wrong = "jwt_template_invalid_json";
        check(&settings, Change { id_token_template: text("{"), ..base.clone() }, Err(wrong));
        check(&settings, Change { name: text("a\u{202E}b"), ..base.clone() }, Err("invalid_argument"));
        check(&settings, Change { description: text(&"x".repeat(2001)), ..base }, Err("invalid_argument"));
    }

    #[test]
    fn absent_stays_and_empty_clears() {
        let full = Change {
            name: Some("App".into()),
            description: Some("Does things".into()),
            redirect_uris: Some(vec!["https://a.example/cb".into()]),
            post_logout_redirect_uris: Some(vec!["https://a.example/bye".into()]),
            logo_uri: Some("https://a.example/logo.png".into()),
            full_access_allowed: Some(true),
            bypass_consent_for_offline_access: Some(true),
            access_token_expiry_minutes: Some(30),
            access_token_custom_audience: Some("urn:x".into()),
            access_token_template: Some("{\"a\": 1}".into()),
            id_token_template: Some("{\"b\": 1}".into()),
        };
        let begun = app(Party::First, Confidentiality::Public);
        let settings = change(&begun, &full).unwrap();
        assert_eq!(settings.access_token_lifetime, Some(Seconds(1800)));
        assert_eq!(change(&settings, &Change::default()), Ok(settings.clone()));
        let cleared = Change {
            name: Some(String::new()),
            description: Some(String::new()),
            redirect_uris: Some(Vec::new()),
            post_logout_redirect_uris: Some(Vec::new()),
            logo_uri: Some(String::new()),
            full_access_allowed: Some(false),
            bypass_consent_for_offline_access: Some(false),
            access_token_expiry_minutes: None,
            access_token_custom_audience: Some(String::new()),
            access_token_template: Some(String::new()),
            id_token_template: Some(String::new()),
        };
        let cleared = change(&settings, &cleared).unwrap();
        assert_eq!(cleared, ClientSettings { access_token_lifetime: Some(Seconds(1800)), ..begun });
    }
}
