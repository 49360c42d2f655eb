//! Several projects in one database as an operator has them: `hospes init --issuer`, `hospes project`, `--project`.

use crate::{
    app::http,
    cli::{Place, Ran, text},
};
use serde_json::{Value, json};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_second_issuer_is_a_second_project_that_commands_name() {
    let (place, first) = Place::initialised();
    let lagoon = "https://auth.lagoon.example";
    let second = place.json(&["init", "--issuer", lagoon, "--name", "Lagoon"]);
    assert_eq!((&second["created"], &second["issuer"]), (&json!(true), &json!(lagoon)));
    assert!(text(&second, "project_id").starts_with("project-live-"), "{second}");
    assert!(text(&second, "secret").starts_with("secret-live-") && second["secret"] != first["secret"]);
    // It is made once.
    assert_eq!(place.json(&["init", "--issuer", lagoon])["created"], false);
    place.fails(&["init", "--issuer", lagoon, "--test"], "leave out --test");
    assert_eq!(place.json(&["init"])["project_id"], first["project_id"]);
    let third = place.json(&["init", "--issuer", "https://auth-test.lagoon.example", "--test"]);
    assert!(text(&third, "project_id").starts_with("project-test-"), "{third}");
    place.fails(&["init", "--issuer", "https://auth.lagoon.example/"], "ends with a slash");
    // It would take the paths of the project above it.
    place.fails(&["init", "--issuer", &format!("{lagoon}/oauth2")], "below which every issuer has paths of its own");
    // The variable names the configured project of whoever has it set.
    let by_variable = place.command(&["init", "--json"]).env("HOSPES_ISSUER", "http://127.0.0.1:8081").output();
    let by_variable: Value = serde_json::from_str(&Ran::of(by_variable.unwrap()).stdout).unwrap();
    assert_eq!((&by_variable["created"], &by_variable["issuer"]), (&json!(true), &json!("http://127.0.0.1:8081")));

    // Each has records of its own, whether it is named by its id or by its issuer.
    place.json(&["--project", lagoon, "user", "add", "--email", "ada@lagoon.example", "--no-password"]);
    let users = |arguments: &[&str]| place.json(arguments)["users"].as_array().unwrap().len();
    assert_eq!(users(&["user", "list"]), 0);
    assert_eq!(users(&["user", "list", "--project", lagoon]), 1);
    assert_eq!(users(&["user", "list", "--project", text(&second, "project_id")]), 1);
    assert_eq!(users(&["user", "list", "--project", text(&third, "project_id")]), 0);
    let events = place.json(&["--project", lagoon, "audit", "list"])["audit_events"].clone();
    assert_eq!((events.as_array().unwrap().len(), &events[0]["kind"]), (1, &json!("user.added")));

    place.fails(&["user", "list", "--project", "https://nobody.example"], "name one of these by --project");
    place.fails(&["user", "list", "--project", "lagoon"], "--project: no id of a project, and no issuer");
    for whole in [&["backup", "copy.db"][..], &["key", "rewrap", "--new-key-file", "new.key"], &["doctor"]] {
        place.fails(&[whole, &["--project", lagoon]].concat(), "about the whole deployment");
    }
}

#[test]
fn the_list_says_which_projects_the_server_answers_for() {
    let (place, first) = Place::initialised();
    let lagoon = "https://auth.lagoon.example";
    place.json(&["init", "--issuer", lagoon, "--name", "Lagoon"]);
    // The oldest come first; these are of the same second.
    let mut list = place.json(&["project", "list"])["projects"].as_array().unwrap().clone();
    list.sort_by_key(|project| project["name"].to_string());
    let column = |name: &str| -> Vec<Value> { list.iter().map(|project| project[name].clone()).collect() };
    assert_eq!(column("name"), ["Harbour", "Lagoon"]);
    assert_eq!(column("issuer"), ["http://127.0.0.1:8080", lagoon]);
    assert_eq!(column("kind"), ["test", "live"]);
    assert_eq!(column("served"), ["as configured", "too"]);

    let shown = place.json(&["project", "show", lagoon]);
    assert_eq!((&shown["name"], &shown["served"], &shown["users"]), (&json!("Lagoon"), &json!("too"), &json!(0)));
    assert_eq!(place.json(&["project", "show"])["project_id"], first["project_id"]);
    let table = place.run(&["project", "show", lagoon]).stdout;
    assert!(table.contains("issuer") && table.contains(lagoon), "{table}");
    place.fails(&["project", "show", "https://nobody.example"], "the database holds no project with the issuer");

    // Without the configured project nobody is served, and the list says so rather than to fail.
    let moved = place.command(&["project", "list"]).env("HOSPES_ISSUER", "https://moved.example").output().unwrap();
    let moved = Ran::of(moved);
    assert!(moved.code == 0 && moved.stderr.contains("`hospes serve` does not start"), "{}", moved.stderr);
}

