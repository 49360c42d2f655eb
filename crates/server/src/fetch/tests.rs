//! Against real servers on this machine; the resolver is scripted where a name must lie.

#![expect(clippy::disallowed_methods, reason = "tests measure how long things take")]

use super::*;
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

const LIMIT: usize = 10_000;

/// A server that counts its connections and answers each with the same bytes.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn start(answer: impl Fn(&mut dyn Write) -> std::io::Result<()> + Send + 'static) -> Self {
        Self::serve(move |stream| {
            let mut stream = stream;
            read_head(&mut stream)?;
            answer(&mut stream)
        })
    }

    /// The same behind TLS; also gives the certificate that signed it.
    fn start_tls(name: &str, answer: &'static [u8]) -> (Self, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let config = Arc::new(config);
        let server = Self::serve(move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            read_head(&mut stream)?;
            stream.write_all(answer)?;
            stream.conn.send_close_notify();
            stream.flush()
        });
        let base64 = <base64ct::Base64 as base64ct::Encoding>::encode_string(certificate.der());
        (server, format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n"))
    }

    fn serve(answer: impl Fn(std::net::TcpStream) -> std::io::Result<()> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counter.fetch_add(1, Ordering::SeqCst);
                // A client that hangs up early is what half of these tests are about.
                let _ = answer(stream.unwrap());
            }
        });
        Self { port, connections }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/document", self.port)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn read_head(stream: &mut impl Read) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(())
}

fn answer(head: &str, body: &str) -> impl Fn(&mut dyn Write) -> std::io::Result<()> + Send + 'static {
    let bytes = format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    move |stream| stream.write_all(bytes.as_bytes())
}

fn allowing(destinations: &[&str]) -> FetchConfig {
    let allow = destinations.iter().map(|text| match text.split_once(':') {
        _ if text.contains('/') => Destination::Network(text.parse().unwrap()),
        Some((name, port)) => Destination::Host { name: name.into(), port: Some(port.parse().unwrap()) },
        None => Destination::Host { name: (*text).into(), port: None },
    });
    FetchConfig { allow: allow.collect(), timeout: Duration::from_secs(2), ..FetchConfig::default() }
}

fn local() -> FetchConfig {
    allowing(&["127.0.0.0/8"])
}

fn scripted(config: &FetchConfig, answers: &[&[&str]]) -> Fetch {
    let answers = answers.iter().map(|list| list.iter().map(|address| address.parse().unwrap()).collect()).collect();
    Fetch::with_names(config, Names::Scripted(std::sync::Mutex::new(answers))).unwrap()
}

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json";

#[track_caller]
fn check_url(config: &FetchConfig, urls: &[&str], expected: FetchError) {
    let fetch = Fetch::new(config).unwrap();
    for url in urls {
        assert_eq!(fetch.rules.validate(url).map(String::from), Err(expected), "{url}");
    }
}

#[tokio::test]
async fn a_document_and_its_freshness_arrive() {
    let server = Server::start(answer(
        "HTTP/1.1 200 OK\r\nContent-Type: application/jwk-set+json; charset=utf-8\r\nCache-Control: public, max-age=300",
        "{\"keys\":[]}",
    ));
    let fetched = Fetch::new(&local()).unwrap().json(&server.url(), LIMIT).await.unwrap();
    assert_eq!(fetched.json, serde_json::json!({ "keys": [] }));
    assert_eq!((fetched.fresh_for, fetched.date), (Some(Seconds(300)), None));
}

#[tokio::test]
async fn the_clock_of_the_other_side_is_read() {
    let server = Server::start(answer(&format!("{JSON}\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT"), "{}"));
    let fetched = Fetch::new(&local()).unwrap().json(&server.url(), LIMIT).await.unwrap();
    assert_eq!(fetched.date, Some(Timestamp(784_111_777)));
}

