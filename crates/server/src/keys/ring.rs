//! All keys of a project at one change counter, opened, parsed and indexed.
//!
//! Specs: RFC 7517 §5, RFC 9110 §8.8.3 (ETag).

use super::{
    certificate,
    master_key::{Context, MasterKey},
};
use crate::store::signing_keys::{KeyPurpose, StoredKey};
use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::digest;
use base64ct::{Base64, Encoding as _};
use bytes::Bytes;
use hospes_protocol::{
    Timestamp,
    client::SigningAlg,
    id::ProjectId,
    jose::{KeySet, PublicKey, SigningKey, VerifyingKey, base64url},
    refresh_token::RefreshKeys,
};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

/// The keys as of one time and one change counter.
pub struct KeyRing {
    pub counter: i64,
    keys: Arc<[Key]>,
    from: Timestamp,
    /// When the next key comes to its end, and this snapshot with it.
    until: Option<Timestamp>,
    key_set: KeySet,
    session_key_set: KeySet,
    jwks: JwksDocument,
    rsa_keys: Vec<Value>,
}

/// The published key set, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwksDocument {
    pub bytes: Bytes,
    /// With its quotes.
    pub etag: String,
}

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and signs nothing yet.
    Next,
    Active,
    /// Signs nothing any more; what it signed is accepted.
    Retired,
    Expired,
}

impl KeyState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Expired => "expired",
        }
    }
}

/// Where `key` is in its life at `now`.
pub fn state_of(key: &StoredKey, now: Timestamp) -> KeyState {
    Times::of(key).state(now)
}

#[derive(Clone)]
struct Key {
    kid: String,
    times: Times,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Signing {
        purpose: KeyPurpose,
        key: Arc<SigningKey>,
        verifying: VerifyingKey,
        published: String,
        /// With a certificate, as Stytch's SDKs want it; RSA keys only.
        certified: Option<Value>,
    },
    Refresh(Arc<RefreshKeys>),
}

#[derive(Debug, Clone, Copy)]
struct Times {
    activates: Timestamp,
    retires: Option<Timestamp>,
    expires: Option<Timestamp>,
}

impl Times {
    fn of(key: &StoredKey) -> Self {
        Self { activates: key.activates_at, retires: key.retires_at, expires: key.expires_at }
    }

    fn state(&self, now: Timestamp) -> KeyState {
        if self.expires.is_some_and(|at| at <= now) {
            return KeyState::Expired;
        }
        if self.retires.is_some_and(|at| at <= now) {
            return KeyState::Retired;
        }
        if now < self.activates { KeyState::Next } else { KeyState::Active }
    }
}

impl KeyRing {
    /// Opens `stored`. Keys that `previous` already opened are taken from there: they are named by their contents, so
    /// the same name is the same key.
    pub(super) fn load(
        counter: i64,
        stored: &[StoredKey],
        master: &MasterKey,
        project: &ProjectId,
        previous: Option<&Self>,
        now: Timestamp,
    ) -> Result<Self> {
        let keys = stored.iter().filter(|key| state_of(key, now) != KeyState::Expired).map(|row| {
            let opened =
                previous.and_then(|ring| ring.keys.iter().find(|key| key.kid == row.kid && key.is_for(row.purpose)));
            let body = match opened {
                Some(key) => key.body.clone(),
                None => Body::open(row, master, project).with_context(|| format!("key {}", row.kid))?,
            };
            Ok(Key { kid: row.kid.clone(), times: Times::of(row), body })
        });
        Ok(Self::of(counter, keys.collect::<Result<_>>()?, now))
    }

    /// The same keys at another time.
    pub(super) fn at(&self, now: Timestamp) -> Self {
        Self::of(self.counter, Arc::clone(&self.keys), now)
    }

