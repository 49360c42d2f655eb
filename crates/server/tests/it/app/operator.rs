//! What an operator does behind the server's back, as the command line does it: in the database.

use super::{START, TestApp};
use hospes::{
    app::App,
    failure::Failure,
    keys::{self, Rotation},
    project_settings::ProjectSettings,
    secret::sha256,
    store::{
        Tx,
        client_secrets::{ClientSecret, Proof, Slot},
    },
};
use hospes_protocol::{
    client::{Client, ClientSettings},
    family::Family,
    id::{ClientId, FamilyId, UserId},
    policy::Policy,
    user::User,
};

pub(super) async fn add_client(app: &App, id: &str, secret: Option<&str>, settings: ClientSettings) {
    let client = Client {
        id: ClientId::new(id),
        settings,
        created_at: START,
        updated_at: START,
        version: 1,
        disabled_at: None,
        tokens_valid_from: START,
    };
    let secret = secret.map(|text| secret_in(Slot::Current, text));
    let (store, app) = (app.store.clone(), app.clone());
    let add = move |tx: &mut Tx<'_>| {
        assert!(tx.add_client(&app.project, &client)?, "the id is taken");
        if let Some(secret) = &secret {
            tx.set_client_secret(&app.project, &client.id, secret)?;
        }
        Ok(())
    };
    store.write(add).await.unwrap();
}

fn secret_in(slot: Slot, text: &str) -> ClientSecret {
    ClientSecret { slot, proof: Proof::Hash(sha256(text.as_bytes())), last_four: String::new(), created_at: START }
}

/// The id of a user of the seed.
fn user_id(user: &str) -> UserId {
    UserId::new(format!("user-test-{user}"))
}

impl TestApp {
    /// Runs `hospes ARGUMENTS…`, which must succeed.
    pub(crate) async fn operate(&self, arguments: &[&str]) {
        let mut command = self.command_line();
        command.args(arguments);
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// One transaction of the operator.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> T {
        self.app.store.write(body).await.unwrap()
    }

    pub(crate) async fn add_client(&self, id: &str, secret: Option<&str>, settings: ClientSettings) {
        add_client(&self.app, id, secret, settings).await;
    }

    pub(crate) async fn update_client(&self, id: &str, change: impl Fn(&mut ClientSettings) + Send + 'static) {
        let (project, id, now) = (self.app.project.clone(), ClientId::new(id), self.now());
        let updated = self.change(move |tx| {
            let client = tx.find_client(&project, &id)?.unwrap();
            let mut settings = client.settings.clone();
            change(&mut settings);
            Ok(tx.update_client(&project, &id, &settings, client.version, now)?)
        });
        updated.await.unwrap();
    }

    pub(crate) async fn disable_client(&self, id: &str) {
        let (project, id, now) = (self.app.project.clone(), ClientId::new(id), self.now());
        assert!(self.change(move |tx| Ok(tx.disable_client(&project, &id, now)?)).await);
    }

    pub(crate) async fn enable_client(&self, id: &str) {
        let (project, id, now) = (self.app.project.clone(), ClientId::new(id), self.now());
        assert!(self.change(move |tx| Ok(tx.enable_client(&project, &id, now)?)).await);
    }

    pub(crate) async fn remove_client(&self, id: &str) {
        let (project, id) = (self.app.project.clone(), ClientId::new(id));
        assert!(self.change(move |tx| Ok(tx.remove_client(&project, &id)?)).await);
    }

    pub(crate) async fn set_next_secret(&self, id: &str, secret: &str) {
        let (project, id, secret) = (self.app.project.clone(), ClientId::new(id), secret_in(Slot::Next, secret));
        self.change(move |tx| Ok(tx.set_client_secret(&project, &id, &secret)?)).await;
    }

    pub(crate) async fn promote_secret(&self, id: &str) {
        let (project, id) = (self.app.project.clone(), ClientId::new(id));
        assert!(self.change(move |tx| Ok(tx.promote_client_secret(&project, &id)?)).await);
    }

