//! The parameters of a request: a query or an `application/x-www-form-urlencoded` body.
//!
//! Specs: RFC 6749 §3.1, §3.2 and Appendix B, OAuth 2.1 §3.1 and §3.2, RFC 8707 §2.
//! Strict where lenient parsers disagree with each other, so that no two readers of one request see two different
//! requests: nothing is repaired, nothing is dropped, and a parameter stands at most once.

use crate::error::{ErrorCode::InvalidRequest, Refusal, refuse};

pub const TOO_LONG: Refusal = refuse(InvalidRequest, "the parameters are longer than 64 KiB");
pub const TOO_MANY: Refusal = refuse(InvalidRequest, "there are more than 128 parameters");
pub const BAD_ESCAPE: Refusal =
    refuse(InvalidRequest, "every % must be followed by two hex digits; send a literal % as %25");
pub const NOT_UTF8: Refusal = refuse(InvalidRequest, "parameters must be UTF-8");
pub const HAS_NUL: Refusal = refuse(InvalidRequest, "parameters must not contain NUL");
pub const NAME_TOO_LONG: Refusal = refuse(InvalidRequest, "a parameter's name is longer than 128 bytes");

const MOST_BYTES: usize = 64 * 1024;
const MOST_PARAMETERS: usize = 128;
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 8 * 1024;

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
            if name.len() > LONGEST_NAME {
                return Err(NAME_TOO_LONG);
            }
            if value.len() > LONGEST_VALUE {
                return Err(named(&name, "is longer than 8 KiB"));
            }
            // OAuth 2.1 §3.1; RFC 8707 §2 lets `resource` repeat
            if !REPEATABLE.contains(&name.as_str()) && pairs.iter().any(|(own, _)| *own == name) {
                return Err(named(&name, "must not be repeated"));
            }
            pairs.push((name, value));
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
