//! What a host app may note about a user: at most 20 keys and 4 KB; a change merges at the top, and `null` takes a key
//! away.

use crate::{ErrorCode, Refusal, refuse};
use serde_json::{Map, Value};

pub const TOO_MANY_KEYS: Refusal = refuse(
    ErrorCode::Api { name: "metadata_too_many_keys", status: 400 },
    "metadata has at most 20 keys at the top; set one that is no longer needed to null",
);
pub const TOO_LARGE: Refusal = refuse(
    ErrorCode::Api { name: "metadata_too_large", status: 400 },
    "metadata has at most 4096 bytes as JSON; keep larger things in a database of yours",
);

const MAX_KEYS: usize = 20;
const MAX_BYTES: usize = 4096;

pub fn merge(own: &mut Map<String, Value>, change: Map<String, Value>) -> Result<(), Refusal> {
    for (name, value) in change {
        if value.is_null() {
            own.remove(&name);
        } else {
            own.insert(name, value);
        }
    }
    if own.len() > MAX_KEYS {
        return Err(TOO_MANY_KEYS);
    }
    let size = serde_json::to_string(own).map_or(usize::MAX, |text| text.len());
    if size > MAX_BYTES { Err(TOO_LARGE) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_change_merges_at_the_top_and_null_takes_away() {
        let mut own = map(json!({ "a": { "x": 1 }, "b": 2 }));
        merge(&mut own, map(json!({ "a": { "y": 1 }, "b": null, "c": 3, "d": null }))).unwrap();
        assert_eq!(Value::Object(own), json!({ "a": { "y": 1 }, "c": 3 }));
    }

    #[test]
    fn keys_and_bytes_have_an_end() {
        let keys = |n: usize| (0..n).map(|n| (n.to_string(), json!(1))).collect();
        assert_eq!(merge(&mut Map::new(), keys(20)), Ok(()));
        assert_eq!(merge(&mut Map::new(), keys(21)), Err(TOO_MANY_KEYS));
        let text = |n: usize| map(json!({ "k": "x".repeat(n) }));
        assert_eq!(merge(&mut Map::new(), text(4088)), Ok(()));
        assert_eq!(merge(&mut Map::new(), text(4089)), Err(TOO_LARGE));
    }
}
