//! Fills the templates with views.

use super::{
    assets::{Assets, Embedded, embedded},
    config::{ColorScheme, PagesConfig},
    locale::{Locale, Locales},
    name::{display_name, display_text, initial},
    response::{self, Policy},
    sample,
    view::{
        AccountChoiceView, AccountView, AppsView, ClientView, ConsentView, ErrorKind, ErrorView, ForgotPasswordError,
        ForgotPasswordView, FormPostView, FormView, LoggedOutView, LoginError, LoginReason, LoginView, LogoutView,
        Outcome, OutcomeView, PasswordRule, PasswordSetView, ResetPasswordError, ResetPasswordView, ResetSentView,
        ResourceView, ScopeState, ScopeView,
    },
    words::{Words, scope_detail, scope_title},
};
use crate::rfc3339;
use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest;
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
};
use base64ct::{Base64, Encoding as _};
use hospes_protocol::{Seconds, Timestamp, client::Party, password_policy::SHORTEST};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind as TemplateFault, Output, UndefinedBehavior, context,
    syntax::SyntaxConfig,
    value::{Kwargs, Value},
};

use std::{path::Path, sync::Arc};
use url::{Host, Url};

/// What every page needs to know about the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageContext {
    /// Path of the issuer, without a slash at its end: empty, or `/auth`.
    pub base_path: String,
    /// The project's name; `pages.name` goes before it.
    pub project_name: String,
    /// OIDC Core §3.1.2.1, best first.
    pub ui_locales: Vec<String>,
    pub accept_language: Option<String>,
    pub now: Timestamp,
}

/// The pages of one configuration. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Pages {
    environment: Environment<'static>,
    locales: Locales,
    assets: Assets,
    config: PagesConfig,
    /// Submits the form-post page; its hash is the only thing the page's policy lets run.
    script: String,
    script_hash: String,
}

