//! Forty at once on one thing that counts once, on two processes that share the database (attacks.md rows 1 to 3).

use crate::{
    app::{Browser, Callback, Client, Reply, Sibling, TestApp, Tokens},
    interactions::{BINDING, INTERACTIONS, allowing, handle, hosted},
};
use hospes::pages::decision;
use serde_json::{Value, json};
use std::{collections::BTreeSet, future::Future};
use tokio::task::JoinSet;

const RACERS: usize = 40;

/// Runs [`RACERS`] at the same time; even ones at the first process, odd ones at the second.
async fn race<T, F>(sibling: &Sibling, client: &Client, run: impl Fn(usize, Client) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut racers = JoinSet::new();
    for number in 0..RACERS {
        let client = if number % 2 == 0 { client.clone() } else { sibling.client(client) };
        racers.spawn(run(number, client));
    }
    racers.join_all().await
}

fn count(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

/// No token that any of the answers gave is worth anything.
async fn nothing_is_alive(app: &TestApp, client: &Client, tokens: &[Tokens]) {
    for own in tokens {
        assert_ne!(client.userinfo(&own.access_token).await.status, 200, "an access token is alive");
        if !own.refresh_token.is_empty() {
            assert_ne!(client.refresh(&own.refresh_token).await.status, 200, "a refresh token is alive");
        }
        assert!(!app.client("api").is_active(&own.access_token).await);
    }
}

fn successes(replies: &[Reply]) -> Vec<Tokens> {
    replies.iter().filter(|reply| reply.status == 200).map(Reply::tokens).collect()
}

/// Row 1 (better-auth GHSA-7w99-5wm4-3g79, supabase/auth#2612): one winner, and the valid replays revoke what it got.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ghsa_7w99_5wm4_3g79_one_code_has_one_winner_and_its_family_ends_revoked() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    for id in ["spa", "web"] {
        let client = app.client(id);
        let code = app.browser().login_and_consent(&client.request(), "alice").await.code();
        let replies = race(&sibling, &client, |_, client| {
            let code = code.clone();
            async move { client.redeem(&code).await }
        })
        .await;
        assert_eq!((count(&replies, 200), count(&replies, 400)), (1, RACERS - 1), "{id}");
        for reply in replies.iter().filter(|reply| reply.status == 400) {
            reply.refused(400, "invalid_grant");
        }
        nothing_is_alive(&app, &client, &successes(&replies)).await;
    }
}

/// Invalid replays beside the right one end nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thieves_without_the_verifier_neither_win_nor_end_anything() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let spa = app.client("spa");
    let code = app.browser().login_and_consent(&spa.request(), "alice").await.code();
    let replies = race(&sibling, &spa, |number, client| {
        let code = code.clone();
        async move {
            if number == 17 {
                return client.redeem(&code).await;
            }
            let wrong = "w".repeat(43);
            client.token(&[("grant_type", "authorization_code"), ("code", &code), ("code_verifier", &wrong)]).await
        }
    })
    .await;
    assert_eq!(count(&replies, 200), 1);
    spa.refresh(&successes(&replies)[0].refresh_token).await.tokens();
}

/// Row 2 (better-auth CVE-2026-53517, Keycloak CVE-2026-1035, CXF CVE-2026-50631): one step, forty equal answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_2026_1035_forty_refreshes_of_a_public_client_make_one_step() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await;
    let replies = race(&sibling, &spa, |_, client| {
        let token = first.refresh_token.clone();
        async move { client.refresh(&token).await }
    })
    .await;
    assert_eq!(count(&replies, 200), RACERS);
    let refresh_tokens: BTreeSet<_> = successes(&replies).into_iter().map(|own| own.refresh_token).collect();
    assert_eq!(refresh_tokens.len(), 1);
    assert!(!refresh_tokens.contains(&first.refresh_token));
    let family = app.family_of(&first.access_token).await;
    assert_eq!((family.refresh.unwrap().generation, family.revoked_at), (2, None));
    let access_tokens: BTreeSet<_> = successes(&replies).into_iter().map(|own| own.access_token).collect();
    assert_eq!(access_tokens.len(), RACERS);
}

