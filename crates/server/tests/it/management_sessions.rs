//! `/v1/sessions`: list, authenticate, revoke, migrate, and the JWT that a session has.

use crate::{
    app::{
        Elsewhere, PROJECT, TestApp,
        client::{CHALLENGE, VERIFIER},
        decode,
    },
    stytch_plane,
};
use hospes::project_settings::StytchIssuer;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const AUTHENTICATE: &str = "/v1/sessions/authenticate";
const REVOKE: &str = "/v1/sessions/revoke";
const MIGRATE: &str = "/v1/sessions/migrate";
const ALICE: &str = "user-test-alice";

/// An app with a login before it, whose userinfo endpoint knows alice.
async fn with_login_before() -> (TestApp, Elsewhere) {
    let before = Elsewhere::start();
    let app = TestApp::plan().set("fetch.allow", "127.0.0.0/8").start().await;
    before.answer("/userinfo", 200, &json!({ "sub": "7", "email": "alice@example.com", "email_verified": true }));
    let url = before.url("/userinfo");
    app.update_settings(move |settings| settings.session_migration_url = Some(url.clone())).await;
    (app, before)
}

/// A session of alice's, made through the API.
async fn begin(app: &TestApp, fields: Value) -> Value {
    let mut body = json!({ "session_token": "old", "session_duration_minutes": 60 });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    app.host().post(MIGRATE, body).await.done()
}

async fn sessions_of(app: &TestApp, user: &str) -> Vec<Value> {
    let reply = app.host().get(&format!("/v1/sessions?user_id={user}")).await.done();
    reply["sessions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_session_made_by_migration_has_the_whole_block() {
    let (app, before) = with_login_before().await;
    let made = begin(&app, json!({ "session_custom_claims": { "tier": "paid", "sub": "evil" } })).await;
    assert_eq!(before.requests(), [("/userinfo".to_owned(), "Bearer old".to_owned())]);
    assert_eq!((&made["user_id"], &made["user"]["user_id"]), (&json!(ALICE), &json!(ALICE)));
    let session = &made["session"];
    assert_eq!(session["user_id"], ALICE);
    assert_eq!(
        (&session["started_at"], &session["expires_at"]),
        (&json!("2027-01-15T08:00:00Z"), &json!("2027-01-15T09:00:00Z"))
    );
    assert_eq!(
        (&session["custom_claims"], &session["roles"]),
        (&json!({ "tier": "paid" }), &json!(["stytch_user", "member"]))
    );
    assert_eq!(session["attributes"], json!({ "ip_address": "", "user_agent": "" }));
    let factor = &session["authentication_factors"][0];
    assert_eq!((&factor["type"], &factor["delivery_method"]), (&json!("imported"), &json!("imported_auth0")));
    assert!(made["session_token"].as_str().unwrap().len() >= 43);
    let (header, claims) = decode(made["session_jwt"].as_str().unwrap());
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(format!("stytch.com/{PROJECT}")), &json!([PROJECT])));
    assert_eq!((&claims["sub"], &claims["tier"]), (&json!(ALICE), &json!("paid")));
    let now = app.now().0;
    assert_eq!((&claims["iat"], &claims["nbf"], &claims["exp"]), (&json!(now), &json!(now), &json!(now + 300)));
    let own = &claims["https://stytch.com/session"];
    assert_eq!((&own["id"], &own["roles"]), (&session["session_id"], &session["roles"]));
    for member in ["started_at", "last_accessed_at", "expires_at", "attributes", "authentication_factors"] {
        assert_eq!(own[member], session[member], "{member}");
    }
}

