//! Machines of Auth0: an application of the type `non_interactive`, with its id and its secret, and the grants that say
//! what it may ask of which API.
//!
//! Specs: RFC 6749 §4.4, RFC 8707 §2.
//!
//! A client here has one scope for all of its resources. Where two grants differ in theirs, taking both together would
//! give more than was given, so such a machine is refused.

use super::{
    client::{self, NewClient},
    entry::{Context, told},
    findings::Place,
    record::Members,
};
use crate::{http::management::body, project};
use hospes_protocol::{Refusal, machine, plane::Plane, registration_rules::validate_client_draft, resource};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

/// The grants of all files, by the application that has them.
#[derive(Default)]
pub(super) struct Grants {
    by_client: BTreeMap<String, Vec<(Place, Grant)>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Grant {
    client_id: String,
    audience: String,
    #[serde(default)]
    scope: Vec<String>,
    #[serde(default)]
    allow_all_scopes: bool,
    /// `user` where it is about users, who consent here.
    #[serde(default)]
    subject_type: Option<String>,
}

#[derive(Deserialize)]
struct Application {
    client_id: String,
    /// Auth0's own record, for settings of the tenant.
    #[serde(default, rename = "global")]
    is_global: bool,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    app_type: Option<String>,
    #[serde(default)]
    grant_types: Option<Vec<String>>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
    /// Where it proves itself by keys of its own.
    #[serde(default)]
    client_authentication_methods: Option<Value>,
    #[serde(default)]
    client_metadata: Option<Map<String, Value>>,
}

impl Grants {
    /// Remembers a grant until its application comes. What is wrong is told with what to change.
    pub(super) fn add(&mut self, place: Place, members: Members) -> Result<(), String> {
        let grant: Grant = body::read(members).map_err(told)?;
        if grant.subject_type.as_deref() != Some("user") {
            self.by_client.entry(grant.client_id.clone()).or_default().push((place, grant));
        }
        Ok(())
    }

    /// Takes what an application has.
    fn take(&mut self, client_id: &str) -> Vec<Grant> {
        let own = self.by_client.remove(client_id).unwrap_or_default();
        own.into_iter().map(|(_, grant)| grant).collect()
    }

