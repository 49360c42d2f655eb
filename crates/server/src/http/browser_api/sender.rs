//! What both browser APIs know of a call before they ask who the user is.

use super::origin::Known;
use crate::{
    app::App,
    failure::Failure,
    http::{management::path::TextPath, visit::Address},
    records::Current,
};
use anyhow::anyhow;
use axum::{
    extract::FromRequestParts,
    http::{header::USER_AGENT, request::Parts},
};
use hospes_protocol::session::Attributes;
use std::net::IpAddr;

/// A page, or an app that is none, behind the check of origins.
pub(crate) struct Sender {
    pub(crate) current: Current,
    /// As in [`Known`]: only then does a cookie count.
    pub(crate) page_is_known: bool,
    pub(crate) address: IpAddr,
    /// For the sessions that begin with this call.
    pub(crate) attributes: Attributes,
}

impl FromRequestParts<App> for Sender {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let address = match Address::from_request_parts(parts, app).await {
            Ok(Address(address)) => address,
            Err(never) => match never {},
        };
        TextPath::from_request_parts(parts, app).await?;
        let known = parts.extensions.get::<Known>().ok_or_else(|| anyhow!("a route without the check of origins"))?;
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self {
            current: known.current.clone(),
            page_is_known: known.page_is_known,
            address,
            attributes: Attributes {
                ip_address: address.to_string(),
                user_agent: user_agent.chars().take(512).collect(),
            },
        })
    }
}