    fn of(counter: i64, keys: Arc<[Key]>, now: Timestamp) -> Self {
        let bodies = |purpose: KeyPurpose| {
            let is_good = move |key: &&Key| key.is_for(purpose) && key.times.state(now) != KeyState::Expired;
            keys.iter().filter(is_good).map(|key| &key.body)
        };
        let key_set = bodies(KeyPurpose::Signing).filter_map(Body::verifying).cloned().collect();
        let session_key_set = bodies(KeyPurpose::Session).filter_map(Body::verifying).cloned().collect();
        let jwks = JwksDocument::of(bodies(KeyPurpose::Signing).filter_map(Body::published));
        let for_sdks = bodies(KeyPurpose::Signing).chain(bodies(KeyPurpose::Session));
        let rsa_keys = for_sdks.filter_map(Body::certified).cloned().collect();
        // Expired keys only ever leave, so the nearest end ahead is when this snapshot is over.
        let until = keys.iter().filter_map(|key| key.times.expires).filter(|at| *at > now).min();
        Self { counter, keys, from: now, until, key_set, session_key_set, jwks, rsa_keys }
    }

    /// Whether this snapshot holds at `now`. A clock that was set back makes a new one too.
    pub(super) fn is_as_of(&self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }

    /// The key that signs access tokens and ID tokens with `alg` at `now`: of the active ones the newest.
    pub fn signing(&self, alg: SigningAlg, now: Timestamp) -> Option<Arc<SigningKey>> {
        self.signing_for(KeyPurpose::Signing, alg, now)
    }

    /// The same for another purpose.
    pub fn signing_for(&self, purpose: KeyPurpose, alg: SigningAlg, now: Timestamp) -> Option<Arc<SigningKey>> {
        let active = self.keys.iter().filter(|key| key.is_for(purpose) && key.times.state(now) == KeyState::Active);
        let fitting = active.filter_map(|key| match &key.body {
            Body::Signing { key: signing, .. } if signing.alg() == alg => Some((key, signing)),
            _ => None,
        });
        fitting.max_by_key(|(key, _)| (key.times.activates, &key.kid)).map(|(_, signing)| Arc::clone(signing))
    }

    /// Every key with which an access token or ID token of ours may be verified: next, active and retired ones.
    pub fn key_set(&self) -> &KeySet {
        &self.key_set
    }

    /// Every key with which the JWT of a session may be verified; none of them verifies an OAuth token.
    pub fn session_key_set(&self) -> &KeySet {
        &self.session_key_set
    }

    /// The keys of [`KeyRing::key_set`] as they are published.
    pub fn jwks(&self) -> &JwksDocument {
        &self.jwks
    }

    /// The RSA keys that verify tokens of the Stytch plane and of sessions, each with the nine members that Stytch's
    /// SDKs require.
    pub fn rsa_keys(&self) -> &[Value] {
        &self.rsa_keys
    }

    /// The algorithms with which this project can sign at `now`.
    pub fn signing_algs(&self, now: Timestamp) -> Vec<SigningAlg> {
        [SigningAlg::ES256, SigningAlg::RS256, SigningAlg::EdDSA]
            .into_iter()
            .filter(|alg| self.signing(*alg, now).is_some())
            .collect()
    }

    /// The keys with which new families of refresh tokens are made at `now`.
    pub fn current_refresh_keys(&self, now: Timestamp) -> Option<Arc<RefreshKeys>> {
        let active = self.keys.iter().filter(|key| key.times.state(now) == KeyState::Active);
        let fitting = active.filter_map(|key| match &key.body {
            Body::Refresh(keys) => Some((key, keys)),
            Body::Signing { .. } => None,
        });
        fitting.max_by_key(|(key, _)| (key.times.activates, &key.kid)).map(|(_, keys)| Arc::clone(keys))
    }

    /// The keys that a presented refresh token names, active or retired.
    pub fn refresh_keys(&self, key_id: [u8; 8]) -> Option<Arc<RefreshKeys>> {
        let usable = self.keys.iter().filter(|key| key.times.state(self.from) != KeyState::Expired);
        usable.into_iter().find_map(|key| match &key.body {
            Body::Refresh(keys) if keys.key_id == key_id => Some(Arc::clone(keys)),
            _ => None,
        })
    }
}

