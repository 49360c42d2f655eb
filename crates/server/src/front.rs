//! Several projects behind one listener: which of them a request is for.
//!
//! On `/v1` a project is named by its id, in the path or as the user name of Basic; everywhere else by the host of its
//! issuer, and by the path of the issuer where several share a host. What nothing fits is for the project of the
//! configuration. A request only selects among the projects of the database; no address and no name is made of it.
//!
//! Specs: RFC 9112 §3.2 (Host), RFC 7617 §2 (Basic), RFC 8414 §3.1 (a well-known path with an issuer's path behind it).
//!
//! A project that was made while we run is noticed by the request that fits no other, and at the latest by a job.

use crate::{app::App, failure::Failure, http::management::basic_user, router};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{header::HOST, request::Parts as Head},
    response::{IntoResponse as _, Response},
};
use hospes_protocol::id::ProjectId;
use std::{
    convert::Infallible,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::{Mutex, OnceCell};
use tower::ServiceExt as _;
use tracing::{error, info};
use url::Url;

/// Cheap to clone; all clones are the same front.
#[derive(Clone)]
pub(crate) struct Front(Arc<Parts>);

struct Parts {
    /// The project of the configuration.
    main: Arc<Place>,
    known: RwLock<Arc<Known>>,
    loading: Mutex<()>,
}

/// The projects of the database at one change counter.
struct Known {
    counter: i64,
    places: Vec<Arc<Place>>,
}

/// A project, where it is found, and what answers there once somebody has asked.
struct Place {
    project: ProjectId,
    issuer: String,
    /// How a Host header may name the issuer: without the scheme's usual port, and with it.
    hosts: Vec<String>,
    /// The issuer's path, without a slash at its end; mostly empty.
    path: String,
    site: OnceCell<Site>,
}

#[derive(Clone)]
struct Site {
    app: App,
    router: Router,
}

/// What is known to be meant by a request.
enum Choice {
    Certain(Arc<Place>),
    /// Unless there is another project by now.
    Perhaps(Arc<Place>),
}

impl Front {
    /// The front of the deployment whose configured project `app` serves.
    pub(crate) fn new(app: &App) -> Self {
        let site = Site { app: app.clone(), router: router::router(app) };
        let place = Place::of(app.project.clone(), app.issuer.clone());
        let main = Arc::new(Place { site: OnceCell::new_with(Some(site)), ..place });
        let known = Known { counter: -1, places: vec![Arc::clone(&main)] };
        Self(Arc::new(Parts { main, known: RwLock::new(Arc::new(known)), loading: Mutex::new(()) }))
    }

    /// Answers a request by the project it is for.
    pub(crate) async fn answer(self, request: Request<Body>) -> Result<Response, Infallible> {
        let (head, body) = request.into_parts();
        match self.router_for(&head).await {
            Ok(router) => router.oneshot(Request::from_parts(head, body)).await,
            Err(failure) => {
                error!(%failure, "a project cannot be served");
                Ok(failure.into_response())
            }
        }
    }

    async fn router_for(&self, head: &Head) -> Result<Router, Failure> {
        let place = match self.choose(head) {
            Choice::Certain(place) => place,
            Choice::Perhaps(place) => match self.look_again().await {
                Ok(()) => self.choose(head).place(),
                // The documents of the projects we know are served while the database is away.
                Err(_) => place,
            },
        };
        Ok(self.site(&place).await?.router.clone())
    }

    fn choose(&self, head: &Head) -> Choice {
        let known = self.known();
        let path = head.uri.path();
        let named = project_named(head);
        if let Some(place) = named.as_ref().and_then(|id| known.find(id)) {
            return Choice::Certain(place);
        }
        let host = host_named(head).unwrap_or_default();
        let there = || known.places.iter().filter(|place| place.is_at(host));
        let fitting = there().filter(|place| place.holds(path)).max_by_key(|place| place.path.len());
        match fitting {
            Some(place) if named.is_none() => Choice::Certain(Arc::clone(place)),
            place => Choice::Perhaps(Arc::clone(place.or_else(|| there().next()).unwrap_or(&self.0.main))),
        }
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.0.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the list of projects anew if anything in the database changed since.
    pub(crate) async fn look_again(&self) -> Result<(), Failure> {
        let store = &self.0.main_app()?.store;
        let counter = store.look_up(|tx| Ok(tx.change_counter()?)).await?;
        if self.known().counter >= counter {
            return Ok(());
        }
        let _loading = self.0.loading.lock().await;
        let before = self.known();
        if before.counter >= counter {
            return Ok(());
        }
        // The counter first: the list is then as new as it says, or newer.
        let (counter, projects) = store.read(|tx| Ok((tx.change_counter()?, tx.list_projects()?))).await?;
        let places = projects.into_iter().map(|project| before.place_of(project.id, project.issuer)).collect();
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Known { counter, places });
        Ok(())
    }

    async fn site<'p>(&self, place: &'p Place) -> Result<&'p Site, Failure> {
        let main = self.0.main_app()?;
        let site = place.site.get_or_try_init(async || {
            let app = main.beside(&place.project).await?;
            info!(project = %place.project, issuer = place.issuer, "another project is served too");
            Ok::<_, anyhow::Error>(Site { router: router::router(&app), app })
        });
        Ok(site.await?)
    }

    /// The application of a project, made now if nobody has asked for it yet; `None` when the project is gone.
    pub(crate) async fn app_of(&self, project: &ProjectId) -> Result<Option<App>, Failure> {
        let mut place = self.known().find(project);
        if place.is_none() {
            self.look_again().await?;
            place = self.known().find(project);
        }
        match place {
            Some(place) => Ok(Some(self.site(&place).await?.app.clone())),
            None => Ok(None),
        }
    }

    /// The projects as the last look found them.
    pub(crate) fn projects(&self) -> Vec<ProjectId> {
        self.known().places.iter().map(|place| place.project.clone()).collect()
    }

    /// The applications of the projects that somebody has asked for.
    pub(crate) fn apps(&self) -> Vec<App> {
        let known = self.known();
        known.places.iter().filter_map(|place| place.site.get()).map(|site| site.app.clone()).collect()
    }
}

