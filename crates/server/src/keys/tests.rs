//! Keys on a real database, as two processes see it: a server that runs, and the command line. On PostgreSQL where
//! `TEST_DATABASE_URL` names one, else on SQLite.

use super::*;
use crate::{
    config::{MasterKeySource, Secret},
    entropy::Entropy,
    store::{
        Tx,
        projects::Project,
        signing_keys::{KeyPurpose, StoredKey},
        tests::{self, Database},
        webhooks::Webhook,
    },
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes_protocol::{
    Scope, Seconds, Timestamp,
    client::SigningAlg,
    family::{Family, FamilyContext, RefreshState},
    id::{ClientId, FamilyId, SessionId, UserId, WebhookId},
    jose::{JoseError, Jwks, Unverified},
    plane::Plane,
    policy::Policy,
};
use serde_json::json;
use std::path::PathBuf;

const ALGS: [SigningAlg; 2] = [SigningAlg::ES256, SigningAlg::RS256];
const START: Timestamp = Timestamp(1_800_000_000);
const HOUR: Seconds = Seconds(3600);
const DAY: Seconds = Seconds(86_400);
const ROTATION: Rotation = Rotation::Signing { lead: HOUR, keep: DAY };

/// A database with one project, and the process that looks at it.
pub(crate) struct Test {
    database: Database,
    store: Store,
    project: ProjectId,
    clock: Clock,
    entropy: Entropy,
    runtime: tokio::runtime::Runtime,
}

impl Test {
    pub(crate) fn new() -> Self {
        let Some(database) = tests::postgres() else { return Self::on(tests::sqlite()) };
        let test = Self::on(database);
        // Only for SQLite is it made by itself.
        MasterKey::make_file(&test.key_file(), &test.entropy).unwrap();
        test
    }

    fn on(database: Database) -> Self {
        let test = Self {
            store: database.store.clone(),
            database,
            project: ProjectId::new("p"),
            clock: Clock::fixed(START),
            entropy: Entropy::Os,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        };
        test.add_project("p");
        test
    }

    fn add_project(&self, id: &str) {
        let project = Project {
            id: ProjectId::new(id),
            name: id.into(),
            issuer: format!("https://{id}.example"),
            settings: crate::project_settings::ProjectSettings::default(),
            policy: Policy::default(),
            created_at: START,
            updated_at: START,
            version: 1,
            tokens_valid_from: Timestamp(0),
        };
        assert!(self.store.write_blocking(move |tx| Ok(tx.add_project(&project)?)).unwrap());
    }

    fn key_file(&self) -> PathBuf {
        self.database.folder.path().join("hospes.key")
    }

    fn source(&self) -> MasterKeySource {
        MasterKeySource::File(self.key_file())
    }

    fn master(&self) -> MasterKey {
        open_master_key(&self.source(), &self.store, &self.entropy).unwrap()
    }

    pub(crate) fn ensure(&self) -> Vec<StoredKey> {
        ensure(&self.store, &self.master(), &self.project, &ALGS, &self.entropy, self.clock.now()).unwrap()
    }

    /// What `hospes key rotate` does, in a process of its own.
    fn rotate(&self, rotation: Rotation) -> anyhow::Result<Vec<StoredKey>> {
        let store = self.database.open_again();
        rotate(&store, &self.master(), &self.project, rotation, &self.entropy, self.clock.now())
    }

    pub(crate) fn server(&self) -> Keys {
        self.try_server().unwrap()
    }

    fn try_server(&self) -> Result<Keys, Failure> {
        self.runtime.block_on(Keys::open(&self.store, self.master(), &self.project, &self.clock))
    }

    pub(crate) fn ring(&self, keys: &Keys) -> Arc<KeyRing> {
        self.try_ring(keys).unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn try_ring(&self, keys: &Keys) -> Result<Arc<KeyRing>, Failure> {
        self.runtime.block_on(keys.ring_of_now())
    }

    fn stored(&self) -> Vec<StoredKey> {
        let project = self.project.clone();
        self.store.read_blocking(move |tx| Ok(tx.find_keys(&project)?)).unwrap()
    }

    fn states(&self, alg: Option<SigningAlg>) -> Vec<&'static str> {
        let now = self.clock.now();
        let mut stored = self.stored();
        stored.sort_by_key(|key| key.activates_at);
        stored.iter().filter(|key| key.alg == alg).map(|key| state_of(key, now).as_str()).collect()
    }

    fn sign(&self, ring: &KeyRing, alg: SigningAlg) -> String {
        ring.signing(alg, self.clock.now()).unwrap().sign("at+jwt", &json!({ "sub": "alice" })).unwrap()
    }
}

fn environment(fill: u8) -> MasterKeySource {
    MasterKeySource::Environment(Secret::new(Base64UrlUnpadded::encode_string(&[fill; 32])))
}

fn verify(ring: &KeyRing, token: &str) -> Result<(), JoseError> {
    ring.key_set().verify(&Unverified::parse(token).unwrap()).map(|_| ())
}

fn kids(ring: &KeyRing) -> Vec<String> {
    let document = Jwks::parse(&ring.jwks().bytes).unwrap();
    document.keys.into_iter().map(|key| key.kid.unwrap()).collect()
}

#[track_caller]
fn check_refused<T>(result: anyhow::Result<T>, expected: &[&str]) {
    let Err(error) = result else { panic!("accepted") };
    let error = format!("{error:#}");
    for expected in expected {
        assert!(error.contains(expected), "{expected:?} is not in: {error}");
    }
}

#[test]
fn an_empty_sqlite_database_gets_a_key_file_and_keeps_to_it() {
    let test = Test::on(tests::sqlite());
    let first = test.master();
    assert!(test.key_file().exists());
    assert_eq!(test.master().id(), first.id());
    let deployment = test.store.read_blocking(|tx| Ok(tx.find_deployment()?)).unwrap();
    assert_eq!(deployment.master_key.unwrap().id, first.id());
}

#[test]
fn for_postgresql_a_key_is_never_made_by_itself() {
    let Some(database) = tests::postgres() else { return };
    let test = Test::on(database);
    check_refused(open_master_key(&test.source(), &test.store, &test.entropy), &["there is no", "HOSPES_MASTER_KEY"]);
    assert!(!test.key_file().exists());
}

#[test]
fn another_master_key_is_refused_and_the_message_says_what_to_do() {
    let test = Test::new();
    let right = test.master();
    let wrong = environment(7);
    check_refused(
        open_master_key(&wrong, &test.store, &test.entropy),
        &["HOSPES_MASTER_KEY", right.id(), "hospes key rewrap"],
    );
    // Only the check value differs: somebody made the ids alike.
    test.store
        .write_blocking(|tx| {
            let mark = tx.find_deployment()?.master_key.unwrap();
            let mut check_value = mark.check_value.clone();
            check_value[0] ^= 1;
            Ok(tx.set_master_key(&crate::store::deployment::MasterKeyMark { check_value, ..mark })?)
        })
        .unwrap();
    check_refused(open_master_key(&test.source(), &test.store, &test.entropy), &["is not the one"]);
}

#[test]
fn a_lost_key_file_is_not_made_again() {
    let test = Test::new();
    let lost = test.master();
    std::fs::remove_file(test.key_file()).unwrap();
    check_refused(
        open_master_key(&test.source(), &test.store, &test.entropy),
        &["hospes.key", lost.id(), "Put the key back"],
    );
    assert!(!test.key_file().exists());
}

#[test]
fn a_database_that_forgot_its_master_key_is_not_given_another() {
    let test = Test::new();
    test.ensure();
    test.store
        .write_blocking(|tx| {
            Ok(tx.run("UPDATE deployment SET master_key_id = NULL, check_value = NULL WHERE name = 'main'", &[])?)
        })
        .unwrap();
    check_refused(open_master_key(&test.source(), &test.store, &test.entropy), &["restore it from a backup"]);
}

#[test]
fn a_master_key_from_the_environment_needs_no_file() {
    let test = Test::new();
    let _ = std::fs::remove_file(test.key_file());
    let key = open_master_key(&environment(7), &test.store, &test.entropy).unwrap();
    assert_eq!(open_master_key(&environment(7), &test.store, &test.entropy).unwrap().id(), key.id());
    assert!(!test.key_file().exists());
    check_refused(open_master_key(&test.source(), &test.store, &test.entropy), &["there is no", "hospes.key"]);
}

#[test]
fn servers_that_start_at_once_agree_on_one_master_key() {
    let test = Test::new();
    let ids: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (1..=8)
            .map(|fill| {
                let store = test.database.open_again();
                scope.spawn(move || {
                    open_master_key(&environment(fill), &store, &Entropy::Os).map(|key| key.id().to_owned())
                })
            })
            .collect();
        starts.into_iter().filter_map(|start| start.join().unwrap().ok()).collect()
    });
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[test]
fn the_first_keys_are_made_once_and_sign_at_once() {
    let test = Test::new();
    let made = test.ensure();
    assert_eq!(made.len(), 4);
    assert!(test.ensure().is_empty());
    let ring = test.ring(&test.server());
    for alg in ALGS {
        verify(&ring, &test.sign(&ring, alg)).unwrap();
    }
    assert_eq!(ring.signing_algs(START), ALGS);
    assert!(ring.signing(SigningAlg::EdDSA, START).is_none());
    assert!(ring.current_refresh_keys(START).is_some());
    // A further algorithm on demand.
    let algs = [SigningAlg::EdDSA];
    let made = ensure(&test.store, &test.master(), &test.project, &algs, &test.entropy, START).unwrap();
    assert_eq!(made.len(), 1);
    let ring = test.ring(&test.server());
    verify(&ring, &test.sign(&ring, SigningAlg::EdDSA)).unwrap();
}

