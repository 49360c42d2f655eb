//! `/v1/connected_apps/clients`: stytch-backend-api.md 2.

use crate::app::{Authentication, Host, ODD_CLIENT, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

const APPS: &str = "/v1/connected_apps/clients";
const CALLBACK: &str = "https://app.example/callback";

impl Host {
    async fn put_app(&self, id: &str, body: Value) -> crate::app::Reply {
        self.call(Method::PUT, &format!("{APPS}/{id}"), Some(body)).await
    }

    /// Makes an app and returns it.
    async fn new_app(&self, body: Value) -> Value {
        self.post(APPS, body).await.done()["connected_app"].clone()
    }
}

fn id(app: &Value) -> &str {
    app["client_id"].as_str().unwrap()
}

#[tokio::test]
async fn an_app_of_each_type_is_made_shown_changed_and_removed() {
    let app = TestApp::new().await;
    let host = app.host();
    for (client_type, has_secret) in
        [("first_party", true), ("first_party_public", false), ("third_party", true), ("third_party_public", false)]
    {
        let made = host.new_app(json!({ "client_type": client_type, "client_name": null })).await;
        assert!(id(&made).starts_with("connected-app-test-"), "{made}");
        assert_eq!(made["client_secret"].is_string(), has_secret, "{made}");
        for (member, expected) in [
            ("client_name", json!("")),
            ("client_description", json!("")),
            ("status", json!("active")),
            ("client_type", json!(client_type)),
            ("redirect_urls", json!([])),
            ("full_access_allowed", json!(false)),
            ("access_token_expiry_minutes", json!(10)),
            ("access_token_template_content", json!("{}")),
            ("id_token_template_content", json!("{}")),
            ("post_logout_redirect_urls", json!([])),
            ("bypass_consent_for_offline_access", json!(false)),
            ("creation_method", json!("management")),
            ("plane", json!("standard")),
        ] {
            assert_eq!(made[member], expected, "{member}: {made}");
        }
        let shown = host.get(&format!("{APPS}/{}", id(&made))).await.done()["connected_app"].clone();
        assert!(shown.get("client_secret").is_none(), "{shown}");
        assert_eq!(shown["client_secret_last_four"].is_string(), has_secret, "{shown}");
        if has_secret {
            let secret = made["client_secret"].as_str().unwrap();
            assert_eq!(shown["client_secret_last_four"], secret[secret.len() - 4..]);
        }
        let gone = host.delete(&format!("{APPS}/{}", id(&made))).await.done();
        assert_eq!(gone["client_id"], made["client_id"]);
        host.get(&format!("{APPS}/{}", id(&made))).await.refused_by_api(404, "connected_app_not_found");
        host.delete(&format!("{APPS}/{}", id(&made))).await.refused_by_api(404, "connected_app_not_found");
        host.put_app(id(&made), json!({})).await.refused_by_api(404, "connected_app_not_found");
    }
}

/// mcp T-19: a client id that is a URL, in the path of every call about it and in the pages of a search.
#[tokio::test]
async fn a_client_id_that_is_a_url_is_found_shown_changed_and_removed() {
    let app = TestApp::new().await;
    let host = app.host();
    let at = format!("{APPS}/{}", form_urlencoded::byte_serialize(ODD_CLIENT.as_bytes()).collect::<String>());
    assert!(at.ends_with("https%3A%2F%2Fa.example%2Fx%3Ay%3Fz%3D1"), "{at}");
    assert_eq!(host.get(&at).await.done()["connected_app"]["client_id"], ODD_CLIENT);
    let changed = host.call(Method::PUT, &at, Some(json!({ "client_name": "Odd" }))).await.done();
    assert_eq!(changed["connected_app"]["client_name"], "Odd");
    let mut cursor = Value::Null;
    let mut seen = Vec::new();
    loop {
        let page = host.post(&format!("{APPS}/search"), json!({ "limit": 1, "cursor": cursor })).await.done();
        seen.extend(page["connected_apps"].as_array().unwrap().iter().map(|app| id(app).to_owned()));
        cursor = page["results_metadata"]["next_cursor"].clone();
        if cursor.as_str().is_none_or(str::is_empty) {
            break;
        }
    }
    assert_eq!(seen.iter().filter(|id| *id == ODD_CLIENT).count(), 1, "{seen:?}");
    assert_eq!(host.delete(&at).await.done()["client_id"], ODD_CLIENT);
    host.get(&at).await.refused_by_api(404, "connected_app_not_found");
}

#[tokio::test]
async fn absent_stays_as_it_is_and_empty_clears() {
    let app = TestApp::new().await;
    let host = app.host();
    let full = json!({
        "client_type": "first_party", "client_name": "Harbour Desk", "client_description": "Counts boats",
        "redirect_urls": [CALLBACK], "post_logout_redirect_urls": ["https://app.example/bye"],
        "logo_url": "https://app.example/logo.png", "full_access_allowed": true,
        "bypass_consent_for_offline_access": true, "access_token_expiry_minutes": 30,
        "access_token_custom_audience": "urn:example:desk",
        "access_token_template_content": "{\"roles\": {{ user.rbac.roles }}}", "id_token_template_content": "{\"a\": 1}",
    });
    let made = host.new_app(full.clone()).await;
    let shown = |app: &Value| {
        let members = full.as_object().unwrap().keys();
        members.map(|name| (name.clone(), app[name].clone())).collect::<serde_json::Map<_, _>>()
    };
    assert_eq!(Value::Object(shown(&made)), full);
    // `client_type` is not to be changed, and what is not known is ignored.
    let null = json!({ "client_name": null, "client_type": "third_party", "more": 1, "client_id": "x" });
    let same = host.put_app(id(&made), null).await.done()["connected_app"].clone();
    assert_eq!(Value::Object(shown(&same)), full);
    let clear = json!({
        "client_name": "", "client_description": "", "redirect_urls": [], "post_logout_redirect_urls": [],
        "logo_url": "", "full_access_allowed": false, "bypass_consent_for_offline_access": false,
        "access_token_custom_audience": "", "access_token_template_content": "", "id_token_template_content": "",
    });
    host.put_app(id(&made), clear).await.done();
    let cleared = host.get(&format!("{APPS}/{}", id(&made))).await.done()["connected_app"].clone();
    assert_eq!(
        Value::Object(shown(&cleared)),
        json!({
            "client_type": "first_party", "client_name": "", "client_description": "", "redirect_urls": [],
            "post_logout_redirect_urls": [], "logo_url": null, "full_access_allowed": false,
            "bypass_consent_for_offline_access": false, "access_token_expiry_minutes": 30,
            "access_token_custom_audience": null, "access_token_template_content": "{}",
            "id_token_template_content": "{}",
        })
    );
}

#[tokio::test]
async fn what_an_app_may_not_have_is_refused_by_name() {
    let app = TestApp::new().await;
    let host = app.host();
    let third = host.new_app(json!({ "client_type": "third_party_public" })).await;
    for (member, value, error_type) in [
        ("full_access_allowed", json!(true), "third_party_clients_cannot_use_full_access"),
        ("bypass_consent_for_offline_access", json!(true), "third_party_clients_require_consent_for_offline_access"),
        ("redirect_urls", json!(["app.example/cb"]), "connected_app_redirect_url_must_include_scheme"),
        ("redirect_urls", json!(["http://a.example/"]), "connected_app_redirect_url_http_scheme_must_use_loopback"),
        ("redirect_urls", json!(["cursor://cb"]), "connected_app_redirect_url_must_use_http_or_https_scheme"),
        ("redirect_urls", json!(["https://a.example/#x"]), "connected_app_invalid_redirect_url"),
        ("post_logout_redirect_urls", json!(["javascript:x"]), "connected_app_invalid_redirect_url"),
        ("logo_url", json!("http://a.example/logo.png"), "invalid_argument"),
        ("client_name", json!("a\u{202E}b"), "invalid_argument"),
        ("access_token_expiry_minutes", json!(4), "idp_invalid_access_token_expiry_minutes"),
        ("access_token_expiry_minutes", json!(1441), "idp_invalid_access_token_expiry_minutes"),
        ("access_token_custom_audience", json!("a b"), "idp_invalid_access_token_custom_audience"),
        ("access_token_template_content", json!("{\"sub\": 1}"), "idp_invalid_access_token_jwt_template"),
        ("id_token_template_content", json!("{"), "jwt_template_invalid_json"),
        ("id_token_template_content", json!("{\"a\": {{ user.x }"), "jwt_template_mismatched_tag"),
        ("id_token_template_content", json!("{\"a\": {{ request.x }}}"), "jwt_template_invalid_tag"),
        ("redirect_urls", json!([1]), "invalid_argument"),
        ("full_access_allowed", json!("yes"), "invalid_argument"),
    ] {
        let reply = host.put_app(id(&third), json!({ member: value })).await;
        reply.refused_by_api(400, error_type);
        let reply = host.post(APPS, json!({ "client_type": "third_party_public", member: value })).await;
        reply.refused_by_api(400, error_type);
    }
    for body in [json!({}), json!({ "client_type": "first_party", "redirect_urls": [1] })] {
        let reply = host.post(APPS, body.clone()).await;
        let named = if body.as_object().unwrap().is_empty() { "client_type" } else { "redirect_urls" };
        assert!(reply.json()["error_message"].as_str().unwrap().contains(named), "{}", reply.json());
        reply.refused_by_api(400, "invalid_argument");
    }
    host.post(APPS, json!({ "client_type": "public" })).await.refused_by_api(400, "invalid_argument");
    // The project does not have it on.
    let stytch = json!({ "client_type": "first_party", "plane": "stytch" });
    host.post(APPS, stytch).await.refused_by_api(400, "invalid_argument");
    let unchanged = host.get(&format!("{APPS}/{}", id(&third))).await.done()["connected_app"].clone();
    assert_eq!((&unchanged["redirect_urls"], &unchanged["client_name"]), (&json!([]), &json!("")));
}

#[tokio::test]
async fn with_the_stytch_plane_on_new_apps_are_of_it_unless_asked_otherwise() {
    let app = TestApp::new().await;
    let (project, now) = (app.app.project.clone(), app.now());
    let on = app.change(move |tx| {
        let mut project = tx.find_project(&project)?.unwrap();
        project.settings.stytch.enabled = true;
        Ok(tx.update_project(&project, now)?)
    });
    on.await.unwrap();
    let host = app.host();
    let made = host.new_app(json!({ "client_type": "third_party" })).await;
    assert_eq!((&made["plane"], &made["access_token_expiry_minutes"]), (&json!("stytch"), &json!(60)));
    let made = host.new_app(json!({ "client_type": "third_party", "plane": "standard" })).await;
    assert_eq!((&made["plane"], &made["access_token_expiry_minutes"]), (&json!("standard"), &json!(10)));
}

#[tokio::test]
async fn a_secret_is_rotated_without_a_gap() {
    let app = TestApp::new().await;
    let host = app.host();
    let made = host.new_app(json!({ "client_type": "third_party", "redirect_urls": [CALLBACK] })).await;
    let at = |step: &str| format!("{APPS}/{}/secrets/rotate{step}", id(&made));
    let works = async |secret: &Value| {
        let secret = secret.as_str().unwrap().to_owned();
        let client = app.client(id(&made)).with(Authentication::Basic(secret));
        // RFC 7009 §2.2: the token is nobody's, but the client is who it says.
        client.revoke("hrt_unknown").await.status == 200
    };
    let old = made["client_secret"].clone();
    assert!(works(&old).await);
    host.post(&at(""), json!({})).await.refused_by_api(400, "connected_app_not_rotating_secret");
    host.post(&at("/cancel"), json!({})).await.refused_by_api(400, "connected_app_not_rotating_secret");

    let started = host.post(&at("/start"), json!({})).await.done()["connected_app"].clone();
    let next = started["next_client_secret"].clone();
    assert_eq!(started["client_secret_last_four"], made["client_secret_last_four"]);
    let text = next.as_str().unwrap();
    assert_eq!(started["next_client_secret_last_four"], text[text.len() - 4..]);
    assert!(works(&old).await && works(&next).await);
    host.post(&at("/start"), json!({})).await.refused_by_api(400, "connected_app_already_rotating_secret");

    let cancelled = host.post(&at("/cancel"), json!({})).await.done()["connected_app"].clone();
    assert!(cancelled.get("next_client_secret_last_four").is_none(), "{cancelled}");
    assert!(works(&old).await && !works(&next).await);

    let next = host.post(&at("/start"), json!({})).await.done()["connected_app"]["next_client_secret"].clone();
    let rotated = host.post(&at(""), json!({})).await.done()["connected_app"].clone();
    assert!(rotated.get("next_client_secret").is_none(), "{rotated}");
    assert!(!works(&old).await && works(&next).await);

    let public = host.new_app(json!({ "client_type": "third_party_public" })).await;
    for step in ["/start", "/cancel", ""] {
        let path = format!("{APPS}/{}/secrets/rotate{step}", id(&public));
        host.post(&path, json!({})).await.refused_by_api(400, "public_connected_apps_do_not_have_secrets");
        let path = format!("{APPS}/m2m/secrets/rotate{step}");
        host.post(&path, json!({})).await.refused_by_api(404, "connected_app_not_found");
    }
}

#[tokio::test]
async fn what_an_app_holds_ends_with_it() {
    let app = TestApp::new().await;
    let tokens = app.tokens("web", "alice").await;
    assert!(app.client("api").is_active(&tokens.access_token).await);
    app.host().delete(&format!("{APPS}/web")).await.done();
    assert!(!app.client("api").is_active(&tokens.access_token).await);
    app.client("web").refresh(&tokens.refresh_token).await.refused(401, "invalid_client");
    let project = app.app.project.clone();
    let (user, client) = (app.user("alice").await.id, hospes_protocol::id::ClientId::new("web"));
    assert_eq!(app.change(move |tx| Ok(tx.find_grant(&project, &user, &client)?)).await, None);
}

// Issue 4, proof: concurrent updates of one client lose nothing.
#[tokio::test]
async fn twenty_changes_at_once_lose_nothing() {
    let app = TestApp::new().await;
    let host = app.host();
    let made = host.new_app(json!({ "client_type": "first_party" })).await;
    let changes = [
        ("client_name", json!("Desk")),
        ("client_description", json!("Counts")),
        ("redirect_urls", json!([CALLBACK])),
        ("post_logout_redirect_urls", json!(["https://app.example/bye"])),
        ("logo_url", json!("https://app.example/logo.png")),
        ("full_access_allowed", json!(true)),
        ("bypass_consent_for_offline_access", json!(true)),
        ("access_token_expiry_minutes", json!(77)),
        ("access_token_custom_audience", json!("urn:x")),
        ("id_token_template_content", json!("{\"a\": 1}")),
    ];
    let mut storm = tokio::task::JoinSet::new();
    for (member, value) in changes.iter().chain(&changes) {
        let (host, id, body) = (host.clone(), id(&made).to_owned(), json!({ *member: value }));
        storm.spawn(async move { host.put_app(&id, body).await.status });
    }
    assert!(storm.join_all().await.iter().all(|status| *status == 200));
    let after = host.get(&format!("{APPS}/{}", id(&made))).await.done()["connected_app"].clone();
    for (member, value) in &changes {
        assert_eq!(after[member], *value, "{member}: {after}");
    }
}

#[tokio::test]
async fn an_app_that_was_made_here_works_at_once() {
    let app = TestApp::new().await;
    let made = app.host().new_app(json!({ "client_type": "third_party", "redirect_urls": [CALLBACK] })).await;
    let secret = made["client_secret"].as_str().unwrap().to_owned();
    let client = app.client(id(&made)).with(Authentication::Basic(secret));
    let callback = app.browser().login_and_consent(&client.request(), "alice").await;
    let tokens = client.redeem(&callback.code()).await.tokens();
    assert_eq!(tokens.access()["client_id"], made["client_id"]);
    client.refresh(&tokens.refresh_token).await.tokens();
}

// stytch-backend-api.md 2.5.
#[tokio::test]
async fn the_host_app_sees_and_ends_what_a_user_has_connected() {
    let app = TestApp::new().await;
    let host = app.host();
    let at = |user: &str| format!("/v1/users/{user}/connected_apps");
    assert_eq!(host.get(&at("user-test-alice")).await.done()["connected_apps"], json!([]));
    let tokens = app.tokens("web", "alice").await;
    let bobs = app.tokens("web", "bob").await;
    for user in ["user-test-alice", "ext-alice", "user%2Dtest%2Dalice"] {
        assert_eq!(
            host.get(&at(user)).await.done()["connected_apps"],
            json!([{
                "connected_app_id": "web", "name": "Harbour Master", "description": "", "client_type": "third_party",
                "scopes_granted": "openid profile email notes:read offline_access",
            }])
        );
    }
    host.get(&at("nobody")).await.refused_by_api(404, "user_not_found");
    host.post(&format!("{}/web/revoke", at("nobody")), json!({})).await.refused_by_api(404, "user_not_found");
    let unknown = host.post(&format!("{}/unknown/revoke", at("ext-alice")), json!({})).await;
    unknown.refused_by_api(404, "connected_app_not_found");

    for _ in 0..2 {
        host.post(&format!("{}/web/revoke", at("ext-alice")), json!({})).await.done();
    }
    assert_eq!(host.get(&at("ext-alice")).await.done()["connected_apps"], json!([]));
    assert!(!app.client("api").is_active(&tokens.access_token).await);
    app.client("web").refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    assert!(app.client("api").is_active(&bobs.access_token).await, "bob's are his own");
}