impl Pages {
    /// Reads templates and texts, ours and the operator's, and tries each page once, so that a mistake in an
    /// operator's template stops the start and not a login.
    pub fn load(config: &PagesConfig) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(|out, _, value| print(out, value));
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        let mut texts = Vec::new();
        for path in Embedded::iter() {
            if let Some(name) = path.strip_prefix("templates/") {
                environment.add_template_owned(name.to_owned(), embedded(&path)?)?;
            } else if let Some(tag) = path.strip_prefix("locales/").and_then(|name| name.strip_suffix(".toml")) {
                texts.push((tag.to_owned(), embedded(&path)?));
            }
        }
        for (name, source) in files(config.templates_dir.as_deref(), "html").context("pages.templates_dir")? {
            environment
                .add_template_owned(format!("{name}.html"), source)
                .with_context(|| format!("pages.templates_dir: {name}.html"))?;
        }
        texts.extend(files(config.locales_dir.as_deref(), "toml").context("pages.locales_dir")?);
        let script = embedded("form-post.js")?.trim().to_owned();
        let hash = Base64::encode_string(digest::digest(&digest::SHA256, script.as_bytes()).as_ref());
        let pages = Self {
            environment,
            locales: Locales::build(&texts, &config.default_locale)?,
            assets: Assets::load(config)?,
            config: config.clone(),
            script,
            script_hash: format!("'sha256-{hash}'"),
        };
        pages.check()?;
        Ok(pages)
    }

    /// Renders every page with sample values, in every language.
    fn check(&self) -> Result<()> {
        for locale in self.locales.all() {
            for (name, page) in sample::pages(self, Arc::clone(locale)) {
                let page = page.with_context(|| format!("page {name} in language {}", locale.tag))?;
                for hook in sample::hooks(name) {
                    ensure!(page.contains(hook), "page {name} in language {} lacks {hook}", locale.tag);
                }
            }
        }
        Ok(())
    }

    pub(super) fn assets(&self) -> &Assets {
        &self.assets
    }

    /// The languages that we have, for `ui_locales_supported` (OIDC Discovery §3).
    pub fn ui_locales(&self) -> Vec<String> {
        self.locales.tags()
    }

    pub fn login(&self, view: &LoginView, page: &PageContext) -> Response {
        self.respond(Self::draw_login(view), StatusCode::OK, page)
    }

    pub fn forgot_password(&self, view: &ForgotPasswordView, page: &PageContext) -> Response {
        self.respond(Self::draw_forgot_password(view), StatusCode::OK, page)
    }

    pub fn reset_sent(&self, view: &ResetSentView, page: &PageContext) -> Response {
        self.respond(Self::draw_reset_sent(view), StatusCode::OK, page)
    }

    pub fn reset_password(&self, view: &ResetPasswordView, page: &PageContext) -> Response {
        self.respond(Self::draw_reset_password(view), StatusCode::OK, page)
    }

    pub fn password_set(&self, view: &PasswordSetView, page: &PageContext) -> Response {
        self.respond(Self::draw_password_set(view), StatusCode::OK, page)
    }

    pub fn account(&self, view: &AccountChoiceView, page: &PageContext) -> Response {
        self.respond(Self::draw_account(view), StatusCode::OK, page)
    }

    pub fn consent(&self, view: &ConsentView, page: &PageContext) -> Response {
        let locale = self.locale(page);
        self.respond(Self::draw_consent(view, locale, page.now), StatusCode::OK, page)
    }

    pub fn logout(&self, view: &LogoutView, page: &PageContext) -> Response {
        self.respond(Self::draw_logout(view), StatusCode::OK, page)
    }

    pub fn logged_out(&self, view: &LoggedOutView, page: &PageContext) -> Response {
        self.respond(Self::draw_logged_out(view), StatusCode::OK, page)
    }

    pub fn error(&self, view: &ErrorView, page: &PageContext) -> Response {
        let status = StatusCode::from_u16(view.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.respond(Self::draw_error(view), status, page)
    }

    pub fn form_post(&self, view: &FormPostView, page: &PageContext) -> Response {
        self.respond(self.draw_form_post(view), StatusCode::OK, page)
    }

    pub fn outcome(&self, view: &OutcomeView, page: &PageContext) -> Response {
        let mut response = self.respond(Self::draw_outcome(view), StatusCode::OK, page);
        let target = view.auto_open.then(|| link(&view.uri)).flatten();
        if let Some(value) = target.and_then(|uri| HeaderValue::from_str(&format!("0;url={uri}")).ok()) {
            response.headers_mut().insert(HeaderName::from_static("refresh"), value);
        }
        response
    }

    pub fn apps(&self, view: &AppsView, page: &PageContext) -> Response {
        let locale = self.locale(page);
        self.respond(Self::draw_apps(view, locale), StatusCode::OK, page)
    }

    /// The language in which a page is drawn, a BCP 47 tag: for what is said to the same person elsewhere.
    pub fn language(&self, page: &PageContext) -> &str {
        &self.locale(page).tag
    }

    /// The words of the language in which a page for these wishes is drawn.
    pub fn words(&self, ui_locales: &[String], accept_language: Option<&str>) -> Words {
        Words::of(self.locales.choose(ui_locales, accept_language))
    }

    /// What the pages call the host app whose project has this name.
    pub fn host_name(&self, project_name: &str) -> String {
        display_name(self.config.name.as_deref().unwrap_or(project_name))
    }

    fn locale(&self, page: &PageContext) -> &Arc<Locale> {
        self.locales.choose(&page.ui_locales, page.accept_language.as_deref())
    }

    fn respond(&self, drawing: Drawing, status: StatusCode, page: &PageContext) -> Response {
        let locale = self.locale(page);
        match self.render(&drawing, locale, page) {
            Ok(html) => response::html(status, &locale.tag, &drawing.policy, html),
            Err(error) => {
                tracing::error!(page = drawing.template, error = format!("{error:#}"), "a page could not be rendered");
                let body = Body::from(BROKEN_PAGE);
                let mut response =
                    response::html(StatusCode::INTERNAL_SERVER_ERROR, "en", &Policy::default(), String::new());
                *response.body_mut() = body;
                response
            }
        }
    }

    /// The whole page as text.
    pub(super) fn render(&self, drawing: &Drawing, locale: &Arc<Locale>, page: &PageContext) -> Result<String> {
        let asset = |stem: &str| self.assets.name(stem).map(|name| format!("{}/assets/{name}", page.base_path));
        let (light, dark) = (asset("logo"), asset("logo-dark"));
        let (logo, logo_dark) = match self.config.theme.color_scheme {
            ColorScheme::Auto => (light, dark),
            ColorScheme::Light => (light, None),
            ColorScheme::Dark => (dark.or(light), None),
        };
        let name = self.host_name(&page.project_name);
        let frame = context! {
            t => translate(locale),
            plain => translate_plain(locale),
            lang => &locale.tag,
            dir => &locale.direction,
            base_path => &page.base_path,
            assets => context! { style => asset("style"), theme => asset("theme"), icon => asset("icon") },
            host_app => context! {
                initial => initial(&name),
                name => name,
                logo,
                logo_dark,
            },
            links => context! {
                support => self.config.support_url.as_deref().and_then(link),
                privacy => self.config.privacy_url.as_deref().and_then(link),
                terms => self.config.terms_url.as_deref().and_then(link),
            },
        };
        let template = self.environment.get_template(&format!("{}.html", drawing.template))?;
        Ok(template.render(context! { ..drawing.values.clone(), ..frame })?)
    }

    pub(super) fn draw_login(view: &LoginView) -> Drawing {
        let values = context! {
            form => form(&view.form),
            client => view.client.as_ref().map(client),
            username => display_name(&view.username),
            forgot_path => &view.forgot_path,
            again => view.reason == LoginReason::ConfirmIdentity,
            error => view.error.map(|error| match error {
                LoginError::WrongCredentials => "wrong_credentials",
                LoginError::MustReset if view.forgot_path.is_some() => "must_reset",
                LoginError::MustReset => "must_reset_elsewhere",
                LoginError::Incomplete => "incomplete",
                LoginError::TooManyAttempts => "too_many_attempts",
                LoginError::Busy => "busy",
            }),
        };
        Drawing::of("login", values).with_logos(view.client.iter())
    }

    pub(super) fn draw_forgot_password(view: &ForgotPasswordView) -> Drawing {
        let values = context! {
            form => form(&view.form),
            email => display_name(&view.email),
            login_path => &view.login_path,
            error => view.error.map(|error| match error {
                ForgotPasswordError::Incomplete => "incomplete",
                ForgotPasswordError::LinkSpent => "link_spent",
            }),
        };
        Drawing::of("forgot-password", values)
    }

    pub(super) fn draw_reset_sent(view: &ResetSentView) -> Drawing {
        let minutes = (view.lifetime.0 / 60).to_string();
        Drawing::of("reset-sent", context! { minutes, login_path => &view.login_path })
    }

    pub(super) fn draw_reset_password(view: &ResetPasswordView) -> Drawing {
        let (rule, length, kinds) = match view.rule {
            PasswordRule::Unguessable => ("unguessable", SHORTEST, 0),
            PasswordRule::Kinds { length, kinds } => ("kinds", length, kinds),
        };
        let (error, score) = match view.error {
            None => (None, None),
            Some(ResetPasswordError::Incomplete) => (Some("incomplete"), None),
            Some(ResetPasswordError::TooShort) => (Some("too_short"), None),
            Some(ResetPasswordError::TooLong) => (Some("too_long"), None),
            Some(ResetPasswordError::Breached) => (Some("breached"), None),
            Some(ResetPasswordError::Guessable(score)) => (Some("guessable"), Some(score.min(4))),
            Some(ResetPasswordError::Kinds) => (Some("kinds"), None),
            Some(ResetPasswordError::Busy) => (Some("busy"), None),
        };
        let values = context! {
            form => form(&view.form),
            token => &view.token,
            email => display_name(&view.email),
            rule,
            length => length.to_string(),
            kinds => kinds.to_string(),
            error,
            score,
        };
        let mut drawing = Drawing::of("reset-password", values);
        drawing.policy.secret_in_address = true;
        drawing
    }

    pub(super) fn draw_password_set(view: &PasswordSetView) -> Drawing {
        Drawing::of("password-set", context! { login_path => &view.login_path })
    }

    pub(super) fn draw_account(view: &AccountChoiceView) -> Drawing {
        let values = context! {
            form => form(&view.form),
            client => client(&view.client),
            account => account(&view.account),
        };
        Drawing::of("account", values).with_logos([&view.client])
    }

    pub(super) fn draw_consent(view: &ConsentView, locale: &Locale, now: Timestamp) -> Drawing {
        let scopes = |state: ScopeState| -> Vec<Value> {
            view.scopes.iter().filter(|scope| scope.state == state).map(|own| scope(own, locale)).collect()
        };
        let some_known = view.scopes.iter().any(|scope| scope.already_granted);
        let ends: Vec<Value> = view.end_choices.iter().map(|span| end(*span, view.end_chosen, locale, now)).collect();
        let values = context! {
            form => form(&view.form),
            client => client(&view.client),
            account => account(&view.account),
            destination => destination(&view.redirect_uri),
            required => scopes(ScopeState::Required),
            optional => scopes(ScopeState::Optional),
            refused => scopes(ScopeState::NotGrantable),
            mark_new => some_known,
            resources => view.resources.iter().map(resource).collect::<Vec<_>>(),
            confirm_only => view.confirm_only,
            ends,
        };
        Drawing::of("consent", values).with_logos([&view.client])
    }

    pub(super) fn draw_logout(view: &LogoutView) -> Drawing {
        let values = context! {
            form => form(&view.form),
            client => view.client.as_ref().map(client),
            account => view.account.as_ref().map(account),
        };
        Drawing::of("logout", values).with_logos(view.client.iter())
    }

    pub(super) fn draw_logged_out(view: &LoggedOutView) -> Drawing {
        let return_to = view
            .return_to
            .as_ref()
            .and_then(|to| Some(context! { uri => link(&to.uri)?, client => client(&to.client) }));
        let values = context! { still_signed_in => view.still_signed_in, return_to };
        Drawing::of("logged-out", values).with_logos(view.return_to.iter().map(|to| &to.client))
    }

    pub(super) fn draw_error(view: &ErrorView) -> Drawing {
        let kind = match view.kind {
            ErrorKind::ClientMistake => "client_mistake",
            ErrorKind::UnknownClient => "unknown_client",
            ErrorKind::WrongRedirect => "wrong_redirect",
            ErrorKind::Expired => "expired",
            ErrorKind::OtherBrowser => "other_browser",
            ErrorKind::Forged => "forged",
            ErrorKind::TooManyRequests => "too_many_requests",
            ErrorKind::Busy => "busy",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Fault => "fault",
        };
        let values = context! {
            kind,
            error => display_name(&view.error),
            description => view.description.as_deref().map(display_text),
            error_id => display_name(&view.error_id),
        };
        Drawing::of("error", values)
    }

    pub(super) fn draw_form_post(&self, view: &FormPostView) -> Drawing {
        // A script in `action` would run with our origin.
        let action = link(&view.action).filter(|uri| uri.starts_with("https:") || uri.starts_with("http:"));
        let fields: Vec<Value> =
            view.fields.iter().map(|(name, value)| context! { name => name, value => value }).collect();
        let values = context! {
            action,
            fields,
            client => context! { name => display_name(&view.client_name) },
            script => Value::from_safe_string(self.script.clone()),
        };
        let mut drawing = Drawing::of("form-post", values);
        drawing.policy.script_hash = Some(self.script_hash.clone());
        drawing.policy.posts_elsewhere = true;
        drawing
    }

    pub(super) fn draw_outcome(view: &OutcomeView) -> Drawing {
        let outcome = match view.outcome {
            Outcome::Allowed => "allowed",
            Outcome::Denied => "denied",
            Outcome::Failed => "failed",
        };
        let values = context! { outcome, uri => link(&view.uri), client => client(&view.client) };
        Drawing::of("outcome", values).with_logos([&view.client])
    }

    pub(super) fn draw_apps(view: &AppsView, locale: &Locale) -> Drawing {
        let app = |app: &super::view::AppView| {
            context! {
                client => client(&app.client),
                scopes => app.scopes.iter().map(|own| scope(own, locale)).collect::<Vec<_>>(),
                resources => app.resources.iter().map(resource).collect::<Vec<_>>(),
                since => date(app.since, locale),
                last_used => app.last_used.map(|time| date(time, locale)),
                ends => app.ends.map(|time| date(time, locale)),
            }
        };
        let values = context! {
            form => form(&view.form),
            account => account(&view.account),
            apps => view.apps.iter().map(app).collect::<Vec<_>>(),
            disconnected => view.disconnected.as_deref().map(display_name),
            logout_path => &view.logout_path,
        };
        Drawing::of("apps", values).with_logos(view.apps.iter().map(|app| &app.client))
    }
}

