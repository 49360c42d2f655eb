//! Every page in every language: hooks, headers, escaping, complete texts.

use super::{
    assets::embedded,
    locale::{Locale, Locales},
    render::{PageContext, Pages},
    sample,
    view::*,
    *,
};
use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode},
};
use hospes_protocol::{Timestamp, client::Party};
use std::sync::Arc;
use tower::ServiceExt as _;

fn pages() -> Pages {
    Pages::load(&PagesConfig::default()).unwrap()
}

fn page() -> PageContext {
    PageContext {
        base_path: "/auth".to_owned(),
        project_name: "Larkspur".to_owned(),
        ui_locales: vec![],
        accept_language: None,
        now: Timestamp(1_795_521_600),
    }
}

fn form() -> FormView {
    FormView {
        action: "/auth/login".to_owned(),
        interaction: Some("the-handle".to_owned()),
        csrf: "the-token".to_owned(),
    }
}

fn client() -> ClientView {
    ClientView {
        client_id: "client-1".to_owned(),
        name: "Notes".to_owned(),
        logo_uri: None,
        client_uri: None,
        policy_uri: None,
        tos_uri: None,
        verified: false,
        party: Party::Third,
    }
}

fn consent() -> ConsentView {
    ConsentView {
        form: form(),
        client: client(),
        redirect_uri: "https://notes.example.com/cb".to_owned(),
        account: AccountView { name: Some("Maya".to_owned()), login: "maya@example.com".to_owned() },
        scopes: vec![],
        resources: vec![],
        confirm_only: false,
        end_choices: END_CHOICES.to_vec(),
        end_chosen: None,
    }
}

fn scope(value: &str, state: ScopeState) -> ScopeView {
    ScopeView { value: value.to_owned(), description: None, state, already_granted: false }
}

