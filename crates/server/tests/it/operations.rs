//! What operators see: the listener of their own, and the log.

use crate::app::{Authentication, Browser, PASSWORD, TestApp, client::VERIFIER};
use hospes::{
    pages::{decision, field},
    store::{Store, StoreConfig},
};
use std::{
    fs, io,
    sync::{Arc, Mutex, PoisonError},
};
use tracing_subscriber::EnvFilter;

#[tokio::test]
async fn health_and_readiness_are_on_a_listener_of_their_own() {
    let app = TestApp::new().await;
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let reply = app.operations(path).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, body));
        assert_eq!(app.get(path).await.status, 404, "{path} is open to everybody");
    }
    assert_eq!(app.get("/metrics").await.status, 404);
    assert_eq!(app.operations("/oauth2/token").await.status, 404);
}

/// Counted by route, never by what a stranger wrote.
#[tokio::test]
async fn metrics_count_by_route_and_status() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    m2m.client_credentials(&[]).await.tokens();
    m2m.clone().unauthenticated().client_credentials(&[]).await.refused(401, "invalid_client");
    app.get("/some/strangers/path?secret=1").await;
    let text = app.operations("/metrics").await.body;
    for shown in ["/oauth2/token", "status=\"200\"", "status=\"401\"", "unmatched"] {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
    assert!(!text.contains("strangers") && !text.contains("secret") && !text.contains("m2m"), "{text}");
}

/// Whoever stops the server and copies the file has everything.
#[test]
fn a_closed_sqlite_store_leaves_everything_in_its_one_file() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("hospes.db");
        let store = Store::open(&StoreConfig::new(format!("sqlite:{}", file.display()))).unwrap();
        store.migrate().unwrap();
        store.read_blocking(|tx| Ok(tx.change_counter()?)).unwrap();
        store.write_blocking(|tx| Ok(tx.count_change()?)).unwrap();
        store.close();
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["hospes.db"]);
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Design section 7: no secret in a log, at any level, whether requests succeed or fail.
#[tokio::test]
async fn no_secret_is_ever_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("hospes=trace,hospes_protocol=trace"))
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For all threads, since the store and the passwords have their own. What other tests log meanwhile comes in too, and
    // must hold none of these secrets either.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let app = TestApp::new().await;
    let (web, spa) = (app.client("web"), app.client("spa"));
    let mut secrets =
        vec![PASSWORD.to_owned(), VERIFIER.to_owned(), web.secret().to_owned(), "wrong-password-1".to_owned()];

    let mut alice = app.browser();
    let login = alice.authorize(&web.request()).await;
    let form = login.form().with(field::USERNAME, "alice").with(field::PASSWORD, "wrong-password-1");
    let login = alice.submit(form.press(decision::LOGIN)).await;
    let consent = alice.submit(Browser::fill_login(&login, "alice")).await;
    secrets.extend([consent.form().get(field::CSRF).unwrap().to_owned()]);
    let code = alice.allow(&consent).await.callback().code();
    let wrong = web.clone().with(Authentication::Basic("wrong-secret-0123456789".into()));
    wrong.redeem(&code).await.refused(401, "invalid_client");
    let tokens = web.redeem(&code).await.tokens();
    web.refresh(&tokens.refresh_token).await.tokens();
    web.userinfo(&tokens.access_token).await.json();
    web.introspect(&tokens.access_token).await;
    web.redeem(&code).await.refused(400, "invalid_grant");
    web.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    assert_eq!(web.userinfo(&tokens.access_token).await.status, 401);

    let public = app.tokens("spa", "alice").await;
    let next = spa.refresh(&public.refresh_token).await.tokens();
    spa.refresh(&public.refresh_token).await.tokens();
    app.advance(3600);
    spa.refresh(&public.refresh_token).await.refused(400, "invalid_grant");
    alice.open(format!("/oauth2/logout?id_token_hint={}", tokens.id_token)).await;
    alice.open("/oauth2/authorize?client_id=nobody&state=secret-state-1").await;

    secrets.extend(alice.cookies.values().cloned());
    secrets.extend([code, tokens.access_token, tokens.refresh_token, tokens.id_token, public.refresh_token]);
    secrets.extend([next.refresh_token, next.access_token, "wrong-secret-0123456789".into(), "secret-state-1".into()]);
    let text = log.text();
    for happened in ["client authentication failed", "was replayed", "reuse", "WrongPassword", "answered again"] {
        assert!(text.contains(happened), "{happened} is not in the log: {text}");
    }
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in the log");
        // Nor a part that would do for guessing the rest.
        let part = secret.get(..20).unwrap_or(&secret);
        assert!(part.starts_with("eyJ") || !text.contains(part), "{part} is in the log");
    }
}
