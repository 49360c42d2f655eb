//! `/v1/interactions`: the host app draws the page, by a handle of ours or by the raw query, and its back end answers.
//!
//! attacks.md rows 9, 12, 14, 15, 22 and 34; what forty do at once is in `races.rs`.

use crate::{
    app::{AuthorizationUrl, Browser, Callback, MCP, Reply, TestApp, decode, html},
    management_attest::{self, Issuer},
    stytch_plane,
};
use serde_json::{Value, json};

pub(crate) const INTERACTIONS: &str = "/v1/interactions";
const PAGE: &str = "https://host.example/authorize?lang=de";
/// base64url of the SHA-256 of a session of the host app.
pub(crate) const BINDING: &str = "1fq1qZ8J0qfSiZhQfO3nVTkYbdkF2ADJxGrgTe_yPz0";
const OTHER_BINDING: &str = "2fq1qZ8J0qfSiZhQfO3nVTkYbdkF2ADJxGrgTe_yPz0";
const EVERYTHING: [&str; 5] = ["openid", "profile", "email", "notes:read", "offline_access"];

/// A project whose host app has a page of its own.
pub(crate) async fn hosted() -> TestApp {
    let app = TestApp::new().await;
    host_page(&app).await;
    app
}

async fn host_page(app: &TestApp) {
    app.update_settings(|settings| settings.authorization_url = Some(PAGE.into())).await;
}

/// The handle with which the browser comes to the host app's page.
pub(crate) async fn handle(browser: &mut Browser, request: &AuthorizationUrl) -> String {
    let reply = browser.peek(&request.url()).await;
    let callback = Callback::parse(reply.location());
    assert_eq!((callback.uri.as_str(), callback.get("lang")), ("https://host.example/authorize", Some("de")));
    assert_eq!(reply.header("cache-control"), "no-store");
    callback.get("interaction").unwrap().to_owned()
}

async fn call(app: &TestApp, path: &str, body: Value) -> Reply {
    app.host().post(&format!("{INTERACTIONS}{path}"), body).await
}

/// Opens a handle for a user who is signed in at the host app.
async fn open(app: &TestApp, id: &str, user: &str) -> Value {
    call(app, "", json!({ "interaction_id": id, "user_id": user })).await.done()
}

async fn login(app: &TestApp, id: &str, user: &str) -> Value {
    call(app, &format!("/{id}/login"), json!({ "user_id": user })).await.done()
}

/// The body of an answer that leaves everything ticked.
pub(crate) fn allowing(user: &str) -> Value {
    json!({ "decision": "allow", "scopes": EVERYTHING, "user_id": user })
}

async fn decide(app: &TestApp, id: &str, body: Value) -> Reply {
    call(app, &format!("/{id}/decide"), body).await
}

fn with(mut body: Value, changes: Value) -> Value {
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

fn redirect_url(object: &Value) -> &str {
    assert_eq!(object["next"], "redirect", "{object}");
    object["redirect_url"].as_str().unwrap()
}

/// What the client is told when the browser goes where the page was told to send it.
async fn released(browser: &mut Browser, object: &Value) -> Callback {
    browser.peek(redirect_url(object)).await.callback()
}

/// The client's raw query, as the page hands it in.
fn raw(request: &AuthorizationUrl) -> Value {
    json!({ "query": request.query(), "browser_binding": BINDING })
}

/// Where a raw query ends: at the client.
fn told(object: &Value) -> Callback {
    Callback::parse(redirect_url(object))
}

#[tokio::test]
async fn a_handle_leads_to_the_host_apps_page_and_its_answer_back_to_the_client() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let request = web.request().with("login_hint", "alice@example.com").with("resource", MCP);
    let id = handle(&mut browser, &request).await;

    let begun = call(&app, "", json!({ "interaction_id": id })).await.done();
    assert_eq!((&begun["interaction_id"], &begun["next"]), (&json!(id), &json!("login")));
    assert_eq!(
        begun["login"],
        json!({
            "login_hint": "alice@example.com", "reauthenticate": false, "select_account": false,
            "return_url": format!("{PAGE}&interaction={id}"),
        })
    );
    assert_eq!(
        begun["client"],
        json!({
            "client_id": "web", "name": "Harbour Master", "description": "", "logo_url": null,
            "client_url": "https://app.example", "policy_url": "https://app.example/privacy",
            "tos_url": null, "verified": true,
            "first_party": false, "deceptive": false,
        })
    );
    assert_eq!(begun["project"], json!({ "name": "Harbour" }));
    assert_eq!(
        begun["redirect"],
        json!({ "host": "app.example", "kind": "web", "uri": "https://app.example/callback" })
    );
    assert_eq!((&begun["user"], &begun["scopes"]), (&Value::Null, &json!([])));
    assert_eq!(begun["resources"], json!([{ "resource": MCP, "name": "Tools" }]));
    assert!(begun.get("redirect_url").is_none());

    // By the host app's own id of the user.
    let asked = login(&app, &id, "ext-alice").await;
    assert_eq!((&asked["next"], &asked["end_date_allowed"]), (&json!("consent"), &json!(true)));
    assert_eq!((&asked["confirm_only"], &begun["confirm_only"]), (&json!(false), &json!(false)));
    assert_eq!(
        asked["user"],
        json!({ "user_id": "user-test-alice", "name": "Alice Quay", "email": "alice@example.com" })
    );
    assert_eq!(
        asked["scopes"][0],
        json!({
            "scope": "openid", "text": "Know that it is you", "detail": "Your user ID", "optional": false,
            "grantable": true, "reason": null, "granted_before": false,
        })
    );
    assert_eq!(asked["scopes"][3]["text"], "Read your notes");
    assert!(asked.get("login").is_none());
    let seen = app.host().get(&format!("{INTERACTIONS}/{id}")).await.done();
    assert_eq!((&seen["scopes"], &seen["next"]), (&asked["scopes"], &json!("consent")));

    let decided = decide(&app, &id, allowing("ext-alice")).await.done();
    assert!(redirect_url(&decided).starts_with(&format!("{}/interactions/{id}/release?", app.issuer)));
    // A back end that lost the answer asks again.
    assert_eq!(open(&app, &id, "user-test-alice").await["redirect_url"], decided["redirect_url"]);

    let callback = released(&mut browser, &decided).await;
    assert_eq!((callback.uri.as_str(), callback.get("state")), ("https://app.example/callback", Some("af0ifjsldkj")));
    assert_eq!(callback.get("iss"), Some(app.issuer.as_str()));
    let tokens = web.redeem(&callback.code()).await.tokens();
    let identity = tokens.identity();
    assert_eq!((&identity["sub"], &identity["auth_time"]), (&json!("user-test-alice"), &json!(app.now().0)));
    assert_eq!(tokens.access()["aud"], MCP);
}

