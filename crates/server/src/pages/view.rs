//! What each page shows. Texts that others chose (names of clients and users) go in raw: the pages make them safe.

use super::name::{display_name, name_warning};
use hospes_protocol::{
    Seconds, Timestamp,
    client::{Client, Party},
    password_policy::{PasswordPolicy, PolicyKind, SHORTEST},
    user::User,
};

/// Names of the form fields, and of the buttons' values.
pub mod field {
    /// Hidden: the handle of the interaction.
    pub const INTERACTION: &str = "interaction";
    /// Hidden: the CSRF token.
    pub const CSRF: &str = "csrf";
    pub const USERNAME: &str = "username";
    pub const PASSWORD: &str = "password";
    pub const EMAIL: &str = "email";
    /// Of the link in a mail: in the address of the page, and hidden in its form.
    pub const TOKEN: &str = "token";
    /// Which button was pressed: one of [`super::decision`]. Absent when the browser sent the form without one.
    pub const DECISION: &str = "decision";
    /// A ticked optional scope value arrives as `scope:<value>=1`, so that no field is repeated.
    pub const SCOPE_PREFIX: &str = "scope:";
    /// How long the consent lasts, in seconds; empty means without end.
    pub const ENDS_AFTER: &str = "ends_after";
    /// The client to disconnect, on the page of connected apps.
    pub const DISCONNECT: &str = "disconnect";
}

/// Values of the field [`field::DECISION`].
pub mod decision {
    pub const LOGIN: &str = "login";
    pub const CONTINUE: &str = "continue";
    pub const SWITCH: &str = "switch";
    pub const ALLOW: &str = "allow";
    pub const DENY: &str = "deny";
    pub const CONFIRM: &str = "confirm";
    pub const CANCEL: &str = "cancel";
}

/// The end dates offered on the consent page, as spans from now: a day, a week, 30 days, 90 days, a year.
pub const END_CHOICES: [Seconds; 5] =
    [Seconds(86_400), Seconds(604_800), Seconds(2_592_000), Seconds(7_776_000), Seconds(31_536_000)];

/// Where a form goes, and what it carries unseen. `action` is a path of ours, with the issuer's path in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormView {
    pub action: String,
    pub interaction: Option<String>,
    pub csrf: String,
}

/// The client as the user should know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientView {
    pub client_id: String,
    pub name: String,
    pub logo_uri: Option<String>,
    pub client_uri: Option<String>,
    pub policy_uri: Option<String>,
    pub tos_uri: Option<String>,
    pub verified: bool,
    pub party: Party,
}

impl ClientView {
    pub fn of(client: &Client) -> Self {
        Self {
            client_id: client.id.as_str().to_owned(),
            name: client.display_name(),
            logo_uri: client.settings.logo_uri.clone(),
            client_uri: client.settings.client_uri.clone(),
            policy_uri: client.settings.policy_uri.clone(),
            tos_uri: client.settings.tos_uri.clone(),
            verified: client.settings.verified,
            party: client.settings.party,
        }
    }

    /// The name made safe to show; a client without one goes by its id.
    pub fn shown_name(&self) -> String {
        let name = display_name(&self.name);
        if name.is_empty() { display_name(&self.client_id) } else { name }
    }

    /// Whether the user must be warned that the name may imitate another one.
    pub fn is_deceptive(&self) -> bool {
        name_warning(&self.name).is_some() && !self.verified
    }
}

/// The account that is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// What the person is called, if we know.
    pub name: Option<String>,
    /// What tells this account from the person's others: address or user name.
    pub login: String,
}

impl AccountView {
    pub fn of(user: &User) -> Self {
        let claim = |name: &str| user.profile.text_claim(name).map(str::to_owned);
        let email = user.profile.email().map(|email| email.address.clone());
        let login = email.or_else(|| claim("preferred_username")).or_else(|| user.profile.username.clone());
        Self {
            name: claim("name").or_else(|| claim("given_name")),
            login: login.or_else(|| user.external_id.clone()).unwrap_or_else(|| user.id.as_str().to_owned()),
        }
    }
}

/// `login`: buttons [`decision::LOGIN`] and [`decision::CANCEL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginView {
    pub form: FormView,
    /// Whom the login is for; `None` on the way to a page of our own. Then there is no cancel button.
    pub client: Option<ClientView>,
    /// Prefilled: `login_hint`, or what was typed before.
    pub username: String,
    /// Path of the page for those who forgot their password; `None` where no mail can be sent.
    pub forgot_path: Option<String>,
    pub reason: LoginReason,
    pub error: Option<LoginError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginReason {
    SignIn,
    /// Somebody is signed in, and the client wants fresh proof (`prompt=login`, `max_age`).
    ConfirmIdentity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// Unknown user and wrong password alike.
    WrongCredentials,
    /// The password was right, and a new one must be set before it counts again.
    MustReset,
    /// A field was left empty.
    Incomplete,
    TooManyAttempts,
    /// The server has too much to do right now.
    Busy,
}

/// `forgot-password`: asks for the address to which a link is mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgotPasswordView {
    pub form: FormView,
    /// Prefilled: what was typed before.
    pub email: String,
    pub error: Option<ForgotPasswordError>,
    /// Path back to the login.
    pub login_path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgotPasswordError {
    /// The field was left empty.
    Incomplete,
    /// The link that led here was used, replaced by a newer one, or is too old.
    LinkSpent,
}

/// `reset-sent`: says that a mail is on its way, if there is such a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetSentView {
    /// How long the link is good.
    pub lifetime: Seconds,
    /// Path back to the login.
    pub login_path: String,
}

