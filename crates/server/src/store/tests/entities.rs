//! Every entity, there and back, on both databases.

use super::{records::*, *};
use crate::store::{
    Position, Taken, Tx,
    audit::EventFilter,
    client_secrets::Slot,
    deployment::MasterKeyMark,
    housekeeping::Expired,
    passwords::Password,
    project_secrets::ProjectSecret,
    public_tokens::PublicToken,
    signing_keys::{KeyPurpose, StoredKey},
    standing::TokenStanding,
    webhooks::{Attempted, State, Webhook},
};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    audit_event::{Actor, AuditEvent, EventKind, Occasion},
    authorization_code::AuthorizationCode,
    client::SigningAlg,
    family::Family,
    grant::Grant,
    id::{ClientId, EmailId, EventId, FamilyId, InteractionId, ProjectId, SessionId, UserId, WebhookId},
    interaction::{Interaction, Progress},
    password_reset::{Destination, MailLocale, PasswordReset},
    session::{Attributes, FactorMethod},
    trusted_profile::{ProfileSettings, TrustedProfile},
    user::{Name, Profile, User},
};
use std::collections::BTreeSet;

/// Runs `body` as one write on each database. An assertion that fails in it is a panic in the transaction, and so a
/// fault, with which the test fails.
#[track_caller]
fn on_both(body: impl Fn(&mut Tx<'_>) -> Result<()> + Copy + Send + 'static) {
    for db in databases() {
        write(&db, body);
    }
}

#[track_caller]
fn write<T: Send + 'static>(db: &Database, body: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> T {
    match db.store.write_blocking(move |tx| Ok(body(tx)?)) {
        Ok(value) => value,
        Err(failure) => panic!("{}: {failure}", if db.is_postgres() { "PostgreSQL" } else { "SQLite" }),
    }
}

#[test]
fn projects() {
    on_both(|tx| {
        assert!(tx.add_project(&project())?);
        assert!(!tx.add_project(&project())?);
        assert_eq!(tx.find_project(&project_id())?, Some(project()));
        assert_eq!(tx.find_project_by_issuer("https://id.example")?, Some(project()));
        assert_eq!(tx.find_project_by_issuer("https://other.example")?, None);
        let mut changed = project();
        changed.name = "Renamed".into();
        assert_eq!(tx.update_project(&changed, later(1))?, Some(2));
        assert_eq!(tx.update_project(&changed, later(2))?, None);
        tx.void_tokens_of_all_projects(later(3))?;
        let [found] = tx.list_projects()?.try_into().unwrap();
        assert_eq!((found.name.as_str(), found.tokens_valid_from, found.version), ("Renamed", later(3), 3));
        Ok(())
    });
}

#[test]
fn nothing_that_ended_after_a_backup_lives_again() {
    on_both(|tx| {
        let project = &project_id();
        tx.add_project(&super::records::project())?;
        tx.add_user(project, &user("user-1"))?.unwrap();
        tx.add_session(project, &session("session-1"), &[1; 32])?;
        tx.add_interaction(project, &interaction("int-1"), &client_id(), None)?;
        tx.add_code(project, &[5; 32], &code())?;
        tx.void_tokens_of_all_projects(later(1))?;
        assert_eq!(tx.find_session_by_token(project, &[1; 32])?, None);
        assert_eq!(tx.find_interaction::<serde_json::Value>(project, &InteractionId::new("int-1"))?, None);
        assert_eq!(tx.take_code(project, &[5; 32])?, None);
        assert!(tx.find_user(project, &user_id())?.is_some());
        Ok(())
    });
}

#[test]
fn project_secrets() {
    on_both(|tx| {
        let secret =
            |id: &str| ProjectSecret { id: id.into(), hash: [1; 32], last_four: "wxyz".into(), created_at: NOW };
        tx.add_project_secret(&project_id(), &secret("a"))?;
        tx.add_project_secret(&project_id(), &secret("b"))?;
        assert_eq!(tx.find_project_secrets(&project_id())?, [secret("a"), secret("b")]);
        assert!(tx.remove_project_secret(&project_id(), "a")?);
        assert!(!tx.remove_project_secret(&project_id(), "a")?);
        assert_eq!(tx.find_project_secrets(&project_id())?, [secret("b")]);
        Ok(())
    });
}

#[test]
fn public_tokens() {
    on_both(|tx| {
        let token = |text: &str| PublicToken { token: text.into(), created_at: NOW };
        assert!(tx.add_public_token(&project_id(), &token("a"))?);
        assert!(tx.add_public_token(&project_id(), &token("b"))?);
        // A token names one project.
        for project in [project_id(), ProjectId::new("project-test-other")] {
            assert!(!tx.add_public_token(&project, &token("a"))?);
        }
        assert_eq!(tx.list_public_tokens(&project_id())?, [token("a"), token("b")]);
        assert!(!tx.remove_public_token(&ProjectId::new("project-test-other"), "a")?);
        assert!(tx.remove_public_token(&project_id(), "a")?);
        assert!(!tx.remove_public_token(&project_id(), "a")?);
        assert_eq!(tx.list_public_tokens(&project_id())?, [token("b")]);
        Ok(())
    });
}

#[test]
fn the_deployment_and_its_counter() {
    on_both(|tx| {
        let before = tx.find_deployment()?;
        assert_eq!(before.master_key, None);
        let counter = tx.change_counter()?;
        assert_eq!(counter, before.change_counter);
        tx.count_change()?;
        assert_eq!(tx.change_counter()?, counter + 1);
        let mark = MasterKeyMark { id: "mk1".into(), check_value: vec![1, 2, 3] };
        tx.set_master_key(&mark)?;
        let after = tx.find_deployment()?;
        assert_eq!(after.master_key, Some(mark));
        assert_eq!(after.change_counter, counter + 2);
        Ok(())
    });
}

#[test]
fn everything_that_is_cached_moves_the_counter() {
    on_both(|tx| {
        let project = project();
        let mut last = tx.change_counter()?;
        let mut moved = |tx: &mut Tx<'_>, line: u32| {
            let now = tx.change_counter()?;
            anyhow::ensure!(now > last, "line {line} did not move the counter");
            last = now;
            Ok(())
        };
        tx.add_project(&project)?;
        moved(tx, line!())?;
        tx.update_project(&project, NOW)?;
        moved(tx, line!())?;
        tx.add_client(&project.id, &client("client-1"))?;
        moved(tx, line!())?;
        tx.update_client(&project.id, &client_id(), &settings("x"), 1, NOW)?;
        moved(tx, line!())?;
        tx.set_client_secret(&project.id, &client_id(), &secret(Slot::Current, 1))?;
        moved(tx, line!())?;
        tx.set_client_secret(&project.id, &client_id(), &secret(Slot::Next, 2))?;
        moved(tx, line!())?;
        tx.promote_client_secret(&project.id, &client_id())?;
        moved(tx, line!())?;
        tx.cancel_client_secret(&project.id, &client_id())?;
        moved(tx, line!())?;
        tx.disable_client(&project.id, &client_id(), NOW)?;
        moved(tx, line!())?;
        tx.enable_client(&project.id, &client_id(), NOW)?;
        moved(tx, line!())?;
        tx.remove_client(&project.id, &client_id())?;
        moved(tx, line!())?;
        tx.add_key(&project.id, &key("k1", KeyPurpose::Refresh))?;
        moved(tx, line!())?;
        tx.retire_key(&project.id, "k1", NOW, NOW)?;
        moved(tx, line!())?;
        tx.rewrap_key(&project.id, "k1", &[1])?;
        moved(tx, line!())?;
        tx.remove_expired_keys(&project.id, later(1))?;
        moved(tx, line!())?;
        tx.void_tokens_of_all_projects(NOW)?;
        moved(tx, line!())
    });
}

