//! Claim templates in the tokens of clients and machines: stytch-backend-api.md 5.5, design section 5.

use crate::app::{API, TestApp, decode};
use hospes::issue;
use serde_json::json;

impl TestApp {
    async fn set_machine_template(&self, content: &'static str, custom_audience: &'static str) {
        let (project, now) = (self.app.project.clone(), self.now());
        let updated = self.change(move |tx| {
            let mut project = tx.find_project(&project)?.unwrap();
            project.settings.m2m_template.content = content.into();
            project.settings.m2m_template.custom_audience = custom_audience.into();
            Ok(tx.update_project(&project, now)?)
        });
        updated.await.unwrap();
    }
}

#[tokio::test]
async fn a_clients_templates_add_claims_to_its_users_tokens() {
    let app = TestApp::new().await;
    let settings = |settings: &mut hospes_protocol::client::ClientSettings| {
        settings.access_token_template =
            r#"{"roles": {{ user.rbac.roles }}, "can": {{user.rbac.notes.actions}}, "gone": {{ user.nothing }}}"#
                .into();
        settings.id_token_template = r#"{"crew": "{{ user.user_id }} of {{ user.external_id }}"}"#.into();
        settings.access_token_custom_audience = Some("urn:example:extra".into());
    };
    app.update_client("web", settings).await;
    let tokens = app.tokens("web", "alice").await;
    let access = tokens.access();
    assert_eq!((&access["roles"], &access["can"]), (&json!(["member"]), &json!(["read", "write"])));
    assert!(access.get("gone").is_none() && access.get("crew").is_none(), "{access}");
    assert_eq!(access["aud"], json!([API, "urn:example:extra"]));
    let (_, identity) = decode(&tokens.id_token);
    assert_eq!(identity["crew"], "user-test-alice of ext-alice");
    assert!(identity.get("roles").is_none() && identity["aud"] == "web", "{identity}");
    // Whoever asks us learns them too, and the token is as good as any other.
    let seen = app.client("api").introspect(&tokens.access_token).await;
    assert_eq!((&seen["active"], &seen["roles"]), (&json!(true), &json!(["member"])), "{seen}");
    assert_eq!(app.client("web").userinfo(&tokens.access_token).await.status, 200);
    // A change holds at the next token.
    app.update_user("alice", |user| user.roles = vec!["admin".into()]).await;
    let refreshed = app.client("web").refresh(&tokens.refresh_token).await.tokens();
    assert_eq!(refreshed.access()["roles"], json!(["admin"]));
}

#[tokio::test]
async fn the_projects_template_adds_what_a_machine_says_but_never_its_secret() {
    let app = TestApp::new().await;
    app.set_machine_template(
        r#"{"tenant": {{ request.tenant }}, "tier": {{ client.trusted_metadata.tier }}, "s": {{ request.client_secret }}}"#,
        "urn:example:machines",
    )
    .await;
    app.update_client("m2m", |settings| {
        settings.trusted_metadata.insert("tier".into(), json!({ "level": 2 }));
    })
    .await;
    let m2m = app.client("m2m");
    let secret = m2m.secret().to_owned();
    let by_post = m2m.clone().with(crate::app::Authentication::Post(secret));
    for client in [m2m, by_post] {
        let access = client.client_credentials(&[("tenant", "t1"), ("sub", "root")]).await.tokens().access();
        assert_eq!((&access["tenant"], &access["tier"]), (&json!("t1"), &json!({ "level": 2 })));
        assert_eq!((&access["sub"], &access["aud"]), (&json!("m2m"), &json!([API, "urn:example:machines"])));
        assert!(access.get("s").is_none(), "{access}");
    }
}

#[tokio::test]
async fn claims_that_are_too_large_are_refused_and_the_code_stays_good() {
    let app = TestApp::new().await;
    let long = "x".repeat(5000);
    app.set_machine_template(r#"{"a": {{ request.long }}}"#, "").await;
    let reply = app.client("m2m").client_credentials(&[("long", &long)]).await;
    assert_eq!(reply.json()["error_description"], issue::CLAIMS_TOO_LARGE.description.as_ref());
    reply.refused(400, "invalid_request");

    let set = |template: &'static str| app.update_client("web", move |own| own.access_token_template = template.into());
    set(r#"{"a": {{ user.external_id }}}"#).await;
    app.update_user("alice", |user| user.external_id = Some("x".repeat(5000))).await;
    let web = app.client("web");
    let callback = app.browser().login_and_consent(&web.request(), "alice").await;
    web.redeem(&callback.code()).await.refused(400, "invalid_request");
    set("{}").await;
    let tokens = web.redeem(&callback.code()).await.tokens();
    set(r#"{"a": {{ user.external_id }}}"#).await;
    web.refresh(&tokens.refresh_token).await.refused(400, "invalid_request");
}
