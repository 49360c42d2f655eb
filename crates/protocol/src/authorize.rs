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
    full_access,
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

/// Who is asked, and what they permitted before.
#[derive(Debug, Clone, Copy)]
pub struct Consenting<'a> {
    pub user: &'a User,
    /// Their grant for the client, dead or alive.
    pub grant: Option<&'a Grant>,
    pub now: Timestamp,
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
    let progress = Answered::of(facts.progress, session);
    // OIDC Core §3.1.2.1 `prompt=login` and `max_age`: a login within this interaction answers both, even if the
    // clock has moved on since; otherwise `max_age=0` could never be met
    let is_fresh = request.max_age.is_none_or(|most| facts.now.since(session.authenticated_at) <= most);
    if (request.prompt.login || !is_fresh) && !progress.has_authenticated {
        return ask(request, Step::Login, LOGIN_REQUIRED);
    }
    // OIDC Core §3.1.2.1 `id_token_hint`, §5.5.1 `sub`
    if is_another_user_meant(request, facts.hinted_user, user) {
        if progress.has_authenticated {
            return Step::Refuse(OTHER_USER_LOGGED_IN);
        }
        return ask(request, Step::Login, LOGIN_REQUIRED);
    }

    // OIDC Core §3.1.2.1 `prompt=select_account`
    if progress.is_of_another_user || request.prompt.select_account && !progress.has_chosen {
        return ask(request, Step::SelectAccount, ACCOUNT_SELECTION_REQUIRED);
    }

    decide_consent(request, client, policy, &Consenting { user, grant: facts.grant, now: facts.now })
}