fn key(kid: &str, purpose: KeyPurpose) -> StoredKey {
    let signs = purpose == KeyPurpose::Signing;
    StoredKey {
        kid: kid.into(),
        purpose,
        alg: signs.then_some(SigningAlg::ES256),
        public_jwk: signs.then(|| serde_json::json!({ "kty": "EC" })),
        private_key: vec![0, 255, 1],
        created_at: NOW,
        activates_at: later(5),
        retires_at: None,
        expires_at: None,
    }
}

#[test]
fn keys() {
    on_both(|tx| {
        let (signing, refresh) = (key("a", KeyPurpose::Signing), key("b", KeyPurpose::Refresh));
        tx.add_key(&project_id(), &signing)?;
        tx.add_key(&project_id(), &refresh)?;
        assert_eq!(tx.find_keys(&project_id())?, [signing.clone(), refresh]);
        tx.retire_key(&project_id(), "b", later(10), later(20))?;
        tx.rewrap_key(&project_id(), "a", &[5])?;
        assert_eq!(tx.find_keys(&project_id())?[1].retires_at, Some(later(10)));
        assert_eq!(tx.remove_expired_keys(&project_id(), later(20))?, 0);
        assert_eq!(tx.remove_expired_keys(&project_id(), later(21))?, 1);
        assert_eq!(tx.find_keys(&project_id())?, [StoredKey { private_key: vec![5], ..signing }]);
        Ok(())
    });
}

#[test]
fn users_and_their_names() {
    on_both(|tx| {
        let project = &project_id();
        let named = |id: &str, username: &str| {
            let profile = Profile { username: Some(username.into()), ..user(id).profile };
            User { profile, ..user(id) }
        };
        let alice = named("user-1", "Alice");
        tx.add_user(project, &alice)?.unwrap();
        assert_eq!(tx.find_user(project, &alice.id)?, Some(alice.clone()));
        for name in alice.names() {
            assert_eq!(tx.find_user_by_name(project, &name)?, Some(alice.clone()), "{name:?}");
        }
        assert_eq!(alice.names().len(), 4);
        assert_eq!(tx.find_user_by_name(project, &Name::username("alice@example.com"))?, None);

        // Whatever is taken, nothing of the other user stays.
        assert_eq!(tx.add_user(project, &alice)?, Err(Taken::Id));
        let twin = named("user-2", "ALICE");
        assert_eq!(tx.add_user(project, &twin)?, Err(Taken::Name(Name::username("alice"))));
        let same_external_id = User { external_id: alice.external_id.clone(), ..named("user-2", "bob") };
        assert_eq!(tx.add_user(project, &same_external_id)?, Err(Taken::Name(Name::external_id("host-user-1"))));
        assert_eq!(tx.find_user(project, &UserId::new("user-2"))?, None);
        for name in twin.names().into_iter().chain([Name::username("bob")]).filter(|name| !alice.names().contains(name))
        {
            assert_eq!(tx.find_user_by_name(project, &name)?, None, "{name:?}");
        }
        tx.add_user(project, &named("user-2", "bob"))?.unwrap();

        let mut changed = User { roles: vec!["admin".into()], external_id: None, ..alice.clone() };
        changed.profile.emails.push(email("second"));
        changed.profile.username = None;
        tx.update_user(project, &changed, later(5))?.unwrap();
        let changed = User { updated_at: later(5), ..changed };
        assert_eq!(tx.find_user(project, &alice.id)?, Some(changed.clone()));
        assert_eq!(tx.find_user_by_name(project, &Name::email("SECOND@example.com"))?, Some(changed.clone()));
        for gone in [Name::username("alice"), Name::external_id("host-user-1")] {
            assert_eq!(tx.find_user_by_name(project, &gone)?, None, "{gone:?}");
        }
        let mut thief = User { external_id: Some("host-user-2".into()), ..changed.clone() };
        thief.profile.emails.push(email("third"));
        assert_eq!(tx.update_user(project, &thief, later(6))?, Err(Taken::Name(Name::external_id("host-user-2"))));
        assert_eq!(tx.find_user(project, &alice.id)?, Some(changed));
        assert_eq!(tx.find_user_by_name(project, &Name::email("third@example.com"))?, None);
        Ok(())
    });
}

#[test]
fn users_in_pages() {
    on_both(|tx| {
        let project = &project_id();
        // Two of the same age, so that the id decides.
        for (id, age) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
            tx.add_user(project, &User { created_at: later(age), ..user(id) })?.unwrap();
        }
        let mut seen = Vec::new();
        let mut after = Position::START;
        loop {
            let page = tx.list_users(project, &after, 2)?;
            let Some(last) = page.last() else { break };
            after = Position { created_at: last.created_at, id: last.id.as_str().to_owned() };
            seen.extend(page.into_iter().map(|user| user.id.as_str().to_owned()));
        }
        assert_eq!(seen, ["a", "b", "c", "d"]);
        Ok(())
    });
}

