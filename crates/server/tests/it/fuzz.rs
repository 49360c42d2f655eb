//! No input yields a 5xx, a panic or a fall back to a weaker check (attacks.md rows 20, 34 and 37): a corpus of strange
//! values for every parameter, header and field of every endpoint, and bytes that are hardly HTTP.
//!
//! Nothing here is random from run to run.

use crate::app::{Browser, Reply, TestApp, Tokens, client::VERIFIER};
use hospes::{
    entropy::Entropy,
    pages::{decision, field},
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};

const FORM: &str = "application/x-www-form-urlencoded";

/// Values as they stand in a query or form body, mostly percent-encoded already.
fn corpus() -> Vec<String> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let plain = [
        "",
        " ",
        "\t\r\n",
        "\r\nX-Evil: 1",
        "\u{0}",
        "a\u{0}b",
        "\u{7f}",
        "\u{202e}",
        "\u{feff}",
        "\u{1f600}",
        "ü",
        "\u{fffd}",
        "'",
        "\"",
        "\\",
        "' OR 1=1 --",
        "\"; DROP TABLE users; --",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "../../../../etc/passwd",
        "..\\..\\",
        "null",
        "undefined",
        "true",
        "NaN",
        "-1",
        "0",
        "00",
        "1e309",
        "0x10",
        "99999999999999999999999999",
        "-9223372036854775809",
        "9223372036854775807",
        "[]",
        "{}",
        "[[[[",
        "{\"a\":",
        "\"\"",
        "javascript:alert(1)",
        "data:,x",
        "http://",
        "https://",
        "https://[::1",
        "https://a:b@c:d/e?f#g",
        "//x",
        "urn:x",
        "x:",
        "none",
        "none none",
        "S256",
        "plain",
        "code token",
        "openid openid",
        "eyJhbGciOiJub25lIn0.e30.",
        "a.b.c",
        "....",
        "hrt_",
        "hac_",
        "int_",
        "Basic",
        "%",
        "%%",
        "%25",
        "&",
        "=",
        "+",
        ";",
        ",",
        "*",
        "%s%s%n",
        "\u{1d7d9}",
    ];
    let mut corpus: Vec<String> = plain.iter().map(|value| encode(value)).collect();
    // Broken encodings.
    corpus.extend(
        ["%", "%z", "%zz", "%ff", "%c0%80", "%ed%a0%80", "%00", "a%00b", "+%2B+", "a=b=c", "a;b"].map(String::from),
    );
    corpus.extend([500, 1025, 2049, 8193, 60_000].map(|length| "a".repeat(length)));
    corpus.push("%61".repeat(3000));
    corpus.push(encode(&"[".repeat(2000)));
    corpus.push(encode(&"{\"a\":".repeat(1000)));
    corpus.push("a+".repeat(2000));
    // What is done with strange values hardly depends on the database; a part of them is enough for the second one, with
    // all that hold a NUL, which is a text on SQLite and none on PostgreSQL.
    let step = if crate::app::test_database_url().is_some() { 4 } else { 1 };
    let is_kept = |at: usize, value: &str| at.is_multiple_of(step) || value.contains("%00");
    corpus.into_iter().enumerate().filter(|(at, value)| is_kept(*at, value)).map(|(_, value)| value).collect()
}

#[track_caller]
fn no_fault(reply: &Reply, what: &str) {
    assert!((200..500).contains(&reply.status), "{what}: {} {}", reply.status, reply.body);
    if reply.status >= 400 && reply.page() != "error" && !reply.body.is_empty() {
        assert!(reply.json()["error"].is_string(), "{what}: {}", reply.body);
    }
    assert!(!reply.headers.contains_key("x-evil"), "{what}");
}

fn shown(value: &str) -> &str {
    value.get(..60).unwrap_or(value)
}

