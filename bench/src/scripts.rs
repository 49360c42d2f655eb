//! What the workers ask: one request over and over, a chain of refresh tokens, or the whole code flow.

use crate::{
    http::{self, Answer, HOST, header},
    load::Script,
    place::Provider,
};
use anyhow::{Context as _, Result, bail, ensure};
use aws_lc_rs::digest;
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use std::sync::Arc;

const VERIFIER: &str = "b8Qm0Zr3yT6uVw2xKpLs5dFgHjNcXeAa1iOoUtRq4M7-b8Qm0Zr3yT6";

/// Where codes are sent. Nobody opens it.
pub(crate) const CALLBACK: &str = "https://web.example/callback";

/// A client of the measured servers; the same ids and secrets at each of them.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) id: &'static str,
    /// None for a public client.
    pub(crate) secret: Option<&'static str>,
}

impl Client {
    /// The header line and the form parameter by which it authenticates.
    pub(crate) fn credentials(self) -> (String, String) {
        match self.secret {
            // Neither has a character that form encoding changes.
            Some(secret) => {
                let pair = Base64::encode_string(format!("{}:{secret}", self.id).as_bytes());
                (format!("Authorization: Basic {pair}\r\n"), String::new())
            }
            None => (String::new(), format!("&client_id={}", self.id)),
        }
    }
}

/// Prepared requests, one after the other.
pub(crate) struct Fixed {
    requests: Arc<[Vec<u8>]>,
    next: usize,
    /// What the body of every answer must contain.
    expected: &'static str,
}

impl Fixed {
    /// Worker number `first` of several, who begin at different requests.
    pub(crate) fn new(requests: Arc<[Vec<u8>]>, first: usize, expected: &'static str) -> Self {
        Self { requests, next: first, expected }
    }
}

impl Script for Fixed {
    fn request(&mut self, to: &mut Vec<u8>) {
        let at = self.next.checked_rem(self.requests.len()).unwrap_or_default();
        to.extend_from_slice(self.requests.get(at).map(Vec::as_slice).unwrap_or_default());
        self.next = at.saturating_add(1);
    }

    fn take(&mut self, answer: &Answer<'_>) -> Result<bool> {
        ensure!(answer.status == 200 && answer.body.contains(self.expected), unexpected(answer));
        Ok(true)
    }
}

/// A public client that rotates its refresh token with every request.
pub(crate) struct Refresh {
    head: String,
    form: String,
    token: String,
}

impl Refresh {
    pub(crate) fn new(provider: &Provider, client: Client, token: String) -> Self {
        let (head, credentials) = client.credentials();
        let form = format!("grant_type=refresh_token{credentials}&refresh_token=");
        Self { head: format!("POST {} HTTP/1.1\r\nHost: {HOST}\r\n{head}", provider.paths.token), form, token }
    }
}

impl Script for Refresh {
    fn request(&mut self, to: &mut Vec<u8>) {
        push_form(to, &self.head, &[&self.form, &self.token]);
    }

    fn take(&mut self, answer: &Answer<'_>) -> Result<bool> {
        ensure!(answer.status == 200, unexpected(answer));
        let new = member(answer.body, "refresh_token").with_context(|| unexpected(answer))?;
        ensure!(new != self.token, "the refresh token was not rotated");
        self.token.clear();
        self.token.push_str(new);
        Ok(true)
    }
}

/// A user who is logged in already and a client: authorize, code, token.
pub(crate) struct Code {
    authorize: Vec<u8>,
    head: String,
    form: String,
    received: Option<String>,
    /// The last token response.
    pub(crate) answer: String,
}

impl Code {
    pub(crate) fn new(provider: &Provider, client: Client, scope: &str, session: &str) -> Self {
        let (head, credentials) = client.credentials();
        let callback = encoded(CALLBACK);
        Self {
            authorize: http::get(&authorization(provider, client, scope), session),
            head: format!("POST {} HTTP/1.1\r\nHost: {HOST}\r\n{head}", provider.paths.token),
            form: format!(
                "grant_type=authorization_code{credentials}&redirect_uri={callback}&code_verifier={VERIFIER}&code="
            ),
            received: None,
            answer: String::new(),
        }
    }
}

impl Script for Code {
    fn request(&mut self, to: &mut Vec<u8>) {
        match &self.received {
            None => to.extend_from_slice(&self.authorize),
            Some(code) => push_form(to, &self.head, &[&self.form, code]),
        }
    }

    fn take(&mut self, answer: &Answer<'_>) -> Result<bool> {
        if self.received.take().is_some() {
            ensure!(answer.status == 200, unexpected(answer));
            self.answer.clear();
            self.answer.push_str(answer.body);
            return Ok(true);
        }
        let Some(location) = header(answer.head, "location").filter(|location| location.starts_with(CALLBACK)) else {
            bail!(unexpected(answer));
        };
        let code = location.split(['?', '&']).find_map(|parameter| parameter.strip_prefix("code="));
        self.received = Some(code.with_context(|| unexpected(answer))?.to_owned());
        Ok(false)
    }
}

/// The authorization request, as path and query.
pub(crate) fn authorization(provider: &Provider, client: Client, scope: &str) -> String {
    let challenge = Base64UrlUnpadded::encode_string(digest::digest(&digest::SHA256, VERIFIER.as_bytes()).as_ref());
    // node-oidc-provider refuses one without the other.
    let nonce = if scope.starts_with("openid") { "&nonce=n0S6WzA2Mjn0S6" } else { "" };
    format!(
        "{}?response_type=code&client_id={}&redirect_uri={}&scope={}&state=af0ifjsldkj0af0ifjsldkj{nonce}\
         &code_challenge={challenge}&code_challenge_method=S256",
        provider.paths.authorize,
        client.id,
        encoded(CALLBACK),
        scope.replace(' ', "%20")
    )
}

fn encoded(uri: &str) -> String {
    uri.replace(':', "%3A").replace('/', "%2F")
}

/// A `POST` without a copy of its parts.
fn push_form(to: &mut Vec<u8>, head: &str, body: &[&str]) {
    let length: usize = body.iter().map(|part| part.len()).sum();
    to.extend_from_slice(head.as_bytes());
    to.extend_from_slice(b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ");
    to.extend_from_slice(length.to_string().as_bytes());
    to.extend_from_slice(b"\r\n\r\n");
    for part in body {
        to.extend_from_slice(part.as_bytes());
    }
}

/// A text member of a flat JSON object, found without parsing: tokens hold nothing that JSON escapes.
pub(crate) fn member<'j>(json: &'j str, name: &str) -> Option<&'j str> {
    let (_, rest) = json.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn unexpected(answer: &Answer<'_>) -> String {
    format!("not the answer that is measured:\n{}{}", answer.head, answer.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found() {
        let json = r#"{"access_token":"a.b.c","refresh_token":"hrt_1"}"#;
        assert_eq!(member(json, "access_token"), Some("a.b.c"));
        assert_eq!(member(json, "refresh_token"), Some("hrt_1"));
        assert_eq!(member(json, "id_token"), None);
    }
}
