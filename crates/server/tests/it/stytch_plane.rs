//! The OAuth endpoints under Stytch's names: their forms, and that nothing of one plane works on the other.

use crate::app::{Authentication, Client, PROJECT, Reply, SECRET, TestApp, decode};
use hospes::store::projects::Project;
use serde_json::{Value, json};

/// The usual world with a confidential app, a public app and a machine of the Stytch plane.
pub(crate) async fn world() -> TestApp {
    let app = TestApp::plan()
        .seed(|seed| {
            let both = json!(["client_secret_basic", "client_secret_post"]);
            let code = json!(["authorization_code", "refresh_token"]);
            let callback = json!(["https://app.example/callback"]);
            seed["clients"].as_array_mut().unwrap().extend([
                json!({
                    "id": "s_web", "name": "Tug", "plane": "stytch", "secret": secret(), "authentication_methods": both,
                    "grant_types": code, "redirect_uris": callback, "pkce_optional": true,
                }),
                json!({
                    "id": "s_spa", "name": "Dinghy", "plane": "stytch", "authentication_methods": ["none"],
                    "grant_types": code, "redirect_uris": callback,
                }),
                json!({
                    "id": "s_first", "name": "Pilot", "plane": "stytch", "party": "first", "full_access_allowed": true,
                    "authentication_methods": ["none"], "grant_types": code, "redirect_uris": callback,
                }),
                json!({
                    "id": "s_m2m", "name": "Crane", "plane": "stytch", "party": "first", "secret": secret(),
                    "authentication_methods": both, "grant_types": ["client_credentials"],
                    "scope": "notes:read weather",
                }),
            ]);
        })
        .start()
        .await;
    change(&app, |project| project.settings.stytch.enabled = true).await;
    app
}

pub(crate) fn secret() -> String {
    "hcs_stytch-0123456789abcdef0123456789abcdef".to_owned()
}

async fn change(app: &TestApp, change: impl Fn(&mut Project) + Send + 'static) {
    let now = app.now();
    app.change(move |tx| {
        let mut project = tx.list_projects()?.remove(0);
        change(&mut project);
        Ok(tx.update_project(&project, now)?)
    })
    .await;
}

fn machine(app: &TestApp) -> Client {
    app.client("s_m2m").with(Authentication::Post(secret()))
}

impl Reply {
    /// A successful answer in the envelope.
    #[track_caller]
    pub(crate) fn enclosed(&self) -> Value {
        let mut body = self.json();
        assert_eq!((self.status, body["status_code"].take()), (200, json!(200)), "{body}");
        assert!(body["request_id"].take().as_str().unwrap().starts_with("request-id-test-"));
        body.as_object_mut().unwrap().retain(|name, _| name != "status_code" && name != "request_id");
        body
    }

    /// A refusal in the form of the contract, and in no other.
    #[track_caller]
    pub(crate) fn refused_in_envelope(&self, status: u16, error: &str) {
        let body = self.json();
        assert_eq!(
            (self.status, &body["error"], &body["status_code"]),
            (status, &json!(error), &json!(status)),
            "{body}"
        );
        for member in ["request_id", "error_description", "error_uri"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {body}");
        }
        assert!(body.get("error_type").is_none() && body.get("error_message").is_none(), "{body}");
    }
}

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

async fn post_json(app: &TestApp, path: &str, body: Value, basic: Option<(&str, &str)>) -> Reply {
    let request = app.http().post(app.url(path)).header("content-type", "application/json").body(body.to_string());
    let request = match basic {
        Some((user, password)) => request.basic_auth(user, Some(password)),
        None => request,
    };
    app.send(request).await
}

#[tokio::test]
async fn a_machines_token_has_the_form_that_every_sdk_checks() {
    let app = world().await;
    for path in ["/v1/oauth2/token".to_owned(), format!("/v1/public/{PROJECT}/oauth2/token")] {
        let answer = machine(&app).post(&path, &[GRANT]).await.enclosed();
        let token = answer["access_token"].as_str().unwrap();
        let (header, mut claims) = decode(token);
        assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
        assert_eq!(
            answer,
            json!({ "access_token": token, "token_type": "bearer", "expires_in": 3600, "scope": "notes:read weather" })
        );
        assert!(claims["jti"].take().is_string());
        let now = app.now().0;
        assert_eq!(
            claims,
            json!({
                "iss": format!("stytch.com/{PROJECT}"), "sub": "s_m2m", "aud": [PROJECT], "client_id": "s_m2m",
                "scope": "notes:read weather", "iat": now, "nbf": now, "exp": now + 3600, "jti": null,
            })
        );
    }
    change(&app, |project| project.settings.stytch.issuer = hospes::project_settings::StytchIssuer::Issuer).await;
    let answer = machine(&app).post("/v1/oauth2/token", &[GRANT]).await.enclosed();
    assert_eq!(decode(answer["access_token"].as_str().unwrap()).1["iss"], app.issuer);
}

