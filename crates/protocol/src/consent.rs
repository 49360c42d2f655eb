//! Consent: what a user is asked, and what their answer gives to the client.
//!
//! Specs: RFC 6749 §3.3, OAuth 2.1 §7.9, OIDC Core §3.1.2.4 and §11.
//! An answer can only take away. Whether to ask at all is `authorize`.

use crate::{
    error::{
        ErrorCode::{AccessDenied, InvalidRequest},
        Refusal, refuse,
    },
    grant::Grant,
    id::{ClientId, UserId},
    scope::Scope,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// For the caller, when the user says no.
pub const DENIED: Refusal = refuse(AccessDenied, "the user denied the request");
pub const NOTHING_ALLOWED: Refusal = refuse(AccessDenied, "the user allowed none of the requested scope values");
pub const REQUIRED_VALUE_LEFT_OUT: Refusal =
    refuse(InvalidRequest, "only optional scope values may be left out; to withhold a required one, deny the request");
pub const END_DATE_PASSED: Refusal = refuse(InvalidRequest, "the end date must lie in the future");

/// What stands on the consent page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentQuestion {
    /// Every scope value asked for, in the client's order; also those that cannot be granted, to say so.
    pub items: Vec<ConsentItem>,
    /// Claims the client asks for by name, beyond its scope (OIDC Core §5.5). To be shown like the scope values; Allow
    /// includes them.
    pub claims: Vec<String>,
    /// The APIs the tokens will work at, as registered.
    pub resources: Vec<String>,
    /// All of it was granted before or needs no consent: the user need only say that it is them who are asking
    /// (RFC 8252 §8.6). Nothing is optional then.
    pub confirm_only: bool,
    /// When the present grant ends, if there is one with an end; a confirmation keeps it.
    pub present_end: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentItem {
    pub value: String,
    /// The user's roles cover it. If not, it is shown and never granted.
    pub grantable: bool,
    /// The user may leave it out.
    pub optional: bool,
    pub already_granted: bool,
}

/// What the user answered; only made when they said yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentAnswer {
    /// The values allowed: [`ConsentQuestion::required`] and those optional ones that were left ticked.
    pub allowed: Scope,
    /// When the permission shall end.
    pub expires_at: Option<Timestamp>,
}

/// What the code and the grant get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    pub scope: Scope,
    pub resources: Vec<String>,
    /// When the permission ends; nothing issued from it lives longer.
    pub expires_at: Option<Timestamp>,
    /// The user was asked and answered. If not, the grant learns nothing new from this approval but its use.
    pub remember: bool,
    /// Values that were asked for and left out by the user just now.
    pub declined: Scope,
}

impl ConsentQuestion {
    /// The values that Allow always includes.
    pub fn required(&self) -> Scope {
        self.items.iter().filter(|item| item.grantable && !item.optional).map(|item| item.value.as_str()).collect()
    }
}

/// Turns the user's answer to `question` into an approval.
///
/// The question is built anew from request, client, policy and user when the answer arrives, so values that ceased to
/// be grantable while the page stood open fall away here; and what the answer names beyond the question counts for
/// nothing, whoever put it there.
pub fn answer(question: &ConsentQuestion, answer: &ConsentAnswer, now: Timestamp) -> Result<Approval, Refusal> {
    if !question.required().is_subset_of(&answer.allowed) && !question.confirm_only {
        return Err(REQUIRED_VALUE_LEFT_OUT);
    }
    let grantable = || question.items.iter().filter(|item| item.grantable).map(|item| item.value.as_str());
    let is_allowed = |value: &str| question.confirm_only || answer.allowed.contains(value);
    let scope: Scope = grantable().filter(|value| is_allowed(value)).collect();
    let declined: Scope = grantable().filter(|value| !is_allowed(value)).collect();
    // RFC 6749 §4.1.2.1: `access_denied`
    if scope.is_empty() {
        return Err(NOTHING_ALLOWED);
    }
    let expires_at = if question.confirm_only { question.present_end } else { answer.expires_at };
    if expires_at.is_some_and(|end| end <= now) {
        return Err(END_DATE_PASSED);
    }
    let resources = question.resources.clone();
    Ok(Approval { scope, resources, expires_at, remember: !question.confirm_only, declined })
}

