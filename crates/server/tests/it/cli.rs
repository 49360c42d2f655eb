//! The command line from outside: the built program on a directory of its own.

use aws_lc_rs::digest;
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};
use tempfile::TempDir;

/// A directory in which `hospes` is run.
pub(crate) struct Place {
    directory: TempDir,
}

/// A running server; it is stopped at the end of the test.
pub(crate) struct Serving {
    child: Child,
    log: BufReader<ChildStderr>,
    /// The line in which it said where it listens.
    first: String,
}

impl Serving {
    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        let at = self.first.find("listen=").unwrap();
        let rest = &self.first[at + "listen=".len()..];
        rest.split(|c: char| c != '.' && c != ':' && !c.is_ascii_digit()).next().unwrap()
    }

    /// The next line of the log with `word`.
    fn logged(&mut self, word: &str) -> String {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the server ended");
        }
        line
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn empty() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    /// With a project that `hospes init` made; its credentials are what it printed.
    pub(crate) fn initialised() -> (Self, Value) {
        Self::initialised_at(8080)
    }

    pub(crate) fn initialised_at(port: u16) -> (Self, Value) {
        let place = Self::empty();
        let issuer = format!("http://127.0.0.1:{port}");
        let credentials = place.json(&["init", "--issuer", &issuer, "--name", "Harbour"]);
        (place, credentials)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hospes"));
        command.current_dir(self.directory.path()).args(arguments).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HOSPES_") {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Runs a command that must succeed and answer in JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.stdout))
    }

    /// Runs a command that must fail and say `expected`.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str], expected: &str) {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments:?}: {expected:?} is not in {}", ran.stderr);
    }

    /// Starts `hospes serve` and waits until it listens; port 0 is any free one.
    pub(crate) fn serve(&self, port: u16) -> Serving {
        let mut command = self.command(&["serve"]);
        command
            .env("HOSPES_LISTEN", format!("127.0.0.1:{port}"))
            .env("HOSPES_OPERATIONS_LISTEN", "none")
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("hospes serves") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the server did not start");
        }
        Serving { child, log, first: line }
    }

    fn add_client(&self) -> Value {
        self.json(&["client", "add", "--name", "Lighthouse", "--redirect-uri", "https://app.example/callback"])
    }
}

impl Ran {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}"))
}

/// The mode of a file, without its type.
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}

