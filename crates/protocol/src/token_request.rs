//! The token request: which grant a client wants to exchange for tokens.
//!
//! Specs: RFC 6749 §4.1.3, §4.4.2, §5.2 and §6, OAuth 2.1 §3.2.2, RFC 8707 §2.2.
//!
//! One grant's parameters never reach another grant: each arm holds only its own.

use crate::{
    client::{Client, GrantType},
    error::{
        ErrorCode::{InvalidRequest, UnauthorizedClient, UnsupportedGrantType},
        Refusal, refuse,
    },
    parameters::Parameters,
    plane::Plane,
    scope::Scope,
};
use std::fmt;

pub const MISSING_GRANT_TYPE: Refusal =
    refuse(InvalidRequest, "grant_type is missing; send the parameters as application/x-www-form-urlencoded body");
pub const UNKNOWN_GRANT_TYPE: Refusal =
    refuse(UnsupportedGrantType, "grant_type must be authorization_code, refresh_token or client_credentials");
pub const MISSING_CODE: Refusal = refuse(InvalidRequest, "code is missing");
pub const MISSING_REFRESH_TOKEN: Refusal = refuse(InvalidRequest, "refresh_token is missing");
pub const GRANT_TYPE_NOT_ALLOWED: Refusal =
    refuse(UnauthorizedClient, "this client is not registered for this grant_type");

/// A token request, by grant. Its secrets do not show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenRequest {
    AuthorizationCode {
        code: String,
        redirect_uri: Option<String>,
        code_verifier: Option<String>,
        /// As sent, not yet as registered.
        resources: Vec<String>,
    },
    RefreshToken {
        refresh_token: String,
        scope: Option<Scope>,
        resources: Vec<String>,
    },
    ClientCredentials {
        scope: Option<Scope>,
        resources: Vec<String>,
    },
}

/// Reads a token request as it came to the endpoint of `plane`.
pub fn parse(parameters: &Parameters, plane: Plane) -> Result<TokenRequest, Refusal> {
    let owned = |name| parameters.get(name).map(str::to_owned);
    // RFC 6749 §5.2
    let grant_type = parameters.get("grant_type").ok_or(MISSING_GRANT_TYPE)?;
    // OAuth 2.1 §3.2: a parameter without a value counts as absent
    let resources = match plane {
        Plane::Standard => parameters.all("resource").filter(|value| !value.is_empty()).map(str::to_owned).collect(),
        // By Stytch's contract every token is for the project, whatever resource is named
        Plane::Stytch => Vec::new(),
    };
    match grant_type {
        // RFC 6749 §4.1.3
        "authorization_code" => Ok(TokenRequest::AuthorizationCode {
            code: owned("code").ok_or(MISSING_CODE)?,
            redirect_uri: owned("redirect_uri"),
            code_verifier: owned("code_verifier"),
            resources,
        }),
        // RFC 6749 §6
        "refresh_token" => Ok(TokenRequest::RefreshToken {
            refresh_token: owned("refresh_token").ok_or(MISSING_REFRESH_TOKEN)?,
            scope: scope(parameters)?,
            resources,
        }),
        // RFC 6749 §4.4.2
        "client_credentials" => Ok(TokenRequest::ClientCredentials { scope: scope(parameters)?, resources }),
        _ => Err(UNKNOWN_GRANT_TYPE),
    }
}

/// The requested scope; a text without values is no request (T-08).
fn scope(parameters: &Parameters) -> Result<Option<Scope>, Refusal> {
    let scope = parameters.get("scope").map(Scope::parse).transpose()?;
    Ok(scope.filter(|scope| !scope.is_empty()))
}

