//! The rows of the table: which operation, against which limit, with which target.

use crate::{
    arguments::Arguments,
    http,
    limit::OPAQUE,
    load::{self, Script, Scripts},
    place::{Kind, Provider, Subject},
    report::{Figures, Measured},
    scripts::{Client, Code, Fixed, Refresh, member},
    server::{APP, RESOURCE_SERVER, SERVICE, WEB, WEB_ES256},
};
use anyhow::{Context as _, Result};
use std::{sync::Arc, time::Duration};

/// The row of start and memory, which needs no load.
pub(crate) const START: &str = "start";

const WARM_UP: Duration = Duration::from_millis(500);
/// So many different tokens are presented in turn.
const TOKENS: usize = 256;

pub(crate) struct Row {
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) in_flight: usize,
    pub(crate) target: Target,
    operation: Operation,
}

#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// Of the limit in the same run.
    OfLimit(f64),
    PerSecond(f64),
    /// As many times node-oidc-provider in the same run.
    TimesPeer(f64),
}

#[derive(Clone, Copy)]
enum Operation {
    Discovery,
    Jwks,
    ClientCredentials,
    Introspection,
    Userinfo,
    Refresh,
    Code { client: Client, scope: &'static str, signs_with_rsa: bool },
}

pub(crate) const ALL: [Row; 9] = [
    Row {
        key: "discovery",
        name: "discovery document",
        in_flight: 32,
        target: Target::OfLimit(0.8),
        operation: Operation::Discovery,
    },
    Row { key: "jwks", name: "JWKS", in_flight: 32, target: Target::OfLimit(0.8), operation: Operation::Jwks },
    Row {
        key: "client-credentials",
        name: "client credentials, ES256",
        in_flight: 32,
        target: Target::OfLimit(0.7),
        operation: Operation::ClientCredentials,
    },
    Row {
        key: "introspection",
        name: "introspection of a JWT, revocation checked",
        in_flight: 32,
        target: Target::OfLimit(0.5),
        operation: Operation::Introspection,
    },
    Row {
        key: "userinfo",
        name: "userinfo",
        in_flight: 32,
        target: Target::OfLimit(0.7),
        operation: Operation::Userinfo,
    },
    Row {
        key: "refresh",
        name: "refresh with rotation",
        in_flight: 128,
        target: Target::PerSecond(5_000.0),
        operation: Operation::Refresh,
    },
    Row {
        key: "code",
        name: "code + PKCE, session warm, no ID token",
        in_flight: 128,
        target: Target::TimesPeer(5.0),
        operation: Operation::Code { client: WEB, scope: "notes.read", signs_with_rsa: false },
    },
    Row {
        key: "code-es256",
        name: "code + PKCE, session warm, ID token ES256",
        in_flight: 128,
        target: Target::TimesPeer(5.0),
        operation: Operation::Code { client: WEB_ES256, scope: "openid notes.read", signs_with_rsa: false },
    },
    Row {
        key: "code-rs256",
        name: "code + PKCE, session warm, ID token RS256",
        in_flight: 128,
        target: Target::TimesPeer(5.0),
        operation: Operation::Code { client: WEB, scope: "openid notes.read", signs_with_rsa: true },
    },
];

/// The rows named, or all.
pub(crate) fn chosen(names: &[String]) -> impl Iterator<Item = &'static Row> {
    ALL.iter().filter(move |row| names.is_empty() || names.iter().any(|name| name == row.key))
}

/// What came of the limit program, Hospes and the peer.
pub(crate) async fn measure(row: &Row, subjects: &[Subject<'_>], arguments: &Arguments) -> Result<Measured> {
    let mut measured = Measured::default();
    for (subject, figures) in in_turn(row, subjects, arguments).await? {
        match subject.kind {
            Kind::Limit => measured.limit = figures,
            Kind::Hospes(_) => measured.hospes = figures,
            Kind::Peer(_) => measured.peer = figures,
        }
    }
    Ok(measured)
}

/// Measures all subjects that know the operation in turn, round by round, so that what disturbs the machine disturbs
/// them alike.
pub(crate) async fn in_turn<'s, 'r>(
    row: &Row,
    subjects: &'s [Subject<'r>],
    arguments: &Arguments,
) -> Result<Vec<(&'s Subject<'r>, Vec<Figures>)>> {
    let mut prepared = Vec::new();
    for subject in subjects {
        if let Some(scripts) = row.scripts(subject).await.with_context(|| format!("preparing {}", row.key))? {
            let (scripts, _) = load::run(subject.running.address, scripts, WARM_UP).await.context(row.key)?;
            prepared.push((subject, scripts, Vec::new()));
        }
    }
    for _ in 0..arguments.rounds {
        for (subject, scripts, figures) in &mut prepared {
            let before = subject.running.cpu()?;
            let own = std::mem::take(scripts);
            let (own, round) = load::run(subject.running.address, own, arguments.time).await.context(row.key)?;
            *scripts = own;
            figures.push(Figures::of(round, subject.running.cpu()?.saturating_sub(before)));
        }
    }
    Ok(prepared.into_iter().map(|(subject, _, figures)| (subject, figures)).collect())
}