impl Key {
    fn is_for(&self, wanted: KeyPurpose) -> bool {
        match &self.body {
            Body::Signing { purpose, .. } => *purpose == wanted,
            Body::Refresh(_) => wanted == KeyPurpose::Refresh,
        }
    }
}

impl Body {
    fn open(row: &StoredKey, master: &MasterKey, project: &ProjectId) -> Result<Self> {
        let context = Context { project, kid: &row.kid, purpose: row.purpose.as_str() };
        let secret = master.open(context, &row.private_key)?;
        if row.purpose == KeyPurpose::Refresh {
            let secret: &[u8; 32] = secret.as_slice().try_into().context("a refresh key must have 32 bytes")?;
            let key_id = refresh_key_id(secret);
            ensure!(refresh_kid(key_id) == row.kid, "the row holds another key than it says");
            return Ok(Self::Refresh(Arc::new(RefreshKeys::derive(key_id, secret))));
        }
        let alg = row.alg.context("a signing key without an algorithm")?;
        let key = SigningKey::from_pkcs8(alg, &row.kid, &secret).map_err(|error| anyhow!("{error}"))?;
        let jwk = key.public_jwk();
        ensure!(jwk.thumbprint() == row.kid, "the row holds another key than it says");
        let verifying = VerifyingKey::from_jwk(&jwk).map_err(|error| anyhow!("{error}"))?;
        let published = serde_json::to_string(&jwk).context("a public key is no JSON")?;
        let certified = match &jwk.key {
            PublicKey::Rsa { n, e } => {
                let certificate = certificate::self_signed(&secret, &row.kid)?;
                Some(json!({
                    "kty": "RSA", "use": "sig", "key_ops": ["verify"], "alg": alg.as_str(), "kid": row.kid,
                    "x5c": [Base64::encode_string(&certificate)],
                    "x5tS256": base64url(digest::digest(&digest::SHA256, &certificate).as_ref()),
                    "n": n, "e": e,
                }))
            }
            PublicKey::Ec { .. } | PublicKey::Okp { .. } => None,
        };
        Ok(Self::Signing { purpose: row.purpose, key: Arc::new(key), verifying, published, certified })
    }

    fn verifying(&self) -> Option<&VerifyingKey> {
        match self {
            Self::Signing { verifying, .. } => Some(verifying),
            Self::Refresh(_) => None,
        }
    }

    fn certified(&self) -> Option<&Value> {
        match self {
            Self::Signing { certified, .. } => certified.as_ref(),
            Self::Refresh(_) => None,
        }
    }

    /// The public key as JSON.
    fn published(&self) -> Option<&str> {
        match self {
            Self::Signing { published, .. } => Some(published),
            Self::Refresh(_) => None,
        }
    }
}

/// A refresh key is named by its contents, as the others are by their thumbprint.
pub(super) fn refresh_key_id(secret: &[u8; 32]) -> [u8; 8] {
    let hash = digest::digest(&digest::SHA256, &[b"hospes refresh key id".as_slice(), secret].concat());
    let mut id = [0; 8];
    id.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    id
}

pub(super) fn refresh_kid(key_id: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(key_id))
}

impl JwksDocument {
    // RFC 7517 §5
    fn of<'a>(keys: impl Iterator<Item = &'a str>) -> Self {
        let keys: Vec<_> = keys.collect();
        let text = format!("{{\"keys\":[{}]}}", keys.join(","));
        let etag = format!("\"{}\"", base64url(digest::digest(&digest::SHA256, text.as_bytes()).as_ref()));
        Self { bytes: text.into(), etag }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.keys.iter().map(|key| &key.kid).collect();
        f.debug_struct("KeyRing").field("counter", &self.counter).field("kids", &kids).finish_non_exhaustive()
    }
}