/// stytch-backend-api.md 1.6: four forms of credentials, form and JSON, `scope` and `scopes`.
#[tokio::test]
async fn every_sdks_way_to_ask_for_a_token_is_understood() {
    let app = world().await;
    let (token, secret) = ("/v1/oauth2/token", secret());
    let client = app.client("s_m2m");
    client.clone().with(Authentication::Basic(secret.clone())).post(token, &[GRANT]).await.enclosed();
    client.clone().with(Authentication::Post(secret.clone())).post(token, &[GRANT]).await.enclosed();
    let body = json!({ "grant_type": "client_credentials", "client_id": "s_m2m", "client_secret": secret });
    let with = |name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    let project = Some((PROJECT, SECRET));
    for basic in [None, project] {
        for (name, value, scope) in [
            ("scope", json!("weather"), "weather"),
            ("scopes", json!(["notes:read"]), "notes:read"),
            ("scopes", json!(null), "notes:read weather"),
            ("more", json!("x"), "notes:read weather"),
        ] {
            assert_eq!(post_json(&app, token, with(name, value), basic).await.enclosed()["scope"], scope);
        }
    }
    // The project's credentials are no client's, and wrong ones are not passed over.
    let alone = json!({ "grant_type": "client_credentials" });
    post_json(&app, token, alone, project).await.refused_in_envelope(401, "invalid_client");
    let wrong = Some((PROJECT, "secret-test-wrong"));
    post_json(&app, token, body.clone(), wrong).await.refused_in_envelope(401, "unauthorized_credentials");
    post_json(&app, token, body.clone(), Some(("s_m2m", &secret))).await.refused_in_envelope(400, "invalid_request");
    post_json(&app, token, with("client_secret", json!("x")), None).await.refused_in_envelope(401, "invalid_client");
    post_json(&app, token, with("client_secret", json!([secret])), None)
        .await
        .refused_in_envelope(400, "invalid_request");
    post_json(&app, token, with("scope", json!("notes:delete")), None).await.refused_in_envelope(400, "invalid_scope");
    post_json(&app, token, json!([]), None).await.refused_in_envelope(400, "invalid_request");
    let neither = app.http().post(app.url(token)).body("grant_type=client_credentials");
    app.send(neither).await.refused_in_envelope(400, "invalid_request");
}

#[tokio::test]
async fn the_plane_is_off_unless_the_project_turns_it_on() {
    let app = world().await;
    let paths = ["token", "introspect", "revoke", "userinfo"];
    let elsewhere = "/v1/public/project-test-00000000-0000-4000-8000-000000000001/oauth2";
    for name in paths {
        let reply = machine(&app).post(&format!("{elsewhere}/{name}"), &[GRANT]).await;
        reply.refused_in_envelope(404, "project_not_found");
    }
    app.get("/v1/oauth2/token").await.refused_in_envelope(405, "method_not_allowed");
    change(&app, |project| project.settings.stytch.enabled = false).await;
    for base in ["/v1/oauth2".to_owned(), format!("/v1/public/{PROJECT}/oauth2")] {
        for name in paths {
            machine(&app).post(&format!("{base}/{name}"), &[GRANT]).await.refused_in_envelope(404, "route_not_found");
        }
    }
    app.get(&format!("/v1/public/{PROJECT}/.well-known/openid-configuration"))
        .await
        .refused_by_api(404, "route_not_found");
}

