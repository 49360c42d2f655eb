//! The official Rust SDK of Stytch, as the host app's back end uses it, against the management API.
//!
//! It is the strictest of the official ones: `stytch.com/{project_id}` as the only issuer, RSA keys only, closed enums.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    env,
    time::{SystemTime, UNIX_EPOCH},
};
use stytch::{
    Error,
    client::Vertical,
    consumer::{
        client::Client, connected_apps_clients as apps, idp_oauth, m2m, m2m_clients as machines, passwords, sessions,
        users,
    },
};

const PROJECT: &str = "project-test-11111111-1111-4111-8111-111111111111";
const SECRET: &str = "secret-test-for-interop-0123456789abcdef";
const CALLBACK: &str = "https://partner.example/callback";
const PASSWORD: &str = "A quite unusual sentence 4711";

fn issuer() -> String {
    env::var("INTEROP_ISSUER").expect("run me by interop/with-hospes")
}

fn client() -> Client {
    with_secret(SECRET)
}

fn with_secret(secret: &str) -> Client {
    let http = || {
        let url = issuer().parse().unwrap();
        stytch::client::Client::new_with_base_url(PROJECT, secret, url, Vertical::Consumer).unwrap()
    };
    Client::new_with_http_client(http(), http())
}

/// Our extensions, which the SDK does not know.
async fn extension(path: &str, body: Value) {
    let request = reqwest::Client::new().patch(format!("{}{path}", issuer())).basic_auth(PROJECT, Some(SECRET));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn ready() -> Client {
    extension("/v1/settings", json!({ "stytch": { "enabled": true, "issuer": "project_id" } })).await;
    client()
}

fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("{now:x}-{:?}", std::thread::current().id()).replace(['(', ')'], "")
}

#[track_caller]
fn refused<T>(answer: Result<T, Error>, status: u16, error_type: &str) {
    match answer {
        Err(Error::Response(error)) => {
            assert_eq!((error.status_code.as_u16(), error.error_type.as_str()), (status, error_type), "{error:?}");
        }
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::test]
async fn the_credentials_belong_to_the_project() {
    let who = ready().await.debug.whoami(Default::default()).await.unwrap();
    assert_eq!(who.project_id, PROJECT);
    refused(with_secret("secret-test-wrong").debug.whoami(Default::default()).await, 401, "unauthorized_credentials");
}

#[tokio::test]
async fn an_app_goes_through_the_code_flow() {
    let client = ready().await;
    let app = apps::CreateRequest {
        client_type: apps::CreateRequestClientType::FirstPartyPublic,
        client_name: Some("Partner".into()),
        redirect_urls: Some(vec![CALLBACK.into()]),
        ..Default::default()
    };
    let app = client.connected_app.clients.create(app).await.unwrap().connected_app;
    let email = format!("rs-{}@example.com", unique());
    let login = passwords::CreateRequest {
        email,
        password: PASSWORD.into(),
        session_duration_minutes: Some(60),
        ..Default::default()
    };
    let login = client.passwords.create(login).await.unwrap();
    let roles = Some(vec!["reader".to_owned()]);
    client
        .users
        .update(users::UpdateRequest { user_id: login.user_id.clone(), roles, ..Default::default() })
        .await
        .unwrap();
    let scopes: Vec<String> = ["openid", "notes.read", "notes.write"].map(str::to_owned).into();
    let start = idp_oauth::AuthorizeStartRequest {
        client_id: app.client_id.clone(),
        redirect_uri: CALLBACK.into(),
        response_type: "code".into(),
        scopes: scopes.clone(),
        session_token: Some(login.session_token.clone()),
        ..Default::default()
    };
    let start = client.idp.oauth.authorize_start(start).await.unwrap();
    // The host's own app: nobody is asked.
    assert!(!start.consent_required);
    let verifier = "a".repeat(43);
    let authorize = idp_oauth::AuthorizeRequest {
        consent_granted: false,
        scopes,
        client_id: app.client_id.clone(),
        redirect_uri: CALLBACK.into(),
        response_type: "code".into(),
        session_token: Some(login.session_token),
        code_challenge: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier))),
        ..Default::default()
    };
    let code = client.idp.oauth.authorize(authorize).await.unwrap().authorization_code.unwrap();
    let body = json!({
        "grant_type": "authorization_code", "code": code, "code_verifier": verifier, "client_id": app.client_id,
        "redirect_uri": CALLBACK,
    });
    let request = reqwest::Client::new().post(format!("{}/v1/public/{PROJECT}/oauth2/token", issuer()));
    let answer = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    let status = answer.status();
    let tokens: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["scope"], "openid notes.read");
    let gone = apps::DeleteRequest { client_id: app.client_id.clone() };
    client.connected_app.clients.delete(gone).await.unwrap();
    let get = apps::GetRequest { client_id: app.client_id };
    refused(client.connected_app.clients.get(get).await, 404, "connected_app_not_found");
}