/// Without a window: at most one answer, and the family ends revoked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_window_0_forty_refreshes_end_the_family() {
    let app = TestApp::plan().client("spa", |spa| spa["refresh_window"] = 0.into()).start().await;
    let sibling = app.another_process().await;
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await;
    let replies = race(&sibling, &spa, |_, client| {
        let token = first.refresh_token.clone();
        async move { client.refresh(&token).await }
    })
    .await;
    assert!(count(&replies, 200) <= 1);
    assert_eq!(count(&replies, 200) + count(&replies, 400), RACERS);
    assert!(app.family_of(&first.access_token).await.revoked_at.is_some());
    nothing_is_alive(&app, &spa, &successes(&replies)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_refreshes_of_a_confidential_client_change_nothing() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let web = app.client("web");
    let first = app.tokens("web", "alice").await;
    let replies = race(&sibling, &web, |_, client| {
        let token = first.refresh_token.clone();
        async move { client.refresh(&token).await }
    })
    .await;
    assert_eq!(count(&replies, 200), RACERS);
    assert!(successes(&replies).iter().all(|own| own.refresh_token == first.refresh_token));
    let family = app.family_of(&first.access_token).await;
    assert_eq!((family.refresh.unwrap().generation, family.revoked_at), (1, None));
}

/// One interaction has one decision: one code, or one refusal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_interaction_is_decided_once() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let web = app.client("web");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = alice.authorize(&web.request()).await;
    let mut racers = JoinSet::new();
    for number in 0..RACERS {
        let mut browser: Browser = if number % 2 == 0 { alice.clone() } else { sibling.browser(&alice) };
        let button = if number % 4 == 0 { decision::DENY } else { decision::ALLOW };
        let form = page.form().press(button);
        racers.spawn(async move { browser.post(&form).await });
    }
    let replies = racers.join_all().await;
    assert_eq!(count(&replies, 303), 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    assert_eq!(count(&replies, 400), RACERS - 1);
    let callback = replies.iter().find(|reply| reply.status == 303).unwrap().callback();
    assert!(callback.get("code").is_some() != callback.get("error").is_some());
    if let Some(code) = callback.get("code") {
        web.redeem(code).await.tokens();
    }
}

/// The host app's page answers once, and the answer is fetched once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_interaction_of_the_host_apps_page_is_answered_and_released_once() {
    let app = hosted().await;
    let sibling = app.another_process().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let handle = handle(&mut browser, &web.request()).await;
    let query = json!({ "query": web.request().query(), "browser_binding": BINDING });
    let raw = app.host().post(INTERACTIONS, query).await.done();
    for (id, binding) in [(handle.as_str(), Value::Null), (raw["interaction_id"].as_str().unwrap(), json!(BINDING))] {
        let login = json!({ "user_id": "user-test-alice", "browser_binding": binding });
        app.host().post(&format!("{INTERACTIONS}/{id}/login"), login).await.done();
        let mut racers = JoinSet::new();
        for number in 0..RACERS {
            let host = if number % 2 == 0 { app.host() } else { app.host().at(&sibling.base) };
            let mut body = allowing("user-test-alice");
            body["browser_binding"] = binding.clone();
            if number % 4 == 0 {
                body["decision"] = json!("deny");
            }
            let path = format!("{INTERACTIONS}/{id}/decide");
            racers.spawn(async move { host.post(&path, body).await });
        }
        let replies = racers.join_all().await;
        assert_eq!((count(&replies, 200), count(&replies, 409)), (1, RACERS - 1));
        let decided = replies.iter().find(|reply| reply.status == 200).unwrap().done();
        let url = decided["redirect_url"].as_str().unwrap();
        let callback = if binding.is_null() {
            let mut racers = JoinSet::new();
            for number in 0..RACERS {
                let mut browser = if number % 2 == 0 { browser.clone() } else { sibling.browser(&browser) };
                let url = url.to_owned();
                racers.spawn(async move { browser.peek(&url).await });
            }
            let replies = racers.join_all().await;
            assert_eq!((count(&replies, 303), count(&replies, 400)), (1, RACERS - 1));
            replies.iter().find(|reply| reply.status == 303).unwrap().callback()
        } else {
            Callback::parse(url)
        };
        if let Some(code) = callback.get("code") {
            web.redeem(code).await.tokens();
        } else {
            assert_eq!(callback.error(), "access_denied");
        }
    }
}

