//! An interaction whose page the host app draws: who may see and answer it, and what comes next.
//!
//! Specs: OIDC Core §3.1.2.1 to §3.1.2.6 and §5.5.1, OAuth 2.1 §7.9, RFC 9700 §4.7.
//!
//! The host app knows its users better than we do: it says who is there, and when they logged in. What may be granted is
//! decided by the rules of our own pages. A handle, or a link to the host app's page, that was sent to somebody else is
//! worth nothing: each way of drawing the page has something that only the browser has in which the request came.

use crate::{
    authorization_request::{ResponseMode, ValidRequest},
    authorize::{
        self, ACCOUNT_SELECTION_REQUIRED, Consenting, LOGIN_REQUIRED, OTHER_USER_LOGGED_IN, Step, UNMET_ACR, ask,
    },
    client::Client,
    error::{Refusal, refuse_api},
    grant::Grant,
    id::UserId,
    interaction::{Interaction, Progress, Said, Way},
    policy::Policy,
    time::Timestamp,
    user::User,
};
use subtle::ConstantTimeEq as _;

pub const NOT_FOUND: Refusal = refuse_api(
    404,
    "interaction_not_found",
    "there is no such interaction, or it is too old, or it is not for this way of asking; let the app begin again",
);
pub const ANSWERED: Refusal = refuse_api(
    409,
    "interaction_already_decided",
    "this interaction was answered already; let the app begin again if it needs to",
);
pub const OTHER_BROWSER: Refusal = refuse_api(
    403,
    "interaction_of_another_browser",
    "this interaction began in another browser: send the browser_binding (or nonce) with which it began, or begin again",
);
pub const OTHER_USER: Refusal = refuse_api(
    403,
    "interaction_of_another_user",
    "another user than the one who decides has logged in here; let the page ask the one who is there now",
);
pub const NOBODY_LOGGED_IN: Refusal = refuse_api(
    400,
    "interaction_login_required",
    "nobody can decide yet: log the user in as `login` says, and tell so with POST …/login",
);
pub const NO_DECIDER: Refusal = refuse_api(
    400,
    "no_oauth_authorize_user_selector",
    "say who decides, by one of user_id, session_token, session_jwt, and trusted_token with profile_id",
);
pub const BAD_BINDING: Refusal = refuse_api(
    400,
    "invalid_browser_binding",
    "browser_binding must be base64url of a SHA-256 of your own session's id: 43 characters, no padding",
);
pub const BAD_NONCE: Refusal = refuse_api(
    400,
    "invalid_nonce",
    "nonce must be 256 random bits as base64url: 43 characters, no padding; the page keeps it in sessionStorage",
);
pub const FORM_POST: Refusal = refuse_api(
    400,
    "response_mode_not_supported",
    "the answer to this call is an address for the browser, which no form can be: leave response_mode out, or let clients \
     that need form_post begin at /oauth2/authorize",
);

/// Who speaks for the host app's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// With a secret of the project.
    BackEnd,
    /// The page itself.
    Browser,
}

impl Caller {
    /// How an interaction goes whose request this caller hands in.
    pub const fn way(self) -> Way {
        match self {
            Self::BackEnd => Way::HostBackEnd,
            Self::Browser => Way::HostBrowser,
        }
    }

    /// What makes the browser known again: 256 bits as base64url.
    pub fn check_proof(self, proof: &str) -> Result<(), Refusal> {
        let is_whole = proof.len() == 43 && proof.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if is_whole { Ok(()) } else { Err(self.bad_proof()) }
    }

    /// What to say where the proof is missing, or none.
    pub const fn bad_proof(self) -> Refusal {
        match self {
            Self::BackEnd => BAD_BINDING,
            Self::Browser => BAD_NONCE,
        }
    }
}

/// Whether `caller` may know anything of the interaction. What is too old, or goes another way, is as if it were not
/// there.
pub fn validate_reader<R>(interaction: &Interaction<R>, caller: Caller, now: Timestamp) -> Result<(), Refusal> {
    let is_theirs = interaction.way == Way::HostPage || interaction.way == caller.way();
    if !is_theirs || now >= interaction.expires_at {
        return Err(NOT_FOUND);
    }
    if interaction.decided_at.is_some() { Err(ANSWERED) } else { Ok(()) }
}

