//! Several projects in one deployment: apart by key and by issuer, whatever they have in common.

use crate::app::{PROJECT, TestApp, decode};
use serde_json::{Value, json};

/// Every member that a metadata document and its key set name an address or a key by.
async fn published(app: &TestApp, issuer: &str, well_known: &str) -> (Value, Value) {
    let metadata = app.send(app.http().get(well_known)).await.json();
    assert_eq!(metadata["issuer"], issuer);
    for (name, value) in metadata.as_object().unwrap() {
        let is_address = name.ends_with("_endpoint") || name == "jwks_uri";
        assert!(!is_address || value.as_str().unwrap().starts_with(issuer), "{name}: {value}");
    }
    let keys = app.send(app.http().get(metadata["jwks_uri"].as_str().unwrap())).await.json();
    (metadata, keys)
}

#[tokio::test]
async fn a_project_made_while_the_server_runs_is_there_at_the_next_request() {
    let app = TestApp::new().await;
    let there = format!("{}/.well-known/openid-configuration", app.issuer.replace("127.0.0.1", "localhost"));
    // What no project is named by is for the project of the configuration.
    assert_eq!(app.send(app.http().get(&there)).await.json()["issuer"], *app.issuer);

    let lagoon = app.neighbour("").await;
    let (_, keys) = published(&app, &lagoon.issuer, &there).await;
    let (_, own_keys) = published(&app, &app.issuer, &app.url("/.well-known/openid-configuration")).await;
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| !own_keys["keys"].as_array().unwrap().contains(key)));
    assert_eq!(lagoon.host().get("/v1/debug/whoami").await.done()["name"], "Lagoon");
}

#[tokio::test]
async fn issuers_that_share_a_host_are_told_apart_by_their_path() {
    let app = TestApp::new().await;
    let [one, other] = [app.neighbour("/one").await, app.neighbour("/other").await];
    for project in [&one, &other] {
        let (host, path) = project.issuer.rsplit_once('/').unwrap();
        for well_known in [
            format!("{host}/.well-known/oauth-authorization-server/{path}"),
            format!("{host}/.well-known/openid-configuration/{path}"),
            format!("{host}/{path}/.well-known/oauth-authorization-server"),
            format!("{host}/{path}/.well-known/openid-configuration"),
        ] {
            published(&app, &project.issuer, &well_known).await;
        }
    }
    // The browser keeps both sessions: one host has one set of cookies.
    let mut browser = one.browser();
    browser.sign_in("alice").await;
    let cookies = browser.cookies.clone();
    let mut elsewhere = other.browser();
    elsewhere.cookies = cookies;
    let page = elsewhere.open("/other/account/apps").await;
    assert_eq!(page.page(), "login", "the session of one project is none at the other");
    elsewhere.sign_in("alice").await;
    browser.cookies = elsewhere.cookies;
    assert_eq!(browser.open("/one/account/apps").await.page(), "apps");
}

/// attacks.md row 38: the same client id and secret, the same user, the same database.
#[tokio::test]
async fn what_one_project_issued_is_worth_nothing_at_another() {
    let app = TestApp::new().await;
    let lagoon = app.neighbour("").await;
    let (here, there) = (app.client("web"), lagoon.client("web"));

    let code = app.browser().login_and_consent(&here.request(), "alice").await.code();
    there.redeem(&code).await.refused(400, "invalid_grant");
    // The attempt had no effect.
    let tokens = here.redeem(&code).await.tokens();

    assert!(here.is_active(&tokens.access_token).await && here.is_active(&tokens.refresh_token).await);
    assert!(!there.is_active(&tokens.access_token).await && !there.is_active(&tokens.refresh_token).await);
    assert_eq!(there.userinfo(&tokens.access_token).await.status, 401);
    there.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    for token in [&tokens.access_token, &tokens.refresh_token] {
        assert_eq!(there.revoke(token).await.status, 200);
        assert!(here.is_active(token).await, "it was revoked by another project's client");
    }

    let theirs = lagoon.browser().login_and_consent(&there.request(), "alice").await.code();
    let theirs = there.redeem(&theirs).await.tokens();
    let (own, other) = (decode(&tokens.access_token), decode(&theirs.access_token));
    assert_eq!((&own.1["iss"], &other.1["iss"]), (&json!(app.issuer), &json!(lagoon.issuer)));
    assert_ne!(own.0["kid"], other.0["kid"]);
    // Signing the user out of one project leaves the other alone.
    app.sign_out_everywhere("alice").await;
    assert!(!here.is_active(&tokens.access_token).await);
    assert!(there.is_active(&theirs.access_token).await);
}