/// `reset-password`: asks for the new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetPasswordView {
    pub form: FormView,
    /// Of the link, for the form.
    pub token: String,
    /// The address that the mail went to.
    pub email: String,
    pub rule: PasswordRule,
    pub error: Option<ResetPasswordError>,
}

/// What the project asks of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRule {
    /// To be hard to guess.
    Unguessable,
    /// So many characters, of so many kinds.
    Kinds { length: u32, kinds: u32 },
}

impl PasswordRule {
    pub fn of(policy: &PasswordPolicy) -> Self {
        match policy.kind {
            PolicyKind::Zxcvbn => Self::Unguessable,
            PolicyKind::Luds => {
                Self::Kinds { length: policy.luds_min_length.max(SHORTEST), kinds: policy.luds_min_complexity }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetPasswordError {
    /// The field was left empty.
    Incomplete,
    TooShort,
    TooLong,
    /// On the list of those that leaks show most often.
    Breached,
    /// How strong it is, 0 to 4; for [`PasswordRule::Unguessable`].
    Guessable(u8),
    /// For [`PasswordRule::Kinds`].
    Kinds,
    /// The server has too much to do right now.
    Busy,
}

/// `password-set`: the new password counts; what waits elsewhere goes on there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordSetView {
    pub login_path: String,
}

/// `account`: buttons [`decision::CONTINUE`], [`decision::SWITCH`] and [`decision::CANCEL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChoiceView {
    pub form: FormView,
    pub client: ClientView,
    pub account: AccountView,
}

/// `consent`: buttons [`decision::ALLOW`], [`decision::DENY`] and [`decision::SWITCH`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentView {
    pub form: FormView,
    pub client: ClientView,
    /// The redirect URI as requested; the page shows where it leads.
    pub redirect_uri: String,
    pub account: AccountView,
    pub scopes: Vec<ScopeView>,
    pub resources: Vec<ResourceView>,
    /// Consent is remembered; a native client asks for a confirmation only (RFC 8252 §8.6).
    pub confirm_only: bool,
    /// Offered end dates; empty leaves the choice out. Usually [`END_CHOICES`].
    pub end_choices: Vec<Seconds>,
    /// What was chosen before, when the page is shown again.
    pub end_chosen: Option<Seconds>,
}

/// One scope value that is asked for or granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeView {
    pub value: String,
    /// The policy's words; the standard values have their texts in the locales.
    pub description: Option<String>,
    pub state: ScopeState,
    /// Granted before: the page marks what is new.
    pub already_granted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeState {
    Required,
    /// The user may untick it.
    Optional,
    /// The user may not pass it on: their roles do not cover it.
    NotGrantable,
}

/// An API that the tokens will be for (RFC 8707).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceView {
    /// Its registered name; may be empty.
    pub name: String,
    pub uri: String,
}

/// `logout`: buttons [`decision::CONFIRM`] and [`decision::CANCEL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutView {
    pub form: FormView,
    /// Who asks for the logout, if known.
    pub client: Option<ClientView>,
    pub account: Option<AccountView>,
}

/// `logged-out`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoggedOutView {
    /// Set when the user chose to stay: the page then says that they are still signed in.
    pub still_signed_in: bool,
    pub return_to: Option<ReturnLink>,
}

/// A way back to a client. `uri` must be a registered one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnLink {
    pub uri: String,
    pub client: ClientView,
}

/// `error`: what stays on our page because there is no proven place to send it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorView {
    /// HTTP status of the page.
    pub status: u16,
    /// The code as on the wire (`invalid_request` …); becomes `data-error`.
    pub error: String,
    /// Our description, for the developer of the client. Never an echo of the request.
    pub description: Option<String>,
    /// Under which the operator finds this in the log.
    pub error_id: String,
    pub kind: ErrorKind,
}

/// What happened, in the user's terms: chooses title, text and advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The client sent something that we cannot accept; the user can do nothing about it.
    ClientMistake,
    /// No client by that name, or it may not be used.
    UnknownClient,
    /// The redirect URI is not registered.
    WrongRedirect,
    /// The interaction is over: too old, or decided already.
    Expired,
    /// Another browser began the interaction, or cookies are blocked.
    OtherBrowser,
    /// A form without a valid CSRF token, or from another site.
    Forged,
    TooManyRequests,
    Busy,
    NotFound,
    /// We broke.
    Fault,
}

/// `form-post`: hands the response to the client by POST (Form Post Response Mode).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormPostView {
    pub action: String,
    pub fields: Vec<(String, String)>,
    pub client_name: String,
}

/// `outcome`: for redirects that leave the browser, with a link to follow (T-30).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeView {
    /// The whole response URI, with `code`, `state` and `iss` or with `error`.
    pub uri: String,
    pub client: ClientView,
    pub outcome: Outcome,
    /// Also try to open the app without a click (`Refresh` header); the link stays for browsers that block that.
    pub auto_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Allowed,
    Denied,
    /// The protocol refused; the app is told why.
    Failed,
}

/// `apps`: the connected apps of an account; a button [`field::DISCONNECT`] each, its value the `client_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppsView {
    pub form: FormView,
    pub account: AccountView,
    pub apps: Vec<AppView>,
    /// The name of the app that was just disconnected.
    pub disconnected: Option<String>,
    /// Path of the page to sign out, if it should be linked.
    pub logout_path: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppView {
    pub client: ClientView,
    pub scopes: Vec<ScopeView>,
    pub resources: Vec<ResourceView>,
    pub since: Timestamp,
    pub last_used: Option<Timestamp>,
    pub ends: Option<Timestamp>,
}