#[tokio::test]
async fn what_was_allowed_before_goes_on_at_once() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let request = web.request().scope("openid notes:read");
    let id = handle(&mut browser, &request).await;
    assert_eq!(open(&app, &id, "user-test-alice").await["next"], "consent");
    decide(&app, &id, with(allowing("user-test-alice"), json!({ "scopes": ["openid", "notes:read"] }))).await.done();

    // The answer was never fetched, so nothing was granted yet.
    let id = handle(&mut browser, &request).await;
    let asked = open(&app, &id, "user-test-alice").await;
    assert_eq!((&asked["next"], &asked["scopes"][0]["granted_before"]), (&json!("consent"), &json!(false)));
    let body = with(allowing("user-test-alice"), json!({ "scopes": ["openid", "notes:read"] }));
    let decided = decide(&app, &id, body).await.done();
    released(&mut browser, &decided).await.code();

    let id = handle(&mut browser, &request).await;
    let object = open(&app, &id, "user-test-alice").await;
    // Who is present has not just logged in.
    let tokens = web.redeem(&released(&mut browser, &object).await.code()).await.tokens();
    assert!(tokens.identity().get("auth_time").is_none());
    // Of the next user nothing is known.
    let id = handle(&mut browser, &request).await;
    assert_eq!(open(&app, &id, "user-test-bob").await["next"], "consent");
}

/// GHSA-c2jp-c369-7pvx, GHSA-rww4-4w9c-7733.
#[tokio::test]
async fn row_14_a_handle_that_was_sent_to_a_victim_is_worth_nothing() {
    let app = hosted().await;
    let (web, mut mallory, mut victim) = (app.client("web"), app.browser(), app.browser());
    let id = handle(&mut mallory, &web.request()).await;
    // The victim follows a link to the page of the host app, is logged in there, and even consents.
    open(&app, &id, "user-test-alice").await;
    let decided = decide(&app, &id, allowing("user-test-alice")).await.done();

    // The one who has the cookie does not know the address, and is not told it at the page, whoever they are there.
    for visitor in [json!({}), json!({ "user_id": "user-test-bob" })] {
        let reply = call(&app, "", with(json!({ "interaction_id": id }), visitor)).await;
        reply.refused_by_api(409, "interaction_already_decided");
    }
    let seen = app.host().get(&format!("{INTERACTIONS}/{id}")).await.done();
    assert_eq!((&seen["next"], seen.get("redirect_url")), (&json!("redirect"), None));
    for key in ["", "?key=", &format!("?key={}", "A".repeat(43))] {
        let reply = mallory.peek(&format!("{}/interactions/{id}/release{key}", app.issuer)).await;
        assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"));
    }
    // The one who knows the address has no cookie, or that of another request.
    handle(&mut victim, &web.request()).await;
    let reply = victim.peek(redirect_url(&decided)).await;
    assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"));
    assert!(reply.body.contains("another browser"), "{}", reply.body);
    // And that was the one visit, should the address leak.
    let reply = mallory.peek(redirect_url(&decided)).await;
    assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"));
    decide(&app, &id, allowing("user-test-alice")).await.refused_by_api(409, "interaction_already_decided");
}

#[tokio::test]
async fn an_answer_is_fetched_once_and_looking_is_not_fetching() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let id = handle(&mut browser, &web.request()).await;
    open(&app, &id, "user-test-alice").await;
    let decided = decide(&app, &id, allowing("user-test-alice")).await.done();
    let url = redirect_url(&decided).to_owned();
    let peeks = [
        browser.clone().send(app.http().head(&url)).await,
        browser.clone().with_header("sec-purpose", "prefetch").peek(&url).await,
    ];
    assert!(peeks.iter().all(|reply| reply.status == 204));
    browser.peek(&url).await.callback().code();
    assert_eq!(browser.peek(&url).await.page_error(), "invalid_request");
    let seen = app.host().get(&format!("{INTERACTIONS}/{id}")).await;
    seen.refused_by_api(409, "interaction_already_decided");
}