#[tokio::test]
async fn https_with_an_extra_ca_works_and_without_it_does_not() {
    let (server, ca) = Server::start_tls(
        "keys.example",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    let url = format!("https://keys.example:{}/jwks", server.port);
    let trusting = FetchConfig { extra_ca_pem: Some(ca), ..local() };
    let fetched = scripted(&trusting, &[&["127.0.0.1"]]).json(&url, LIMIT).await.unwrap();
    assert_eq!(fetched.json, serde_json::json!({}));

    let wary = FetchConfig { extra_ca_pem: None, ..trusting.clone() };
    assert_eq!(scripted(&wary, &[&["127.0.0.1"]]).json(&url, LIMIT).await, Err(FetchError::Unreachable));

    // The certificate must be the host's, not only trusted.
    let url = format!("https://other.example:{}/jwks", server.port);
    assert_eq!(scripted(&trusting, &[&["127.0.0.1"]]).json(&url, LIMIT).await, Err(FetchError::Unreachable));
}

#[test]
fn only_https_urls_without_adornments_are_fetched() {
    let long = format!("https://example.org/{}", "a".repeat(MAX_URL_BYTES));
    check_url(
        &FetchConfig::default(),
        &[
            "",
            "/",
            "example.org",
            "http://example.org/",
            "http://127.0.0.1/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "data:application/json,{}",
            "gopher://example.org/",
            "https://",
            "https://user@example.org/",
            "https://user:secret@example.org/",
            "https://:secret@example.org/",
            "https://example.org/#fragment",
            "HTTP://EXAMPLE.ORG/",
            "https://exa mple.org/",
            &long,
        ],
        FetchError::BadUrl,
    );
    // With http on loopback allowed, http elsewhere is not.
    check_url(
        &local(),
        &["http://example.org/", "http://10.0.0.1/", "http://localhost.example.org/", "http://127.0.0.1.example.org/"],
        FetchError::BadUrl,
    );
}

// attacks.md row 13; Keycloak CVE-2026-1180, better-auth CVE-2026-53513, spring-ai CVE-2026-45609: every way of writing a forbidden address.
#[test]
fn literal_addresses_of_special_ranges_are_refused_however_written() {
    check_url(
        &FetchConfig::default(),
        &[
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f.0.0.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://017700000001/",
            "https://127.0.0.1./",
            "https://0/",
            "https://10.0.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "https://[2002:7f00:1::]/",
            "https://①②⑦.⓪.⓪.①/",
            "https://127。0。0。1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
        ],
        FetchError::Forbidden,
    );
}

#[test]
fn ports_of_other_services_are_refused() {
    check_url(
        &FetchConfig::default(),
        &[
            "https://example.org:22/",
            "https://example.org:25/",
            "https://example.org:80/",
            "https://example.org:1/",
            "https://example.org:0/",
        ],
        FetchError::Forbidden,
    );
    check_allowed(
        &FetchConfig::default(),
        &["https://example.org/", "https://example.org:443/", "https://example.org:8443/"],
    );
}

#[track_caller]
fn check_allowed(config: &FetchConfig, urls: &[&str]) {
    let fetch = Fetch::new(config).unwrap();
    for url in urls {
        assert!(fetch.rules.validate(url).is_ok(), "{url}");
    }
}

#[test]
fn the_operator_may_name_destinations() {
    check_allowed(&allowing(&["example.org"]), &["https://example.org:22/", "https://EXAMPLE.org.:22/"]);
    check_allowed(&allowing(&["example.org:22"]), &["https://example.org:22/", "https://www.example.org/"]);
    check_url(
        &allowing(&["example.org:22"]),
        &["https://example.org:23/", "https://example.org/"],
        FetchError::Forbidden,
    );
    check_url(
        &allowing(&["example.org"]),
        &["https://www.example.org:22/", "https://10.0.0.1/"],
        FetchError::Forbidden,
    );
    check_allowed(
        &allowing(&["10.0.0.0/8"]),
        &["https://10.0.0.1/", "https://10.0.0.1:22/", "https://[::ffff:10.0.0.1]/"],
    );
    check_url(
        &allowing(&["10.0.0.0/8"]),
        &["https://127.0.0.1/", "https://11.0.0.1:22/", "https://example.org:22/"],
        FetchError::Forbidden,
    );
    let here = ["http://127.0.0.1/", "http://127.0.0.1:8080/", "http://localhost:3000/", "https://localhost/"];
    check_allowed(&local(), &here);
    check_allowed(&allowing(&["localhost:3000"]), &["http://localhost:3000/"]);
    check_allowed(&allowing(&["::1/128"]), &["http://[::1]:3000/", "http://localhost:3000/"]);
    check_url(
        &allowing(&["example.org", "10.0.0.0/8"]),
        &["http://example.org/", "http://10.0.0.1/", "http://localhost/"],
        FetchError::BadUrl,
    );
}

#[test]
fn a_named_host_may_have_any_address_and_others_may_not() {
    let fetch = Fetch::new(&allowing(&["api.test", "10.0.0.0/8"])).unwrap();
    for (host, address, expected) in [
        ("api.test", "192.168.0.1", true),
        ("API.test.", "127.0.0.1", true),
        ("x.api.test", "192.168.0.1", false),
        ("other.test", "10.3.2.1", true),
        ("other.test", "::ffff:10.3.2.1", true),
        ("other.test", "8.8.8.8", true),
        ("localhost", "127.0.0.1", false),
    ] {
        assert_eq!(fetch.rules.permits(host, address.parse().unwrap()), expected, "{host} {address}");
    }
    let fetch = Fetch::new(&local()).unwrap();
    assert!(fetch.rules.permits("localhost", "::1".parse().unwrap()));
    assert!(!fetch.rules.permits("other.test", "::1".parse().unwrap()));
}

// attacks.md row 13: what the name says is checked, and what was checked is connected to.
#[tokio::test]
async fn a_name_with_a_special_address_is_never_connected_to() {
    let server = Server::start(answer(JSON, "{}"));
    let url = format!("https://evil.example:{}/", server.port);
    for answers in [
        &["127.0.0.1"][..],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["10.1.2.3"],
        &["169.254.169.254"],
        &["0.0.0.0"],
        // One good address does not excuse a bad one.
        &["93.184.216.34", "127.0.0.1"],
        &["127.0.0.1", "93.184.216.34"],
    ] {
        let fetch = scripted(&allowing(&["192.168.0.0/16", "localhost"]), &[answers]);
        assert_eq!(fetch.json(&url, LIMIT).await, Err(FetchError::Forbidden), "{answers:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_asked_once_and_pinned() {
    // The first answer is allowed but nobody listens there; the second would be our server.
    let server = Server::start(answer(JSON, "{}"));
    let fetch = scripted(&allowing(&["127.9.9.9/32"]), &[&["127.9.9.9"], &["127.0.0.1"]]);
    let url = format!("https://rebinding.example:{}/", server.port);
    assert_eq!(fetch.json(&url, LIMIT).await, Err(FetchError::Unreachable));
    // The next fetch asks again and is judged by the new answer.
    assert_eq!(fetch.json(&url, LIMIT).await, Err(FetchError::Forbidden));
    assert_eq!(server.connections(), 0);
}

/// What is sent keeps to the same rules as what is fetched.
#[tokio::test]
async fn a_post_goes_only_where_a_fetch_may_and_follows_no_redirect() {
    fn headers() -> [(&'static str, String); 3] {
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, String::from("1")))
    }
    let target = Server::start(answer(JSON, "{}"));
    let post = async |fetch: &Fetch, url: &str| fetch.post(url, headers(), String::from("{}")).await;
    let inside = format!("https://inside.example:{}/", target.port);
    let fetch = scripted(&FetchConfig::default(), &[&["10.0.0.1", "93.184.215.14"]]);
    assert_eq!(post(&fetch, &inside).await, Err(FetchError::Forbidden));
    for (url, expected) in [
        ("http://app.example/", FetchError::BadUrl),
        ("https://169.254.169.254/", FetchError::Forbidden),
        ("https://app.example:22/", FetchError::Forbidden),
    ] {
        assert_eq!((post(&fetch, url).await, fetch.check(url)), (Err(expected), Err(expected)), "{url}");
    }
    assert_eq!(fetch.check("https://app.example/hook"), Ok(()));
    let moved = Server::start(answer(&format!("HTTP/1.1 307 Moved\r\nLocation: {}", target.url()), ""));
    let open = Fetch::new(&local()).unwrap();
    assert_eq!(post(&open, &moved.url()).await, Ok(307));
    assert_eq!(target.connections(), 0);
    assert_eq!(post(&open, &target.url()).await, Ok(200));
}

#[tokio::test]
async fn errors_hold_no_address_and_do_not_tell_forbidden_from_dead() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("https://dead.example:{free}/");
    let dead = scripted(&local(), &[&["127.0.0.1"]]).json(&url, LIMIT).await.unwrap_err();
    let forbidden = scripted(&FetchConfig::default(), &[&["127.0.0.1"]]).json(&url, LIMIT).await.unwrap_err();
    assert_eq!((dead, forbidden), (FetchError::Unreachable, FetchError::Forbidden));
    assert_eq!(dead.to_string(), forbidden.to_string());
    for text in [dead.to_string(), format!("{dead:?}"), forbidden.to_string(), format!("{forbidden:?}")] {
        assert!(!text.contains("127"), "{text}");
    }
}

// Keycloak CVE-2020-10770 and others: a redirect is a way around the check.
#[tokio::test]
async fn redirects_and_errors_are_not_followed() {
    let target = Server::start(answer(JSON, "{}"));
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let server = Server::start(answer(
            &format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nLocation: {}", target.url()),
            "{}",
        ));
        assert_eq!(Fetch::new(&local()).unwrap().json(&server.url(), LIMIT).await, Err(FetchError::Status), "{status}");
    }
    assert_eq!(target.connections(), 0);
    for status in ["201 Created", "204 No Content", "404 Not Found", "500 Oops"] {
        let server = Server::start(answer(&format!("HTTP/1.1 {status}\r\nContent-Type: application/json"), ""));
        assert_eq!(Fetch::new(&local()).unwrap().json(&server.url(), LIMIT).await, Err(FetchError::Status), "{status}");
    }
}

