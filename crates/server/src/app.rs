//! The application: everything that a handler may use, built once.

use crate::{
    client_keys::ClientKeys,
    clock::Clock,
    config::Config,
    entropy::Entropy,
    failure::Failure,
    fetch::{Fetch, FetchConfig},
    front::Front,
    http::{browser::CookieNames, oauth::metadata::Document},
    imported_secret::ImportedSecrets,
    jobs,
    keys::{self, Keys},
    limits::Limits,
    listen::{self, Bounds},
    mail::Post,
    metrics::Metrics,
    pages::{Pages, PagesConfig},
    passwords::Passwords,
    project,
    records::Records,
    router,
    store::{Store, projects::Project},
    verified::VerifiedTokens,
};
use anyhow::{Context as _, Result, ensure};
use hospes_protocol::{
    Timestamp,
    audit_event::{Actor, Occasion},
    capabilities::Capabilities,
    id::{Id, ProjectId},
    metadata,
    plane::{Place, Plane},
};
use std::{
    ops::Deref,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch};
use tracing::info;
use url::Url;

/// Cheap to clone; all clones are the same application.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    /// Byte for byte the `iss` of everything we issue; from the configuration, never from a request.
    pub issuer: String,
    /// The issuer's path, without a slash at its end; mostly empty.
    pub base_path: String,
    pub project: ProjectId,
    /// `live` or `test`, from the project's id.
    pub environment: &'static str,
    pub config: Config,
    pub store: Store,
    pub clock: Clock,
    pub entropy: Entropy,
    pub keys: Keys,
    pub records: Records,
    pub verified: VerifiedTokens,
    pub passwords: Passwords,
    pub post: Post,
    pub imported_secrets: ImportedSecrets,
    pub client_keys: ClientKeys,
    pub fetch: Fetch,
    /// The same with places of its own: receivers of webhooks that hang hold nobody else up.
    pub webhooks: Fetch,
    pub limits: Limits,
    pub pages: Arc<Pages>,
    pub cookies: CookieNames,
    pub metrics: Arc<Metrics>,
    metadata: RwLock<Prepared>,
}

/// The metadata document, and the change counter that it was built at.
struct Prepared {
    counter: i64,
    document: Document,
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Builds the application on a migrated database with its project in it.
    pub async fn build(config: Config, store: Store, clock: Clock, entropy: Entropy) -> Result<Self> {
        let issuer = config.issuer.as_str().to_owned();
        let base_path = base_path(&issuer)?;
        let record = project_of(&store, &config).await?;
        let project = record.id;
        let master = {
            let (source, store, entropy) = (config.master_key.clone(), store.clone(), entropy.clone());
            tokio::task::spawn_blocking(move || keys::open_master_key(&source, &store, &entropy)).await??
        };
        let keys = Keys::open(&store, master, &project, &clock).await?;
        let fetch_config = FetchConfig::read(&config.fetch)?;
        let (fetch, webhooks) = (Fetch::new(&fetch_config)?, Fetch::new(&fetch_config)?);
        let records = Records::new(config.lifetimes.clone());
        let parts = Parts {
            metadata: RwLock::new(Prepared { counter: -1, document: Document::new(Vec::new()) }),
            pages: Arc::new(Pages::load(&PagesConfig::read(&config.pages)?)?),
            passwords: Passwords::new(config.passwords.threads, config.passwords.queue, &entropy),
            imported_secrets: ImportedSecrets::new(&entropy),
            limits: Limits::new(&config.limits, &clock),
            post: Post::read(&config.mail, !config.issuer.is_https())?,
            client_keys: ClientKeys::new(fetch.clone()),
            fetch,
            webhooks,
            cookies: CookieNames::of_issuer(&issuer),
            verified: VerifiedTokens::new(),
            metrics: Arc::new(Metrics::new()),
            issuer,
            base_path,
            environment: project::environment(&project),
            project,
            config,
            store,
            clock,
            entropy,
            keys,
            records,
        };
        let app = Self(Arc::new(parts));
        app.refresh_documents().await?;
        Ok(app)
    }

    /// The application of another project of the same deployment: its own keys, records and documents; what is bounded
    /// for the whole process (connections, password hashing, limits) is shared.
    pub async fn beside(&self, project: &ProjectId) -> Result<Self> {
        let id = project.clone();
        let record = self.store.read(move |tx| Ok(tx.find_project(&id)?)).await?.context("the project is gone")?;
        let issuer = record.issuer;
        let parts = Parts {
            metadata: RwLock::new(Prepared { counter: -1, document: Document::new(Vec::new()) }),
            pages: Arc::clone(&self.pages),
            passwords: self.passwords.clone(),
            post: self.post.clone(),
            imported_secrets: ImportedSecrets::new(&self.entropy),
            limits: self.limits.clone(),
            client_keys: self.client_keys.clone(),
            fetch: self.fetch.clone(),
            webhooks: self.webhooks.clone(),
            cookies: CookieNames::of_issuer(&issuer),
            verified: VerifiedTokens::new(),
            metrics: Arc::clone(&self.metrics),
            base_path: base_path(&issuer)?,
            issuer,
            environment: project::environment(project),
            project: project.clone(),
            config: self.config.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            keys: self.keys.of_project(project).await?,
            records: Records::new(self.config.lifetimes.clone()),
        };
        let app = Self(Arc::new(parts));
        app.refresh_documents().await?;
        Ok(app)
    }