#[tokio::test]
async fn an_answer_waits_no_longer_than_its_interaction() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let id = handle(&mut browser, &web.request()).await;
    open(&app, &id, "user-test-alice").await;
    let decided = decide(&app, &id, allowing("user-test-alice")).await.done();
    app.advance(3600);
    assert_eq!(browser.peek(redirect_url(&decided)).await.page_error(), "invalid_request");
    let late = call(&app, "", json!({ "interaction_id": id })).await;
    late.refused_by_api(404, "interaction_not_found");
}

#[tokio::test]
async fn a_form_post_client_gets_its_answer_by_a_form() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let request = web.request().with("response_mode", "form_post");
    let id = handle(&mut browser, &request).await;
    open(&app, &id, "user-test-alice").await;
    let decided = decide(&app, &id, allowing("user-test-alice")).await.done();
    let reply = browser.peek(redirect_url(&decided)).await;
    assert_eq!(reply.page(), "form-post");
    web.redeem(&reply.callback().code()).await.tokens();
    // A page that only gets an address to go to cannot do that.
    call(&app, "", raw(&request)).await.refused_by_api(400, "response_mode_not_supported");
}

#[tokio::test]
async fn the_user_may_turn_back_before_and_after_the_login() {
    let app = hosted().await;
    let mut browser = app.browser();
    let request = app.client("web").request();
    let id = handle(&mut browser, &request).await;
    let denied = decide(&app, &id, json!({ "decision": "deny" })).await.done();
    let callback = released(&mut browser, &denied).await;
    assert_eq!((callback.error(), callback.get("state")), ("access_denied", Some("af0ifjsldkj")));
    let id = handle(&mut browser, &request).await;
    open(&app, &id, "user-test-alice").await;
    let body = json!({ "decision": "deny", "user_id": "user-test-alice" });
    assert_eq!(released(&mut browser, &decide(&app, &id, body).await.done()).await.error(), "access_denied");
    let object = call(&app, "", raw(&request)).await.done();
    let id = object["interaction_id"].as_str().unwrap();
    let denied = decide(&app, id, json!({ "decision": "deny", "browser_binding": BINDING })).await.done();
    assert_eq!(told(&denied).error(), "access_denied");
}

/// OIDC Core §3.1.2.1: the host app's page is asked, and shows nothing.
#[tokio::test]
async fn with_prompt_none_the_client_is_told_what_is_missing() {
    let app = hosted().await;
    let mut browser = app.browser();
    let request = app.client("web").request().scope("openid").with("prompt", "none");
    let id = handle(&mut browser, &request).await;
    // Looking does not answer.
    let seen = app.host().get(&format!("{INTERACTIONS}/{id}")).await.done();
    assert_eq!((&seen["next"], seen.get("redirect_url")), (&json!("redirect"), None));
    let nobody = call(&app, "", json!({ "interaction_id": id })).await.done();
    assert_eq!(released(&mut browser, &nobody).await.error(), "login_required");
    let id = handle(&mut browser, &request).await;
    let alice = open(&app, &id, "user-test-alice").await;
    assert_eq!(released(&mut browser, &alice).await.error(), "consent_required");
    for (request, user, error) in [
        (request.clone(), json!({}), "login_required"),
        (request.clone(), json!({ "user_id": "user-test-alice" }), "consent_required"),
        (request.with("id_token_hint", "nonsense"), json!({ "user_id": "user-test-alice" }), "login_required"),
    ] {
        let object = call(&app, "", with(raw(&request), user)).await.done();
        assert_eq!(told(&object).error(), error);
    }
}

#[tokio::test]
async fn a_client_that_wants_a_fresh_login_or_a_choice_of_account_gets_it() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    for (name, value, member) in [
        ("prompt", "login", "reauthenticate"),
        ("max_age", "60", "reauthenticate"),
        ("prompt", "select_account", "select_account"),
    ] {
        let id = handle(&mut browser, &web.request().with(name, value)).await;
        // Whoever is there may have logged in last year.
        let asked = open(&app, &id, "user-test-alice").await;
        assert_eq!((&asked["next"], &asked["login"][member]), (&json!("login"), &json!(true)), "{value}");
        let early = decide(&app, &id, allowing("user-test-alice")).await;
        early.refused_by_api(400, "interaction_login_required");
        app.advance(30);
        assert_eq!(login(&app, &id, "user-test-alice").await["next"], "consent", "{value}");
        // The page is loaded again: the login still counts.
        assert_eq!(open(&app, &id, "user-test-alice").await["next"], "consent", "{value}");
        let decided = decide(&app, &id, allowing("user-test-alice")).await.done();
        let code = released(&mut browser, &decided).await.code();
        assert_eq!(web.redeem(&code).await.tokens().identity()["auth_time"], app.now().0);
    }
}

/// The user has logged out at the host app since: consent is asked of nobody, and who comes back goes on.
#[tokio::test]
async fn nobody_is_asked_to_log_in() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let id = handle(&mut browser, &web.request().with("prompt", "login")).await;
    assert_eq!(login(&app, &id, "user-test-alice").await["next"], "consent");
    let asked = call(&app, "", json!({ "interaction_id": id })).await.done();
    assert_eq!((&asked["next"], &asked["user"], &asked["scopes"]), (&json!("login"), &Value::Null, &json!([])));
    assert_eq!(open(&app, &id, "user-test-alice").await["next"], "consent");
}