#[tokio::test]
async fn a_session_is_authenticated_by_its_token_or_its_jwt_even_an_expired_one() {
    let (app, _) = with_login_before().await;
    let made = begin(&app, json!({})).await;
    let (token, jwt) = (&made["session_token"], &made["session_jwt"]);
    app.advance(1800);
    let by_token = app.host().post(AUTHENTICATE, json!({ "session_token": token, "session_jwt": null })).await.done();
    assert_eq!(by_token["session_token"], *token);
    assert_eq!(by_token["session"]["last_accessed_at"], "2027-01-15T08:30:00Z");
    assert_eq!(by_token["session"]["expires_at"], made["session"]["expires_at"], "nothing is extended unasked");
    // The JWT expired 25 minutes ago; whoever shows it is told the token again.
    let by_jwt =
        app.host().post(AUTHENTICATE, json!({ "session_jwt": jwt, "session_duration_minutes": 60 })).await.done();
    assert_eq!((&by_jwt["session_token"], &by_jwt["session"]["expires_at"]), (token, &json!("2027-01-15T09:30:00Z")));
    let (_, claims) = decode(by_jwt["session_jwt"].as_str().unwrap());
    assert_eq!(claims["exp"], app.now().0 + 300);
    app.advance(3600);
    for body in [json!({ "session_token": token }), json!({ "session_jwt": by_jwt["session_jwt"] })] {
        app.host().post(AUTHENTICATE, body).await.refused_by_api(404, "session_not_found");
    }
    assert_eq!(sessions_of(&app, ALICE).await, [Value::Null; 0]);
}

#[tokio::test]
async fn custom_claims_are_merged_when_a_session_is_extended() {
    let (app, _) = with_login_before().await;
    let made = begin(&app, json!({ "session_custom_claims": { "a": { "x": 1 }, "b": 2 } })).await;
    let with = async |minutes: Value, claims: Value| {
        let body = json!({
            "session_token": made["session_token"], "session_duration_minutes": minutes, "session_custom_claims": claims,
        });
        app.host().post(AUTHENTICATE, body).await
    };
    let same = with(json!(null), json!({ "c": 3 })).await.done();
    assert_eq!(same["session"]["custom_claims"], json!({ "a": { "x": 1 }, "b": 2 }));
    let merged = with(json!(10), json!({ "a": { "y": 2 }, "b": null })).await.done();
    assert_eq!(merged["session"]["custom_claims"], json!({ "a": { "x": 1, "y": 2 } }));
    with(json!(10), json!({ "large": "x".repeat(5000) })).await.refused_by_api(400, "custom_claims_too_large");
    let own = json!({ "https://stytch.com/session": {} });
    with(json!(10), own).await.refused_by_api(400, "stytch_claims_in_custom_claims");
    for minutes in [4, 527_041] {
        with(json!(minutes), json!({})).await.refused_by_api(400, "invalid_session_duration_minutes");
    }
    let last = with(json!(null), json!({})).await.done();
    assert_eq!(
        last["session"]["custom_claims"], merged["session"]["custom_claims"],
        "a refused call changed something"
    );
}

#[tokio::test]
async fn a_session_is_named_in_one_way() {
    let (app, _) = with_login_before().await;
    let made = begin(&app, json!({})).await;
    let (host, both) =
        (app.host(), json!({ "session_token": made["session_token"], "session_jwt": made["session_jwt"] }));
    host.post(AUTHENTICATE, json!({})).await.refused_by_api(400, "no_session_arguments");
    host.post(AUTHENTICATE, both.clone()).await.refused_by_api(400, "too_many_session_arguments");
    host.post(REVOKE, json!({})).await.refused_by_api(400, "no_session_revoke_arguments");
    host.post(REVOKE, both).await.refused_by_api(400, "too_many_session_revoke_arguments");
    let mixed = json!({ "session_id": made["session"]["session_id"], "session_token": made["session_token"] });
    host.post(REVOKE, mixed).await.refused_by_api(400, "too_many_session_revoke_arguments");
    for body in [json!({ "session_token": "" }), json!({ "session_token": "x".repeat(5000) })] {
        host.post(AUTHENTICATE, body.clone()).await.refused_by_api(404, "session_not_found");
        host.post(REVOKE, body).await.refused_by_api(404, "session_not_found");
    }
    host.post(REVOKE, json!({ "session_id": "session-test-1" })).await.refused_by_api(404, "session_not_found");
    host.get("/v1/sessions").await.refused_by_api(400, "invalid_user_id");
    host.get("/v1/sessions?user_id=nobody").await.refused_by_api(404, "user_not_found");
    host.get("/v1/sessions?user_id=nobody&user_id=alice").await.refused_by_api(400, "bad_request");
    assert_eq!(sessions_of(&app, ALICE).await.len(), 1);
}