#[test]
fn processes_that_start_at_once_make_one_set_of_keys() {
    let test = Test::new();
    test.master();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (store, master, project) = (test.database.open_again(), test.master(), test.project.clone());
            scope.spawn(move || ensure(&store, &master, &project, &[SigningAlg::ES256], &Entropy::Os, START).unwrap());
        }
    });
    assert_eq!(test.stored().len(), 3);
}

#[test]
fn the_published_set_has_public_members_only_and_an_etag_of_its_contents() {
    let test = Test::new();
    test.ensure();
    let keys = test.server();
    let document = keys.last_known().jwks().clone();
    let published: serde_json::Value = serde_json::from_slice(&document.bytes).unwrap();
    let published = published["keys"].as_array().unwrap();
    assert_eq!(published.len(), 2, "the refresh key is nobody's business");
    for key in published {
        let mut members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        let expected = match key["kty"].as_str().unwrap() {
            "EC" => vec!["alg", "crv", "kid", "kty", "use", "x", "y"],
            _ => vec!["alg", "e", "kid", "kty", "n", "use"],
        };
        assert_eq!(members, expected);
    }
    assert_eq!(test.ring(&test.server()).jwks(), &document, "the same keys give the same bytes");
    test.rotate(ROTATION).unwrap();
    assert_ne!(test.ring(&keys).jwks().etag, document.etag);
    assert!(document.etag.starts_with('"') && document.etag.ends_with('"') && document.etag.len() == 45);
}

