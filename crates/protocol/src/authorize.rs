//! What happens next with an authorization request: log in, choose an account, consent, issue a code, or refuse.
//!
//! Specs: OIDC Core §3.1.2.1 to §3.1.2.6, §5.5.1 and §11, OpenID Connect Core Error Code
//! `unmet_authentication_requirements`, RFC 8252 §8.6, OAuth 2.1 §7.9.
//! Asked again after every step of the user, with the facts of that moment; it remembers nothing itself.

use crate::{
    authorization_request::ValidRequest,
    client::{ApplicationType, Client, Party},
    consent::{Approval, ConsentItem, ConsentQuestion},
    error::{
        ErrorCode::{
            AccessDenied, AccountSelectionRequired, ConsentRequired, InteractionRequired, LoginRequired,
            UnmetAuthenticationRequirements,
        },
        Refusal, refuse,
    },
    grant::Grant,
    id::UserId,
    interaction::Progress,
    liveness,
    policy::Policy,
    redirect_uri,
    scope::{OFFLINE_ACCESS, OPENID, Scope},
    session::Session,
    time::Timestamp,
    user::User,
};

pub const UNMET_ACR: Refusal = refuse(
    UnmetAuthenticationRequirements,
    "the essential acr cannot be met; ask for another or make it voluntary with acr_values",
);
pub const LOGIN_REQUIRED: Refusal =
    refuse(LoginRequired, "the user must log in, which prompt=none forbids; send the request again without it");
pub const OTHER_USER_LOGGED_IN: Refusal =
    refuse(LoginRequired, "another user than the one named by id_token_hint or claims has logged in");
pub const ACCOUNT_SELECTION_REQUIRED: Refusal = refuse(
    AccountSelectionRequired,
    "the user must choose an account, which prompt=none forbids; send the request again without it",
);
pub const CONSENT_REQUIRED: Refusal =
    refuse(ConsentRequired, "the user must consent, which prompt=none forbids; send the request again without it");
pub const CONFIRMATION_REQUIRED: Refusal = refuse(
    InteractionRequired,
    "requests of native clients need the user's confirmation, which prompt=none forbids; send the request again without it",
);
pub const NOTHING_GRANTABLE: Refusal =
    refuse(AccessDenied, "the user's roles cover none of the requested scope values");

/// What is known at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who is signed in in this browser, whatever became of their session since: `decide` judges that.
    pub signed_in: Option<SignedIn<'a>>,
    /// The signed-in user's grant for this client, dead or alive.
    pub grant: Option<&'a Grant>,
    /// What the user has done within this interaction; empty when it begins.
    pub progress: &'a Progress,
    /// The subject of a verified `id_token_hint`.
    pub hinted_user: Option<&'a UserId>,
    pub now: Timestamp,
}

#[derive(Debug, Clone, Copy)]
pub struct SignedIn<'a> {
    pub session: &'a Session,
    pub user: &'a User,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Show the login page.
    Login,
    /// Ask whether to go on as the user who is signed in, or as another.
    SelectAccount,
    /// Show the consent page.
    Consent(ConsentQuestion),
    /// Issue a code: nothing is left to ask.
    Issue(Approval),
    /// Tell the client no.
    Refuse(Refusal),
}

/// Decides the next step for `request`.
///
/// The order is deliberate:
///
/// 1. **What nobody in front of the browser can mend** is refused before anyone is troubled with a page.
/// 2. **Who**: a usable session, fresh enough, of the user whom the client means. A session that died, belongs to a
///    disabled user or was voided is no session: the person may still log in, perhaps as somebody else.
/// 3. **Which account**: also when the browser's user changed since this interaction was fixed to one, so that a
///    consent page left open never answers for the newcomer.
/// 4. **Whether**: consent. It comes after the account because it is that user's to give.
///
/// `prompt=none` turns each page into its own error, at the same place in the same order.
pub fn decide(request: &ValidRequest, client: &Client, policy: &Policy, facts: &Facts<'_>) -> Step {
    // OIDC Core §5.5.1.1: an essential acr that is not met is a failed authentication
    if !request.claims.essential_acr.is_empty() {
        return Step::Refuse(UNMET_ACR);
    }

    let Some(SignedIn { session, user }) = facts.signed_in.filter(|signed_in| is_usable(*signed_in, facts.now)) else {
        return ask(request, Step::Login, LOGIN_REQUIRED);
    };
    let progress = Standing::of(facts.progress, session);
    // OIDC Core §3.1.2.1 `prompt=login` and `max_age`: a login within this interaction answers both, even if the
    // clock has moved on since; otherwise `max_age=0` could never be met
    let is_fresh = request.max_age.is_none_or(|most| facts.now.since(session.authenticated_at) <= most);
    if (request.prompt.login || !is_fresh) && !progress.has_authenticated {
        return ask(request, Step::Login, LOGIN_REQUIRED);
    }
    // OIDC Core §3.1.2.1 `id_token_hint`, §5.5.1 `sub`
    if is_another_user_meant(request, facts, user) {
        if progress.has_authenticated {
            return Step::Refuse(OTHER_USER_LOGGED_IN);
        }
        return ask(request, Step::Login, LOGIN_REQUIRED);
    }

    // OIDC Core §3.1.2.1 `prompt=select_account`
    if progress.is_of_another_user || request.prompt.select_account && !progress.has_chosen {
        return ask(request, Step::SelectAccount, ACCOUNT_SELECTION_REQUIRED);
    }

    let question = question(request, policy, user, facts);
    let scope = grantable_scope(&question);
    if scope.is_empty() {
        return Step::Refuse(NOTHING_GRANTABLE);
    }
    // OIDC Core §3.1.2.4
    if needs_consent(request, client, facts, &scope) {
        return ask(request, Step::Consent(question), CONSENT_REQUIRED);
    }
    // RFC 8252 §8.6
    if !is_identity_assured(request, client) {
        return ask(request, Step::Consent(confirmation(question)), CONFIRMATION_REQUIRED);
    }
    Step::Issue(Approval {
        scope,
        resources: question.resources,
        expires_at: question.present_end,
        remember: false,
        declined: Scope::default(),
    })
}