// attacks.md rows 18, 19 and 21: no other token of ours is a session's JWT, and a session's JWT is nothing else.
#[tokio::test]
async fn no_other_token_passes_for_a_sessions_jwt() {
    let (app, _) = with_login_before().await;
    let made = begin(&app, json!({})).await;
    let jwt = made["session_jwt"].as_str().unwrap().to_owned();
    let tokens = app.tokens("web", "alice").await;
    let (parts, unsigned) = (jwt.split('.').collect::<Vec<_>>(), "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0");
    let hs256 = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
    for forged in [
        tokens.access_token.clone(),
        tokens.id_token.clone(),
        made["session_token"].as_str().unwrap().to_owned(),
        String::new(),
        format!("{unsigned}.{}.", parts[1]),
        format!("{hs256}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], &parts[2][..340]),
        "x".repeat(20_000),
    ] {
        let reply = app.host().post(AUTHENTICATE, json!({ "session_jwt": forged })).await;
        reply.refused_by_api(400, "unable_to_parse_session_jwt");
        let reply = app.host().post(REVOKE, json!({ "session_jwt": forged })).await;
        reply.refused_by_api(400, "unable_to_parse_session_jwt");
    }
    let web = app.client("web");
    assert_eq!(web.userinfo(&jwt).await.status, 401);
    assert_eq!(web.introspect(&jwt).await, json!({ "active": false }));
    assert_eq!(sessions_of(&app, ALICE).await.len(), 2);
}

#[tokio::test]
async fn roles_decide_an_authorization_check_and_a_refused_one_changes_nothing() {
    let (app, _) = with_login_before().await;
    let made = begin(&app, json!({})).await;
    let check = async |resource: &str, action: &str| {
        let body = json!({
            "session_token": made["session_token"], "session_duration_minutes": 527_040,
            "authorization_check": { "resource_id": resource, "action": action },
        });
        app.host().post(AUTHENTICATE, body).await
    };
    check("notes", "delete").await.refused_by_api(403, "session_authorization_error");
    check("files", "read").await.refused_by_api(403, "session_authorization_error");
    assert_eq!(sessions_of(&app, ALICE).await[0]["expires_at"], made["session"]["expires_at"]);
    let allowed = check("notes", "write").await.done();
    assert_eq!(allowed["verdict"], json!({ "authorized": true, "granting_roles": ["member"] }));
    app.update_user("alice", |user| user.roles = vec!["admin".into()]).await;
    assert_eq!(check("notes", "delete").await.done()["verdict"]["granting_roles"], json!(["admin"]));
}

#[tokio::test]
async fn a_revoked_session_ends_what_clients_got_by_it_unless_they_have_offline_access() {
    let app = TestApp::new().await;
    let (brief, mut alice) = (app.client("brief"), app.browser());
    let callback = alice.login_and_consent(&brief.request().with("scope", "openid notes:read"), "alice").await;
    let online = brief.redeem(&callback.code()).await.tokens();
    let web = app.client("web");
    let callback = alice.login_and_consent(&web.request(), "alice").await;
    let offline = web.redeem(&callback.code()).await.tokens();
    assert_eq!(brief.userinfo(&online.access_token).await.status, 200);
    // The login on our pages is a session like those of the API.
    let sessions = sessions_of(&app, ALICE).await;
    assert_eq!(sessions.len(), 1);
    let factor = &sessions[0]["authentication_factors"][0];
    assert_eq!(
        (&factor["type"], &factor["email_factor"]["email_address"]),
        (&json!("password"), &json!("alice@example.com"))
    );
    assert_eq!(sessions[0]["attributes"]["ip_address"], "127.0.0.1");
    let cookie = alice.cookies["hospes_session"].clone();
    let own = app.host().post(AUTHENTICATE, json!({ "session_token": cookie })).await.done();
    assert_eq!((&own["session"]["session_id"], &own["session_token"]), (&sessions[0]["session_id"], &json!(cookie)));

    app.host().post(REVOKE, json!({ "session_jwt": own["session_jwt"] })).await.done();
    app.host().post(AUTHENTICATE, json!({ "session_token": cookie })).await.refused_by_api(404, "session_not_found");
    app.host().post(REVOKE, json!({ "session_token": cookie })).await.done();
    assert_eq!(alice.open("/account/apps").await.page(), "login");
    assert_eq!(brief.userinfo(&online.access_token).await.status, 401);
    assert_eq!(web.userinfo(&offline.access_token).await.status, 200);
    web.refresh(&offline.refresh_token).await.tokens();
}

#[tokio::test]
async fn whoever_may_not_come_in_has_no_session() {
    let (app, _) = with_login_before().await;
    let made = begin(&app, json!({})).await;
    let authenticate =
        || async { app.host().post(AUTHENTICATE, json!({ "session_token": made["session_token"] })).await };
    authenticate().await.done();
    app.disable_user("alice").await;
    authenticate().await.refused_by_api(404, "session_not_found");
    let migrate = json!({ "session_token": "old" });
    let reply = app.host().post(MIGRATE, migrate.clone()).await;
    reply.refused_by_api(404, "migrate_from_external_email_does_not_exist");
    app.enable_user("alice").await;
    authenticate().await.refused_by_api(404, "session_not_found");
    app.advance(1);
    let made = app.host().post(MIGRATE, migrate).await.done();
    assert_eq!(made["session"]["expires_at"], "2027-01-15T09:00:01Z");
    app.sign_out_everywhere("alice").await;
    let reply = app.host().post(AUTHENTICATE, json!({ "session_jwt": made["session_jwt"] })).await;
    reply.refused_by_api(404, "session_not_found");
}

#[tokio::test]
async fn migration_believes_only_a_userinfo_endpoint_that_names_a_user_of_ours() {
    let app = TestApp::plan().set("fetch.allow", "127.0.0.0/8").start().await;
    let migrate = async |token: &str| app.host().post(MIGRATE, json!({ "session_token": token })).await;
    migrate("old").await.refused_by_api(400, "migrate_from_external_missing_userinfo");
    let before = Elsewhere::start();
    let url = before.url("/userinfo");
    app.update_settings(move |settings| settings.session_migration_url = Some(url.clone())).await;
    let email = |email: Value, verified: Value| json!({ "email": email, "email_verified": verified });
    for (status, body, error) in [
        (401, json!({}), (400, "migrate_from_external_unexpected_response")),
        (200, json!([]), (400, "migrate_from_external_unexpected_response")),
        (200, email(json!("alice@example.com"), json!(false)), (400, "migrate_from_external_unexpected_response")),
        (200, json!({ "sub": "7" }), (400, "migrate_from_external_missing_userinfo")),
        (200, email(json!("nobody@example.com"), json!(true)), (404, "migrate_from_external_email_does_not_exist")),
    ] {
        before.answer("/userinfo", status, &body);
        migrate("old").await.refused_by_api(error.0, error.1);
    }
    before.answer("/userinfo", 200, &email(json!("Alice@Example.com"), json!("true")));
    assert_eq!(migrate("old").await.done()["user_id"], ALICE);
    let asked = before.requests().len();
    for token in ["", "a b", "a\r\nb: c", "é"] {
        migrate(token).await.refused_by_api(400, "invalid_session_token");
    }
    assert_eq!(before.requests().len(), asked, "what is no token is not sent");
}

// The setting decides which issuer is signed; a session outlives a change of it.
#[tokio::test]
async fn the_issuer_of_the_jwt_is_a_setting() {
    let (app, _) = with_login_before().await;
    let made = begin(&app, json!({})).await;
    app.update_settings(|settings| {
        settings.stytch.issuer = StytchIssuer::Issuer;
        settings.session_template.custom_audience = "https://api.example".into();
    })
    .await;
    let reply = app.host().post(AUTHENTICATE, json!({ "session_jwt": made["session_jwt"] })).await.done();
    let (_, claims) = decode(reply["session_jwt"].as_str().unwrap());
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.issuer), &json!([PROJECT, "https://api.example"])));
    app.host().post(AUTHENTICATE, json!({ "session_jwt": reply["session_jwt"] })).await.done();
}