/// A session says itself when its user logged in; calling it a login makes it no younger.
#[tokio::test]
async fn a_session_of_ours_logs_in_with_the_time_of_its_login() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let session = session_of(&app, "alice").await;
    app.advance(600);
    let id = handle(&mut browser, &web.request().with("prompt", "login")).await;
    let body = json!({ "session_token": session });
    let old = call(&app, &format!("/{id}/login"), body.clone()).await.done();
    assert_eq!((&old["next"], &old["login"]["reauthenticate"]), (&json!("login"), &json!(true)));
    let fresh = session_of(&app, "alice").await;
    let young = call(&app, &format!("/{id}/login"), json!({ "session_token": fresh })).await.done();
    assert_eq!(young["next"], "consent");
    let body = with(allowing(""), json!({ "user_id": null, "session_token": fresh }));
    let decided = decide(&app, &id, body).await.done();
    let tokens = web.redeem(&released(&mut browser, &decided).await.code()).await.tokens();
    assert_eq!((&tokens.identity()["auth_time"], &tokens.identity()["amr"]), (&json!(app.now().0), &json!(["pwd"])));
}

async fn session_of(app: &TestApp, user: &str) -> String {
    let body = json!({
        "email": format!("{user}@example.com"), "password": crate::app::PASSWORD, "session_duration_minutes": 60,
    });
    let made = app.host().post("/v1/passwords/authenticate", body).await.done();
    made["session_token"].as_str().unwrap().to_owned()
}

/// A session that ended takes its interaction along, also when the answer is given already.
#[tokio::test]
async fn a_session_that_ended_answers_nothing() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    for is_decided in [false, true] {
        let session = session_of(&app, "alice").await;
        let id = handle(&mut browser, &web.request()).await;
        call(&app, "", json!({ "interaction_id": id, "session_token": session })).await.done();
        let body = with(allowing(""), json!({ "user_id": null, "session_token": session }));
        if is_decided {
            let decided = decide(&app, &id, body).await.done();
            app.host().post("/v1/sessions/revoke", json!({ "session_token": session })).await.done();
            assert_eq!(browser.peek(redirect_url(&decided)).await.page_error(), "invalid_request");
        } else {
            app.host().post("/v1/sessions/revoke", json!({ "session_token": session })).await.done();
            decide(&app, &id, body).await.refused_by_api(404, "session_not_found");
            // Nor does the host app's word replace it.
            decide(&app, &id, allowing("user-test-alice")).await.refused_by_api(400, "interaction_login_required");
        }
    }
}

#[tokio::test]
async fn a_trusted_token_logs_in_and_its_refresh_tokens_depend_on_it() {
    let app = management_attest::app().await;
    host_page(&app).await;
    let issuer = Issuer::new();
    let profile = management_attest::add(&app, issuer.profile()).await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let id = handle(&mut browser, &web.request().with("prompt", "login")).await;
    let by = |token: String| json!({ "trusted_token": token, "profile_id": profile });
    let login = format!("/{id}/login");
    // From before the interaction began.
    let old = issuer.token(&app, "alice", json!({ "iat": app.now().0 - 300 }));
    let old = call(&app, &login, by(old)).await.done();
    assert_eq!((&old["next"], &old["login"]["reauthenticate"]), (&json!("login"), &json!(true)));
    assert_eq!(call(&app, &login, by(issuer.token(&app, "alice", json!({})))).await.done()["next"], "consent");
    let bob = by(issuer.token(&app, "bob", json!({})));
    let other = decide(&app, &id, with(json!({ "decision": "allow", "scopes": EVERYTHING }), bob)).await;
    other.refused_by_api(403, "interaction_of_another_user");
    let alice = by(issuer.token(&app, "alice", json!({})));
    let decided = decide(&app, &id, with(json!({ "decision": "allow", "scopes": EVERYTHING }), alice)).await.done();
    let tokens = web.redeem(&released(&mut browser, &decided).await.code()).await.tokens();
    assert_eq!(tokens.identity()["auth_time"], app.now().0);
    web.refresh(&tokens.refresh_token).await.tokens();
    // 30 days after the last attest.
    app.advance(31 * 86_400);
    web.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
}

/// attacks.md row 23: an answer can only take away.
#[tokio::test]
async fn an_answer_is_narrowed_and_never_widened() {
    let app = hosted().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let request = web.request().scope("openid email notes:read notes:write notes:delete");
    let id = handle(&mut browser, &request).await;
    let asked = open(&app, &id, "user-test-alice").await;
    let shown = |scope: &str| {
        let scopes = asked["scopes"].as_array().unwrap();
        let own = scopes.iter().find(|own| own["scope"] == scope).unwrap();
        (own["optional"].as_bool().unwrap(), own["grantable"].as_bool().unwrap(), own["reason"].clone())
    };
    assert_eq!(shown("notes:read"), (false, true, Value::Null));
    assert_eq!(shown("notes:write"), (true, true, Value::Null));
    assert_eq!(shown("notes:delete"), (false, false, json!("role")));
    let answer = |scopes: &[&str]| with(allowing("user-test-alice"), json!({ "scopes": scopes }));
    // Mistakes of the page, which may mend them.
    decide(&app, &id, answer(&["openid"])).await.refused_by_api(400, "bad_request");
    let past = with(answer(&["openid", "notes:read"]), json!({ "expires_at": "2020-01-01T00:00:00Z" }));
    decide(&app, &id, past).await.refused_by_api(400, "bad_request");
    let never = with(answer(&["openid", "notes:read"]), json!({ "expires_at": "tomorrow" }));
    decide(&app, &id, never).await.refused_by_api(400, "invalid_argument");
    decide(&app, &id, with(answer(&[]), json!({ "decision": "perhaps" })))
        .await
        .refused_by_api(400, "invalid_argument");

    let body = answer(&["openid", "notes:read", "notes:delete", "weather", "offline_access"]);
    let body = with(body, json!({ "expires_at": "2027-01-15T08:05:00Z" }));
    let decided = decide(&app, &id, body).await.done();
    let tokens = web.redeem(&released(&mut browser, &decided).await.code()).await.tokens();
    assert_eq!(tokens.scope, "openid notes:read");
    // Five minutes: less than an access token lives.
    assert_eq!(tokens.access()["exp"], app.now().0 + 300);
}

