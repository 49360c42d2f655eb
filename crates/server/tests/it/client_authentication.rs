//! Client authentication at the token, introspection and revocation endpoints: RFC 6749 §2.3, OAuth 2.1 §2.4,
//! RFC 7521 §4.2, RFC 7523 §3, OIDC Core §9.

use crate::app::{
    Authentication, Client, ODD_CLIENT, Reply, TestApp,
    client::{basic, basic_raw},
};
use hospes_protocol::{
    client::SigningAlg,
    client_assertion::ASSERTION_TYPE,
    jose::{Jwks, SigningKey},
};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::task::JoinSet;

const FAILED: (u16, &str) = (401, "invalid_client");

/// What the m2m client gets with this header and these further parameters.
async fn with(client: &Client, header: Option<&str>, body: &[(&str, &str)]) -> Reply {
    let body = body.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let header = header.map(str::to_owned);
    client.clone().with(Authentication::Raw { header, body }).client_credentials(&[]).await
}

#[track_caller]
fn check(reply: &Reply, (status, error): (u16, &str)) {
    assert_eq!(reply.error(), (status, error.to_owned()), "{}", reply.body);
}

#[tokio::test]
async fn basic_and_post_and_none_work_where_they_are_registered() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    m2m.client_credentials(&[]).await.tokens();
    m2m.clone().with(Authentication::Post(m2m.secret().into())).client_credentials(&[]).await.tokens();
    check(&m2m.unauthenticated().client_credentials(&[]).await, FAILED);
    let spa = app.client("spa");
    let tokens = app.tokens("spa", "alice").await;
    // A public client has no secret to show.
    check(&spa.clone().with(Authentication::Post("x".into())).refresh(&tokens.refresh_token).await, FAILED);
    check(&spa.clone().with(Authentication::Basic("x".into())).refresh(&tokens.refresh_token).await, FAILED);
    spa.refresh(&tokens.refresh_token).await.tokens();
}

/// mcp T-15: raw, encoded and over-encoded secrets, a client id that is a URL, and a wrong one.
#[tokio::test]
async fn t15_basic_is_understood_as_clients_in_the_field_spell_it() {
    let app = TestApp::new().await;
    let odd = app.client(ODD_CLIENT);
    let tokens = app.tokens(ODD_CLIENT, "alice").await;
    let over =
        |text: &str| text.bytes().flat_map(|byte| [String::from("%"), format!("{byte:02X}")]).collect::<String>();
    let (id, secret) = (ODD_CLIENT, odd.secret());
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for (name, header) in [
        ("encoded", basic(id, secret)),
        ("raw", basic_raw(&format!("{id}:{secret}"))),
        ("over-encoded", basic_raw(&format!("{}:{}", over(id), over(secret)))),
        ("encoded id, raw secret", basic_raw(&format!("{}:{secret}", encode(id)))),
        ("lower-case scheme", basic(id, secret).replacen("Basic", "basic", 1)),
    ] {
        let client = odd.clone().with(Authentication::Raw { header: Some(header), body: Vec::new() });
        assert_eq!(client.refresh(&tokens.refresh_token).await.status, 200, "{name}");
    }
    for wrong in [format!("{secret}x"), secret[1..].to_owned(), secret.to_uppercase(), encode(&encode(secret))] {
        let client = odd.clone().with(Authentication::Raw { header: Some(basic(id, &wrong)), body: Vec::new() });
        check(&client.refresh(&tokens.refresh_token).await, FAILED);
    }
}