/// A body or query of `pairs` with one value replaced by a raw one.
fn with_raw(pairs: &[(String, String)], name: &str, raw: &str) -> String {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(pairs.iter().filter(|(own, _)| own != name));
    format!("{}&{name}={raw}", body.finish())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn post(app: &TestApp, path: &str, body: String) -> Reply {
    app.send(app.http().post(app.url(path)).header(CONTENT_TYPE, FORM).body(body)).await
}

/// CVE-2026-4634 (long scope), Logto #8990 (NUL).
#[tokio::test]
async fn cve_2026_4634_strange_authorization_requests_are_refused_or_served() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let web = app.client("web").request();
    let mut names: Vec<_> = web.parameters.iter().map(|(name, _)| name.clone()).collect();
    names.extend(
        [
            "response_mode",
            "prompt",
            "max_age",
            "login_hint",
            "id_token_hint",
            "acr_values",
            "ui_locales",
            "claims",
            "resource",
            "request",
            "request_uri",
            "registration",
            "display",
            "unknown",
        ]
        .map(String::from),
    );
    for name in &names {
        for value in corpus() {
            let query = with_raw(&web.parameters, name, &value);
            // A URL of 60 KB does not fit into every HTTP client.
            if query.len() > 50_000 {
                continue;
            }
            let reply = alice.peek(&format!("{}?{query}", web.endpoint)).await;
            no_fault(&reply, &format!("{name}={}", shown(&value)));
            if reply.status == 303 && !reply.header("location").starts_with('/') {
                assert!(
                    reply.header("location").starts_with("https://app.example/callback?"),
                    "{}",
                    reply.header("location")
                );
            }
        }
        for value in ["", "%00", "%ff"].map(String::from).into_iter().chain(["a".repeat(60_000), "a".repeat(80_000)]) {
            let reply = post(&app, "/oauth2/authorize", with_raw(&web.parameters, name, &value)).await;
            no_fault(&reply, &format!("POST {name}={}", shown(&value)));
        }
    }
    let many = (0..300).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join("&");
    assert_eq!(alice.peek(&format!("{}&{many}", web.url())).await.page(), "error");
    alice.authorize(&web).await.form();
}

#[tokio::test]
async fn strange_token_requests_are_refused_with_json() {
    let app = TestApp::new().await;
    let (web, m2m) = (app.client("web"), app.client("m2m"));
    let tokens = app.tokens("web", "alice").await;
    let web_auth = [("client_id", "web"), ("client_secret", web.secret())];
    let m2m_auth = [("client_id", "m2m"), ("client_secret", m2m.secret())];
    let token = [("token", tokens.access_token.as_str()), ("token_type_hint", "access_token")];
    let code = [
        ("grant_type", "authorization_code"),
        ("code", "hac_x"),
        ("redirect_uri", &web.redirect_uri),
        ("code_verifier", VERIFIER),
        ("resource", crate::app::API),
    ];
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh_token),
        ("scope", "openid"),
        ("resource", ""),
    ];
    let machine = [("grant_type", "client_credentials"), ("scope", "weather"), ("resource", "")];
    let assertion = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", hospes_protocol::client_assertion::ASSERTION_TYPE),
        ("client_assertion", "e30.e30.e30"),
    ];
    for (path, base) in [
        ("/oauth2/token", pairs(&[&code[..], &web_auth].concat())),
        ("/oauth2/token", pairs(&[&refresh[..], &web_auth].concat())),
        ("/oauth2/token", pairs(&[&machine[..], &m2m_auth].concat())),
        ("/oauth2/token", pairs(&assertion)),
        ("/oauth2/introspect", pairs(&[&token[..], &web_auth].concat())),
        ("/oauth2/revoke", pairs(&[("token", "x"), ("token_type_hint", "x"), ("client_id", "spa")])),
    ] {
        for (name, _) in &base {
            for value in corpus() {
                let reply = post(&app, path, with_raw(&base, name, &value)).await;
                no_fault(&reply, &format!("{path} {name}={}", shown(&value)));
                // Nobody without the right secret gets anything.
                if name == "client_secret" {
                    assert_ne!(reply.status, 200, "{path} {name}={}", shown(&value));
                }
            }
        }
        let large = with_raw(&base, "unknown", &"a".repeat(70_000));
        no_fault(&post(&app, path, large).await, "a body of 70 KB");
    }
    web.refresh(&tokens.refresh_token).await.tokens();
}