impl Parts {
    fn main_app(&self) -> Result<&App, Failure> {
        let site = self.main.site.get().ok_or_else(|| anyhow::anyhow!("the configured project has no application"))?;
        Ok(&site.app)
    }
}

impl Choice {
    fn place(self) -> Arc<Place> {
        match self {
            Self::Certain(place) | Self::Perhaps(place) => place,
        }
    }
}

impl Known {
    fn find(&self, project: &ProjectId) -> Option<Arc<Place>> {
        self.places.iter().find(|place| place.project == *project).map(Arc::clone)
    }

    /// The place that a project has already, unless it moved.
    fn place_of(&self, project: ProjectId, issuer: String) -> Arc<Place> {
        match self.places.iter().find(|place| place.project == project && place.issuer == issuer) {
            Some(place) => Arc::clone(place),
            None => Arc::new(Place::of(project, issuer)),
        }
    }
}

impl Place {
    fn of(project: ProjectId, issuer: String) -> Self {
        let Ok(url) = Url::parse(&issuer) else {
            return Self { project, issuer, hosts: Vec::new(), path: String::new(), site: OnceCell::new() };
        };
        let path = url.path().trim_end_matches('/').to_owned();
        let host = url.host_str().unwrap_or_default();
        let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
        let bare = url.port().is_none().then(|| host.to_owned());
        Self { project, issuer, hosts: with_port.into_iter().chain(bare).collect(), path, site: OnceCell::new() }
    }