#[test]
fn disabling_a_user_ends_everything_at_once() {
    on_both(|tx| {
        let project = &project_id();
        tx.add_user(project, &user("user-1"))?.unwrap();
        tx.add_client(project, &client("client-1"))?;
        tx.add_session(project, &session("session-1"), &[1; 32])?;
        tx.add_family(project, &family("family-1"))?;
        let own = Progress { user_id: Some(user_id()), ..Progress::default() };
        tx.add_interaction(project, &interaction("int-1"), &client_id(), None)?;
        tx.save_progress(project, &InteractionId::new("int-1"), &own)?;
        tx.add_interaction(project, &interaction("int-2"), &client_id(), None)?;
        save(tx, &grant("openid"))?;

        assert!(tx.disable_user(project, &user_id(), later(7))?);
        let user = tx.find_user(project, &user_id())?.unwrap();
        assert_eq!((user.disabled_at, user.tokens_valid_from), (Some(later(7)), later(7)));
        assert_eq!(tx.find_session(project, &SessionId::new("session-1"))?.unwrap().revoked_at, Some(later(7)));
        assert_eq!(tx.find_family(project, &FamilyId::new("family-1"))?.unwrap().revoked_at, Some(later(7)));
        assert_eq!(tx.find_interaction::<serde_json::Value>(project, &InteractionId::new("int-1"))?, None);
        assert_eq!(tx.find_interaction(project, &InteractionId::new("int-2"))?, Some(interaction("int-2")));
        assert_eq!(tx.find_grant(project, &user_id(), &client_id())?.unwrap().revoked_at, None);

        assert!(tx.disable_user(project, &user_id(), later(8))?);
        assert_eq!(tx.find_user(project, &user_id())?.unwrap().disabled_at, Some(later(7)));
        assert!(tx.enable_user(project, &user_id(), later(9))?);
        assert_eq!(tx.find_user(project, &user_id())?.unwrap().disabled_at, None);
        assert!(!tx.disable_user(project, &UserId::new("nobody"), later(9))?);
        Ok(())
    });
}

#[test]
fn passwords() {
    on_both(|tx| {
        let project = &project_id();
        assert_eq!(tx.find_password(project, &user_id())?, None);
        assert_eq!(tx.count_password_failure(project, &user_id())?, 0);
        tx.set_password(project, &user_id(), "$argon2id$1", NOW)?;
        assert_eq!(tx.count_password_failure(project, &user_id())?, 1);
        assert_eq!(tx.take_password_attempt(project, &user_id())?.unwrap().failed_attempts, 2);
        tx.lock_password(project, &user_id(), later(30), later(1))?;
        let found = tx.find_password(project, &user_id())?.unwrap();
        assert_eq!(
            (found.hash.as_str(), found.failed_attempts, found.locked_at, found.locked_until),
            ("$argon2id$1", 2, Some(later(1)), Some(later(30)))
        );
        // A hash that was computed while somebody locked the account, or demanded a reset, takes neither away.
        tx.require_password_reset(project, &user_id(), later(2))?;
        assert!(!tx.renew_password_hash(project, &user_id(), "$argon2id$0", "$argon2id$9")?);
        assert!(tx.renew_password_hash(project, &user_id(), "$argon2id$1", "$argon2id$1b")?);
        let renewed = tx.find_password(project, &user_id())?.unwrap();
        let must_reset_at = Some(later(2));
        assert_eq!(renewed, Password { hash: "$argon2id$1b".into(), must_reset_at, ..found });
        tx.reset_password_failures(project, &user_id())?;
        let found = tx.find_password(project, &user_id())?.unwrap();
        assert_eq!((found.failed_attempts, found.locked_at, found.locked_until), (0, None, None));
        tx.count_password_failure(project, &user_id())?;
        tx.set_password(project, &user_id(), "$argon2id$2", later(1))?;
        let found = tx.find_password(project, &user_id())?.unwrap();
        assert_eq!((found.hash.as_str(), found.changed_at, found.failed_attempts), ("$argon2id$2", later(1), 0));
        Ok(())
    });
}

#[test]
fn sessions() {
    on_both(|tx| {
        let project = &project_id();
        let own = session("session-1");
        tx.add_user(project, &user("user-1"))?.unwrap();
        tx.add_session(project, &own, &[1; 32])?;
        tx.add_session(project, &session("session-2"), &[2; 32])?;
        let id = &own.session.id;
        assert_eq!(tx.find_session(project, id)?, Some(own.session.clone()));
        assert_eq!(tx.find_session_by_token(project, &[1; 32])?, Some(own.session.clone()));
        assert_eq!(tx.find_session_by_token(project, &[3; 32])?, None);
        assert_eq!(tx.find_login(project, &[1; 32])?, Some((own.session.clone(), user("user-1"))));
        assert_eq!(tx.find_full_session(project, id)?, Some(own.clone()));
        let mut used = tx.take_full_session(project, id)?.unwrap();
        used.add_factor(FactorMethod::Imported, later(1));
        used.session.expires_at = later(3000);
        used.last_accessed_at = later(1);
        used.session.trusted_profile = None;
        used.custom_claims.clear();
        tx.save_session(project, &used)?;
        assert_eq!(tx.find_full_session(project, id)?, Some(used));
        assert_eq!(tx.list_sessions_of_user(project, &user_id(), NOW)?.len(), 2);
        assert_eq!(tx.list_sessions_of_user(project, &user_id(), later(3600))?.len(), 0);
        tx.revoke_session(project, id, later(1))?;
        tx.revoke_session(project, id, later(2))?;
        assert_eq!(tx.find_session(project, id)?.unwrap().revoked_at, Some(later(1)));
        assert_eq!(tx.revoke_sessions_of_user(project, &user_id(), later(3))?, 1);
        assert_eq!(tx.list_sessions_of_user(project, &user_id(), NOW)?.len(), 0);
        Ok(())
    });
}

#[test]
fn trusted_profiles_and_attests() {
    on_both(|tx| {
        let project = &project_id();
        let settings: ProfileSettings = serde_json::from_value(serde_json::json!({
            "name": "Login", "issuer": "https://login.example/", "audience": "harbour", "public_key_type": "JWK",
            "jwks_url": "https://login.example/keys", "attribute_mapping": { "email": "email", "token_id": "jti" },
        }))?;
        let own = TrustedProfile { id: "profile-1".into(), settings, created_at: NOW, updated_at: NOW };
        assert!(tx.add_trusted_profile(project, &own)?);
        assert!(!tx.add_trusted_profile(project, &own)?);
        assert_eq!(tx.find_trusted_profile(project, "profile-1")?, Some(own.clone()));
        assert_eq!(tx.find_trusted_profile(project, "profile-2")?, None);
        let mut taken = tx.take_trusted_profile(project, "profile-1")?.unwrap();
        taken.settings.can_jit_provision = true;
        tx.save_trusted_profile(project, &taken)?;
        assert_eq!(tx.list_trusted_profiles(project)?, [taken]);
        tx.save_attest(project, &user_id(), "profile-1", NOW)?;
        tx.save_attest(project, &user_id(), "profile-1", later(1))?;
        assert_eq!(tx.find_attest(project, &user_id(), "profile-1")?, Some(later(1)));
        assert!(tx.remove_trusted_profile(project, "profile-1")?);
        assert!(!tx.remove_trusted_profile(project, "profile-1")?);
        assert_eq!(tx.find_attest(project, &user_id(), "profile-1")?, None);
        Ok(())
    });
}