impl Row {
    /// What this subject is asked.
    pub(crate) async fn scripts_of(&self, subject: &Subject<'_>) -> Result<Scripts> {
        self.scripts(subject).await?.with_context(|| format!("it does not know {}", self.name))
    }

    /// What this subject is asked; `None` when it does not know the operation.
    async fn scripts(&self, subject: &Subject<'_>) -> Result<Option<Scripts>> {
        Ok(match &subject.kind {
            Kind::Limit => Some(self.of_limit(subject).await?),
            Kind::Hospes(provider) => Some(self.of_provider(provider).await?),
            Kind::Peer(provider) => match self.operation {
                Operation::ClientCredentials | Operation::Refresh | Operation::Code { .. } => {
                    Some(self.of_provider(provider).await?)
                }
                // Its JWT access tokens are for verifying, it neither introspects them nor takes them at userinfo.
                Operation::Discovery | Operation::Jwks | Operation::Introspection | Operation::Userinfo => None,
            },
        })
    }

    async fn of_limit(&self, subject: &Subject<'_>) -> Result<Scripts> {
        let form = "grant_type=client_credentials";
        let (request, expected) = match self.operation {
            Operation::Discovery | Operation::Jwks => (http::get("/document", ""), "{"),
            Operation::ClientCredentials | Operation::Refresh | Operation::Code { signs_with_rsa: false, .. } => {
                (http::post("/es256", "", form), "access_token")
            }
            Operation::Code { signs_with_rsa: true, .. } => (http::post("/rs256", "", form), "access_token"),
            Operation::Introspection => (http::post("/opaque", "", &format!("token={OPAQUE}")), "active"),
            Operation::Userinfo => {
                let token = http::once(subject.running.address, &http::post("/es256", "", form), |answer| {
                    Ok(member(answer.body, "access_token").context("no token from the limit program")?.to_owned())
                })
                .await?;
                (http::get("/verify", &format!("Authorization: Bearer {token}\r\n")), "sub")
            }
        };
        Ok(self.same(vec![request], expected))
    }

    async fn of_provider(&self, provider: &Provider) -> Result<Scripts> {
        let paths = provider.paths;
        Ok(match self.operation {
            Operation::Discovery => self.same(vec![http::get(paths.discovery, "")], "issuer"),
            Operation::Jwks => self.same(vec![http::get(paths.jwks, "")], "keys"),
            Operation::ClientCredentials => {
                let (head, _) = SERVICE.credentials();
                let form = "grant_type=client_credentials&scope=notes.read";
                self.same(vec![http::post(paths.token, &head, form)], "access_token")
            }
            Operation::Introspection => {
                let tokens = provider.tokens(WEB, "notes.read", "access_token", TOKENS).await?;
                let (head, _) = RESOURCE_SERVER.credentials();
                let ask = |token: &String| http::post(paths.introspect, &head, &format!("token={token}"));
                self.same(tokens.iter().map(ask).collect(), "\"active\":true")
            }
            Operation::Userinfo => {
                let tokens = provider.tokens(WEB_ES256, "openid profile email", "access_token", TOKENS).await?;
                let ask = |token: &String| http::get(paths.userinfo, &format!("Authorization: Bearer {token}\r\n"));
                self.same(tokens.iter().map(ask).collect(), "\"sub\"")
            }
            Operation::Refresh => {
                let scope = "notes.read offline_access";
                let tokens = provider.tokens(APP, scope, "refresh_token", self.in_flight).await?;
                tokens.into_iter().map(|token| boxed(Refresh::new(provider, APP, token))).collect()
            }
            Operation::Code { client, scope, .. } => (0..self.in_flight)
                .map(|worker| boxed(Code::new(provider, client, scope, provider.session(worker))))
                .collect(),
        })
    }

    fn same(&self, requests: Vec<Vec<u8>>, expected: &'static str) -> Scripts {
        let requests: Arc<[Vec<u8>]> = requests.into();
        (0..self.in_flight)
            .map(|worker| {
                let first = worker.saturating_mul(requests.len()).checked_div(self.in_flight).unwrap_or_default();
                boxed(Fixed::new(Arc::clone(&requests), first, expected))
            })
            .collect()
    }
}

fn boxed(script: impl Script + 'static) -> Box<dyn Script> {
    Box::new(script)
}