#[tokio::test]
async fn the_template_adds_claims_under_those_of_the_session() {
    let (app, _) = with_login_before().await;
    let content = r#"{ "roles": {{ user.rbac.roles }}, "tier": "free", "may": {{ user.rbac.notes.actions }} }"#;
    app.update_settings(|settings| settings.session_template.content = content.into()).await;
    let made = begin(&app, json!({ "session_custom_claims": { "tier": "paid" } })).await;
    let (_, claims) = decode(made["session_jwt"].as_str().unwrap());
    assert_eq!((&claims["tier"], &claims["may"]), (&json!("paid"), &json!(["read", "write"])));
    assert!(claims["roles"].as_array().unwrap().contains(&json!("member")), "{claims}");
    assert_eq!(made["session"]["custom_claims"], json!({ "tier": "paid" }));
    // A change of the user holds in the next JWT.
    app.update_user("alice", |user| user.roles.clear()).await;
    let next = app.host().post(AUTHENTICATE, json!({ "session_jwt": made["session_jwt"] })).await.done();
    let (_, claims) = decode(next["session_jwt"].as_str().unwrap());
    assert!(!claims["roles"].as_array().unwrap().contains(&json!("member")), "{claims}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forty_extensions_at_once_lose_no_claim() {
    let (app, _) = with_login_before().await;
    let made = begin(&app, json!({})).await;
    let mut crowd = JoinSet::new();
    for n in 0..40 {
        let (host, token) = (app.host(), made["session_token"].clone());
        crowd.spawn(async move {
            let claims = json!({ format!("claim{n}"): n });
            let body =
                json!({ "session_token": token, "session_duration_minutes": 60, "session_custom_claims": claims });
            host.post(AUTHENTICATE, body).await.done();
        });
    }
    crowd.join_all().await;
    let sessions = sessions_of(&app, ALICE).await;
    assert_eq!(sessions[0]["custom_claims"].as_object().unwrap().len(), 40);
}

const SANDBOX: &str = "WJtR5BCy38Szd5AfoDpf0iqFKEt4EE5JhjlWUY7l3FtY";

// stytch-backend-api.md section 9
#[tokio::test]
async fn a_test_project_has_a_session_to_try_things_with_and_a_live_one_has_not() {
    let app = TestApp::new().await;
    let body = json!({ "session_token": SANDBOX, "session_duration_minutes": 30 });
    let reply = app.host().post(AUTHENTICATE, body.clone()).await.done();
    assert_eq!((&reply["session_token"], &reply["session"]["roles"]), (&json!(SANDBOX), &json!(["stytch_user"])));
    assert_eq!(reply["session"]["expires_at"], "2027-01-15T08:30:00Z");
    // It is stored nowhere, so its JWT opens nothing.
    let by_jwt = json!({ "session_jwt": reply["session_jwt"] });
    app.host().post(AUTHENTICATE, by_jwt).await.refused_by_api(404, "session_not_found");
    let check =
        json!({ "session_token": SANDBOX, "authorization_check": { "resource_id": "notes", "action": "read" } });
    app.host().post(AUTHENTICATE, check).await.refused_by_api(403, "session_authorization_error");
    app.host().post(REVOKE, json!({ "session_token": SANDBOX })).await.done();
    let mut browser = app.browser();
    browser.cookies.insert("hospes_session".into(), SANDBOX.into());
    assert_eq!(browser.open("/account/apps").await.page(), "login");
    let other = json!({ "session_token": "59cnLELtq5cFVS6uYK9f-pAWzBkhqZl8AvLhbhOvKNWw" });
    app.host().post(AUTHENTICATE, other).await.refused_by_api(404, "session_not_found");

    let live = "project-live-00000000-0000-4000-8000-000000000000";
    let app = TestApp::plan().seed(|seed| seed["project"]["id"] = json!(live)).start().await;
    let mut host = app.host();
    host.project = live.into();
    host.post(AUTHENTICATE, body).await.refused_by_api(404, "session_not_found");
    host.post(REVOKE, json!({ "session_token": SANDBOX })).await.refused_by_api(404, "session_not_found");
}

// attacks.md row 38
#[tokio::test]
async fn a_session_of_one_project_is_none_at_another() {
    let (app, _) = with_login_before().await;
    let lagoon = app.neighbour("").await;
    let made = begin(&app, json!({})).await;
    let token = json!({ "session_token": made["session_token"] });
    let jwt = json!({ "session_jwt": made["session_jwt"] });
    let id = json!({ "session_id": made["session"]["session_id"] });
    for path in [AUTHENTICATE, REVOKE] {
        lagoon.host().post(path, token.clone()).await.refused_by_api(404, "session_not_found");
        lagoon.host().post(path, jwt.clone()).await.refused_by_api(400, "unable_to_parse_session_jwt");
    }
    lagoon.host().post(REVOKE, id).await.refused_by_api(404, "session_not_found");
    let theirs = lagoon.host().get(&format!("/v1/sessions?user_id={ALICE}")).await.done();
    assert_eq!(theirs["sessions"], json!([]));
    app.host().post(AUTHENTICATE, token).await.done();
}

const EXCHANGE: &str = "/v1/sessions/exchange_access_token";

/// An access token that a client of the Stytch plane got, authorized with what `selector` names.
pub(crate) async fn access_token(app: &TestApp, scopes: &[&str], selector: (&str, &Value)) -> String {
    let mut body = json!({
        "client_id": "s_first", "redirect_uri": "https://app.example/callback", "response_type": "code",
        "scopes": scopes, "consent_granted": true, "code_challenge": CHALLENGE,
    });
    body[selector.0] = selector.1.clone();
    let answer = app.host().post("/v1/idp/oauth/authorize", body).await.done();
    let code = answer["authorization_code"].as_str().unwrap();
    let redeemed = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://app.example/callback"),
        ("code_verifier", VERIFIER),
    ];
    let tokens = app.client("s_first").post("/v1/oauth2/token", &redeemed).await.enclosed();
    tokens["access_token"].as_str().unwrap().to_owned()
}