/// Whether `caller` may go on with the interaction. `proof_hash` is the SHA-256 of the proof that came along.
///
/// Where we set a cookie there is no proof yet: the browser shows it when it comes for the answer.
pub fn validate_caller<R>(
    interaction: &Interaction<R>,
    caller: Caller,
    proof_hash: Option<&[u8; 32]>,
    now: Timestamp,
) -> Result<(), Refusal> {
    validate_reader(interaction, caller, now)?;
    let is_bound = proof_hash.is_some_and(|hash| hash.ct_eq(&interaction.browser_hash).into());
    if interaction.way == Way::HostPage || is_bound { Ok(()) } else { Err(OTHER_BROWSER) }
}

/// Whether the answer can go by an address to which the page sends the browser.
pub fn validate_mode(mode: ResponseMode) -> Result<(), Refusal> {
    if mode == ResponseMode::FormPost { Err(FORM_POST) } else { Ok(()) }
}

/// Whether `user` may say this: only who was named before decides, and anybody may turn back before that.
pub fn validate_decider(progress: &Progress, user: Option<&UserId>, said: &Said) -> Result<(), Refusal> {
    match (&progress.user_id, user) {
        (Some(named), Some(user)) if named == user => Ok(()),
        (Some(_), Some(_)) => Err(OTHER_USER),
        _ if *said == Said::Deny => Ok(()),
        (None, _) => Err(NOBODY_LOGGED_IN),
        (Some(_), None) => Err(NO_DECIDER),
    }
}

/// Whether `user` may be told again where an answer goes that was given already: only who was named when it was given.
///
/// Whoever lured that user to the page with a handle of their own has the cookie for the answer, and waits for the
/// address: they could come to the page as somebody else, or as nobody.
pub fn validate_return(progress: &Progress, user: Option<&UserId>) -> Result<(), Refusal> {
    if progress.user_id.as_ref() == user { Ok(()) } else { Err(ANSWERED) }
}

/// Somebody whom the host app names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// With user, session, time of the login and trusted profile, as far as they are known.
    pub progress: Progress,
    pub how: Naming,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// They are signed in at the host app.
    Present,
    /// They have just logged in for this interaction, or chosen this account for it.
    Login,
}

/// What is known after the host app named somebody. A login goes on counting as long as the same user is named; with
/// another user all that was said before is void.
pub fn progress_after(before: &Progress, named: &Named, now: Timestamp) -> Progress {
    let is_same = before.user_id == named.progress.user_id;
    let earlier = if is_same { before.clone() } else { Progress::default() };
    let Progress { session_id, user_id, authenticated_at, trusted_profile, .. } = named.progress.clone();
    let has_proof = session_id.is_some() || trusted_profile.is_some();
    let (session_id, trusted_profile) =
        if has_proof { (session_id, trusted_profile) } else { (earlier.session_id, earlier.trusted_profile) };
    let (login, chosen) = match named.how {
        Naming::Present => (authenticated_at, earlier.account_chosen_at),
        // Who names a user without a proof of ours vouches for the login itself
        Naming::Login if !has_proof => (Some(now), Some(now)),
        Naming::Login => (authenticated_at, Some(now)),
    };
    Progress {
        session_id,
        user_id,
        authenticated_at: login.max(earlier.authenticated_at),
        account_chosen_at: chosen,
        trusted_profile,
        answer: earlier.answer,
    }
}

/// What is known at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Whom the host app named, if they may come in and the session, if there is one behind it, lives.
    pub user: Option<&'a User>,
    /// That user's grant for the client, dead or alive.
    pub grant: Option<&'a Grant>,
    pub progress: &'a Progress,
    /// The subject of a verified `id_token_hint`.
    pub hinted_user: Option<&'a UserId>,
    /// When the interaction began.
    pub began_at: Timestamp,
    pub now: Timestamp,
}

