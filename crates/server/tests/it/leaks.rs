//! Whoever steals the database gets nothing that opens a door: attacks.md on secrets at rest, design section 4.

use crate::app::{PASSWORD, SECRET, TestApp, client::CHALLENGE};
use aws_lc_rs::digest::{SHA256, digest};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};
use std::fmt::Write as _;

fn text(value: &Value) -> String {
    value.as_str().filter(|text| text.len() >= 16).expect("a secret").to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Each byte as one character, so that texts and bytes are looked for alike.
fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Every form in which `secret` would be of use: as it is, without its prefix, and the bytes that it stands for, each
/// also in hexadecimal digits. A JWT is a secret with its signature only.
fn usable_forms(secret: &str) -> Vec<String> {
    let own = if secret.starts_with("eyJ") { secret.rsplit('.').next().unwrap() } else { secret };
    let bare = own.rsplit('_').next().filter(|bare| bare.len() >= 16).unwrap_or(own);
    let mut forms = vec![own.as_bytes().to_vec(), bare.as_bytes().to_vec()];
    forms.extend(Base64UrlUnpadded::decode_vec(bare));
    forms.iter().flat_map(|form| [characters(form), hex(form)]).collect()
}

#[tokio::test]
async fn a_stolen_database_has_no_usable_secret() {
    let app = TestApp::new().await;
    let host = app.host();
    let mut secrets = vec![("project secret", SECRET.to_owned()), ("password", PASSWORD.to_owned())];
    let mut add = |name: &'static str, secret: String| secrets.push((name, secret));

    // A user connects an app, which refreshes; one code stays unused, and one page open.
    let web = app.client("web");
    add("client secret", web.secret().to_owned());
    let mut browser = app.browser();
    let code = browser.login_and_consent(&web.request(), "alice").await.code();
    let tokens = web.redeem(&code).await.tokens();
    let next = web.refresh(&tokens.refresh_token).await.tokens();
    let spa = app.client("spa");
    let public = spa.redeem(&app.browser().login_and_consent(&spa.request(), "bob").await.code()).await.tokens();
    let successor = spa.refresh(&public.refresh_token).await.tokens();
    let unused = app.browser().login_and_consent(&spa.request(), "bob").await.code();
    let mut waiting = app.browser();
    waiting.authorize(&spa.request()).await;
    for (name, value) in browser.cookies.iter().chain(&waiting.cookies) {
        add(if name.contains("session") { "session cookie" } else { "cookie" }, value.clone());
    }
    add("used code", code);
    add("unused code", unused);
    for tokens in [tokens, next, public, successor] {
        add("access token", tokens.access_token);
        add("refresh token", tokens.refresh_token);
        add("ID token", tokens.id_token);
    }
    let machine = app.client("m2m").client_credentials(&[]).await.tokens();
    add("machine's access token", machine.access_token);

    // The host app's back end makes things that have secrets.
    let password = "A quite unusual sentence 4711";
    let login = json!({ "email": "dora@dock.example", "password": password, "session_duration_minutes": 60 });
    let login = host.post("/v1/passwords", login).await.done();
    add("password of a new user", password.to_owned());
    add("session token", text(&login["session_token"]));
    add("session JWT", text(&login["session_jwt"]));
    add("another project secret", text(&host.post("/v1/secrets", json!({})).await.done()["secret"]["secret"]));
    let client = json!({ "client_type": "third_party", "redirect_urls": ["https://partner.example/callback"] });
    let client = host.post("/v1/connected_apps/clients", client).await.done()["connected_app"].clone();
    add("secret of a connected app", text(&client["client_secret"]));
    let rotate = format!("/v1/connected_apps/clients/{}/secrets/rotate/start", client["client_id"].as_str().unwrap());
    let rotated = host.post(&rotate, json!({})).await.done();
    add("next secret of a connected app", text(&rotated["connected_app"]["next_client_secret"]));

    let machine = host.post("/v1/m2m/clients", json!({ "scopes": ["notes:read"] })).await.done()["m2m_client"].clone();
    add("machine's secret", text(&machine["client_secret"]));
    // MD5 of "password": whoever has it has the password, so it is not kept as it came.
    let weak = "5f4dcc3b5aa765d61d8327deb882cf99";
    let imported = json!({ "email": "old@dock.example", "hash": weak, "hash_type": "md_5" });
    host.post("/v1/passwords/migrate", imported).await.done();
    add("weak hash of another login", weak.to_owned());

    let stolen = characters(&app.stolen_database());
    // What is looked for would be found: the database has names of things, hashes, and what is no secret.
    let hash = digest(&SHA256, SECRET.as_bytes());
    assert!(stolen.contains(&characters(hash.as_ref())) || stolen.contains(&hex(hash.as_ref())));
    // The seed brought this one along. It might be short, so its SHA-256 would say too much.
    let brought = digest(&SHA256, app.client("web").secret().as_bytes());
    assert!(!stolen.contains(&characters(brought.as_ref())) && !stolen.contains(&hex(brought.as_ref())));
    for known in ["dora@dock.example", "$argon2id$", CHALLENGE] {
        assert!(stolen.contains(known), "{known}");
    }
    for (name, secret) in secrets {
        for form in usable_forms(&secret) {
            assert!(!stolen.contains(&form), "the database has the {name}: {form}");
        }
    }
}
