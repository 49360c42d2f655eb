//! `/v1/users`: stytch-backend-api.md 6, and access that ends with the user (design section 7).

#![expect(clippy::disallowed_methods, reason = "what happens at the same time is what is tested")]

use crate::app::TestApp;
use hospes_protocol::{
    id::UserId,
    user::{Profile, User},
};
use serde_json::{Value, json};

async fn create(app: &TestApp, body: Value) -> Value {
    app.host().post("/v1/users", body).await.done()
}

async fn ids(app: &TestApp, query: Value) -> Vec<String> {
    let found = app.host().post("/v1/users/search", json!({ "query": query })).await.done();
    let results = found["results"].as_array().unwrap();
    results.iter().map(|user| user["user_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_user_is_created_read_changed_and_deleted() {
    let app = TestApp::new().await;
    let host = app.host();
    let made = create(
        &app,
        json!({
            "email": "Dora@Dock.example", "phone_number": "+49301230000", "external_id": "host|7",
            "name": { "first_name": "Dora", "last_name": "Dock" }, "roles": ["member", "stytch_user"],
            "trusted_metadata": { "plan": "pro" }, "create_user_as_pending": true, "attributes": { "ip_address": "" },
        }),
    )
    .await;
    let id = made["user_id"].as_str().unwrap();
    assert!(id.starts_with("user-test-") && made["email_id"].as_str().unwrap().starts_with("email-test-"), "{made}");
    assert!(made["phone_id"].as_str().unwrap().starts_with("phone-number-test-"), "{made}");
    assert_eq!(made["status"], "pending");
    for text in [id, "host|7", "host%7C7"] {
        let got = host.get(&format!("/v1/users/{text}")).await.done();
        assert_eq!(got["emails"][0]["email"], "Dora@Dock.example");
        assert_eq!(got["name"], json!({ "first_name": "Dora", "middle_name": "", "last_name": "Dock" }));
        assert_eq!(got["roles"], json!(["stytch_user", "member"]));
        assert_eq!((&got["is_locked"], &got["totps"], &got["providers"]), (&json!(false), &json!([]), &json!([])));
    }
    let change = json!({
        "trusted_metadata": { "plan": null, "seats": 3 }, "roles": [], "name": { "middle_name": "D." }, "user_id": id,
        "external_id": "",
    });
    let changed = host.put("/v1/users/host|7", change).await.done();
    assert_eq!(changed["user"]["trusted_metadata"], json!({ "seats": 3 }));
    assert_eq!(changed["user"]["name"]["middle_name"], "D.");
    assert_eq!((&changed["user"]["roles"], &changed["crypto_wallets"]), (&json!(["stytch_user"]), &json!([])));
    assert_eq!(changed["emails"][0]["email_id"], made["email_id"]);
    host.get("/v1/users/host|7").await.refused_by_api(404, "user_not_found");
    assert_eq!(host.delete(&format!("/v1/users/{id}")).await.done()["user_id"], id);
    host.delete(&format!("/v1/users/{id}")).await.refused_by_api(404, "user_not_found");
    // Nothing of the user stays behind, so everything can be given anew.
    let again = json!({ "email": "dora@dock.example", "phone_number": "+49301230000", "external_id": "host|7" });
    assert_ne!(create(&app, again).await["user_id"], id);
    let bare = create(&app, json!({})).await;
    assert_eq!((&bare["email_id"], &bare["phone_id"], &bare["status"]), (&json!(""), &json!(""), &json!("active")));
}

#[tokio::test]
async fn what_a_user_cannot_be_is_refused() {
    let app = TestApp::new().await;
    let host = app.host();
    let many: Value = (0..21).map(|n| (n.to_string(), json!(n))).collect::<serde_json::Map<_, _>>().into();
    for (body, error) in [
        (json!({ "email": "dora" }), "invalid_email"),
        (json!({ "email": "ALICE@example.com" }), "duplicate_email"),
        (json!({ "phone_number": "030 12" }), "invalid_phone_number"),
        (json!({ "phone_number": "+49301234567" }), "duplicate_phone_number"),
        (json!({ "external_id": "a b" }), "invalid_external_id"),
        (json!({ "external_id": "ext-alice" }), "duplicate_user_external_id"),
        (json!({ "roles": ["captain"] }), "invalid_rbac_role_id"),
        (json!({ "name": { "first_name": "a\nb" } }), "invalid_name"),
        (json!({ "trusted_metadata": many }), "metadata_too_many_keys"),
        (json!({ "untrusted_metadata": { "a": "x".repeat(4096) } }), "metadata_too_large"),
        (json!({ "trusted_metadata": [] }), "invalid_argument"),
    ] {
        host.post("/v1/users", body.clone()).await.refused_by_api(400, error);
    }
    for (body, error) in [
        (json!({ "external_id": "ext-bob" }), "duplicate_user_external_id"),
        (json!({ "roles": ["captain"] }), "invalid_rbac_role_id"),
    ] {
        host.put("/v1/users/user-test-alice", body).await.refused_by_api(400, error);
    }
    let found = host.post("/v1/users/search", json!({})).await.done();
    assert_eq!(found["results_metadata"]["total"], 3);
}

#[tokio::test]
async fn factors_are_taken_away_and_exchanged() {
    let app = TestApp::new().await;
    let host = app.host();
    let made = create(&app, json!({ "email": "dora@dock.example", "phone_number": "+49301230000" })).await;
    let id = made["user_id"].as_str().unwrap();
    let (email, phone) = (made["email_id"].as_str().unwrap(), made["phone_id"].as_str().unwrap());
    let exchange = format!("/v1/users/{id}/exchange_primary_factor");
    let to = json!({ "email_address": "dora@pier.example" });
    host.put(&exchange, to.clone()).await.refused_by_api(400, "invalid_exchange_primary_factor_fields");
    let left = host.delete(&format!("/v1/users/emails/{email}")).await.done();
    assert_eq!((&left["user"]["emails"], &left["user_id"]), (&json!([]), &json!(id)));
    host.delete(&format!("/v1/users/emails/{email}")).await.refused_by_api(404, "email_not_found");
    let last = host.delete(&format!("/v1/users/phone_numbers/{phone}")).await;
    last.refused_by_api(400, "cannot_delete_last_primary_factor");
    assert_eq!(host.put(&exchange, to).await.done()["user"]["emails"][0]["email"], "dora@pier.example");
    host.delete(&format!("/v1/users/phone_numbers/{phone}")).await.refused_by_api(404, "phone_number_not_found");
    let alice = json!({ "email_address": "alice@example.com" });
    host.put(&exchange, alice).await.refused_by_api(400, "duplicate_email");
    host.put(&exchange, json!({})).await.refused_by_api(400, "invalid_exchange_primary_factor_fields");

    let password = host.get("/v1/users/ext-alice").await.done()["password"]["password_id"].clone();
    let path = format!("/v1/users/passwords/{}", password.as_str().unwrap());
    assert!(host.delete(&path).await.done()["user"].get("password").is_none());
    host.delete(&path).await.refused_by_api(404, "password_not_found");
    let left = host.delete("/v1/users/ext-alice/external_id").await.done();
    assert!(left["user"].get("external_id").is_none(), "{left}");
    for (kind, error) in [
        ("webauthn_registrations", "webauthn_registration_not_found"),
        ("biometric_registrations", "biometric_registration_not_found"),
        ("totps", "totp_not_found"),
        ("crypto_wallets", "crypto_wallet_not_found"),
        ("oauth", "oauth_user_registration_not_found"),
    ] {
        host.delete(&format!("/v1/users/{kind}/x-test-1")).await.refused_by_api(404, error);
    }
}

#[tokio::test]
async fn users_are_found_by_every_filter() {
    let app = TestApp::new().await;
    let email = app.user("alice").await.profile.emails[0].id.to_string();
    let (alice, all) = (vec!["user-test-alice"], vec!["user-test-alice", "user-test-bob", "user-test-carol"]);
    for (name, value, expected) in [
        ("user_id", json!(["user-test-alice", "user-test-nobody"]), alice.clone()),
        ("user_id", json!(["ext-alice"]), alice.clone()),
        ("email_address", json!(["ALICE@example.com"]), alice.clone()),
        ("email_id", json!([email]), alice.clone()),
        ("phone_number", json!(["+49301234567"]), alice.clone()),
        ("email_address_fuzzy", json!("lice@"), alice.clone()),
        ("full_name_fuzzy", json!("quay"), alice.clone()),
        ("phone_number_fuzzy", json!("234567"), alice),
        ("email_domain", json!("example.com"), all.clone()),
        ("email_verified", json!(true), all.clone()),
        ("phone_verified", json!(false), all.clone()),
        ("password_exists", json!(true), all.clone()),
        ("password_exists", json!(false), vec![]),
        ("status", json!("pending"), vec![]),
        ("created_at_greater_than", json!("2001-01-01T00:00:00Z"), all.clone()),
        ("created_at_less_than", json!("2001-01-01T00:00:00Z"), vec![]),
        (
            "created_at_between",
            json!({ "greater_than": "2001-01-01T00:00:00Z", "less_than": "2999-01-01T00:00:00Z" }),
            all,
        ),
        ("totp_id", json!(["totp-test-1"]), vec![]),
    ] {
        let query = json!({ "operator": "AND", "operands": [{ "filter_name": name, "filter_value": value }] });
        assert_eq!(ids(&app, query).await, expected, "{name} {value}");
    }
    let one = json!({ "filter_name": "user_id", "filter_value": ["ext-alice"] });
    let other = json!({ "filter_name": "full_name_fuzzy", "filter_value": "Pier" });
    let both = |operator: &str| json!({ "operator": operator, "operands": [one, other] });
    assert_eq!(ids(&app, both("OR")).await, ["user-test-alice", "user-test-bob"]);
    assert_eq!(ids(&app, both("AND")).await, Vec::<String>::new());
    let host = app.host();
    for (name, value, error) in [
        ("user_id", json!(["user-test-alice", "ext-bob"]), "user_search_cannot_mix_internal_and_external_user_ids"),
        ("full_name_fuzzy", json!("ab"), "user_search_invalid_filter_value"),
        ("shoe_size", json!(44), "user_search_invalid_filter_name"),
    ] {
        let query = json!({ "operands": [{ "filter_name": name, "filter_value": value }] });
        host.post("/v1/users/search", json!({ "query": query })).await.refused_by_api(400, error);
    }
}

#[tokio::test]
async fn every_kind_of_search_comes_in_pages() {
    let app = TestApp::new().await;
    for n in 0..4 {
        create(&app, json!({ "email": format!("d{n}@dock.example") })).await;
    }
    let addresses: Vec<_> = (0..4).map(|n| format!("d{n}@dock.example")).collect();
    for (query, total) in [
        (json!(null), 7),
        (json!({ "operands": [{ "filter_name": "email_domain", "filter_value": "dock.example" }] }), 4),
        (json!({ "operands": [{ "filter_name": "email_address", "filter_value": addresses }] }), 4),
    ] {
        let (mut seen, mut cursor, mut is_first) = (Vec::new(), json!(null), true);
        loop {
            let asked = json!({ "limit": 3, "cursor": cursor, "query": query });
            let page = app.host().post("/v1/users/search", asked).await.done();
            // How many there are is told with the first page at least.
            assert!(!is_first || page["results_metadata"]["total"] == total, "{page}");
            is_first = false;
            let users = page["results"].as_array().unwrap();
            seen.extend(users.iter().map(|user| user["user_id"].as_str().unwrap().to_owned()));
            cursor = page["results_metadata"]["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
            assert_eq!(users.len(), 3);
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((count, seen.len()), (total, total), "{query}");
    }
}

/// A call looks at 20,000 users at most, so that it takes no longer with every user; the next one goes on from there.
#[tokio::test]
async fn a_search_past_its_bound_says_so_and_goes_on_without_missing_anybody() {
    let app = TestApp::new().await;
    let (mut number, found_at) = (0, [5, 19_990, 20_100, 20_190]);
    while number < 20_200 {
        let (project, now, begin) = (app.app.project.clone(), app.now(), number);
        number += 1010;
        app.change(move |tx| {
            for n in begin..begin + 1010 {
                let mut profile = Profile::default();
                if found_at.contains(&n) {
                    profile.claims.insert("name".into(), "Marina Rare".into());
                }
                let user = User::new(UserId::new(format!("user-test-{n:05}")), profile, now);
                tx.add_user(&project, &user)?.unwrap();
                if n == 20_190 {
                    tx.set_password(&project, &user.id, "$argon2id$", now)?;
                }
            }
            Ok(())
        })
        .await;
        // In order of age, as they are looked at.
        app.advance(1);
    }
    let operand = |name: &str, value: Value| json!({ "filter_name": name, "filter_value": value });
    let rare = operand("full_name_fuzzy", json!("rare"));
    let with_password = operand("password_exists", json!(true));
    let youngest = operand("created_at_greater_than", json!("2027-01-15T08:00:18Z"));
    for (operands, pages) in [
        (json!([rare]), vec![(vec!["00005", "19990"], -1), (vec!["20100", "20190"], -1)]),
        (json!([rare, with_password]), vec![(vec![], -1), (vec!["20190"], -1)]),
        // Those who are too old are not looked at.
        (json!([youngest, rare]), vec![(vec!["19990", "20100", "20190"], 3)]),
    ] {
        let (mut cursor, mut seen) = (json!(null), Vec::new());
        loop {
            let asked = json!({ "cursor": cursor, "query": { "operands": operands } });
            let page = app.host().post("/v1/users/search", asked).await.done();
            let users = page["results"].as_array().unwrap();
            let ids = users.iter().map(|user| user["user_id"].as_str().unwrap().replace("user-test-", ""));
            seen.push((ids.collect::<Vec<_>>(), page["results_metadata"]["total"].as_i64().unwrap()));
            cursor = page["results_metadata"]["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        let pages: Vec<_> =
            pages.into_iter().map(|(ids, total)| (ids.iter().map(ToString::to_string).collect(), total)).collect();
        assert_eq!(seen, pages, "{operands}");
    }
}

#[tokio::test]
async fn concurrent_changes_of_one_user_lose_nothing() {
    let app = TestApp::new().await;
    let changes: Vec<_> = (0..20)
        .map(|n| {
            let host = app.host();
            tokio::spawn(async move {
                let body = json!({ "trusted_metadata": { format!("k{n}"): n } });
                host.put("/v1/users/ext-alice", body).await.done();
            })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    let user = app.host().get("/v1/users/ext-alice").await.done();
    assert_eq!(user["trusted_metadata"].as_object().unwrap().len(), 20);
}

#[tokio::test]
async fn one_of_forty_gets_an_address() {
    let app = TestApp::new().await;
    let attempts: Vec<_> = (0..40)
        .map(|_| {
            let host = app.host();
            tokio::spawn(async move { host.post("/v1/users", json!({ "email": "one@dock.example" })).await })
        })
        .collect();
    let mut made = 0;
    for attempt in attempts {
        let reply = attempt.await.unwrap();
        if reply.status == 200 {
            made += 1;
        } else {
            reply.refused_by_api(400, "duplicate_email");
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn nothing_is_alive_after_a_user_was_disabled_or_signed_out_while_forty_refresh() {
    let app = TestApp::new().await;
    let client = app.client("web");
    for way in ["API disables", "command line disables", "API signs out", "command line signs out"] {
        let mut browser = app.browser();
        let code = browser.login_and_consent(&client.request(), "alice").await.code();
        let tokens = client.redeem(&code).await.tokens();
        let refresh = tokens.refresh_token.clone();
        assert_eq!(client.introspect(&tokens.access_token).await["active"], true);
        let refreshes: Vec<_> = (0..40)
            .map(|_| {
                let (client, refresh) = (client.clone(), refresh.clone());
                tokio::spawn(async move { client.refresh(&refresh).await })
            })
            .collect();
        match way {
            "API disables" => {
                let disabled = app.host().post("/v1/users/ext-alice/disable", json!({})).await.done();
                assert!(disabled["user"]["disabled_at"].is_string(), "{disabled}");
            }
            "API signs out" => {
                app.host().post("/v1/users/ext-alice/sign_out_everywhere", json!({})).await.done();
            }
            "command line disables" => app.operate(&["user", "disable", "ext-alice"]).await,
            _ => app.operate(&["user", "sign-out", "ext-alice"]).await,
        }
        // What the CLI did is done, although it is another process: no answer from here on gives a token that lives.
        client.refresh(&refresh).await.refused(400, "invalid_grant");
        let mut access = vec![tokens.access_token];
        for refresh in refreshes {
            let reply = refresh.await.unwrap();
            if reply.status == 200 {
                access.push(reply.tokens().access_token);
            } else {
                assert_eq!(reply.error().1, "invalid_grant", "{way}");
            }
        }
        let nothing_is_alive = async |when: &str| {
            for token in &access {
                assert_eq!(client.introspect(token).await, json!({ "active": false }), "{way}, {when}");
                assert_eq!(client.userinfo(token).await.status, 401, "{way}, {when}");
            }
            client.refresh(&refresh).await.refused(400, "invalid_grant");
            let sessions = app.host().get("/v1/sessions?user_id=ext-alice").await.done();
            assert_eq!(sessions["sessions"], json!([]), "{way}, {when}");
        };
        nothing_is_alive("afterwards").await;
        assert_eq!(browser.open("/account/apps").await.page(), "login", "{way}");
        // Enabling brings nothing back.
        let enabled = app.host().post("/v1/users/ext-alice/enable", json!({})).await.done();
        assert!(enabled["user"].get("disabled_at").is_none(), "{enabled}");
        nothing_is_alive("when enabled again").await;
        assert_eq!(browser.open("/account/apps").await.page(), "login", "{way}");
    }
}

#[tokio::test]
async fn signing_out_everywhere_and_deleting_end_what_was_issued() {
    let app = TestApp::new().await;
    for (user, is_deleted) in [("alice", false), ("bob", true)] {
        let tokens = app.tokens("web", user).await;
        assert_eq!(app.client("web").introspect(&tokens.access_token).await["active"], true);
        let path = format!("/v1/users/ext-{user}");
        if is_deleted {
            app.host().delete(&path).await.done();
        } else {
            app.host().post(&format!("{path}/sign_out_everywhere"), json!({})).await.done();
        }
        let told = app.client("web").introspect(&tokens.access_token).await;
        assert_eq!(told, json!({ "active": false }), "{user}");
        assert_eq!(app.client("web").userinfo(&tokens.access_token).await.status, 401, "{user}");
    }
    app.host().post("/v1/users/ext-bob/sign_out_everywhere", json!({})).await.refused_by_api(404, "user_not_found");
}

#[tokio::test]
async fn a_lock_is_shown_and_taken_off() {
    let app = TestApp::new().await;
    let (project, now) = (app.app.project.clone(), app.now());
    app.change(move |tx| {
        let until = now.plus(hospes_protocol::Seconds(60));
        Ok(tx.lock_password(&project, &hospes_protocol::id::UserId::new("user-test-alice"), until, now)?)
    })
    .await;
    let locked = app.host().get("/v1/users/ext-alice").await.done();
    assert_eq!(locked["is_locked"], true);
    assert!(locked["lock_created_at"].is_string() && locked["lock_expires_at"].is_string(), "{locked}");
    let open = app.host().post("/v1/users/ext-alice/unlock", json!({})).await.done();
    assert_eq!(open["user"]["is_locked"], false);
    assert!(open["user"].get("lock_expires_at").is_none(), "{open}");
}
