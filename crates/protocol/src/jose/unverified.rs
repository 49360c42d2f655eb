//! A token as it came in, and what it becomes once its signature is verified.
//!
//! Specs: RFC 7515 §4.1, §5.2 and §7.1, RFC 7519 §5 and §7.2, RFC 7797 §3, RFC 8725 §3.

use super::{
    JoseError, VerifyingAlg, VerifyingKey,
    encoding::decode,
    object::{self},
};
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
