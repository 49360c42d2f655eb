//! Making keys and replacing them.
//!
//! Specs: OIDC Core §10.1.1, RFC 8725 §3.5 (key entropy).
//!
//! A new signing key is published for a while before it signs, so that every verifier knows it when its first token comes; the
//! old one stays published until the last token that it signed has expired. A refresh key is known to nobody but us, so
//! its successor is used at once, and the old one stays as long as a family that began with it can live.
//!
//! These functions block: they are for the command line and for the start of a server, not for a thread of the async runtime.

use super::{
    master_key::{Context, MasterKey},
    opening::require,
    ring::{KeyState, refresh_key_id, refresh_kid, state_of},
};
use crate::{
    entropy::Entropy,
    failure::Failure,
    project,
    store::{
        Store, Tx,
        signing_keys::{KeyPurpose, StoredKey},
    },
};
use anyhow::{Context as _, Result, anyhow, bail};
use hospes_protocol::{
    Seconds, Timestamp,
    audit_event::{Actor, EventKind},
    client::SigningAlg,
    id::ProjectId,
    jose::SigningKey,
};
use zeroize::Zeroizing;

/// A request that began before a key retired may still sign with it, and clocks of several servers differ.
const MARGIN: Seconds = Seconds(300);

/// What to replace, and how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The keys that sign OAuth tokens, one for each algorithm in use, and the one that signs the JWTs of sessions.
    Signing {
        /// How long a new key is published before it signs. Zero is for emergencies: verifiers that remember the key
        /// set will refuse the first tokens.
        lead: Seconds,
        /// How long the old key stays published after it stopped signing. Zero is for emergencies too: nothing
        /// that any earlier key signed is accepted any more.
        keep: Seconds,
    },
    /// The key of refresh tokens. The old one is kept as long as a living family needs it, but at least so long.
    Refresh { keep: Seconds },
}

/// What every project has a key for: OAuth tokens with each of `algs`, the JWTs of sessions, refresh tokens.
fn wanted(algs: &[SigningAlg]) -> impl Iterator<Item = (KeyPurpose, Option<SigningAlg>)> {
    let of_sessions = (KeyPurpose::Session, Some(SigningAlg::RS256));
    algs.iter().map(|alg| (KeyPurpose::Signing, Some(*alg))).chain([of_sessions, (KeyPurpose::Refresh, None)])
}

