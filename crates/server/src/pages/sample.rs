//! Sample values for every page: tried at start, shown to designers.

use super::{
    locale::Locale,
    render::{Drawing, PageContext, Pages},
    view::{
        AccountChoiceView, AccountView, AppView, AppsView, ClientView, ConsentView, END_CHOICES, ErrorKind, ErrorView,
        ForgotPasswordError, ForgotPasswordView, FormPostView, FormView, LoggedOutView, LoginError, LoginReason,
        LoginView, LogoutView, Outcome, OutcomeView, PasswordRule, PasswordSetView, ResetPasswordError,
        ResetPasswordView, ResetSentView, ResourceView, ReturnLink, ScopeState, ScopeView,
    },
};
use anyhow::Result;
use hospes_protocol::{Seconds, Timestamp, client::Party};
use std::sync::Arc;

/// 2026-11-24, noon.
const NOW: Timestamp = Timestamp(1_795_521_600);

/// Names that a page must carry for its form to work, and for browser tests and password managers.
/// A template of the operator that loses one is refused at start.
pub(super) fn hooks(page: &str) -> &'static [&'static str] {
    match page.split(' ').next().unwrap_or_default() {
        "login" => &[
            "data-page=\"login\"",
            "id=\"login-form\"",
            "name=\"interaction\"",
            "name=\"csrf\"",
            "name=\"username\"",
            "name=\"password\"",
            "id=\"login-submit\"",
            "id=\"login-cancel\"",
            "id=\"login-forgot\"",
        ],
        "forgot-password" => &[
            "data-page=\"forgot-password\"",
            "id=\"forgot-form\"",
            "name=\"interaction\"",
            "name=\"csrf\"",
            "name=\"email\"",
            "id=\"forgot-submit\"",
        ],
        "reset-sent" => &["data-page=\"reset-sent\""],
        "reset-password" => &[
            "data-page=\"reset-password\"",
            "id=\"reset-form\"",
            "name=\"csrf\"",
            "name=\"token\"",
            "name=\"password\"",
            "autocomplete=\"new-password\"",
            "id=\"reset-submit\"",
        ],
        "password-set" => &["data-page=\"password-set\"", "id=\"set-login\""],
        "account" => &[
            "data-page=\"account\"",
            "name=\"interaction\"",
            "name=\"csrf\"",
            "id=\"account-continue\"",
            "id=\"account-switch\"",
            "id=\"account-cancel\"",
        ],
        "consent" => &[
            "data-page=\"consent\"",
            "id=\"consent-form\"",
            "name=\"interaction\"",
            "name=\"csrf\"",
            "id=\"consent-account\"",
            "id=\"consent-destination\"",
            "id=\"consent-allow\"",
            "id=\"consent-deny\"",
            "id=\"account-switch\"",
        ],
        "logout" => &[
            "data-page=\"logout\"",
            "id=\"logout-form\"",
            "name=\"csrf\"",
            "id=\"logout-confirm\"",
            "id=\"logout-cancel\"",
        ],
        "logged-out" => &["data-page=\"logged-out\""],
        "error" => &["data-page=\"error\"", "id=\"oauth-error\"", "data-error=\"invalid_request\"", "sample-error-id"],
        "form-post" => &["data-page=\"form-post\"", "id=\"form-post\"", "id=\"form-post-submit\"", "name=\"state\""],
        "outcome" => &["data-page=\"outcome\"", "id=\"outcome-link\""],
        "apps" => &["data-page=\"apps\"", "name=\"csrf\"", "name=\"disconnect\""],
        _ => &[],
    }
}

/// Every page in every state worth seeing, rendered in one language. The first word of the name is the `data-page`.
pub(super) fn pages(pages: &Pages, locale: Arc<Locale>) -> Vec<(&'static str, Result<String>)> {
    let context = PageContext {
        base_path: String::new(),
        project_name: "Larkspur".to_owned(),
        ui_locales: vec![locale.tag.clone()],
        accept_language: None,
        now: NOW,
    };
    drawings(pages, &locale)
        .into_iter()
        .map(|(name, drawing)| (name, pages.render(&drawing, &locale, &context)))
        .collect()
}