#[tokio::test]
async fn a_machine_gets_tokens_and_they_are_verified_by_the_keys() {
    let client = ready().await;
    let new = machines::CreateRequest { scopes: vec!["notes.read".into()], ..Default::default() };
    let machine = client.m2m.clients.create(new).await.unwrap().m2m_client;
    let ask = m2m::TokenRequest {
        client_id: machine.client_id.clone(),
        client_secret: machine.client_secret.clone(),
        scopes: Some(vec!["notes.read".into()]),
        grant_type: "client_credentials".into(),
    };
    let token = client.m2m.token(ask).await.unwrap();
    let check = m2m::AuthenticateTokenRequest {
        access_token: token.access_token.clone(),
        required_scopes: Some(vec!["notes.read".into()]),
        max_token_age_seconds: None,
        scope_authorization_func: None,
    };
    let claims = client.m2m.authenticate_token(check).await.unwrap();
    assert_eq!((claims.client_id, claims.scopes), (machine.client_id.clone(), vec!["notes.read".to_owned()]));
    let wrong = m2m::TokenRequest {
        client_id: machine.client_id.clone(),
        client_secret: "wrong".into(),
        scopes: None,
        grant_type: "client_credentials".into(),
    };
    assert!(matches!(client.m2m.token(wrong).await, Err(Error::Response(_))));
    client.m2m.clients.delete(machines::DeleteRequest { client_id: machine.client_id }).await.unwrap();
}

#[tokio::test]
async fn users_and_sessions() {
    let client = ready().await;
    let email = format!("rs-{}@example.com", unique());
    let new =
        users::CreateRequest { email: Some(email.clone()), roles: Some(vec!["member".into()]), ..Default::default() };
    let made = client.users.create(new).await.unwrap();
    let query = users::SearchUsersQuery {
        operator: users::SearchUsersQueryOperator::AND,
        operands: vec![json!({ "filter_name": "email_address", "filter_value": [email] })],
    };
    let found = client.users.search(users::SearchRequest { query: Some(query), ..Default::default() }).await.unwrap();
    assert_eq!(found.results.iter().map(|own| own.user_id.as_str()).collect::<Vec<_>>(), [made.user_id.as_str()]);
    client.users.delete(users::DeleteRequest { user_id: made.user_id.clone() }).await.unwrap();
    refused(client.users.get(users::GetRequest { user_id: made.user_id }).await, 404, "user_not_found");

    let email = format!("rs2-{}@example.com", unique());
    let new = passwords::CreateRequest { email: email.clone(), password: PASSWORD.into(), ..Default::default() };
    client.passwords.create(new).await.unwrap();
    let login = passwords::AuthenticateRequest {
        email,
        password: PASSWORD.into(),
        session_duration_minutes: Some(30),
        ..Default::default()
    };
    let login = client.passwords.authenticate(login).await.unwrap();
    let by_jwt = sessions::AuthenticateRequest { session_jwt: Some(login.session_jwt), ..Default::default() };
    let session = client.sessions.authenticate(by_jwt).await.unwrap().session;
    assert_eq!(session.user_id, login.user_id);
    let keys = client.sessions.get_jwks(sessions::GetJWKSRequest { project_id: PROJECT.into() }).await.unwrap();
    assert!(!keys.keys.is_empty());
    let all = client.sessions.get(sessions::GetRequest { user_id: login.user_id }).await.unwrap();
    assert_eq!(all.sessions.len(), 1);
    let revoke = sessions::RevokeRequest { session_id: Some(session.session_id), ..Default::default() };
    client.sessions.revoke(revoke).await.unwrap();
    let by_token = sessions::AuthenticateRequest { session_token: Some(login.session_token), ..Default::default() };
    refused(client.sessions.authenticate(by_token).await, 404, "session_not_found");
}