/// attacks.md row 29.
#[tokio::test]
async fn sloppy_basic_headers_are_refused_and_never_a_fault() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    for (header, status) in [
        ("Basic", 400),
        ("Basic ", 400),
        ("Basic ====", 400),
        ("Basic !!!", 400),
        (&basic_raw("nocolon"), 400),
        (&basic_raw(""), 400),
        (&basic_raw(":"), 400),
        (&basic_raw(":secret"), 400),
        (&basic_raw("m2m:"), 401),
        (&basic_raw("m2m:%"), 401),
        (&basic_raw("m2m:%zz"), 401),
        (&basic_raw("m2m:%00"), 401),
        (&basic_raw("m2m:\0"), 401),
        (&basic_raw(":::::::"), 401),
        ("Basic /////w==", 400),
        ("Bearer abc", 401),
        ("Negotiate abc", 401),
        ("DPoP abc", 401),
    ] {
        let reply = with(&m2m, Some(header), &[]).await;
        assert_eq!(reply.status, status, "{header}: {}", reply.body);
        let (_, error) = reply.error();
        assert!(["invalid_client", "invalid_request"].contains(&error.as_str()), "{header}: {error}");
    }
}

/// RFC 6749 §5.2.
#[tokio::test]
async fn a_client_that_tried_basic_is_challenged() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    let reply = m2m.clone().with(Authentication::Basic("wrong".into())).client_credentials(&[]).await;
    check(&reply, FAILED);
    assert_eq!(reply.header("www-authenticate"), format!("Basic realm=\"{}\"", app.issuer));
    let reply = m2m.with(Authentication::Post("wrong".into())).client_credentials(&[]).await;
    check(&reply, FAILED);
    assert_eq!(reply.header("www-authenticate"), "");
}

/// attacks.md row 29, RFC 9700 §2.5: one method in a request.
#[tokio::test]
async fn two_methods_at_once_are_refused() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    let header = basic("m2m", m2m.secret());
    let assertion = [("client_assertion", "e30.e30.e30"), ("client_assertion_type", ASSERTION_TYPE)];
    for body in [
        &[("client_secret", m2m.secret())][..],
        &[("client_secret", "")],
        &[("client_id", "m2m"), ("client_secret", m2m.secret())],
        &assertion,
    ] {
        check(&with(&m2m, Some(&header), body).await, (400, "invalid_request"));
    }
    let both = [&assertion[..], &[("client_id", "m2m"), ("client_secret", m2m.secret())]].concat();
    check(&with(&m2m, None, &both).await, (400, "invalid_request"));
    let twice =
        app.http().post(app.url("/oauth2/token")).header("authorization", &header).header("authorization", &header);
    let twice = twice.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
    check(&app.send(twice).await, (400, "invalid_request"));
    // The same id in the body is no second method; another one is a contradiction.
    with(&m2m, Some(&header), &[("client_id", "m2m")]).await.tokens();
    check(&with(&m2m, Some(&header), &[("client_id", "web")]).await, (400, "invalid_request"));
}

/// attacks.md row 7 (XenForo CVE-2026-73309): an empty string is no proof.
#[tokio::test]
async fn cve_2026_73309_an_empty_secret_or_assertion_is_no_proof() {
    let app = TestApp::new().await;
    app.change({
        let project = app.app.project.clone();
        // Even if somebody stored the hash of an empty secret.
        move |tx| {
            let id = hospes_protocol::id::ClientId::new("m2m");
            let secret = hospes::store::client_secrets::ClientSecret {
                slot: hospes::store::client_secrets::Slot::Next,
                proof: hospes::store::client_secrets::Proof::Hash(hospes::secret::sha256(b"")),
                last_four: String::new(),
                created_at: crate::app::START,
            };
            Ok(tx.set_client_secret(&project, &id, &secret)?)
        }
    })
    .await;
    let m2m = app.client("m2m");
    check(&with(&m2m, None, &[("client_id", "m2m"), ("client_secret", "")]).await, FAILED);
    check(&with(&m2m, Some(&basic_raw("m2m:")), &[]).await, FAILED);
    check(&with(&m2m, None, &[("client_id", ""), ("client_secret", "")]).await, FAILED);
    let empty = [("client_id", "m2m"), ("client_assertion", ""), ("client_assertion_type", ASSERTION_TYPE)];
    check(&with(&m2m, None, &empty).await, FAILED);
    check(&with(&m2m, None, &[]).await, FAILED);
}

