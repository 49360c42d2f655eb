//! `hospes import`: the built program on the database of a running server, which is then asked what it knows.

use crate::app::{API, Authentication, PROJECT, Reply, TestApp};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;

/// `harbour light`, as libxcrypt stores it.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuLkMI6emr6qsRB//kVk2itACx4Sei8nK";
/// The same by OpenSSL's scrypt with N = 2^10, with the text of the salt as the salt.
const SCRYPT: (&str, &str) = ("dma5y7NVbZXKTaA16VAcEAWGQYmvYwLRc-PO9lwc5QY=", "c2FsdC1zYWx0_w==");
const SECRET: &str = "qX3v-8LmTz_0pRk5WnYc7JdHb2SfGaUe9oQiVx4MwEtBhN1ZsKrDyCgPjAlFu6I8";
const CALLBACK: &str = "https://app.example/callback";
const APP: &str = "connected-app-live-0b0d3f2e-7a65-4a55-8e53-0c6d5a3d1a01";
const MACHINE: &str = "m2m-client-live-0b0d3f2e-7a65-4a55-8e53-0c6d5a3d1a02";
const DORA: &str = "user-live-6d1f0f7e-2f3b-4d0b-9a61-4c1fb1f4aa01";

/// A directory with the files of an export.
struct Export {
    directory: TempDir,
}

/// What the command ended with.
struct Ran {
    code: i32,
    summary: Value,
}

impl Export {
    fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn json(&self, name: &str, value: &Value) {
        self.write(name, &value.to_string());
    }

    /// Runs the import, which must end on its own account.
    #[track_caller]
    fn import(&self, app: &TestApp, arguments: &[&str]) -> Ran {
        let mut command = app.command_line();
        command.current_dir(self.directory.path()).args(["import", "--json"]).args(arguments);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let summary = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        Ran { code: output.status.code().unwrap(), summary }
    }