    fn is_at(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Whether `path` lies below the issuer, or is well known and has the issuer's path behind it.
    fn holds(&self, path: &str) -> bool {
        if self.path.is_empty() {
            return true;
        }
        let lies_below =
            |path: &str| path.strip_prefix(&self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        // RFC 8414 §3.1
        let behind = path.strip_prefix("/.well-known/").and_then(|rest| rest.find('/').and_then(|at| rest.get(at..)));
        lies_below(path) || behind.is_some_and(lies_below)
    }
}

/// The host that the request was sent to: of a whole URL in the request line, else of the one Host header.
fn host_named(head: &Head) -> Option<&str> {
    // RFC 9112 §3.2.2: a host in the request line counts, whatever the header says
    if let Some(authority) = head.uri.authority() {
        return Some(authority.as_str());
    }
    let mut values = head.headers.get_all(HOST).iter();
    match (values.next(), values.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

/// The project that a call of `/v1` names: in its path, else as the user name of Basic.
fn project_named(head: &Head) -> Option<ProjectId> {
    let (_, path) = head.uri.path().split_once("/v1/")?;
    let id = path.strip_prefix("public/").or_else(|| path.strip_prefix("sessions/jwks/"));
    let named = match id {
        // The official SDK for Rust writes `%2D` for `-`.
        Some(id) => id.split('/').next().unwrap_or_default().replace("%2D", "-").replace("%2d", "-"),
        None => basic_user(&head.headers)?,
    };
    named.starts_with("project-").then(|| ProjectId::new(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(issuer: &str) -> Place {
        Place::of(ProjectId::new("project-test-1"), issuer.to_owned())
    }

    fn head(url: &str, headers: &[(&str, &str)]) -> Head {
        let mut request = Request::builder().uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_host_is_compared_whole_and_the_usual_port_may_be_there() {
        for host in ["auth.example.com", "AUTH.example.com", "auth.example.com:443"] {
            assert!(place("https://auth.example.com").is_at(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "auth.example.com:80",
            "auth.example.com:8443",
            "xauth.example.com",
            "auth.example.com.",
        ] {
            assert!(!place("https://auth.example.com").is_at(host), "{host}");
        }
        assert!(place("http://[::1]:8080").is_at("[::1]:8080"));
        assert!(!place("http://localhost:8080").is_at("localhost"));
    }

    #[test]
    fn a_path_lies_below_its_issuer_by_whole_segments() {
        let place = place("https://auth.example.com/a");
        for path in ["/a", "/a/", "/a/oauth2/token", "/.well-known/openid-configuration/a"] {
            assert!(place.holds(path), "{path}");
        }
        for path in ["/", "/ab", "/b/a", "/.well-known/openid-configuration", "/.well-known/openid-configuration/ab"] {
            assert!(!place.holds(path), "{path}");
        }
    }

    #[test]
    fn a_request_has_one_host() {
        assert_eq!(host_named(&head("/", &[("host", "a.example")])), Some("a.example"));
        assert_eq!(host_named(&head("/", &[("host", "a.example"), ("host", "b.example")])), None);
        assert_eq!(host_named(&head("http://c.example/", &[("host", "a.example")])), Some("c.example"));
        assert_eq!(host_named(&head("/", &[("x-forwarded-host", "a.example")])), None);
    }

    #[test]
    fn only_v1_names_projects() {
        let named = |url: &str| project_named(&head(url, &[("authorization", "Basic cHJvamVjdC10ZXN0LTE6eA==")]));
        let id = |text: &str| Some(ProjectId::new(text));
        assert_eq!(named("/v1/public/project-test-2/oauth2/token"), id("project-test-2"));
        assert_eq!(named("/v1/sessions/jwks/project%2Dtest%2D2"), id("project-test-2"));
        assert_eq!(named("/t1/v1/users"), id("project-test-1"));
        assert_eq!(named("/v1/public/other/oauth2/token"), None);
        assert_eq!(named("/oauth2/token"), None);
        assert_eq!(project_named(&head("/v1/users", &[])), None);
    }
}