#[test]
fn rotation_overlaps_so_that_no_token_is_ever_refused() {
    let test = Test::new();
    test.ensure();
    let keys = test.server();
    let alg = SigningAlg::ES256;
    let before = test.ring(&keys);
    let old = before.signing(alg, START).unwrap().kid().to_owned();

    // The command line rotates in another process; the server notices at its next request.
    let made = test.rotate(ROTATION).unwrap();
    assert_eq!(made.len(), 3);
    let ring = test.ring(&keys);
    assert!(ring.counter > before.counter);
    assert_eq!(kids(&ring).len(), 4);
    assert_eq!(test.states(Some(alg)), ["active", "next"]);
    assert_eq!(ring.signing(alg, test.clock.now()).unwrap().kid(), old, "the next key is published but does not sign");

    // At its time the new key signs, and nothing had to happen for it.
    test.clock.advance(Seconds(HOUR.0 - 1));
    let last_old = test.sign(&test.ring(&keys), alg);
    test.clock.advance(Seconds(1));
    assert_eq!(test.states(Some(alg)), ["retired", "active"]);
    let ring = test.ring(&keys);
    let new = ring.signing(alg, test.clock.now()).unwrap().kid().to_owned();
    assert!(made.iter().any(|key| key.kid == new) && new != old);
    verify(&ring, &last_old).unwrap();
    verify(&ring, &test.sign(&ring, alg)).unwrap();

    // The old key goes when its last token is over, without anybody touching the database.
    test.clock.advance(DAY);
    verify(&test.ring(&keys), &last_old).unwrap();
    test.clock.advance(Seconds(301));
    assert_eq!(test.states(Some(alg)), ["expired", "active"]);
    assert_eq!(verify(&test.ring(&keys), &last_old), Err(JoseError::UnknownKey));
    assert!(!kids(&keys.last_known()).contains(&old));
    assert_eq!(kids(&keys.last_known()).len(), 2);
    // And it goes from the database without a trace in the ring.
    let (project, now) = (test.project.clone(), test.clock.now());
    let removed = test.store.write_blocking(move |tx| Ok(tx.remove_expired_keys(&project, now)?)).unwrap();
    assert_eq!(removed, 3);
    assert_eq!(kids(&test.ring(&keys)), kids(&keys.last_known()));
}