#[tokio::test]
async fn an_answer_that_allows_nothing_is_a_denial() {
    let app = hosted().await;
    let mut browser = app.browser();
    let id = handle(&mut browser, &app.client("web").request().scope("email notes:write")).await;
    open(&app, &id, "user-test-alice").await;
    let decided = decide(&app, &id, with(allowing("user-test-alice"), json!({ "scopes": [] }))).await.done();
    assert_eq!(released(&mut browser, &decided).await.error(), "access_denied");
}

/// OIDC Core §5.5: what a client asks for one by one is shown too.
#[tokio::test]
async fn single_claims_are_shown_in_the_words_of_their_scope_value() {
    let app = hosted().await;
    let mut browser = app.browser();
    let request = app.client("web").request().scope("openid");
    let id = handle(&mut browser, &request.with("claims", r#"{"userinfo":{"phone_number":null}}"#)).await;
    let asked = open(&app, &id, "user-test-alice").await;
    assert_eq!((&asked["scopes"][1]["scope"], &asked["scopes"][1]["optional"]), (&json!("phone"), &json!(false)));
}

/// OIDC Core §3.1.2.1 `ui_locales`, RFC 9110 §12.5.4.
#[tokio::test]
async fn scope_values_are_told_in_the_users_language_as_on_our_own_pages() {
    let app = hosted().await;
    let request = app.client("web").request().scope("openid email notes:read");
    let asked = |request: &AuthorizationUrl, language: &str| {
        let body = with(raw(request), json!({ "user_id": "user-test-alice" }));
        let host = app.host().speaking(language);
        async move { host.post(INTERACTIONS, body).await.done() }
    };
    let texts = |object: &Value| -> Vec<String> {
        let scopes = object["scopes"].as_array().unwrap();
        scopes.iter().map(|own| own["text"].as_str().unwrap().to_owned()).collect()
    };
    let german = ["Erkennen, dass Sie es sind", "Ihre E-Mail-Adresse sehen", "Read your notes"];
    let object = asked(&request, "de-AT, en;q=0.5").await;
    assert_eq!((texts(&object), &object["scopes"][1]["detail"]), (german.map(str::to_owned).to_vec(), &Value::Null));
    // Looking is telling too.
    let id = object["interaction_id"].as_str().unwrap();
    let seen = app.host().speaking("de").get(&format!("{INTERACTIONS}/{id}")).await.done();
    assert_eq!(seen["scopes"], object["scopes"]);
    for language in ["en", "xx", "", "de;q=0"] {
        assert_eq!(asked(&request, language).await["scopes"][0]["text"], "Know that it is you", "{language}");
    }
    // The client's wish goes first, as on our own pages.
    assert_eq!(texts(&asked(&request.with("ui_locales", "xx de"), "en").await), german);

    let mut browser = app.browser();
    app.update_settings(|settings| settings.authorization_url = None).await;
    browser.sign_in("alice").await;
    let request = app.client("web").request().scope("openid email notes:read").with("ui_locales", "de");
    let page = browser.authorize(&request).await;
    for text in german {
        assert!(page.body.contains(text), "our page does not say {text}");
    }
}

#[tokio::test]
async fn a_scope_value_without_words_goes_by_its_name() {
    let app = hosted().await;
    app.update_policy(|policy| policy.scopes.iter_mut().for_each(|scope| scope.description.clear())).await;
    let request = app.client("web").request().scope("openid notes:read");
    let object = call(&app, "", with(raw(&request), json!({ "user_id": "user-test-alice" }))).await.done();
    assert_eq!(object["scopes"][1]["text"], "Use “notes:read”");
}

/// RFC 8252 §8.6, and attacks.md row 15: the page learns where the code goes and what the name is worth.
#[tokio::test]
async fn row_15_the_page_is_told_where_the_code_goes_and_names_are_made_safe() {
    let app = hosted().await;
    for (client, redirect) in [
        ("cli", json!({ "host": "127.0.0.1:4711", "kind": "loopback", "uri": "http://127.0.0.1:4711/callback" })),
        ("app", json!({ "host": "com.example.app:", "kind": "app", "uri": "com.example.app:/callback" })),
        ("spa", json!({ "host": "app.example", "kind": "web", "uri": "https://app.example/callback" })),
    ] {
        let request = app.client(client).request();
        let request =
            if client == "cli" { request.with("redirect_uri", "http://127.0.0.1:4711/callback") } else { request };
        let object = call(&app, "", with(raw(&request), json!({ "user_id": "user-test-alice" }))).await.done();
        assert_eq!(object["redirect"], redirect, "{client}");
        assert_eq!(object["client"]["verified"], false);
    }
    app.update_client("spa", |spa| spa.name = "Evil\u{202e}\nBank".into()).await;
    let object = call(&app, "", raw(&app.client("spa").request())).await.done();
    assert_eq!((&object["client"]["name"], &object["client"]["deceptive"]), (&json!("Evil Bank"), &json!(false)));
    // Cyrillic а: only the operator knows better.
    for is_verified in [false, true] {
        app.update_client("spa", move |spa| {
            spa.name = "P\u{0430}yPal".into();
            spa.verified = is_verified;
        })
        .await;
        let object = call(&app, "", raw(&app.client("spa").request())).await.done();
        assert_eq!(object["client"]["deceptive"], json!(!is_verified));
    }

    // A native client that was allowed before is confirmed again, and nothing can be changed by it.
    let request = app.client("app").request().scope("openid notes:read");
    for confirms in [false, true] {
        let object = call(&app, "", with(raw(&request), json!({ "user_id": "user-test-alice" }))).await.done();
        assert_eq!((&object["next"], &object["end_date_allowed"]), (&json!("consent"), &json!(!confirms)));
        assert_eq!(object["confirm_only"], confirms);
        let id = object["interaction_id"].as_str().unwrap();
        let scopes = if confirms { json!([]) } else { json!(["openid", "notes:read"]) };
        let body = with(allowing("user-test-alice"), json!({ "scopes": scopes, "browser_binding": BINDING }));
        told(&decide(&app, id, body).await.done()).code();
    }
}

/// attacks.md row 9 (workers CVE-2025-4143): the address is the registered one at every step.
#[tokio::test]
async fn row_9_an_address_that_was_taken_off_the_registration_gets_no_answer() {
    let app = hosted().await;
    let (request, mut browser) = (app.client("spa").request().scope("openid"), app.browser());
    let allow = with(allowing("user-test-alice"), json!({ "scopes": ["openid"] }));
    let begin = async |body: Value| {
        let object = call(&app, "", with(body, json!({ "user_id": "user-test-alice" }))).await.done();
        object["interaction_id"].as_str().unwrap().to_owned()
    };
    // An address beside the answer has no meaning.
    let id = begin(raw(&request)).await;
    let swapped = json!({ "browser_binding": BINDING, "redirect_uri": "https://evil.example/", "client_id": "web" });
    let decided = decide(&app, &id, with(allow.clone(), swapped)).await.done();
    assert_eq!(told(&decided).uri, "https://app.example/callback");

    let prompting = request.with("prompt", "consent");
    let answered = begin(json!({ "interaction_id": handle(&mut browser, &prompting).await })).await;
    let decided = decide(&app, &answered, allow.clone()).await.done();
    let by_handle = begin(json!({ "interaction_id": handle(&mut browser, &prompting).await })).await;
    let by_query = begin(raw(&prompting)).await;
    app.update_client("spa", |spa| spa.redirect_uris = vec!["https://new.example/callback".into()]).await;
    for (id, proof) in [(by_handle, json!({})), (by_query, json!({ "browser_binding": BINDING }))] {
        let refused = "connected_app_supplied_redirect_url_not_found_in_client";
        for body in [allow.clone(), json!({ "decision": "deny" })] {
            decide(&app, &id, with(body, proof.clone())).await.refused_by_api(401, refused);
        }
        let login = with(json!({ "user_id": "user-test-alice" }), proof);
        call(&app, &format!("/{id}/login"), login).await.refused_by_api(401, refused);
    }
    let reply = browser.peek(redirect_url(&decided)).await;
    assert_eq!((reply.page(), reply.header("location"), reply.header("refresh")), ("error", "", ""));
}

/// attacks.md rows 9 and 12: what is not proven to be the client's address is told to nobody but who asks.
#[tokio::test]
async fn row_12_errors_before_client_and_redirect_uri_are_proven_go_nowhere() {
    let app = hosted().await;
    let web = app.client("web").request();
    for (request, status, error_type) in [
        (web.clone().without("client_id"), 400, "bad_request"),
        (web.clone().with("client_id", "nobody"), 404, "connected_app_not_found"),
        (web.clone().with("client_id", "off"), 404, "connected_app_not_found"),
        (
            web.clone().with("redirect_uri", "https://evil.example/"),
            401,
            "connected_app_supplied_redirect_url_not_found_in_client",
        ),
        (web.clone().and("redirect_uri", "https://app.example/callback"), 400, "bad_request"),
        (web.clone().with("state", "a\0b"), 400, "bad_request"),
    ] {
        let reply = call(&app, "", raw(&request)).await;
        reply.refused_by_api(status, error_type);
        assert!(!reply.body.contains("evil.example"));
        let reply = app.browser().peek(&request.url()).await;
        assert!(reply.status >= 400 && reply.page() == "error", "{} {}", reply.status, reply.body);
    }
    // What is proven gets the error, by both ways, at once.
    let wrong = web.with("response_type", "token");
    assert_eq!(told(&call(&app, "", raw(&wrong)).await.done()).error(), "unsupported_response_type");
    assert_eq!(app.browser().peek(&wrong.url()).await.callback().error(), "unsupported_response_type");
}

#[tokio::test]
async fn a_raw_query_is_answered_in_the_browser_in_which_it_came() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let object = call(&app, "", raw(&web.request())).await.done();
    let id = object["interaction_id"].as_str().unwrap();
    // Without a page of its own in the settings there is nowhere to come back to.
    assert_eq!((&object["next"], &object["login"]["return_url"]), (&json!("login"), &Value::Null));
    let alice = json!({ "user_id": "user-test-alice" });
    for binding in [json!({}), json!({ "browser_binding": OTHER_BINDING })] {
        for (path, body) in [
            (String::new(), json!({ "interaction_id": id })),
            (format!("/{id}/login"), alice.clone()),
            (format!("/{id}/decide"), allowing("user-test-alice")),
        ] {
            let reply = call(&app, &path, with(body, binding.clone())).await;
            reply.refused_by_api(403, "interaction_of_another_browser");
        }
    }
    let bound = json!({ "browser_binding": BINDING });
    let asked = call(&app, &format!("/{id}/login"), with(alice.clone(), bound.clone())).await.done();
    assert_eq!(asked["next"], "consent");
    let opened = with(json!({ "interaction_id": id, "browser_binding": BINDING }), alice);
    let again = call(&app, "", opened).await.done();
    assert_eq!((&again["next"], &again["scopes"]), (&asked["next"], &asked["scopes"]));
    let decided = decide(&app, id, with(allowing("user-test-alice"), bound.clone())).await.done();
    let callback = told(&decided);
    assert_eq!((callback.get("state"), callback.get("iss")), (Some("af0ifjsldkj"), Some(app.issuer.as_str())));
    let tokens = web.redeem(&callback.code()).await.tokens();
    assert_eq!(tokens.identity()["sub"], "user-test-alice");
    decide(&app, id, with(allowing("user-test-alice"), bound)).await.refused_by_api(409, "interaction_already_decided");
    // Only what our cookie is for is released.
    let release = app.browser().peek(&format!("{}/interactions/{id}/release?key=x", app.issuer)).await;
    assert_eq!(release.page_error(), "invalid_request");
}

#[tokio::test]
async fn a_raw_query_of_a_user_who_is_there_and_allowed_it_before_is_answered_at_once() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let body = with(raw(&web.request().scope("openid")), json!({ "user_id": "user-test-alice" }));
    let object = call(&app, "", body.clone()).await.done();
    let id = object["interaction_id"].as_str().unwrap();
    let answer = json!({ "scopes": ["openid"], "browser_binding": BINDING });
    told(&decide(&app, id, with(allowing("user-test-alice"), answer)).await.done()).code();
    let query = body["query"].as_str().unwrap();
    let object = call(&app, "", with(body.clone(), json!({ "query": format!("?{query}") }))).await.done();
    web.redeem(&told(&object).code()).await.tokens();
}