/// Alice's session on our pages, as the host app sees it.
pub(crate) async fn signed_in(app: &TestApp) -> Value {
    let mut browser = app.browser();
    browser.sign_in("alice").await;
    json!(browser.cookies["hospes_session"])
}

// stytch-backend-api.md 3.12
#[tokio::test]
async fn a_token_with_full_access_is_exchanged_once_for_the_session_it_was_issued_on() {
    let app = stytch_plane::world().await;
    let session = signed_in(&app).await;
    let by_session = ("session_token", &session);
    let exchange = async |token: &str| app.host().post(EXCHANGE, json!({ "access_token": token })).await;
    let token = access_token(&app, &["openid", "full_access"], by_session).await;
    app.advance(300);
    let made = exchange(&token).await.done();
    assert_eq!(made["session_token"], session);
    let factor = &made["session"]["authentication_factors"][1];
    assert_eq!((&factor["type"], &factor["delivery_method"]), (&json!("oauth"), &json!("oauth_access_token_exchange")));
    assert_eq!(factor["oauth_access_token_exchange_factor"], json!({ "client_id": "s_first" }));
    exchange(&token).await.refused_by_api(400, "oauth_access_token_exchange_token_invalid_grant");

    let late = access_token(&app, &["openid", "full_access"], by_session).await;
    app.advance(301);
    exchange(&late).await.refused_by_api(400, "oauth_access_token_exchange_token_too_old");
    app.advance(3600);
    exchange(&late).await.refused_by_api(400, "idp_access_token_expired");
    let narrow = access_token(&app, &["openid"], by_session).await;
    exchange(&narrow).await.refused_by_api(400, "oauth_access_token_exchange_missing_full_access");
    let without = access_token(&app, &["openid", "full_access"], ("user_id", &json!(ALICE))).await;
    exchange(&without).await.refused_by_api(404, "idp_access_token_could_not_be_exchanged");
    let own = app.tokens("web", "alice").await;
    for token in ["", "x.y.z", made["session_jwt"].as_str().unwrap(), &own.access_token, &own.id_token] {
        exchange(token).await.refused_by_api(404, "idp_access_token_not_found");
    }
    let last = access_token(&app, &["openid", "full_access"], by_session).await;
    app.host().post(REVOKE, json!({ "session_token": session })).await.done();
    exchange(&last).await.refused_by_api(400, "oauth_access_token_exchange_token_invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forty_exchanges_of_one_token_have_one_winner() {
    let app = stytch_plane::world().await;
    let session = signed_in(&app).await;
    let token = access_token(&app, &["openid", "full_access"], ("session_token", &session)).await;
    let mut crowd = JoinSet::new();
    for _ in 0..40 {
        let (host, token) = (app.host(), token.clone());
        crowd.spawn(async move { host.post(EXCHANGE, json!({ "access_token": token })).await.status });
    }
    let statuses = crowd.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 400].contains(status)), "{statuses:?}");
}
