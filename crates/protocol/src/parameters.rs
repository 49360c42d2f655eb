//! The parameters of a request: a query or an `application/x-www-form-urlencoded` body; on the Stytch plane also JSON.
//!
//! Specs: RFC 6749 §3.1, §3.2 and Appendix B, OAuth 2.1 §3.1 and §3.2, RFC 8707 §2.
//! Strict where lenient parsers disagree with each other, so that no two readers of one request see two different
//! requests: nothing is repaired, nothing is dropped, and a parameter stands at most once.

use crate::{
    error::{ErrorCode::InvalidRequest, Refusal, refuse},
    jose::object,
};
use serde_json::Value;

pub const TOO_LONG: Refusal = refuse(InvalidRequest, "the parameters are longer than 64 KiB");
pub const TOO_MANY: Refusal = refuse(InvalidRequest, "there are more than 128 parameters");
pub const BAD_ESCAPE: Refusal =
    refuse(InvalidRequest, "every % must be followed by two hex digits; send a literal % as %25");
pub const NOT_UTF8: Refusal = refuse(InvalidRequest, "parameters must be UTF-8");
pub const HAS_NUL: Refusal = refuse(InvalidRequest, "parameters must not contain NUL");
pub const NAME_TOO_LONG: Refusal = refuse(InvalidRequest, "a parameter's name is longer than 128 bytes");

pub const NOT_AN_OBJECT: Refusal =
    refuse(InvalidRequest, "the body must be one JSON object that names no member twice");

const MOST_BYTES: usize = 64 * 1024;
const MOST_PARAMETERS: usize = 128;
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 8 * 1024;
/// What may be longer: an ID token with many claims, and a request of ours that goes along in a form.
const LONGER: [(&str, usize); 2] = [("id_token_hint", 16 * 1024), ("interaction", 32 * 1024)];

/// The only parameters that may stand more than once.
const REPEATABLE: [&str; 1] = ["resource"];

/// Decoded parameters in the order in which they were sent.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes `bytes`. Size comes first, so that the work for a hostile request is bounded before it begins.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MOST_BYTES {
            return Err(TOO_LONG);
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in bytes.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == MOST_PARAMETERS {
                return Err(TOO_MANY);
            }
            let mut halves = pair.splitn(2, |&b| b == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            add(&mut pairs, name, value)?;
        }
        Ok(Self(pairs))
    }

    /// Reads a JSON object whose members are texts, as SDKs of Stytch send it. `null` is as if the member were absent;
    /// `scopes`, a list, is another spelling of `scope`.
    pub fn parse_json(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MOST_BYTES {
            return Err(TOO_LONG);
        }
        let members = object::parse(bytes).ok_or(NOT_AN_OBJECT)?;
        if members.len() > MOST_PARAMETERS {
            return Err(TOO_MANY);
        }
        let mut pairs = Vec::new();
        for (name, value) in members {
            if name.contains('\0') {
                return Err(HAS_NUL);
            }
            match value {
                Value::Null => {}
                Value::String(text) if text.contains('\0') => return Err(HAS_NUL),
                Value::String(text) => add(&mut pairs, name, text)?,
                Value::Bool(_) | Value::Number(_) => add(&mut pairs, name, value.to_string())?,
                Value::Array(values) if name == "scopes" => {
                    let texts: Option<Vec<_>> = values.iter().map(Value::as_str).collect();
                    let text = texts.ok_or_else(|| named(&name, "must be a list of texts"))?.join(" ");
                    if text.contains('\0') {
                        return Err(HAS_NUL);
                    }
                    add(&mut pairs, "scope".to_owned(), text)?;
                }
                // attacks.md row 20: a parameter of another kind is never as good as none
                Value::Array(_) | Value::Object(_) => return Err(named(&name, "must be a text")),
            }
        }
        Ok(Self(pairs))
    }

    /// The value of `name`; a parameter without a value counts as omitted (OAuth 2.1 §3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of `name` that is not empty, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All names and values, in the order in which they were sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether `name` was sent at all, even without a value: for rules where an empty credential is an attempt.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own == name)
    }
}