#[test]
fn a_second_rotation_waits_for_the_first() {
    let test = Test::new();
    test.ensure();
    test.rotate(ROTATION).unwrap();
    check_refused(test.rotate(ROTATION), &["waiting already", "3600 s"]);
    assert_eq!(test.stored().len(), 7);
    test.clock.advance(HOUR);
    test.rotate(ROTATION).unwrap();
    assert_eq!(test.states(Some(SigningAlg::ES256)), ["retired", "active", "next"]);
}

#[test]
fn in_an_emergency_the_new_key_signs_at_once_and_the_old_ones_are_void() {
    let test = Test::new();
    test.ensure();
    let keys = test.server();
    let alg = SigningAlg::ES256;
    let oldest = test.sign(&test.ring(&keys), alg);
    test.rotate(ROTATION).unwrap();
    test.clock.advance(HOUR);
    let older = test.sign(&test.ring(&keys), alg);
    test.clock.advance(Seconds(1));
    test.rotate(ROTATION).unwrap();
    test.rotate(Rotation::Signing { lead: Seconds(0), keep: Seconds(0) }).unwrap();
    let ring = test.ring(&keys);
    for leaked in [oldest, older] {
        assert_eq!(verify(&ring, &leaked), Err(JoseError::UnknownKey));
    }
    verify(&ring, &test.sign(&ring, alg)).unwrap();
    assert_eq!(kids(&ring).len(), 2);
    assert_eq!(test.states(Some(alg)), ["expired", "expired", "active", "expired"]);
}

#[test]
fn a_replaced_refresh_key_stays_until_the_last_family_that_needs_it_has_ended() {
    let test = Test::new();
    test.ensure();
    let keys = test.server();
    let old = test.ring(&keys).current_refresh_keys(START).unwrap().key_id;
    let family = |id: u8, expires_at, has_refresh: bool| Family {
        id: FamilyId::new(format!("00000000-0000-0000-0000-0000000000{id:02}")),
        plane: Plane::Standard,
        client_id: ClientId::new("c"),
        user_id: UserId::new("u"),
        session_id: Some(SessionId::new("s")),
        scope: Scope::default(),
        resources: Vec::new(),
        context: FamilyContext::default(),
        created_at: START,
        revoked_at: None,
        expires_at,
        refresh: has_refresh.then(|| RefreshState {
            generation: 1,
            secret_hash: [0; 32],
            superseded: Vec::new(),
            idle_expires_at: START,
        }),
    };
    let year = START.plus(Seconds(400 * DAY.0));
    let families = [family(1, START.plus(DAY), true), family(2, year, true), family(3, year.plus(DAY), false)];
    let project = test.project.clone();
    test.store
        .write_blocking(move |tx| {
            families.iter().try_for_each(|family| tx.add_family(&project, family))?;
            Ok(())
        })
        .unwrap();

    let made = test.rotate(Rotation::Refresh { keep: DAY }).unwrap();
    assert_eq!(made.len(), 1);
    let ring = test.ring(&keys);
    let new = ring.current_refresh_keys(START).unwrap().key_id;
    assert_ne!(new, old, "the new key is used at once");
    assert_eq!(ring.refresh_keys(old).unwrap().key_id, old);
    assert!(ring.refresh_keys([9; 8]).is_none());
    // The signing keys were left alone.
    assert_eq!(test.states(Some(SigningAlg::ES256)), ["active"]);

    test.clock.advance(Seconds(400 * DAY.0));
    assert!(test.ring(&keys).refresh_keys(old).is_some());
    test.clock.advance(Seconds(301));
    assert!(test.ring(&keys).refresh_keys(old).is_none());
    assert!(test.ring(&keys).refresh_keys(new).is_some());
}