#[tokio::test]
async fn oversize_documents_are_refused_declared_or_not() {
    let fetch = Fetch::new(&local()).unwrap();
    let exact = format!("\"{}\"", "a".repeat(LIMIT - 2));
    let server = Server::start(answer(JSON, &exact));
    assert!(fetch.json(&server.url(), LIMIT).await.is_ok());
    let server = Server::start(answer(JSON, &format!("{exact} ")));
    assert_eq!(fetch.json(&server.url(), LIMIT).await, Err(FetchError::TooLarge));
    // Without a length, the stream is cut off: this one would never end.
    let server = Server::start(|stream| {
        stream.write_all(format!("{JSON}\r\nConnection: close\r\n\r\n").as_bytes())?;
        loop {
            stream.write_all(&[b' '; 1000])?;
        }
    });
    let start = Instant::now();
    assert_eq!(fetch.json(&server.url(), LIMIT).await, Err(FetchError::TooLarge));
    assert!(start.elapsed() < Duration::from_secs(1));
    let server = Server::start(|stream| {
        stream.write_all(format!("{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes())?;
        loop {
            stream.write_all(format!("3e8\r\n{}\r\n", " ".repeat(1000)).as_bytes())?;
        }
    });
    assert_eq!(fetch.json(&server.url(), LIMIT).await, Err(FetchError::TooLarge));
}

#[tokio::test]
async fn slow_servers_are_left_in_time() {
    let config = FetchConfig { timeout: Duration::from_millis(300), ..local() };
    let fetch = Fetch::new(&config).unwrap();
    // A byte now and then keeps every idle timeout happy; only a limit on the whole helps.
    let drip = |prefix: String| {
        Server::start(move |stream| {
            stream.write_all(prefix.as_bytes())?;
            loop {
                stream.write_all(b" ")?;
                stream.flush()?;
                std::thread::sleep(Duration::from_millis(50));
            }
        })
    };
    for server in [drip(format!("{JSON}\r\n\r\n")), drip("HTTP/1.1 200 OK\r\nX-Slow:".into()), drip(String::new())] {
        let start = Instant::now();
        let result = fetch.json(&server.url(), LIMIT).await;
        assert!(matches!(result, Err(FetchError::TimedOut | FetchError::Unreachable)), "{result:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
    // And one that accepts and never says a word.
    let silent = Server::serve(|stream| {
        std::thread::sleep(Duration::from_secs(5));
        drop(stream);
        Ok(())
    });
    assert_eq!(fetch.json(&silent.url(), LIMIT).await, Err(FetchError::TimedOut));
}

#[tokio::test]
async fn other_content_types_and_bodies_are_refused() {
    let fetch = Fetch::new(&local()).unwrap();
    for kind in [
        "text/html",
        "text/plain",
        "application/octet-stream",
        "application/jsonp",
        "text/json",
        "json",
        "",
        "text/html; a=application/json",
    ] {
        let server = Server::start(answer(&format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}"), "{}"));
        assert_eq!(fetch.json(&server.url(), LIMIT).await, Err(FetchError::ContentType), "{kind}");
    }
    let server = Server::start(answer("HTTP/1.1 200 OK", "{}"));
    assert_eq!(fetch.json(&server.url(), LIMIT).await, Err(FetchError::ContentType));
    let deep = "[".repeat(LIMIT);
    for body in ["", "<html>", "{", "{} x", "\u{feff}{}", &deep] {
        let server = Server::start(answer(JSON, body));
        assert_eq!(fetch.json(&server.url(), LIMIT).await, Err(FetchError::NotJson), "{body:.20}");
    }
    // We decompress nothing, so nothing can blow up.
    let server = Server::start(answer(&format!("{JSON}\r\nContent-Encoding: gzip"), "\u{1f}\u{8b}"));
    assert_eq!(fetch.json(&server.url(), LIMIT).await, Err(FetchError::NotJson));
}

#[tokio::test]
async fn garbage_instead_of_http_is_an_error_like_any_other() {
    let fetch = Fetch::new(&local()).unwrap();
    for bytes in [
        &b""[..],
        b"\0\0\0\0",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/9.9 200\r\n\r\n",
    ] {
        let server = Server::start(move |stream| stream.write_all(bytes));
        assert_eq!(fetch.json(&server.url(), LIMIT).await, Err(FetchError::Unreachable), "{bytes:?}");
    }
    // A body shorter than announced is not a document.
    let server =
        Server::start(|stream| stream.write_all(format!("{JSON}\r\nContent-Length: 100\r\n\r\n{{}}").as_bytes()));
    assert_eq!(fetch.json(&server.url(), LIMIT).await, Err(FetchError::Unreachable));
}

#[tokio::test]
async fn a_flood_of_fetches_is_busy_instead_of_a_flood_of_sockets() {
    let silent = Server::serve(|stream| {
        std::thread::sleep(Duration::from_millis(500));
        drop(stream);
        Ok(())
    });
    let fetch = Fetch::new(&FetchConfig { timeout: Duration::from_millis(300), ..local() }).unwrap();
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..MAX_AT_ONCE + 5 {
        let (fetch, url) = (fetch.clone(), silent.url());
        flood.spawn(async move { fetch.json(&url, LIMIT).await });
    }
    let answers = flood.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Err(FetchError::Busy)).count(), 5);
    // The places come back.
    assert_ne!(fetch.json(&silent.url(), LIMIT).await, Err(FetchError::Busy));
}

#[tokio::test]
async fn the_systems_resolver_answers_too() {
    let server = Server::start(answer(JSON, "{}"));
    let url = format!("http://localhost:{}/", server.port);
    assert!(Fetch::new(&local()).unwrap().json(&url, LIMIT).await.is_ok());
    let unknown = Fetch::new(&local()).unwrap().json("https://does-not-exist.invalid/", LIMIT).await;
    assert_eq!(unknown, Err(FetchError::Unreachable));
    assert_eq!(
        Fetch::new(&FetchConfig::default()).unwrap().json("https://localhost/", LIMIT).await,
        Err(FetchError::Forbidden)
    );
}

#[test]
fn freshness_is_read_from_cache_control() {
    #[track_caller]
    fn check(values: &[&str], expected: Option<i64>) {
        let mut headers = header::HeaderMap::new();
        for value in values {
            headers.append(header::CACHE_CONTROL, value.parse().unwrap());
        }
        assert_eq!(freshness(&headers), expected.map(Seconds), "{values:?}");
    }
    check(&[], None);
    check(&["max-age=60"], Some(60));
    check(&["public, Max-Age=\"60\""], Some(60));
    check(&["public", "max-age=5"], Some(5));
    check(&["max-age=60, no-store"], Some(0));
    check(&["no-cache"], Some(0));
    check(&["max-age=-1"], None);
    check(&["max-age=99999999999999999999"], None);
}

#[test]
fn an_extra_ca_that_is_none_is_refused_at_start() {
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let config = FetchConfig { extra_ca_pem: Some(pem.into()), ..FetchConfig::default() };
        assert!(Fetch::new(&config).is_err(), "{pem:?}");
    }
}
