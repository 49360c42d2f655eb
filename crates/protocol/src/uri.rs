//! The alphabet of a URI.
//!
//! Specs: RFC 3986 §2.
//! What does not belong to it never reaches a URL parser, because parsers repair: they strip tabs, turn `\` into `/`
//! and encode what they do not like, and then two parties look at two different addresses.

/// Whether `text` has only characters that may stand in a URI, with every `%` followed by two hex digits.
pub(crate) fn is_uri_text(text: &str) -> bool {
    // RFC 3986 §2.2 and §2.3: unreserved, gen-delims, sub-delims; §2.1: pct-encoded
    let in_alphabet = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    let escapes_are_whole = text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    text.bytes().all(in_alphabet) && escapes_are_whole
}

/// Splits `scheme ":" rest` (RFC 3986 §3.1).
pub(crate) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let starts_with_a_letter = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
    let goes_on = bytes.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    (starts_with_a_letter && goes_on).then_some((scheme, rest))
}

/// The authority of a `rest` that begins with `//`: what stands before the path, query or fragment (RFC 3986 §3.2).
pub(crate) fn split_authority(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.strip_prefix("//")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.split_at_checked(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parser_would_repair_is_not_uri_text() {
        for text in ["a b", "a\tb", "a\nb", "a\\b", "a\0b", "é", "%", "%2", "%zz", "a%2", "<", "\"", "{", "|", "^", "`"]
        {
            assert!(!is_uri_text(text), "{text:?}");
        }
        assert!(is_uri_text("https://a.example:8443/x%2Fy?z=1#f"));
    }
}