/// Outside, all failures look the same.
#[tokio::test]
async fn the_answer_does_not_tell_which_clients_exist() {
    let app = TestApp::new().await;
    let mut answers = Vec::new();
    for id in ["m2m", "nobody", "off", "spa"] {
        let reply = app.client(id).with(Authentication::Post("wrong".into())).client_credentials(&[]).await;
        answers.push((reply.status, reply.body));
    }
    let right = app.client("off");
    let reply = right.clone().with(Authentication::Post(right.secret().into())).client_credentials(&[]).await;
    answers.push((reply.status, reply.body));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[tokio::test]
async fn two_secrets_live_while_a_client_changes_over() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    let next = m2m.clone().with(Authentication::Basic("the-next-secret-0123456789".into()));
    check(&next.client_credentials(&[]).await, FAILED);
    app.set_next_secret("m2m", next.secret()).await;
    m2m.client_credentials(&[]).await.tokens();
    next.client_credentials(&[]).await.tokens();
    app.promote_secret("m2m").await;
    check(&m2m.client_credentials(&[]).await, FAILED);
    next.client_credentials(&[]).await.tokens();
}

#[tokio::test]
async fn many_failures_from_one_address_are_told_to_wait() {
    let app = TestApp::plan().set("limits.failed_authentication_per_minute", "3").start().await;
    let m2m = app.client("m2m");
    let wrong = m2m.clone().with(Authentication::Basic("wrong".into()));
    for _ in 0..3 {
        check(&wrong.client_credentials(&[]).await, FAILED);
    }
    let reply = wrong.client_credentials(&[]).await;
    check(&reply, (429, "too_many_requests"));
    assert!(reply.header("retry-after").parse::<u32>().unwrap() >= 1);
    app.advance(60);
    m2m.client_credentials(&[]).await.tokens();
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_to_wait() {
    let app = TestApp::plan().set("limits.token_per_second", "2").start().await;
    let m2m = app.client("m2m");
    m2m.client_credentials(&[]).await.tokens();
    m2m.client_credentials(&[]).await.tokens();
    check(&m2m.client_credentials(&[]).await, (429, "too_many_requests"));
    app.client("api").client_credentials(&[("scope", "weather")]).await.tokens();
    app.advance(1);
    m2m.client_credentials(&[]).await.tokens();
}

// ---- private_key_jwt

struct Signer {
    key: SigningKey,
    issuer: String,
    now: i64,
}

impl Signer {
    fn new(app: &TestApp, alg: SigningAlg, kid: &str) -> Self {
        let der = SigningKey::generate_pkcs8(alg).unwrap();
        let key = SigningKey::from_pkcs8(alg, kid, &der).unwrap();
        Self { key, issuer: app.issuer.clone(), now: app.now().0 }
    }

    fn jwks(&self) -> Value {
        serde_json::to_value(Jwks { keys: vec![self.key.public_jwk()] }).unwrap()
    }

    fn claims(&self, jti: &str) -> Value {
        json!({ "iss": "signer", "sub": "signer", "aud": self.issuer, "jti": jti, "iat": self.now, "exp": self.now + 60 })
    }

    fn assertion(&self, jti: &str) -> String {
        self.sign("JWT", &self.claims(jti))
    }

    fn sign(&self, typ: &str, claims: &Value) -> String {
        self.key.sign(typ, claims).unwrap()
    }
}

/// `signer`, which proves itself by keys that are `jwks` or at `jwks_uri`.
async fn add_signer(app: &TestApp, keys: Value) {
    let mut settings = json!({
        "name": "Notary", "party": "first", "confidentiality": "confidential",
        "authentication_methods": ["private_key_jwt"], "grant_types": ["client_credentials"], "scope": "weather",
    });
    settings.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    app.add_client("signer", None, serde_json::from_value(settings).unwrap()).await;
}

async fn assert_with(app: &TestApp, assertion: &str) -> Reply {
    let body = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
    with(&app.client("signer"), None, &body).await
}

#[tokio::test]
async fn a_signed_assertion_proves_a_client_once() {
    let app = TestApp::new().await;
    for (number, alg) in [SigningAlg::ES256, SigningAlg::EdDSA, SigningAlg::RS256].into_iter().enumerate() {
        let signer = Signer::new(&app, alg, "k1");
        if number > 0 {
            app.remove_client("signer").await;
        }
        add_signer(&app, json!({ "jwks": signer.jwks() })).await;
        let assertion = signer.assertion(&format!("{number}"));
        let tokens = assert_with(&app, &assertion).await.tokens();
        assert_eq!(tokens.access()["sub"], "signer");
        // CVE-2020-5300, attacks.md row 28: a jti counts once.
        check(&assert_with(&app, &assertion).await, FAILED);
    }
}

/// attacks.md row 28 (Hydra CVE-2020-5300, fosite CVE-2020-15222): in parallel, and on another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_2020_15222_one_assertion_wins_once_in_40_tries_on_two_processes() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let signer = Signer::new(&app, SigningAlg::ES256, "k1");
    add_signer(&app, json!({ "jwks": signer.jwks() })).await;
    let body = vec![
        ("client_assertion_type".to_owned(), ASSERTION_TYPE.to_owned()),
        ("client_assertion".to_owned(), signer.assertion("once")),
    ];
    let here = app.client("signer").with(Authentication::Raw { header: None, body });
    let there = sibling.client(&here);
    let mut racers = JoinSet::new();
    for number in 0..40 {
        let client = if number % 2 == 0 { here.clone() } else { there.clone() };
        racers.spawn(async move { client.client_credentials(&[]).await.status });
    }
    let statuses = racers.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 39, "{statuses:?}");
}