/// Decides the next step for `request`, in the order of [`authorize::decide`] and for its reasons. `Login` and
/// `SelectAccount` are the host app's to carry out.
pub fn decide(request: &ValidRequest, client: &Client, policy: &Policy, facts: &Facts<'_>) -> Step {
    // OIDC Core §5.5.1.1
    if !request.claims.essential_acr.is_empty() {
        return Step::Refuse(UNMET_ACR);
    }
    let Some(user) = facts.user.filter(|user| user.disabled_at.is_none()) else {
        return ask(request, Step::Login, LOGIN_REQUIRED);
    };
    // OIDC Core §3.1.2.1 `prompt=login` and `max_age`
    if needs_login(request, facts.progress, facts.began_at, facts.now) {
        return ask(request, Step::Login, LOGIN_REQUIRED);
    }
    let has_chosen = facts.progress.account_chosen_at.is_some();
    // OIDC Core §3.1.2.1 `id_token_hint`, §5.5.1 `sub`
    if authorize::is_another_user_meant(request, facts.hinted_user, user) {
        if has_chosen {
            return Step::Refuse(OTHER_USER_LOGGED_IN);
        }
        return ask(request, Step::Login, LOGIN_REQUIRED);
    }
    // OIDC Core §3.1.2.1 `prompt=select_account`
    if request.prompt.select_account && !has_chosen {
        return ask(request, Step::SelectAccount, ACCOUNT_SELECTION_REQUIRED);
    }
    authorize::decide_consent(request, client, policy, &Consenting { user, grant: facts.grant, now: facts.now })
}