/// Keycloak CVE-2026-9803: a bad `Authorization` was a 500.
#[tokio::test]
async fn cve_2026_9803_strange_headers_are_refused_or_ignored() {
    let app = TestApp::new().await;
    let tokens = app.tokens("web", "alice").await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let mut values: Vec<Vec<u8>> = corpus()
        .into_iter()
        .filter(|value| value.len() < 9000)
        .flat_map(|value| {
            let decoded = form_urlencoded::parse(format!("x={value}").as_bytes()).next().unwrap().1.into_owned();
            [value, decoded]
        })
        .flat_map(|value| [value.clone(), format!("Basic {value}"), format!("Bearer {value}")])
        .map(String::into_bytes)
        .collect();
    values.push(vec![0xff, 0xfe]);
    values.push(b"Basic \xff\xff".to_vec());
    values.push(b"Bearer \xff\xff".to_vec());
    // What HTTP itself forbids in a header never leaves this client.
    values.retain(|value| reqwest::header::HeaderValue::from_bytes(value).is_ok());
    for value in &values {
        let what = String::from_utf8_lossy(value);
        let what = shown(&what);
        let form = |path: &str| app.http().post(app.url(path)).header(CONTENT_TYPE, FORM);
        let body = "grant_type=client_credentials&token=x";
        for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
            let reply = app.send(form(path).header(AUTHORIZATION, value.as_slice()).body(body)).await;
            no_fault(&reply, what);
            assert_ne!(reply.status, 200, "{path} {what}");
        }
        let reply = app.send(app.http().get(app.url("/oauth2/userinfo")).header(AUTHORIZATION, value.as_slice())).await;
        no_fault(&reply, what);
        assert_ne!(reply.status, 200, "{what}");
    }
    for value in values.iter().step_by(3) {
        let what = String::from_utf8_lossy(value);
        let what = shown(&what);
        for header in
            ["cookie", "accept-language", "content-type", "if-none-match", "x-forwarded-for", "origin", "accept"]
        {
            for path in ["/login", "/account/apps", "/.well-known/jwks.json"] {
                let reply = app.send(app.http().get(app.url(path)).header(header, value.as_slice())).await;
                no_fault(&reply, &format!("{path} {header}: {what}"));
            }
            let reply =
                app.send(app.http().post(app.url("/oauth2/token")).header(header, value.as_slice()).body("x=y")).await;
            no_fault(&reply, &format!("{header}: {what}"));
        }
        for name in ["hospes_session", "hospes_browser"] {
            let cookie = [name.as_bytes(), b"=", value.as_slice()].concat();
            let reply = app.send(app.http().get(app.url("/account/apps")).header(COOKIE, cookie)).await;
            no_fault(&reply, &format!("{name}={what}"));
            assert_ne!(reply.page(), "apps");
        }
    }
    app.client("web").refresh(&tokens.refresh_token).await.tokens();
}

#[tokio::test]
async fn strange_forms_on_our_pages_decide_nothing() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let login = alice.authorize(&web.request()).await;
    let mut signed_in = alice.clone();
    let page = signed_in.authorize(&web.request()).await;
    let consent = signed_in.login(&page, "alice").await;
    let account = signed_in.authorize(&web.request().with("prompt", "select_account")).await;
    let apps = signed_in.open("/account/apps").await;
    let logout = signed_in.open("/oauth2/logout").await;
    let send = async |browser: &mut Browser, action: &str, body: String| {
        let request = app.http().post(app.url(action)).header(CONTENT_TYPE, FORM).body(body);
        browser.send(request).await
    };
    let mut forms = vec![
        (
            signed_in.clone(),
            consent.form().press(decision::ALLOW),
            vec![field::INTERACTION, field::CSRF, field::DECISION, field::ENDS_AFTER],
        ),
        (
            signed_in.clone(),
            account.form().press(decision::CONTINUE),
            vec![field::INTERACTION, field::CSRF, field::DECISION],
        ),
        (signed_in.clone(), apps.form().with(field::DISCONNECT, "web"), vec![field::CSRF]),
        (signed_in.clone(), logout.form().press(decision::CONFIRM), vec![field::CSRF, field::DECISION]),
    ];
    let login_form = Browser::fill_login(&login, "alice");
    forms.push((alice.clone(), login_form.clone(), vec![field::INTERACTION, field::CSRF]));
    for (browser, form, names) in &forms {
        for name in names {
            for value in corpus() {
                // Empty means without end, which is a choice.
                if *name == field::ENDS_AFTER
                    && form_urlencoded::parse(format!("x={value}").as_bytes()).all(|(_, own)| own.is_empty())
                {
                    continue;
                }
                // The browser without JavaScript presses Enter: a login form without a button is a login.
                let reply = send(&mut browser.clone(), &form.action, with_raw(&form.fields, name, &value)).await;
                no_fault(&reply, &format!("{} {name}={}", form.action, shown(&value)));
                let location = reply.header("location");
                assert!(!location.contains("code="), "{} {name}={}: {location}", form.action, shown(&value));
            }
        }
    }
    // A name and a password may be anything; each attempt costs a hash.
    for (number, value) in corpus().iter().enumerate() {
        let name = if number % 2 == 0 { field::USERNAME } else { field::PASSWORD };
        let mut browser = alice.clone();
        let reply = send(&mut browser, "/login", with_raw(&login_form.fields, name, value)).await;
        no_fault(&reply, &format!("{name}={}", shown(value)));
        assert!(!browser.cookies.contains_key("hospes_session"), "{name}={}", shown(value));
    }
    for path in ["/login", "/consent", "/account", "/account/apps", "/oauth2/logout"] {
        for value in corpus().into_iter().filter(|value| value.len() < 10_000) {
            for name in [
                "interaction",
                "disconnected",
                "id_token_hint",
                "post_logout_redirect_uri",
                "state",
                "client_id",
                "ui_locales",
            ] {
                let reply = signed_in.clone().peek(&format!("{path}?{name}={value}")).await;
                no_fault(&reply, &format!("{path}?{name}={}", shown(&value)));
            }
        }
    }
    signed_in.allow(&consent).await.callback().code();
}

