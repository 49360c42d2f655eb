//! An interaction as the host app's page sees it: what to do next, and everything that a consent page shows.

use crate::pages::{AccountView, ClientView, ResourceView, ScopeState, ScopeView, Words};
use hospes_protocol::{
    client::{ApplicationType, Client, Party},
    redirect_uri,
    user::User,
};
use serde::Serialize;
use utoipa::ToSchema;

/// What is not known yet is `null` or empty.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InteractionObject {
    /// The handle. Worth nothing in another browser than the one in which the interaction began.
    pub(crate) interaction_id: String,
    pub(crate) expires_at: String,
    pub(crate) next: Next,
    /// With `next: redirect`: where the browser goes now. Looking alone (`GET`) does not show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_url: Option<String>,
    /// With `next: login`: how the user is to log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) login: Option<InteractionLogin>,
    pub(crate) project: InteractionProject,
    pub(crate) client: InteractionClient,
    pub(crate) redirect: InteractionRedirect,
    pub(crate) user: Option<InteractionUser>,
    /// With `next: consent`: every value asked for, in the client's order.
    pub(crate) scopes: Vec<InteractionScope>,
    pub(crate) resources: Vec<InteractionResource>,
    /// Whether the answer may have an end date.
    pub(crate) end_date_allowed: bool,
    /// With `next: consent`: all of it was allowed before, and the user is only asked whether to go on.
    pub(crate) confirm_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Next {
    Redirect,
    Login,
    Consent,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InteractionLogin {
    /// What to fill in, if the client says whom it expects. Anybody may have made it up.
    pub(crate) login_hint: Option<String>,
    /// The user must prove anew who they are, even if they are logged in.
    pub(crate) reauthenticate: bool,
    /// The user must choose an account, even if they are logged in.
    pub(crate) select_account: bool,
    /// Where the login leads back to: the project's `authorization_url` with the handle; null without one.
    pub(crate) return_url: Option<String>,
}

/// The host app, as our own pages call it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InteractionProject {
    pub(crate) name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InteractionClient {
    pub(crate) client_id: String,
    /// Made safe to show; whoever registered the client chose it.
    pub(crate) name: String,
    /// The name's letters look like others, so that it may imitate another client: warn.
    pub(crate) deceptive: bool,
    pub(crate) description: String,
    pub(crate) logo_url: Option<String>,
    pub(crate) client_url: Option<String>,
    /// How the client treats what it learns of the user.
    pub(crate) policy_url: Option<String>,
    /// The client's terms of service.
    pub(crate) tos_url: Option<String>,
    /// The operator knows who stands behind it.
    pub(crate) verified: bool,
    pub(crate) first_party: bool,
}

/// Where the answer goes; to be shown, because a client's name proves nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InteractionRedirect {
    /// `app.example.com`, `localhost:3000`, or `com.example.app:`.
    pub(crate) host: String,
    pub(crate) kind: RedirectKind,
    /// The whole address, to be shown on demand.
    pub(crate) uri: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RedirectKind {
    Web,
    /// The user's own machine, where any program may listen: warn.
    Loopback,
    /// An app on the user's device.
    App,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InteractionUser {
    pub(crate) user_id: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InteractionScope {
    pub(crate) scope: String,
    /// In plain words, and in the language of the request's `ui_locales` or of this call's `Accept-Language`.
    pub(crate) text: String,
    /// What more there is to say of it.
    pub(crate) detail: Option<String>,
    /// The user may leave it out.
    pub(crate) optional: bool,
    /// If not, it is shown and never granted.
    pub(crate) grantable: bool,
    /// Why it is not grantable: `role`, because the user's roles do not cover it.
    pub(crate) reason: Option<&'static str>,
    pub(crate) granted_before: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InteractionResource {
    pub(crate) resource: String,
    pub(crate) name: Option<String>,
}

impl InteractionClient {
    pub(crate) fn of(client: &Client) -> Self {
        let view = ClientView::of(client);
        Self {
            name: view.shown_name(),
            deceptive: view.is_deceptive(),
            client_id: view.client_id,
            description: client.settings.description.clone(),
            logo_url: view.logo_uri,
            client_url: view.client_uri,
            policy_url: view.policy_uri,
            tos_url: view.tos_uri,
            verified: view.verified,
            first_party: view.party == Party::First,
        }
    }
}

impl InteractionRedirect {
    pub(crate) fn of(uri: &str, client: &Client) -> Self {
        let is_native = client.settings.application_type == ApplicationType::Native;
        let kind = if redirect_uri::is_loopback(uri) {
            RedirectKind::Loopback
        } else if redirect_uri::is_private_use(uri) || is_native {
            RedirectKind::App
        } else {
            RedirectKind::Web
        };
        Self { host: redirect_uri::display_host(uri), kind, uri: uri.to_owned() }
    }
}

impl InteractionUser {
    pub(crate) fn of(user: &User) -> Self {
        Self {
            user_id: user.id.to_string(),
            name: AccountView::of(user).name,
            email: user.profile.email().map(|email| email.address.clone()),
        }
    }
}

impl InteractionScope {
    pub(crate) fn of(view: &ScopeView, words: &Words) -> Self {
        let grantable = view.state != ScopeState::NotGrantable;
        let said = words.scope(&view.value, view.description.as_deref());
        Self {
            scope: view.value.clone(),
            text: said.title,
            detail: said.detail,
            optional: view.state == ScopeState::Optional,
            grantable,
            reason: (!grantable).then_some("role"),
            granted_before: view.already_granted,
        }
    }
}

impl InteractionResource {
    pub(crate) fn of(view: ResourceView) -> Self {
        Self { resource: view.uri, name: Some(view.name).filter(|name| !name.is_empty()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hospes_protocol::{
        Timestamp,
        client::{ClientSettings, Confidentiality},
        id::ClientId,
        plane::Plane,
    };

    #[test]
    fn a_redirect_uri_says_what_kind_of_place_it_is() {
        let mut client = Client::new(
            ClientId::new("app"),
            ClientSettings::new(Party::Third, Confidentiality::Public, Plane::Standard),
            Timestamp(0),
        );
        let kind = |client: &Client, uri: &str| {
            let redirect = InteractionRedirect::of(uri, client);
            (redirect.host, redirect.kind)
        };
        let web = kind(&client, "https://app.example/cb");
        assert_eq!(web, ("app.example".to_owned(), RedirectKind::Web));
        let loopback = kind(&client, "http://127.0.0.1:4711/cb");
        assert_eq!(loopback, ("127.0.0.1:4711".to_owned(), RedirectKind::Loopback));
        let app = kind(&client, "com.example.app:/cb");
        assert_eq!(app, ("com.example.app:".to_owned(), RedirectKind::App));
        client.settings.application_type = ApplicationType::Native;
        assert_eq!(kind(&client, "https://app.example/cb").1, RedirectKind::App);
    }
}
