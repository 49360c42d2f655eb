//! An answer of the server, taken apart as far as tests look.

use super::html::{self, Form};
use reqwest::header::{HeaderMap, SET_COOKIE};
use serde_json::Value;

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) url: String,
}

impl Reply {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let (headers, url) = (response.headers().clone(), response.url().to_string());
        let body = response.bytes().await.unwrap();
        Self { status, headers, body: String::from_utf8_lossy(&body).into_owned(), url }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert!(self.header("content-type").starts_with("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Status and error code of a JSON refusal.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String) {
        let body = self.json();
        assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        (self.status, body["error"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
    }

    /// That the request was refused with this error.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, error: &str) {
        assert_eq!(self.error(), (status, error.to_owned()), "{}", self.body);
    }

    /// The page's name, `""` when this is none.
    pub(crate) fn page(&self) -> &str {
        html::page(&self.body).unwrap_or_default()
    }

    /// The code of an error page.
    #[track_caller]
    pub(crate) fn page_error(&self) -> String {
        assert_eq!(self.page(), "error", "{}", self.body);
        html::attribute(&self.body, "oauth-error", "data-error").expect("the error's code")
    }

    /// The page's only form.
    #[track_caller]
    pub(crate) fn form(&self) -> Form {
        Form::of(&self.body).unwrap_or_else(|| panic!("no form on {} {}: {}", self.status, self.url, self.body))
    }

    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.body);
        self.header("location")
    }

    /// What the client receives: from a redirect, from the link of an outcome page, or from a form that posts itself.
    #[track_caller]
    pub(crate) fn callback(&self) -> Callback {
        match self.page() {
            "outcome" => Callback::parse(&html::attribute(&self.body, "outcome-link", "href").unwrap()),
            "form-post" => {
                let form = self.form();
                Callback { uri: form.action, parameters: form.fields }
            }
            _ => Callback::parse(self.location()),
        }
    }
}

/// An authorization response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Callback {
    /// Without the query.
    pub(crate) uri: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Callback {
    pub(crate) fn parse(location: &str) -> Self {
        let (uri, query) = location.split_once('?').unwrap_or((location, ""));
        let parameters = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { uri: uri.to_owned(), parameters }
    }

    /// The value of a parameter, which may come once at most.
    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.parameters.iter().filter(|(own, _)| own == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} comes twice: {self:?}");
        value
    }

    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.get("code").unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }

    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        assert!(self.get("code").is_none(), "{self:?}");
        self.get("error").unwrap_or_else(|| panic!("no error: {self:?}"))
    }
}