/// The names only: values hold codes, secrets and tokens, and `Debug` ends up in logs.
impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn add(pairs: &mut Vec<(String, String)>, name: String, value: String) -> Result<(), Refusal> {
    if name.len() > LONGEST_NAME {
        return Err(NAME_TOO_LONG);
    }
    let longest = LONGER.iter().find(|(own, _)| *own == name).map_or(LONGEST_VALUE, |(_, longest)| *longest);
    if value.len() > longest {
        return Err(named(&name, &format!("is longer than {} KiB", longest / 1024)));
    }
    // OAuth 2.1 §3.1; RFC 8707 §2 lets `resource` repeat
    if !REPEATABLE.contains(&name.as_str()) && pairs.iter().any(|(own, _)| *own == name) {
        return Err(named(&name, "must not be repeated"));
    }
    pairs.push((name, value));
    Ok(())
}

/// Undoes `application/x-www-form-urlencoded` (RFC 6749 Appendix B): `+` is a space, `%hh` a byte.
fn decode(text: &[u8]) -> Result<String, Refusal> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match (bytes.next().copied().and_then(hex_digit), bytes.next().copied().and_then(hex_digit)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(BAD_ESCAPE),
            },
            byte => byte,
        });
    }
    if decoded.contains(&0) {
        return Err(HAS_NUL);
    }
    String::from_utf8(decoded).map_err(|_| NOT_UTF8)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// A refusal that names the parameter, unless its name is none that we could have meant: what a stranger sends
