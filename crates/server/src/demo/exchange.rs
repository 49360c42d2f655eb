//! What the guest shows of each request: the method, the place, what went over and what came back.

use crate::fetch::Fetch;
use anyhow::{Context as _, Result};
use form_urlencoded::Serializer;
use reqwest::{
    RequestBuilder, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Exchange {
    title: String,
    why: String,
    /// `browser` when the user's browser carried it, `server` when the guest's back end did.
    by: &'static str,
    request: String,
    fields: Vec<(String, String)>,
    status: Option<u16>,
    answer: Option<String>,
}

/// A refusal as it came over the wire (RFC 6749 §4.1.2.1 and §5.2).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}: {description}")]
pub(crate) struct Refused {
    pub(crate) error: String,
    pub(crate) description: String,
}

impl Exchange {
    pub(crate) fn sent_browser(title: &str, why: &str, url: &str, fields: &[(&str, &str)]) -> Self {
        Self::new(title, why, "browser", format!("GET {}", without_query(url)), owned(fields))
    }

    pub(crate) fn got_browser(title: &str, why: &str, url: &str, fields: &[(String, String)]) -> Self {
        Self::new(title, why, "browser", format!("GET {}", without_query(url)), fields.to_vec())
    }

    fn new(title: &str, why: &str, by: &'static str, request: String, fields: Vec<(String, String)>) -> Self {
        Self { title: title.to_owned(), why: why.to_owned(), by, request, fields, status: None, answer: None }
    }
}

/// The guest's HTTP client. It calls one server, on loopback, and follows no redirect.
pub(crate) struct Wire(reqwest::Client);

impl Wire {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Fetch::unguarded_client()?))
    }

    pub(crate) async fn post(
        &self,
        title: &str,
        why: &str,
        url: &str,
        fields: &[(&str, &str)],
    ) -> (Exchange, Result<Value>) {
        let exchange = Exchange::new(title, why, "server", format!("POST {url}"), owned(fields));
        let request = self.0.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form(fields));
        send(exchange, request).await
    }

    /// A call of an API, without a body.
    pub(crate) async fn call(&self, title: &str, why: &str, url: &str, bearer: &str) -> (Exchange, Result<Value>) {
        let fields = vec![("authorization".to_owned(), format!("Bearer {bearer}"))];
        let exchange = Exchange::new(title, why, "server", format!("POST {url}"), fields);
        send(exchange, self.0.post(url).bearer_auth(bearer)).await
    }

    pub(crate) async fn get(
        &self,
        title: &str,
        why: &str,
        url: &str,
        bearer: Option<&str>,
    ) -> (Exchange, Result<Value>) {
        let fields = bearer.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))).into_iter().collect();
        let exchange = Exchange::new(title, why, "server", format!("GET {url}"), fields);
        let request = self.0.get(url);
        let request = match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        send(exchange, request).await
    }
}

async fn send(mut exchange: Exchange, request: RequestBuilder) -> (Exchange, Result<Value>) {
    let answer = answer(request.header(ACCEPT, "application/json")).await;
    match answer {
        Ok((status, body)) => {
            exchange.status = Some(status.as_u16());
            exchange.answer = Some(serde_json::to_string_pretty(&body).unwrap_or_default());
            let result = if status.is_success() { Ok(body) } else { Err(Refused::by(&body).into()) };
            (exchange, result)
        }
        Err(error) => {
            exchange.answer = Some(format!("{error:#}"));
            (exchange, Err(error))
        }
    }
}

async fn answer(request: RequestBuilder) -> Result<(StatusCode, Value)> {
    let response = request.send().await.context("the server did not answer")?;
    let status = response.status();
    let body = response.text().await.context("the answer did not arrive whole")?;
    Ok((status, if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap_or(Value::String(body)) }))
}

impl Refused {
    fn by(body: &Value) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { error: text("error"), description: text("error_description") }
    }
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