fn drawings(pages: &Pages, locale: &Locale) -> Vec<(&'static str, Drawing)> {
    let mut all = Vec::new();
    all.push(("login", Pages::draw_login(&login())));
    all.push(("login error", {
        let error = Some(LoginError::WrongCredentials);
        Pages::draw_login(&LoginView { username: "maya@example.com".to_owned(), error, ..login() })
    }));
    for (name, error) in [
        ("login incomplete", LoginError::Incomplete),
        ("login slowed", LoginError::TooManyAttempts),
        ("login busy", LoginError::Busy),
        ("login must-reset", LoginError::MustReset),
    ] {
        all.push((name, Pages::draw_login(&LoginView { error: Some(error), ..login() })));
    }
    all.push(("login again", {
        let reason = LoginReason::ConfirmIdentity;
        Pages::draw_login(&LoginView { username: "maya@example.com".to_owned(), reason, ..login() })
    }));
    all.push(("forgot-password", Pages::draw_forgot_password(&forgot_password())));
    for (name, error) in [
        ("forgot-password incomplete", ForgotPasswordError::Incomplete),
        ("forgot-password spent", ForgotPasswordError::LinkSpent),
    ] {
        all.push((name, Pages::draw_forgot_password(&ForgotPasswordView { error: Some(error), ..forgot_password() })));
    }
    all.push(("reset-sent", {
        Pages::draw_reset_sent(&ResetSentView { lifetime: Seconds(1800), login_path: "/login".to_owned() })
    }));
    all.push(("reset-password", Pages::draw_reset_password(&reset_password())));
    all.push(("reset-password kinds", {
        let rule = PasswordRule::Kinds { length: 10, kinds: 3 };
        let error = Some(ResetPasswordError::Kinds);
        Pages::draw_reset_password(&ResetPasswordView { rule, error, ..reset_password() })
    }));
    for (name, error) in [
        ("reset-password incomplete", ResetPasswordError::Incomplete),
        ("reset-password short", ResetPasswordError::TooShort),
        ("reset-password long", ResetPasswordError::TooLong),
        ("reset-password breached", ResetPasswordError::Breached),
        ("reset-password guessable", ResetPasswordError::Guessable(1)),
        ("reset-password busy", ResetPasswordError::Busy),
    ] {
        all.push((name, Pages::draw_reset_password(&ResetPasswordView { error: Some(error), ..reset_password() })));
    }
    all.push(("password-set", Pages::draw_password_set(&PasswordSetView { login_path: "/login".to_owned() })));
    all.push(("account", {
        Pages::draw_account(&AccountChoiceView { form: form(), client: notes(), account: maya() })
    }));
    all.push(("consent", Pages::draw_consent(&consent(), locale, NOW)));
    all.push(("consent native", Pages::draw_consent(&native(), locale, NOW)));
    all.push(("consent confirm", {
        Pages::draw_consent(&ConsentView { confirm_only: true, ..native() }, locale, NOW)
    }));
    all.push(("consent first-party", {
        let client = ClientView { party: Party::First, verified: true, ..notes() };
        let scopes = vec![scope("openid", ScopeState::Required), scope("offline_access", ScopeState::Optional)];
        let more = ConsentView { resources: vec![], end_choices: vec![], ..consent() };
        Pages::draw_consent(&ConsentView { client, scopes, ..more }, locale, NOW)
    }));
    all.push(("consent hostile", Pages::draw_consent(&hostile(), locale, NOW)));
    all.push(("logout", {
        Pages::draw_logout(&LogoutView { form: form(), client: Some(notes()), account: Some(maya()) })
    }));
    all.push(("logged-out", {
        let return_to = Some(ReturnLink { uri: "https://notes.example.com/".to_owned(), client: notes() });
        Pages::draw_logged_out(&LoggedOutView { still_signed_in: false, return_to })
    }));
    all.push(("logged-out stayed", {
        Pages::draw_logged_out(&LoggedOutView { still_signed_in: true, return_to: None })
    }));
    for (name, kind) in [
        ("error", ErrorKind::WrongRedirect),
        ("error client-mistake", ErrorKind::ClientMistake),
        ("error unknown-client", ErrorKind::UnknownClient),
        ("error expired", ErrorKind::Expired),
        ("error other-browser", ErrorKind::OtherBrowser),
        ("error forged", ErrorKind::Forged),
        ("error too-many", ErrorKind::TooManyRequests),
        ("error busy", ErrorKind::Busy),
        ("error not-found", ErrorKind::NotFound),
        ("error fault", ErrorKind::Fault),
    ] {
        all.push((name, Pages::draw_error(&error(kind))));
    }
    all.push(("form-post", {
        let fields = [("code", "hac_sample"), ("state", "xyz"), ("iss", "https://id.example.com")];
        pages.draw_form_post(&FormPostView {
            action: "https://notes.example.com/callback".to_owned(),
            fields: fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            client_name: "Fieldnotes".to_owned(),
        })
    }));
    for (name, outcome) in
        [("outcome", Outcome::Allowed), ("outcome denied", Outcome::Denied), ("outcome failed", Outcome::Failed)]
    {
        let uri = "cursor://anysphere.cursor-mcp/oauth/callback?code=hac_sample&state=xyz".to_owned();
        all.push((name, Pages::draw_outcome(&OutcomeView { uri, client: editor(), outcome, auto_open: false })));
    }
    all.push(("apps", Pages::draw_apps(&apps(), locale)));
    all.push(("apps-empty", {
        Pages::draw_apps(&AppsView { apps: vec![], disconnected: Some("Fieldnotes".to_owned()), ..apps() }, locale)
    }));
    all
}

