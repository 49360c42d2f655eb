//! Webhooks: which events are sent, how a message is signed, and when it is tried again.
//!
//! Specs: Standard Webhooks 1.0 (signature, headers), RFC 2104 (HMAC).

use crate::{
    audit_event::EventKind,
    error::{Refusal, refuse_api},
    time::{Seconds, Timestamp},
};
use aws_lc_rs::hmac;
use base64ct::{Base64, Encoding as _};
use std::collections::BTreeSet;

pub const SECRET_PREFIX: &str = "whsec_";
/// Stands for every kind of event, also for those that are yet to come.
pub const EVERY_KIND: &str = "*";
/// How many a project may have: each event is written once for each of them.
pub const MOST: usize = 10;
/// After a rotation messages carry a signature by the secret before as well, for so long.
pub const OLD_SECRET_SIGNS: Seconds = Seconds(24 * 60 * 60);
/// A message that nobody took for so long is given up.
pub const GIVEN_UP_AFTER: Seconds = Seconds(3 * 24 * 60 * 60);
/// How long a process has for one attempt before another one may try.
pub const LEASE: Seconds = Seconds(60);

pub const NOT_FOUND: Refusal = refuse_api(
    404,
    "webhook_not_found",
    "the project has no webhook with this webhook_id; list them to see which it has",
);
pub const TOO_MANY: Refusal =
    refuse_api(400, "too_many_webhooks", "the project has 10 webhooks; delete one that nobody reads");
pub const NO_KINDS: Refusal =
    refuse_api(400, "invalid_argument", "kinds: name the kinds of events to send, or `*` alone for all of them");
pub const UNKNOWN_KIND: Refusal =
    refuse_api(400, "invalid_argument", "kinds: no event has one of these kinds; docs/guides/audit.md lists them");

/// The kinds of events that a webhook is to get, each once, in the order of the alphabet.
pub fn parse_kinds(asked: &[String]) -> Result<Vec<String>, Refusal> {
    let kinds: BTreeSet<&String> = asked.iter().collect();
    let has_every = kinds.iter().any(|kind| *kind == EVERY_KIND);
    if kinds.is_empty() || (has_every && kinds.len() > 1) {
        return Err(NO_KINDS);
    }
    if !has_every && kinds.iter().any(|kind| EventKind::parse(kind).is_none()) {
        return Err(UNKNOWN_KIND);
    }
    Ok(kinds.into_iter().cloned().collect())
}

/// Whether one more may be added to those that are there.
pub fn may_add(present: usize) -> Result<(), Refusal> {
    if present < MOST { Ok(()) } else { Err(TOO_MANY) }
}

/// A secret as its owner gets it.
pub fn secret_text(secret: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", Base64::encode_string(secret))
}

/// The `webhook-signature` header: one signature for each secret, with spaces between.
pub fn signatures<'s>(secrets: impl Iterator<Item = &'s [u8]>, id: &str, at: Timestamp, body: &[u8]) -> String {
    let signatures: Vec<String> = secrets.map(|secret| signature(secret, id, at, body)).collect();
    signatures.join(" ")
}

// Standard Webhooks, "Signature scheme": the id, the timestamp and the body as it is sent, with full stops between
fn signature(secret: &[u8], id: &str, at: Timestamp, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{id}.{}.", at.0).as_bytes());
    context.update(body);
    format!("v1,{}", Base64::encode_string(context.sign().as_ref()))
}

/// What becomes of a message after an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    TryAt(Timestamp),
    GiveUp,
}

/// A message that has been tried `attempts` times, the first time at about `created_at`.
pub fn after_failure(attempts: i64, created_at: Timestamp, now: Timestamp) -> Next {
    let wait = match attempts {
        ..=1 => 5,
        2 => 30,
        3 => 2 * 60,
        4 => 10 * 60,
        5 => 30 * 60,
        6 => 60 * 60,
        7 => 2 * 60 * 60,
        8 => 4 * 60 * 60,
        _ => 8 * 60 * 60,
    };
    let next = now.plus(Seconds(wait));
    if next > created_at.plus(GIVEN_UP_AFTER) { Next::GiveUp } else { Next::TryAt(next) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::NOW;

    fn kinds(asked: &[&str]) -> Result<Vec<String>, Refusal> {
        parse_kinds(&asked.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn kinds_are_those_of_the_log_or_all() {
        assert_eq!(kinds(&["user.added", "client.added", "user.added"]).unwrap(), ["client.added", "user.added"]);
        assert_eq!(kinds(&["*"]).unwrap(), ["*"]);
        assert_eq!(kinds(&[]), Err(NO_KINDS));
        assert_eq!(kinds(&["*", "user.added"]), Err(NO_KINDS));
        assert_eq!(kinds(&["user.added", "user.*"]), Err(UNKNOWN_KIND));
    }

    #[test]
    fn there_are_ten_at_most() {
        assert_eq!((may_add(9), may_add(10)), (Ok(()), Err(TOO_MANY)));
    }

    /// The example that the reference libraries test with; the same by Python's `hmac`.
    #[test]
    fn a_signature_is_the_one_that_receivers_compute() {
        let secret = Base64::decode_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let header =
            signatures([secret.as_slice()].into_iter(), "msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp(1_614_265_330), body);
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two = signatures([secret.as_slice(), &[1; 32]].into_iter(), "id", NOW, body);
        assert_eq!(two.matches("v1,").count(), 2);
        assert_eq!(secret_text(&secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    }

    #[test]
    fn the_waits_grow_and_end_after_three_days() {
        let (mut at, mut attempts) = (NOW, 0);
        let mut waits = Vec::new();
        loop {
            attempts += 1;
            match after_failure(attempts, NOW, at) {
                Next::TryAt(next) => {
                    waits.push(next.since(at).0);
                    at = next;
                }
                Next::GiveUp => break,
            }
        }
        assert!(waits.is_sorted() && waits.starts_with(&[5, 30, 120]), "{waits:?}");
        let whole = at.since(NOW).0;
        assert!((60 * 60 * 60..=GIVEN_UP_AFTER.0).contains(&whole), "{whole}");
        assert_eq!(attempts, 17);
    }
}