#[test]
fn a_project_beside_nothing_is_not_made() {
    let place = Place::empty();
    std::fs::write(place.path("hospes.toml"), "issuer = \"https://auth.example.com\"\n").unwrap();
    place.fails(&["init", "--issuer", "https://auth.exmaple.com"], "without --issuer first, or change the file");
    place.fails(&["project", "show"], "the database holds no project yet");
    assert_eq!(place.json(&["project", "list"])["projects"], json!([]));
}

/// The whole way of an operator: one configuration, one process, two issuers, and nothing that holds at both.
#[tokio::test]
async fn two_projects_of_one_deployment_share_the_server_and_nothing_else() {
    let port = free_port();
    let (place, here) = Place::initialised_at(port);
    let server = place.serve(port);
    let there = format!("http://localhost:{port}");
    // While the server runs.
    let second = place.json(&["init", "--issuer", &there]);
    let project = ["--project", there.as_str()];
    let add = ["client", "add", "--machine", "--name", "Crane", "--id", "crane", "--scope", "boats:lift"];
    let cranes = [place.json(&add), place.json(&[&project[..], &add].concat())];
    let issuers = [text(&here, "issuer").to_owned(), there.clone()];

    let http = http();
    let post = async |url: &str, crane: &Value, form: &str| {
        let request = http.post(url).basic_auth("crane", Some(text(crane, "client_secret")));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };
    let (mut tokens, mut kids) = (Vec::new(), Vec::new());
    for (issuer, crane) in issuers.iter().zip(&cranes) {
        let get = async |url: String| http.get(url).send().await.unwrap().json::<Value>().await.unwrap();
        let metadata = get(format!("{issuer}/.well-known/openid-configuration")).await;
        assert_eq!(metadata["issuer"], **issuer);
        let keys = get(text(&metadata, "jwks_uri").to_owned()).await["keys"].clone();
        kids.push(keys.as_array().unwrap().iter().map(|key| text(key, "kid").to_owned()).collect::<Vec<_>>());
        let (_, reply) = post(text(&metadata, "token_endpoint"), crane, "grant_type=client_credentials").await;
        tokens.push(text(&reply, "access_token").to_owned());
    }
    assert!(!kids[0].is_empty() && kids[0].iter().all(|kid| !kids[1].contains(kid)), "{kids:?}");

    let introspect = async |at: usize, token: &str, crane: &Value| {
        let url = format!("{}/oauth2/introspect", issuers[at]);
        let (status, reply) = post(&url, crane, &format!("token={token}")).await;
        (status, reply["active"].clone())
    };
    for (own, other) in [(0, 1), (1, 0)] {
        assert_eq!(introspect(own, &tokens[own], &cranes[own]).await, (200, json!(true)));
        assert_eq!(introspect(own, &tokens[other], &cranes[own]).await, (200, json!(false)));
        assert_eq!(introspect(own, &tokens[own], &cranes[other]).await.0, 401);
    }

    let whoami = async |project: &Value, secret: &Value| {
        let request = http.get(format!("http://{}/v1/debug/whoami", server.address()));
        let request = request.basic_auth(text(project, "project_id"), Some(text(secret, "secret")));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((whoami(&here, &here).await, whoami(&second, &second).await), (200, 200));
    assert_eq!((whoami(&here, &second).await, whoami(&second, &here).await), (401, 401));
}
