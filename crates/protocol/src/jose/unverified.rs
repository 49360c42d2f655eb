//! A token as it came in, and what it becomes once its signature is verified.
//!
//! Specs: RFC 7515 §4.1, §5.2 and §7.1, RFC 7519 §5 and §7.2, RFC 7797 §3, RFC 8725 §3.

use super::{JoseError, VerifyingAlg, VerifyingKey, encoding::decode, object};
use serde_json::{Map, Value};

/// Longer tokens are refused before anything is decoded.
pub const MAX_TOKEN_LENGTH: usize = 16_384;

/// A well-formed token about which nothing is proven. Its claims are only reached by verifying it.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    signing_input: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
    header: Header,
}

/// A token whose signature was verified. Which kind of token it is, for whom and until when is the next question.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    header: Header,
    claims: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
struct Header {
    alg: VerifyingAlg,
    kid: Option<String>,
    typ: Option<String>,
}

impl<'a> Unverified<'a> {
    /// Parses the compact serialization. Everything that is not exactly a signed token with an algorithm of ours is
    /// refused here, before a key is looked for.
    pub fn parse(token: &'a str) -> Result<Self, JoseError> {
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(JoseError::TooLong);
        }
        // RFC 7515 §7.1
        let parts: Vec<&str> = token.splitn(6, '.').collect();
        let &[encoded_header, payload, signature] = parts.as_slice() else {
            // RFC 7516 §7.1: five parts are an encrypted token
            return Err(if parts.len() == 5 { JoseError::Encrypted } else { JoseError::NotThreeParts });
        };
        let header = parse_header(&decode(encoded_header)?)?;
        let signature = decode(signature)?;
        let signing_input = token.get(..encoded_header.len() + 1 + payload.len()).ok_or(JoseError::NotThreeParts)?;
        Ok(Self { signing_input, payload, signature, header })
    }

    pub fn alg(&self) -> VerifyingAlg {
        self.header.alg
    }

    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// What the token says of itself, for finding out whose keys to verify it with, and for nothing else.
    pub fn untrusted_claims(&self) -> Result<Map<String, Value>, JoseError> {
        // RFC 7519 §7.2
        object::parse(&decode(self.payload)?).ok_or(JoseError::BadPayload)
    }

    pub fn verify(&self, key: &VerifyingKey) -> Result<Verified, JoseError> {
        // RFC 7515 §4.1.4: a named key is the key that must be used
        if self.kid().is_some_and(|kid| key.kid().is_some_and(|own| own != kid)) {
            return Err(JoseError::UnknownKey);
        }
        key.verify(self.header.alg, self.signing_input.as_bytes(), &self.signature)?;
        Ok(Verified { header: self.header.clone(), claims: self.untrusted_claims()? })
    }
}

impl Verified {
    pub fn alg(&self) -> VerifyingAlg {
        self.header.alg
    }

    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// Whether the token says to be of media type `typ`.
    pub fn is_of_type(&self, typ: &str) -> bool {
        // RFC 7515 §4.1.9: a media type, so case does not matter, and "application/" is understood
        self.typ().is_some_and(|own| {
            let subtype = match own.split_at_checked("application/".len()) {
                Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
                _ => own,
            };
            subtype.eq_ignore_ascii_case(typ)
        })
    }

    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }

    /// The claim `name`, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }
}

#[cfg(test)]
impl Verified {
    /// For tests of the rules that come after verification.
    pub(crate) fn assume(alg: VerifyingAlg, typ: Option<&str>, claims: Value) -> Self {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        Self { header: Header { alg, kid: None, typ: typ.map(str::to_owned) }, claims }
    }
}

fn parse_header(bytes: &[u8]) -> Result<Header, JoseError> {
    // RFC 7515 §4: names must be unique
    let members = object::parse(bytes).ok_or(JoseError::BadHeader)?;
    // RFC 7516 §4.1.2: an encrypted token in three parts is none of ours either
    if members.contains_key("enc") {
        return Err(JoseError::Encrypted);
    }
    // RFC 7515 §4.1.11, RFC 7797 §3, RFC 7519 §5.2: extensions that would change what the bytes mean.
    // We understand none, so any `crit` is one too many.
    let is_nested =
        members.get("cty").is_some_and(|cty| cty.as_str().is_none_or(|cty| cty.eq_ignore_ascii_case("JWT")));
    if is_nested || ["crit", "b64", "zip"].iter().any(|name| members.contains_key(*name)) {
        return Err(JoseError::UnsupportedHeader);
    }
    // RFC 8725 §3.1: an allow-list; neither `none` nor a shared-key algorithm is on it
    let alg = members.get("alg").and_then(Value::as_str).ok_or(JoseError::BadHeader)?;
    let alg = VerifyingAlg::parse(alg).ok_or(JoseError::UnsupportedAlgorithm)?;
    Ok(Header { alg, kid: text(&members, "kid")?, typ: text(&members, "typ")? })
}

fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, JoseError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JoseError::BadHeader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::base64url;
    use proptest::prelude::*;
    use serde_json::json;

    fn token(header: &str) -> String {
        format!("{}.{}.{}", base64url(header.as_bytes()), base64url(b"{}"), base64url(&[7; 64]))
    }

    #[track_caller]
    fn check(header: &str, expected: Result<(), JoseError>) {
        assert_eq!(Unverified::parse(&token(header)).map(|_| ()), expected, "{header}");
    }

    #[test]
    fn only_the_allowed_algorithms_are_parsed() {
        for alg in ["ES256", "RS256", "EdDSA", "PS256", "Ed25519"] {
            check(&json!({ "alg": alg }).to_string(), Ok(()));
        }
        for alg in ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS1", "RS512", "ES256K", "es256", " ES256"] {
            check(&json!({ "alg": alg }).to_string(), Err(JoseError::UnsupportedAlgorithm));
        }
        check("{}", Err(JoseError::BadHeader));
        check(r#"{"alg":null}"#, Err(JoseError::BadHeader));
        check(r#"{"alg":["ES256"]}"#, Err(JoseError::BadHeader));
    }

    #[test]
    fn headers_that_change_the_meaning_of_the_bytes_are_refused() {
        for member in [
            r#""crit":["exp"]"#,
            r#""crit":[]"#,
            r#""crit":["b64"],"b64":false"#,
            r#""b64":true"#,
            r#""zip":"DEF""#,
            r#""cty":"JWT""#,
            r#""cty":"jwt""#,
            r#""cty":7"#,
        ] {
            check(&format!(r#"{{"alg":"ES256",{member}}}"#), Err(JoseError::UnsupportedHeader));
        }
        check(r#"{"alg":"ES256","enc":"A256GCM"}"#, Err(JoseError::Encrypted));
    }

    #[test]
    fn a_header_is_one_object_of_text_members_named_once() {
        for header in [
            r#"{"alg":"ES256","alg":"RS256"}"#,
            r#"{"alg":"ES256","kid":1}"#,
            r#"{"alg":"ES256","typ":null}"#,
            r#"{"alg":"ES256"}{}"#,
            r#"["ES256"]"#,
            "\"ES256\"",
            "",
            "{",
        ] {
            check(header, Err(JoseError::BadHeader));
        }
        // A JSON object of lower-case hexadecimal escapes is the same object.
        check(r#"{"\u0061lg":"ES256"}"#, Ok(()));
    }

    #[test]
    fn exactly_three_canonical_parts_of_limited_length_are_parsed() {
        let good = token(r#"{"alg":"ES256"}"#);
        let (rest, signature) = good.rsplit_once('.').unwrap();
        for (token, expected) in [
            (String::new(), JoseError::NotThreeParts),
            (rest.to_owned(), JoseError::NotThreeParts),
            (format!("{good}.x"), JoseError::NotThreeParts),
            (format!("{good}.x.y"), JoseError::Encrypted),
            (format!("{good}.x.y.z.."), JoseError::NotThreeParts),
            (format!("{good}="), JoseError::BadEncoding),
            (format!("{good} "), JoseError::BadEncoding),
            (format!("{good}\n"), JoseError::BadEncoding),
            (format!(" {good}"), JoseError::BadEncoding),
            (format!("Bearer {good}"), JoseError::BadEncoding),
            // The last character of 86 carries four bits that must be zero.
            (format!("{rest}.{}B", &signature[..85]), JoseError::BadEncoding),
            (good.replace('_', "/").replace('B', "+"), JoseError::BadEncoding),
            ("x".repeat(MAX_TOKEN_LENGTH + 1), JoseError::TooLong),
            ("é.é.é".to_owned(), JoseError::BadEncoding),
        ] {
            assert_eq!(Unverified::parse(&token).map(|_| ()), Err(expected), "{token}");
        }
    }

    #[test]
    fn a_type_is_a_media_type() {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
            assert!(Verified::assume(VerifyingAlg::ES256, Some(typ), json!({})).is_of_type("at+jwt"), "{typ}");
        }
        for typ in ["jwt", "at+jwt ", "application/", "text/at+jwt", "application/application/at+jwt", "", "éaééééééé"]
        {
            assert!(!Verified::assume(VerifyingAlg::ES256, Some(typ), json!({})).is_of_type("at+jwt"), "{typ}");
        }
        assert!(!Verified::assume(VerifyingAlg::ES256, None, json!({})).is_of_type("at+jwt"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,300}") {
            if let Ok(token) = Unverified::parse(&text) {
                let _ = token.untrusted_claims();
            }
        }

        #[test]
        fn parsing_three_parts_of_any_bytes_never_panics(
            header in proptest::collection::vec(any::<u8>(), 0..60),
            payload in proptest::collection::vec(any::<u8>(), 0..60),
            signature in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let text = format!("{}.{}.{}", base64url(&header), base64url(&payload), base64url(&signature));
            let _ = Unverified::parse(&text);
            let text = format!("{}.{}.{}", base64url(br#"{"alg":"ES256"}"#), base64url(&payload), base64url(&signature));
            let token = Unverified::parse(&text).unwrap();
            prop_assert_eq!(token.untrusted_claims().is_ok(), object::parse(&payload).is_some());
        }

        #[test]
        fn an_encoded_value_has_exactly_one_text(bytes in proptest::collection::vec(any::<u8>(), 0..80), extra in "[A-Za-z0-9_=-]") {
            let text = base64url(&bytes);
            prop_assert_eq!(decode(&text), Ok(bytes.clone()));
            prop_assert_ne!(decode(&format!("{text}{extra}")), Ok(bytes));
        }
    }
}