    /// Where those stand that no application has taken.
    pub(super) fn left(self) -> impl Iterator<Item = Place> {
        self.by_client.into_values().flatten().map(|(place, _)| place)
    }
}

/// Reads a machine. What is wrong is told with what to change.
pub(super) fn parse(members: Members, grants: &mut Grants, context: &Context<'_>) -> Result<NewClient, String> {
    let refused = |refusal: Refusal| refusal.description.into_owned();
    let application: Application = body::read(members.clone()).map_err(told)?;
    let grants = grants.take(&application.client_id);
    application.validate_is_machine()?;
    let granted = Granted::of(&grants)?;
    let change = machine::Change {
        name: application.name,
        description: application.description,
        scopes: Some(granted.scope.into_iter().collect()),
        trusted_metadata: application.client_metadata,
    };
    let mut settings = machine::change(&machine::new(Plane::Standard), &change).map_err(refused)?;
    match granted.audiences.as_slice() {
        // What is no URI cannot be a resource; an API that compares audiences finds it in its tokens nevertheless.
        [only] if resource::canonical(only).is_err() => settings.access_token_custom_audience = Some(only.clone()),
        audiences => settings.resources = Some(audiences.to_vec()),
    }
    validate_client_draft(&settings, &[]).map_err(refused)?;
    project::validate_client_against(&context.project.policy, &settings)
        .map_err(|error| format!("{error}; `hospes policy apply` adds it"))?;
    client::parse(members, settings, context)
}

impl Application {
    fn validate_is_machine(&self) -> Result<(), String> {
        let app_type = self.app_type.as_deref().unwrap_or("non_interactive");
        if app_type != "non_interactive" {
            return Err(format!(
                "it acts for users (app_type {app_type}), and only machines are taken; register it with \
                 `hospes client add`"
            ));
        }
        if self.is_global {
            return Err("it stands for all applications of the tenant, and is none; take it out".to_owned());
        }
        if self.grant_types.as_ref().is_some_and(|own| !own.iter().any(|name| name == "client_credentials")) {
            return Err("it is no machine: grant_types has no client_credentials".to_owned());
        }
        let has_own_keys = self.client_authentication_methods.as_ref().is_some_and(Value::is_object);
        if has_own_keys || self.token_endpoint_auth_method.as_deref() == Some("private_key_jwt") {
            return Err("it proves itself by keys, which are not in the file; register it with `hospes client add \
                        --machine --auth-method private_key_jwt --jwks-file FILE`"
                .to_owned());
        }
        Ok(())
    }
}

/// What all grants of an application come to.
struct Granted {
    audiences: Vec<String>,
    scope: BTreeSet<String>,
}

impl Granted {
    fn of(grants: &[Grant]) -> Result<Self, String> {
        let mut own = grants.iter().filter(|grant| !is_auth0(&grant.audience));
        let Some(first) = own.next() else {
            return Err("no grant says what it may ask for; give the file of GET /api/v2/client-grants too".to_owned());
        };
        let scope: BTreeSet<_> = first.scope.iter().cloned().collect();
        let mut audiences = Vec::new();
        for grant in iter::once(first).chain(own) {
            if grant.allow_all_scopes {
                return Err(format!(
                    "it may ask for every scope of {}; name them in the grant's `scope`, and set allow_all_scopes to \
                     false",
                    grant.audience
                ));
            }
            if scope != grant.scope.iter().cloned().collect() {
                return Err(format!(
                    "it may ask for other scopes at {} than at {}, and a client here has one scope for all; leave one \
                     of the two grants out, and register another client for it",
                    first.audience, grant.audience
                ));
            }
            audiences.push(grant.audience.clone());
        }
        Ok(Self { audiences, scope })
    }
}

/// The management API of Auth0 itself, which nobody needs here.
fn is_auth0(audience: &str) -> bool {
    audience.starts_with("https://") && audience.ends_with(".auth0.com/api/v2/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn granted(grants: Value) -> Result<(Vec<String>, Vec<String>), String> {
        let grants: Vec<Grant> = serde_json::from_value(grants).unwrap();
        Granted::of(&grants).map(|granted| (granted.audiences, granted.scope.into_iter().collect()))
    }

    const API: &str = "https://api.example.com";
    const OTHER: &str = "https://other.example.com";

    #[test]
    fn grants_are_taken_together_only_if_nothing_grows_by_it() {
        let grant = |audience: &str, scope: Value| json!({ "client_id": "c", "audience": audience, "scope": scope });
        let expected = (vec![API.to_owned()], vec!["read".to_owned(), "write".to_owned()]);
        assert_eq!(granted(json!([grant(API, json!(["write", "read"]))])), Ok(expected.clone()));
        let own = grant("https://harbour.eu.auth0.com/api/v2/", json!(["read:users"]));
        assert_eq!(granted(json!([own, grant(API, json!(["read", "write"]))])), Ok(expected));
        let same = granted(json!([grant(API, json!(["read"])), grant(OTHER, json!(["read"]))])).unwrap();
        assert_eq!(same.0, [API, OTHER]);
        let other = granted(json!([grant(API, json!(["read"])), grant(OTHER, json!(["read", "write"]))]));
        assert!(other.unwrap_err().contains("one scope for all"));
        assert!(granted(json!([own])).unwrap_err().contains("client-grants"));
        let all = json!({ "client_id": "c", "audience": API, "scope": [], "allow_all_scopes": true });
        assert!(granted(json!([all])).unwrap_err().contains("allow_all_scopes"));
    }

    #[test]
    fn only_machines_with_a_secret_are_taken() {
        let check = |change: Value| {
            let mut members = json!({ "client_id": "c", "app_type": "non_interactive" });
            members.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            serde_json::from_value::<Application>(members).unwrap().validate_is_machine()
        };
        assert_eq!(check(json!({ "grant_types": ["client_credentials"] })), Ok(()));
        assert_eq!(check(json!({ "token_endpoint_auth_method": "client_secret_post" })), Ok(()));
        for (change, expected) in [
            (json!({ "app_type": "spa" }), "app_type spa"),
            (json!({ "global": true }), "all applications"),
            (json!({ "grant_types": ["authorization_code"] }), "client_credentials"),
            (json!({ "token_endpoint_auth_method": "private_key_jwt" }), "--jwks-file"),
            (json!({ "client_authentication_methods": { "private_key_jwt": {} } }), "--jwks-file"),
        ] {
            assert!(check(change.clone()).unwrap_err().contains(expected), "{change}");
        }
    }
}