/// A template with its values, before language and frame are known.
#[derive(Debug)]
pub(super) struct Drawing {
    template: &'static str,
    values: Value,
    policy: Policy,
}

impl Drawing {
    fn of(template: &'static str, values: Value) -> Self {
        Self { template, values, policy: Policy::default() }
    }

    /// Allows the pictures of these clients and no others.
    fn with_logos<'a>(mut self, clients: impl IntoIterator<Item = &'a ClientView>) -> Self {
        let logos = clients.into_iter().filter_map(|client| picture(client.logo_uri.as_deref()?)?.origin);
        self.policy.image_origins.extend(logos);
        self.policy.image_origins.sort();
        self.policy.image_origins.dedup();
        self
    }
}

/// Sent when even the error page cannot be rendered.
const BROKEN_PAGE: &str = "<!doctype html><html lang=\"en\"><title>Error</title><body data-page=\"error\">\
                           <h1>Something went wrong</h1><p id=\"oauth-error\" data-error=\"server_error\">\
                           Please go back to the app and try again.</p>";

/// The operator's files with this extension, as `(stem, content)` in the order of their names.
fn files(folder: Option<&Path>, extension: &str) -> Result<Vec<(String, String)>> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if let Some(stem) = stem.filter(|_| path.extension().is_some_and(|own| own == extension)) {
            let content = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            found.push((stem.to_owned(), content));
        }
    }
    found.sort();
    Ok(found)
}