#[test]
fn a_refresh_key_opens_to_the_same_keys_after_a_restart() {
    let test = Test::new();
    test.ensure();
    let keys = |server: &Keys| test.ring(server).current_refresh_keys(START).unwrap();
    let (before, after) = (keys(&test.server()), keys(&test.server()));
    let family = FamilyId::new("00000000-0000-0000-0000-000000000001");
    let first = |keys: &hospes_protocol::refresh_token::RefreshKeys| {
        hospes_protocol::refresh_token::first(keys, &test.project, &family, &[1; 32], START).unwrap().0
    };
    assert_eq!(first(&before), first(&after));
}

#[test]
fn rewrap_changes_the_master_key_and_nothing_else() {
    let test = Test::new();
    test.ensure();
    test.add_project("q");
    let (other, new) = (ProjectId::new("q"), environment(7));
    ensure(&test.store, &test.master(), &other, &[SigningAlg::ES256], &test.entropy, START).unwrap();
    let running = test.server();
    let token = test.sign(&test.ring(&running), SigningAlg::RS256);
    let published = running.last_known().jwks().clone();
    let hook = WebhookId::new("webhook-1");
    let context = webhook_secret(&test.project, &hook);
    let seal = |secret: &[u8]| running.master().seal(context, secret, &test.entropy).unwrap();
    let webhook = Webhook {
        id: hook.clone(),
        url: "https://app.example/hook".into(),
        kinds: vec!["*".into()],
        secret: seal(b"the secret"),
        previous: Some((seal(b"the one before"), START)),
        created_at: START,
        updated_at: START,
    };
    let project = test.project.clone();
    let held = running.clone();
    let add = move |tx: &mut Tx<'_>| {
        hold_master_key(tx, held.master().id())?;
        Ok(tx.add_webhook(&project, &webhook)?)
    };
    test.store.write_blocking(add).unwrap();

    let new_key = || MasterKey::find(&new).unwrap().unwrap();
    check_refused(rewrap(&test.store, new_key(), test.master(), &test.entropy), &["master key is now"]);
    check_refused(rewrap(&test.store, test.master(), test.master(), &test.entropy), &["in use already"]);
    assert_eq!(rewrap(&test.store, test.master(), new_key(), &test.entropy).unwrap(), 8);

    // The old key opens nothing any more, the new one everything.
    check_refused(open_master_key(&test.source(), &test.store, &test.entropy), &["is not the one"]);
    let master = open_master_key(&new, &test.store, &test.entropy).unwrap();
    let restarted = test.runtime.block_on(Keys::open(&test.store, master, &test.project, &test.clock)).unwrap();
    let ring = test.ring(&restarted);
    verify(&ring, &token).unwrap();
    assert_eq!(ring.jwks(), &published);
    let (project, id) = (test.project.clone(), hook.clone());
    let stored = test.store.read_blocking(move |tx| Ok(tx.find_webhook(&project, &id)?)).unwrap().unwrap();
    assert_eq!(restarted.unseal(context, &stored.secret).unwrap().as_slice(), b"the secret");
    assert_eq!(restarted.unseal(context, &stored.previous.unwrap().0).unwrap().as_slice(), b"the one before");
    check_refused(running.unseal(context, &stored.secret), &["does not open"]);
    check_refused(restarted.unseal(webhook_secret(&other, &hook), &stored.secret), &["does not open"]);
    let held = running.clone();
    let Err(Failure::Fault(error)) = test.store.write_blocking(move |tx| hold_master_key(tx, held.master().id()))
    else {
        panic!("a server with the old key may store what nobody can open")
    };
    check_refused::<()>(Err(error), &["master key is now"]);
    let master = open_master_key(&new, &test.store, &test.entropy).unwrap();
    assert!(test.runtime.block_on(Keys::open(&test.store, master, &other, &test.clock)).is_ok());

    // The server that ran meanwhile goes on with what it had opened …
    verify(&test.ring(&running), &token).unwrap();
    test.sign(&test.ring(&running), SigningAlg::ES256);
    // … until there is a key that it cannot open: then it says what to do.
    let master = open_master_key(&new, &test.store, &test.entropy).unwrap();
    rotate(&test.store, &master, &test.project, ROTATION, &test.entropy, START).unwrap();
    let Err(Failure::Fault(error)) = test.try_ring(&running) else { panic!("opened") };
    check_refused::<()>(Err(error), &["start the server with the new one"]);
}

