//! Who calls the management API: whoever has a secret of the project.

use super::{
    error::{NO_CREDENTIALS, WRONG_CREDENTIALS},
    path::TextPath,
};
use crate::{
    app::App,
    failure::Failure,
    http::{extract::single, visit::Address},
    records::Current,
    secret::sha256,
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use base64ct::{Base64, Encoding as _};
use hospes_protocol::id::ProjectId;
use std::net::IpAddr;
use subtle::{Choice, ConstantTimeEq as _};
use tracing::warn;

/// A call by the host app's back end, with the project as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Management {
    pub(crate) current: Current,
}

impl FromRequestParts<App> for Management {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let address = match Address::from_request_parts(parts, app).await {
            Ok(Address(address)) => address,
            Err(never) => match never {},
        };
        app.limits.may_authenticate(address)?;
        let header = single(&parts.headers, AUTHORIZATION)?.ok_or(NO_CREDENTIALS)?;
        let current = authenticate_project(app, address, header).await?;
        TextPath::from_request_parts(parts, app).await?;
        Ok(Self { current })
    }
}

/// The project whose id and secret an `Authorization` header holds.
pub(crate) async fn authenticate_project(app: &App, address: IpAddr, header: &[u8]) -> Result<Current, Failure> {
    let (project, hash) = parse(header).ok_or(NO_CREDENTIALS)?;
    let (current, secrets) = {
        let app = app.clone();
        app.clone()
            .store
            .look_up(move |tx| {
                let current = app.records.project(tx, &app.project)?;
                let secrets = app.records.project_secrets(tx, &current)?;
                Ok((current, secrets))
            })
            .await?
    };
    // Every secret is compared, whichever fits (attacks.md row 29).
    let fits = secrets.iter().fold(Choice::from(0), |fits, own| fits | own.ct_eq(&hash));
    if project != app.project.as_str() || !bool::from(fits) {
        warn!(project, "a call had no right credentials of the project");
        app.limits.authentication_failed(address);
        return Err(WRONG_CREDENTIALS.into());
    }
    Ok(current)
}

/// Whether an `Authorization` header holds credentials of `project`, right or wrong ones; else they are a client's.
pub(crate) fn names_project(header: &[u8], project: &ProjectId) -> bool {
    parse(header).is_some_and(|(named, _)| named == project.as_str())
}

/// The project id of a Basic header, and the SHA-256 of its secret (RFC 7617 §2).
fn parse(header: &[u8]) -> Option<(String, [u8; 32])> {
    let text = decode(header)?;
    let (project, secret) = text.split_once(':')?;
    Some((project.to_owned(), sha256(secret.as_bytes())))
}

fn decode(header: &[u8]) -> Option<String> {
    let (scheme, encoded) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    String::from_utf8(Base64::decode_vec(encoded.trim()).ok()?).ok()
}

/// The user name of a Basic header, unproven: whether the secret fits is asked by [`Management`].
pub(crate) fn basic_user(headers: &HeaderMap) -> Option<String> {
    let text = decode(headers.get(AUTHORIZATION)?.as_bytes())?;
    text.split_once(':').map(|(user, _)| user.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basic_header_names_a_project_and_a_secret_with_colons() {
        let header = format!("basic {}", Base64::encode_string(b"project-test-1:se:cret"));
        assert_eq!(parse(header.as_bytes()), Some(("project-test-1".to_owned(), sha256(b"se:cret"))));
        for header in ["", "Basic", "Basic ", "Basic !!", "Bearer cHJvamVjdDpzZWNyZXQ=", "Basic cHJvamVjdA=="] {
            assert_eq!(parse(header.as_bytes()), None, "{header:?}");
        }
    }
}