fn form() -> FormView {
    FormView { action: "/sample".to_owned(), interaction: Some("sample".to_owned()), csrf: "sample".to_owned() }
}

fn notes() -> ClientView {
    ClientView {
        client_id: "connected-app-test-0b1c".to_owned(),
        name: "Fieldnotes".to_owned(),
        logo_uri: None,
        client_uri: Some("https://notes.example.com/".to_owned()),
        policy_uri: Some("https://notes.example.com/privacy".to_owned()),
        tos_uri: Some("https://notes.example.com/terms".to_owned()),
        verified: true,
        party: Party::Third,
    }
}

fn editor() -> ClientView {
    ClientView {
        client_id: "https://editor.example.net/oauth/client.json".to_owned(),
        name: "Quill Editor".to_owned(),
        verified: false,
        client_uri: None,
        ..notes()
    }
}

fn maya() -> AccountView {
    AccountView { name: Some("Maya Lindqvist".to_owned()), login: "maya@example.com".to_owned() }
}

fn login() -> LoginView {
    LoginView {
        form: form(),
        client: Some(notes()),
        username: String::new(),
        forgot_path: Some("/password/forgot".to_owned()),
        reason: LoginReason::SignIn,
        error: None,
    }
}

fn forgot_password() -> ForgotPasswordView {
    ForgotPasswordView {
        form: form(),
        email: "maya@example.com".to_owned(),
        error: None,
        login_path: "/login".to_owned(),
    }
}

fn reset_password() -> ResetPasswordView {
    ResetPasswordView {
        form: FormView { interaction: None, ..form() },
        token: "sample".to_owned(),
        email: maya().login,
        rule: PasswordRule::Unguessable,
        error: None,
    }
}

fn scope(value: &str, state: ScopeState) -> ScopeView {
    ScopeView { value: value.to_owned(), description: None, state, already_granted: false }
}

