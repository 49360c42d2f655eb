//! The token of a session: what a browser keeps as its cookie, and the host app's back end as `session_token`.
//!
//! It is derived of the session's id and a random salt under a key that is not in the database, so whoever proves to
//! hold the session by its JWT can be told the token too. Only its SHA-256 is stored, and only by that it is found.

use crate::{keys::Keys, secret::Secret};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes_protocol::id::SessionId;

/// The token of the session `id`. After a change of the master key it is not the one that was handed out; the stored
/// hash tells.
pub fn of(keys: &Keys, id: &SessionId, salt: &[u8; 16]) -> Secret {
    let bytes = keys.mac(b"session token", &[id.as_str().as_bytes(), salt]);
    Secret::from_text(Base64UrlUnpadded::encode_string(&bytes))
}