    pub(crate) async fn update_policy(&self, change: impl Fn(&mut Policy) + Send + 'static) {
        let (project, now) = (self.app.project.clone(), self.now());
        let updated = self.change(move |tx| {
            let mut project = tx.find_project(&project)?.unwrap();
            change(&mut project.policy);
            Ok(tx.update_project(&project, now)?)
        });
        updated.await.unwrap();
    }

    pub(crate) async fn update_settings(&self, change: impl Fn(&mut ProjectSettings) + Send + 'static) {
        let (project, now) = (self.app.project.clone(), self.now());
        let updated = self.change(move |tx| {
            let mut project = tx.find_project(&project)?.unwrap();
            change(&mut project.settings);
            Ok(tx.update_project(&project, now)?)
        });
        updated.await.unwrap();
    }

    pub(crate) async fn user(&self, user: &str) -> User {
        let (project, id) = (self.app.project.clone(), user_id(user));
        self.change(move |tx| Ok(tx.find_user(&project, &id)?)).await.unwrap()
    }

    pub(crate) async fn update_user(&self, user: &str, change: impl Fn(&mut User)) {
        let mut user = self.user(user).await;
        change(&mut user);
        let (project, now) = (self.app.project.clone(), self.now());
        self.change(move |tx| Ok(tx.update_user(&project, &user, now)?)).await.unwrap();
    }

    /// As if nobody had proven that the user's address is theirs.
    pub(crate) async fn unverify_email(&self, user: &str) {
        self.update_user(user, |user| user.profile.emails[0].verified = false).await;
    }

    /// As an attest does that proves an address which nobody had proven before.
    pub(crate) async fn require_password_reset(&self, user: &str) {
        let (project, id, now) = (self.app.project.clone(), user_id(user), self.now());
        self.change(move |tx| Ok(tx.require_password_reset(&project, &id, now)?)).await;
    }

    pub(crate) async fn disable_user(&self, user: &str) {
        let (project, id, now) = (self.app.project.clone(), user_id(user), self.now());
        assert!(self.change(move |tx| Ok(tx.disable_user(&project, &id, now)?)).await);
    }

    pub(crate) async fn enable_user(&self, user: &str) {
        let (project, id, now) = (self.app.project.clone(), user_id(user), self.now());
        assert!(self.change(move |tx| Ok(tx.enable_user(&project, &id, now)?)).await);
    }

    pub(crate) async fn sign_out_everywhere(&self, user: &str) {
        let (project, id, now) = (self.app.project.clone(), user_id(user), self.now());
        self.change(move |tx| Ok(tx.sign_out_everywhere(&project, &id, now)?)).await;
    }

    /// "Disconnect".
    pub(crate) async fn revoke_grant(&self, user: &str, client: &str) {
        let (project, user) = (self.app.project.clone(), user_id(user));
        let (client, now) = (ClientId::new(client), self.now());
        assert!(self.change(move |tx| Ok(tx.revoke_grant(&project, &user, &client, now)?)).await);
    }

    /// `hospes key rotate`.
    pub(crate) async fn rotate_keys(&self, rotation: Rotation) {
        let (app, now) = (self.app.clone(), self.now());
        let rotate = move || {
            let master = keys::open_master_key(&app.config.master_key, &app.store, &app.entropy).unwrap();
            keys::rotate(&app.store, &master, &app.project, rotation, &app.entropy, now).unwrap();
        };
        tokio::task::spawn_blocking(rotate).await.unwrap();
    }

    /// The row behind an access token.
    pub(crate) async fn family_of(&self, access_token: &str) -> Family {
        let (_, claims) = super::client::decode(access_token);
        let id = FamilyId::new(claims["fid"].as_str().expect("a user's token"));
        let project = self.app.project.clone();
        self.change(move |tx| Ok(tx.find_family(&project, &id)?)).await.unwrap()
    }
}