/// The Stytch way: strictness and issuer are the client's.
#[tokio::test]
async fn a_client_of_the_stytch_plane_is_answered_in_its_words() {
    let app = stytch_plane::world().await;
    let request = app.client("s_spa").request().with("redirect_uri", "https://app.example/callback");
    let object = call(&app, "", with(raw(&request), json!({ "user_id": "user-test-alice" }))).await.done();
    let id = object["interaction_id"].as_str().unwrap();
    let answer = with(allowing("user-test-alice"), json!({ "browser_binding": BINDING }));
    let callback = told(&decide(&app, id, answer).await.done());
    assert!(callback.get("iss").unwrap().starts_with("stytch.com/"));
    let client = app.client("s_spa");
    client.redeem(&callback.code()).await.refused(401, "invalid_client");
    let parameters = [
        ("grant_type", "authorization_code"),
        ("code", &callback.code()),
        ("redirect_uri", "https://app.example/callback"),
        ("code_verifier", crate::app::client::VERIFIER),
    ];
    let tokens = client.post("/v1/oauth2/token", &parameters).await.json();
    assert_eq!(decode(tokens["access_token"].as_str().unwrap()).1["sub"], "user-test-alice");
}

#[tokio::test]
async fn each_way_keeps_its_own_interactions() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    // Begun on our pages: no host app answers it, not even after the setting was made.
    let page = browser.authorize(&app.client("web").request()).await;
    let own = html::attribute(&page.body, "login-form", "action").unwrap();
    let own = own.split_once("interaction=").unwrap().1.to_owned();
    host_page(&app).await;
    let reply = call(&app, "", json!({ "interaction_id": own, "user_id": "user-test-alice" })).await;
    reply.refused_by_api(404, "interaction_not_found");
    let page = browser.login(&page, "alice").await;
    browser.allow(&page).await.callback().code();
    // And the other way round.
    let id = handle(&mut browser, &app.client("web").request()).await;
    for path in ["login", "account", "consent"] {
        let reply = browser.peek(&format!("{}/{path}?interaction={id}", app.issuer)).await;
        assert_eq!(reply.page_error(), "invalid_request", "{path}");
    }
}

