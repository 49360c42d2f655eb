//! Refresh tokens: one row a family, a successor that a client which lost the answer gets again, and theft noticed.
//!
//! Specs: RFC 6749 §6 and §10.4, OAuth 2.1 §4.3.1 and §4.3.3, RFC 9700 §4.14.2, RFC 2104, RFC 5869.
//!
//! A token is `hrt_` and the base64url form of key id (8) ‖ family id (16) ‖ generation (4) ‖ secret (32) ‖ tag (16).
//! The tag says that we made it, before any row is read for it to matter. A family stays with the key under which its
//! first token was made; a new key (`hospes key rotate --refresh`) is for new families, and an old one stays usable
//! until the last absolute expiry issued under it. So a key change in the middle of a window changes no successor.
//!
//! Does not decide what access tokens may hold: that is `access_scope`.

use crate::{
    client::Client,
    error::{ErrorCode::InvalidGrant, Refusal, refuse},
    family::{Family, RefreshState, SupersededStep},
    id::{FamilyId, ProjectId},
    liveness::Alive,
    plane::Plane,
    secret::{self, hash_bytes},
    time::{Seconds, Timestamp},
};
use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding};
use std::{fmt, fmt::Write as _};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub const UNKNOWN: Refusal = refuse(InvalidGrant, "refresh token is unknown, or too old to be remembered");
pub const WRONG_CLIENT: Refusal = refuse(InvalidGrant, "refresh token was issued to another client");
pub const WRONG_PLANE: Refusal =
    refuse(InvalidGrant, "refresh token came from another token endpoint; use it where it belongs");
pub const EXPIRED: Refusal =
    refuse(InvalidGrant, "refresh token has expired; send the user through authorization again");
pub const REUSED: Refusal = refuse(
    InvalidGrant,
    "refresh token was already replaced, so all tokens of this authorization are revoked; store the newest one",
);
/// For the operator more than for the client: the database is older than the tokens out there.
pub const NOT_OUR_STATE: Refusal =
    refuse(InvalidGrant, "refresh token does not fit the stored state; send the user through authorization again");

/// Lets secret scanners find a leaked refresh token, and nobody take it for another kind of token.
pub const PREFIX: &str = "hrt_";
/// How many superseded steps a family remembers.
pub const REMEMBERED_STEPS: usize = 8;
/// How long a superseded token still yields its successor, unless the project or the client says otherwise.
pub const DEFAULT_WINDOW: Seconds = Seconds(60);
pub const DEFAULT_IDLE_LIFETIME: Seconds = Seconds(90 * 24 * 60 * 60);
pub const DEFAULT_ABSOLUTE_LIFETIME: Seconds = Seconds(365 * 24 * 60 * 60);

const RAW_LENGTH: usize = 8 + 16 + 4 + 32 + 16;
const TEXT_LENGTH: usize = PREFIX.len() + (RAW_LENGTH * 8).div_ceil(6);

/// The two subkeys with which tokens of one refresh key are made, parsed once.
pub struct RefreshKeys {
    pub key_id: [u8; 8],
    successor: hmac::Key,
    tag: hmac::Key,
}

impl RefreshKeys {
    /// Derives both subkeys from the stored key (HKDF-SHA256, one block each).
    pub fn derive(key_id: [u8; 8], master: &[u8; 32]) -> Self {
        // RFC 5869 §2.2: extract, with the key id as salt
        let extracted = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key_id), master);
        let extracted = hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref());
        // RFC 5869 §2.3: T(1) = HMAC(PRK, info ‖ 0x01), as long as the key that we need
        let expand = |info: &[u8]| {
            let mut context = hmac::Context::with_key(&extracted);
            context.update(info);
            context.update(&[1]);
            hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())
        };
        Self { key_id, successor: expand(SUCCESSOR_LABEL), tag: expand(TAG_LABEL) }
    }

    fn tag(&self, project: &ProjectId, family: [u8; 16], generation: u32, secret: &[u8; 32]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.tag);
        authenticate_common(&mut context, TAG_LABEL, project, family, generation);
        context.update(&self.key_id);
        context.update(secret);
        let mut tag = [0; 16];
        tag.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        tag
    }

    /// The secret of `generation`, made from the secret before it.
    fn successor(
        &self,
        project: &ProjectId,
        family: [u8; 16],
        generation: u32,
        secret: &[u8; 32],
        salt: &[u8; 16],
    ) -> Zeroizing<[u8; 32]> {
        let mut context = hmac::Context::with_key(&self.successor);
        authenticate_common(&mut context, SUCCESSOR_LABEL, project, family, generation);
        context.update(secret);
        context.update(salt);
        let mut next = Zeroizing::new([0; 32]);
        next.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        next
    }

    fn token(&self, project: &ProjectId, family: [u8; 16], generation: u32, secret: &[u8; 32]) -> String {
        let tag = self.tag(project, family, generation, secret);
        write_token(self.key_id, family, generation, secret, &tag)
    }
}

