//! The parameters of a call: a form, as the specifications have it, or JSON, as some SDKs send it.

use crate::{
    app::App,
    failure::Failure,
    http::extract::{BODY_UNREADABLE, is_form, is_json},
};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use hospes_protocol::{ErrorCode::InvalidRequest, Refusal, parameters::Parameters, refuse};

pub(crate) const NEITHER_FORM_NOR_JSON: Refusal =
    refuse(InvalidRequest, "send the parameters as application/x-www-form-urlencoded or as a JSON object in the body");

pub(super) struct Fields(pub(super) Parameters);

impl FromRequest<App> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let (is_form, is_json) = (is_form(request.headers()), is_json(request.headers()));
        let body = Bytes::from_request(request, app).await.map_err(|_| BODY_UNREADABLE)?;
        if is_form {
            return Ok(Self(Parameters::parse(&body)?));
        }
        if is_json {
            return Ok(Self(Parameters::parse_json(&body)?));
        }
        Err(NEITHER_FORM_NOR_JSON.into())
    }
}