/// Strictness belongs to the record: clients and access tokens of one plane are nobody's on the other.
#[tokio::test]
async fn a_client_and_its_access_token_work_on_their_own_plane_only() {
    let app = world().await;
    let theirs = machine(&app).post("/v1/oauth2/token", &[GRANT]).await.enclosed();
    let theirs = theirs["access_token"].as_str().unwrap();
    let own = app.client("m2m").client_credentials(&[]).await.tokens().access_token;

    // Clients.
    machine(&app).client_credentials(&[]).await.refused(401, "invalid_client");
    app.client("m2m").post("/v1/oauth2/token", &[GRANT]).await.refused_in_envelope(401, "invalid_client");
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        machine(&app).post(path, &[("token", theirs)]).await.refused(401, "invalid_client");
        let path = format!("/v1{path}");
        app.client("m2m").post(&path, &[("token", &own)]).await.refused_in_envelope(401, "invalid_client");
    }
    let asked = app.browser().open(app.client("s_web").request().url()).await;
    assert_eq!(asked.page_error(), "invalid_client");

    // Their tokens, presented by a client of the other plane.
    let inactive = json!({ "active": false });
    assert_eq!(app.client("m2m").introspect(theirs).await, inactive);
    let there = machine(&app).post("/v1/oauth2/introspect", &[("token", &own)]).await.enclosed();
    assert_eq!(there, inactive);
    assert_eq!(app.client("m2m").userinfo(theirs).await.status, 401);
    let userinfo = app.http().get(app.url("/v1/oauth2/userinfo")).bearer_auth(&own);
    app.send(userinfo).await.refused_in_envelope(401, "invalid_token");

    // Revoking there has no effect here.
    app.client("m2m").post("/oauth2/revoke", &[("token", theirs)]).await;
    machine(&app).post("/v1/oauth2/revoke", &[("token", &own)]).await.enclosed();
    assert!(app.client("m2m").is_active(&own).await);
    let seen = machine(&app).post("/v1/oauth2/introspect", &[("token", theirs)]).await.enclosed();
    let now = app.now().0;
    assert_eq!(
        seen,
        json!({
            "active": true, "sub": "s_m2m", "scope": "notes:read weather", "aud": [PROJECT], "exp": now + 3600,
            "iat": now, "nbf": now, "iss": format!("stytch.com/{PROJECT}"), "client_id": "s_m2m",
            "token_type": "access_token",
        })
    );
    // And here it has.
    assert_eq!(machine(&app).post("/v1/oauth2/revoke", &[("token", theirs)]).await.enclosed(), json!({}));
    assert_eq!(machine(&app).post("/v1/oauth2/introspect", &[("token", theirs)]).await.enclosed(), inactive);
}

#[tokio::test]
async fn the_key_set_has_rsa_keys_with_a_certificate_and_nothing_else() {
    let app = world().await;
    let path = format!("/v1/sessions/jwks/{}", PROJECT.replace('-', "%2D"));
    let keys = app.get(&path).await.enclosed();
    let members = ["alg", "e", "key_ops", "kid", "kty", "n", "use", "x5c", "x5tS256"];
    for key in keys["keys"].as_array().unwrap() {
        let mut names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, members);
        assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!("RSA"), &json!("RS256"), &json!("sig")));
    }
    let token = machine(&app).post("/v1/oauth2/token", &[GRANT]).await.enclosed();
    let kid = &decode(token["access_token"].as_str().unwrap()).0["kid"];
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == *kid));
    // The same key, the same certificate, in every process.
    let sibling = app.another_process().await;
    let there = app.send(app.http().get(format!("{}{path}", sibling.base))).await.enclosed();
    assert_eq!(there, keys);
    app.get("/v1/sessions/jwks/project-test-x").await.refused_by_api(404, "project_not_found");
}

#[tokio::test]
async fn discovery_names_the_host_apps_page_and_the_paths_of_this_plane() {
    let app = world().await;
    let path = format!("/v1/public/{PROJECT}/.well-known/openid-configuration");
    app.get(&path).await.refused_by_api(400, "authorization_endpoint_not_configured_for_project");
    change(&app, |project| project.settings.authorization_url = Some("https://host.example/authorize".into())).await;
    let document = app.get(&path).await.enclosed();
    assert_eq!(document["issuer"], format!("stytch.com/{PROJECT}"));
    assert_eq!(document["authorization_endpoint"], "https://host.example/authorize");
    for (member, end) in [("token_endpoint", "token"), ("userinfo_endpoint", "userinfo")] {
        assert_eq!(document[member], format!("{}/v1/public/{PROJECT}/oauth2/{end}", app.issuer));
    }
    assert_eq!(document["jwks_uri"], format!("{}/v1/sessions/jwks/{PROJECT}", app.issuer));
    assert_eq!(document["id_token_signing_alg_values_supported"], json!(["RS256"]));
    let scopes = document["scopes_supported"].as_array().unwrap();
    assert!(scopes.contains(&json!("full_access")) && scopes.contains(&json!("notes:read")), "{scopes:?}");
}