impl TokenRequest {
    pub const fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode { .. } => GrantType::AuthorizationCode,
            Self::RefreshToken { .. } => GrantType::RefreshToken,
            Self::ClientCredentials { .. } => GrantType::ClientCredentials,
        }
    }

    /// Whether the authenticated client may use this grant at all, as it is registered now.
    pub fn is_allowed_for(&self, client: &Client) -> Result<(), Refusal> {
        // RFC 6749 §5.2
        if client.may_use(self.grant_type()) { Ok(()) } else { Err(GRANT_TYPE_NOT_ALLOWED) }
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest").field("grant_type", &self.grant_type().as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::ErrorCode::InvalidScope,
        samples::{self, parameters, with_settings},
        scope,
    };
    use proptest::prelude::*;

    fn parse(parameters: &Parameters) -> Result<TokenRequest, Refusal> {
        super::parse(parameters, Plane::Standard)
    }

    #[test]
    fn on_the_stytch_plane_no_resource_is_read() {
        let body = parameters("grant_type=client_credentials&resource=https://x.example");
        let with = |resources| Ok(TokenRequest::ClientCredentials { scope: None, resources });
        assert!(super::parse(&body, Plane::Stytch) == with(Vec::new()));
        assert!(parse(&body) == with(vec!["https://x.example".to_owned()]));
    }

    #[track_caller]
    fn check(body: &str, expected: Result<TokenRequest, Refusal>) {
        // `Debug` shows no secrets, so compare by hand.
        let found = parse(&parameters(body));
        assert!(found == expected, "{body}: {found:?} instead of {expected:?}");
    }

    fn code(code: &str) -> TokenRequest {
        let code = code.to_owned();
        TokenRequest::AuthorizationCode { code, redirect_uri: None, code_verifier: None, resources: Vec::new() }
    }

    #[test]
    fn each_grant_takes_its_own_parameters() {
        check("grant_type=authorization_code&code=c", Ok(code("c")));
        check(
            "grant_type=authorization_code&code=c&redirect_uri=https://a/cb&code_verifier=v&resource=https://x&resource=https://y",
            Ok(TokenRequest::AuthorizationCode {
                code: "c".into(),
                redirect_uri: Some("https://a/cb".into()),
                code_verifier: Some("v".into()),
                resources: vec!["https://x".into(), "https://y".into()],
            }),
        );
        check(
            "grant_type=refresh_token&refresh_token=r&scope=a+b&resource=https://x",
            Ok(TokenRequest::RefreshToken {
                refresh_token: "r".into(),
                scope: Some(samples::scope("a b")),
                resources: vec!["https://x".into()],
            }),
        );
        check(
            "grant_type=client_credentials&scope=a",
            Ok(TokenRequest::ClientCredentials { scope: Some(samples::scope("a")), resources: Vec::new() }),
        );
    }

    // attacks.md row 37: one grant's parameters leak into another
    #[test]
    fn parameters_of_another_grant_do_not_matter() {
        check("grant_type=authorization_code&code=c&refresh_token=r&scope=%22", Ok(code("c")));
        check(
            "grant_type=client_credentials&code=c&refresh_token=r",
            Ok(TokenRequest::ClientCredentials { scope: None, resources: Vec::new() }),
        );
        check("grant_type=refresh_token&code=c", Err(MISSING_REFRESH_TOKEN));
    }

    // attacks.md row 20
    #[test]
    fn missing_empty_and_unknown_values_never_lead_to_another_grant() {
        check("", Err(MISSING_GRANT_TYPE));
        check("grant_type=", Err(MISSING_GRANT_TYPE));
        check("code=c", Err(MISSING_GRANT_TYPE));
        check("grant_type=authorization_code", Err(MISSING_CODE));
        check("grant_type=authorization_code&code=", Err(MISSING_CODE));
        check("grant_type=refresh_token", Err(MISSING_REFRESH_TOKEN));
        check("grant_type=refresh_token&refresh_token=", Err(MISSING_REFRESH_TOKEN));
        for other in ["password", "implicit", "Authorization_Code", "authorization_code+", "refresh_token%00", "x"] {
            if let Ok(body) = Parameters::parse(format!("grant_type={other}&code=c&username=u&password=p").as_bytes()) {
                assert!(parse(&body) == Err(UNKNOWN_GRANT_TYPE), "{other}");
            }
        }
        assert!(
            parse(&parameters("grant_type=urn:ietf:params:oauth:grant-type:device_code")) == Err(UNKNOWN_GRANT_TYPE)
        );
    }

    // T-08
    #[test]
    fn an_empty_scope_is_no_scope_and_a_malformed_one_an_error() {
        for body in ["scope=", "scope=+", "scope=++"] {
            check(
                &format!("grant_type=client_credentials&{body}"),
                Ok(TokenRequest::ClientCredentials { scope: None, resources: Vec::new() }),
            );
        }
        check("grant_type=refresh_token&refresh_token=r&scope=a%22b", Err(scope::MALFORMED));
        assert_eq!(scope::MALFORMED.error, InvalidScope);
        check(
            "grant_type=client_credentials&resource=&resource=https://x",
            Ok(TokenRequest::ClientCredentials { scope: None, resources: vec!["https://x".into()] }),
        );
    }

    // attacks.md row 22 (Keycloak CVE-2026-7571): a grant type switched off in between
    #[test]
    fn only_a_registered_grant_type_is_allowed() {
        let client = samples::client();
        let refresh = parse(&parameters("grant_type=refresh_token&refresh_token=r")).unwrap();
        assert_eq!(refresh.is_allowed_for(&client), Ok(()));
        let without =
            with_settings(client.clone(), |settings| settings.grant_types = vec![GrantType::AuthorizationCode]);
        assert_eq!(refresh.is_allowed_for(&without), Err(GRANT_TYPE_NOT_ALLOWED));
        assert_eq!(code("c").is_allowed_for(&without), Ok(()));
        let own = parse(&parameters("grant_type=client_credentials&resource=https://x")).unwrap();
        assert_eq!(own.is_allowed_for(&client), Err(GRANT_TYPE_NOT_ALLOWED));
        assert!(matches!(own, TokenRequest::ClientCredentials { resources, .. } if resources == ["https://x"]));
    }

    #[test]
    fn secrets_do_not_show_in_debug() {
        let request = parse(&parameters("grant_type=refresh_token&refresh_token=hrt_hidden")).unwrap();
        assert!(!format!("{request:?}").contains("hidden"));
        assert!(format!("{request:?}").contains("refresh_token"));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(body) = Parameters::parse(&body) {
                let _ = parse(&body);
            }
        }

        #[test]
        fn a_code_arrives_byte_for_byte(text in "\\PC{1,100}") {
            let encoded: String = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).collect();
            let body = format!("grant_type=authorization_code&code={encoded}");
            prop_assert!(parse(&parameters(&body)) == Ok(code(&text)));
        }
    }
}
