//! A person's request to one of our pages: when, from which browser, in which language.

use super::{browser::Browser, extract::AcceptLanguage};
use crate::{app::App, client_address::client_address, failure::Failure, pages::PageContext};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{
        HeaderMap,
        header::{FORWARDED, USER_AGENT},
        request::Parts,
    },
};
use hospes_protocol::{ErrorCode::InvalidRequest, Refusal, Timestamp, refuse};
use ipnet::IpNet;
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Once,
};
use tracing::warn;

pub(crate) const FORGED: Refusal = refuse(
    InvalidRequest,
    "the form did not come from this page, or the page is too old; go back, reload it and send it again",
);

pub(crate) struct Visit {
    pub(crate) now: Timestamp,
    pub(crate) browser: Browser,
    pub(crate) page: PageContext,
    pub(crate) address: IpAddr,
    /// As the browser calls itself; cut at a length that any real one keeps within.
    pub(crate) user_agent: String,
}

impl Visit {
    /// Every form proves that it was drawn by us for this browser (RFC 9700 §4.7).
    pub(crate) fn check_form(
        &self,
        app: &App,
        kind: super::browser::FormKind,
        subject: &str,
        presented: Option<&str>,
    ) -> Result<(), Failure> {
        if self.browser.csrf_holds(app, kind, subject, presented) { Ok(()) } else { Err(FORGED.into()) }
    }
}

impl FromRequestParts<App> for Visit {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let now = app.clock.now();
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self {
            now,
            browser: Browser::of(app, &parts.headers),
            page: PageContext {
                base_path: app.base_path.clone(),
                project_name: app.records.last_known().map(|current| current.project.name.clone()).unwrap_or_default(),
                ui_locales: Vec::new(),
                accept_language: AcceptLanguage::of(&parts.headers).0,
                now,
            },
            address: address_of(parts, app),
            user_agent: user_agent.chars().take(512).collect(),
        })
    }
}

/// The caller's address: the connection's, or what a trusted proxy says (attacks.md row 17).
fn address_of(parts: &Parts, app: &App) -> IpAddr {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    if is_forwarded_in_vain(&parts.headers, &app.config.http.trusted_proxies) {
        TOLD.call_once(|| {
            warn!(
                "requests come through a proxy that is not trusted, so all of them count as one sender's; \
                 set `http.trusted_proxies` to the proxy's address"
            );
        });
    }
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().map(|value| value.as_bytes());
    client_address(peer, forwarded, &app.config.http.trusted_proxies)
}

/// The warning is for the operator, who needs it once.
static TOLD: Once = Once::new();

/// Whether somebody says for whom a request is, where nobody is believed.
fn is_forwarded_in_vain(headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    trusted.is_empty() && (headers.contains_key("x-forwarded-for") || headers.contains_key(FORWARDED))
}

/// The caller's address, for endpoints that no person visits.
#[derive(Clone, Copy)]
pub(crate) struct Address(pub(crate) IpAddr);

impl FromRequestParts<App> for Address {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(address_of(parts, app)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn a_proxy_that_nobody_trusts_is_noticed() {
        let network: [IpNet; 1] = ["10.0.0.0/8".parse().unwrap()];
        assert!(!is_forwarded_in_vain(&HeaderMap::new(), &[]));
        for name in ["x-forwarded-for", "forwarded"] {
            let name = HeaderName::from_static(name);
            let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("for=192.0.2.1"))]);
            assert!(is_forwarded_in_vain(&headers, &[]), "{name}");
            assert!(!is_forwarded_in_vain(&headers, &network), "{name}");
        }
    }
}