/// A restored database has forgotten which assertions were used after the backup, so it takes none from before.
#[tokio::test]
async fn an_assertion_from_before_a_restore_proves_nothing() {
    let app = TestApp::new().await;
    let signer = Signer::new(&app, SigningAlg::ES256, "k1");
    add_signer(&app, json!({ "jwks": signer.jwks() })).await;
    let (used, unused) = (signer.assertion("used"), signer.assertion("unused"));
    assert_with(&app, &used).await.tokens();
    app.advance(1);
    let now = app.now();
    // What `hospes restore` does to a backup of a moment ago.
    app.change(move |tx| Ok(tx.void_tokens_of_all_projects(now)?)).await;
    for before in [used, unused] {
        check(&assert_with(&app, &before).await, FAILED);
    }
    let after = Signer { now: app.now().0, ..signer };
    assert_with(&app, &after.assertion("after")).await.tokens();
}

/// attacks.md rows 4 and 28 (Spring CVE-2026-22751): what was used at one endpoint is used up at all, and after a
/// restart.
#[tokio::test]
async fn cve_2026_22751_an_assertion_that_was_used_somewhere_is_used_up_everywhere() {
    let app = TestApp::new().await;
    let signer = Signer::new(&app, SigningAlg::ES256, "k1");
    add_signer(&app, json!({ "jwks": signer.jwks() })).await;
    let endpoints = [
        ("/oauth2/token", ("grant_type", "client_credentials")),
        ("/oauth2/introspect", ("token", "x")),
        ("/oauth2/revoke", ("token", "x")),
    ];
    let mut used = Vec::new();
    for (number, (first, parameter)) in endpoints.into_iter().enumerate() {
        let body = vec![
            ("client_assertion_type".to_owned(), ASSERTION_TYPE.to_owned()),
            ("client_assertion".to_owned(), signer.assertion(&format!("{number}"))),
        ];
        let client = app.client("signer").with(Authentication::Raw { header: None, body });
        assert_eq!(client.post(first, &[parameter]).await.status, 200, "{first}");
        for (path, parameter) in endpoints {
            check(&client.post(path, &[parameter]).await, FAILED);
        }
        used.push(client);
    }
    // A process that knows nothing but the database.
    let later = app.another_process().await;
    for client in &used {
        check(&later.client(client).client_credentials(&[]).await, FAILED);
    }
}