#[test]
fn clients() {
    on_both(|tx| {
        let project = &project_id();
        let own = client("client-1");
        assert!(tx.add_client(project, &own)?);
        assert!(!tx.add_client(project, &own)?);
        assert!(tx.add_client(project, &client("client-2"))?);
        assert_eq!(tx.find_client(project, &own.id)?, Some(own.clone()));
        assert_eq!(tx.list_clients(project, &Position::START, 10)?, [own.clone(), client("client-2")]);
        let after = Position { created_at: NOW, id: "client-1".into() };
        assert_eq!(tx.list_clients(project, &after, 10)?, [client("client-2")]);

        assert_eq!(tx.update_client(project, &own.id, &settings("New"), 1, later(1))?, Some(2));
        assert_eq!(tx.update_client(project, &own.id, &settings("Lost"), 1, later(2))?, None);
        assert_eq!(tx.find_client(project, &own.id)?.unwrap().settings.name, "New");

        assert!(tx.disable_client(project, &own.id, later(3))?);
        let disabled = tx.find_client(project, &own.id)?.unwrap();
        // The very second of the end is void too.
        assert_eq!((disabled.disabled_at, disabled.tokens_valid_from), (Some(later(3)), later(4)));
        // A form that was opened before must not enable it again.
        assert_eq!(tx.update_client(project, &own.id, &settings("Old form"), 2, later(4))?, None);
        assert!(tx.enable_client(project, &own.id, later(5))?);
        let enabled = tx.find_client(project, &own.id)?.unwrap();
        assert_eq!((enabled.disabled_at, enabled.tokens_valid_from), (None, later(6)));
        // Who was not disabled loses nothing by being enabled.
        assert!(tx.enable_client(project, &own.id, later(9))?);
        assert_eq!(tx.find_client(project, &own.id)?.unwrap().tokens_valid_from, later(6));
        assert!(!tx.disable_client(project, &ClientId::new("none"), later(6))?);
        Ok(())
    });
}

#[test]
fn removing_a_client_takes_what_hangs_on_it() {
    on_both(|tx| {
        let project = &project_id();
        for id in ["client-1", "client-2"] {
            tx.add_client(project, &client(id))?;
            tx.set_client_secret(project, &ClientId::new(id), &secret(Slot::Current, 1))?;
            for user in ["a", "b", "c"] {
                let user = UserId::new(user);
                let own = Grant { user_id: user.clone(), client_id: ClientId::new(id), ..grant("openid") };
                save(tx, &own)?;
                let own = Family { client_id: ClientId::new(id), user_id: user, ..family("") };
                let name = format!("{id}-{}", own.user_id);
                tx.add_family(project, &Family { id: FamilyId::new(name), ..own })?;
            }
        }
        assert_eq!(tx.remove_remains_of_client(project, &client_id(), 2)?, 0);
        assert!(tx.remove_client(project, &client_id())?);
        assert!(!tx.remove_client(project, &client_id())?);
        assert_eq!(tx.find_client(project, &client_id())?, None);
        assert_eq!(tx.find_client_secrets(project, &client_id())?.len(), 0);
        assert_eq!(tx.remove_remains_of_client(project, &client_id(), 2)?, 2);
        assert_eq!(tx.remove_remains_of_client(project, &client_id(), 2)?, 1);
        assert_eq!(tx.remove_remains_of_client(project, &client_id(), 2)?, 0);
        for user in ["a", "b", "c"] {
            assert_eq!(tx.find_family(project, &FamilyId::new(format!("client-1-{user}")))?, None);
            assert_eq!(tx.find_grant(project, &UserId::new(user), &client_id())?, None);
            assert!(tx.find_family(project, &FamilyId::new(format!("client-2-{user}")))?.is_some());
        }
        Ok(())
    });
}

#[test]
fn client_secrets() {
    on_both(|tx| {
        let (project, id) = (&project_id(), &client_id());
        assert!(!tx.promote_client_secret(project, id)?);
        tx.set_client_secret(project, id, &secret(Slot::Current, 1))?;
        // Nothing to promote: the current one must not get lost.
        assert!(!tx.promote_client_secret(project, id)?);
        assert_eq!(tx.find_client_secrets(project, id)?, [secret(Slot::Current, 1)]);
        tx.set_client_secret(project, id, &secret(Slot::Next, 2))?;
        tx.set_client_secret(project, id, &secret(Slot::Next, 3))?;
        assert_eq!(tx.find_client_secrets(project, id)?, [secret(Slot::Current, 1), secret(Slot::Next, 3)]);
        assert!(tx.promote_client_secret(project, id)?);
        assert_eq!(tx.find_client_secrets(project, id)?, [secret(Slot::Current, 3)]);
        tx.set_client_secret(project, id, &secret(Slot::Next, 4))?;
        assert!(tx.cancel_client_secret(project, id)?);
        assert!(!tx.cancel_client_secret(project, id)?);
        assert_eq!(tx.find_client_secrets(project, id)?, [secret(Slot::Current, 3)]);
        Ok(())
    });
}

/// Stores `grant` over whatever is there.
fn save(tx: &mut Tx<'_>, grant: &Grant) -> Result<()> {
    tx.save_grant(&project_id(), &grant.user_id, &grant.client_id, NOW, |_| grant.clone())
}

#[test]
fn a_grant_is_changed_by_what_was_there() {
    on_both(|tx| {
        let (project, user, client) = (&project_id(), &user_id(), &client_id());
        let first = Grant { expires_at: Some(later(1000)), ..grant("openid email") };
        tx.save_grant(project, user, client, NOW, |before| {
            assert_eq!(before, None);
            first.clone()
        })?;
        assert_eq!(tx.find_grant(project, user, client)?, Some(first.clone()));
        let second = Grant {
            resources: vec![],
            created_at: later(1),
            updated_at: later(2),
            last_used_at: None,
            tokens_valid_from: later(3),
            ..grant("openid")
        };
        tx.save_grant(project, user, client, later(5), |before| {
            assert_eq!(before, Some(&first));
            second.clone()
        })?;
        assert_eq!(tx.find_grant(project, user, client)?, Some(second.clone()));
        tx.revoke_grant(project, user, client, later(6))?;
        tx.save_grant(project, user, client, later(7), |before| {
            assert_eq!(before.unwrap().revoked_at, Some(later(6)));
            second.clone()
        })?;
        assert_eq!(tx.find_grant(project, user, client)?, Some(second.clone()));
        Ok(())
    });
}

#[test]
fn revoking_a_grant_ends_its_families() {
    on_both(|tx| {
        let (project, user, client) = (&project_id(), &user_id(), &client_id());
        save(tx, &grant("openid email"))?;
        tx.add_family(project, &family("family-1"))?;
        assert!(tx.revoke_grant(project, user, client, later(10))?);
        assert!(!tx.revoke_grant(project, user, client, later(11))?);
        let ended = tx.find_grant(project, user, client)?.unwrap();
        assert_eq!((ended.revoked_at, ended.tokens_valid_from), (Some(later(10)), later(10)));
        let family = tx.find_family(project, &FamilyId::new("family-1"))?.unwrap();
        assert_eq!(family.revoked_at, Some(later(10)));
        // The row goes after a day, not after a year.
        assert_eq!(family.expires_at, later(10 + 24 * 60 * 60));
        Ok(())
    });
}