/// Several parameters at once, drawn from a seed.
#[tokio::test]
async fn mixtures_of_strange_parameters_are_refused_or_served() {
    let app = TestApp::new().await;
    let Tokens { access_token, refresh_token, id_token, .. } = app.tokens("spa", "alice").await;
    let source = Entropy::seeded(7);
    let pick = |from: &[String]| from[usize::from(u16::from_be_bytes(source.bytes())) % from.len()].clone();
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let names = own(&[
        "grant_type",
        "code",
        "code_verifier",
        "redirect_uri",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "refresh_token",
        "scope",
        "resource",
        "token",
        "response_type",
        "state",
        "nonce",
        "prompt",
        "code_challenge",
        "code_challenge_method",
        "claims",
        "max_age",
        "id_token_hint",
        "access_token",
        "interaction",
        "csrf",
        "decision",
        "username",
    ]);
    let mut values: Vec<_> = corpus().into_iter().filter(|value| value.len() < 3000).collect();
    for _ in 0..8 {
        values.extend(own(&[
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "spa",
            "web",
            "m2m",
            "code",
            "openid",
            "S256",
            VERIFIER,
            "https%3A%2F%2Fapp.example%2Fcallback",
            &access_token,
            &refresh_token,
            &id_token,
        ]));
    }
    let paths = own(&[
        "/oauth2/authorize",
        "/oauth2/token",
        "/oauth2/introspect",
        "/oauth2/revoke",
        "/oauth2/userinfo",
        "/oauth2/logout",
        "/login",
        "/consent",
        "/account",
        "/account/apps",
        "/logout",
        "/interactions/int_x/release",
    ]);
    for round in 0..600 {
        let path = pick(&paths);
        let count = 1 + usize::from(source.bytes::<1>()[0]) % 8;
        let text = (0..count).map(|_| format!("{}={}", pick(&names), pick(&values))).collect::<Vec<_>>().join("&");
        let reply = if round % 2 == 0 {
            post(&app, &path, text.clone()).await
        } else {
            app.get(&format!("{path}?{text}")).await
        };
        no_fault(&reply, &format!("round {round}: {path} {}", shown(&text)));
    }
}