/// Prints a value into a page: escaped, whatever a template says, unless it was made as markup.
fn print(out: &mut Output<'_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Err(Error::new(TemplateFault::InvalidOperation, "an absent value cannot be printed"));
    }
    let text = value.to_string();
    let text = if value.is_safe() { text } else { escape(&text) };
    Ok(out.write_str(&text)?)
}

/// For text and quoted attributes. The engine's own also writes `/` as a reference, which makes every URI unreadable.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// `t("key", name=value)`: the text as HTML, each value escaped and isolated from the direction of what is around it.
fn translate(locale: &Arc<Locale>) -> Value {
    let locale = Arc::clone(locale);
    Value::from_function(move |key: &str, values: Kwargs| {
        let wrap = |value: &str| format!("<bdi>{}</bdi>", escape(value));
        let text = interpolate(&locale, key, &values, escape, wrap)?;
        Ok::<_, Error>(Value::from_safe_string(text))
    })
}

/// `plain("key", name=value)`: the text for attributes and the title; escaped where it is printed.
fn translate_plain(locale: &Arc<Locale>) -> Value {
    let locale = Arc::clone(locale);
    Value::from_function(move |key: &str, values: Kwargs| {
        interpolate(&locale, key, &values, str::to_owned, str::to_owned).map(Value::from)
    })
}

