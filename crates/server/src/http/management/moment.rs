//! Times on the wire of the management API: RFC 3339 in UTC, `2026-11-24T16:40:13Z`.

use hospes_protocol::Timestamp;

/// The time as text; empty for a time that no calendar has.
pub(crate) fn text(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0).map(|at| at.to_string()).unwrap_or_default()
}

/// Parses RFC 3339 with any offset; fractions of a second are cut off.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_seconds() {
        assert_eq!(text(Timestamp(1_800_000_000)), "2027-01-15T08:00:00Z");
        assert_eq!(parse("2027-01-15T09:00:00.75+01:00"), Some(Timestamp(1_800_000_000)));
        assert_eq!(text(Timestamp(i64::MAX)), "");
        for text in ["", "2027-01-15", "08:00", "1800000000"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