/// Whether a session still lets its user in: neither ended nor voided, and the user not disabled.
pub fn is_usable(SignedIn { session, user }: SignedIn<'_>, now: Timestamp) -> bool {
    liveness::session(Some(session), user, now).is_ok() && user.disabled_at.is_none()
}

/// OIDC Core §3.1.2.1: with `prompt=none` no page may be shown.
fn ask(request: &ValidRequest, step: Step, instead: Refusal) -> Step {
    if request.prompt.none { Step::Refuse(instead) } else { step }
}

/// How what was done within this interaction stands to the session of now.
struct Standing {
    has_authenticated: bool,
    has_chosen: bool,
    is_of_another_user: bool,
}

impl Standing {
    fn of(progress: &Progress, session: &Session) -> Self {
        let is_of_this_session = progress.session_id.as_ref() == Some(&session.id);
        let has_authenticated = is_of_this_session && progress.authenticated_at.is_some();
        Self {
            has_authenticated,
            // Who has just typed a name and a password has chosen
            has_chosen: has_authenticated || is_of_this_session && progress.account_chosen_at.is_some(),
            is_of_another_user: progress.user_id.as_ref().is_some_and(|user_id| *user_id != session.user_id),
        }
    }
}

fn is_another_user_meant(request: &ValidRequest, facts: &Facts<'_>, user: &User) -> bool {
    let subjects = &request.claims.subjects;
    let is_claimed = subjects.is_empty() || subjects.iter().any(|meant| meant == user.id.as_str());
    !is_claimed || facts.hinted_user.is_some_and(|meant| *meant != user.id)
}

/// The grant that still counts.
fn live_grant<'a>(facts: &Facts<'a>) -> Option<&'a Grant> {
    facts.grant.filter(|grant| grant.is_alive(facts.now))
}

fn question(request: &ValidRequest, policy: &Policy, user: &User, facts: &Facts<'_>) -> ConsentQuestion {
    let grant = live_grant(facts);
    let item = |value: &str| ConsentItem {
        value: value.to_owned(),
        grantable: policy.is_grantable(value, user),
        // Without `openid` the answer would be of another kind than the client asked for
        optional: policy.scope_value(value).map_or(value != OPENID, |own| own.optional),
        already_granted: grant.is_some_and(|grant| grant.scope.contains(value)),
    };
    let mut claims = request.claims.userinfo.clone();
    claims.extend(request.claims.id_token.iter().filter(|name| !request.claims.userinfo.contains(name)).cloned());
    ConsentQuestion {
        items: request.scope.iter().map(item).collect(),
        claims,
        resources: request.resources.clone(),
        confirm_only: false,
        present_end: grant.and_then(|grant| grant.expires_at),
    }
}

fn confirmation(question: ConsentQuestion) -> ConsentQuestion {
    let items = question.items.into_iter().map(|item| ConsentItem { optional: false, ..item }).collect();
    ConsentQuestion { items, confirm_only: true, ..question }
}

fn grantable_scope(question: &ConsentQuestion) -> Scope {
    question.items.iter().filter(|item| item.grantable).map(|item| item.value.as_str()).collect()
}

/// Whether the user must be asked about the content of the request.
fn needs_consent(request: &ValidRequest, client: &Client, facts: &Facts<'_>, scope: &Scope) -> bool {
    let settings = &client.settings;
    // OIDC Core §3.1.2.1
    if request.prompt.consent {
        return true;
    }
    // OIDC Core §11: access in the user's absence is asked for each time, for a saved consent may be of another day;
    // only for its own applications can the operator decide otherwise
    let may_bypass = settings.party == Party::First && settings.bypass_consent_for_offline_access;
    if scope.contains(OFFLINE_ACCESS) && !may_bypass {
        return true;
    }
    match settings.party {
        // The host app's own client works without a question, until the user has disconnected it
        Party::First => facts.grant.is_some_and(|grant| grant.revoked_at.is_some()),
        // OAuth 2.1 §7.9: remembered for the user and the client as far as it goes. A grant remembers no single
        // claims, so these are asked for each time
        Party::Third => live_grant(facts).is_none_or(|grant| {
            let covers_resources = request.resources.iter().all(|resource| grant.resources.contains(resource));
            !scope.is_subset_of(&grant.scope) || !covers_resources || !has_no_single_claims(request)
        }),
    }
}

fn has_no_single_claims(request: &ValidRequest) -> bool {
    request.claims.userinfo.is_empty() && request.claims.id_token.is_empty()
}

/// Whether the code can only reach the client that the request names.
///
/// An app on the user's device may pass itself off as another: any app can claim a private-use scheme, and any can
/// listen on the loopback interface. A confidential client on loopback is an exception, because its code is worth
/// nothing without its secret; a native app's secret is none (RFC 8252 §8.5).
fn is_identity_assured(request: &ValidRequest, client: &Client) -> bool {
    let uri = &request.target.redirect_uri;
    let is_web = client.settings.application_type == ApplicationType::Web && !redirect_uri::is_private_use(uri);
    is_web && (!client.is_public() || !redirect_uri::is_loopback(uri))
}