/// Bytes as they are, on a connection of their own; the whole answer.
async fn raw(app: &TestApp, request: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = app.issuer.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_hardly_http_is_no_fault() {
    let app = TestApp::new().await;
    let head = "Host: x\r\nConnection: close\r\n";
    let form = format!("{head}Content-Type: {FORM}\r\n");
    let requests: Vec<Vec<u8>> = [
        String::new(),
        "\r\n\r\n\r\n".into(),
        "GET\r\n\r\n".into(),
        "GET /\r\n\r\n".into(),
        format!("GET / HTTP/9.9\r\n{head}\r\n"),
        format!("GET /%00 HTTP/1.1\r\n{head}\r\n"),
        format!("GET /%ff%fe HTTP/1.1\r\n{head}\r\n"),
        format!("GET /login?%00 HTTP/1.1\r\n{head}\r\n"),
        format!("GET /login?interaction=a\u{7f}b HTTP/1.1\r\n{head}\r\n"),
        format!("GET http://evil.example/login HTTP/1.1\r\n{head}\r\n"),
        format!("GET //evil.example/%2e%2e HTTP/1.1\r\n{head}\r\n"),
        format!("CONNECT evil.example:443 HTTP/1.1\r\n{head}\r\n"),
        format!("OPTIONS * HTTP/1.1\r\n{head}\r\n"),
        format!("TRACE / HTTP/1.1\r\n{head}\r\n"),
        format!("BREW /oauth2/token HTTP/1.1\r\n{head}\r\n"),
        "GET / HTTP/1.1\r\n\r\n".into(),
        format!("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n{head}\r\n"),
        format!("GET / HTTP/1.1\r\n{head}X: {}\r\n\r\n", "a".repeat(100_000)),
        format!("GET / HTTP/1.1\r\n{head}{}\r\n", "X: 1\r\n".repeat(500)),
        format!("GET /{} HTTP/1.1\r\n{head}\r\n", "a".repeat(70_000)),
        format!("POST /oauth2/token HTTP/1.1\r\n{form}Content-Length: 1000\r\n\r\nshort"),
        format!("POST /oauth2/token HTTP/1.1\r\n{form}Content-Length: -1\r\n\r\n"),
        format!("POST /oauth2/token HTTP/1.1\r\n{form}Content-Length: 99999999999999999999\r\n\r\n"),
        format!("POST /oauth2/token HTTP/1.1\r\n{form}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        format!("POST /oauth2/token HTTP/1.1\r\n{form}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        format!(
            "POST /oauth2/token HTTP/1.1\r\n{form}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"
        ),
        format!("POST /oauth2/token HTTP/1.1\r\n{form}Transfer-Encoding: gzip\r\n\r\n"),
        format!("POST /oauth2/token HTTP/1.1\r\n{form}Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        format!("POST /oauth2/token HTTP/1.1\r\n{form}Expect: 100-continue\r\nContent-Length: 3\r\n\r\na=b"),
        format!("POST /oauth2/authorize HTTP/1.1\r\n{form}Content-Length: 3\r\n\r\n\u{0}=\u{1}"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}".into(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\nConnection: close\r\n\r\n".to_vec(), vec![0xff; 1000], vec![0; 1000]])
    .collect();
    for request in &requests {
        let answer = raw(&app, request).await;
        let shown = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or_default();
        // 505 says that the version of HTTP is none of ours.
        assert!(!status.starts_with('5') || status == "505", "{shown:?}: {answer}");
    }
    assert_eq!(app.get("/.well-known/jwks.json").await.status, 200);
}

/// A body that is too large is refused as it comes, and the next request is served.
#[tokio::test]
async fn bodies_have_a_limit() {
    let app = TestApp::new().await;
    for path in [
        "/oauth2/token",
        "/oauth2/introspect",
        "/oauth2/revoke",
        "/oauth2/userinfo",
        "/oauth2/authorize",
        "/login",
        "/consent",
        "/logout",
    ] {
        for size in [65_537, 1_000_000] {
            let reply = post(&app, path, format!("a={}", "b".repeat(size))).await;
            assert!((400..500).contains(&reply.status), "{path} {size}: {}", reply.status);
        }
    }
    app.client("m2m").client_credentials(&[]).await.tokens();
}

/// A connection stays open after an answer, and whoever may not use it again is told so: hyper closes it if the body
/// was left unread, which else a client learns from the next request, when it cannot know what became of it.
#[tokio::test]
async fn a_connection_that_will_close_says_so() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let app = TestApp::new().await;
    let address = app.issuer.strip_prefix("http://").unwrap();
    let json = "Content-Type: application/json\r\nContent-Length: 2";
    for (head, body, closes) in [
        (format!("POST /v1/nowhere HTTP/1.1\r\nHost: x\r\n{json}"), "", true),
        // Refused before anybody looks at the body.
        (format!("POST /v1/users HTTP/1.1\r\nHost: x\r\n{json}"), "", true),
        (format!("POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 2"), "a=", false),
        ("GET /.well-known/openid-configuration HTTP/1.1\r\nHost: x".to_owned(), "", false),
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = vec![0; 16 * 1024];
        let read = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).to_lowercase();
        assert_eq!(answer.contains("\r\nconnection: close\r\n"), closes, "{head}: {answer}");
    }
}