fn described(value: &str, description: &str, state: ScopeState) -> ScopeView {
    ScopeView { description: Some(description.to_owned()), ..scope(value, state) }
}

fn consent() -> ConsentView {
    ConsentView {
        form: form(),
        client: notes(),
        redirect_uri: "https://notes.example.com/oauth/callback".to_owned(),
        account: maya(),
        scopes: vec![
            scope("openid", ScopeState::Required),
            described("documents:read", "Read your documents", ScopeState::Required),
            scope("profile", ScopeState::Optional),
            scope("email", ScopeState::Optional),
            scope("phone", ScopeState::Optional),
            scope("address", ScopeState::Optional),
            scope("offline_access", ScopeState::Optional),
            described("billing:write", "Change your team's billing details", ScopeState::NotGrantable),
        ],
        resources: vec![ResourceView {
            name: "Larkspur API".to_owned(),
            uri: "https://api.larkspur.example/".to_owned(),
        }],
        confirm_only: false,
        end_choices: END_CHOICES.to_vec(),
        end_chosen: None,
    }
}

fn native() -> ConsentView {
    let known = |scope: ScopeView| ScopeView { already_granted: true, ..scope };
    ConsentView {
        client: editor(),
        redirect_uri: "http://127.0.0.1:51004/callback".to_owned(),
        scopes: vec![
            known(scope("openid", ScopeState::Required)),
            known(described("documents:read", "Read your documents", ScopeState::Required)),
            described("documents:write", "Create and change documents", ScopeState::Optional),
        ],
        end_chosen: Some(Seconds(2_592_000)),
        ..consent()
    }
}

fn hostile() -> ConsentView {
    let client = ClientView {
        client_id: "\"><script>alert(1)</script>".to_owned(),
        name: "P\u{0430}yPal\u{202E} <img src=x onerror=alert(1)> \u{200B}\"'&".to_owned(),
        logo_uri: Some("javascript:alert(1)".to_owned()),
        client_uri: Some("javascript:alert(1)".to_owned()),
        policy_uri: Some("javascript:alert(1)".to_owned()),
        tos_uri: Some("javascript:alert(1)".to_owned()),
        verified: false,
        party: Party::Third,
    };
    let account = AccountView {
        name: Some("<b>Bobby</b>\u{202E}".to_owned()),
        login: "a-very-long-address-that-does-not-fit-on-a-narrow-screen-at-all@mail.example.com".to_owned(),
    };
    let long = "https://login.accounts.larkspur.example.a-quite-long-host-name-to-hide-the-end.evil.example/cb?x=<y>";
    ConsentView {
        client,
        account,
        redirect_uri: long.to_owned(),
        scopes: vec![described("x:<y>", "<script>alert(1)</script>\u{202E}", ScopeState::Optional)],
        resources: vec![ResourceView { name: "<i>".to_owned(), uri: "https://api.test/\"><script>".to_owned() }],
        ..consent()
    }
}

fn error(kind: ErrorKind) -> ErrorView {
    ErrorView {
        status: 400,
        error: "invalid_request".to_owned(),
        description: Some("redirect_uri is not registered for this client".to_owned()),
        error_id: "sample-error-id-7f3a".to_owned(),
        kind,
    }
}

fn apps() -> AppsView {
    let app = AppView {
        client: notes(),
        scopes: consent().scopes.into_iter().filter(|scope| scope.state != ScopeState::NotGrantable).collect(),
        resources: consent().resources,
        since: Timestamp(1_777_800_000),
        last_used: Some(Timestamp(1_795_400_000)),
        ends: None,
    };
    let second = AppView {
        client: editor(),
        scopes: native().scopes,
        resources: vec![],
        since: Timestamp(1_795_000_000),
        last_used: None,
        ends: Some(Timestamp(1_803_000_000)),
    };
    AppsView {
        form: FormView { interaction: None, ..form() },
        account: maya(),
        apps: vec![app, second],
        disconnected: None,
        logout_path: Some("/logout".to_owned()),
    }
}