/// Row 3 (growthbook#6371): after revoke has answered, nothing is alive, whatever came between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn growthbook_6371_revoke_against_refresh_leaves_nothing_alive() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    for (round, id) in ["spa", "web", "spa", "web"].into_iter().enumerate() {
        let client = app.client(id);
        let first = app.tokens(id, "alice").await;
        let revoker = 7 + 9 * round;
        let replies = race(&sibling, &client, |number, client| {
            let token = first.refresh_token.clone();
            async move { if number == revoker { client.revoke(&token).await } else { client.refresh(&token).await } }
        })
        .await;
        let tokens: Vec<_> =
            replies.iter().filter(|reply| reply.status == 200 && !reply.body.is_empty()).cloned().collect();
        nothing_is_alive(&app, &client, &successes(&tokens)).await;
        nothing_is_alive(&app, &client, std::slice::from_ref(&first)).await;
    }
}

/// Disabling a user or client, signing out and disconnecting while forty refreshes run: nothing is active afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_disabled_while_refreshes_run_has_nothing_active_afterwards() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    for what in ["user", "sign out", "grant", "client"] {
        for id in ["spa", "web"] {
            let client = app.client(id);
            let first = app.tokens(id, "alice").await;
            let refreshes = race(&sibling, &client, |_, client| {
                let token = first.refresh_token.clone();
                async move { client.refresh(&token).await }
            });
            let end = async {
                tokio::task::yield_now().await;
                match what {
                    "user" => app.disable_user("alice").await,
                    "sign out" => app.sign_out_everywhere("alice").await,
                    "grant" => app.revoke_grant("alice", id).await,
                    _ => app.disable_client(id).await,
                }
            };
            let (replies, ()) = tokio::join!(refreshes, end);
            assert_eq!(count(&replies, 200) + count(&replies, 400) + count(&replies, 401), RACERS, "{what} {id}");
            nothing_is_alive(&app, &client, &successes(&replies)).await;
            nothing_is_alive(&app, &client, std::slice::from_ref(&first)).await;
            match what {
                "user" => app.enable_user("alice").await,
                "client" => app.enable_client(id).await,
                _ => {}
            }
            // Nor does anything come back when they do, though it all happened in one second.
            nothing_is_alive(&app, &client, &successes(&replies)).await;
            nothing_is_alive(&app, &client, std::slice::from_ref(&first)).await;
        }
    }
}

/// The same for codes on their way: whoever is disabled meanwhile has no family afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_disabled_while_codes_are_redeemed_has_nothing_active_afterwards() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let first = app.client("first");
    for what in ["user", "sign out", "grant", "client"] {
        let mut alice = app.browser();
        alice.login_and_consent(&first.request(), "alice").await.code();
        let mut codes = Vec::new();
        for _ in 0..RACERS {
            codes.push(alice.login_and_consent(&first.request(), "alice").await.code());
        }
        let redemptions = race(&sibling, &first, |number, client| {
            let code = codes[number].clone();
            async move { client.redeem(&code).await }
        });
        let end = async {
            tokio::task::yield_now().await;
            match what {
                "user" => app.disable_user("alice").await,
                "sign out" => app.sign_out_everywhere("alice").await,
                "grant" => app.revoke_grant("alice", "first").await,
                _ => app.disable_client("first").await,
            }
        };
        let (replies, ()) = tokio::join!(redemptions, end);
        nothing_is_alive(&app, &first, &successes(&replies)).await;
        match what {
            "user" => app.enable_user("alice").await,
            "client" => app.enable_client("first").await,
            _ => {}
        }
        nothing_is_alive(&app, &first, &successes(&replies)).await;
    }
}

/// Forty logins at once with one login form: each is its own session, and the interaction is still decided once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_login_form_sent_many_times_leads_to_one_decision() {
    let app = TestApp::new().await;
    let first = app.client("first");
    let mut browser = app.browser();
    let page = browser.authorize(&first.request()).await;
    let mut racers = JoinSet::new();
    for _ in 0..8 {
        let (mut browser, form) = (browser.clone(), Browser::fill_login(&page, "alice"));
        racers.spawn(async move { browser.post(&form).await });
    }
    let replies = racers.join_all().await;
    let codes = replies.iter().filter(|reply| reply.status == 303 && reply.location().starts_with(&first.redirect_uri));
    assert_eq!(codes.count(), 1);
    assert!(replies.iter().all(|reply| [303, 400].contains(&reply.status)));
}