impl fmt::Debug for RefreshKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshKeys").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

const SUCCESSOR_LABEL: &[u8] = b"hospes refresh successor 1";
const TAG_LABEL: &[u8] = b"hospes refresh tag 1";

/// What tag and successor have in common. Everything after the project's id has a fixed length, and the id's length
/// is written before it, so two different inputs never give the same bytes.
fn authenticate_common(
    context: &mut hmac::Context,
    label: &[u8],
    project: &ProjectId,
    family: [u8; 16],
    generation: u32,
) {
    let project = project.as_str().as_bytes();
    context.update(label);
    context.update(&u64::try_from(project.len()).unwrap_or(u64::MAX).to_be_bytes());
    context.update(project);
    context.update(&family);
    context.update(&generation.to_be_bytes());
}

fn write_token(key_id: [u8; 8], family: [u8; 16], generation: u32, secret: &[u8; 32], tag: &[u8; 16]) -> String {
    let mut raw = Zeroizing::new(Vec::with_capacity(RAW_LENGTH));
    raw.extend_from_slice(&key_id);
    raw.extend_from_slice(&family);
    raw.extend_from_slice(&generation.to_be_bytes());
    raw.extend_from_slice(secret);
    raw.extend_from_slice(tag);
    let mut token = String::with_capacity(TEXT_LENGTH);
    token.push_str(PREFIX);
    token.push_str(&Base64UrlUnpadded::encode_string(&raw));
    token
}

/// A refresh token as somebody presented it: well-formed, not yet genuine.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    key_id: [u8; 8],
    family: [u8; 16],
    generation: u32,
    secret: Zeroizing<[u8; 32]>,
    tag: [u8; 16],
}

