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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        grant::Grant,
        id::ClientId,
        samples::{self, FAMILY, NOW},
        user::User,
    };
    use proptest::prelude::*;

    const SECRET: [u8; 32] = [7; 32];
    const SALT: [u8; 16] = [9; 16];
    /// Computed by hand from the description above, outside this program.
    const FIRST: &str =
        "hrt_AQIDBAUGBwgBmPPCeht83o8BI0VniavNAAAAAQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB-CXyomP4D9DaFWUK-KVRA";
    const SECOND: &str =
        "hrt_AQIDBAUGBwgBmPPCeht83o8BI0VniavNAAAAAmAKpdegea93PEHibnc-S76b3MiBxHq7Rc6w9VBy60ALyowCaGh25uM0rZrVPMz7lw";

    fn keys() -> RefreshKeys {
        RefreshKeys::derive([1, 2, 3, 4, 5, 6, 7, 8], &[42; 32])
    }

    fn other_keys() -> RefreshKeys {
        RefreshKeys::derive([8, 7, 6, 5, 4, 3, 2, 1], &[43; 32])
    }

    struct World {
        project: ProjectId,
        keys: RefreshKeys,
        family: Family,
        client: Client,
        user: User,
        grant: Grant,
        plane: Plane,
        window: Seconds,
        new_salt: [u8; 16],
        now: Timestamp,
    }

    /// A public client's family with its first refresh token, [`FIRST`].
    fn world() -> World {
        let mut family = samples::family();
        let idle = idle_end(NOW, DEFAULT_IDLE_LIFETIME, family.expires_at);
        let (token, state) = first(&keys(), &samples::project(), &family.id, &SECRET, idle).unwrap();
        assert_eq!(token, FIRST);
        family.refresh = Some(state);
        World {
            project: samples::project(),
            keys: keys(),
            family,
            client: samples::client(),
            user: samples::user(),
            grant: samples::grant(),
            plane: Plane::Standard,
            window: DEFAULT_WINDOW,
            new_salt: SALT,
            now: NOW,
        }
    }

    impl World {
        fn decide(&self, token: &str) -> Decision {
            let alive = samples::alive(&self.client, &self.user, &self.grant);
            let facts = Facts {
                project: &self.project,
                keys: &self.keys,
                family: &self.family,
                alive: &alive,
                plane: self.plane,
                window: self.window,
                idle_lifetime: DEFAULT_IDLE_LIFETIME,
                new_salt: self.new_salt,
                now: self.now,
            };
            let presented = Presented::parse(token).expect("well-formed");
            let decision = decide(&presented, &facts);
            let accepted = !matches!(decision, Decision::Theft | Decision::Alarm(_) | Decision::Refuse(_));
            assert_eq!(is_usable(&presented, &facts), accepted);
            decision
        }

        /// Decides and stores, as the server does.
        fn present(&mut self, token: &str) -> Decision {
            let decision = self.decide(token);
            match &decision {
                Decision::Rotate { state, .. } | Decision::Keep { state, .. } => {
                    self.family.refresh = Some(state.clone());
                }
                Decision::Theft => self.family.revoked_at = Some(self.now),
                Decision::Repeat { .. } | Decision::Alarm(_) | Decision::Refuse(_) => {}
            }
            decision
        }

        /// Rotates and gives the new token; each rotation has its own salt.
        fn rotate(&mut self, token: &str) -> String {
            self.new_salt[0] = self.new_salt[0].wrapping_add(1);
            let decision = self.present(token);
            let Decision::Rotate { token, .. } = decision else { panic!("{decision:?}") };
            token
        }

        fn state(&self) -> RefreshState {
            self.family.refresh.clone().unwrap()
        }

        fn later(mut self, seconds: i64) -> Self {
            self.now = self.now.plus(Seconds(seconds));
            self
        }
    }

    /// `token` in `world` gives `expected`.
    #[track_caller]
    fn check(world: World, token: &str, expected: Decision) {
        assert_eq!(world.decide(token), expected);
    }

    /// A world in which [`FIRST`] was rotated to [`SECOND`] at `NOW`.
    fn rotated() -> World {
        let mut world = world();
        assert!(matches!(world.present(FIRST), Decision::Rotate { token, .. } if token == SECOND));
        world
    }

    #[test]
    fn a_public_client_gets_a_new_token() {
        let idle = Timestamp(NOW.0 + 10).plus(DEFAULT_IDLE_LIFETIME);
        let state = RefreshState {
            generation: 2,
            secret_hash: hash_bytes(Presented::parse(SECOND).unwrap().secret.as_slice()),
            superseded: vec![SupersededStep { generation: 1, superseded_at: Timestamp(NOW.0 + 10), salt: SALT }],
            idle_expires_at: idle,
        };
        check(world().later(10), FIRST, Decision::Rotate { state, token: SECOND.into() });
    }

    // RFC 5869 with the library's own HKDF as the second opinion
    #[test]
    fn the_subkeys_are_hkdf_sha_256() {
        let prk = aws_lc_rs::hkdf::Salt::new(aws_lc_rs::hkdf::HKDF_SHA256, &keys().key_id).extract(&[42; 32]);
        for (label, own) in [(SUCCESSOR_LABEL, keys().successor), (TAG_LABEL, keys().tag)] {
            let expected: hmac::Key = prk.expand(&[label], hmac::HMAC_SHA256).unwrap().into();
            assert_eq!(hmac::sign(&own, b"probe").as_ref(), hmac::sign(&expected, b"probe").as_ref());
        }
    }

    #[test]
    fn a_confidential_client_keeps_its_token() {
        let confidential = || World { client: samples::confidential(), ..world() };
        let idle_expires_at = Timestamp(NOW.0 + 10).plus(DEFAULT_IDLE_LIFETIME);
        let state = RefreshState { idle_expires_at, ..world().state() };
        check(confidential().later(10), FIRST, Decision::Keep { state, token: FIRST.into() });
    }

    // attacks.md row 2 (CVE-2026-53517), T-10
    #[test]
    fn forty_racers_make_one_step_and_get_the_same_token() {
        let mut world = world();
        let mut tokens = Vec::new();
        for racer in 0..40u8 {
            world.new_salt = [racer; 16];
            match world.present(FIRST) {
                Decision::Rotate { token, .. } => {
                    assert_eq!(racer, 0);
                    tokens.push(token);
                }
                Decision::Repeat { token } => tokens.push(token),
                other => panic!("racer {racer}: {other:?}"),
            }
        }
        assert_eq!(world.state().generation, 2);
        assert!(tokens.len() == 40 && tokens.iter().all(|token| *token == tokens[0]));
    }

    #[test]
    fn forty_racers_without_window_get_one_answer_and_end_the_family() {
        let mut world = World { window: Seconds(0), ..world() };
        let decisions: Vec<_> = (0..40).map(|_| world.present(FIRST)).collect();
        assert!(matches!(decisions[0], Decision::Rotate { .. }));
        assert_eq!(decisions[1], Decision::Theft);
        assert!(decisions[2..].iter().all(|decision| *decision == Decision::Refuse(EXPIRED)));
        assert!(world.family.revoked_at.is_some());
    }

    // T-10
    #[test]
    fn the_window_is_open_for_sixty_seconds_from_the_rotation() {
        let repeat = || Decision::Repeat { token: SECOND.into() };
        check(rotated(), FIRST, repeat());
        check(rotated().later(59), FIRST, repeat());
        check(rotated().later(60), FIRST, Decision::Theft);
        check(rotated().later(600), FIRST, Decision::Theft);
        check(World { window: Seconds(5), ..rotated() }.later(5), FIRST, Decision::Theft);
        check(World { window: Seconds(0), ..rotated() }, FIRST, Decision::Theft);
        // A clock that was set back opens no window that is turned off.
        check(World { window: Seconds(0), ..rotated() }.later(-5), FIRST, Decision::Theft);
        check(World { window: Seconds(-1), ..rotated() }.later(-5), FIRST, Decision::Theft);
    }

    #[test]
    fn repeating_moves_no_time_and_the_successor_still_works() {
        let mut world = rotated().later(30);
        let before = world.state();
        assert!(matches!(world.present(FIRST), Decision::Repeat { .. }));
        assert_eq!(world.state(), before);
        assert_ne!(world.rotate(SECOND), SECOND);
    }

    #[test]
    fn an_old_token_leads_over_several_steps_to_the_current_one() {
        let mut world = world();
        let mut tokens = vec![FIRST.to_owned()];
        for _ in 0..REMEMBERED_STEPS {
            let next = world.rotate(&tokens[tokens.len() - 1]);
            tokens.push(next);
        }
        let current = tokens.pop().unwrap();
        for token in &tokens {
            assert_eq!(world.decide(token), Decision::Repeat { token: current.clone() });
        }
        assert_eq!(world.state().superseded.len(), REMEMBERED_STEPS);
        world.rotate(&current);
        assert_eq!(world.state().superseded.len(), REMEMBERED_STEPS);
        assert_eq!(world.decide(FIRST), Decision::Theft, "the ninth step back is forgotten");
        assert!(matches!(world.decide(&tokens[1]), Decision::Repeat { .. }));
    }

    #[test]
    fn each_step_has_its_own_window() {
        let mut world = rotated().later(40);
        let third = world.rotate(SECOND);
        let world = world.later(30);
        assert_eq!(world.decide(SECOND), Decision::Repeat { token: third });
        assert_eq!(world.decide(FIRST), Decision::Theft);
    }

    // attacks.md row 5 (CVE-2026-55672)
    #[test]
    fn what_is_not_the_clients_has_no_effect() {
        let refused = Decision::Refuse;
        let other = Client { id: ClientId::new("evil"), ..samples::client() };
        let grant = Grant { client_id: other.id.clone(), ..samples::grant() };
        // Also where the client itself would have been called a thief.
        let stolen = World { client: other, grant, ..rotated() }.later(600);
        check(stolen, FIRST, refused(WRONG_CLIENT));
        check(World { plane: Plane::Stytch, ..rotated() }.later(600), FIRST, refused(WRONG_PLANE));
        check(World { keys: other_keys(), ..rotated() }.later(600), FIRST, refused(UNKNOWN));
        check(World { project: ProjectId::new("project-test-2"), ..rotated() }, FIRST, refused(UNKNOWN));
        let mut another = rotated();
        another.family.id = FamilyId::new("00000000-0000-0000-0000-000000000000");
        check(another, FIRST, refused(UNKNOWN));
        let mut without = rotated();
        without.family.refresh = None;
        check(without, FIRST, refused(UNKNOWN));
    }

    #[test]
    fn a_family_that_is_over_yields_nothing_and_calls_nobody_a_thief() {
        let mut revoked = rotated().later(600);
        revoked.family.revoked_at = Some(NOW);
        check(revoked, FIRST, Decision::Refuse(EXPIRED));
        let mut over = rotated();
        over.family.expires_at = NOW;
        check(over, SECOND, Decision::Refuse(EXPIRED));
        check(rotated().later(DEFAULT_IDLE_LIFETIME.0), SECOND, Decision::Refuse(EXPIRED));
        assert!(matches!(rotated().later(DEFAULT_IDLE_LIFETIME.0 - 1).decide(SECOND), Decision::Rotate { .. }));
    }

    // RFC 9700 §4.14.2, RFC 10017 §6.3.2.3: rotation never outlives the authorization
    #[test]
    fn the_idle_end_never_passes_the_absolute_one() {
        for client in [samples::client(), samples::confidential()] {
            let mut world = World { client, ..world() };
            world.family.expires_at = NOW.plus(Seconds(100));
            let (Decision::Rotate { state, .. } | Decision::Keep { state, .. }) = world.decide(FIRST) else { panic!() };
            assert_eq!(state.idle_expires_at, NOW.plus(Seconds(100)));
        }
        assert!(DEFAULT_IDLE_LIFETIME < DEFAULT_ABSOLUTE_LIFETIME);
    }

    // A database restored from an older backup
    #[test]
    fn genuine_tokens_that_the_row_cannot_explain_raise_an_alarm_without_effect() {
        let alarm = || Decision::Alarm(NOT_OUR_STATE);
        check(world(), SECOND, alarm());
        let mut another_second = World { new_salt: [1; 16], ..world() };
        another_second.present(FIRST);
        let other = another_second.rotate(&keys().token(
            &samples::project(),
            family_bytes(&samples::family().id).unwrap(),
            2,
            &keys().successor(&samples::project(), family_bytes(&samples::family().id).unwrap(), 2, &SECRET, &[1; 16]),
        ));
        assert_ne!(other, SECOND);
        // Same generation, another history: current …
        let mut sibling = World { new_salt: [1; 16], ..world() };
        sibling.present(FIRST);
        check(sibling, SECOND, alarm());
        // … and superseded.
        check(another_second, SECOND, alarm());
    }

    #[test]
    fn a_damaged_list_of_steps_raises_an_alarm() {
        let mut world = world();
        let second = world.rotate(FIRST);
        let third = world.rotate(&second);
        world.rotate(&third);
        let mut state = world.state();
        state.superseded.remove(1);
        world.family.refresh = Some(state);
        check(world, FIRST, Decision::Alarm(NOT_OUR_STATE));
    }

    #[test]
    fn the_last_generation_is_the_end() {
        let mut world = world();
        let bytes = family_bytes(&world.family.id).unwrap();
        let last = world.keys.token(&world.project, bytes, u32::MAX, &SECRET);
        world.family.refresh = Some(RefreshState { generation: u32::MAX, ..world.state() });
        check(world, &last, Decision::Refuse(EXPIRED));
    }

    #[test]
    fn a_new_key_in_the_middle_of_a_window_changes_no_successor() {
        // The family stays with its key: whoever loads `keys` by the token's key id finds the old ones.
        assert_eq!(Presented::parse(SECOND).unwrap().key_id(), Presented::parse(FIRST).unwrap().key_id());
        check(rotated().later(30), FIRST, Decision::Repeat { token: SECOND.into() });
    }

    #[test]
    fn a_leak_of_the_key_and_an_old_token_does_not_give_the_next() {
        let salted = |salt| {
            let mut world = World { new_salt: [salt; 16], ..world() };
            let Decision::Rotate { token, .. } = world.present(FIRST) else { panic!() };
            token
        };
        assert_ne!(salted(1), salted(2));
        assert_eq!(salted(1), salted(1));
    }

    #[track_caller]
    fn check_not_genuine(token: &str) {
        let is_genuine =
            Presented::parse(token).is_some_and(|presented| presented.tag_is_genuine(&keys(), &samples::project()));
        assert!(!is_genuine, "{token:?}");
    }

    // attacks.md row 19 (Zitadel CVE-2026-27840)
    #[test]
    fn every_prefix_suffix_and_case_change_of_a_token_fails() {
        let first = Presented::parse(FIRST).unwrap();
        assert!(first.tag_is_genuine(&keys(), &samples::project()));
        for at in 0..FIRST.len() {
            check_not_genuine(&FIRST[..at]);
            check_not_genuine(&FIRST[at + 1..]);
            let (before, rest) = FIRST.split_at(at);
            let (own, after) = rest.split_at(1);
            let swapped = if own.to_lowercase() == own { own.to_uppercase() } else { own.to_lowercase() };
            if swapped != own {
                check_not_genuine(&format!("{before}{swapped}{after}"));
            }
            check_not_genuine(&format!("{before}{after}"));
            for other in ["A", "_", "-", "9", "=", "+", " ", "\0", "é"] {
                if other != own {
                    check_not_genuine(&format!("{before}{other}{after}"));
                }
                check_not_genuine(&format!("{before}{other}{rest}"));
            }
        }
        for around in [format!("{FIRST}="), format!(" {FIRST}"), format!("{FIRST}\n"), format!("{FIRST}{FIRST}")] {
            check_not_genuine(&around);
        }
        check_not_genuine(&FIRST.to_lowercase());
        check_not_genuine(&FIRST.to_uppercase());
    }

    // attacks.md row 19: the four spare bits at the end name no second text for the same token
    #[test]
    fn only_one_text_stands_for_a_token() {
        let (rest, last) = FIRST.split_at(FIRST.len() - 1);
        let accepted: Vec<_> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            .chars()
            .filter(|last| Presented::parse(&format!("{rest}{last}")).is_some())
            .collect();
        assert_eq!(accepted, ['A', 'Q', 'g', 'w']);
        assert_eq!(last, "A");
        assert_eq!(Presented::parse(FIRST).unwrap().text(), FIRST);
    }

    // attacks.md row 18
    #[test]
    fn other_kinds_of_tokens_are_not_refresh_tokens() {
        for other in [
            format!("{}{}", crate::authorization_code::PREFIX, "A".repeat(43)),
            "eyJhbGciOiJFUzI1NiJ9.e30.AAAA".into(),
            FIRST.replacen("hrt_", "hac_", 1),
            String::new(),
        ] {
            assert_eq!(Presented::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn a_family_id_is_a_uuid_in_lower_case() {
        assert_eq!(Presented::parse(FIRST).unwrap().family_id().as_str(), FAMILY);
        assert_eq!(Presented::parse(SECOND).unwrap().generation(), 2);
        let refused = |id: &str| first(&keys(), &samples::project(), &FamilyId::new(id), &SECRET, NOW).is_none();
        for id in ["", "x", &FAMILY.to_uppercase(), &FAMILY.replace('-', ""), &format!("{FAMILY}0"), "+198f3c2"] {
            assert!(refused(id), "{id}");
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug() {
        let shown = format!("{:?} {:?}", Presented::parse(FIRST).unwrap(), keys());
        assert!(shown.contains(FAMILY) && !shown.contains("7, 7") && !shown.contains("42"), "{shown}");
    }

    #[test]
    fn the_theft_of_a_token_is_an_invalid_grant() {
        assert_eq!(REUSED.error, InvalidGrant);
    }

    #[test]
    fn steps_are_one_text() {
        let steps = [
            SupersededStep { generation: 1, superseded_at: NOW, salt: SALT },
            SupersededStep { generation: 2, superseded_at: Timestamp(-1), salt: [0; 16] },
        ];
        let text = "1:1800000000:CQkJCQkJCQkJCQkJCQkJCQ,2:-1:AAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(encode_superseded(&steps), text);
        assert_eq!(parse_superseded(text).unwrap(), steps);
        assert_eq!(parse_superseded(""), Some(Vec::new()));
        for damaged in [",", "1", "1:2", "1:2:", "1:2:AA", "x:2:AAAAAAAAAAAAAAAAAAAAAA", &format!("{text},")] {
            assert_eq!(parse_superseded(damaged), None, "{damaged}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            prop_assert!(Presented::parse(&text).is_none_or(|presented| presented.text() == text));
            let _ = parse_superseded(&text);
        }

        #[test]
        fn what_was_written_is_read_again(raw in proptest::collection::vec(any::<u8>(), RAW_LENGTH)) {
            let text = format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(&raw));
            let presented = Presented::parse(&text).unwrap();
            prop_assert_eq!(presented.text(), text);
            // Nobody finds a tag by chance.
            prop_assert!(!presented.tag_is_genuine(&keys(), &samples::project()));
            prop_assert_eq!(family_bytes(&presented.family_id()), Some(presented.family));
        }

        #[test]
        fn one_flipped_bit_is_not_genuine(bit in 0..RAW_LENGTH * 8) {
            let mut raw = Base64UrlUnpadded::decode_vec(&FIRST[4..]).unwrap();
            raw[bit / 8] ^= 1 << (bit % 8);
            check_not_genuine(&format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(&raw)));
        }

        #[test]
        fn steps_are_read_as_written(
            steps in proptest::collection::vec((any::<u32>(), any::<i64>(), any::<[u8; 16]>()), 0..9)
        ) {
            let steps: Vec<_> = steps
                .into_iter()
                .map(|(generation, at, salt)| SupersededStep { generation, superseded_at: Timestamp(at), salt })
                .collect();
            prop_assert_eq!(parse_superseded(&encode_superseded(&steps)), Some(steps));
        }
    }
}