fn interpolate(
    locale: &Locale,
    key: &str,
    values: &Kwargs,
    text: impl Fn(&str) -> String,
    value: impl Fn(&str) -> String,
) -> Result<String, Error> {
    let fault = |what: String| Error::new(TemplateFault::InvalidOperation, what);
    let message = locale.text(key).ok_or_else(|| fault(format!("no text {key:?} in language {}", locale.tag)))?;
    let mut result = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) =
            after.split_once('}').ok_or_else(|| fault(format!("text {key:?} has an unpaired brace")))?;
        result.push_str(&text(before));
        result.push_str(&value(&values.get::<String>(name)?));
        rest = after;
    }
    result.push_str(&text(rest));
    Ok(result)
}

fn form(form: &FormView) -> Value {
    context! { action => &form.action, interaction => &form.interaction, csrf => &form.csrf }
}

fn client(client: &ClientView) -> Value {
    let name = client.shown_name();
    context! {
        id => &client.client_id,
        initial => initial(&name),
        name,
        // RFC draft Client ID Metadata Document: a client_id that is a URL proves who stands behind it.
        id_host => Url::parse(&client.client_id).ok().filter(|url| url.scheme() == "https").and_then(|url| Some(url.host_str()?.to_owned())),
        logo => client.logo_uri.as_deref().and_then(picture).map(|picture| picture.source),
        site => client.client_uri.as_deref().and_then(site),
        policy => client.policy_uri.as_deref().and_then(site),
        terms => client.tos_uri.as_deref().and_then(site),
        verified => client.verified,
        first_party => client.party == Party::First,
        deceptive => client.is_deceptive(),
    }
}