#[test]
fn grants_know_their_last_use() {
    on_both(|tx| {
        let (project, user, client) = (&project_id(), &user_id(), &client_id());
        save(tx, &grant("openid"))?;
        tx.touch_grant(project, user, client, later(59))?;
        assert_eq!(tx.find_grant(project, user, client)?.unwrap().last_used_at, Some(NOW));
        tx.touch_grant(project, user, client, later(61))?;
        assert_eq!(tx.find_grant(project, user, client)?.unwrap().last_used_at, Some(later(61)));
        assert_eq!(tx.take_grant(project, user, client, later(62))?.unwrap().last_used_at, Some(later(62)));
        assert_eq!(tx.take_grant(project, user, &ClientId::new("none"), later(62))?, None);
        Ok(())
    });
}

#[test]
fn a_user_sees_living_grants_with_their_clients() {
    on_both(|tx| {
        let (project, user) = (&project_id(), &user_id());
        for (n, id) in [(1, "old"), (2, "new"), (3, "revoked"), (4, "ended")] {
            tx.add_client(project, &client(id))?;
            let end = (id == "ended").then(|| later(50));
            let used = Some(later(n));
            save(tx, &Grant { client_id: ClientId::new(id), expires_at: end, last_used_at: used, ..grant("openid") })?;
        }
        tx.revoke_grant(project, user, &ClientId::new("revoked"), later(9))?;
        let seen = tx.list_grants_of_user(project, user, later(50))?;
        let ids: Vec<_> =
            seen.iter().map(|(grant, client)| (grant.client_id.as_str(), client.settings.name.as_str())).collect();
        assert_eq!(ids, [("new", "new"), ("old", "old")]);
        assert_eq!(Some(seen[0].0.clone()), tx.find_grant(project, user, &ClientId::new("new"))?);
        Ok(())
    });
}

#[test]
fn interactions() {
    on_both(|tx| {
        let (project, id) = (&project_id(), &InteractionId::new("int-1"));
        tx.add_interaction(project, &interaction("int-1"), &client_id(), None)?;
        assert_eq!(tx.find_interaction(project, id)?, Some(interaction("int-1")));
        assert_eq!(tx.take_interaction(project, id)?, Some(interaction("int-1")));
        let progress = Progress { authenticated_at: Some(later(4)), user_id: Some(user_id()), ..Progress::default() };
        tx.save_progress(project, id, &progress)?;
        tx.decide_interaction(project, id, later(5))?;
        let expected = Interaction { progress, decided_at: Some(later(5)), ..interaction("int-1") };
        assert_eq!(tx.find_interaction(project, id)?, Some(expected));
        Ok(())
    });
}

