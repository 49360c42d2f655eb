//! Searching machines: what the filters of a query mean.

use crate::{
    ErrorCode, Refusal,
    client::Client,
    user_search::{MAX_VALUES, Operator},
};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub operator: Operator,
    pub filters: Vec<Filter>,
}

/// One operand: the machine has one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    Id(Vec<String>),
    Name(Vec<String>),
    /// To find those that have two scope values, name them in two operands with `AND`.
    Scope(Vec<String>),
}

/// Reads one operand.
pub fn parse(name: &str, value: &Value) -> Result<Filter, Refusal> {
    let make = match name {
        "client_id" => Filter::Id,
        "client_name" => Filter::Name,
        "scopes" => Filter::Scope,
        _ => return Err(refusal("m2m_search_invalid_filter_name", format!("there is no filter {name:?}"))),
    };
    let texts: Option<Vec<String>> =
        value.as_array().and_then(|all| all.iter().map(|own| own.as_str().map(str::to_owned)).collect());
    let texts = texts.filter(|all| (1..=MAX_VALUES).contains(&all.len()));
    let wrong =
        || refusal("m2m_search_invalid_filter_value", format!("{name}: send 1 to {MAX_VALUES} texts in a list"));
    texts.map(make).ok_or_else(wrong)
}

fn refusal(name: &'static str, description: String) -> Refusal {
    Refusal { error: ErrorCode::Api { name, status: 400 }, description: description.into() }
}

impl Query {
    /// Without a filter everybody fits.
    pub fn fits(&self, client: &Client) -> bool {
        match self.operator {
            Operator::And => self.filters.iter().all(|filter| filter.fits(client)),
            Operator::Or => self.filters.is_empty() || self.filters.iter().any(|filter| filter.fits(client)),
        }
    }
}

impl Filter {
    fn fits(&self, client: &Client) -> bool {
        let settings = &client.settings;
        match self {
            Self::Id(ids) => ids.iter().any(|id| client.id.as_str() == id),
            Self::Name(names) => names.contains(&settings.name),
            Self::Scope(values) => {
                settings.scope.as_ref().is_some_and(|scope| values.iter().any(|value| scope.contains(value)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{confidential, scope, with_settings};
    use serde_json::json;

    fn crane() -> Client {
        with_settings(confidential(), |settings| {
            settings.name = "Crane".into();
            settings.scope = Some(scope("read write"));
        })
    }

    #[track_caller]
    fn check(operator: Operator, operands: &[(&str, Value)], expected: bool) {
        let filters = operands.iter().map(|(name, value)| parse(name, value).unwrap()).collect();
        assert_eq!(Query { operator, filters }.fits(&crane()), expected, "{operator:?} {operands:?}");
    }

    #[test]
    fn every_filter_finds_what_it_names() {
        let id = crane().id.to_string();
        check(Operator::And, &[], true);
        check(Operator::Or, &[], true);
        check(Operator::And, &[("client_id", json!(["x", id]))], true);
        check(Operator::And, &[("client_id", json!(["x"]))], false);
        check(Operator::And, &[("client_name", json!(["Crane"]))], true);
        check(Operator::And, &[("client_name", json!(["Cran", "crane"]))], false);
        check(Operator::And, &[("scopes", json!(["delete", "write"]))], true);
        check(Operator::And, &[("scopes", json!(["delete"]))], false);
        let operands = [("scopes", json!(["read"])), ("scopes", json!(["delete"]))];
        check(Operator::And, &operands, false);
        check(Operator::Or, &operands, true);
        check(Operator::And, &[("scopes", json!(["read"])), ("scopes", json!(["write"]))], true);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let refused = |name: &str, value: Value| parse(name, &value).map_err(|refusal| refusal.error.as_str());
        assert_eq!(refused("status", json!(["active"])), Err("m2m_search_invalid_filter_name"));
        for value in [json!([]), json!("read"), json!([1]), json!(null), json!(vec!["x"; 101])] {
            assert_eq!(refused("scopes", value), Err("m2m_search_invalid_filter_value"));
        }
    }
}