fn login() -> LoginView {
    LoginView {
        form: form(),
        client: Some(client()),
        username: String::new(),
        forgot_path: None,
        reason: LoginReason::SignIn,
        error: None,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn fetch(pages: Pages, path: &str) -> Response<Body> {
    let request = Request::get(path).body(Body::empty()).unwrap();
    assets_router(Arc::new(pages)).oneshot(request).await.unwrap()
}

#[track_caller]
fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[track_caller]
fn has(html: &str, part: &str) {
    assert!(html.contains(part), "{part} is not in\n{html}");
}

#[track_caller]
fn has_not(html: &str, part: &str) {
    assert!(!html.contains(part), "{part} is in\n{html}");
}

fn all_locales() -> Locales {
    let tags = ["en", "de"];
    let files: Vec<_> =
        tags.iter().map(|tag| ((*tag).to_owned(), embedded(&format!("locales/{tag}.toml")).unwrap())).collect();
    Locales::build(&files, "en").unwrap()
}

fn in_language(locales: &Locales, tag: &str) -> Arc<Locale> {
    Arc::clone(locales.choose(&[tag.to_owned()], None))
}

#[test]
fn every_page_renders_in_every_language_with_its_hooks() {
    let pages = pages();
    let locales = all_locales();
    for locale in locales.all() {
        for (name, page) in sample::pages(&pages, Arc::clone(locale)) {
            let html = page.unwrap_or_else(|error| panic!("{name}: {error:#}"));
            for hook in sample::hooks(name) {
                has(&html, hook);
            }
            assert_eq!(html.matches("<h1").count(), 1, "{name} has one h1");
            assert!(html.matches("<form").count() <= 1, "{name} has one form at most");
            has(&html, &format!("<html lang=\"{}\" dir=\"ltr\">", locale.tag));
            has_not(&html, "style=");
            assert_eq!(html.contains("<script>"), name == "form-post", "{name}");
        }
    }
}

#[test]
fn german_has_every_text_of_english_and_none_of_its_words() {
    let locales = all_locales();
    let (english, german) = (in_language(&locales, "en"), in_language(&locales, "de"));
    assert_eq!(english.keys(), german.keys());
    // Words that are the same in both languages.
    let shared = ["direction", "dates.month_4", "dates.month_8", "dates.month_9", "dates.month_11"];
    for key in english.keys() {
        let (own, theirs) = (english.own(key).unwrap(), german.own(key).unwrap());
        if !shared.contains(&key) && !own.is_empty() {
            assert_ne!(own, theirs, "{key} is not translated");
        }
        let placeholders = |text: &str| {
            let mut found: Vec<String> =
                text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default().to_owned()).collect();
            found.sort();
            found
        };
        assert_eq!(placeholders(own), placeholders(theirs), "{key} has the same placeholders");
    }
}

#[test]
fn templates_hold_no_words_of_their_own() {
    for path in super::assets::Embedded::iter().filter(|path| path.starts_with("templates/")) {
        let source = embedded(&path).unwrap();
        let name = path.trim_start_matches("templates/").trim_end_matches(".html");
        let source = source.replace(&format!("{{% block page %}}{name}{{% endblock %}}"), "");
        let source = source.replace("{% block card %} wide{% endblock %}", "");
        let source = source.replace("{% block card %} broad{% endblock %}", "");
        let mut words = String::new();
        let mut rest = source.as_str();
        // What is left without template tags and markup.
        while let Some(start) = rest.find(['{', '<']) {
            words.push_str(&rest[..start]);
            let tag = &rest[start..];
            let end = if tag.starts_with("{{") {
                tag.find("}}").map(|at| at + 2)
            } else if tag.starts_with("{%") {
                tag.find("%}").map(|at| at + 2)
            } else {
                // A tag may hold template tags, which hold `>` at most within quotes.
                tag.find('>').map(|at| at + 1)
            };
            rest = &tag[end.unwrap()..];
        }
        words.push_str(rest);
        assert!(!words.chars().any(char::is_alphabetic), "{path}: {:?}", words.trim());
    }
}

#[test]
fn every_page_has_the_headers_of_the_design() {
    let response = pages().login(&login(), &page());
    assert_eq!(response.status(), StatusCode::OK);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex, nofollow, noarchive"),
        // Not `no-referrer`: with it, browsers send `Origin: null` with our own forms.
        ("referrer-policy", "same-origin"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("content-language", "en"),
    ] {
        assert_eq!(header(&response, name), value, "{name}");
    }
    assert!(header(&response, "permissions-policy").contains("camera=()"));
    assert!(!header(&response, "content-security-policy").contains("form-action"));
}

#[test]
fn links_to_assets_carry_the_issuers_path_and_are_served_for_good() {
    let html = text(pages().login(&login(), &page()));
    let start = html.find("/auth/assets/style.").unwrap();
    let path = &html[start + "/auth".len()..start + html[start..].find('"').unwrap()];
    let response = fetch(pages(), path);
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), "text/css; charset=utf-8");
    assert_eq!(header(&response, "cache-control"), "public, max-age=31536000, immutable");
    // The page of another version during a rollout
    let response = fetch(pages(), "/assets/theme.000000000000.css");
    assert_eq!((response.status(), header(&response, "cache-control")), (StatusCode::OK, "no-cache"));
    for path in ["/assets/templates.html", "/assets/..%2f..%2fCargo.toml", "/assets/locales", "/assets/.css"] {
        assert_eq!(fetch(pages(), path).status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn only_the_script_of_the_form_post_page_may_run() {
    let view = FormPostView {
        action: "https://notes.example.com/cb?a=1&b=2".to_owned(),
        fields: vec![("state".to_owned(), "\"><script>alert(1)</script>".to_owned())],
        client_name: "Notes".to_owned(),
    };
    let response = pages().form_post(&view, &page());
    let policy = header(&response, "content-security-policy").to_owned();
    assert_eq!(header(&response, "referrer-policy"), "strict-origin");
    let html = text(response);
    let script = html.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes());
    let hash = <base64ct::Base64 as base64ct::Encoding>::encode_string(hash.as_ref());
    has(&policy, &format!("script-src 'sha256-{hash}';"));
    has(&html, "action=\"https://notes.example.com/cb?a=1&amp;b=2\"");
    has_not(&html, "<script>alert");
    let evil = FormPostView { action: "javascript:alert(1)".to_owned(), ..view };
    has_not(&text(pages().form_post(&evil, &page())), "javascript:");
}

#[test]
fn attacks_15_hostile_names_are_text_and_warned_of() {
    let name = "P\u{0430}yPal\u{202E} <img src=x onerror=alert(1)>\u{200B}";
    let hostile = ClientView { name: name.to_owned(), ..client() };
    let html = text(pages().consent(&ConsentView { client: hostile.clone(), ..consent() }, &page()));
    has(&html, "&lt;img src=x onerror=alert(1)&gt;");
    has_not(&html, "<img src=x");
    has_not(&html, "\u{202E}");
    has_not(&html, "\u{200B}");
    has(&html, "id=\"consent-deceptive\"");
    // The operator looked at it and vouches for it.
    let vouched = ClientView { verified: true, ..hostile };
    has_not(&text(pages().consent(&ConsentView { client: vouched, ..consent() }, &page())), "id=\"consent-deceptive\"");
    has_not(&text(pages().consent(&consent(), &page())), "id=\"consent-deceptive\"");
}

#[test]
fn the_same_name_is_escaped_on_every_page() {
    let hostile = ClientView { name: "<script>alert(1)</script>\u{202E}".to_owned(), ..client() };
    let account = AccountView { name: Some("<script>alert(2)</script>".to_owned()), login: "a\"b<c".to_owned() };
    let (pages, page) = (pages(), page());
    let app = AppView {
        client: hostile.clone(),
        scopes: vec![],
        resources: vec![],
        since: page.now,
        last_used: None,
        ends: None,
    };
    for response in [
        pages.login(&LoginView { client: Some(hostile.clone()), username: "\"><script>".to_owned(), ..login() }, &page),
        pages.account(&AccountChoiceView { form: form(), client: hostile.clone(), account: account.clone() }, &page),
        pages
            .logout(&LogoutView { form: form(), client: Some(hostile.clone()), account: Some(account.clone()) }, &page),
        pages.outcome(
            &OutcomeView {
                uri: "com.evil:/\"><script>".to_owned(),
                client: hostile.clone(),
                outcome: Outcome::Allowed,
                auto_open: true,
            },
            &page,
        ),
        pages.error(
            &ErrorView {
                status: 400,
                error: "<script>".to_owned(),
                description: Some("<script>".to_owned()),
                error_id: "<script>".to_owned(),
                kind: ErrorKind::ClientMistake,
            },
            &page,
        ),
        pages.apps(
            &AppsView {
                form: form(),
                account,
                apps: vec![app],
                disconnected: Some("<script>".to_owned()),
                logout_path: None,
            },
            &page,
        ),
    ] {
        let html = text(response);
        has_not(&html, "<script>");
        has_not(&html, "\u{202E}");
        has_not(&html, "\"b<c");
    }
}

#[test]
fn consent_shows_who_asks_for_what_and_where_it_leads() {
    let view = ConsentView {
        scopes: vec![
            scope("openid", ScopeState::Required),
            ScopeView { description: Some("Read your notes".to_owned()), ..scope("notes:read", ScopeState::Required) },
            scope("email", ScopeState::Optional),
            scope("billing:write", ScopeState::NotGrantable),
        ],
        resources: vec![ResourceView { name: "Notes API".to_owned(), uri: "https://api.example.com/".to_owned() }],
        ..consent()
    };
    let html = text(pages().consent(&view, &page()));
    for part in [
        "Not verified by <bdi>Larkspur</bdi>",
        "<bdi class=\"strong address\">notes.example.com</bdi>",
        "maya@example.com",
        "Know that it is you",
        "Read your notes",
        "name=\"scope:email\" value=\"1\" checked",
        "Use “<bdi>billing:write</bdi>”",
        "cannot pass them on",
        "Notes API",
        "https://api.example.com/",
        "<option value=\"2592000\">After 30 days, 24 December 2026</option>",
        "name=\"interaction\" value=\"the-handle\"",
        "name=\"csrf\" value=\"the-token\"",
        "id=\"consent-unverified\"",
    ] {
        has(&html, part);
    }
    // What must not be chosen is not a field.
    has_not(&html, "name=\"scope:openid\"");
    has_not(&html, "name=\"scope:billing:write\"");
}

#[test]
fn loopback_and_app_links_are_warned_of_and_a_client_id_url_is_shown() {
    for (uri, expected) in [
        ("http://127.0.0.1:51004/cb", "An app on this device (<bdi>127.0.0.1</bdi>)"),
        ("http://localhost/cb", "An app on this device (<bdi>localhost</bdi>)"),
        ("http://[::1]:1/cb", "An app on this device (<bdi>[::1]</bdi>)"),
        ("cursor://x/cb", "The app that opens <bdi>cursor:</bdi> links"),
        ("com.example.app:/cb", "The app that opens <bdi>com.example.app:</bdi> links"),
    ] {
        let client = ClientView { client_id: "https://editor.example.net/client.json".to_owned(), ..client() };
        let view = ConsentView { redirect_uri: uri.to_owned(), client, confirm_only: true, ..consent() };
        let html = text(pages().consent(&view, &page()));
        has(&html, expected);
        has(&html, "id=\"consent-native\"");
        has(&html, "<bdi class=\"strong address\">editor.example.net</bdi>");
        has(&html, "Continue to <bdi>Notes</bdi>?");
    }
}

#[test]
fn hosts_are_shown_as_browsers_read_them() {
    for (uri, host) in [
        ("https://good.example@evil.example/cb", "evil.example"),
        ("https://good.example\\@evil.example/cb", "good.example"),
        ("https://g\u{043E}od.example/cb", "xn--god-sed.example"),
        ("https://EVIL.example./cb", "evil.example."),
    ] {
        let html = text(pages().consent(&ConsentView { redirect_uri: uri.to_owned(), ..consent() }, &page()));
        has(&html, &format!("<bdi class=\"strong address\">{host}</bdi>"));
    }
}

#[test]
fn attacks_11_only_harmless_pictures_and_links_are_shown() {
    let show = |logo: &str| {
        let client = ClientView { logo_uri: Some(logo.to_owned()), ..client() };
        let response = pages().consent(&ConsentView { client, ..consent() }, &page());
        (header(&response, "content-security-policy").to_owned(), text(response))
    };
    let (policy, html) = show("https://cdn.example.com/logo.png");
    has(&policy, "img-src 'self' data: https://cdn.example.com;");
    has(&html, "<img src=\"https://cdn.example.com/logo.png\"");
    for logo in [
        "javascript:alert(1)",
        "http://example.com/x.png",
        "data:text/html;base64,PGI+",
        "https://a;script-src-elem/x.png",
        "https://a,b/x.png",
        "file:///etc/passwd",
        "//example.com/x.png",
        "",
    ] {
        let (policy, html) = show(logo);
        has(&policy, "img-src 'self' data:; base-uri");
        has_not(&html, "<img");
    }
    for uri in ["javascript:alert(1)", "data:text/html,x", "vbscript:x", " javascript:alert(1)", "java\nscript:x"] {
        let return_to = Some(ReturnLink { uri: uri.to_owned(), client: client() });
        let html = text(pages().logged_out(&LoggedOutView { still_signed_in: false, return_to }, &page()));
        has_not(&html, "id=\"return-link\"");
    }
}

#[test]
fn an_outcome_opens_the_app_by_link_and_by_header_if_asked() {
    let view = |uri: &str, auto_open: bool| OutcomeView {
        uri: uri.to_owned(),
        client: client(),
        outcome: Outcome::Allowed,
        auto_open,
    };
    let response = pages().outcome(&view("cursor://x/cb?code=a&state=b", true), &page());
    assert_eq!(header(&response, "refresh"), "0;url=cursor://x/cb?code=a&state=b");
    has(&text(response), "href=\"cursor://x/cb?code=a&amp;state=b\"");
    assert!(pages().outcome(&view("cursor://x/cb", false), &page()).headers().get("refresh").is_none());
    let response = pages().outcome(&view("javascript:alert(1)", true), &page());
    assert!(response.headers().get("refresh").is_none());
    has_not(&text(response), "javascript");
}

#[test]
fn errors_carry_code_id_and_status() {
    let view = ErrorView {
        status: 503,
        error: "temporarily_unavailable".to_owned(),
        description: None,
        error_id: "e-123".to_owned(),
        kind: ErrorKind::Busy,
    };
    let response = pages().error(&view, &page());
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let html = text(response);
    has(&html, "id=\"oauth-error\" role=\"alert\" data-error=\"temporarily_unavailable\"");
    has(&html, "<code id=\"error-id\">e-123</code>");
}

#[test]
fn a_wrong_password_is_announced_and_the_name_kept() {
    let error = Some(LoginError::WrongCredentials);
    let html = text(pages().login(&LoginView { username: "maya".to_owned(), error, ..login() }, &page()));
    has(&html, "role=\"alert\" id=\"login-error\"");
    has(&html, "value=\"maya\"");
    has(&html, "aria-describedby=\"login-error\" autofocus");
    has_not(&text(pages().login(&login(), &page())), "role=\"alert\"");
}

#[test]
fn the_language_follows_client_and_browser() {
    let german = PageContext { accept_language: Some("de-AT,en;q=0.5".to_owned()), ..page() };
    let response = pages().login(&login(), &german);
    assert_eq!(header(&response, "content-language"), "de");
    has(&text(response), "Bei <bdi>Larkspur</bdi> anmelden");
    let both = PageContext { ui_locales: vec!["fr".to_owned(), "en".to_owned()], ..german };
    has(&text(pages().login(&login(), &both)), "Sign in to");
}

#[test]
fn operators_replace_templates_texts_and_look_and_are_told_of_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    let config = |theme: Theme| PagesConfig {
        templates_dir: Some(folder.path().to_owned()),
        locales_dir: Some(folder.path().to_owned()),
        theme,
        ..PagesConfig::default()
    };
    let refusal = || format!("{:#}", Pages::load(&config(Theme::default())).unwrap_err());
    write("fr.toml", "[login]\nsubmit = \"Se connecter\"\n");
    write("en.toml", "[scopes.\"notes:read\"]\ntitle = \"Look into your notes\"\n");
    write(
        "logged-out.html",
        "{% extends \"layout.html\" %}{% block page %}logged-out{% endblock %}{% block content %}<h1>Bye</h1>{% endblock %}",
    );
    let pages = Pages::load(&config(Theme::default())).unwrap();
    has(&text(pages.logged_out(&LoggedOutView::default(), &page())), "<h1>Bye</h1>");
    let french = PageContext { ui_locales: vec!["fr-CA".to_owned()], ..page() };
    let html = text(pages.login(&login(), &french));
    has(&html, "Se connecter");
    has(&html, "Password");
    let view = ConsentView { scopes: vec![scope("notes:read", ScopeState::Required)], ..consent() };
    has(&text(pages.consent(&view, &page())), "Look into your notes");
    write("logged-out.html", "{{ nonsense }}");
    has(&refusal(), "logged-out");
    write("logged-out.html", "{% if %}");
    has(&refusal(), "logged-out.html");
    std::fs::remove_file(folder.path().join("logged-out.html")).unwrap();
    // A form without its token would let other sites send it.
    write("_hidden.html", "");
    has(&refusal(), "lacks name=\"interaction\"");
    std::fs::remove_file(folder.path().join("_hidden.html")).unwrap();
    write("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    let logo = Some(folder.path().join("logo.svg"));
    let pages = Pages::load(&config(Theme { logo, ..Theme::default() })).unwrap();
    has(&text(pages.login(&login(), &page())), "src=\"/auth/assets/logo.");
    let missing = Some("/nowhere/logo.svg".into());
    assert!(Pages::load(&config(Theme { logo: missing, ..Theme::default() })).is_err());
}

/// Writes every page to a folder, to be looked at: `PAGES_OUT=/tmp/pages cargo test -p hospes -- --ignored write_pages`.
#[test]
#[ignore = "writes files to look at"]
fn write_pages() {
    let out = option_env!("PAGES_OUT").unwrap_or("/tmp/hospes-pages");
    let pages = pages();
    let locales = all_locales();
    for locale in locales.all() {
        let folder = format!("{out}/{}", locale.tag);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, page) in sample::pages(&pages, Arc::clone(locale)) {
            std::fs::write(format!("{folder}/{}.html", name.replace(' ', "_")), page.unwrap()).unwrap();
        }
    }
    std::fs::create_dir_all(format!("{out}/assets")).unwrap();
    for (name, bytes) in pages.assets().all() {
        std::fs::write(format!("{out}/assets/{name}"), bytes).unwrap();
    }
}
