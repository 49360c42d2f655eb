//! A person at a browser without JavaScript: follows redirects and fills in forms, known by their stable hooks.

use openidconnect::{reqwest, url::Url};
use std::collections::BTreeMap;

pub const PASSWORD: &str = "correct horse battery staple";

pub fn issuer() -> String {
    std::env::var("INTEROP_ISSUER").expect("run me by interop/with-hospes")
}

/// A client that follows no redirects: a code must not be fetched from wherever it is sent to.
pub fn http() -> reqwest::blocking::Client {
    reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

pub struct Person {
    username: &'static str,
    http: reqwest::blocking::Client,
    cookies: BTreeMap<String, String>,
    pub visited: Vec<String>,
}

enum Arrived {
    Page { url: Url, html: String },
    Away(Url),
}

impl Person {
    pub fn new(username: &'static str) -> Self {
        Self { username, http: http(), cookies: BTreeMap::new(), visited: Vec::new() }
    }

    /// Logs in, goes on, allows; returns the URL that leads back to the client.
    pub fn authorize(&mut self, url: Url) -> Url {
        self.visited.clear();
        let mut arrived = self.follow(url, None);
        for _ in 0..8 {
            let (url, html) = match arrived {
                Arrived::Away(url) => return url,
                Arrived::Page { url, html } => (url, html),
            };
            let page =
                html.split("data-page=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("").to_owned();
            self.visited.push(page.clone());
            arrived = match page.as_str() {
                "login" => {
                    let typed = [("username", self.username), ("password", PASSWORD)];
                    self.press(&url, &html, "login-submit", &typed)
                }
                "account" => self.press(&url, &html, "account-continue", &[]),
                "consent" => self.press(&url, &html, "consent-allow", &[]),
                _ => panic!("stuck on the page '{page}': {html}"),
            };
        }
        panic!("no way back to the client; pages: {:?}", self.visited);
    }

    fn press(&mut self, page: &Url, html: &str, id: &str, typed: &[(&str, &str)]) -> Arrived {
        let form = html
            .split("<form")
            .skip(1)
            .map(|rest| rest.split("</form>").next().unwrap())
            .find(|form| form.contains(&format!("id=\"{id}\"")))
            .unwrap_or_else(|| panic!("no button {id}: {html}"));
        let mut fields = BTreeMap::new();
        for tag in form.split('<').filter(|tag| tag.starts_with("input") || tag.starts_with("button")) {
            let tag = tag.split('>').next().unwrap();
            let is_choice = tag.contains("type=\"checkbox\"") || tag.contains("type=\"radio\"");
            let is_other_button = tag.starts_with("button") && attribute(tag, "id").as_deref() != Some(id);
            if is_other_button || (is_choice && !tag.contains(" checked")) {
                continue;
            }
            if let Some(name) = attribute(tag, "name") {
                fields.insert(name, attribute(tag, "value").unwrap_or_default());
            }
        }
        fields.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let action = attribute(form.split('>').next().unwrap(), "action").unwrap_or_default();
        self.follow(page.join(&action).unwrap(), Some(fields))
    }

    fn follow(&mut self, mut url: Url, mut form: Option<BTreeMap<String, String>>) -> Arrived {
        for _ in 0..12 {
            let request = match form.take() {
                Some(fields) => self.http.post(url.clone()).form(&fields),
                None => self.http.get(url.clone()),
            };
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let response = request.header("cookie", cookies.join("; ")).send().unwrap();
            for cookie in response.headers().get_all("set-cookie") {
                let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            let Some(location) = response.headers().get("location") else {
                return Arrived::Page { url, html: response.text().unwrap() };
            };
            url = url.join(location.to_str().unwrap()).unwrap();
            if url.origin() != Url::parse(&issuer()).unwrap().origin() {
                return Arrived::Away(url);
            }
        }
        panic!("too many redirects, now at {url}");
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    Some(["&#x2f;=/", "&#x27;='", "&quot;=\"", "&lt;=<", "&gt;=>", "&amp;=&"].iter().fold(
        value.to_owned(),
        |text, pair| {
            let (entity, char) = pair.split_once("=").unwrap();
            text.replace(entity, char)
        },
    ))
}
