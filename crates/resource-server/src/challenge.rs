//! The `Authorization` header that comes in and the `WWW-Authenticate` header that goes out.
//!
//! Specs: RFC 6750 §2.1 and §3, RFC 9110 §11, RFC 9728 §5.1. A token in the query or the body is not read:
//! RFC 6750 §2.3 advises against the one, and the other is for forms.

use crate::Rejection;

/// The token of an `Authorization` header, `None` meaning that there was no such header.
///
/// If the request had the header twice, refuse it with [`Rejection::BadRequest`] before coming here.
pub fn bearer_token(authorization: Option<&str>) -> Result<&str, Rejection> {
    let Some(header) = authorization else { return Err(Rejection::NoToken) };
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    // RFC 9110 §11.1: schemes are case-insensitive; another scheme brings no bearer token
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Rejection::NoToken);
    }
    // RFC 6750 §2.1: b64token
    let body = token.trim_end_matches('=');
    let is_token = !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b));
    if is_token { Ok(token) } else { Err(Rejection::BadRequest) }
}

/// What an API says about itself in a challenge.
#[derive(Debug, Clone, Copy, Default)]
pub struct Challenge<'a> {
    /// The protection space, if your clients know several.
    pub realm: Option<&'a str>,
    /// Where this resource describes itself (RFC 9728); MCP clients start from it.
    pub resource_metadata: Option<&'a str>,
    /// The scope that a first request needs, separated by spaces; told to clients that come without a token.
    pub scope: Option<&'a str>,
}

impl Challenge<'_> {
    /// The value of `WWW-Authenticate` that answers `rejection`.
    pub fn header(&self, rejection: &Rejection) -> String {
        let scope = match rejection {
            // RFC 6750 §3: the scope necessary to access the resource
            Rejection::InsufficientScope { needed } => Some(needed.as_str()),
            _ => self.scope,
        };
        let description = rejection.code().map(|_| rejection.to_string());
        let parameters = [
            ("realm", self.realm),
            ("error", rejection.code()),
            ("error_description", description.as_deref()),
            ("scope", scope),
            // RFC 9728 §5.1
            ("resource_metadata", self.resource_metadata),
        ];
        let mut header = "Bearer".to_owned();
        let mut separator = " ";
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            header.push_str(separator);
            header.push_str(name);
            header.push_str("=\"");
            push_quoted(&mut header, value);
            header.push('"');
            separator = ", ";
        }
        header
    }
}

/// RFC 9110 §5.6.4; what may not stand in a header at all is left out.
fn push_quoted(header: &mut String, value: &str) {
    for char in value.chars().filter(|char| matches!(char, ' '..='~')) {
        if matches!(char, '"' | '\\') {
            header.push('\\');
        }
        header.push(char);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_a_bearer_header_only() {
        for (header, expected) in [
            (Some("Bearer abc.DEF-_~+/9=="), Ok("abc.DEF-_~+/9==")),
            (Some("bearer abc"), Ok("abc")),
            (None, Err(Rejection::NoToken)),
            (Some(""), Err(Rejection::NoToken)),
            (Some("Basic YTpi"), Err(Rejection::NoToken)),
            (Some("Bearerabc"), Err(Rejection::NoToken)),
            (Some("Bearer"), Err(Rejection::BadRequest)),
            (Some("Bearer "), Err(Rejection::BadRequest)),
            (Some("Bearer  abc"), Err(Rejection::BadRequest)),
            (Some("Bearer abc def"), Err(Rejection::BadRequest)),
            (Some("Bearer abc, Basic YTpi"), Err(Rejection::BadRequest)),
            (Some("Bearer ab=c"), Err(Rejection::BadRequest)),
            (Some("Bearer =="), Err(Rejection::BadRequest)),
            (Some("Bearer \u{e9}"), Err(Rejection::BadRequest)),
        ] {
            assert_eq!(bearer_token(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_challenge_tells_what_is_missing() {
        let challenge = Challenge {
            resource_metadata: Some("https://api.example/.well-known/oauth-protected-resource"),
            scope: Some("files:read"),
            ..Challenge::default()
        };
        let metadata = r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource""#;
        for (rejection, status, parameters) in [
            (Rejection::NoToken, 401, r#"scope="files:read""#),
            (
                Rejection::InvalidToken("the access token has expired"),
                401,
                r#"error="invalid_token", error_description="the access token has expired", scope="files:read""#,
            ),
            (
                Rejection::InsufficientScope { needed: "files:read files:write".to_owned() },
                403,
                r#"error="insufficient_scope", error_description="the access token lacks scope", scope="files:read files:write""#,
            ),
            (
                Rejection::BadRequest,
                400,
                r#"error="invalid_request", error_description="the Authorization header must be `Bearer`, one space and the token", scope="files:read""#,
            ),
        ] {
            assert_eq!(rejection.status(), status);
            assert_eq!(challenge.header(&rejection), format!("Bearer {parameters}, {metadata}"));
        }
        assert_eq!(Challenge::default().header(&Rejection::NoToken), "Bearer");
        assert_eq!(Rejection::UnknownKey.status(), 401);
    }

    #[test]
    fn nothing_breaks_out_of_a_quoted_value() {
        let challenge = Challenge { realm: Some("a\"b\\c\r\nSet-Cookie: \u{e9}"), ..Challenge::default() };
        assert_eq!(challenge.header(&Rejection::NoToken), r#"Bearer realm="a\"b\\cSet-Cookie: ""#);
    }
}
