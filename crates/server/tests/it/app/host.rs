//! The host app's back end: calls the management API with a secret of the project.

use super::Reply;
use reqwest::Method;
use serde_json::Value;

#[derive(Clone)]
pub(crate) struct Host {
    http: reqwest::Client,
    base: String,
    pub(crate) project: String,
    pub(crate) secret: String,
    /// `Accept-Language` of the user for whom it calls.
    language: Option<String>,
}

impl Host {
    pub(super) fn new(http: reqwest::Client, base: &str, project: &str, secret: &str) -> Self {
        Self { http, base: base.to_owned(), project: project.to_owned(), secret: secret.to_owned(), language: None }
    }

    /// The same back end for a user who reads this language.
    pub(crate) fn speaking(&self, language: &str) -> Self {
        Self { language: Some(language.to_owned()), ..self.clone() }
    }

    /// The same back end with another secret.
    pub(crate) fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    /// The same back end, which now talks to another process.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.basic_auth(&self.project, Some(&self.secret));
        let request = match &self.language {
            Some(language) => request.header("accept-language", language),
            None => request,
        };
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        Reply::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None).await
    }
}

impl Reply {
    /// The members of a successful answer of the management API.
    #[track_caller]
    pub(crate) fn done(&self) -> Value {
        let body = self.json();
        assert_eq!((self.status, &body["status_code"]), (200, &Value::from(200)), "{body}");
        assert!(body["request_id"].as_str().is_some_and(|id| id.starts_with("request-id-test-")), "{body}");
        body
    }

    /// That the management API refused with this error type, in the contract's form and in no other.
    #[track_caller]
    pub(crate) fn refused_by_api(&self, status: u16, error_type: &str) {
        let body = self.json();
        assert_eq!((self.status, body["error_type"].as_str()), (status, Some(error_type)), "{body}");
        assert_eq!(body["status_code"], Value::from(status), "{body}");
        for member in ["request_id", "error_message", "error_url"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {body}");
        }
        // Stytch's Rust SDK cannot read a body with both.
        assert!(body.get("error").is_none() && body.get("error_description").is_none(), "{body}");
    }
}