/// Codes and interactions on their way are gone with what they stand on, whatever the clock says; those of others, and
/// what is kept of a redeemed code to notice its replay, stay.
#[test]
fn what_is_on_its_way_goes_with_its_grant_user_or_client() {
    type End = fn(&mut Tx<'_>, &ProjectId) -> Result<bool>;
    let ends: [(&str, End); 5] = [
        ("grant", |tx, project| tx.revoke_grant(project, &user_id(), &client_id(), NOW)),
        ("user", |tx, project| tx.disable_user(project, &user_id(), NOW)),
        ("sign out", |tx, project| tx.sign_out_everywhere(project, &user_id(), NOW).map(|()| true)),
        ("client", |tx, project| tx.disable_client(project, &client_id(), NOW)),
        ("client removed", |tx, project| tx.remove_client(project, &client_id())),
    ];
    for (what, end) in ends {
        on_both(move |tx| {
            let project = &project_id();
            let (other_user, other_client) = (UserId::new("user-2"), ClientId::new("client-2"));
            let mut number = 0;
            for user in [user_id(), other_user.clone()] {
                tx.add_user(project, &User { id: user.clone(), ..self::user(user.as_str()) })?.unwrap();
                for client in [client_id(), other_client.clone()] {
                    tx.add_client(project, &self::client(client.as_str()))?;
                    save(tx, &Grant { user_id: user.clone(), client_id: client.clone(), ..grant("openid") })?;
                    let own = AuthorizationCode { user_id: user.clone(), client_id: client.clone(), ..code() };
                    tx.add_code(project, &[number; 32], &own)?;
                    tx.add_code(project, &[number + 100; 32], &own)?;
                    tx.redeem_code(project, &[number + 100; 32], NOW, later(90_000))?;
                    tx.add_interaction(project, &interaction(&number.to_string()), &client, Some(&user))?;
                    number += 1;
                }
            }
            assert!(end(tx, project)?);
            // In this order: user 1 with both clients, user 2 with both clients.
            let expected = match what {
                "grant" => [false, true, true, true],
                "user" | "sign out" => [false, false, true, true],
                _ => [false, true, false, true],
            };
            for (number, lives) in (0..4_u8).zip(expected) {
                let id = InteractionId::new(number.to_string());
                let waiting = tx.find_interaction::<serde_json::Value>(project, &id)?;
                let code = tx.take_code(project, &[number; 32])?;
                assert_eq!((waiting.is_some(), code.is_some()), (lives, lives), "{what} {number}");
                assert!(tx.take_code(project, &[number + 100; 32])?.is_some(), "{what} {number}");
            }
            Ok(())
        });
    }
}

#[test]
fn codes() {
    on_both(|tx| {
        let project = &project_id();
        tx.add_code(project, &[5; 32], &code())?;
        assert_eq!(tx.take_code(project, &[5; 32])?, Some(code()));
        assert_eq!(tx.take_code(project, &[6; 32])?, None);
        tx.redeem_code(project, &[5; 32], later(3), later(90_000))?;
        assert_eq!(tx.take_code(project, &[5; 32])?, Some(AuthorizationCode { redeemed_at: Some(later(3)), ..code() }));
        // Kept as long as was asked, not only until it expired.
        assert_eq!(tx.remove_expired(Expired::Codes, later(89_000), 10)?, 0);
        assert_eq!(tx.remove_expired(Expired::Codes, later(90_001), 10)?, 1);
        Ok(())
    });
}

#[test]
fn families() {
    on_both(|tx| {
        let project = &project_id();
        let own = family("family-1");
        let without = Family { refresh: None, ..family("family-2") };
        tx.add_family(project, &own)?;
        tx.add_family(project, &without)?;
        assert_eq!(tx.find_family(project, &own.id)?, Some(own.clone()));
        assert_eq!(tx.take_family(project, &without.id)?, Some(without.clone()));
        tx.save_refresh_state(project, &own.id, &state(2))?;
        assert_eq!(tx.take_family(project, &own.id)?, Some(Family { refresh: Some(state(2)), ..own.clone() }));
        assert!(tx.revoke_family(project, &own.id, later(1))?);
        assert!(!tx.revoke_family(project, &own.id, later(2))?);
        assert_eq!(tx.find_family(project, &own.id)?.unwrap().revoked_at, Some(later(1)));
        assert_eq!(tx.revoke_online_families_of_session(project, &SessionId::new("session-1"), later(3))?, 1);
        tx.add_family(project, &family("family-3"))?;
        assert_eq!(tx.revoke_families_of_user(project, &user_id(), later(4))?, 1);
        tx.add_family(project, &family("family-4"))?;
        assert_eq!(tx.revoke_families_of_grant(project, &user_id(), &client_id(), later(5))?, 1);
        // A family that ends sooner than a day from now still does.
        let short = Family { expires_at: later(30), ..family("family-5") };
        tx.add_family(project, &short)?;
        tx.revoke_family(project, &short.id, later(6))?;
        assert_eq!(tx.find_family(project, &short.id)?.unwrap().expires_at, later(30));
        Ok(())
    });
}

#[test]
fn what_a_token_stands_on_comes_in_one_read() {
    on_both(|tx| {
        let project = &project_id();
        let id = FamilyId::new("family-1");
        let nothing = TokenStanding { family: None, user: None, grant: None, is_listed: false };
        assert_eq!(tx.find_token_standing(project, &id, "jti")?, nothing);
        tx.add_revoked_token(project, "jti", later(9))?;
        assert_eq!(tx.find_token_standing(project, &id, "jti")?, TokenStanding { is_listed: true, ..nothing });
        let without = Family { refresh: None, ..family("family-1") };
        tx.add_family(project, &without)?;
        let seen = tx.find_token_standing(project, &id, "other")?;
        assert_eq!((seen.family, seen.user, seen.grant, seen.is_listed), (Some(without), None, None, false));
        tx.save_refresh_state(project, &id, &state(1))?;
        tx.add_user(project, &user("user-1"))?.unwrap();
        let grant = grant("openid");
        save(tx, &grant)?;
        let counter = tx.change_counter()?;
        let seen = tx.find_token_standing(project, &id, "other")?;
        assert_eq!(seen.family, Some(family("family-1")));
        assert_eq!(seen.user, Some(user("user-1")));
        assert_eq!(seen.grant, Some(grant.clone()));
        assert_eq!(tx.change_counter()?, counter);
        assert_eq!(tx.find_user_and_grant(project, &user_id(), &client_id())?, (Some(user("user-1")), Some(grant)));
        assert_eq!(tx.find_user_and_grant(project, &user_id(), &ClientId::new("none"))?, (Some(user("user-1")), None));
        assert_eq!(tx.find_user_and_grant(project, &UserId::new("none"), &client_id())?, (None, None));
        Ok(())
    });
}

#[test]
fn revoked_tokens_and_replays() {
    on_both(|tx| {
        let project = &project_id();
        assert!(!tx.is_token_revoked(project, "jti")?);
        tx.add_revoked_token(project, "jti", later(9))?;
        tx.add_revoked_token(project, "jti", later(9))?;
        assert!(tx.is_token_revoked(project, "jti")?);
        assert!(tx.add_replay(project, "assertion", &[1; 32], later(9))?);
        assert!(!tx.add_replay(project, "assertion", &[1; 32], later(9))?);
        assert!(tx.add_replay(project, "dpop", &[1; 32], later(9))?);
        Ok(())
    });
}

#[test]
fn audit_events() {
    on_both(|tx| {
        let project = &project_id();
        let event = |id: &str, at: i64| {
            let occasion = Occasion { id: EventId::new(id), actor: Actor::Host, at: later(at) };
            occasion.event(EventKind::UserAdded).user(&user_id()).detail("n", at)
        };
        for (id, at) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
            tx.record(project, &event(id, at))?;
        }
        let all = EventFilter::default();
        assert_eq!(tx.list_events(project, &all, &Position::END, 2)?, [event("d", 3), event("c", 2)]);
        let before = Position { created_at: later(2), id: "c".into() };
        assert_eq!(tx.list_events(project, &all, &before, 5)?, [event("b", 2), event("a", 1)]);
        assert_eq!(tx.find_event(project, &EventId::new("b"))?, Some(event("b", 2)));
        assert_eq!(tx.remove_events(project, later(3), 2)?, 2);
        assert_eq!(tx.list_events(project, &all, &Position::END, 5)?, [event("d", 3), event("c", 2)]);
        Ok(())
    });
}