/// attacks.md rows 21 and 28: whatever is not exactly an assertion of this client for this server.
#[tokio::test]
async fn an_assertion_that_is_not_exactly_right_is_refused() {
    let app = TestApp::new().await;
    let signer = Signer::new(&app, SigningAlg::ES256, "k1");
    add_signer(&app, json!({ "jwks": signer.jwks() })).await;
    let changes = [
        json!({ "iss": "m2m" }),
        json!({ "sub": "m2m" }),
        json!({ "aud": "https://other.example" }),
        // By default the issuer only.
        json!({ "aud": app.url("/oauth2/token") }),
        json!({ "aud": [app.issuer, "https://other.example"] }),
        json!({ "aud": [] }),
        json!({ "aud": format!("{}/", app.issuer) }),
        json!({ "exp": app.now().0 - 61 }),
        json!({ "exp": app.now().0 + 7200 }),
        json!({ "exp": null }),
        json!({ "exp": "soon" }),
        json!({ "nbf": app.now().0 + 120 }),
        json!({ "iat": app.now().0 + 120 }),
        json!({ "jti": "" }),
        json!({ "jti": null }),
        json!({ "jti": "j".repeat(513) }),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut claims = signer.claims(&format!("change-{number}"));
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let reply = assert_with(&app, &signer.sign("JWT", &claims)).await;
        assert_eq!(reply.error(), (401, "invalid_client".to_owned()), "{change}");
    }
    for typ in ["at+jwt", "application/at+jwt", "id_token", "dpop+jwt", "logout+jwt"] {
        let reply = assert_with(&app, &signer.sign(typ, &signer.claims(typ))).await;
        assert_eq!(reply.error(), (401, "invalid_client".to_owned()), "{typ}");
    }
    let stranger = Signer::new(&app, SigningAlg::ES256, "k1");
    check(&assert_with(&app, &stranger.assertion("stranger")).await, FAILED);
    // A refused assertion uses nothing up.
    assert_with(&app, &signer.assertion("change-0")).await.tokens();
}

/// attacks.md row 26 (Keycloak CVE-2026-1486): a key or a client that was taken away proves nothing any more.
#[tokio::test]
async fn cve_2026_1486_a_key_or_client_that_was_taken_away_proves_nothing() {
    let app = TestApp::new().await;
    let (old, new) = (Signer::new(&app, SigningAlg::ES256, "old"), Signer::new(&app, SigningAlg::ES256, "new"));
    add_signer(&app, json!({ "jwks": old.jwks() })).await;
    assert_with(&app, &old.assertion("1")).await.tokens();
    let jwks = new.jwks();
    app.update_client("signer", move |settings| settings.jwks = Some(jwks.clone())).await;
    check(&assert_with(&app, &old.assertion("2")).await, FAILED);
    assert_with(&app, &new.assertion("3")).await.tokens();
    app.disable_client("signer").await;
    check(&assert_with(&app, &new.assertion("4")).await, FAILED);
}

#[tokio::test]
async fn the_token_endpoint_as_audience_is_a_setting_of_the_client() {
    let app = TestApp::new().await;
    let signer = Signer::new(&app, SigningAlg::ES256, "k1");
    add_signer(&app, json!({ "jwks": signer.jwks(), "assertion_audience_token_endpoint": true })).await;
    let mut claims = signer.claims("1");
    claims["aud"] = app.url("/oauth2/token").into();
    assert_with(&app, &signer.sign("JWT", &claims)).await.tokens();
    assert_with(&app, &signer.assertion("2")).await.tokens();
    claims["aud"] = app.url("/oauth2/introspect").into();
    claims["jti"] = "3".into();
    check(&assert_with(&app, &signer.sign("JWT", &claims)).await, FAILED);
}

