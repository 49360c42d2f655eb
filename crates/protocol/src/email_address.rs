//! Which text is an e-mail address.
//!
//! Specs: RFC 5321 §4.5.3.1 (lengths), RFC 5322 §3.4.1 without quoted strings, comments and address literals: nobody has
//! such an address, and each of them is a way to make two look alike.

use crate::{ErrorCode, Refusal, refuse};

pub const INVALID: Refusal = refuse(
    ErrorCode::Api { name: "invalid_email", status: 400 },
    "send an e-mail address like name@domain.example, without name, quotes or blanks",
);

/// The address as its owner writes it, without blanks around it. Comparing folds its case ([`crate::user::Name`]).
pub fn parse(text: &str) -> Result<String, Refusal> {
    let address = text.trim();
    let (local, domain) = address.rsplit_once('@').ok_or(INVALID)?;
    // RFC 5321 §4.5.3.1.1 to §4.5.3.1.3: 64 bytes, 255 bytes, and 254 as a path
    let fits = local.len() <= 64 && domain.len() <= 255 && address.len() <= 254;
    if fits && is_dotted(local, is_atom) && is_dotted(domain, is_label) && domain.contains('.') {
        return Ok(address.to_owned());
    }
    Err(INVALID)
}

/// The domain of an address, folded.
pub fn domain(address: &str) -> String {
    address.rsplit_once('@').map_or("", |(_, domain)| domain).to_lowercase()
}

fn is_dotted(text: &str, is_part: fn(&str) -> bool) -> bool {
    text.split('.').all(is_part)
}

/// RFC 5322 §3.2.3, and the letters of other scripts (RFC 6531 §3.3).
fn is_atom(text: &str) -> bool {
    let is_atext = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    !text.is_empty() && text.chars().all(is_atext)
}

fn is_label(text: &str) -> bool {
    let is_inside = |c: char| c.is_alphanumeric() || c == '-';
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_that_people_have_are_accepted_as_they_are() {
        for text in ["a@b.example", "Ada.Quay+news@Sub.Harbour.Example", "ünï@bücher.example", "o'neil@x-y.example"]
        {
            assert_eq!(parse(text), Ok(text.to_owned()));
        }
        assert_eq!(parse(" a@b.example\n"), Ok("a@b.example".into()));
        assert_eq!(domain("Ada@Harbour.Example"), "harbour.example");
    }

    #[test]
    fn everything_else_is_refused() {
        let (long_local, long_domain) =
            (format!("{}@b.example", "a".repeat(65)), format!("a@{}.example", "b".repeat(64)));
        for text in [
            "",
            "a",
            "@",
            "a@",
            "@b.example",
            "a@b",
            "a@@b.example",
            "a b@c.example",
            "a@b c.example",
            "a@.example",
            "a@b..example",
            ".a@b.example",
            "a.@b.example",
            "a@-b.example",
            "a@b-.example",
            "\"a\"@b.example",
            "Ada <a@b.example>",
            "a@[127.0.0.1]",
            "a\u{0}@b.example",
            "a\u{200b}@b.example",
            "a@b.example,c@d.example",
            &long_local,
            &long_domain,
        ] {
            assert_eq!(parse(text), Err(INVALID), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_accepted(text in "\\PC{0,30}@\\PC{0,30}") {
            if let Ok(address) = parse(&text) {
                prop_assert_eq!(parse(&address), Ok(address.clone()));
                prop_assert!(!address.contains(char::is_whitespace));
            }
        }
    }
}
