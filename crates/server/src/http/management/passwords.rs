//! `/v1/passwords`: create, authenticate, and how strong a password is.

use super::{
    body::Body,
    caller::Management,
    error::refuse_api,
    reply::{Envelope, ErrorEnvelope, Reply},
    session_block::{SessionBlock, SessionFields},
    users::{NameChange, UpdateUser, new_email, taken},
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::Now,
    password_choice::{self, Chosen},
    password_login::{self, Outcome, Reason},
    password_strength::Judged,
    project,
    records::Current,
};
use axum::extract::State;
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::{Actor, EventKind},
    lockout::LOCKED,
    password_policy::{self, PasswordPolicy, PolicyKind},
    session::{Attributes, FactorMethod},
    user::{Name, Profile, User},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zeroize::Zeroizing;

pub(crate) const WRONG_CREDENTIALS: Refusal =
    refuse_api(401, "unauthorized_credentials", "no user who may come in has this address and this password");
pub(crate) const MUST_RESET: Refusal = refuse_api(
    400,
    "reset_password",
    "the password is right, but a new one must be set before it counts again; passwords/email/reset/start sends a link",
);
pub(crate) const LONG_ATTRIBUTES: Refusal =
    refuse_api(400, "invalid_argument", "attributes: at most 64 bytes of ip_address, and 512 of user_agent");

/// Of the end user's device, if the caller knows it.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[schema(as = DeviceAttributes)]
#[serde(default)]
pub(crate) struct AttributesObject {
    ip_address: String,
    user_agent: String,
}

