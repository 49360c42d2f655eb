//! How many secrets of the management API a project may have.

use crate::{Refusal, refuse_api};

/// More would only make losing one more likely.
pub const MOST: usize = 10;

pub const NOT_FOUND: Refusal =
    refuse_api(404, "secret_not_found", "the project has no secret with this secret_id; list them to see which it has");
pub const LAST: Refusal =
    refuse_api(400, "cannot_delete_last_secret", "this is the last secret; make another one first");
pub const TOO_MANY: Refusal =
    refuse_api(400, "too_many_secrets", "the project has 10 secrets; delete one that nobody uses");

/// Whether a secret may be added to those that are `present`.
pub fn may_add(present: &[String]) -> Result<(), Refusal> {
    if present.len() < MOST { Ok(()) } else { Err(TOO_MANY) }
}

/// Whether the secret `id` may be removed from those that are `present`: somebody must be able to come in afterwards.
pub fn may_remove(present: &[String], id: &str) -> Result<(), Refusal> {
    if !present.iter().any(|own| own == id) {
        return Err(NOT_FOUND);
    }
    if present.len() == 1 { Err(LAST) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|n| n.to_string()).collect()
    }

    #[test]
    fn there_are_ten_at_most() {
        assert_eq!((may_add(&ids(9)), may_add(&ids(10))), (Ok(()), Err(TOO_MANY)));
    }

    #[test]
    fn the_last_one_stays() {
        assert_eq!(may_remove(&ids(2), "1"), Ok(()));
        assert_eq!(may_remove(&ids(1), "0"), Err(LAST));
        assert_eq!(may_remove(&ids(1), "1"), Err(NOT_FOUND));
    }
}