fn webhook(id: &str, kinds: &[&str]) -> Webhook {
    Webhook {
        id: WebhookId::new(id),
        url: "https://app.example/hook".into(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        secret: vec![1, 2],
        previous: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

#[test]
fn webhooks() {
    on_both(|tx| {
        let project = &project_id();
        let one = webhook("one", &["client.added", "user.added"]);
        tx.add_webhook(project, &one)?;
        let two = Webhook { created_at: later(1), ..webhook("two", &["*"]) };
        tx.add_webhook(project, &two)?;
        assert_eq!(tx.list_webhooks(project)?, [one.clone(), two.clone()]);
        let changed = Webhook {
            url: "https://app.example/other".into(),
            kinds: vec!["user.added".into()],
            secret: vec![3],
            previous: Some((vec![1, 2], later(9))),
            updated_at: later(2),
            ..one.clone()
        };
        assert_eq!(tx.take_webhook(project, &one.id)?, Some(one));
        tx.save_webhook(project, &changed)?;
        assert_eq!(tx.find_webhook(project, &changed.id)?, Some(changed.clone()));
        let event =
            |id: &str, kind: EventKind| Occasion { id: EventId::new(id), actor: Actor::Host, at: later(3) }.event(kind);
        tx.record(project, &event("e1", EventKind::ClientAdded))?;
        tx.record(project, &event("e2", EventKind::UserAdded))?;
        let mut lined_up = |id: &WebhookId| {
            let all = tx.list_deliveries(project, id, &Position::END, 9)?;
            anyhow::Ok(all.into_iter().map(|own| own.event_id.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(lined_up(&changed.id)?, ["e2"]);
        assert_eq!(lined_up(&two.id)?, ["e2", "e1"]);
        tx.rewrap_webhook(project, &Webhook { secret: vec![9], previous: Some((vec![8], NOW)), ..changed.clone() })?;
        let rewrapped = Webhook { secret: vec![9], previous: Some((vec![8], later(9))), ..changed.clone() };
        assert_eq!(tx.find_webhook(project, &changed.id)?, Some(rewrapped));
        // What waits for a webhook that is gone is nobody's.
        assert_eq!(tx.list_due_webhooks(later(3))?.len(), 2);
        assert!(tx.remove_webhook(project, &two.id)? && !tx.remove_webhook(project, &two.id)?);
        assert_eq!(tx.list_due_webhooks(later(3))?, [(project.clone(), changed.id)]);
        Ok(())
    });
}

#[test]
fn a_delivery_is_one_process_s_until_its_lease_ends() {
    on_both(|tx| {
        let (project, id) = (&project_id(), &WebhookId::new("one"));
        tx.add_webhook(project, &webhook("one", &["user.added"]))?;
        let occasion = Occasion { id: EventId::new("e"), actor: Actor::Host, at: NOW };
        tx.record(project, &occasion.event(EventKind::UserAdded))?;
        let first = tx.take_delivery(project, id, NOW, later(60))?.unwrap();
        assert_eq!((first.event_id.as_str(), first.attempts), ("e", 1));
        assert_eq!(tx.take_delivery(project, id, later(59), later(119))?, None);
        assert!(tx.list_due_webhooks(later(59))?.is_empty());
        let second = tx.take_delivery(project, id, later(60), later(120))?.unwrap();
        assert_eq!(second.attempts, 2);
        // Whoever was too slow does not decide any more.
        let state = State::GivenUp { at: later(61) };
        let late = Attempted { status: None, error: Some("late".into()), state };
        assert!(!tx.finish_delivery(project, id, &first, &late)?);
        let again = State::Pending { next_attempt_at: later(70) };
        assert!(tx.finish_delivery(
            project,
            id,
            &second,
            &Attempted { status: Some(500), error: None, state: again }
        )?);
        assert_eq!(tx.take_delivery(project, id, later(69), later(129))?, None);
        let third = tx.take_delivery(project, id, later(70), later(130))?.unwrap();
        let sent = Attempted { status: Some(200), error: None, state: State::Delivered { at: later(71) } };
        assert!(tx.finish_delivery(project, id, &third, &sent)?);
        assert_eq!(tx.take_delivery(project, id, later(1_000_000), later(1_000_060))?, None);
        let all = tx.list_deliveries(project, id, &Position::END, 9)?;
        assert_eq!((all.len(), all[0].attempts, &all[0].last), (1, 3, &sent));
        assert_eq!(all[0].kind, Some(EventKind::UserAdded));
        Ok(())
    });
}

#[test]
fn audit_events_are_filtered() {
    on_both(|tx| {
        let project = &project_id();
        let (ada, bob) = (UserId::new("ada"), UserId::new("bob"));
        let (web, app) = (ClientId::new("web"), ClientId::new("app"));
        let rows = [
            ("1", EventKind::ConsentGiven, Some(&ada), Some(&web)),
            ("2", EventKind::ConsentGiven, Some(&ada), Some(&app)),
            ("3", EventKind::ConsentGiven, Some(&bob), Some(&web)),
            ("4", EventKind::UserDisabled, Some(&ada), None),
            ("5", EventKind::ClientAdded, None, Some(&web)),
            ("6", EventKind::PolicyChanged, None, None),
        ];
        for (n, (id, kind, user_id, client_id)) in rows.into_iter().enumerate() {
            let at = later(i64::try_from(n).unwrap() + 1);
            let event = Occasion { id: EventId::new(id), actor: Actor::Operator, at }.event(kind);
            tx.record(project, &AuditEvent { user_id: user_id.cloned(), client_id: client_id.cloned(), ..event })?;
        }
        let mut expect = |filter: EventFilter, expected: &[&str]| {
            let found = tx.list_events(project, &filter, &Position::END, 9)?;
            assert_eq!(found.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), expected, "{filter:?}");
            anyhow::Ok(())
        };
        let all = EventFilter::default;
        let given = Some(EventKind::ConsentGiven);
        expect(all(), &["6", "5", "4", "3", "2", "1"])?;
        expect(EventFilter { kind: given, ..all() }, &["3", "2", "1"])?;
        expect(EventFilter { user_id: Some(ada.clone()), ..all() }, &["4", "2", "1"])?;
        expect(EventFilter { client_id: Some(web.clone()), ..all() }, &["5", "3", "1"])?;
        expect(EventFilter { kind: given, user_id: Some(ada.clone()), ..all() }, &["2", "1"])?;
        expect(EventFilter { kind: given, client_id: Some(web.clone()), ..all() }, &["3", "1"])?;
        expect(EventFilter { user_id: Some(ada.clone()), client_id: Some(web.clone()), ..all() }, &["1"])?;
        expect(EventFilter { from: later(2), to: later(4), ..all() }, &["3", "2"])?;
        expect(EventFilter { user_id: Some(ada.clone()), to: later(4), ..all() }, &["2", "1"])?;
        expect(EventFilter { kind: Some(EventKind::UserDeleted), ..all() }, &[])?;
        Ok(())
    });
}

/// Every table of the schema that names a user, and every text in which one stands: a table that is new, and that nobody
/// thought of here, fails the test.
#[test]
fn of_a_deleted_user_only_the_log_stays() {
    let schema = super::statements::schema_of_sqlite(&sqlite());
    let texts: Vec<(String, String)> =
        schema.into_iter().filter(|(_, _, ty, _)| ty == "TEXT").map(|(table, column, ..)| (table, column)).collect();
    let tables: BTreeSet<_> = texts.iter().filter(|(_, column)| column == "user_id").map(|(table, _)| table).collect();
    assert!(tables.len() > 9, "{tables:?}");
    for db in databases() {
        write(&db, |tx| {
            let project = &project_id();
            tx.add_user(project, &user("user-1"))?.unwrap();
            tx.set_password(project, &user_id(), "$argon2id$1", NOW)?;
            tx.add_session(project, &session("session-1"), &[1; 32])?;
            save(tx, &grant("openid"))?;
            tx.add_code(project, &[1; 32], &code())?;
            tx.add_code(project, &[2; 32], &AuthorizationCode { redeemed_at: Some(NOW), ..code() })?;
            tx.add_family(project, &family("family-1"))?;
            let progress = Progress { user_id: Some(user_id()), ..Progress::default() };
            tx.add_interaction(project, &interaction("interaction-1"), &client_id(), None)?;
            tx.save_progress(project, &InteractionId::new("interaction-1"), &progress)?;
            tx.save_attest(project, &user_id(), "profile-1", NOW)?;
            let reset = PasswordReset {
                id: "reset-1".into(),
                user_id: user_id(),
                email_id: EmailId::new("email-user-1"),
                destination: Destination::OwnPage(None),
                code_challenge: None,
                attributes: Attributes::default(),
                locale: MailLocale::En,
                created_at: NOW,
                expires_at: later(60),
            };
            tx.add_password_reset(project, &reset, &[1; 32], &[1; 16])?;
            let occasion = Occasion { id: EventId::new("event-1"), actor: Actor::User, at: NOW };
            tx.record(project, &occasion.event(EventKind::UserAdded).user(&user_id()))
        });
        for table in &tables {
            assert!(db.count(table, "user_id", "user-1") > 0, "nothing of the user is in {table}");
        }
        assert!(write(&db, |tx| tx.remove_user(&project_id(), &user_id(), NOW)));
        for (table, column) in &texts {
            let stays = table == "audit_events";
            assert_eq!(db.count(table, column, "user-1") > 0, stays && column == "user_id", "{table}.{column}");
        }
    }
}

#[test]
fn expired_rows_go_in_small_batches_and_living_ones_stay() {
    on_both(|tx| {
        let project = &project_id();
        tx.add_webhook(project, &webhook("w", &["*"]))?;
        for n in 0..5_u8 {
            let end = if n < 3 { later(-1) } else { later(1) };
            let mut ending = session(&format!("s{n}"));
            ending.session.expires_at = end;
            tx.add_session(project, &ending, &[n; 32])?;
            let waiting = Interaction { expires_at: end, ..interaction(&format!("i{n}")) };
            tx.add_interaction(project, &waiting, &client_id(), None)?;
            tx.add_code(project, &[n; 32], &AuthorizationCode { expires_at: end, ..code() })?;
            tx.add_family(project, &Family { expires_at: end, ..family(&format!("f{n}")) })?;
            tx.add_revoked_token(project, &format!("j{n}"), end)?;
            tx.add_replay(project, "assertion", &[n; 32], end)?;
            let reset = PasswordReset {
                id: format!("p{n}"),
                user_id: user_id(),
                email_id: EmailId::new("email-1"),
                destination: match n {
                    0 => Destination::OwnPage(None),
                    1 => Destination::OwnPage(Some(InteractionId::new("i1"))),
                    _ => Destination::HostApp("https://app.example/new".into()),
                },
                code_challenge: None,
                attributes: Attributes::default(),
                locale: MailLocale::De,
                created_at: NOW,
                expires_at: end,
            };
            tx.add_password_reset(project, &reset, &[n; 32], &[n; 16])?;
            anyhow::ensure!(tx.find_password_reset(project, &[n; 32])? == Some(reset), "a reset is read as written");
            let (revoked, ended) = (ClientId::new(format!("r{n}")), ClientId::new(format!("e{n}")));
            let day = 24 * 60 * 60;
            let past = Timestamp(end.0 - day);
            let event = EventId::new(format!("w{n}"));
            let occasion = Occasion { id: event, actor: Actor::Host, at: Timestamp(end.0 - 30 * day) };
            tx.record(project, &occasion.event(EventKind::UserAdded))?;
            save(tx, &Grant { client_id: revoked.clone(), ..grant("openid") })?;
            tx.revoke_grant(project, &user_id(), &revoked, Timestamp(end.0 - 366 * day))?;
            save(tx, &Grant { client_id: ended, expires_at: Some(past), ..grant("openid") })?;
        }
        for what in Expired::ALL {
            let removed = [2, 2, 2].map(|limit| tx.remove_expired(what, NOW, limit));
            let removed = removed.into_iter().collect::<Result<Vec<_>>>()?;
            anyhow::ensure!(removed == [2, 1, 0], "{}: {removed:?}", what.as_str());
        }
        Ok(())
    });
}

#[test]
fn text_that_this_version_does_not_know_is_a_fault_with_its_place() {
    for db in databases() {
        write(&db, |tx| tx.add_family(&project_id(), &family("family-1")));
        db.execute("UPDATE token_families SET plane = 'astral'");
        let fault = db.store.read_blocking(|tx| Ok(tx.find_family(&project_id(), &FamilyId::new("family-1"))?));
        let Err(Failure::Fault(error)) = fault else { panic!("{fault:?}") };
        let error = format!("{error:#}");
        assert!(error.contains("token_families.plane holds \"astral\""), "{error}");
        db.execute("UPDATE token_families SET plane = 'standard', context = '{'");
        let fault = db.store.read_blocking(|tx| Ok(tx.find_family(&project_id(), &FamilyId::new("family-1"))?));
        let Err(Failure::Fault(error)) = fault else { panic!("{fault:?}") };
        assert!(format!("{error:#}").contains("token_families.context"), "{error:#}");
    }
}

#[test]
fn projects_do_not_see_each_other() {
    on_both(|tx| {
        let (one, other) = (&project_id(), &hospes_protocol::id::ProjectId::new("project-2"));
        tx.add_user(one, &user("user-1"))?.unwrap();
        tx.add_client(one, &client("client-1"))?;
        tx.add_session(one, &session("session-1"), &[1; 32])?;
        tx.add_family(one, &family("family-1"))?;
        tx.add_code(one, &[1; 32], &code())?;
        assert_eq!(tx.find_user(other, &user_id())?, None);
        assert_eq!(tx.find_user_by_name(other, &Name::email("user-1@example.com"))?, None);
        assert_eq!(tx.find_client(other, &client_id())?, None);
        assert_eq!(tx.find_session_by_token(other, &[1; 32])?, None);
        assert_eq!(tx.take_family(other, &FamilyId::new("family-1"))?, None);
        assert_eq!(tx.take_code(other, &[1; 32])?, None);
        assert_eq!(tx.revoke_families_of_user(other, &user_id(), NOW)?, 0);
        tx.add_user(other, &user("user-1"))?.unwrap();
        Ok(())
    });
}

/// Signing out everywhere against a redemption that holds the grant: whoever comes first, nothing stays alive.
#[test]
fn signing_out_leaves_nothing_that_was_issued_meanwhile() {
    for db in databases() {
        write(&db, |tx| {
            tx.add_user(&project_id(), &user("user-1"))?.unwrap();
            tx.add_session(&project_id(), &session("session-1"), &[1; 32])?;
            save(tx, &grant("openid"))
        });
        for round in 0..10 {
            let (a, b) = (db.store.clone(), db.store.clone());
            let issue = thread::spawn(move || {
                a.write_blocking(move |tx| {
                    tx.take_grant(&project_id(), &user_id(), &client_id(), NOW)?;
                    let alive =
                        tx.find_session(&project_id(), &SessionId::new("session-1"))?.unwrap().revoked_at.is_none();
                    thread::sleep(std::time::Duration::from_millis(round % 4));
                    if alive {
                        tx.add_family(&project_id(), &family(&format!("family-{round}")))?;
                    }
                    Ok(())
                })
            });
            let sign_out = thread::spawn(move || {
                b.write_blocking(|tx| Ok(tx.sign_out_everywhere(&project_id(), &user_id(), NOW)?))
            });
            issue.join().unwrap().unwrap();
            sign_out.join().unwrap().unwrap();
            let family = write(&db, move |tx| tx.find_family(&project_id(), &FamilyId::new(format!("family-{round}"))));
            assert!(family.is_none_or(|family| family.revoked_at.is_some()), "round {round}");
            db.execute("UPDATE sessions SET revoked_at = NULL");
        }
    }
}
