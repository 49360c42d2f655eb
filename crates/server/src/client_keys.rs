//! The public keys of clients that authenticate with `private_key_jwt` and publish their keys at a `jwks_uri`.
//!
//! Specs: OIDC Core §10.1.1, RFC 7517 §5, RFC 7523 §3. What goes wrong without it: attacks.md rows 13, 31 and 34.
//!
//! A key set is kept as long as its server says, within bounds. A key that is not in it makes us fetch again, once in a while:
//! so a client may rotate its keys at any time, and nobody can make us hammer a server with invented key ids.

use crate::fetch::{Fetch, FetchError};
use hospes_protocol::{
    Seconds, Timestamp,
    id::ProjectId,
    jose::{Jwks, KeySet},
};
use quick_cache::sync::Cache;
use std::{convert::Infallible, fmt, sync::Arc};
use tokio::sync::Mutex;

const MAX_BYTES: usize = 64 * 1024;
/// How many key sets are remembered.
const MAX_SETS: usize = 1024;
const MIN_FRESH: Seconds = Seconds(60);
const MAX_FRESH: Seconds = Seconds(60 * 60);
const DEFAULT_FRESH: Seconds = Seconds(10 * 60);
/// Between two fetches of one set, whatever the reason.
const MIN_INTERVAL: Seconds = Seconds(30);

/// The key sets of clients. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub struct ClientKeys {
    fetch: Fetch,
    /// By project too: what one project's clients made us fetch is no business of another's.
    sets: Arc<Cache<(ProjectId, String), Set>>,
}

/// Why there are no keys to verify with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientKeysError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the document at the jwks_uri is no set of public keys, or holds a private one")]
    NotKeys,
}

type Set = Arc<Mutex<Remembered>>;

#[derive(Default)]
struct Remembered {
    /// With the time until which they are good.
    keys: Option<(Arc<KeySet>, Timestamp)>,
    /// The last attempt, and what came of it.
    attempt: Option<(Timestamp, Result<(), ClientKeysError>)>,
}

impl ClientKeys {
    pub fn new(fetch: Fetch) -> Self {
        Self { fetch, sets: Arc::new(Cache::new(MAX_SETS)) }
    }