    /// Runs an import that must fail, and returns what it says.
    #[track_caller]
    fn fails(&self, app: &TestApp, arguments: &[&str]) -> String {
        let mut command = app.command_line();
        let output = command.current_dir(self.directory.path()).arg("import").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(output.stdout, b"");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Ran {
    /// That so many were taken, there already, and refused.
    #[track_caller]
    fn counted(&self, subject: &str, counts: [u64; 3]) {
        let [taken, there, refused] = counts;
        let expected = json!({ "taken": taken, "already_there": there, "refused": refused });
        assert_eq!(self.summary["counts"][subject], expected, "{}", self.summary);
    }

    /// Everything was taken.
    #[track_caller]
    fn complete(&self) {
        assert_eq!((self.code, &self.summary["findings"]), (0, &json!([])), "{}", self.summary);
    }

    /// The one thing that was not: file, line, record, outcome; and a word of the reason.
    #[track_caller]
    fn found(&self, file: &str, line: u64, record: &str, outcome: &str, reason: &str) {
        assert_eq!(self.code, 1, "{}", self.summary);
        let found = self.summary["findings"].as_array().unwrap().iter().any(|finding| {
            finding["reason"].as_str().unwrap().contains(reason)
                && finding["file"] == file
                && finding["line"] == line
                && finding["record"] == record
                && finding["outcome"] == outcome
        });
        assert!(found, "{file}:{line} {record} {outcome} {reason}: {}", self.summary);
    }
}

/// As `POST /v1/users/search` shows a user.
fn dora() -> Value {
    json!({
        "user_id": DORA,
        "name": { "first_name": "Dora", "middle_name": "", "last_name": "Dock" },
        "emails": [
            { "email_id": "email-live-6d1f0f7e-2f3b-4d0b-9a61-4c1fb1f4aa02", "email": "Dora@dock.example", "verified": true },
            { "email_id": "email-live-6d1f0f7e-2f3b-4d0b-9a61-4c1fb1f4aa03", "email": "d@dock.example", "verified": false },
        ],
        "phone_numbers": [{
            "phone_id": "phone-number-live-6d1f0f7e-2f3b-4d0b-9a61-4c1fb1f4aa04", "phone_number": "+49301230000",
            "verified": true,
        }],
        "status": "active", "is_locked": false, "created_at": "2024-01-11T09:54:59Z", "external_id": "host|7",
        "password": { "password_id": "password-live-6d1f0f7e-2f3b-4d0b-9a61-4c1fb1f4aa05", "requires_reset": false },
        "providers": [], "webauthn_registrations": [], "totps": [], "crypto_wallets": [], "biometric_registrations": [],
        "roles": ["stytch_user", "member"],
        "trusted_metadata": { "plan": "pro" }, "untrusted_metadata": { "theme": "dark" },
    })
}

/// One of many.
fn somebody(n: u64) -> Value {
    json!({
        "user_id": format!("user-live-00000000-0000-4000-8000-{n:012}"),
        "emails": [{ "email": format!("sailor{n}@fleet.example"), "verified": true }],
        "created_at": "2024-01-11T09:54:59Z",
    })
}

fn lines(records: impl IntoIterator<Item = Value>) -> String {
    records.into_iter().map(|record| record.to_string() + "\n").collect()
}

fn app_of_stytch() -> Value {
    json!({
        "client_id": APP, "client_name": "Lighthouse", "client_description": "Shows notes", "status": "active",
        "client_type": "third_party", "redirect_urls": [CALLBACK], "full_access_allowed": false,
        "access_token_expiry_minutes": 30, "access_token_template_content": "{}", "id_token_template_content": "{}",
        "post_logout_redirect_urls": ["https://app.example/bye"], "bypass_consent_for_offline_access": false,
        "creation_method": "management", "client_secret_last_four": "u6I8", "logo_url": "https://app.example/logo.png",
    })
}

fn machine_of_stytch() -> Value {
    json!({
        "client_id": MACHINE, "client_name": "Crane", "client_description": "Lifts", "status": "active",
        "scopes": ["boats:lift", "notes:read"], "client_secret_last_four": "u6I8", "trusted_metadata": { "dock": 7 },
    })
}

/// A record with another member.
fn with(mut record: Value, name: &str, value: Value) -> Value {
    record[name] = value;
    record
}

/// An answer of a search.
fn page(list: &str, records: Value) -> Value {
    let mut page = json!({ "status_code": 200, "request_id": "r", "results_metadata": { "total": 1 } });
    page[list] = records;
    page
}

async fn authenticate(app: &TestApp, email: &str, password: &str) -> Reply {
    app.host().post("/v1/passwords/authenticate", json!({ "email": email, "password": password })).await
}

async fn users(app: &TestApp) -> Value {
    app.host().post("/v1/users/search", json!({})).await.done()["results_metadata"]["total"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_stytch_keep_their_ids_and_passwords() {
    let app = TestApp::new().await;
    let export = Export::new();
    export.json("users.json", &page("results", json!([dora()])));
    let hash = json!({ "user_id": DORA, "hash": BCRYPT, "hash_type": "bcrypt" });
    export.json("hashes.json", &json!({ "password_hashes": [hash] }));
    // The order in which files are named does not matter.
    let ran = export.import(&app, &["hashes.json", "users.json"]);
    ran.complete();
    ran.counted("users", [1, 0, 0]);
    ran.counted("passwords", [1, 0, 0]);

    let mut shown = app.host().get(&format!("/v1/users/{DORA}")).await.done();
    for (name, value) in dora().as_object().unwrap() {
        match name.as_str() {
            // The password's id is made of the user's.
            "password" => assert_eq!(shown["password"]["requires_reset"], false),
            _ => assert_eq!(&shown[name.as_str()].take(), value, "{name}"),
        }
    }
    authenticate(&app, "dora@dock.example", "harbour lights").await.refused_by_api(401, "unauthorized_credentials");
    assert_eq!(authenticate(&app, "dora@dock.example", "harbour light").await.done()["user_id"], DORA);
    let events = app.host().get(&format!("/v1/audit_events?user_id={DORA}")).await.done();
    let kinds: Vec<_> = events["audit_events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert!(kinds.contains(&json!("user.added")) && kinds.contains(&json!("user.password_set")), "{kinds:?}");
    assert!(events["audit_events"].as_array().unwrap().iter().all(|event| event["actor"] == "operator"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_of_hashes_that_stytch_sends_is_read_as_it_is() {
    let app = TestApp::new().await;
    let export = Export::new();
    let must_reset = json!({ "password_id": "p", "requires_reset": true });
    export.write("users.jsonl", &lines([dora(), with(somebody(1), "password", must_reset)]));
    let (hash, salt) = SCRYPT;
    let other = somebody(1)["user_id"].as_str().unwrap().to_owned();
    let table = format!(
        "scrypt hash parameters,,,,\nscryptCostParameter,1 << 10,,,\nscryptRParameter,8,,,\nscryptPParameter,1,,,\n\
         scryptKeyLengthParamenter,32,,,\n,,,,\nid,hash,salt,hash_method,project_id\n\
         {DORA},{hash},{salt},scrypt,p\n{other},{hash},{salt},scrypt,p\nuser-live-nobody,{hash},{salt},scrypt,p\n\
         {DORA},x,{salt},scrypt,p\n"
    );
    export.write("hashes.csv", &table);
    let ran = export.import(&app, &["users.jsonl", "hashes.csv"]);
    ran.counted("passwords", [2, 0, 2]);
    ran.found("hashes.csv", 10, "user-live-nobody", "refused", "import the users too");
    ran.found("hashes.csv", 11, DORA, "refused", "scrypt");
    assert_eq!(authenticate(&app, "dora@dock.example", "harbour light").await.done()["user_id"], DORA);
    authenticate(&app, "sailor1@fleet.example", "harbour light").await.refused_by_api(400, "reset_password");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_app_runs_the_code_flow_with_its_secret() {
    let app = TestApp::new().await;
    let export = Export::new();
    let public = json!({ "client_id": "connected-app-live-2", "client_type": "first_party_public" });
    let record = with(app_of_stytch(), "client_secret", json!(SECRET));
    export.json("apps.json", &page("connected_apps", json!([record, public])));
    let ran = export.import(&app, &["apps.json"]);
    ran.complete();
    ran.counted("connected_apps", [2, 0, 0]);

    let shown = app.host().get(&format!("/v1/connected_apps/clients/{APP}")).await.done()["connected_app"].clone();
    for (name, value) in app_of_stytch().as_object().unwrap() {
        assert_eq!(&shown[name.as_str()], value, "{name}");
    }
    let client = app.client(APP).with(Authentication::Basic(SECRET.to_owned()));
    let callback = app.browser().login_and_consent(&client.request(), "alice").await;
    let tokens = client.redeem(&callback.code()).await.tokens();
    assert_eq!(
        (tokens.access()["sub"].as_str(), tokens.access()["client_id"].as_str()),
        (Some("user-test-alice"), Some(APP))
    );
    client.clone().with(Authentication::Basic(format!("{SECRET}x"))).refresh("x").await.refused(401, "invalid_client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_machine_gets_tokens_with_its_id_and_secret() {
    let app = TestApp::new().await;
    let export = Export::new();
    let hash = Base64UrlUnpadded::encode_string(&hospes::secret::sha256(SECRET.as_bytes()));
    let records = [
        with(machine_of_stytch(), "client_secret", json!(SECRET)),
        with(json!({ "client_id": "hashed", "scopes": [] }), "client_secret_hash", json!(hash)),
        with(with(machine_of_stytch(), "client_id", json!("asleep")), "status", json!("inactive")),
    ];
    export.json(
        "machines.json",
        &json!({ "m2m_clients": [records[0], records[1], with(records[2].clone(), "client_secret", json!(SECRET))] }),
    );
    let ran = export.import(&app, &["machines.json"]);
    ran.complete();
    ran.counted("machines", [3, 0, 0]);
    let as_machine = |id: &str| app.client(id).with(Authentication::Post(SECRET.to_owned()));
    let tokens = as_machine(MACHINE).client_credentials(&[]).await.tokens();
    assert_eq!((tokens.scope.as_str(), tokens.access()["sub"].as_str()), ("boats:lift notes:read", Some(MACHINE)));
    as_machine("hashed").client_credentials(&[]).await.tokens();
    as_machine("asleep").client_credentials(&[]).await.refused(401, "invalid_client");
    app.client(MACHINE)
        .with(Authentication::Post("kR7_v-2Qb9".into()))
        .client_credentials(&[])
        .await
        .refused(401, "invalid_client");
    let shown = app.host().get(&format!("/v1/m2m/clients/{MACHINE}")).await.done()["m2m_client"].clone();
    for (name, value) in machine_of_stytch().as_object().unwrap() {
        assert_eq!(&shown[name.as_str()], value, "{name}");
    }
    // Whoever steals the database has neither the secret nor its hash.
    let stolen = app.stolen_database();
    let plain = hospes::secret::sha256(SECRET.as_bytes());
    for needle in [SECRET.as_bytes(), &plain, hash.as_bytes()] {
        assert!(!stolen.windows(needle.len()).any(|window| window == needle));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_of_auth0_keep_id_and_secret_and_ask_for_what_they_may() {
    let app = TestApp::new().await;
    let export = Export::new();
    let client = |id: &str, more: Value| {
        let mut client = json!({
            "tenant": "harbour", "global": false, "client_id": id, "name": id, "app_type": "non_interactive",
            "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post",
            "client_secret": SECRET, "callbacks": [], "client_metadata": { "team": "cranes" },
        });
        client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client
    };
    let grant = |client: &str, audience: &str, scope: Value| json!({ "id": "cgr_1", "client_id": client, "audience": audience, "scope": scope });
    let clients = [
        client("JyS4CdkX9ZNmPqRt", json!({})),
        client("words", json!({})),
        client("page", json!({ "app_type": "spa" })),
        client("alone", json!({})),
        client("stranger", json!({})),
    ];
    export.json("clients.json", &json!({ "total": 5, "clients": clients }));
    export.json(
        "grants.json",
        &json!([
            grant("JyS4CdkX9ZNmPqRt", API, json!(["read:boats"])),
            grant("JyS4CdkX9ZNmPqRt", "https://harbour.eu.auth0.com/api/v2/", json!(["read:users"])),
            grant("words", "boats", json!([])),
            grant("stranger", "https://unknown.example", json!([])),
            grant("missing", API, json!([])),
        ]),
    );
    let ran = export.import(&app, &["clients.json", "grants.json"]);
    ran.counted("machines", [2, 0, 4]);
    ran.found("clients.json", 1, "page", "refused", "app_type spa");
    ran.found("clients.json", 1, "alone", "refused", "client-grants");
    ran.found("clients.json", 1, "stranger", "refused", "hospes policy apply");
    ran.found("grants.json", 1, "missing", "refused", "/api/v2/clients");
    let as_machine = |id: &str| app.client(id).with(Authentication::Post(SECRET.to_owned()));
    let tokens = as_machine("JyS4CdkX9ZNmPqRt").client_credentials(&[("audience", API)]).await.tokens();
    assert_eq!((tokens.scope.as_str(), &tokens.access()["aud"]), ("read:boats", &json!(API)));
    let audience = as_machine("words").client_credentials(&[]).await.tokens().access()["aud"].clone();
    assert!(audience.as_array().unwrap().contains(&json!("boats")), "{audience}");
    let shown = app.host().get("/v1/m2m/clients/JyS4CdkX9ZNmPqRt").await.done()["m2m_client"].clone();
    assert_eq!(shown["trusted_metadata"], json!({ "team": "cranes" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_repeated_changes_nothing_and_names_what_differs() {
    let app = TestApp::new().await;
    let export = Export::new();
    let hash = json!({ "email": "d@dock.example", "hash": BCRYPT, "hash_type": "bcrypt" });
    let machine = with(machine_of_stytch(), "client_secret", json!(SECRET));
    export.write("all.jsonl", &lines([dora(), json!({ "email": "eve@dock.example" }), app_of_stytch(), machine, hash]));
    let arguments = ["all.jsonl", "--new-secrets", "secrets.jsonl"];
    export.import(&app, &arguments).complete();
    let secrets = fs::read_to_string(export.path("secrets.jsonl")).unwrap();
    assert_eq!(secrets.lines().count(), 1);
    // A second record of one client asks for nothing.
    let later = with(app_of_stytch(), "client_id", json!("later"));
    export.write("twice.jsonl", &lines([with(later.clone(), "client_secret", json!(SECRET)), later]));
    export.import(&app, &["twice.jsonl", "--dry-run"]).complete();
    export.import(&app, &["twice.jsonl", "--new-secrets", "secrets.jsonl"]).complete();
    assert_eq!(fs::read_to_string(export.path("secrets.jsonl")).unwrap(), secrets);

    let before = app.host().get(&format!("/v1/users/{DORA}")).await.done();
    let again = export.import(&app, &arguments);
    again.complete();
    again.counted("users", [0, 2, 0]);
    again.counted("passwords", [0, 1, 0]);
    again.counted("connected_apps", [0, 1, 0]);
    app.host().get("/v1/connected_apps/clients/later").await.done();
    again.counted("machines", [0, 1, 0]);
    assert_eq!(fs::read_to_string(export.path("secrets.jsonl")).unwrap(), secrets);

    let name = json!({ "first_name": "Theodora", "last_name": "Dock" });
    let other_hash = json!({ "user_id": DORA, "hash": "ab".repeat(16), "hash_type": "md_5" });
    let app_record = with(app_of_stytch(), "redirect_urls", json!(["https://evil.example/callback"]));
    let machine = with(machine_of_stytch(), "status", json!("inactive"));
    export.write("other.jsonl", &lines([with(dora(), "name", name), other_hash, app_record, machine]));
    let ran = export.import(&app, &["other.jsonl"]);
    ran.found("other.jsonl", 1, DORA, "differs", "claims");
    ran.found("other.jsonl", 3, APP, "differs", "redirect_uris");
    ran.found("other.jsonl", 4, MACHINE, "differs", "status");
    ran.counted("passwords", [0, 1, 0]);
    let mut after = app.host().get(&format!("/v1/users/{DORA}")).await.done();
    after["request_id"] = before["request_id"].clone();
    assert_eq!(after, before);
    authenticate(&app, "dora@dock.example", "harbour light").await.done();
    app.client(MACHINE).with(Authentication::Post(SECRET.into())).client_credentials(&[]).await.tokens();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_a_secret_is_named_or_given_one() {
    let app = TestApp::new().await;
    let export = Export::new();
    export.json("clients.json", &json!([app_of_stytch(), machine_of_stytch()]));
    let ran = export.import(&app, &["clients.json"]);
    ran.counted("connected_apps", [1, 0, 0]);
    ran.found("clients.json", 1, APP, "needs_secret", "hospes client rotate-secret start");
    ran.found("clients.json", 1, MACHINE, "needs_secret", "--new-secrets");
    // The ones that are there get what they lack.
    let ran = export.import(&app, &["clients.json", "--new-secrets", "secrets.jsonl"]);
    ran.complete();
    ran.counted("machines", [0, 1, 0]);
    let path = export.path("secrets.jsonl");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let secrets = fs::read_to_string(&path).unwrap();
    let secrets: Vec<Value> = secrets.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let secret = |id: &str| {
        let own = secrets.iter().find(|own| own["client_id"] == id).unwrap();
        Authentication::Post(own["client_secret"].as_str().unwrap().to_owned())
    };
    app.client(MACHINE).with(secret(MACHINE)).client_credentials(&[]).await.tokens();
    app.client(APP).with(secret(APP)).refresh("x").await.refused(400, "invalid_grant");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(export.fails(&app, &["clients.json", "--new-secrets", "secrets.jsonl"]).contains("chmod 600"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_being_changed_comes_with_both_its_values() {
    let app = TestApp::new().await;
    let export = Export::new();
    let next = "uR5_h-9Wk2LmPq7TzB4xNc8V";
    let record = with(with(machine_of_stytch(), "client_secret", json!(SECRET)), "next_client_secret", json!(next));
    // What Stytch answers to the start of a rotation has the new one only.
    let started = with(with(machine_of_stytch(), "client_id", json!("started")), "next_client_secret", json!(next));
    export.json("machines.json", &json!([record, started]));
    export.import(&app, &["machines.json"]).complete();
    for (id, secret) in [(MACHINE, SECRET), (MACHINE, next), ("started", next)] {
        app.client(id).with(Authentication::Post(secret.into())).client_credentials(&[]).await.tokens();
    }
    app.host().post(&format!("/v1/m2m/clients/{MACHINE}/secrets/rotate"), json!({})).await.done();
    app.client(MACHINE)
        .with(Authentication::Post(SECRET.into()))
        .client_credentials(&[])
        .await
        .refused(401, "invalid_client");
    app.host()
        .post("/v1/m2m/clients/started/secrets/rotate", json!({}))
        .await
        .refused_by_api(400, "m2m_client_not_rotating_secret");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let app = TestApp::new().await;
    let export = Export::new();
    let hash = json!({ "email": "DORA@dock.example", "hash": BCRYPT, "hash_type": "bcrypt" });
    let alices = with(somebody(2), "emails", json!([{ "email": "alice@example.com" }]));
    let machine = with(machine_of_stytch(), "client_secret", json!(SECRET));
    let records = [hash, dora(), alices, somebody(1), somebody(1), app_of_stytch(), machine.clone(), machine];
    export.write("all.jsonl", &lines(records));
    let events = async || app.host().get("/v1/audit_events?limit=1000").await.done()["audit_events"].clone();
    let (users_before, events_before) = (users(&app).await, events().await);
    let dry = export.import(&app, &["all.jsonl", "--dry-run"]);
    assert_eq!((users(&app).await, events().await), (users_before, events_before));
    app.host().get(&format!("/v1/connected_apps/clients/{APP}")).await.refused_by_api(404, "connected_app_not_found");
    assert_eq!((dry.code, &dry.summary["dry_run"]), (1, &json!(true)));
    dry.counted("users", [2, 1, 1]);

    let mut wet = export.import(&app, &["all.jsonl"]);
    wet.summary["dry_run"] = json!(true);
    assert_eq!(wet.summary, dry.summary);
    // Of two who have one address the first is taken, and a dry run knows it too.
    let namesake = with(somebody(4), "emails", somebody(3)["emails"].clone());
    export.write("two.jsonl", &lines([somebody(3), namesake]));
    for arguments in [&["two.jsonl", "--dry-run"][..], &["two.jsonl"]] {
        let ran = export.import(&app, arguments);
        ran.counted("users", [1, 0, 1]);
        ran.found("two.jsonl", 2, somebody(4)["user_id"].as_str().unwrap(), "refused", "email sailor3@fleet.example");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_named_with_its_place_and_what_to_change() {
    let app = TestApp::new().await;
    let export = Export::new();
    let named = |n: u64, name: &str, value: Value| with(somebody(n), name, value);
    let many: serde_json::Map<_, _> = (0..21).map(|n| (n.to_string(), json!(1))).collect();
    let refused = [
        (named(1, "emails", json!([{ "email": "alice@example.com" }])), "alice@example.com"),
        (named(2, "external_id", json!("ext-bob")), "ext-bob"),
        (named(3, "phone_numbers", json!([{ "phone_number": "030" }])), "E.164"),
        (named(4, "emails", json!([{ "email": "nobody" }])), "name@domain.example"),
        (named(5, "roles", json!(["captain"])), "hospes policy apply"),
        (named(6, "trusted_metadata", json!(many)), "20 keys"),
        (named(7, "status", json!("gone")), "active or pending"),
        (named(8, "created_at", json!("yesterday")), "2026-11-24T08:00:00Z"),
        (named(9, "name", json!("Ada")), "name: "),
        (named(10, "name", json!({ "first_name": "a\u{0}" })), "NUL"),
        (with(named(11, "hash", json!("x")), "hash_type", json!("bcrypt")), "60 characters"),
        (with(named(12, "hash", json!("$argon2id$x")), "hash_type", json!("argon_2id")), "argon2"),
        (json!({ "user_id": "auth0|9", "emails": [], "external_id": "a b" }), "external_id"),
        (with(app_of_stytch(), "redirect_urls", json!(["http://app.example/"])), "127.0.0.1"),
        (with(app_of_stytch(), "client_type", json!("fourth_party")), "client_type"),
        (
            with(with(app_of_stytch(), "client_type", json!("third_party_public")), "client_secret", json!(SECRET)),
            "take it out",
        ),
        (with(machine_of_stytch(), "client_secret", json!("password")), "too easy to guess"),
        (with(machine_of_stytch(), "client_secret_hash", json!("$2b$10$x")), "SHA-256"),
        (with(machine_of_stytch(), "client_id", json!("a b")), "client id"),
        (with(machine_of_stytch(), "scopes", json!(["openid"])), "scopes"),
        (with(machine_of_stytch(), "status", json!("asleep")), "active or inactive"),
        (json!({ "colour": "blue" }), "user_id and emails"),
    ];
    let before = users(&app).await;
    export.write("all.jsonl", &lines(refused.iter().map(|(record, _)| record.clone())));
    let ran = export.import(&app, &["all.jsonl", "--report", "report.jsonl"]);
    assert_eq!(ran.code, 1);
    assert_eq!((&users(&app).await, ran.summary["findings_left_out"].as_u64()), (&before, Some(2)));
    let report = fs::read_to_string(export.path("report.jsonl")).unwrap();
    assert_eq!(fs::metadata(export.path("report.jsonl")).unwrap().permissions().mode() & 0o777, 0o600);
    let mut report: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    report.sort_by_key(|finding| finding["line"].as_u64());
    assert_eq!(report.len(), refused.len());
    for ((number, (record, expected)), finding) in (1..).zip(&refused).zip(&report) {
        let reason = finding["reason"].as_str().unwrap();
        assert!(reason.contains(expected), "{record}: {reason}");
        assert_eq!(
            (&finding["line"], &finding["file"], &finding["outcome"]),
            (&json!(number), &json!("all.jsonl"), &json!("refused"))
        );
        assert!(!reason.contains(SECRET) && !reason.contains('\0'), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_place_here_is_named() {
    let app = TestApp::new().await;
    let export = Export::new();
    let providers = json!([{ "provider_type": "Google", "provider_subject": "1" }]);
    export
        .json("users.json", &json!([with(with(dora(), "providers", providers), "totps", json!([{ "totp_id": "t" }]))]));
    for counts in [[1, 0, 0], [0, 1, 0]] {
        let ran = export.import(&app, &["users.json"]);
        ran.counted("users", counts);
        ran.found("users.json", 1, DORA, "left_out", "providers (1), totps (1)");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_document_is_found_before_anything_is_written() {
    let app = TestApp::new().await;
    let export = Export::new();
    let before = users(&app).await;
    export.json("good.json", &json!([dora()]));
    export.write("broken.json", &format!("[\n{},\n{{\"user_id\" 1}}\n]", somebody(1)));
    export.write("cut.json", &format!("[\n{},\n", somebody(1)));
    export.write("users.txt", "");
    for (name, expected) in [
        ("broken.json", "line 3"),
        ("cut.json", "line 3"),
        ("absent.json", "cannot read absent.json"),
        ("users.txt", ".jsonl"),
    ] {
        let told = export.fails(&app, &["good.json", name]);
        assert!(told.contains(expected) && told.contains(name), "{told}");
    }
    assert_eq!(users(&app).await, before);
    // A line costs only itself.
    export.write("users.jsonl", &format!("{}\n{{\"user_id\" 1}}\n{}", somebody(1), somebody(2)));
    let ran = export.import(&app, &["users.jsonl"]);
    ran.counted("users", [2, 0, 0]);
    ran.found("users.jsonl", 2, "no record", "refused", "no JSON object");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_that_is_not_there_takes_nothing() {
    let app = TestApp::new().await;
    let export = Export::new();
    export.json("users.json", &json!([dora()]));
    let other = "project-test-99999999-9999-4999-8999-999999999999";
    assert!(export.fails(&app, &["users.json", "--project", other]).contains(other));
    export.import(&app, &["users.json", "--project", PROJECT]).complete();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_is_run_again_while_the_server_works() {
    let app = TestApp::new().await;
    let export = Export::new();
    let all = 3000_u64;
    export.write("users.jsonl", &lines((0..all).map(somebody)));
    let before = users(&app).await.as_u64().unwrap();
    let mut command = app.command_line();
    command.current_dir(export.directory.path()).args(["import", "users.jsonl"]).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    while users(&app).await.as_u64().unwrap() == before && child.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let written = users(&app).await.as_u64().unwrap() - before;
    assert!(written > 0 && written < all, "{written} were written before the end");
    // The server changes users meanwhile, and neither waits for the other.
    let again = std::thread::scope(|scope| {
        let work = scope.spawn(|| export.import(&app, &["users.jsonl"]));
        while !work.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        work.join().unwrap()
    });
    again.complete();
    again.counted("users", [all - written, written, 0]);
    assert_eq!(users(&app).await, json!(before + all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_reads_a_table_and_what_to_do() {
    let app = TestApp::new().await;
    let export = Export::new();
    export.json("all.json", &json!([dora(), app_of_stytch()]));
    let mut command = app.command_line();
    let output = command.current_dir(export.directory.path()).args(["import", "all.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    let told = told.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert!(
        told.contains("                TAKEN  ALREADY THERE  REFUSED\nusers           1      0              0\n"),
        "{told}"
    );
    assert!(told.contains(&format!("all.json:1: {APP}: needs a secret: ")), "{told}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(!Path::new(&export.path("hospes.db")).exists());
}
