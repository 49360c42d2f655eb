//! A browser as far as a login needs one: cookies, redirects, and a form without JavaScript.

use crate::http::{self, Answer, HOST, header, headers};
use anyhow::{Context as _, Result, bail, ensure};
use std::net::SocketAddr;

pub(crate) struct Browser {
    address: SocketAddr,
    cookies: Vec<(String, String)>,
}

/// An answer, kept.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) const fn new(address: SocketAddr) -> Self {
        Self { address, cookies: Vec::new() }
    }

    pub(crate) async fn get(&mut self, target: &str) -> Result<Page> {
        self.send(http::get(target, &self.cookie_line())).await
    }

    pub(crate) async fn post(&mut self, target: &str, form: &str) -> Result<Page> {
        self.send(http::post(target, &self.cookie_line(), form)).await
    }

    /// Follows redirects on the server until one leads elsewhere, and returns where.
    pub(crate) async fn follow(&mut self, target: &str) -> Result<String> {
        let mut target = target.to_owned();
        for _ in 0..10 {
            let page = self.get(&target).await?;
            let location = page.location.with_context(|| format!("no redirect from {target}:\n{}", page.body))?;
            let (own, named) = (format!("http://{}", self.address), format!("http://{HOST}"));
            target = match location.strip_prefix(&own).or_else(|| location.strip_prefix(&named)) {
                Some(path) => path.to_owned(),
                None if location.starts_with('/') => location,
                None => return Ok(location),
            };
        }
        bail!("more than ten redirects")
    }

    /// The cookies as a header line, with its line end.
    pub(crate) fn cookie_line(&self) -> String {
        if self.cookies.is_empty() {
            return String::new();
        }
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("Cookie: {}\r\n", pairs.join("; "))
    }

    pub(crate) fn forget_cookies_but(&mut self, keep: impl Fn(&str) -> bool) {
        self.cookies.retain(|(name, _)| keep(name));
    }

    async fn send(&mut self, request: Vec<u8>) -> Result<Page> {
        let cookies = &mut self.cookies;
        http::once(self.address, &request, |answer| {
            ensure!(answer.status < 500, "status {}: {}", answer.status, answer.body);
            keep_cookies(cookies, answer);
            Ok(Page {
                status: answer.status,
                location: header(answer.head, "location").map(str::to_owned),
                body: answer.body.to_owned(),
            })
        })
        .await
    }
}

fn keep_cookies(cookies: &mut Vec<(String, String)>, answer: &Answer<'_>) {
    let set = headers(answer.head, "set-cookie");
    for (name, value) in set.filter_map(|cookie| cookie.split(';').next()?.split_once('=')) {
        cookies.retain(|(own, _)| own != name);
        if !value.is_empty() {
            cookies.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// The value of a hidden field.
pub(crate) fn hidden(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("name=\"{name}\" value=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}