impl Presented {
    /// Takes a token apart. Exactly one text stands for each token: no padding, no other alphabet, no spare bits.
    pub fn parse(token: &str) -> Option<Self> {
        if token.len() != TEXT_LENGTH {
            return None;
        }
        let mut raw = Zeroizing::new([0; RAW_LENGTH]);
        let decoded = Base64UrlUnpadded::decode(token.strip_prefix(PREFIX)?, raw.as_mut_slice()).ok()?;
        let (key_id, rest) = decoded.split_first_chunk()?;
        let (family, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (secret, rest) = rest.split_first_chunk()?;
        Some(Self {
            key_id: *key_id,
            family: *family,
            generation: u32::from_be_bytes(*generation),
            secret: Zeroizing::new(*secret),
            tag: rest.try_into().ok()?,
        })
    }

    /// Names the key under which the token was made.
    pub fn key_id(&self) -> [u8; 8] {
        self.key_id
    }

    pub fn generation(&self) -> u32 {
        self.generation
    }

    pub fn family_id(&self) -> FamilyId {
        family_id(self.family)
    }

    /// Whether we made this token, under `keys` and for this project. Says nothing about whether it still counts.
    pub fn tag_is_genuine(&self, keys: &RefreshKeys, project: &ProjectId) -> bool {
        let expected = keys.tag(project, self.family, self.generation, &self.secret);
        self.key_id == keys.key_id && expected.ct_eq(&self.tag).into()
    }

    fn text(&self) -> String {
        write_token(self.key_id, self.family, self.generation, &self.secret, &self.tag)
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("family", &self.family_id())
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// The id of the family whose UUID has these bytes.
pub fn family_id(uuid: [u8; 16]) -> FamilyId {
    let all = u128::from_be_bytes(uuid);
    FamilyId::new(format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        all >> 96,
        (all >> 80) & 0xffff,
        (all >> 64) & 0xffff,
        (all >> 48) & 0xffff,
        all & 0xffff_ffff_ffff
    ))
}

/// The bytes of a family's UUID; `None` when the id is no UUID in lower case.
fn family_bytes(id: &FamilyId) -> Option<[u8; 16]> {
    let digits: String = id.as_str().chars().filter(|character| *character != '-').collect();
    let bytes = u128::from_str_radix(&digits, 16).ok()?.to_be_bytes();
    (family_id(bytes) == *id).then_some(bytes)
}

/// The first refresh token of a family, and the state to store. `None` when `family` is no UUID in lower case.
pub fn first(
    keys: &RefreshKeys,
    project: &ProjectId,
    family: &FamilyId,
    secret: &[u8; 32],
    idle_expires_at: Timestamp,
) -> Option<(String, RefreshState)> {
    let token = keys.token(project, family_bytes(family)?, 1, secret);
    let state =
        RefreshState { generation: 1, secret_hash: hash_bytes(secret), superseded: Vec::new(), idle_expires_at };
    Some((token, state))
}

/// When a family ends that is not refreshed from now on: never after the family itself.
pub fn idle_end(now: Timestamp, idle_lifetime: Seconds, family_expires_at: Timestamp) -> Timestamp {
    now.plus(idle_lifetime).min(family_expires_at)
}

/// What is known when a refresh token is presented.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub project: &'a ProjectId,
    /// The keys that the presented token names.
    pub keys: &'a RefreshKeys,
    pub family: &'a Family,
    /// Proof that family, client, user and grant are alive; its client is the authenticated one.
    pub alive: &'a Alive<'a>,
    /// Where the token was presented.
    pub plane: Plane,
    /// How long a superseded token yields its successor again.
    pub window: Seconds,
    pub idle_lifetime: Seconds,
    /// 16 fresh random bytes; used by a rotation only.
    pub new_salt: [u8; 16],
    pub now: Timestamp,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Store `state`, answer with the new `token`.
    Rotate { state: RefreshState, token: String },
    /// Store `state` (only the idle end moved), answer with the same `token`.
    Keep { state: RefreshState, token: String },
    /// Store nothing, log it, answer with the current `token` once more: the client lost our answer, or ran twice.
    Repeat { token: String },
    /// Revoke the family, then answer [`REUSED`]: somebody keeps a token that the client has replaced.
    Theft,
    /// Store nothing, tell the operator, answer with the refusal.
    Alarm(Refusal),
    /// Store nothing, answer with the refusal.
    Refuse(Refusal),
}

/// Decides what a presented refresh token yields.
///
/// First everything that must not have an effect: a tag that we did not make (nobody can end a family by guessing),
/// another client, another plane, a family that is over. Only then the generation is compared: from here on whoever
/// presents the token once received it from us.
pub fn decide(presented: &Presented, facts: &Facts<'_>) -> Decision {
    let Facts { project, keys, family, now, .. } = *facts;
    let client: &Client = facts.alive.client;
    if !presented.tag_is_genuine(keys, project) || presented.family_id() != family.id {
        return Decision::Refuse(UNKNOWN);
    }
    // RFC 6749 §6: the refresh token is bound to the client to which it was issued
    if family.client_id != client.id {
        return Decision::Refuse(WRONG_CLIENT);
    }
    if family.plane != facts.plane {
        return Decision::Refuse(WRONG_PLANE);
    }
    let Some(state) = &family.refresh else { return Decision::Refuse(UNKNOWN) };
    // OAuth 2.1 §4.3.3, RFC 9700 §4.14.2: inactivity and absolute end
    if family.revoked_at.is_some() || now >= family.expires_at || now >= state.idle_expires_at {
        return Decision::Refuse(EXPIRED);
    }
    if presented.generation > state.generation {
        return Decision::Alarm(NOT_OUR_STATE);
    }
    if presented.generation < state.generation {
        return superseded(presented, state, facts);
    }
    if !is_hash_of(&state.secret_hash, &presented.secret) {
        return Decision::Alarm(NOT_OUR_STATE);
    }
    let idle_expires_at = idle_end(now, facts.idle_lifetime, family.expires_at);
    // OAuth 2.1 §4.3.1: a confidential client proves itself at each use; a public one gets a new token
    if !client.is_public() {
        let state = RefreshState { idle_expires_at, ..state.clone() };
        return Decision::Keep { state, token: presented.text() };
    }
    let Some(generation) = presented.generation.checked_add(1) else {
        return Decision::Refuse(EXPIRED);
    };
    let secret = keys.successor(project, presented.family, generation, &presented.secret, &facts.new_salt);
    let forgotten = (state.superseded.len() + 1).saturating_sub(REMEMBERED_STEPS);
    let mut steps = Vec::with_capacity(REMEMBERED_STEPS);
    steps.extend(state.superseded.iter().skip(forgotten).cloned());
    steps.push(SupersededStep { generation: presented.generation, superseded_at: now, salt: facts.new_salt });
    Decision::Rotate {
        state: RefreshState {
            generation,
            secret_hash: hash_bytes(secret.as_slice()),
            superseded: steps,
            idle_expires_at,
        },
        token: keys.token(project, presented.family, generation, &secret),
    }
}

/// Whether a presented refresh token would be accepted; for introspection.
pub fn is_usable(presented: &Presented, facts: &Facts<'_>) -> bool {
    matches!(decide(presented, facts), Decision::Rotate { .. } | Decision::Keep { .. } | Decision::Repeat { .. })
}

/// A genuine token of an earlier generation: within its own window it leads, salt by salt, to the current one.
fn superseded(presented: &Presented, state: &RefreshState, facts: &Facts<'_>) -> Decision {
    let Facts { project, keys, .. } = *facts;
    let steps = state.superseded.iter().skip_while(|step| step.generation != presented.generation);
    // RFC 9700 §4.14.2: a replaced token that comes back outside the window means two holders
    let in_window = steps
        .clone()
        .next()
        .is_some_and(|step| facts.window > Seconds(0) && facts.now.since(step.superseded_at) < facts.window);
    if !in_window {
        return Decision::Theft;
    }
    let mut generation = presented.generation;
    let mut secret = presented.secret.clone();
    for step in steps {
        // Steps are consecutive; a gap is a damaged row.
        if step.generation != generation || generation == u32::MAX {
            return Decision::Alarm(NOT_OUR_STATE);
        }
        generation += 1;
        secret = keys.successor(project, presented.family, generation, &secret, &step.salt);
    }
    // The row went on from another token of this generation than the one presented: the database is not the one that
    // issued it. That is no proof of theft.
    if generation != state.generation || !is_hash_of(&state.secret_hash, &secret) {
        return Decision::Alarm(NOT_OUR_STATE);
    }
    Decision::Repeat { token: keys.token(project, presented.family, generation, &secret) }
}

fn is_hash_of(stored: &[u8; 32], secret: &[u8; 32]) -> bool {
    secret::any_equal(&[hash_bytes(secret)], &[*stored])
}

/// The superseded steps as the one text that the store keeps: `generation:seconds:salt` joined by commas.
pub fn encode_superseded(steps: &[SupersededStep]) -> String {
    let mut text = String::with_capacity(steps.len() * 44);
    for step in steps {
        if !text.is_empty() {
            text.push(',');
        }
        let salt = Base64UrlUnpadded::encode_string(&step.salt);
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{}:{}:{salt}", step.generation, step.superseded_at.0);
    }
    text
}

/// Reads what [`encode_superseded`] wrote; `None` for anything else.
pub fn parse_superseded(text: &str) -> Option<Vec<SupersededStep>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(parse_step).collect()
}

fn parse_step(text: &str) -> Option<SupersededStep> {
    let (generation, rest) = text.split_once(':')?;
    let (superseded_at, salt_text) = rest.split_once(':')?;
    let mut salt = [0; 16];
    if Base64UrlUnpadded::decode(salt_text, &mut salt).ok()?.len() != salt.len() {
        return None;
    }
    Some(SupersededStep {
        generation: generation.parse().ok()?,
        superseded_at: Timestamp(superseded_at.parse().ok()?),
        salt,
    })
}