impl AttributesObject {
    pub(super) fn parse(asked: Option<Self>) -> Result<Attributes, Refusal> {
        let Self { ip_address, user_agent } = asked.unwrap_or_default();
        if ip_address.len() > 64 || user_agent.len() > 512 {
            Err(LONG_ATTRIBUTES)
        } else {
            Ok(Attributes { ip_address, user_agent })
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct CreatePassword {
    pub(crate) email: String,
    pub(crate) password: String,
    /// 5 to 527040. Without it no session is begun.
    pub(crate) session_duration_minutes: Option<i64>,
    #[schema(value_type = Option<Object>)]
    pub(crate) session_custom_claims: Option<Map<String, Value>>,
    pub(crate) name: Option<NameChange>,
    /// At most 20 keys and 4 KB.
    #[schema(value_type = Option<Object>)]
    pub(crate) trusted_metadata: Option<Map<String, Value>>,
    #[schema(value_type = Option<Object>)]
    pub(crate) untrusted_metadata: Option<Map<String, Value>>,
    pub(crate) attributes: Option<AttributesObject>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PasswordCreated)]
pub(crate) struct Created {
    email_id: String,
    #[serde(flatten)]
    pub(crate) block: SessionBlock,
}

/// Creates a user with an address and a password. The address counts as unverified.
#[utoipa::path(post, path = "/v1/passwords", tag = "Passwords", request_body = CreatePassword,
    responses((status = 200, body = Envelope<Created>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(mut asked): Body<CreatePassword>,
) -> Result<Reply<Created>, Failure> {
    let attributes = AttributesObject::parse(asked.attributes.take())?;
    Ok(Reply(create_user(&app, &caller.current, asked, attributes, Actor::Host, *now).await?))
}

/// The new user, whom `actor` creates; `attributes` are of their device.
pub(crate) async fn create_user(
    app: &App,
    current: &Current,
    asked: CreatePassword,
    attributes: Attributes,
    actor: Actor,
    now: Timestamp,
) -> Result<Created, Failure> {
    let project = &current.project;
    let password = Zeroizing::new(asked.password);
    let email = new_email(app, &project.id, &asked.email)?;
    let mut profile = Profile { emails: vec![email.clone()], ..Profile::default() };
    let change = UpdateUser {
        name: asked.name,
        trusted_metadata: asked.trusted_metadata,
        untrusted_metadata: asked.untrusted_metadata,
        external_id: None,
        roles: None,
    };
    change.apply(&mut profile)?;
    let fields = SessionFields::unnamed(asked.session_duration_minutes, asked.session_custom_claims);
    let prepared = fields.prepare(app, current, attributes, now).await?;
    let user = User::new(project::new_user_id(&project.id, &app.entropy), profile, now);
    let hash = hash_chosen(app, password, &user, &project.settings.password_policy).await?;
    let email_id = email.id.to_string();
    let project = project.id.clone();
    let occasion = app.occasion(actor, now);
    let stored = app.store.write(move |tx| {
        tx.add_user(&project, &user)?.map_err(taken)?;
        tx.set_password(&project, &user.id, &hash, now)?;
        tx.record(&project, &occasion.event(EventKind::UserAdded).user(&user.id))?;
        prepared.store(tx, &user, FactorMethod::password(Some(&email)))
    });
    Ok(Created { email_id, block: stored.await?.sign()? })
}

/// The hash of a password that `user` is to have, if the project's policy accepts it.
pub(super) async fn hash_chosen(
    app: &App,
    password: Zeroizing<String>,
    user: &User,
    policy: &PasswordPolicy,
) -> Result<String, Failure> {
    match password_choice::choose(app, password, user, policy).await? {
        Chosen::Good(hash) => Ok(hash),
        Chosen::Refused(refusal, _) => Err(refusal.into()),
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = AuthenticatePassword)]
pub(crate) struct Authenticate {
    email: String,
    password: String,
    attributes: Option<AttributesObject>,
    #[serde(flatten)]
    session: SessionFields,
}

/// Logs a user in by address and password.
#[utoipa::path(post, path = "/v1/passwords/authenticate", tag = "Passwords", request_body = Authenticate,
    responses((status = 200, body = Envelope<SessionBlock>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn authenticate(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<Authenticate>,
) -> Result<Reply<SessionBlock>, Failure> {
    let attributes = AttributesObject::parse(asked.attributes)?;
    let prepared = asked.session.prepare(&app, &caller.current, attributes, *now).await?;
    let name = Name::email(&asked.email);
    let outcome = password_login::verify(&app, name.clone(), Zeroizing::new(asked.password), *now).await?;
    let verified = match outcome {
        Outcome::Right(verified) => verified,
        Outcome::Refused(user_id, reason) => return Err(refused(user_id.as_ref(), reason).into()),
    };
    let project = caller.current.project.id.clone();
    let stored = app.store.write(move |tx| {
        let user = password_login::admit(tx, &project, &verified, *now)?.ok_or(WRONG_CREDENTIALS)?;
        let email = user.profile.email_named(&name).ok_or(WRONG_CREDENTIALS)?;
        prepared.store(tx, &user, FactorMethod::password(Some(email)))
    });
    Ok(Reply(stored.await?.sign()?))
}

/// What the caller is told. That an account is locked, and that a password must be reset, are the only reasons that have
/// a name: the host app cannot help its user without them.
pub(super) fn refused(user_id: Option<&hospes_protocol::id::UserId>, reason: Reason) -> Refusal {
    if let Some(user_id) = user_id {
        tracing::info!(%user_id, ?reason, "a login through the management API failed");
    }
    match reason {
        Reason::Locked => LOCKED,
        Reason::MustReset => MUST_RESET,
        Reason::Unknown | Reason::WrongPassword | Reason::Disabled => WRONG_CREDENTIALS,
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct StrengthCheck {
    pub(crate) password: String,
    /// Of the user, so that a password made of it counts as weak.
    pub(crate) email: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct StrengthReply {
    /// Whether the project accepts it.
    valid_password: bool,
    /// By zxcvbn, 0 to 4.
    score: u8,
    /// Whether it is among the 30,000 passwords that leaks show most often. The list is here: no part of the password
    /// is sent anywhere, and a password that leaked and is rare is not known.
    breached_password: bool,
    /// `zxcvbn` or `luds`, as the project's setting `password_policy` says.
    strength_policy: &'static str,
    /// Always true: a password on the list is refused when it is set.
    breach_detection_on_create: bool,
    feedback: Feedback,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Feedback {
    /// Empty if there is none.
    warning: String,
    suggestions: Vec<String>,
    luds_requirements: LudsRequirements,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct LudsRequirements {
    has_lower_case: bool,
    has_upper_case: bool,
    has_digit: bool,
    has_symbol: bool,
    /// So many kinds of characters more.
    missing_complexity: u32,
    /// So many characters more.
    missing_characters: u32,
}

/// Says whether a password would be accepted, and what would make it better.
#[utoipa::path(post, path = "/v1/passwords/strength_check", tag = "Passwords", request_body = StrengthCheck,
    responses((status = 200, body = Envelope<StrengthReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn strength_check(
    State(app): State<App>,
    caller: Management,
    Body(asked): Body<StrengthCheck>,
) -> Result<Reply<StrengthReply>, Failure> {
    Ok(Reply(judged(&app, &caller.current, asked).await?))
}

/// How strong a password is by the project's policy.
pub(crate) async fn judged(app: &App, current: &Current, asked: StrengthCheck) -> Result<StrengthReply, Failure> {
    let policy = &current.project.settings.password_policy;
    let password = Zeroizing::new(asked.password);
    let judged = app.passwords.judge(password.clone(), asked.email.into_iter().collect(), policy.clone()).await?;
    Ok(StrengthReply::of(&password, judged, policy))
}

impl StrengthReply {
    fn of(password: &str, judged: Judged, policy: &PasswordPolicy) -> Self {
        let Judged { strength, warning, suggestions } = judged;
        let luds = strength.luds;
        Self {
            valid_password: password_policy::decide(password, &strength, policy).is_ok(),
            score: strength.score,
            breached_password: strength.is_breached,
            strength_policy: match policy.kind {
                PolicyKind::Zxcvbn => "zxcvbn",
                PolicyKind::Luds => "luds",
            },
            breach_detection_on_create: true,
            feedback: Feedback {
                warning,
                suggestions,
                luds_requirements: LudsRequirements {
                    has_lower_case: luds.has_lower_case,
                    has_upper_case: luds.has_upper_case,
                    has_digit: luds.has_digit,
                    has_symbol: luds.has_symbol,
                    missing_complexity: luds.missing_complexity,
                    missing_characters: luds.missing_characters,
                },
            },
        }
    }
}