#[test]
fn init_writes_a_configuration_and_prints_the_credentials_once() {
    let (place, credentials) = Place::initialised();
    assert!(text(&credentials, "project_id").starts_with("project-test-"));
    let secret = text(&credentials, "secret");
    assert!(secret.starts_with("secret-test-") && secret.len() > 50, "{secret}");
    assert_eq!(mode(&place.path("hospes.key")), 0o600);
    assert_eq!(mode(&place.path("hospes.db")), 0o600);

    let again = place.run(&["init", "--issuer", "http://127.0.0.1:8080"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.contains("exists already"), "{}", again.stdout);
    assert!(!again.stdout.contains(secret), "the secret was printed again");
    // The secret is in no file: only its hash is stored.
    for entry in fs::read_dir(place.directory.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[test]
fn init_on_https_makes_a_live_project() {
    let place = Place::empty();
    let credentials = place.json(&["init", "--issuer", "https://auth.example.com"]);
    assert!(text(&credentials, "project_id").starts_with("project-live-"), "{credentials}");
    assert_eq!(credentials["issuer"], "https://auth.example.com");
}

#[test]
fn init_says_what_it_lacks() {
    let place = Place::empty();
    place.fails(&["init"], "--issuer");
    place.fails(&["init", "--issuer", "http://auth.example.com"], "must use https");
    assert!(!place.path("hospes.toml").exists() && !place.path("hospes.db").exists());
}

#[test]
fn a_client_is_added_listed_shown_disabled_and_removed() {
    let (place, _) = Place::initialised();
    let client = place.add_client();
    let id = text(&client, "client_id");
    assert!(id.starts_with("connected-app-test-"), "{client}");
    let secret = text(&client, "client_secret");
    assert!(secret.starts_with("hcs_"), "{client}");

    let listed = place.json(&["client", "list"]);
    assert_eq!(listed["clients"][0]["client_id"], id);
    let table = place.run(&["client", "list"]).stdout;
    assert!(table.contains("app.example   20"), "neither host nor day: {table}");
    let shown = place.run(&["client", "show", id, "--json"]);
    assert!(shown.stdout.contains("https://app.example/callback"), "{}", shown.stdout);
    assert!(!shown.stdout.contains(secret), "a secret is shown once");

    assert_eq!(place.run(&["client", "disable", id]).code, 0);
    assert!(place.json(&["client", "show", id])["disabled_at"].is_string());
    assert_eq!(place.run(&["client", "enable", id]).code, 0);
    assert!(place.json(&["client", "show", id])["disabled_at"].is_null());

    place.fails(&["client", "remove", id], "--yes");
    assert_eq!(place.run(&["client", "remove", id, "--yes"]).code, 0);
    assert_eq!(place.json(&["client", "list"])["clients"], Value::Array(Vec::new()));
    place.fails(&["client", "show", id], "no client");
}

#[test]
fn a_secret_is_rotated_in_two_steps() {
    let (place, _) = Place::initialised();
    let client = place.add_client();
    let id = text(&client, "client_id");
    place.fails(&["client", "rotate-secret", "promote", id], "start");
    let next = place.json(&["client", "rotate-secret", "start", id]);
    assert_ne!(next["next_client_secret"], client["client_secret"]);
    place.fails(&["client", "rotate-secret", "start", id], "promote");
    let secrets = place.json(&["client", "show", id])["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 2, "{secrets}");
    assert_eq!(place.run(&["client", "rotate-secret", "promote", id]).code, 0);
    let secrets = place.json(&["client", "show", id])["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 1, "{secrets}");
    assert!(text(&next, "next_client_secret").ends_with(text(&secrets[0], "last_four")));
    place.json(&["client", "rotate-secret", "start", id]);
    assert_eq!(place.run(&["client", "rotate-secret", "cancel", id]).code, 0);
    place.fails(&["client", "rotate-secret", "cancel", id], "start");
}

#[test]
fn a_client_that_breaks_a_rule_is_refused_and_told_why() {
    let (place, _) = Place::initialised();
    let add = ["client", "add", "--name", "X"];
    place.fails(&[&add[..], &["--redirect-uri", "javascript:alert(1)"]].concat(), "redirect");
    place.fails(&[&add[..], &["--redirect-uri", "http://app.example/cb"]].concat(), "redirect");
    place.fails(&[&add[..], &["--public", "--grant", "client_credentials"]].concat(), "client_credentials");
    let elsewhere = ["--scope", "openid boats", "--redirect-uri", "https://a.example/"];
    place.fails(&[&add[..], &elsewhere].concat(), "no scope value `boats`; it has openid, ");
    place.fails(&[&add[..], &["--scope", "a\"b", "--redirect-uri", "https://a.example/"]].concat(), "scope");
    let once = [&add[..], &["--redirect-uri", "https://a.example/", "--id", "mine"]].concat();
    assert_eq!(place.run(&once).code, 0);
    place.fails(&once, "exists already");
    assert_eq!(place.json(&["client", "list"])["clients"].as_array().unwrap().len(), 1);
}

#[test]
fn a_policy_is_shown_replaced_and_kept_while_clients_need_it() {
    let (place, _) = Place::initialised();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policy.toml");
    assert_eq!(place.run(&["policy", "apply", example.to_str().unwrap()]).code, 0);
    let uri = ["--redirect-uri", "https://a.example/", "--resource", "https://api.example.com/notes"];
    let add = ["client", "add", "--name", "Lantern", "--scope", "openid notes.read"];
    assert_eq!(place.run(&[&add[..], &uri].concat()).code, 0);
    assert_eq!(place.run(&["user", "add", "--username", "ada", "--no-password", "--role", "reader"]).code, 0);

    // What is shown can be applied again, in both forms.
    let (shown, as_json) = (place.run(&["policy", "show"]).stdout, place.run(&["policy", "show", "--json"]).stdout);
    assert!(shown.contains("notes.read"), "{shown}");
    fs::write(place.path("again.toml"), &shown).unwrap();
    fs::write(place.path("again.json"), &as_json).unwrap();
    for file in ["again.toml", "again.json"] {
        assert_eq!(place.run(&["policy", "apply", file]).code, 0);
        assert_eq!(place.run(&["policy", "show"]).stdout, shown);
    }

    for (text, expected) in [
        ("", "Lantern (connected-app-test-"),
        ("", "needs notes.read, https://api.example.com/notes; keep it in the file"),
        ("[[scopes]]\nvalue = \"openid\"\ndescription = \"\"\n", "always there"),
        ("[[scopes]]\nvalue = \"full_access\"\ndescription = \"\"\n", "`full_access`: openid, profile, "),
        ("default_scope = \"boats\"\n", "the scope value `boats`: the project's default scope names it"),
        ("[[policy.scopes]]\nvalue = \"a\"\n", "unknown field `policy`"),
    ] {
        fs::write(place.path("next.toml"), text).unwrap();
        place.fails(&["policy", "apply", "next.toml"], expected);
    }
    assert_eq!(place.run(&["policy", "show"]).stdout, shown, "a refused policy changed something");
    fs::write(place.path("next.toml"), "").unwrap();
    assert_eq!(place.run(&["policy", "apply", "next.toml", "--force"]).code, 0);
    assert_eq!(place.json(&["policy", "show"])["scopes"], json!([]));
}

#[test]
fn every_client_of_the_readme_can_be_added() {
    let readme = include_str!("../../../../README.md").replace("\\\n", " ");
    let commands: Vec<_> = readme.lines().filter(|line| line.starts_with("hospes client add")).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    let (place, _) = Place::initialised();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policy.toml");
    assert_eq!(place.run(&["policy", "apply", example.to_str().unwrap()]).code, 0);
    let folder = Path::new(env!("CARGO_BIN_EXE_hospes")).parent().unwrap();
    for line in commands {
        let mut command = Command::new("/bin/sh");
        command.current_dir(place.directory.path()).args(["-c", line]).env("PATH", folder).env_remove("HOSPES_CONFIG");
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_new_client_is_told_where_to_begin() {
    let (place, _) = Place::initialised();
    let uri = "https://a.example/callback?x=1";
    let ran = place.run(&["client", "add", "--name", "Lantern", "--id", "lantern", "--redirect-uri", uri]);
    assert!(ran.stdout.contains("http://127.0.0.1:8080/.well-known/openid-configuration"), "{}", ran.stdout);
    let url = ran.stderr.lines().find(|line| line.starts_with("http://127.0.0.1:8080/oauth2/authorize?")).unwrap();
    let url = url::Url::parse(url).unwrap();
    let field = |name: &str| url.query_pairs().find(|(own, _)| own == name).unwrap().1.into_owned();
    assert_eq!((field("client_id").as_str(), field("redirect_uri").as_str()), ("lantern", uri));
    assert_eq!((field("code_challenge").len(), field("code_challenge_method").as_str()), (43, "S256"));
    let service = place.run(&["client", "add", "--name", "Night", "--grant", "client_credentials"]);
    assert!(!service.stderr.contains("/oauth2/authorize"), "{}", service.stderr);
}

#[test]
fn the_log_names_the_client_that_nobody_knows() {
    let (place, _) = Place::initialised();
    let mut server = place.serve(0);
    let mut asked = std::net::TcpStream::connect(server.address()).unwrap();
    let request = "GET /oauth2/authorize?client_id=nob%0Aody&response_type=code HTTP/1.1\r\nhost: a\r\n\r\n";
    asked.write_all(request.as_bytes()).unwrap();
    let line = server.logged("refused");
    assert!(line.contains("client_id=\"nob\\nody\"") && line.contains("ask the operator"), "{line}");
}

#[test]
fn a_machine_is_added_in_one_word_with_scope_values_of_its_own() {
    let (place, _) = Place::initialised();
    let add = ["client", "add", "--name", "Crane", "--machine"];
    let machine = place.json(&[&add[..], &["--scope", "boats:lift"]].concat());
    assert!(text(&machine, "client_id").starts_with("m2m-client-test-"), "{machine}");
    assert!(text(&machine, "client_secret").starts_with("hcs_"), "{machine}");
    let shown = place.json(&["client", "show", text(&machine, "client_id")]);
    assert_eq!(shown["grant_types"], json!(["client_credentials"]));
    assert_eq!((&shown["party"], &shown["scope"]), (&json!("first"), &json!("boats:lift")));
    let list = place.run(&["client", "list"]).stdout;
    assert!(list.contains("machine"), "{list}");
    for with in [&["--public"][..], &["--redirect-uri", "https://a.example/"], &["--grant", "refresh_token"]] {
        assert_eq!(place.run(&[&add[..], with].concat()).code, 2, "{with:?}");
    }
}

#[test]
fn a_public_client_has_no_secret() {
    let (place, _) = Place::initialised();
    let uri = "http://127.0.0.1/callback";
    let client = place.json(&["client", "add", "--name", "Lantern", "--public", "--native", "--redirect-uri", uri]);
    assert!(client["client_secret"].is_null());
    place.fails(&["client", "rotate-secret", "start", text(&client, "client_id")], "public");
}

#[test]
fn passwords_come_from_standard_input_and_never_from_the_command_line() {
    let (place, _) = Place::initialised();
    let add = ["user", "add", "--email", "Ada@Harbour.example", "--name", "Ada", "--json"];
    place.fails(&add, "--password-stdin");
    let ran = place.run_with_input(&[&add[..], &["--password-stdin"]].concat(), "correct horse\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let user: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(text(&user, "user_id").starts_with("user-test-"));
    assert!(!ran.stdout.contains("correct horse"));

    for (email, password, expected) in
        [("b@c.example", "seven77", "at least 8 characters"), ("notanemail", "correct horse", "send an e-mail address")]
    {
        let ran = place.run_with_input(&["user", "add", "--email", email, "--password-stdin"], password);
        assert!(ran.code == 1 && ran.stderr.contains(expected), "{email} {password}: {}", ran.stderr);
    }
    let short = place.run_with_input(&["user", "add", "--email", "b@c.example", "--password-stdin"], "\n");
    assert_eq!(short.code, 1);
    assert!(short.stderr.contains("must not be empty"), "{}", short.stderr);
    assert_eq!(place.run(&["user", "add", "--email", "a@b.example", "--password", "x"]).code, 2);
    for command in [&["user", "add", "--help"][..], &["client", "add", "--help"], &["init", "--help"]] {
        let help = place.run(command).stdout;
        assert!(!help.contains("--password <") && !help.contains("--secret <"), "{help}");
    }

    // A login is one user's, whatever its case, and a user name cannot be taken for an address.
    let twin = ["user", "add", "--email", "ada@harbour.EXAMPLE", "--no-password"];
    place.fails(&twin, "another user has the email ada@harbour.example");
    place.fails(&twin, "`hospes user set-password ada@harbour.example` gives them a new password");
    place.fails(&["user", "add", "--username", "ada@harbour.EXAMPLE", "--no-password"], "no @");
    place.fails(&["user", "add", "--email", "Ada <ada@b.example>", "--no-password"], "name@domain.example");
    let set = ["user", "set-password", "ada@harbour.example", "--password-stdin"];
    assert_eq!(place.run_with_input(&set, "another one\n").code, 0);
    place.fails(&["user", "disable", "nobody@harbour.example"], "no user");
    assert_eq!(place.run(&["user", "disable", "ada@harbour.example"]).code, 0);
    let users = place.json(&["user", "list"]);
    assert!(users["users"][0]["disabled_at"].is_string(), "{users}");
    assert_eq!(place.run(&["user", "enable", text(&user, "user_id")]).code, 0);
    assert!(place.json(&["user", "list"])["users"][0]["disabled_at"].is_null());

    let shown = place.json(&["user", "show", "ada@harbour.example"]);
    assert_eq!(shown["logins"], serde_json::json!(["ada@harbour.example"]));
    assert_eq!(place.run(&["user", "sign-out", "ada@harbour.example"]).code, 0);
    assert_eq!(place.run(&["user", "remove", "ada@harbour.example", "--yes"]).code, 0);
    place.fails(&["user", "show", "ada@harbour.example"], "no user");
    assert_eq!(place.json(&["user", "list"])["users"], serde_json::json!([]));
}

#[test]
fn a_trusted_token_profile_is_added_listed_and_removed() {
    let (place, _) = Place::initialised();
    let url = "https://login.example/keys";
    let said = ["--name", "Login", "--issuer", "https://login.example/", "--audience", "harbour"];
    let add = |more: &[&'static str]| [&["trusted-profile", "add"][..], &said, more].concat();
    let added = place.json(&add(&["--jwks-url", url, "--roles-claim", "app.roles", "--jit"]));
    let listed = place.json(&["trusted-profile", "list"])["trusted_token_profiles"][0].clone();
    assert_eq!(listed["profile_id"], added["profile_id"]);
    let settings = &listed["settings"];
    assert_eq!((&settings["jwks_url"], &settings["can_jit_provision"]), (&json!(url), &json!(true)));
    assert_eq!(settings["attribute_mapping"], json!({ "email": "email", "token_id": "jti", "role_ids": "app.roles" }));
    assert_eq!(settings["reauthenticate_after_seconds"], 2_592_000);
    place.fails(&add(&["--jwks-url", "http://login.example/keys"]), "jwks_url: for public_key_type JWK an https URL");
    place.fails(&add(&["--pem-file", "nowhere.pem"]), "cannot read nowhere.pem");
    let id = text(&added, "profile_id");
    place.json(&["trusted-profile", "remove", id]);
    place.fails(&["trusted-profile", "remove", id], "there is no trusted token profile");
    assert_eq!(place.json(&["trusted-profile", "list"])["trusted_token_profiles"], json!([]));
}

#[test]
fn a_client_is_updated_by_the_options_that_it_is_added_with() {
    let (place, _) = Place::initialised();
    let client = place.add_client();
    let id = text(&client, "client_id");
    let before = place.json(&["client", "show", id]);
    let update = |more: &[&'static str]| [&["client", "update", id][..], more].concat();
    let changed = place.json(&update(&[
        "--name",
        "Lamp",
        "--redirect-uri",
        "https://b.example/",
        "--redirect-uri",
        "https://c.example/",
        "--scope",
        "openid email",
        "--logo-uri",
        "https://b.example/logo.png",
        "--party",
        "first",
        "--verified",
        "--bypass-consent-for-offline-access",
        "--access-token-lifetime",
        "120",
        "--policy-uri",
        "https://b.example/privacy",
        "--tos-uri",
        "https://b.example/terms",
        "--access-token-template",
        r#"{"external_id": {{ user.external_id }}}"#,
    ]));
    let expected = [
        "access_token_lifetime",
        "access_token_template",
        "bypass_consent_for_offline_access",
        "logo_uri",
        "name",
        "party",
        "policy_uri",
        "redirect_uris",
        "scope",
        "tos_uri",
        "verified",
    ];
    assert_eq!(changed, json!({ "client_id": id, "changed": expected }));
    let after = place.json(&["client", "show", id]);
    for (name, value) in [
        ("name", json!("Lamp")),
        ("redirect_uris", json!(["https://b.example/", "https://c.example/"])),
        ("scope", json!("openid email")),
        ("party", json!("first")),
        ("verified", json!(true)),
        ("access_token_lifetime", json!(120)),
        ("policy_uri", json!("https://b.example/privacy")),
        ("tos_uri", json!("https://b.example/terms")),
        ("access_token_template", json!(r#"{"external_id": {{ user.external_id }}}"#)),
        // What was not given stays.
        ("grant_types", before["grant_types"].clone()),
        ("secrets", before["secrets"].clone()),
        ("created_at", before["created_at"].clone()),
    ] {
        assert_eq!(after[name], value, "{name}");
    }
    let event = place.json(&["audit", "list", "--kind", "client.changed"])["audit_events"][0].clone();
    assert_eq!((&event["client_id"], &event["detail"]), (&json!(id), &json!({ "changed": expected })));

    place.json(&update(&["--verified=false", "--unset", "scope", "--unset", "access-token-lifetime"]));
    let after = place.json(&["client", "show", id]);
    assert_eq!(
        (&after["verified"], &after["scope"], &after["access_token_lifetime"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
    assert!(place.run(&update(&["--verified=false"])).stdout.contains("Nothing was changed"));
    assert_eq!(place.json(&["audit", "list", "--kind", "client.changed"])["audit_events"].as_array().unwrap().len(), 2);

    // A client that has become public has no secret to prove; one that is so no more gets one by a rotation.
    place.json(&update(&["--public", "--bypass-consent-for-offline-access=false"]));
    place.fails(&["client", "rotate-secret", "start", id], "public");
    place.json(&update(&["--public=false"]));
    assert_eq!(place.json(&["client", "show", id])["authentication_methods"], json!(["client_secret_basic"]));

    for (options, expected) in [
        (&["--redirect-uri", "http://b.example/"][..], "redirect"),
        (&["--scope", "boats"], "no scope value `boats`"),
        (&["--party", "third", "--bypass-consent-for-offline-access"], "first"),
        (&["--grant", "client_credentials"], "is no machine, as its id says"),
        (&["--unset", "redirect-uri"], "redirect-uri"),
        (&["--colour", "red"], "--colour"),
    ] {
        let ran = place.run(&update(options));
        assert!(ran.code != 0 && ran.stderr.contains(expected), "{options:?}: {}", ran.stderr);
    }
    place.fails(&["client", "update", "nobody", "--name", "X"], "there is no client nobody");
    assert_eq!(
        place.json(&["client", "show", id])["redirect_uris"],
        json!(["https://b.example/", "https://c.example/"])
    );
}

#[test]
fn a_webhook_is_added_listed_shown_rotated_and_removed() {
    let (place, _) = Place::initialised();
    let add = |url: &'static str, kind: &'static str| ["webhook", "add", "--url", url, "--kind", kind];
    let url = "https://app.example/hook";
    let made = place.json(&[&add(url, "user.disabled")[..], &["--kind", "user.added"]].concat())["webhook"].clone();
    let (id, secret) = (text(&made, "webhook_id"), text(&made, "secret"));
    assert!(id.starts_with("webhook-test-") && secret.starts_with("whsec_"), "{made}");
    let listed = place.json(&["webhook", "list"])["webhooks"].clone();
    assert_eq!((&listed[0]["url"], &listed[0]["kinds"]), (&json!(url), &json!(["user.added", "user.disabled"])));
    assert!(!listed.to_string().contains(secret), "a secret is shown once");

    // The operator's events are lined up for it like all others.
    place.json(&["user", "add", "--username", "ada", "--no-password"]);
    let shown = place.json(&["webhook", "show", id]);
    assert_eq!((&shown["webhook"]["url"], &shown["deliveries"][0]["kind"]), (&json!(url), &json!("user.added")));
    assert_eq!(shown["deliveries"][0]["state"], "pending");
    let table = place.run(&["webhook", "show", id]).stdout;
    assert!(table.contains(url) && table.contains("pending"), "{table}");

    let next = place.json(&["webhook", "rotate-secret", id])["webhook"].clone();
    assert!(text(&next, "secret").starts_with("whsec_") && next["secret"] != made["secret"], "{next}");
    place.fails(&add("http://app.example/hook", "*"), "url: an absolute https URL");
    place.fails(&add("https://10.0.0.1/hook", "*"), "url: an absolute https URL");
    place.fails(&add(url, "user.*"), "no event has one of these kinds");
    place.fails(&["webhook", "remove", id], "--yes");
    place.json(&["webhook", "remove", id, "--yes"]);
    for command in ["show", "rotate-secret"] {
        place.fails(&["webhook", command, id], "the project has no webhook with this webhook_id");
    }
    place.fails(&["webhook", "remove", id, "--yes"], "the project has no webhook with this webhook_id");
    assert_eq!(place.json(&["webhook", "list"])["webhooks"], json!([]));
    for _ in 0..10 {
        place.json(&add(url, "*"));
    }
    place.fails(&add(url, "*"), "the project has 10 webhooks");
    // What was sealed here is opened there: a change of the master key takes it along.
    assert_eq!(place.run(&["key", "rewrap", "--new-key-file", "new.key"]).code, 0);
    place.fails(&["webhook", "rotate-secret", id], "master key");
}

#[test]
fn a_public_token_is_added_listed_and_removed() {
    let (place, _) = Place::initialised();
    let added = place.run(&["public-token", "add"]);
    assert!(added.code == 0 && added.stderr.contains("sdk.enabled true"), "{}", added.stderr);
    let list = place.json(&["public-token", "list"])["public_tokens"].clone();
    let token = text(&list[0], "public_token");
    assert!(token.starts_with("public-token-test-") && added.stdout.contains(token), "{list}");
    place.json(&["settings", "set", "sdk.enabled", "true"]);
    place.json(&["settings", "set", "sdk.domains", "[\"https://app.example\"]"]);
    place.fails(&["settings", "set", "sdk.domains", "[\"https://app.example/\"]"], "write the origin");
    assert_eq!(place.run(&["public-token", "add"]).stderr, "");
    place.json(&["public-token", "remove", token]);
    place.fails(&["public-token", "remove", token], "the project has no such public token");
    assert_eq!(place.json(&["public-token", "list"])["public_tokens"].as_array().unwrap().len(), 1);
}

#[test]
fn keys_rotate_with_an_overlap() {
    let (place, _) = Place::initialised();
    let before = place.json(&["key", "list"])["keys"].as_array().unwrap().len();
    assert_eq!(place.run(&["key", "rotate"]).code, 0);
    let after = place.json(&["key", "list"]);
    assert!(after["keys"].as_array().unwrap().len() > before, "{after}");
    assert_eq!(place.run(&["key", "rotate", "--refresh"]).code, 0);
    let listed = place.run(&["key", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(!listed.stdout.contains("\"d\""), "a private key is never shown");
}

#[test]
fn a_new_master_key_takes_the_place_of_the_old_one() {
    let (place, _) = Place::initialised();
    let rewrap = ["key", "rewrap", "--new-key-file", "new.key"];
    assert_eq!(place.run(&rewrap).code, 0);
    assert_eq!(mode(&place.path("new.key")), 0o600);
    // The old key opens nothing now.
    place.fails(&["key", "rotate"], "master key");
    let with_new =
        Ran::of(place.command(&["key", "rotate"]).env("HOSPES_MASTER_KEY__FILE", "new.key").output().unwrap());
    assert_eq!(with_new.code, 0, "{}", with_new.stderr);
}

#[test]
fn a_backup_can_be_restored_and_does_not_hold_the_master_key() {
    let (place, _) = Place::initialised();
    let client = place.add_client();
    let id = text(&client, "client_id");
    assert_eq!(place.run(&["backup", "copy.db"]).code, 0);
    place.fails(&["backup", "copy.db"], "exists already");
    assert_eq!(mode(&place.path("copy.db")), 0o600);
    let key = fs::read_to_string(place.path("hospes.key")).unwrap();
    let copy = fs::read(place.path("copy.db")).unwrap();
    assert!(!copy.windows(key.trim().len()).any(|window| window == key.trim().as_bytes()));

    // What came after the backup is gone after the restore, and what it held is there again.
    assert_eq!(place.run(&["client", "remove", id, "--yes"]).code, 0);
    place.fails(&["restore", "copy.db"], "--force");
    assert_eq!(place.json(&["client", "list"])["clients"].as_array().unwrap().len(), 0);
    let restored = place.run(&["restore", "copy.db", "--force"]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    assert_eq!(place.json(&["client", "list"])["clients"][0]["client_id"], id);
    assert_eq!(place.run(&["key", "rotate"]).code, 0, "the restored keys open with the master key");

    // Into nothing no force is needed.
    let other = Place::empty();
    for name in ["hospes.toml", "hospes.key"] {
        fs::copy(place.path(name), other.path(name)).unwrap();
    }
    let copy = place.path("copy.db");
    assert_eq!(other.run(&["restore", copy.to_str().unwrap()]).code, 0);
    assert_eq!(other.json(&["client", "list"])["clients"][0]["client_id"], id);
    other.fails(
        &["restore", "hospes.toml", "--force"],
        "hospes.toml is not a backup of Hospes: it is no SQLite database\n",
    );
}

#[test]
fn a_database_that_a_server_has_open_is_shared_and_not_replaced() {
    let (place, _) = Place::initialised();
    let client = place.add_client();
    assert_eq!(place.run(&["backup", "before.db"]).code, 0);
    let server = place.serve(0);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port_in_use = place.command(&["serve"]).env("HOSPES_LISTEN", taken.local_addr().unwrap().to_string()).output();
    let port_in_use = Ran::of(port_in_use.unwrap());
    assert!(port_in_use.code == 1 && port_in_use.stderr.contains("HOSPES_LISTEN"), "{}", port_in_use.stderr);
    // The command line writes beside the server …
    assert_eq!(place.run(&["client", "disable", text(&client, "client_id")]).code, 0);
    assert_eq!(place.run(&["backup", "beside.db"]).code, 0);
    // … and must not take away the log that the server goes on writing to.
    assert!(place.path("hospes.db-wal").exists(), "the server's log was removed");
    #[expect(clippy::disallowed_methods, reason = "how long somebody at a terminal waits")]
    let asked = std::time::Instant::now();
    place.fails(&["restore", "before.db", "--force"], "is in use; stop `hospes serve` first");
    assert!(asked.elapsed().as_secs() < 4, "a running server made it wait for {:?}", asked.elapsed());
    assert!(!place.path("hospes.db.restoring").exists(), "a refused restore left its copy");
    assert!(place.json(&["client", "show", text(&client, "client_id")])["disabled_at"].is_string());
    drop(server);
    let restored = place.run(&["restore", "before.db", "--force"]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    assert!(place.json(&["client", "show", text(&client, "client_id")])["disabled_at"].is_null());
}

#[test]
fn config_check_shows_origins_and_masks_secrets() {
    let place = Place::empty();
    fs::write(place.path("hospes.toml"), "issuer = \"https://auth.example.com\"\n[lifetimes]\naccess_token = \"5m\"\n")
        .unwrap();
    let key = "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c";
    for form in [&["config", "check"][..], &["config", "check", "--json"]] {
        let mut command = place.command(form);
        command.env("HOSPES_MASTER_KEY", key).env("HOSPES_DATABASE__URL", "postgres://me:hunter2@db/x");
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(!ran.stdout.contains(key) && !ran.stdout.contains("hunter2"), "{}", ran.stdout);
        for expected in ["lifetimes.access_token", "5m", "line 3", "HOSPES_DATABASE__URL", "postgres://me:***@db/x"] {
            assert!(ran.stdout.contains(expected), "{expected:?} is not in {}", ran.stdout);
        }
    }
    fs::write(place.path("hospes.toml"), "issuer = \"https://auth.example.com\"\n[log]\nlevel = \"loud\"\n").unwrap();
    place.fails(&["config", "check"], "write error, warn, info");
    fs::write(place.path("hospes.toml"), "isuer = \"https://auth.example.com\"\n").unwrap();
    place.fails(&["config", "check"], "line 1: unknown key `isuer`; did you mean `issuer`?");
}

#[test]
fn what_init_writes_is_a_valid_configuration() {
    let (place, _) = Place::initialised();
    let written = fs::read_to_string(place.path("hospes.toml")).unwrap();
    assert_eq!(place.run(&["config", "check"]).code, 0);
    // Every line that is commented out shows a default that could be set.
    let uncommented: String = written
        .lines()
        .map(|line| line.strip_prefix("#").filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .fold(String::new(), |all, line| all + line + "\n");
    assert_ne!(uncommented, written);
    fs::write(place.path("all.toml"), uncommented).unwrap();
    let ran = place.run(&["config", "check", "--config", "all.toml"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_server_on_loopback_listens_where_its_issuer_says() {
    let (place, _) = Place::initialised_at(9107);
    let ran = place.run(&["config", "check"]);
    assert!(ran.stdout.contains("The master key is read from hospes.key.\n"), "{}", ran.stdout);
    assert_eq!(place.json(&["config", "check"])["master_key"], json!({ "source": "hospes.key", "is_there": true }));
    assert!(ran.stdout.contains("127.0.0.1:9107") && !ran.stderr.contains("warning"), "{}{}", ran.stdout, ran.stderr);
    let moved = place.command(&["config", "check"]).env("HOSPES_LISTEN", "127.0.0.1:8080").output().unwrap();
    let moved = Ran::of(moved);
    assert!(moved.stderr.contains("set listen = \"127.0.0.1:9107\""), "{}", moved.stderr);
    let doctor = place.command(&["doctor"]).env("HOSPES_LISTEN", "127.0.0.1:8080").output().unwrap();
    assert!(Ran::of(doctor).stdout.contains("nobody answers at the issuer"));
}

#[test]
fn doctor_says_what_to_mend() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (place, _) = Place::initialised_at(port);
    let ran = place.run(&["doctor"]);
    // That nobody listens is no fault of the installation.
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    for expected in ["database", "master key", "signing keys", "notice", "hospes serve", "Nothing to mend"] {
        assert!(ran.stdout.contains(expected), "{expected:?} is not in {}", ran.stdout);
    }
    // A server that listens elsewhere than the issuer leads to is one.
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut misled = place.command(&["doctor"]);
    misled.env("HOSPES_LISTEN", elsewhere.local_addr().unwrap().to_string());
    assert_eq!(Ran::of(misled.output().unwrap()).code, 1);
    let server = place.serve(port);
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    for expected in ["answers with its own metadata", "published keys", "Date header", "All is well"] {
        assert!(ran.stdout.contains(expected), "{expected:?} is not in {}", ran.stdout);
    }
    let script = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages/sdk/dist/hospes.js")).unwrap();
    let hash = Base64::encode_string(digest::digest(&digest::SHA384, &script).as_ref());
    assert!(ran.stdout.contains(&format!("/hospes.js has integrity=\"sha384-{hash}\"")), "{}", ran.stdout);
    // A rotation in this process is published by that one, within a second or two.
    assert_eq!(place.run(&["key", "rotate", "--now"]).code, 0);
    let is_well = (0..40).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(250));
        place.run(&["doctor"]).code == 0
    });
    assert!(is_well, "{}", place.run(&["doctor"]).stdout);
    drop(server);
    fs::set_permissions(place.path("hospes.key"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let ran = place.run(&["doctor"]);
    assert!(ran.stdout.contains("chmod 600"), "{}", ran.stdout);
    let report: Value = serde_json::from_str(&place.run(&["doctor", "--json"]).stdout).unwrap();
    assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["level"] == "error"), "{report}");
}

#[test]
fn a_wrong_command_line_has_an_exit_code_of_its_own() {
    let place = Place::empty();
    assert_eq!(place.run(&["srve"]).code, 2);
    place.fails(&["serve"], "there is no hospes.toml here; run `hospes init --issuer URL`, or give --config");
    // The variables alone may say it all.
    let mut by_environment = place.command(&["config", "check"]);
    by_environment.env("HOSPES_ISSUER", "https://auth.example.com");
    let by_environment = Ran::of(by_environment.output().unwrap());
    assert!(by_environment.code == 0 && by_environment.stdout.contains("hospes.key, which is not there"));
    // Nothing listens at port 1.
    let mut unreachable = place.command(&["user", "list"]);
    unreachable
        .env("HOSPES_ISSUER", "https://auth.example.com")
        .env("HOSPES_DATABASE__URL", "postgres://a:b@127.0.0.1:1/c");
    let unreachable = Ran::of(unreachable.output().unwrap());
    assert!(unreachable.stderr.contains("cannot connect to PostgreSQL"), "{}", unreachable.stderr);
    assert_eq!((unreachable.code, unreachable.stderr.lines().count()), (1, 1), "{}", unreachable.stderr);
}

#[test]
fn the_example_seed_loads_into_an_empty_database_and_only_there() {
    let place = Place::empty();
    fs::write(place.path("hospes.toml"), "issuer = \"http://localhost:8080\"\n").unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/seed.toml");
    let loaded = place.json(&["seed", example.to_str().unwrap()]);
    assert_eq!(loaded["clients"].as_array().unwrap().len(), 3, "{loaded}");
    // Given secrets are not printed; one that was made is, once.
    let made: Vec<_> =
        loaded["clients"].as_array().unwrap().iter().filter(|c| c["client_secret"].is_string()).collect();
    assert_eq!(made.len(), 1, "{loaded}");
    assert_eq!(place.json(&["user", "list"])["users"].as_array().unwrap().len(), 3);
    place.fails(&["seed", example.to_str().unwrap()], "empty database");

    // JSON says the same.
    let json = Place::empty();
    fs::copy(place.path("hospes.toml"), json.path("hospes.toml")).unwrap();
    let table: toml::Table = toml::from_str(&fs::read_to_string(&example).unwrap()).unwrap();
    fs::write(json.path("seed.json"), serde_json::to_string(&table).unwrap()).unwrap();
    assert_eq!(json.json(&["seed", "seed.json"])["project_id"], loaded["project_id"]);
}

#[test]
fn a_seeds_clients_may_have_the_schemes_that_the_seed_allows() {
    let client = "[[clients]]\nname = \"Editor\"\nredirect_uris = [\"cursor://callback\"]\nparty = \"third\"\n\
                  authentication_methods = [\"none\"]\n";
    let place = Place::empty();
    fs::write(place.path("hospes.toml"), "issuer = \"http://localhost:8080\"\n").unwrap();
    fs::write(place.path("seed.toml"), client).unwrap();
    place.fails(&["seed", "seed.toml"], "client Editor");
    fs::write(place.path("seed.toml"), format!("[settings]\nprivate_use_schemes = [\"cursor\"]\n{client}")).unwrap();
    assert_eq!(place.json(&["seed", "seed.toml"])["clients"].as_array().unwrap().len(), 1);
}

#[test]
fn a_seed_with_a_mistake_loads_nothing() {
    for (mistake, expected) in [
        ("[[clients]]\nname = \"X\"\nredirect_uris = [\"https://a.example/\"]\nredirct = 1\n", "redirct"),
        ("[[clients]]\nname = \"X\"\nredirect_uris = [\"javascript:1\"]\n", "client X"),
        (
            "[[clients]]\nname = \"X\"\nredirect_uris = [\"https://a.example/\"]\nsecret = \"short\"\n",
            "too easy to guess",
        ),
        ("[project]\nsecret = \"short\"\n", "32 characters"),
        ("[[users]]\nusername = \"a\"\n[[users]]\nusername = \"A\"\n", "twice"),
        ("[[users]]\nprofile = { phone_number = \"030 12\" }\n", "E.164"),
        ("[[users]]\nexternal_id = \"user-test-1\"\n", "external_id"),
        ("[[users]]\nusername = \"a\"\nroles = [\"boss\"]\n", "boss"),
        ("[[users]]\nusername = \"a\"\npassword = \"x\"\npassword_hash = \"y\"\n", "one of them"),
        ("[[users]]\nusername = \"a\"\npassword_hash = \"md5\"\n", "argon2"),
        ("[[users]]\nusername = \"a\"\npassword = \"seven77\"\n", "at least 8 characters"),
        ("[usrs]\n", "usrs"),
        ("[project]\npublic_tokens = [\"public-token-live-1\"]\n", "a UUID"),
        ("[lifetimes]\ncode = \"10m\"\n", "code"),
        ("[policy]\ndefault_scope = \"notes\"\n", "notes"),
        ("[[policy.scopes]]\nvalue = \"full_access\"\ndescription = \"All\"\n", "always there"),
        ("[[policy.roles]]\nid = \"stytch_admin\"\n", "the role `stytch_admin`"),
    ] {
        let place = Place::empty();
        fs::write(place.path("hospes.toml"), "issuer = \"http://localhost:8080\"\n").unwrap();
        fs::write(place.path("seed.toml"), mistake).unwrap();
        place.fails(&["seed", "seed.toml"], expected);
        fs::write(place.path("seed.toml"), "[project]\nname = \"Empty\"\n").unwrap();
        assert_eq!(place.run(&["seed", "seed.toml"]).code, 0, "after {mistake:?} the database is not empty");
    }
}

/// Runs where `TEST_DATABASE_URL` names a PostgreSQL, in a schema of its own.
#[test]
fn the_command_line_works_on_postgresql_too() {
    let variable = std::env::vars_os().find(|(name, value)| name == "TEST_DATABASE_URL" && !value.is_empty());
    let Some((_, server)) = variable else { return };
    let server = server.into_string().unwrap();
    let place = Place::empty();
    let schema = format!("cli_{}", place.directory.path().file_name().unwrap().to_string_lossy().replace('.', ""));
    let execute = |sql: &str| postgres::Client::connect(&server, postgres::NoTls).unwrap().batch_execute(sql).unwrap();
    execute(&format!("CREATE SCHEMA \"{schema}\""));
    let join = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{join}options=-csearch_path%3D\"{schema}\"");
    let run = |arguments: &[&str], key: Option<&str>| {
        let mut command = place.command(arguments);
        command.env("HOSPES_DATABASE__URL", &url);
        if let Some(key) = key {
            command.env("HOSPES_MASTER_KEY", key);
        }
        Ran::of(command.output().unwrap())
    };

    // Several servers share this database, so no key is made behind their backs.
    let init = ["init", "--issuer", "http://localhost:8080", "--json"];
    let refused = run(&init, None);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("hospes key new"), "{}", refused.stderr);
    let key = run(&["key", "new"], None).stdout.trim().to_owned();
    let steps: [&[&str]; 7] = [
        &init,
        &["client", "add", "--name", "X", "--id", "x", "--redirect-uri", "https://a.example/"],
        &["user", "add", "--username", "ada", "--no-password"],
        &["user", "disable", "ada"],
        &["key", "rotate"],
        &["client", "remove", "x", "--yes"],
        &["restore", "--void-only"],
    ];
    for step in steps {
        let ran = run(step, Some(&key));
        assert_eq!(ran.code, 0, "{step:?}: {}", ran.stderr);
    }
    let doctor = run(&["doctor"], Some(&key));
    assert!(doctor.stdout.contains("within 5 seconds of the database"), "{}", doctor.stdout);
    let backup = run(&["backup", "copy.db"], Some(&key));
    assert!(backup.code == 1 && backup.stderr.contains("pg_dump"), "{}", backup.stderr);
    execute(&format!("DROP SCHEMA \"{schema}\" CASCADE"));
}

/// Each command writes what it did, and one that fails writes nothing.
#[test]
fn what_the_operator_does_is_in_the_audit_log() {
    let (place, _) = Place::initialised();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policy.toml");
    let mut seen = 0;
    let mut expect = |expected: &[&str]| {
        let events = place.json(&["audit", "list"])["audit_events"].as_array().unwrap().clone();
        assert!(events.iter().all(|event| event["actor"] == "operator"), "{events:?}");
        let mut kinds: Vec<_> = events.iter().map(|event| text(event, "kind").to_owned()).collect();
        kinds.sort();
        assert_eq!(kinds.len(), seen + expected.len(), "{kinds:?}");
        for kind in expected {
            assert!(kinds.iter().any(|own| own == kind), "{kind}: {kinds:?}");
        }
        seen = kinds.len();
    };
    expect(&[]);
    let client = place.add_client();
    let client = text(&client, "client_id");
    expect(&["client.added"]);
    for (arguments, kind) in [
        (&["client", "rotate-secret", "start", client][..], "client.secret_rotation_started"),
        (&["client", "rotate-secret", "cancel", client], "client.secret_rotation_cancelled"),
        (&["client", "rotate-secret", "start", client], "client.secret_rotation_started"),
        (&["client", "rotate-secret", "promote", client], "client.secret_rotation_finished"),
        (&["client", "disable", client], "client.disabled"),
        (&["client", "enable", client], "client.enabled"),
        (&["client", "remove", client, "--yes"], "client.removed"),
        (&["user", "add", "--username", "ada", "--no-password"], "user.added"),
        (&["user", "disable", "ada"], "user.disabled"),
        (&["user", "enable", "ada"], "user.enabled"),
        (&["user", "sign-out", "ada"], "user.signed_out"),
        (&["user", "remove", "ada", "--yes"], "user.deleted"),
        (&["settings", "set", "audit_days", "30"], "project.settings_changed"),
        (&["secret", "add"], "project.secret_added"),
        (&["public-token", "add"], "project.public_token_added"),
        (&["key", "rotate"], "signing_key.rotated"),
        (&["webhook", "add", "--url", "https://app.example/hook", "--kind", "*"], "webhook.added"),
        (&["policy", "apply", example.to_str().unwrap()], "policy.changed"),
    ] {
        place.json(arguments);
        expect(&[kind]);
    }
    for arguments in [
        &["client", "disable", client][..],
        &["client", "rotate-secret", "promote", client],
        &["user", "disable", "ada"],
        &["user", "add", "--username", "ada", "--no-password", "--role", "none"],
        &["settings", "set", "audit_days", "0"],
        &["secret", "remove", "none"],
        &["public-token", "remove", "none"],
        &["key", "rotate"],
        &["policy", "apply", "none.toml"],
    ] {
        assert_eq!(place.run(arguments).code, 1, "{arguments:?}");
    }
    expect(&[]);
    place.json(&["user", "add", "--username", "ada", "--no-password"]);
    let password =
        place.run_with_input(&["user", "set-password", "ada", "--password-stdin"], "correct horse battery\n");
    assert_eq!(password.code, 0, "{}", password.stderr);
    expect(&["user.added", "user.password_set"]);

    let last = place.json(&["audit", "list", "--kind", "user.password_set"])["audit_events"][0].clone();
    assert_eq!(last["detail"], json!({ "signed_out": true }));
    let table = place.run(&["audit", "list", "--limit", "1"]).stdout;
    assert!(table.contains("WHEN") && table.lines().count() == 2, "{table}");
    let all = place.json(&["audit", "list"])["audit_events"].as_array().unwrap().clone();
    let rest = place.json(&["audit", "list", "--after", text(&all[4], "event_id")])["audit_events"].clone();
    assert_eq!(rest, json!(all[5..]));
    assert_eq!(place.json(&["audit", "list", "--from", "2999-01-01T00:00:00Z"])["audit_events"], json!([]));
    place.fails(&["audit", "list", "--kind", "login"], "no event has the kind login; there are client.added");
    place.fails(&["audit", "list", "--to", "now"], "write it as in");
    place.fails(&["audit", "list", "--after", "none"], "there is no event none");
}

#[test]
fn a_restore_is_in_the_audit_log() {
    let (place, _) = Place::initialised();
    assert_eq!(place.run(&["backup", "copy.db"]).code, 0);
    place.json(&["restore", "copy.db", "--force"]);
    let restored = place.json(&["audit", "list"])["audit_events"].clone();
    assert_eq!(
        (text(&restored[0], "kind"), &restored[0]["detail"]),
        ("project.restored", &json!({ "kept_grants": false }))
    );
    place.json(&["restore", "--void-only"]);
    assert_eq!(place.json(&["audit", "list"])["audit_events"].as_array().unwrap().len(), 2);
    place.json(&["restore", "copy.db", "--force", "--keep-grants"]);
    let kept = place.json(&["audit", "list"])["audit_events"].clone();
    assert_eq!(kept.as_array().unwrap().len(), 1, "the backup's own log, and what was done now");
    assert_eq!(kept[0]["detail"], json!({ "kept_grants": true }));
}