/// attacks.md row 22: what was disabled meanwhile ends the interaction, and no session of ours replaces the host app's.
#[tokio::test]
async fn row_22_who_is_gone_meanwhile_gets_nothing() {
    let app = hosted().await;
    let mut browser = app.browser();
    let request = app.client("spa").request();
    // A user who ends between the answer and its release.
    for end in ["disable", "sign_out", "disconnect", "client"] {
        let id = handle(&mut browser, &request).await;
        open(&app, &id, "user-test-alice").await;
        let decided = decide(&app, &id, allowing("user-test-alice")).await.done();
        match end {
            "disable" => app.disable_user("alice").await,
            "sign_out" => app.sign_out_everywhere("alice").await,
            "disconnect" => {
                let path = "/v1/users/user-test-alice/connected_apps/spa/revoke";
                app.host().post(path, json!({})).await.done();
            }
            _ => app.disable_client("spa").await,
        }
        assert_eq!(browser.peek(redirect_url(&decided)).await.page_error(), "invalid_request", "{end}");
        if end == "disable" {
            let id = handle(&mut browser, &request).await;
            let reply = call(&app, "", json!({ "interaction_id": id, "user_id": "user-test-alice" })).await;
            reply.refused_by_api(404, "user_not_found");
            app.enable_user("alice").await;
        }
    }
    app.enable_client("spa").await;
    // A role that went takes its values along.
    let id = handle(&mut browser, &request.clone().scope("openid notes:read")).await;
    open(&app, &id, "user-test-alice").await;
    let decided = decide(&app, &id, allowing("user-test-alice")).await.done();
    app.update_user("alice", |user| user.roles.clear()).await;
    let code = released(&mut browser, &decided).await.code();
    assert_eq!(app.client("spa").redeem(&code).await.tokens().scope, "openid");
}

