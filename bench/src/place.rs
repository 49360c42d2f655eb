//! What is measured: the limit program, Hospes, and, on request, node-oidc-provider; each with its logged-in users.

use crate::{
    child::Running,
    load::Script as _,
    peer,
    scripts::{Client, Code, member},
    server,
};
use anyhow::{Context as _, Result};
use std::net::SocketAddr;

/// So many users are logged in. Several workers share one, as several devices do.
pub(crate) const USERS: usize = 32;

/// Where a server answers what.
pub(crate) struct Paths {
    pub(crate) discovery: &'static str,
    pub(crate) jwks: &'static str,
    pub(crate) authorize: &'static str,
    pub(crate) token: &'static str,
    pub(crate) introspect: &'static str,
    pub(crate) userinfo: &'static str,
}

/// An authorization server with users who are logged in.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    pub(crate) paths: &'static Paths,
    /// Header lines with the cookies of each user.
    pub(crate) sessions: Vec<String>,
}

pub(crate) enum Kind {
    Limit,
    Hospes(Provider),
    Peer(Provider),
}

pub(crate) struct Subject<'r> {
    pub(crate) running: &'r Running,
    pub(crate) kind: Kind,
}

impl<'r> Subject<'r> {
    /// Logs the users in everywhere.
    pub(crate) async fn all(limit: &'r Running, hospes: &'r Running, peer: Option<&'r Running>) -> Result<Vec<Self>> {
        let sessions = server::log_in_users(hospes.address).await?;
        let provider = Provider { address: hospes.address, paths: &server::PATHS, sessions };
        let mut all =
            vec![Self { running: limit, kind: Kind::Limit }, Self { running: hospes, kind: Kind::Hospes(provider) }];
        if let Some(running) = peer {
            let mut sessions = Vec::new();
            for _ in 0..USERS {
                sessions.push(peer::log_in(running.address).await.context("logging in at the peer")?);
            }
            let provider = Provider { address: running.address, paths: &peer::PATHS, sessions };
            all.push(Self { running, kind: Kind::Peer(provider) });
        }
        Ok(all)
    }
}

impl Provider {
    pub(crate) fn session(&self, worker: usize) -> &str {
        let at = worker.checked_rem(self.sessions.len()).unwrap_or_default();
        self.sessions.get(at).map(String::as_str).unwrap_or_default()
    }

    /// The given member of the token responses of `count` code flows, one after the other.
    pub(crate) async fn tokens(&self, client: Client, scope: &str, kind: &str, count: usize) -> Result<Vec<String>> {
        let mut connection = crate::http::Connection::open(self.address).await?;
        let mut tokens = Vec::with_capacity(count);
        for worker in 0..count {
            let mut code = Code::new(self, client, scope, self.session(worker));
            let mut request = Vec::new();
            loop {
                request.clear();
                code.request(&mut request);
                if code.take(&connection.exchange(&request).await?)? {
                    break;
                }
            }
            tokens
                .push(member(&code.answer, kind).with_context(|| format!("no {kind} in {}", code.answer))?.to_owned());
        }
        Ok(tokens)
    }
}