/// Decides whether `user` must be asked: what is left when it is known who they are. By itself it is for a host app that
/// logs its users in on its own page and vouches for one.
pub fn decide_consent(request: &ValidRequest, client: &Client, policy: &Policy, given: &Consenting<'_>) -> Step {
    let Consenting { user, grant, now } = *given;
    // A grant of another pair is no grant of this one
    let grant = grant.filter(|grant| grant.user_id == user.id && grant.client_id == client.id);
    let question = question(request, client, policy, user, living(grant, now));
    let scope = grantable_scope(&question);
    if scope.is_empty() {
        return Step::Refuse(NOTHING_GRANTABLE);
    }
    // OIDC Core §3.1.2.4
    if needs_consent(request, client, grant, now, &scope) {
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
pub(crate) fn ask(request: &ValidRequest, step: Step, instead: Refusal) -> Step {
    if request.prompt.none { Step::Refuse(instead) } else { step }
}

/// What of this interaction's progress counts for the session of now.
struct Answered {
    has_authenticated: bool,
    has_chosen: bool,
    is_of_another_user: bool,
}

impl Answered {
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

pub(crate) fn is_another_user_meant(request: &ValidRequest, hinted_user: Option<&UserId>, user: &User) -> bool {
    let subjects = &request.claims.subjects;
    let is_claimed = subjects.is_empty() || subjects.iter().any(|meant| meant == user.id.as_str());
    !is_claimed || hinted_user.is_some_and(|meant| *meant != user.id)
}

/// The grant, if it still counts.
fn living(grant: Option<&Grant>, now: Timestamp) -> Option<&Grant> {
    grant.filter(|grant| grant.is_alive(now))
}

fn question(
    request: &ValidRequest,
    client: &Client,
    policy: &Policy,
    user: &User,
    grant: Option<&Grant>,
) -> ConsentQuestion {
    let item = |value: &str| ConsentItem {
        value: value.to_owned(),
        grantable: full_access::is_grantable(value, client, policy, user),
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
fn needs_consent(
    request: &ValidRequest,
    client: &Client,
    grant: Option<&Grant>,
    now: Timestamp,
    scope: &Scope,
) -> bool {
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
        Party::First => grant.is_some_and(|grant| grant.revoked_at.is_some()),
        // OAuth 2.1 §7.9: remembered for the user and the client as far as it goes. A grant remembers no single
        // claims, so these are asked for each time
        Party::Third => living(grant, now).is_none_or(|grant| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authorization_request::{self, AuthorizationRequest, tests::request},
        id::{ClientId, SessionId, UserId},
        policy::ScopeValue,
        samples::{API, BEFORE, NOW, OTHER_API, client, grant, policy, scope, session, user, with_settings},
        time::Seconds,
    };

    /// A user with a session and a grant for everything asked, so that nothing is left to ask.
    #[derive(Clone)]
    struct Case {
        request: AuthorizationRequest,
        client: Client,
        policy: Policy,
        session: Option<Session>,
        user: User,
        grant: Option<Grant>,
        progress: Progress,
        hinted_user: Option<UserId>,
    }

    fn case() -> Case {
        Case {
            request: AuthorizationRequest { scope: Some("openid email notes:read".into()), ..request() },
            client: client(),
            policy: policy(),
            session: Some(session()),
            user: user(),
            grant: Some(grant()),
            progress: Progress::default(),
            hinted_user: None,
        }
    }

    /// A step without its content.
    #[derive(Debug, PartialEq, Eq)]
    enum Outcome {
        Login,
        SelectAccount,
        Consent,
        Confirm,
        Issue,
        Refuse(Refusal),
    }
    use Outcome::{Confirm, Consent, Issue, Refuse};

    fn step(case: &Case) -> Step {
        let valid =
            authorization_request::validate(&case.request, &case.client, &case.policy, case.client.settings.plane)
                .unwrap();
        let facts = Facts {
            signed_in: case.session.as_ref().map(|session| SignedIn { session, user: &case.user }),
            grant: case.grant.as_ref(),
            progress: &case.progress,
            hinted_user: case.hinted_user.as_ref(),
            now: NOW,
        };
        decide(&valid, &case.client, &case.policy, &facts)
    }

    #[track_caller]
    fn check(case: Case, expected: Outcome) {
        let outcome = match step(&case) {
            Step::Login => Outcome::Login,
            Step::SelectAccount => Outcome::SelectAccount,
            Step::Consent(question) if question.confirm_only => Confirm,
            Step::Consent(_) => Consent,
            Step::Issue(_) => Issue,
            Step::Refuse(refusal) => Refuse(refusal),
        };
        assert_eq!(outcome, expected);
    }

    /// The same case asks for a page, and with `prompt=none` refuses instead.
    #[track_caller]
    fn check_both(case: Case, page: Outcome, instead: Refusal) {
        let silent = AuthorizationRequest { prompt: Some("none".into()), ..case.request.clone() };
        check(Case { request: silent, ..case.clone() }, Refuse(instead));
        check(case, page);
    }

    fn prompting(prompt: &str) -> AuthorizationRequest {
        AuthorizationRequest { prompt: Some(prompt.into()), ..case().request }
    }

    fn asking(scope: &str) -> AuthorizationRequest {
        AuthorizationRequest { scope: Some(scope.into()), ..request() }
    }

    fn claiming(claims: &str) -> AuthorizationRequest {
        AuthorizationRequest { claims: Some(claims.into()), ..case().request }
    }

    /// A login within this interaction.
    fn just_logged_in() -> Progress {
        Progress {
            session_id: Some(session().id),
            user_id: Some(user().id),
            authenticated_at: Some(NOW),
            account_chosen_at: None,
            ..Progress::default()
        }
    }

    fn just_chosen() -> Progress {
        Progress { authenticated_at: None, account_chosen_at: Some(NOW), ..just_logged_in() }
    }

    fn first_party() -> Client {
        with_settings(client(), |settings| settings.party = Party::First)
    }

    #[test]
    fn a_known_user_goes_on_with_what_they_granted() {
        let expected = Approval {
            scope: scope("openid email notes:read"),
            resources: vec![API.into()],
            expires_at: None,
            remember: false,
            declined: Scope::default(),
        };
        assert_eq!(step(&case()), Step::Issue(expected.clone()));
        let silent = Case { request: prompting("none"), ..case() };
        assert_eq!(step(&silent), Step::Issue(expected));
    }

    #[test]
    fn who_is_not_signed_in_logs_in() {
        check_both(Case { session: None, ..case() }, Outcome::Login, LOGIN_REQUIRED);
    }

    /// attacks.md rows 22 and 26: what was taken away counts at the next step.
    #[test]
    fn a_session_that_ended_or_was_voided_is_none() {
        let ended = Session { revoked_at: Some(BEFORE), ..session() };
        let expired = Session { expires_at: NOW, ..session() };
        let foreign = Session { user_id: UserId::new("user-test-2"), ..session() };
        for session in [ended, expired, foreign] {
            check_both(Case { session: Some(session), ..case() }, Outcome::Login, LOGIN_REQUIRED);
        }
        let disabled = User { disabled_at: Some(BEFORE), ..user() };
        let signed_out = User { tokens_valid_from: Timestamp(BEFORE.0 + 1), ..user() };
        for user in [disabled, signed_out] {
            let progress = just_logged_in();
            check_both(Case { user, progress, ..case() }, Outcome::Login, LOGIN_REQUIRED);
        }
    }

    #[test]
    fn prompt_login_is_answered_by_a_login_within_the_interaction_only() {
        check(Case { request: prompting("login"), ..case() }, Outcome::Login);
        check(Case { request: prompting("login"), progress: just_chosen(), ..case() }, Outcome::Login);
        check(Case { request: prompting("login"), progress: just_logged_in(), ..case() }, Issue);
        let of_another_session = Progress { session_id: Some(SessionId::new("session-test-2")), ..just_logged_in() };
        check(Case { request: prompting("login"), progress: of_another_session, ..case() }, Outcome::Login);
    }

    #[test]
    fn max_age_is_measured_from_the_last_login() {
        let aged = |max_age: i64| AuthorizationRequest { max_age: Some(max_age.to_string()), ..case().request };
        let age = NOW.since(session().authenticated_at).0;
        check(Case { request: aged(age), ..case() }, Issue);
        check_both(Case { request: aged(age - 1), ..case() }, Outcome::Login, LOGIN_REQUIRED);
        check_both(Case { request: aged(0), ..case() }, Outcome::Login, LOGIN_REQUIRED);
        check(Case { request: aged(0), progress: just_logged_in(), ..case() }, Issue);
    }

    #[test]
    fn the_user_must_be_the_one_who_is_meant() {
        let other = Some(UserId::new("user-test-2"));
        check(Case { hinted_user: Some(user().id), ..case() }, Issue);
        check_both(Case { hinted_user: other.clone(), ..case() }, Outcome::Login, LOGIN_REQUIRED);
        let tried = Case { hinted_user: other, progress: just_logged_in(), ..case() };
        check(tried, Refuse(OTHER_USER_LOGGED_IN));

        let named = claiming(r#"{"id_token":{"sub":{"values":["user-test-9","user-test-1"]}}}"#);
        check(Case { request: named, ..case() }, Issue);
        let other_named = claiming(r#"{"id_token":{"sub":{"value":"user-test-2"}}}"#);
        check_both(Case { request: other_named, ..case() }, Outcome::Login, LOGIN_REQUIRED);
    }

    #[test]
    fn prompt_select_account_is_answered_by_a_choice_or_a_login() {
        check(Case { request: prompting("select_account"), ..case() }, Outcome::SelectAccount);
        check(Case { request: prompting("select_account"), progress: just_chosen(), ..case() }, Issue);
        check(Case { request: prompting("select_account"), progress: just_logged_in(), ..case() }, Issue);
        let in_another_session = Progress { session_id: Some(SessionId::new("session-test-2")), ..just_chosen() };
        let asked_again = Case { request: prompting("select_account"), progress: in_another_session, ..case() };
        check(asked_again, Outcome::SelectAccount);
        check(Case { request: prompting("select_account"), session: None, ..case() }, Outcome::Login);
        check(Case { request: prompting("login select_account"), progress: just_chosen(), ..case() }, Outcome::Login);
    }

    /// attacks.md row 14: a consent page left open does not answer for who signed in since.
    #[test]
    fn when_the_user_changed_the_new_one_is_asked_first() {
        let progress = Progress { user_id: Some(UserId::new("user-test-2")), ..just_chosen() };
        check_both(Case { progress, ..case() }, Outcome::SelectAccount, ACCOUNT_SELECTION_REQUIRED);
    }

    #[test]
    fn an_essential_acr_cannot_be_met_and_a_voluntary_one_is_ignored() {
        let essential = claiming(r#"{"id_token":{"acr":{"essential":true,"values":["urn:x"]}}}"#);
        check_both(Case { request: essential, session: None, ..case() }, Refuse(UNMET_ACR), UNMET_ACR);
        check(Case { request: claiming(r#"{"id_token":{"acr":{"values":["urn:x"]}}}"#), ..case() }, Issue);
    }

    #[test]
    fn a_third_party_needs_consent_until_it_was_given() {
        check_both(Case { grant: None, ..case() }, Consent, CONSENT_REQUIRED);
        let revoked = Grant { revoked_at: Some(BEFORE), ..grant() };
        let ended = Grant { expires_at: Some(NOW), ..grant() };
        let of_another_user = Grant { user_id: UserId::new("user-test-2"), ..grant() };
        let of_another_client = Grant { client_id: ClientId::new("other"), ..grant() };
        for void in [revoked, ended, of_another_user, of_another_client] {
            check_both(Case { grant: Some(void), ..case() }, Consent, CONSENT_REQUIRED);
        }
    }

    #[test]
    fn a_third_party_needs_consent_again_when_it_asks_for_more() {
        check(Case { request: asking("openid"), ..case() }, Issue);
        check_both(Case { request: asking("openid phone"), ..case() }, Consent, CONSENT_REQUIRED);
        let grant = Grant { resources: vec![OTHER_API.into()], ..grant() };
        check_both(Case { grant: Some(grant), ..case() }, Consent, CONSENT_REQUIRED);
        let single_claim = claiming(r#"{"userinfo":{"phone_number":null}}"#);
        check_both(Case { request: single_claim, ..case() }, Consent, CONSENT_REQUIRED);
    }

    #[test]
    fn a_first_party_needs_none_until_the_user_disconnected_it() {
        let case = Case { client: first_party(), grant: None, ..case() };
        check(case.clone(), Issue);
        let ended = Grant { expires_at: Some(NOW), ..grant() };
        check(Case { grant: Some(ended), ..case.clone() }, Issue);
        let disconnected = Grant { revoked_at: Some(BEFORE), ..grant() };
        check_both(Case { grant: Some(disconnected), ..case }, Consent, CONSENT_REQUIRED);
    }

    #[test]
    fn prompt_consent_asks_everyone() {
        let bypassing = with_settings(first_party(), |settings| settings.bypass_consent_for_offline_access = true);
        for client in [client(), first_party(), bypassing] {
            check(Case { request: prompting("consent"), client, ..case() }, Consent);
        }
    }

    #[test]
    fn offline_access_is_asked_for_each_time_but_for_a_bypass() {
        let offline = || asking("openid offline_access");
        let bypassing = |party| {
            with_settings(client(), |settings| {
                settings.party = party;
                settings.bypass_consent_for_offline_access = true;
            })
        };
        check_both(Case { request: offline(), ..case() }, Consent, CONSENT_REQUIRED);
        check_both(Case { request: offline(), client: first_party(), ..case() }, Consent, CONSENT_REQUIRED);
        check(Case { request: offline(), client: bypassing(Party::First), ..case() }, Issue);
        check_both(Case { request: offline(), client: bypassing(Party::Third), ..case() }, Consent, CONSENT_REQUIRED);
    }

    /// RFC 8252 §8.6; mcp-and-agents.md 4.4.
    #[test]
    fn native_clients_always_confirm() {
        let at = |uri: &str, change: fn(&mut crate::client::ClientSettings)| {
            let client = with_settings(first_party(), |settings| {
                settings.redirect_uris = vec![uri.to_owned()];
                change(settings);
            });
            let request = AuthorizationRequest { redirect_uri: Some(uri.to_owned()), ..case().request };
            Case { request, client, ..case() }
        };
        let native = |settings: &mut crate::client::ClientSettings| settings.application_type = ApplicationType::Native;
        let confidential = |settings: &mut crate::client::ClientSettings| {
            settings.confidentiality = crate::client::Confidentiality::Confidential;
        };
        let third = |settings: &mut crate::client::ClientSettings| settings.party = Party::Third;
        for case in [
            at("http://127.0.0.1:4000/cb", |_| {}),
            at("http://localhost/cb", third),
            at("http://[::1]/cb", native),
            at("com.example.app:/cb", |_| {}),
            at("com.example.app:/cb", confidential),
            at("https://app.example/cb", native),
        ] {
            check_both(case.clone(), Confirm, CONFIRMATION_REQUIRED);
            check(Case { progress: just_logged_in(), ..case }, Confirm);
        }
        check(at("http://localhost:3000/cb", confidential), Issue);
        check(Case { grant: None, ..at("http://localhost/cb", third) }, Consent);
    }

    #[test]
    fn a_confirmation_shows_everything_and_lets_nothing_be_unticked() {
        let client = with_settings(first_party(), |settings| settings.application_type = ApplicationType::Native);
        let Step::Consent(question) = step(&Case { client, ..case() }) else { panic!("a question") };
        assert_eq!(question.required(), scope("openid email notes:read"));
    }

    #[test]
    fn the_question_says_what_is_new_optional_and_out_of_reach() {
        let policy = Policy {
            scopes: vec![ScopeValue { optional: true, ..policy().scopes[0].clone() }, policy().scopes[1].clone()],
            ..policy()
        };
        let case = Case {
            request: AuthorizationRequest {
                scope: Some("openid notes:read notes:write profile".into()),
                claims: Some(
                    r#"{"userinfo":{"email":null},"id_token":{"email":null,"name":null,"phone_number":null}}"#.into(),
                ),
                ..request()
            },
            policy,
            user: User { roles: Vec::new(), ..user() },
            grant: Some(Grant { scope: scope("openid notes:read"), expires_at: Some(Timestamp(NOW.0 + 9)), ..grant() }),
            ..case()
        };
        let item = |value: &str, grantable, optional, already_granted| ConsentItem {
            value: value.into(),
            grantable,
            optional,
            already_granted,
        };
        let expected = ConsentQuestion {
            items: vec![
                item("openid", true, false, true),
                item("notes:read", true, true, true),
                item("notes:write", false, false, false),
                item("profile", true, true, false),
            ],
            claims: vec!["email".into(), "phone_number".into()],
            resources: vec![API.into()],
            confirm_only: false,
            present_end: Some(Timestamp(NOW.0 + 9)),
        };
        assert_eq!(step(&case), Step::Consent(expected));
    }

    /// attacks.md row 23: an app never gets more than its user has.
    #[test]
    fn what_the_user_may_not_do_is_not_granted() {
        let powerless = Case { user: User { roles: Vec::new(), ..user() }, ..case() };
        let Step::Issue(approval) = step(&Case { request: asking("openid notes:write"), ..powerless.clone() }) else {
            panic!("an approval")
        };
        assert_eq!(approval.scope, scope("openid"));
        check_both(Case { request: asking("notes:write"), ..powerless }, Refuse(NOTHING_GRANTABLE), NOTHING_GRANTABLE);
    }

    #[test]
    fn what_is_issued_ends_with_the_grant() {
        let end = NOW.plus(Seconds(60));
        let Step::Issue(approval) = step(&Case { grant: Some(Grant { expires_at: Some(end), ..grant() }), ..case() })
        else {
            panic!("an approval")
        };
        assert_eq!(approval.expires_at, Some(end));
    }
}