/// The grant after `approval`: `previous` if it is alive, grown by what was approved, less what was declined.
///
/// It grows instead of being replaced, because other devices of the same user live on what was granted earlier, and a
/// request for less must not take it from them. What the user unticks is taken away, from all of them.
pub fn grant_after(
    approval: &Approval,
    previous: Option<&Grant>,
    user_id: &UserId,
    client_id: &ClientId,
    now: Timestamp,
) -> Grant {
    let fresh = Grant {
        user_id: user_id.clone(),
        client_id: client_id.clone(),
        scope: approval.scope.clone(),
        resources: approval.resources.clone(),
        created_at: now,
        updated_at: now,
        last_used_at: Some(now),
        expires_at: approval.expires_at,
        revoked_at: None,
        // What a dead grant voided stays void
        tokens_valid_from: previous.map_or(Timestamp(0), |previous| previous.tokens_valid_from),
    };
    let Some(previous) = previous.filter(|previous| previous.is_alive(now)) else { return fresh };
    let kept = previous.scope.filter(|value| !approval.declined.contains(value));
    let mut resources = previous.resources.clone();
    resources.extend(approval.resources.iter().filter(|own| !previous.resources.contains(own)).cloned());
    Grant { scope: kept.union(&approval.scope), resources, created_at: previous.created_at, ..fresh }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{API, BEFORE, NOW, OTHER_API, client, grant, scope, user};

    const TOMORROW: Timestamp = Timestamp(NOW.0 + 86_400);

    fn item(value: &str, optional: bool) -> ConsentItem {
        ConsentItem { value: value.into(), grantable: true, optional, already_granted: false }
    }

    /// `openid` and `notes:read` are required, `email` is optional, `notes:write` is beyond the user's roles.
    fn question() -> ConsentQuestion {
        ConsentQuestion {
            items: vec![
                item("openid", false),
                item("email", true),
                item("notes:read", false),
                ConsentItem { grantable: false, ..item("notes:write", false) },
            ],
            claims: Vec::new(),
            resources: vec![API.into()],
            confirm_only: false,
            present_end: None,
        }
    }

    fn allowing(allowed: &str) -> ConsentAnswer {
        ConsentAnswer { allowed: scope(allowed), expires_at: None }
    }

    fn approval(granted: &str, declined: &str) -> Approval {
        Approval {
            scope: scope(granted),
            resources: vec![API.into()],
            expires_at: None,
            remember: true,
            declined: scope(declined),
        }
    }

    #[track_caller]
    fn check(question: ConsentQuestion, given: ConsentAnswer, expected: Result<Approval, Refusal>) {
        assert_eq!(answer(&question, &given, NOW), expected);
    }

    #[test]
    fn an_answer_takes_away_only_what_is_optional() {
        check(question(), allowing("openid email notes:read"), Ok(approval("openid email notes:read", "")));
        check(question(), allowing("openid notes:read"), Ok(approval("openid notes:read", "email")));
        check(question(), allowing("openid email"), Err(REQUIRED_VALUE_LEFT_OUT));
        check(question(), allowing(""), Err(REQUIRED_VALUE_LEFT_OUT));
        assert_eq!(question().required(), scope("openid notes:read"));
    }

    /// attacks.md row 23.
    #[test]
    fn an_answer_never_adds() {
        let everything = "openid email notes:read notes:write notes:delete offline_access full_access";
        check(question(), allowing(everything), Ok(approval("openid email notes:read", "")));
    }

    #[test]
    fn when_nothing_is_left_access_is_denied() {
        let optional = ConsentQuestion { items: vec![item("email", true), item("phone", true)], ..question() };
        check(optional.clone(), allowing(""), Err(NOTHING_ALLOWED));
        check(optional, allowing("phone"), Ok(approval("phone", "email")));
        let beyond =
            ConsentQuestion { items: vec![ConsentItem { grantable: false, ..item("x", false) }], ..question() };
        check(beyond, allowing("x"), Err(NOTHING_ALLOWED));
    }

    #[test]
    fn an_end_date_lies_in_the_future() {
        let until = |expires_at| ConsentAnswer { expires_at: Some(expires_at), ..allowing("openid notes:read") };
        let expected = Approval { expires_at: Some(TOMORROW), ..approval("openid notes:read", "email") };
        check(question(), until(TOMORROW), Ok(expected));
        check(question(), until(NOW), Err(END_DATE_PASSED));
        check(question(), until(Timestamp(i64::MIN)), Err(END_DATE_PASSED));
    }

    #[test]
    fn a_confirmation_changes_nothing() {
        let confirm = ConsentQuestion { confirm_only: true, present_end: Some(TOMORROW), ..question() };
        let expected =
            Approval { expires_at: Some(TOMORROW), remember: false, ..approval("openid email notes:read", "") };
        check(confirm, ConsentAnswer { expires_at: Some(Timestamp(NOW.0 + 1)), ..allowing("") }, Ok(expected));
    }

    #[track_caller]
    fn check_grant(approval: &Approval, previous: Option<&Grant>, expected: Grant) {
        assert_eq!(grant_after(approval, previous, &user().id, &client().id, NOW), expected);
    }

    fn fresh() -> Grant {
        Grant {
            scope: scope("openid notes:read"),
            resources: vec![API.into()],
            created_at: NOW,
            updated_at: NOW,
            last_used_at: Some(NOW),
            tokens_valid_from: Timestamp(0),
            ..grant()
        }
    }

    #[test]
    fn a_first_approval_makes_a_grant() {
        check_grant(&approval("openid notes:read", ""), None, fresh());
    }

    #[test]
    fn a_living_grant_grows_and_loses_only_what_was_declined() {
        let previous = Grant { scope: scope("openid email phone"), resources: vec![OTHER_API.into()], ..grant() };
        let expected = Grant {
            scope: scope("openid phone notes:read"),
            resources: vec![OTHER_API.into(), API.into()],
            created_at: BEFORE,
            tokens_valid_from: BEFORE,
            ..fresh()
        };
        check_grant(&approval("openid notes:read", "email"), Some(&previous), expected);
    }

    #[test]
    fn a_dead_grant_leaves_nothing_but_what_it_voided() {
        let expected = Grant { tokens_valid_from: BEFORE, ..fresh() };
        let revoked = Grant { revoked_at: Some(BEFORE), ..grant() };
        let ended = Grant { expires_at: Some(NOW), ..grant() };
        for dead in [revoked, ended] {
            check_grant(&approval("openid notes:read", ""), Some(&dead), expected.clone());
        }
    }
}