#[test]
fn nothing_is_sealed_under_a_master_key_that_was_replaced_meanwhile() {
    let test = Test::new();
    test.ensure();
    let (old, new) = (test.master(), MasterKey::find(&environment(7)).unwrap().unwrap());
    rewrap(&test.store, test.master(), new, &test.entropy).unwrap();
    check_refused(rotate(&test.store, &old, &test.project, ROTATION, &test.entropy, START), &["master key is now"]);
    let algs = [SigningAlg::EdDSA];
    check_refused(ensure(&test.store, &old, &test.project, &algs, &test.entropy, START), &["master key is now"]);
    assert_eq!(test.stored().len(), 4);
}

#[test]
fn a_row_that_was_moved_or_swapped_does_not_open() {
    for tamper in [
        "UPDATE signing_keys SET private_key = (SELECT private_key FROM signing_keys WHERE alg = 'RS256' AND purpose = 'signing') WHERE alg = 'ES256'",
        "UPDATE signing_keys SET purpose = 'session' WHERE alg = 'ES256'",
        "UPDATE signing_keys SET kid = 'other' WHERE alg = 'ES256'",
        "UPDATE signing_keys SET alg = 'EdDSA' WHERE alg = 'ES256'",
        "UPDATE signing_keys SET project_id = 'q' WHERE alg = 'ES256'",
    ] {
        let test = Test::new();
        test.ensure();
        assert!(test.try_server().is_ok());
        test.store.write_blocking(move |tx| Ok(tx.run(tamper, &[])?)).unwrap();
        let project = if tamper.contains("'q'") { ProjectId::new("q") } else { test.project.clone() };
        let opened = test.runtime.block_on(Keys::open(&test.store, test.master(), &project, &test.clock));
        assert!(matches!(opened, Err(Failure::Fault(_))), "{tamper}");
    }
}

#[test]
fn a_session_key_never_verifies_an_oauth_token_nor_the_other_way_round() {
    let test = Test::new();
    test.ensure();
    let ring = test.ring(&test.server());
    let session = ring.signing_for(KeyPurpose::Session, SigningAlg::RS256, START).unwrap();
    assert_ne!(session.kid(), ring.signing(SigningAlg::RS256, START).unwrap().kid());
    let token = session.sign("at+jwt", &json!({ "sub": "alice" })).unwrap();
    assert_eq!(verify(&ring, &token), Err(JoseError::UnknownKey));
    assert!(!kids(&ring).contains(&session.kid().to_owned()));
    assert!(ring.session_key_set().verify(&Unverified::parse(&token).unwrap()).is_ok());
    let token = test.sign(&ring, SigningAlg::RS256);
    let outcome = ring.session_key_set().verify(&Unverified::parse(&token).unwrap());
    assert_eq!(outcome.err(), Some(JoseError::UnknownKey));
    // Its successor comes with that of the others.
    test.rotate(ROTATION).unwrap();
    test.clock.advance(HOUR);
    let later = test.ring(&test.server()).signing_for(KeyPurpose::Session, SigningAlg::RS256, test.clock.now());
    assert_ne!(later.unwrap().kid(), session.kid());
}

#[test]
fn a_mac_is_bound_to_its_label_and_to_every_part() {
    let test = Test::new();
    test.ensure();
    let keys = test.server();
    let mac = keys.mac(b"csrf", &[b"one", b"two"]);
    assert_eq!(mac, test.server().mac(b"csrf", &[b"one", b"two"]), "every process agrees");
    for other in [
        keys.mac(b"csr", &[b"fone", b"two"]),
        keys.mac(b"csrf", &[b"onet", b"wo"]),
        keys.mac(b"csrf", &[b"onetwo"]),
        keys.mac(b"csrf", &[b"one", b"two", b""]),
        keys.mac(b"csrf", &[]),
    ] {
        assert_ne!(mac, other);
    }
}

#[test]
fn a_ring_is_loaded_once_for_a_crowd() {
    let test = Test::new();
    test.ensure();
    let keys = test.server();
    test.rotate(ROTATION).unwrap();
    let counter = test.store.read_blocking(|tx| Ok(tx.change_counter()?)).unwrap();
    let rings = test.runtime.block_on(async {
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let keys = keys.clone();
            crowd.spawn(async move { keys.ring(counter).await.unwrap() });
        }
        crowd.join_all().await
    });
    assert!(rings.iter().all(|ring| Arc::ptr_eq(ring, &rings[0]) && ring.counter == counter));
}