/// does not belong into our log lines.
fn named(name: &str, problem: &str) -> Refusal {
    let looks_like_a_name =
        !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let name = if looks_like_a_name { name } else { "a parameter" };
    Refusal { error: InvalidRequest, description: format!("{name} {problem}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use form_urlencoded::Serializer;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: impl AsRef<[u8]>, expected: Result<&[(&str, &str)], Refusal>) {
        let parsed = Parameters::parse(text.as_ref());
        let parsed: Result<Vec<_>, _> =
            parsed.as_ref().map(|parameters| parameters.iter().collect()).map_err(Clone::clone);
        assert_eq!(parsed, expected.map(<[_]>::to_vec));
    }

    #[track_caller]
    fn check_description(text: impl AsRef<[u8]>, description: &str) {
        let refusal = Parameters::parse(text.as_ref()).unwrap_err();
        assert_eq!((refusal.error, refusal.description.as_ref()), (InvalidRequest, description));
    }

    #[test]
    fn json_members_are_parameters_and_null_is_none() {
        let body = r#"{"a": "x y", "n": null, "scopes": ["b", "c"], "count": 7, "flag": true, "empty": ""}"#;
        let parameters = Parameters::parse_json(body.as_bytes()).unwrap();
        let mut pairs: Vec<_> = parameters.iter().collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [("a", "x y"), ("count", "7"), ("empty", ""), ("flag", "true"), ("scope", "b c")]);
        assert!(parameters.has("empty") && !parameters.has("n"));
    }

    /// attacks.md row 20
    #[test]
    fn json_that_two_readers_could_read_differently_is_refused() {
        let refused = |body: &str| Parameters::parse_json(body.as_bytes()).unwrap_err();
        for body in ["", "[]", "null", "{", r#"{"a":"1","a":"2"}"#, r#"{"a":"1"} x"#] {
            assert_eq!(refused(body), NOT_AN_OBJECT, "{body}");
        }
        for body in [r#"{"client_secret": ["x"]}"#, r#"{"code": {"x": 1}}"#, r#"{"scopes": [1]}"#] {
            assert!(refused(body).description.contains("must be a"), "{body}");
        }
        assert!(refused(r#"{"scope": "a", "scopes": ["b"]}"#).description.contains("must not be repeated"));
        for body in [r#"{"a": "\u0000"}"#, r#"{"a\u0000": "b"}"#, r#"{"scopes": ["\u0000"]}"#] {
            assert_eq!(refused(body), HAS_NUL, "{body}");
        }
        let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(LONGEST_VALUE + 1));
        assert!(refused(&long).description.contains("longer than 8 KiB"));
        assert_eq!(refused(&" ".repeat(MOST_BYTES + 1)), TOO_LONG);
    }

    #[test]
    fn plus_and_escapes_are_decoded_once() {
        check("a=1+2&b=%2B%26%3D&c=%2525&d=a=b", Ok(&[("a", "1 2"), ("b", "+&="), ("c", "%25"), ("d", "a=b")]));
        check("st%61te=%c3%A9", Ok(&[("state", "é")]));
        check("", Ok(&[]));
        check("&&a=1&", Ok(&[("a", "1")]));
    }

    #[test]
    fn an_empty_parameter_is_omitted_but_was_sent() {
        let parameters = Parameters::parse(b"client_secret=&code&resource=&resource=https://a.example").unwrap();
        assert_eq!(parameters.get("client_secret"), None);
        assert!(parameters.has("client_secret") && parameters.has("code") && !parameters.has("scope"));
        assert_eq!(parameters.all("resource").collect::<Vec<_>>(), ["https://a.example"]);
    }

    #[test]
    fn names_are_compared_byte_by_byte() {
        let parameters = Parameters::parse(b"Scope=a&scope%20=b&scope[]=c&%20scope=d").unwrap();
        assert!(!parameters.has("scope"));
    }

    /// attacks.md row 37; mcp-and-agents.md T-22.
    #[test]
    fn only_resource_may_be_repeated() {
        check("resource=a&resource=b&resource=a", Ok(&[("resource", "a"), ("resource", "b"), ("resource", "a")]));
        check_description("scope=a&scope=a", "scope must not be repeated");
        check_description("client_secret=&client_secret=x", "client_secret must not be repeated");
        check_description("%63ode=x&code=y", "code must not be repeated");
        check_description("x%0d%0aevil=1&x%0d%0aevil=2", "a parameter must not be repeated");
        check_description("=1&=2", "a parameter must not be repeated");
    }

    /// attacks.md rows 20 and 34: too much is an error, never a shorter request.
    #[test]
    fn sizes_are_limited() {
        let value = |length| format!("a={}", "x".repeat(length));
        assert!(Parameters::parse(value(8 * 1024).as_bytes()).is_ok());
        check_description(value(8 * 1024 + 1), "a is longer than 8 KiB");
        let hint = |length| format!("id_token_hint={}", "x".repeat(length));
        assert!(Parameters::parse(hint(16 * 1024).as_bytes()).is_ok());
        check_description(hint(16 * 1024 + 1), "id_token_hint is longer than 16 KiB");
        check("&".repeat(64 * 1024 + 1), Err(TOO_LONG));
        let many = |count: u32| (0..count).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert!(Parameters::parse(many(128).as_bytes()).is_ok());
        check(many(129), Err(TOO_MANY));
        check("x".repeat(129), Err(NAME_TOO_LONG));
    }

    /// attacks.md row 34 (Logto #8990): NUL became a 500.
    #[test]
    fn what_readers_disagree_on_is_refused() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%+1", "%=1", "a=100%&b=1", "a=%u0041"] {
            check(text, Err(BAD_ESCAPE));
        }
        for text in ["a=%00", "a=b%00c", "%00=1", "a=\0"] {
            check(text, Err(HAS_NUL));
        }
        check("a=%ff", Err(NOT_UTF8));
        check(b"a=\xc0\x80", Err(NOT_UTF8));
        check("a=%ed%a0%80", Err(NOT_UTF8));
    }

    #[test]
    fn debug_output_holds_no_values() {
        let parameters = Parameters::parse(b"client_secret=s3cr3t&code=hac_x").unwrap();
        assert_eq!(format!("{parameters:?}"), r#"["client_secret", "code"]"#);
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Parameters::parse(&bytes);
        }

        #[test]
        fn what_was_encoded_comes_back(pairs in prop::collection::btree_map("[^\0]{1,12}", "[^\0]{0,40}", 0..8)) {
            let text = Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let parameters = Parameters::parse(text.as_bytes()).unwrap();
            let expected: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(parameters.iter().collect::<Vec<_>>(), expected);
        }
    }
}
