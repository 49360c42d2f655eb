//! A browser without JavaScript: cookies, links, forms, and redirects as long as they stay on our server.

use super::{AuthorizationUrl, Callback, Form, Reply, seed::PASSWORD};
use hospes::pages::{decision, field};
use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use std::collections::BTreeMap;

/// Clones are windows of the same browser as long as nobody sets a cookie in one of them.
#[derive(Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    issuer: String,
    /// Where requests really go: another process than the issuer names, perhaps.
    base: String,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Browser {
    pub(super) fn new(http: reqwest::Client, issuer: &str) -> Self {
        let (issuer, base) = (issuer.to_owned(), issuer.to_owned());
        Self { http, issuer, base, cookies: BTreeMap::new(), headers: Vec::new() }
    }

    pub(super) fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Sends a header with every request.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn absolute(&self, url: &str) -> String {
        let origin = self.base.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        match url.strip_prefix(&self.issuer) {
            Some(rest) => format!("{}{rest}", self.base),
            None if url.starts_with('/') => format!("{origin}{url}"),
            None => url.to_owned(),
        }
    }

    fn is_ours(&self, url: &str) -> bool {
        url.starts_with('/') || url.starts_with(&self.issuer) || url.starts_with(&self.base)
    }

    /// One request, with its cookies and nothing more.
    pub(crate) async fn send(&mut self, request: reqwest::RequestBuilder) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request;
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let reply = Reply::of(request.send().await.unwrap()).await;
        for cookie in reply.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    /// Opens a link without following redirects.
    pub(crate) async fn peek(&mut self, url: &str) -> Reply {
        let url = self.absolute(url);
        self.send(self.http.get(url)).await
    }

    /// Opens a link and follows redirects as long as they stay on our server.
    pub(crate) async fn open(&mut self, url: impl AsRef<str>) -> Reply {
        let reply = self.peek(url.as_ref()).await;
        self.follow(reply).await
    }

    pub(crate) async fn follow(&mut self, reply: Reply) -> Reply {
        let mut reply = reply;
        for _ in 0..10 {
            if reply.status != 303 || !self.is_ours(reply.header("location")) {
                return reply;
            }
            let next = reply.header("location").to_owned();
            reply = self.peek(&next).await;
        }
        panic!("a redirect loop at {}", reply.url);
    }

    /// Sends a form without following redirects.
    pub(crate) async fn post(&mut self, form: &Form) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        let url = self.absolute(&form.action);
        let request = self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        self.send(request).await
    }

    /// Sends a form and follows redirects.
    pub(crate) async fn submit(&mut self, form: Form) -> Reply {
        let reply = self.post(&form).await;
        self.follow(reply).await
    }

    /// Opens what a client sends the user to.
    pub(crate) async fn authorize(&mut self, request: &AuthorizationUrl) -> Reply {
        self.open(request.url()).await
    }

    /// Fills the login form that stands on `page`.
    #[track_caller]
    pub(crate) fn fill_login(page: &Reply, user: &str) -> Form {
        assert_eq!(page.page(), "login", "{} {}", page.status, page.body);
        page.form().with(field::USERNAME, user).with(field::PASSWORD, PASSWORD).press(decision::LOGIN)
    }

    /// Logs in on the login page.
    pub(crate) async fn login(&mut self, page: &Reply, user: &str) -> Reply {
        self.submit(Self::fill_login(page, user)).await
    }

    /// Allows everything on the consent page.
    pub(crate) async fn allow(&mut self, page: &Reply) -> Reply {
        assert_eq!(page.page(), "consent", "{} {}", page.status, page.body);
        self.submit(page.form().press(decision::ALLOW)).await
    }

    /// Signs in on our own pages, for no client.
    pub(crate) async fn sign_in(&mut self, user: &str) {
        let page = self.open(format!("{}/login", self.issuer)).await;
        let page = self.login(&page, user).await;
        assert_eq!(page.page(), "apps", "{}", page.body);
    }

    /// Follows a client's link, logs in if asked, allows everything if asked, and comes back to the client.
    pub(crate) async fn login_and_consent(&mut self, request: &AuthorizationUrl, user: &str) -> Callback {
        let mut page = self.authorize(request).await;
        if page.page() == "login" {
            page = self.login(&page, user).await;
        }
        if page.page() == "consent" {
            page = self.allow(&page).await;
        }
        page.callback()
    }
}