/// attacks.md row 14: a page that is drawn for one user answers for no other.
#[tokio::test]
async fn row_14_a_page_left_open_does_not_answer_for_the_next_user() {
    let app = hosted().await;
    let mut browser = app.browser();
    let id = handle(&mut browser, &app.client("web").request()).await;
    open(&app, &id, "user-test-alice").await;
    decide(&app, &id, allowing("user-test-bob")).await.refused_by_api(403, "interaction_of_another_user");
    open(&app, &id, "user-test-bob").await;
    decide(&app, &id, allowing("user-test-alice")).await.refused_by_api(403, "interaction_of_another_user");
    let decided = decide(&app, &id, allowing("user-test-bob")).await.done();
    let code = released(&mut browser, &decided).await.code();
    assert_eq!(app.client("web").redeem(&code).await.tokens().identity()["sub"], "user-test-bob");
}

#[tokio::test]
async fn every_mistake_has_a_name() {
    let app = hosted().await;
    let mut browser = app.browser();
    let request = app.client("web").request();
    let id = handle(&mut browser, &request).await;
    let login = format!("/{id}/login");
    let query = request.query();
    for (path, body, status, error_type) in [
        ("", json!({}), 400, "no_interaction_selector"),
        ("", json!({ "interaction_id": id, "query": query }), 400, "no_interaction_selector"),
        ("", json!({ "interaction_id": "int_x" }), 404, "interaction_not_found"),
        ("", json!({ "query": query }), 400, "invalid_browser_binding"),
        ("", json!({ "query": query, "browser_binding": "short" }), 400, "invalid_browser_binding"),
        ("", json!({ "query": format!("{query}&state=2"), "browser_binding": BINDING }), 400, "bad_request"),
        ("", json!({ "interaction_id": id, "user_id": "nobody" }), 404, "user_not_found"),
        ("", json!({ "interaction_id": id, "user_id": "user-test-carol" }), 404, "user_not_found"),
        ("", json!({ "interaction_id": id, "session_token": "x" }), 404, "session_not_found"),
        (&login, json!({}), 400, "no_oauth_authorize_user_selector"),
        (&login, json!({ "trusted_token": "x.y.z" }), 400, "no_oauth_authorize_user_selector"),
        (&login, json!({ "profile_id": "x" }), 400, "no_oauth_authorize_user_selector"),
        (&login, json!({ "trusted_token": "x.y.z", "profile_id": "x" }), 404, "trusted_token_profile_not_found"),
        (
            &login,
            json!({ "trusted_token": "x", "profile_id": "x", "user_id": "ext-alice" }),
            400,
            "too_many_user_selection_arguments",
        ),
        (&login, json!({ "user_id": "ext-alice", "session_token": "x" }), 400, "too_many_user_selection_arguments"),
        ("/int_x/login", json!({ "user_id": "ext-alice" }), 404, "interaction_not_found"),
        ("/int_x/decide", allowing("ext-alice"), 404, "interaction_not_found"),
        ("/int_%00/decide", allowing("ext-alice"), 400, "bad_request"),
        ("/int_%ff/decide", allowing("ext-alice"), 400, "bad_request"),
        (&format!("/{id}/decide"), allowing("ext-alice"), 400, "interaction_login_required"),
        (&format!("/{id}/decide"), json!({ "scopes": [] }), 400, "invalid_argument"),
    ] {
        call(&app, path, body).await.refused_by_api(status, error_type);
    }
    open(&app, &id, "ext-alice").await;
    let nobody = json!({ "decision": "allow", "scopes": EVERYTHING });
    decide(&app, &id, nobody).await.refused_by_api(400, "no_oauth_authorize_user_selector");
    let decided = decide(&app, &id, allowing("ext-alice")).await.done();
    for (path, body) in [(login, json!({ "user_id": "ext-alice" })), (format!("/{id}/decide"), allowing("ext-alice"))] {
        call(&app, &path, body).await.refused_by_api(409, "interaction_already_decided");
    }
    released(&mut browser, &decided).await.code();
    let reply = browser.peek(&format!("{}/interactions/%00/release", app.issuer)).await;
    assert_eq!(reply.page_error(), "invalid_request");
    app.host().with_secret("wrong").post(INTERACTIONS, json!({})).await.refused_by_api(401, "unauthorized_credentials");
}

/// Who is signed in on our own pages says nothing about who is there at the host app.
#[tokio::test]
async fn a_session_on_our_pages_answers_for_nobody_on_the_host_apps() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    browser.login_and_consent(&app.client("web").request().scope("openid"), "alice").await.code();
    host_page(&app).await;
    let id = handle(&mut browser, &app.client("web").request().scope("openid")).await;
    let object = call(&app, "", json!({ "interaction_id": id })).await.done();
    assert_eq!((&object["next"], &object["user"]), (&json!("login"), &Value::Null));
}