/// Whether the user must prove anew who they are, as far as is known when they did so last. A login since the
/// interaction began answers both `prompt=login` and `max_age`, even if the clock has moved on.
pub fn needs_login(request: &ValidRequest, progress: &Progress, began_at: Timestamp, now: Timestamp) -> bool {
    let last = progress.authenticated_at;
    let is_fresh = request.max_age.is_none_or(|most| last.is_some_and(|at| now.since(at) <= most));
    (request.prompt.login || !is_fresh) && last.is_none_or(|at| at < began_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authorization_request::{self, AuthorizationRequest, tests::request},
        consent::ConsentAnswer,
        id::{InteractionId, SessionId},
        plane::Plane,
        samples::{BEFORE, NOW, client, grant, policy, user},
        scope::Scope,
        time::Seconds,
    };

    const BEGAN: Timestamp = Timestamp(NOW.0 - 60);
    const LONG_AGO: Timestamp = Timestamp(NOW.0 - 86_400);

    fn interaction(way: Way) -> Interaction<()> {
        Interaction {
            id: InteractionId::new("int_1"),
            plane: Plane::Standard,
            way,
            request: (),
            browser_hash: [7; 32],
            created_at: BEGAN,
            expires_at: NOW.plus(Seconds(600)),
            progress: Progress::default(),
            decided_at: None,
        }
    }

    #[track_caller]
    fn check_caller(way: Way, caller: Caller, proof: Option<[u8; 32]>, expected: Result<(), Refusal>) {
        assert_eq!(validate_caller(&interaction(way), caller, proof.as_ref(), NOW), expected, "{way:?} {caller:?}");
    }

    #[test]
    fn each_way_is_for_its_own_callers() {
        for caller in [Caller::BackEnd, Caller::Browser] {
            check_caller(Way::OwnPages, caller, Some([7; 32]), Err(NOT_FOUND));
            check_caller(Way::HostPage, caller, None, Ok(()));
            check_caller(caller.way(), caller, Some([7; 32]), Ok(()));
            check_caller(caller.way(), caller, Some([8; 32]), Err(OTHER_BROWSER));
            check_caller(caller.way(), caller, None, Err(OTHER_BROWSER));
        }
        check_caller(Way::HostBackEnd, Caller::Browser, Some([7; 32]), Err(NOT_FOUND));
        check_caller(Way::HostBrowser, Caller::BackEnd, Some([7; 32]), Err(NOT_FOUND));
    }

    #[test]
    fn what_is_over_is_for_nobody() {
        let old = Interaction { expires_at: NOW, ..interaction(Way::HostPage) };
        assert_eq!(validate_reader(&old, Caller::BackEnd, NOW), Err(NOT_FOUND));
        let decided = Interaction { decided_at: Some(NOW), ..interaction(Way::HostPage) };
        assert_eq!(validate_reader(&decided, Caller::BackEnd, NOW), Err(ANSWERED));
    }

    #[test]
    fn a_proof_is_256_bits_as_base64url() {
        assert_eq!(Caller::BackEnd.check_proof(&"aB-_0".repeat(9)[..43]), Ok(()));
        for proof in ["", &"a".repeat(42), &"a".repeat(44), &format!("{}=", "a".repeat(42)), &"é".repeat(21)] {
            assert_eq!(Caller::BackEnd.check_proof(proof), Err(BAD_BINDING), "{proof}");
            assert_eq!(Caller::Browser.check_proof(proof), Err(BAD_NONCE), "{proof}");
        }
    }

    #[test]
    fn only_who_logged_in_decides_and_anybody_may_turn_back_before() {
        let allow = Said::Allow(ConsentAnswer { allowed: Scope::default(), expires_at: None });
        let (alice, bob) = (user().id, UserId::new("user-test-2"));
        let named = Progress { user_id: Some(alice.clone()), ..Progress::default() };
        let nobody = Progress::default();
        assert_eq!(validate_decider(&named, Some(&alice), &allow), Ok(()));
        assert_eq!(validate_decider(&named, Some(&bob), &allow), Err(OTHER_USER));
        assert_eq!(validate_decider(&named, None, &allow), Err(NO_DECIDER));
        assert_eq!(validate_decider(&nobody, Some(&alice), &allow), Err(NOBODY_LOGGED_IN));
        assert_eq!(validate_decider(&named, Some(&bob), &Said::Deny), Err(OTHER_USER));
        assert_eq!(validate_decider(&named, None, &Said::Deny), Ok(()));
        assert_eq!(validate_decider(&nobody, None, &Said::Deny), Ok(()));
    }

    /// GHSA-c2jp-c369-7pvx.
    #[test]
    fn where_an_answer_goes_is_told_to_nobody_else() {
        let (alice, bob) = (user().id, UserId::new("user-test-2"));
        let named = Progress { user_id: Some(alice.clone()), ..Progress::default() };
        assert_eq!(validate_return(&named, Some(&alice)), Ok(()));
        assert_eq!(validate_return(&named, Some(&bob)), Err(ANSWERED));
        assert_eq!(validate_return(&named, None), Err(ANSWERED));
        assert_eq!(validate_return(&Progress::default(), None), Ok(()));
    }

    /// Alice, vouched for by the host app.
    fn vouched() -> Progress {
        Progress { user_id: Some(user().id), ..Progress::default() }
    }

    fn by_session(at: Timestamp) -> Progress {
        Progress { session_id: Some(SessionId::new("session-test-9")), authenticated_at: Some(at), ..vouched() }
    }

    #[test]
    fn a_login_counts_for_its_user_until_another_is_named() {
        let after = |before: &Progress, progress: Progress, how| progress_after(before, &Named { progress, how }, NOW);
        let nobody = Progress::default();
        assert_eq!(after(&nobody, vouched(), Naming::Present), vouched());
        let logged_in = after(&nobody, vouched(), Naming::Login);
        assert_eq!(logged_in, Progress { authenticated_at: Some(NOW), account_chosen_at: Some(NOW), ..vouched() });
        // The page is opened again, and says who is there.
        assert_eq!(after(&logged_in, vouched(), Naming::Present), logged_in);
        // A session says itself how old it is, also when it is called a login.
        let old = after(&nobody, by_session(LONG_AGO), Naming::Login);
        assert_eq!(old, Progress { account_chosen_at: Some(NOW), ..by_session(LONG_AGO) });
        let bob = Progress { user_id: Some(UserId::new("user-test-2")), ..Progress::default() };
        assert_eq!(after(&logged_in, bob.clone(), Naming::Present), bob);
    }

    #[derive(Clone)]
    struct Case {
        request: AuthorizationRequest,
        user: Option<User>,
        grant: Option<Grant>,
        progress: Progress,
        hinted_user: Option<UserId>,
    }

    /// A user with a grant for everything asked, so that nothing is left to ask.
    fn case() -> Case {
        Case {
            request: AuthorizationRequest { scope: Some("openid email notes:read".into()), ..request() },
            user: Some(user()),
            grant: Some(grant()),
            progress: vouched(),
            hinted_user: None,
        }
    }

    fn asking(change: impl FnOnce(&mut AuthorizationRequest)) -> Case {
        let mut case = case();
        change(&mut case.request);
        case
    }

    #[track_caller]
    fn check(case: &Case, expected: &str) {
        let client = client();
        let valid = authorization_request::validate(&case.request, &client, &policy(), Plane::Standard).unwrap();
        let facts = Facts {
            user: case.user.as_ref(),
            grant: case.grant.as_ref(),
            progress: &case.progress,
            hinted_user: case.hinted_user.as_ref(),
            began_at: BEGAN,
            now: NOW,
        };
        let step = match decide(&valid, &client, &policy(), &facts) {
            Step::Login => "login".to_owned(),
            Step::SelectAccount => "select".to_owned(),
            Step::Consent(_) => "consent".to_owned(),
            Step::Issue(_) => "issue".to_owned(),
            Step::Refuse(refusal) => refusal.error.as_str().to_owned(),
        };
        assert_eq!(step, expected);
    }

    /// With a page, and with `prompt=none`, which forbids it.
    #[track_caller]
    fn check_both(case: &Case, page: &str, instead: &str) {
        check(case, page);
        let request = AuthorizationRequest { prompt: Some("none".into()), ..case.request.clone() };
        check(&Case { request, ..case.clone() }, instead);
    }

    #[test]
    fn who_then_which_account_then_whether() {
        check_both(&case(), "issue", "issue");
        check_both(&Case { user: None, ..case() }, "login", "login_required");
        let disabled = User { disabled_at: Some(BEFORE), ..user() };
        check_both(&Case { user: Some(disabled), ..case() }, "login", "login_required");
        check_both(&Case { grant: None, ..case() }, "consent", "consent_required");
        let select = asking(|request| request.prompt = Some("select_account".into()));
        check(&select, "select");
        check(&Case { progress: Progress { account_chosen_at: Some(NOW), ..vouched() }, ..select }, "issue");
        let essential = r#"{"id_token":{"acr":{"essential":true,"values":["gold"]}}}"#;
        let essential = asking(|request| request.claims = Some(essential.into()));
        check(&essential, "unmet_authentication_requirements");
    }

    #[test]
    fn a_login_must_be_young_where_the_client_says_so() {
        for case in [
            asking(|request| request.prompt = Some("login".into())),
            asking(|request| request.max_age = Some("0".into())),
            asking(|request| request.max_age = Some("3600".into())),
        ] {
            let with = |progress| Case { progress, ..case.clone() };
            // Of whom nobody says when they logged in, nobody knows.
            check(&with(vouched()), "login");
            check(&with(by_session(LONG_AGO)), "login");
            check(&with(by_session(BEGAN)), "issue");
            check(&with(Progress { authenticated_at: Some(NOW), ..vouched() }), "issue");
        }
        let hour = asking(|request| request.max_age = Some("3600".into()));
        let earlier = Timestamp(NOW.0 - 3600);
        check_both(&Case { progress: by_session(earlier), ..hour.clone() }, "issue", "issue");
        check_both(&Case { progress: by_session(LONG_AGO), ..hour }, "login", "login_required");
    }

    #[test]
    fn the_user_whom_the_client_means_is_asked_for_once() {
        let meant = Case { hinted_user: Some(UserId::new("user-test-2")), ..case() };
        check_both(&meant, "login", "login_required");
        check(&Case { progress: Progress { account_chosen_at: Some(NOW), ..vouched() }, ..meant }, "login_required");
    }
}