    /// The keys at `jwks_uri`, as fresh as `kid` demands: if it is not among the remembered ones they are fetched
    /// again, unless that was tried a moment ago. Whether the key is in the answer is the caller's question.
    pub async fn find(
        &self,
        project: &ProjectId,
        jwks_uri: &str,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, ClientKeysError> {
        let key = (project.clone(), jwks_uri.to_owned());
        let Ok(set) = self.sets.get_or_insert_with(&key, || Ok::<_, Infallible>(Arc::default()));
        // Whoever comes while a fetch is under way waits for it and shares what it brings.
        let mut remembered = set.lock_owned().await;
        let fresh = remembered.fresh(now);
        if let Some(keys) = &fresh
            && kid.is_none_or(|kid| keys.holds(kid))
        {
            return Ok(Arc::clone(keys));
        }
        if let Some((at, outcome)) = remembered.attempt
            && now.since(at) < MIN_INTERVAL
        {
            return match (fresh, outcome) {
                (Some(keys), _) => Ok(keys),
                (None, Err(error)) => Err(error),
                (None, Ok(())) => Err(FetchError::Unreachable.into()),
            };
        }
        let (this, jwks_uri) = (self.clone(), jwks_uri.to_owned());
        let attempt = async move {
            let fetched = this.fetch(&jwks_uri, now).await;
            remembered.attempt = Some((now, fetched.as_ref().map(|_| ()).map_err(|error| *error)));
            let (keys, until) = fetched?;
            remembered.keys = Some((Arc::clone(&keys), until));
            Ok(keys)
        };
        // If it ended with the request, whoever hangs up in time could make us fetch as often as they like.
        #[expect(clippy::disallowed_methods, reason = "ends by itself, within the time limit of a fetch")]
        let attempt = tokio::spawn(attempt);
        let fetched = attempt.await.unwrap_or(Err(FetchError::Unreachable.into()));
        // Keys that are still good are not lost because their server is down.
        fetched.or_else(|error| fresh.ok_or(error))
    }

    async fn fetch(&self, jwks_uri: &str, now: Timestamp) -> Result<(Arc<KeySet>, Timestamp), ClientKeysError> {
        let fetched = self.fetch.json(jwks_uri, MAX_BYTES).await?;
        let jwks = Jwks::from_value(&fetched.json).map_err(|_| ClientKeysError::NotKeys)?;
        let fresh_for = fetched.fresh_for.unwrap_or(DEFAULT_FRESH).clamp(MIN_FRESH, MAX_FRESH);
        Ok((Arc::new(KeySet::from_jwks(&jwks)), now.plus(fresh_for)))
    }
}

impl Remembered {
    fn fresh(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        let (keys, until) = self.keys.as_ref()?;
        (now < *until).then(|| Arc::clone(keys))
    }
}

impl fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKeys").field("sets", &self.sets.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Destination, fetch::FetchConfig};
    use hospes_protocol::{
        client::SigningAlg,
        jose::{Jwk, SigningKey},
    };
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        sync::{
            Mutex as StdMutex,
            atomic::{AtomicUsize, Ordering},
        },
    };

    /// A client's server: answers what it is told to, and counts.
    struct Server {
        url: String,
        answer: Arc<StdMutex<String>>,
        fetches: Arc<AtomicUsize>,
        /// In milliseconds.
        delay: Arc<AtomicUsize>,
    }

    impl Server {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/jwks", listener.local_addr().unwrap());
            let (answer, fetches) = (Arc::new(StdMutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
            let delay = Arc::new(AtomicUsize::new(0));
            let (own_answer, own_fetches, own_delay) = (Arc::clone(&answer), Arc::clone(&fetches), Arc::clone(&delay));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    own_fetches.fetch_add(1, Ordering::SeqCst);
                    let head = BufReader::new(stream.try_clone().unwrap()).lines();
                    head.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
                    let delay = own_delay.load(Ordering::SeqCst).try_into().unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(delay));
                    stream.write_all(own_answer.lock().unwrap().as_bytes()).unwrap();
                }
            });
            Self { url, answer, fetches, delay }
        }

        fn publish(&self, cache_control: &str, body: &str) {
            *self.answer.lock().unwrap() = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: {cache_control}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len(),
            );
        }

        fn publish_keys(&self, cache_control: &str, kids: &[&str]) {
            let keys = kids.iter().map(|kid| jwk(kid)).collect();
            self.publish(cache_control, &serde_json::to_string(&Jwks { keys }).unwrap());
        }

        fn break_down(&self) {
            *self.answer.lock().unwrap() = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".into();
        }

        fn fetches(&self) -> usize {
            self.fetches.load(Ordering::SeqCst)
        }
    }

    fn jwk(kid: &str) -> Jwk {
        let der = SigningKey::generate_pkcs8(SigningAlg::ES256).unwrap();
        SigningKey::from_pkcs8(SigningAlg::ES256, kid, &der).unwrap().public_jwk()
    }

    fn client_keys() -> ClientKeys {
        let allow = vec![Destination::Network("127.0.0.0/8".parse().unwrap())];
        ClientKeys::new(Fetch::new(&FetchConfig { allow, ..FetchConfig::default() }).unwrap())
    }

    struct Test {
        keys: ClientKeys,
        server: Server,
    }

    impl Test {
        fn new() -> Self {
            Self { keys: client_keys(), server: Server::start() }
        }

        async fn find(&self, kid: &str, now: i64) -> Result<bool, ClientKeysError> {
            let keys = self.keys.find(&ProjectId::new("p"), &self.server.url, Some(kid), Timestamp(now)).await?;
            Ok(keys.holds(kid))
        }
    }

    #[tokio::test]
    async fn a_set_is_fetched_once_while_it_is_fresh() {
        let test = Test::new();
        test.server.publish_keys("max-age=120", &["a", "b"]);
        for now in [0, 1, 119] {
            assert_eq!(test.find("a", now).await, Ok(true));
            assert_eq!(test.find("b", now).await, Ok(true));
        }
        assert_eq!(test.server.fetches(), 1);
        // A withdrawn key does not outlive the set's freshness.
        test.server.publish_keys("max-age=120", &["b"]);
        assert_eq!(test.find("a", 120).await, Ok(false));
        assert_eq!(test.server.fetches(), 2);
    }

    // mcp T-12: key rotation; one refetch for an unknown key id, and not one more for each.
    #[tokio::test]
    async fn an_unknown_key_is_looked_for_once_in_a_while() {
        let test = Test::new();
        test.server.publish_keys("max-age=3600", &["a"]);
        assert_eq!(test.find("a", 0).await, Ok(true));
        test.server.publish_keys("max-age=3600", &["a", "b"]);
        assert_eq!(test.find("b", 10).await, Ok(false));
        assert_eq!(test.find("b", 30).await, Ok(true));
        assert_eq!(test.server.fetches(), 2);
        for n in 0..50 {
            assert_eq!(test.find(&format!("invented-{n}"), 31).await, Ok(false));
        }
        assert_eq!(test.server.fetches(), 2);
        assert_eq!(test.find("a", 31).await, Ok(true));
    }

    #[tokio::test]
    async fn a_broken_server_is_asked_once_in_a_while_and_good_keys_are_kept() {
        let test = Test::new();
        test.server.break_down();
        for now in [0, 1, 29] {
            assert_eq!(test.find("a", now).await, Err(FetchError::Status.into()));
        }
        assert_eq!(test.server.fetches(), 1);
        test.server.publish_keys("max-age=100", &["a"]);
        assert_eq!(test.find("a", 30).await, Ok(true));
        test.server.break_down();
        assert_eq!(test.find("b", 70).await, Ok(false));
        assert_eq!(test.find("a", 70).await, Ok(true));
        // Then they are too old to be believed.
        assert_eq!(test.find("a", 130).await, Err(FetchError::Status.into()));
    }

    #[tokio::test]
    async fn freshness_has_bounds() {
        for (cache_control, good_until) in
            [("no-store", 60), ("max-age=1", 60), ("max-age=999999", 3600), ("public", 600)]
        {
            let test = Test::new();
            test.server.publish_keys(cache_control, &["a"]);
            assert_eq!(test.find("a", 0).await, Ok(true));
            assert_eq!(test.find("a", good_until - 1).await, Ok(true));
            assert_eq!(test.server.fetches(), 1, "{cache_control}");
            assert_eq!(test.find("a", good_until).await, Ok(true));
            assert_eq!(test.server.fetches(), 2, "{cache_control}");
        }
    }

    #[tokio::test]
    async fn what_is_no_key_set_is_an_error_and_private_keys_are_not_taken() {
        for body in ["{}", "[]", "{\"keys\":{}}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}"] {
            let test = Test::new();
            test.server.publish("", body);
            assert_eq!(test.find("a", 0).await, Err(ClientKeysError::NotKeys), "{body}");
        }
        // Keys that we cannot use do not spoil the others.
        let test = Test::new();
        let good = serde_json::to_value(jwk("a")).unwrap();
        test.server.publish("", &serde_json::json!({ "keys": [{ "kty": "new" }, good, 7] }).to_string());
        assert_eq!(test.find("a", 0).await, Ok(true));
    }

    #[tokio::test]
    async fn hanging_up_does_not_make_us_fetch_again() {
        let test = Test::new();
        test.server.publish_keys("max-age=120", &["a"]);
        test.server.delay.store(100, Ordering::SeqCst);
        for n in 0..5 {
            let kid = format!("invented-{n}");
            let impatient = tokio::time::timeout(std::time::Duration::from_millis(10), test.find(&kid, 0));
            assert!(impatient.await.is_err());
        }
        assert_eq!(test.find("a", 0).await, Ok(true));
        assert_eq!(test.server.fetches(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_crowd_shares_one_fetch() {
        let test = Arc::new(Test::new());
        test.server.publish_keys("max-age=120", &["a"]);
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let test = Arc::clone(&test);
            crowd.spawn(async move { test.find("a", 0).await });
        }
        assert!(crowd.join_all().await.into_iter().all(|found| found == Ok(true)));
        assert_eq!(test.server.fetches(), 1);
    }

    // attacks.md row 34 (Keycloak CVE-2025-2559): a cache that grows with every address that somebody names.
    #[tokio::test]
    async fn only_so_many_sets_are_remembered() {
        let keys = client_keys();
        for n in 0..MAX_SETS + 200 {
            let found = keys.find(&ProjectId::new("p"), &format!("ftp://{n}.example/"), None, Timestamp(0)).await;
            assert_eq!(found.err(), Some(FetchError::BadUrl.into()));
        }
        // The cache is parted, and its parts are rounded.
        let kept = keys.sets.len();
        assert!(kept <= MAX_SETS + MAX_SETS / 10, "{kept}");
    }

    // attacks.md row 31: every input of the answer is part of the key under which it is remembered.
    #[tokio::test]
    async fn projects_and_urls_do_not_share_what_was_fetched() {
        let test = Test::new();
        test.server.publish_keys("max-age=120", &["a"]);
        assert_eq!(test.find("a", 0).await, Ok(true));
        let other = test.keys.find(&ProjectId::new("q"), &test.server.url, Some("a"), Timestamp(0)).await;
        assert!(other.is_ok_and(|keys| keys.holds("a")));
        assert_eq!(test.server.fetches(), 2);
        let url = format!("{}?other", test.server.url);
        assert!(test.keys.find(&ProjectId::new("p"), &url, Some("a"), Timestamp(0)).await.is_ok());
        assert_eq!(test.server.fetches(), 3);
    }
}