/// A page of the client's own, and its host as the text for it.
fn site(uri: &str) -> Option<Value> {
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "https")?;
    Some(context! { host => url.host_str()?, uri => url.as_str() })
}

fn account(account: &AccountView) -> Value {
    let login = display_name(&account.login);
    let name = account.name.as_deref().map(display_name).filter(|name| !name.is_empty() && *name != login);
    context! { initial => initial(name.as_deref().unwrap_or(&login)), name, login }
}

fn scope(scope: &ScopeView, locale: &Locale) -> Value {
    context! {
        value => &scope.value,
        title => scope_title(locale, &scope.value, scope.description.as_deref()),
        detail => scope_detail(locale, &scope.value),
        new => !scope.already_granted,
    }
}

fn resource(resource: &ResourceView) -> Value {
    let name = display_name(&resource.name);
    context! { name => (!name.is_empty()).then_some(name), uri => display_text(&resource.uri) }
}

fn end(span: Seconds, chosen: Option<Seconds>, locale: &Locale, now: Timestamp) -> Value {
    let named = ["day", "week", "month", "quarter", "year"].into_iter().zip(super::view::END_CHOICES);
    context! {
        seconds => span.0,
        // A span without a name of its own is told by its date alone.
        name => named.into_iter().find(|(_, own)| *own == span).map(|(name, _)| name),
        date => locale.date(now.plus(span)),
        chosen => chosen == Some(span),
    }
}

fn date(time: Timestamp, locale: &Locale) -> Value {
    context! { text => locale.date(time), machine => rfc3339::text(time) }
}

/// Where a redirect URI leads, for the user.
fn destination(uri: &str) -> Value {
    let shown = display_text(uri);
    let Ok(url) = Url::parse(uri) else { return context! { kind => "app", host => &shown, uri => &shown } };
    let kind = match url.host() {
        _ if !matches!(url.scheme(), "https" | "http") => "app",
        Some(Host::Domain("localhost")) => "loopback",
        Some(Host::Ipv4(address)) if address.is_loopback() => "loopback",
        Some(Host::Ipv6(address)) if address.is_loopback() => "loopback",
        _ => "web",
    };
    let host = if kind == "app" { format!("{}:", url.scheme()) } else { url.host_str().unwrap_or_default().to_owned() };
    context! { kind, host, uri => shown }
}

/// A link that a page may carry: no scheme that runs or shows content under our origin.
fn link(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let harmful = ["javascript", "data", "vbscript", "blob", "file", "filesystem", "about", "view-source", "ws", "wss"];
    (!harmful.contains(&url.scheme()) && !uri.chars().any(|c| c.is_control() || c.is_whitespace()))
        .then(|| uri.to_owned())
}

/// A picture that a page may show, and the origin that its policy must name.
struct Picture {
    source: String,
    origin: Option<String>,
}

fn picture(uri: &str) -> Option<Picture> {
    let url = Url::parse(uri).ok()?;
    let source = url.as_str().to_owned();
    if url.scheme() == "data" {
        let shown = ["data:image/png;", "data:image/jpeg;", "data:image/webp;", "data:image/svg+xml"];
        let fits = source.len() <= 64 * 1024 && shown.iter().any(|kind| source.starts_with(kind));
        return fits.then_some(Picture { source, origin: None });
    }
    let own_machine = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    // A host may hold `;` and `,` by the URL standard, which would end a directive.
    let plain = url.host_str()?.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c));
    let allowed = url.scheme() == "https" || (url.scheme() == "http" && own_machine);
    (allowed && plain).then(|| Picture { source, origin: Some(url.origin().ascii_serialization()) })
}
