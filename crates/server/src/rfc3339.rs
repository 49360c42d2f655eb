//! Times as text, wherever they are read or written: RFC 3339 in UTC and whole seconds, `2026-11-24T16:40:13Z`.
//!
//! Specs: RFC 3339 §5.6.
//!
//! A time before the year 0 or after the end of 9999, which this form cannot say, is written as the first or the last
//! moment that we can read again: whoever reads it gets a time as far away as can be said.

use hospes_protocol::Timestamp;
use jiff::{civil::Date, tz::TimeZone};

/// 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200;

/// The time as text.
pub(crate) fn text(at: Timestamp) -> String {
    sayable(at).to_string()
}

/// The day of the time, in UTC.
pub(crate) fn date(at: Timestamp) -> Date {
    sayable(at).to_zoned(TimeZone::UTC).date()
}

/// Parses RFC 3339 with any offset; fractions of a second are cut off.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_second()))
}

/// The nearest time that can be written and read.
fn sayable(at: Timestamp) -> jiff::Timestamp {
    let seconds = at.0.clamp(FIRST, jiff::Timestamp::MAX.as_second());
    // Every second between the two is one.
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_seconds() {
        assert_eq!(text(Timestamp(1_800_000_000)), "2027-01-15T08:00:00Z");
        assert_eq!(text(Timestamp(-1)), "1969-12-31T23:59:59Z");
        assert_eq!(parse("2027-01-15T09:00:00.75+01:00"), Some(Timestamp(1_800_000_000)));
        assert_eq!(date(Timestamp(1_800_000_000)), Date::constant(2027, 1, 15));
        for text in ["", "2027-01-15", "08:00", "1800000000"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_that_cannot_be_said_is_the_nearest_that_can() {
        let (first, last) = (parse("0000-01-01T00:00:00Z").unwrap(), parse("9999-12-30T22:00:00Z").unwrap());
        for (at, nearest) in [
            (i64::MAX, last),
            (last.0 + 1, last),
            (last.0, last),
            (last.0 - 1, Timestamp(last.0 - 1)),
            (first.0 + 1, Timestamp(first.0 + 1)),
            (first.0, first),
            (first.0 - 1, first),
            (i64::MIN, first),
        ] {
            assert_eq!(parse(&text(Timestamp(at))), Some(nearest), "{at}");
        }
        assert_eq!(date(Timestamp(i64::MAX)), Date::constant(9999, 12, 30));
        assert_eq!((text(first), text(last)), ("0000-01-01T00:00:00Z".into(), "9999-12-30T22:00:00Z".into()));
    }
}