#[tokio::test]
async fn a_call_of_the_management_api_names_its_project_whatever_the_host() {
    let app = TestApp::new().await;
    let lagoon = app.neighbour("").await;
    // Both hosts, crosswise.
    let whoami = |base: String, project: String, secret: String| {
        app.send(app.http().get(format!("{base}/v1/debug/whoami")).basic_auth(project, Some(secret)))
    };
    let own = app.host();
    let answer = whoami(lagoon.issuer.clone(), own.project.clone(), own.secret.clone()).await;
    assert_eq!(answer.done()["project_id"], PROJECT);
    let answer = whoami(app.issuer.clone(), lagoon.project.to_string(), lagoon.secret.clone()).await;
    assert_eq!(answer.done()["project_id"], lagoon.project.as_str());
    // The secret of one is none of the other, and a project that does not exist has none.
    for (project, secret) in [
        (own.project.clone(), lagoon.secret.clone()),
        (lagoon.project.to_string(), own.secret.clone()),
        ("project-test-nobody".to_owned(), own.secret.clone()),
    ] {
        let refused = whoami(app.issuer.clone(), project, secret).await;
        refused.refused_by_api(401, "unauthorized_credentials");
    }
}

#[tokio::test]
async fn a_host_header_chooses_among_the_issuers_and_names_none() {
    let app = TestApp::new().await;
    let lagoon = app.neighbour("").await;
    let issuer = async |headers: &[(&str, &str)]| {
        let request = app.http().get(app.url("/.well-known/openid-configuration"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let body = app.send(request).await.body;
        assert!(!body.contains("evil.example"), "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["issuer"].as_str().unwrap().to_owned()
    };
    let there = lagoon.issuer.trim_start_matches("http://");
    assert_eq!(issuer(&[("host", there)]).await, lagoon.issuer);
    for headers in [
        [("host", "evil.example")].as_slice(),
        &[("host", "localhost")],
        &[("x-forwarded-host", there)],
        &[("forwarded", &format!("host={there}"))],
        &[("host", &format!("{there}.evil.example"))],
    ] {
        assert_eq!(issuer(headers).await, app.issuer, "{headers:?}");
    }
}

#[tokio::test]
async fn every_process_of_the_deployment_serves_a_new_project() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let lagoon = app.neighbour("").await;
    let there = lagoon.issuer.trim_start_matches("http://");
    let well_known = |base: &str| app.http().get(format!("{base}/.well-known/openid-configuration"));
    let named = app.send(well_known(&sibling.base).header("host", there)).await.json();
    assert_eq!(named["issuer"], lagoon.issuer);
    assert_eq!(app.send(well_known(&sibling.base)).await.json()["issuer"], app.issuer);
}

#[tokio::test]
async fn a_path_names_its_project_on_any_host_and_before_the_credentials() {
    let app = TestApp::new().await;
    let lagoon = app.neighbour("").await;
    let (now, page) = (app.now(), String::from("https://host.example/authorize"));
    app.change(move |tx| {
        for mut project in tx.list_projects()? {
            project.settings.stytch.enabled = true;
            project.settings.authorization_url = Some(page.clone());
            tx.update_project(&project, now)?.unwrap();
        }
        Ok(())
    })
    .await;
    let get = async |base: &str, path: String| {
        // The credentials of the other project: they are not asked for here, and must not choose either.
        let request = app.http().get(format!("{base}{path}")).basic_auth(PROJECT, Some("wrong"));
        app.send(request).await.json()
    };
    let keys = |project: &str| format!("/v1/sessions/jwks/{project}");
    let (home, away) = (get(&app.issuer, keys(PROJECT)).await, get(&app.issuer, keys(lagoon.project.as_str())).await);
    assert_eq!(get(&lagoon.issuer, keys(PROJECT)).await["keys"], home["keys"]);
    assert_eq!(get(&lagoon.issuer, keys(lagoon.project.as_str())).await["keys"], away["keys"]);
    assert!(away["keys"].as_array().is_some_and(|keys| !keys.is_empty()), "{away}");
    assert_ne!(home["keys"], away["keys"]);
    for base in [&app.issuer, &lagoon.issuer] {
        let path = format!("/v1/public/{}/.well-known/openid-configuration", lagoon.project);
        let document = get(base, path).await;
        assert_eq!(document["issuer"], format!("stytch.com/{}", lagoon.project), "{document}");
        assert!(document["token_endpoint"].as_str().unwrap().starts_with(&lagoon.issuer), "{document}");
    }
}