/// Makes the keys that `project` lacks: one for each of `algs`, one for sessions and one for refresh tokens. They are
/// active at once. Returns those that were made.
pub fn ensure(
    store: &Store,
    master: &MasterKey,
    project: &ProjectId,
    algs: &[SigningAlg],
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Vec<StoredKey>> {
    let own_project = project.clone();
    let existing = store.read_blocking(move |tx| Ok(tx.find_keys(&own_project)?))?;
    let made = wanted(algs)
        .filter(|(purpose, alg)| active(&existing, *purpose, *alg, now).is_empty())
        .map(|(purpose, alg)| make(master, project, purpose, alg, entropy, now))
        .collect::<Result<Vec<_>>>()?;
    if made.is_empty() {
        return Ok(made);
    }
    let (project, mark) = (project.clone(), master.mark());
    Ok(store.write_blocking(move |tx| {
        let existing = lock(tx, &mark.id, &project)?;
        // Another process may have come first.
        let missing: Vec<_> =
            made.iter().filter(|key| active(&existing, key.purpose, key.alg, now).is_empty()).cloned().collect();
        for key in &missing {
            tx.add_key(&project, key)?;
        }
        Ok(missing)
    })?)
}

/// The first keys of a project that is yet to be stored: the caller stores both in one transaction.
pub fn first(
    master: &MasterKey,
    project: &ProjectId,
    algs: &[SigningAlg],
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Vec<StoredKey>> {
    wanted(algs).map(|(purpose, alg)| make(master, project, purpose, alg, entropy, now)).collect()
}

/// Replaces keys. Returns the new ones, which sign from their `activates_at` on.
pub fn rotate(
    store: &Store,
    master: &MasterKey,
    project: &ProjectId,
    rotation: Rotation,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Vec<StoredKey>> {
    let own_project = project.clone();
    let existing = store.read_blocking(move |tx| Ok(tx.find_keys(&own_project)?))?;
    let (purposes, lead) = match rotation {
        Rotation::Signing { lead, .. } => ([KeyPurpose::Signing, KeyPurpose::Session].as_slice(), lead),
        Rotation::Refresh { .. } => ([KeyPurpose::Refresh].as_slice(), Seconds(0)),
    };
    let is_emergency = matches!(rotation, Rotation::Signing { keep: Seconds(0), .. });
    let mut kinds: Vec<_> = existing
        .iter()
        .filter(|key| {
            purposes.contains(&key.purpose) && matches!(state_of(key, now), KeyState::Active | KeyState::Next)
        })
        .map(|key| (key.purpose, key.alg))
        .collect();
    kinds.sort_by_key(|(purpose, alg)| (purpose.as_str(), alg.map(SigningAlg::as_str)));
    kinds.dedup();
    if kinds.is_empty() {
        bail!("the project has no key to replace; `hospes init` makes the first ones");
    }
    let begins = now.plus(lead);
    let made = kinds
        .into_iter()
        .map(|(purpose, alg)| {
            make(master, project, purpose, alg, entropy, now).map(|key| StoredKey { activates_at: begins, ..key })
        })
        .collect::<Result<Vec<_>>>()?;
    let occasion = project::occasion(project, entropy, Actor::Operator, now);
    let (project, mark) = (project.clone(), master.mark());
    Ok(store.write_blocking(move |tx| {
        let existing = lock(tx, &mark.id, &project)?;
        for new in &made {
            for old in existing.iter().filter(|old| old.purpose == new.purpose && old.alg == new.alg) {
                let state = state_of(old, now);
                if state == KeyState::Next && lead > Seconds(0) {
                    let wait = old.activates_at.since(now).0;
                    return Err(
                        anyhow!("a new key ({}) is waiting already; it begins to sign in {wait} s", old.kid).into()
                    );
                }
                // A key that an earlier rotation retires sooner stays with that.
                let retires_at = old.retires_at.map_or(begins, |at| at.min(begins));
                let ends = match state {
                    KeyState::Next | KeyState::Active => end(tx, &project, rotation, retires_at)?,
                    // In an emergency the keys before the last one go too.
                    KeyState::Retired if is_emergency => begins,
                    KeyState::Retired | KeyState::Expired => continue,
                };
                tx.retire_key(&project, &old.kid, retires_at, ends)?;
            }
            tx.add_key(&project, new)?;
        }
        let kids: Vec<String> = made.iter().map(|key| key.kid.clone()).collect();
        let event = occasion.event(EventKind::SigningKeyRotated).detail("kids", kids);
        tx.record(&project, &event.detail("emergency", is_emergency))?;
        Ok(made.clone())
    })?)
}

/// From when on nothing made with a key is accepted.
fn end(tx: &mut Tx<'_>, project: &ProjectId, rotation: Rotation, retires_at: Timestamp) -> Result<Timestamp, Failure> {
    Ok(match rotation {
        Rotation::Signing { keep: Seconds(0), .. } => retires_at,
        Rotation::Signing { keep, .. } => retires_at.plus(keep).plus(MARGIN),
        Rotation::Refresh { keep } => {
            // A family stays with the key that it began with until its own end.
            let last = tx.last_refresh_end(project)?.unwrap_or(retires_at);
            last.max(retires_at.plus(keep)).plus(MARGIN)
        }
    })
}

/// Keeps other processes from changing keys until this transaction ends, and gives the keys as they are now.
fn lock(tx: &mut Tx<'_>, master_key_id: &str, project: &ProjectId) -> Result<Vec<StoredKey>, Failure> {
    // The row that every change of a key moves, so two changes come one after the other.
    tx.count_change()?;
    require(tx, master_key_id)?;
    Ok(tx.find_keys(project)?)
}

fn active(keys: &[StoredKey], purpose: KeyPurpose, alg: Option<SigningAlg>, now: Timestamp) -> Vec<&StoredKey> {
    let fits = |key: &&StoredKey| key.purpose == purpose && key.alg == alg && state_of(key, now) == KeyState::Active;
    keys.iter().filter(fits).collect()
}

/// A new key, active from `now` on.
pub(super) fn make(
    master: &MasterKey,
    project: &ProjectId,
    purpose: KeyPurpose,
    alg: Option<SigningAlg>,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<StoredKey> {
    let (kid, public_jwk, secret) = match alg {
        None => {
            let secret = Zeroizing::new(entropy.bytes::<32>());
            (refresh_kid(refresh_key_id(&secret)), None, Zeroizing::new(secret.to_vec()))
        }
        Some(alg) => {
            let secret = SigningKey::generate_pkcs8(alg).map_err(|error| anyhow!("{error}"))?;
            let named = |kid: &str| SigningKey::from_pkcs8(alg, kid, &secret).map_err(|error| anyhow!("{error}"));
            let kid = named("")?.public_jwk().thumbprint();
            let public_jwk = serde_json::to_value(named(&kid)?.public_jwk()).context("a public key is no JSON")?;
            (kid, Some(public_jwk), secret)
        }
    };
    let context = Context { project, kid: &kid, purpose: purpose.as_str() };
    let private_key = master.seal(context, &secret, entropy)?;
    Ok(StoredKey {
        kid,
        purpose,
        alg,
        public_jwk,
        private_key,
        created_at: now,
        activates_at: now,
        retires_at: None,
        expires_at: None,
    })
}