    /// Builds metadata and key set anew if the project or its keys changed.
    pub async fn refresh_documents(&self) -> Result<(), Failure> {
        let app = self.clone();
        let current = self.store.read(move |tx| Ok(app.records.project(tx, &app.project)?)).await?;
        if self.metadata.read().unwrap_or_else(PoisonError::into_inner).counter == current.counter {
            return Ok(());
        }
        let ring = self.keys.ring(current.counter).await?;
        let algs = ring.signing_algs(self.clock.now());
        let mut capabilities = Capabilities::of(&self.issuer, &current.project.policy, algs);
        if current.project.settings.dynamic_client_registration.enabled {
            capabilities = capabilities.with_registration();
        }
        capabilities.ui_locales = self.pages.ui_locales();
        let bytes = serde_json::to_vec(&metadata::document(&capabilities)).context("the metadata document")?;
        *self.metadata.write().unwrap_or_else(PoisonError::into_inner) =
            Prepared { counter: current.counter, document: Document::new(bytes) };
        Ok(())
    }

    /// A new identifier in the form `kind-environment-uuid`, as the management API shows them.
    pub(crate) fn id<K>(&self, kind: &str) -> Id<K> {
        Id::new(format!("{kind}-{}-{}", self.environment, self.entropy.uuid()))
    }

    /// For one event of the audit log, if it comes to it. Drawn before the transaction, which may run more than once.
    pub(crate) fn occasion(&self, actor: Actor, at: Timestamp) -> Occasion {
        project::occasion(&self.project, &self.entropy, actor, at)
    }

    /// Where what is presented on `plane` must have been issued.
    pub(crate) fn place(&self, plane: Plane) -> Place<'_> {
        Place { plane, issuer: &self.issuer, project: &self.project }
    }

    pub(crate) fn metadata(&self) -> Document {
        self.metadata.read().unwrap_or_else(PoisonError::into_inner).document.clone()
    }
}

/// The path of an issuer, without a slash at its end.
fn base_path(issuer: &str) -> Result<String> {
    Ok(Url::parse(issuer)?.path().trim_end_matches('/').to_owned())
}

/// The project that this issuer serves.
async fn project_of(store: &Store, config: &Config) -> Result<Project> {
    let (id, issuer) = (config.project.clone(), config.issuer.to_string());
    let found = store.read(move |tx| Ok(project::find(tx, id.as_ref(), &issuer)?)).await?;
    let project = found.context("the database holds no project yet; `hospes init` makes one")?;
    ensure!(
        project.issuer == config.issuer.as_str(),
        "project {} was made for issuer {}, and `issuer` is {}; tokens of one are void at the other. \
         Set `issuer` back, or `hospes init` a project for the new one",
        project.id,
        project.issuer,
        config.issuer
    );
    Ok(project)
}

/// Opens the database that the configuration names, migrated.
pub fn open_store(config: &Config) -> Result<Store> {
    let store = Store::open(&config.database.store())?;
    store.migrate()?;
    Ok(store)
}

/// `hospes serve`: runs until SIGINT or SIGTERM.
pub async fn serve(config: Config) -> Result<()> {
    let store = open_store(&config)?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}; change `listen` (HOSPES_LISTEN) or end what listens there", config.listen)
    })?;
    let operations = match config.operations_listen {
        Some(address) => Some(
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; change `operations_listen` (HOSPES_OPERATIONS_LISTEN) or end what listens there"))?,
        ),
        None => None,
    };
    let app = App::build(config, store, Clock::System, Entropy::Os).await?;
    info!(issuer = app.issuer, listen = %listener.local_addr()?, project = %app.project, "hospes serves");
    let (stop, stopped) = watch::channel(false);
    let running = run(app.clone(), listener, operations, stopped);
    let signals = async {
        wait_for_signal().await;
        info!("stopping: running requests may finish");
        let _ = stop.send(true);
        // Until `run` has seen it.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = running => {}
        () = signals => {}
    }
    app.store.close();
    Ok(())
}

/// Serves both listeners and runs the jobs until `stop` changes: for the project of `app`, and for every other that is
/// in its database.
pub async fn run(app: App, listener: TcpListener, operations: Option<TcpListener>, stop: watch::Receiver<bool>) {
    let http = &app.config.http;
    let bounds = Bounds { connections: http.max_connections, goodbye: http.shutdown_timeout };
    let front = Front::new(&app);
    let mut jobs = jobs::start(&app, &front, &stop);
    let answer = tower::service_fn(move |request| front.clone().answer(request));
    let main = listen::serve(listener, answer, bounds, stop.clone());
    let aside = async {
        if let Some(listener) = operations {
            let bounds = Bounds { connections: 64, goodbye: Duration::from_secs(1) };
            listen::serve(listener, router::operations(&app), bounds, stop.clone()).await;
        }
    };
    tokio::join!(main, aside);
    while jobs.join_next().await.is_some() {}
}

pub(crate) async fn wait_for_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
