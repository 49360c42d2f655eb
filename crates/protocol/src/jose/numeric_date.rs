//! Reading a time from a claim.
//!
//! Specs: RFC 7519 §2 (`NumericDate`).

use crate::time::Timestamp;
use serde_json::Value;

/// The whole second of a `NumericDate`; `None` when `value` is not one.
/// Fractions are allowed by the specification, and some clients send them.
pub fn numeric_date(value: &Value) -> Option<Timestamp> {
    if let Some(seconds) = value.as_i64() {
        return Some(Timestamp(seconds));
    }
    let seconds = value.as_f64()?.floor();
    // Beyond 2^53 a double no longer tells one second from the next.
    if seconds.abs() > 9_007_199_254_740_992.0 {
        return None;
    }
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "a whole number within 2^53 fits exactly"
    )]
    Some(Timestamp(seconds as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whole_and_broken_seconds_are_read_and_nothing_else() {
        for (value, expected) in [
            (json!(1_300_819_380), Some(Timestamp(1_300_819_380))),
            (json!(1_300_819_380.9), Some(Timestamp(1_300_819_380))),
            (json!(-1.5), Some(Timestamp(-2))),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!("1300819380"), None),
            (json!(true), None),
            (json!(null), None),
        ] {
            assert_eq!(numeric_date(&value), expected, "{value}");
        }
    }
}
