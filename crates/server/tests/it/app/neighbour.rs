//! Another project of the same deployment, made while the server runs, as `hospes init` makes it.

use super::{Browser, Client, Host, TestApp, seed};
use hospes::{
    config::Issuer,
    entropy::Entropy,
    keys,
    project::{self, NewProject},
    store::Tx,
};
use hospes_protocol::id::{ClientId, ProjectId, UserId};

pub(crate) struct Neighbour {
    pub(crate) issuer: String,
    pub(crate) project: ProjectId,
    pub(crate) secret: String,
    http: reqwest::Client,
}

impl TestApp {
    /// A project whose issuer is another name of this machine, and `path`. It has the policy, the users and the clients of
    /// the first one, with the same ids, passwords and secrets: nothing but the project tells them apart.
    pub(crate) async fn neighbour(&self, path: &str) -> Neighbour {
        let port = url::Url::parse(&self.base).unwrap().port().unwrap();
        let issuer = format!("http://localhost:{port}{path}");
        let (app, now) = (self.app.clone(), self.now());
        let (id, secret) = (project::new_id(false, &Entropy::Os), project::new_secret(&app.project, &Entropy::Os));
        let make = {
            let (id, issuer, secret) = (id.clone(), Issuer::parse(&issuer).unwrap(), secret.text().to_owned());
            move || {
                let master = keys::open_master_key(&app.config.master_key, &app.store, &app.entropy).unwrap();
                let mut new = NewProject::new(id, "Lagoon", &issuer, &secret, &master, &Entropy::Os, now).unwrap();
                let home = app.project.clone();
                new.record.policy =
                    app.store.read_blocking(move |tx| Ok(tx.find_project(&home)?.unwrap().policy)).unwrap();
                let home = app.project.clone();
                let add = move |tx: &mut Tx<'_>| {
                    new.add(tx)?;
                    let own = &new.record.id;
                    for id in ["spa", "web", "m2m", "api"].map(ClientId::new) {
                        let client = tx.find_client(&home, &id)?.unwrap();
                        assert!(tx.add_client(own, &client)?);
                        for secret in tx.find_client_secrets(&home, &id)? {
                            tx.set_client_secret(own, &id, &secret)?;
                        }
                    }
                    let id = UserId::new("user-test-alice");
                    let alice = tx.find_user(&home, &id)?.unwrap();
                    tx.add_user(own, &alice)?.unwrap();
                    let password = tx.find_password(&home, &id)?.unwrap();
                    Ok(tx.set_password(own, &id, &password.hash, now)?)
                };
                app.store.write_blocking(add).unwrap();
            }
        };
        tokio::task::spawn_blocking(make).await.unwrap();
        Neighbour { issuer, project: id, secret: secret.text().to_owned(), http: self.http.clone() }
    }
}

impl Neighbour {
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.http.clone(), &self.issuer)
    }

    pub(crate) fn client(&self, id: &str) -> Client {
        Client::new(self.http.clone(), &self.issuer, id, seed::secret_of(id), seed::redirect_uri_of(id))
    }

    pub(crate) fn host(&self) -> Host {
        Host::new(self.http.clone(), &self.issuer, self.project.as_str(), &self.secret)
    }
}