#[tokio::test]
async fn an_assertion_needs_its_type_and_a_client_registered_for_it() {
    let app = TestApp::new().await;
    let signer = Signer::new(&app, SigningAlg::ES256, "k1");
    add_signer(&app, json!({ "jwks": signer.jwks() })).await;
    let client = app.client("signer");
    let assertion = signer.assertion("1");
    check(&with(&client, None, &[("client_assertion", &assertion)]).await, (400, "invalid_request"));
    let wrong_type = [("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")];
    check(
        &with(&client, None, &[&wrong_type[..], &[("client_assertion", &assertion)]].concat()).await,
        (400, "invalid_request"),
    );
    check(&with(&client, None, &[("client_assertion_type", ASSERTION_TYPE)]).await, (400, "invalid_request"));
    // Nor does its own name do, or a secret.
    check(&with(&client, None, &[("client_id", "signer")]).await, FAILED);
    check(&with(&client, None, &[("client_id", "signer"), ("client_secret", "x")]).await, FAILED);
    // Another client's name with this one's assertion.
    let named = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion), ("client_id", "m2m")];
    check(&with(&client, None, &named).await, FAILED);
    assert_with(&app, &assertion).await.tokens();
}

/// A server that publishes whatever key set the test puts in.
struct KeyServer {
    uri: String,
    document: Arc<Mutex<String>>,
    fetches: Arc<AtomicUsize>,
}

impl KeyServer {
    fn start(document: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let document = Arc::new(Mutex::new(document.to_string()));
        let fetches = Arc::new(AtomicUsize::new(0));
        let (shown, counter) = (Arc::clone(&document), Arc::clone(&fetches));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]);
                let body = shown.lock().unwrap().clone();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length";
                let _ = write!(stream, "{head}: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { uri, document, fetches }
    }

    fn publish(&self, document: &Value) {
        *self.document.lock().unwrap() = document.to_string();
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

/// mcp T-12, as far as it is built: keys by `jwks_uri`, and rotation by an unknown `kid`.
#[tokio::test]
async fn keys_at_a_jwks_uri_are_fetched_once_and_again_when_they_rotate() {
    let app = TestApp::plan().set("fetch.allow", "127.0.0.0/8").start().await;
    let old = Signer::new(&app, SigningAlg::ES256, "old");
    let new = Signer::new(&app, SigningAlg::ES256, "new");
    let server = KeyServer::start(&old.jwks());
    add_signer(&app, json!({ "jwks_uri": server.uri })).await;
    for number in 0..3 {
        assert_with(&app, &old.assertion(&format!("old-{number}"))).await.tokens();
    }
    assert_eq!(server.fetches(), 1);
    // An invented key id makes us fetch at most once in a while.
    app.advance(30);
    for number in 0..5 {
        check(&assert_with(&app, &new.assertion(&format!("early-{number}"))).await, FAILED);
    }
    assert_eq!(server.fetches(), 2);
    server.publish(&new.jwks());
    app.advance(30);
    assert_with(&app, &new.assertion("late")).await.tokens();
    assert_eq!(server.fetches(), 3);
    check(&assert_with(&app, &old.assertion("gone")).await, FAILED);
}

/// attacks.md row 13: Keycloak CVE-2026-1180 (`jwks_uri`). Nothing is connected to that is not public.
#[tokio::test]
async fn cve_2026_1180_a_jwks_uri_on_a_private_address_is_not_fetched() {
    let app = TestApp::new().await;
    let signer = Signer::new(&app, SigningAlg::ES256, "k1");
    let server = KeyServer::start(&signer.jwks());
    let port = server.uri.split(':').nth(2).unwrap().to_owned();
    let mut answers = Vec::new();
    for uri in [
        server.uri.clone(),
        format!("https://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
        format!("http://2130706433:{port}"),
        "http://169.254.169.254/latest/meta-data".into(),
        "https://10.0.0.1/jwks".into(),
        "file:///etc/passwd".into(),
    ] {
        add_signer(&app, json!({ "jwks_uri": uri })).await;
        let reply = assert_with(&app, &signer.assertion(&uri)).await;
        check(&reply, FAILED);
        assert!(!reply.body.contains("127.0.0.1"), "the answer tells of an address: {}", reply.body);
        answers.push(reply.body);
        app.remove_client("signer").await;
    }
    assert_eq!(server.fetches(), 0);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "the answers tell a forbidden host from a dead one");
}
