//! Refusals that many endpoints of the management API share. What one endpoint alone says stands beside it.
//!
//! The names are those of Stytch's contract; a description says what to change.

pub(crate) use hospes_protocol::refuse_api;
use hospes_protocol::{ErrorCode, Refusal};

/// As [`refuse_api`], with a description that names what was sent. Never put a secret into it.
pub(crate) fn refuse_with(status: u16, name: &'static str, description: String) -> Refusal {
    Refusal { error: ErrorCode::Api { name, status }, description: description.into() }
}

pub(crate) const ROUTE_NOT_FOUND: Refusal =
    refuse_api(404, "route_not_found", "there is nothing at this path; docs/openapi.json lists what there is");
pub(crate) const NO_CREDENTIALS: Refusal = refuse_api(
    401,
    "invalid_authorization_header",
    "send the project's id and one of its secrets as HTTP Basic: Authorization: Basic base64(project_id:secret)",
);
pub(crate) const WRONG_CREDENTIALS: Refusal = refuse_api(
    401,
    "unauthorized_credentials",
    "project id and secret do not belong together here; `hospes init` printed them, `hospes secret add` makes another",
);
pub(crate) const NO_JSON: Refusal =
    refuse_api(400, "bad_request", "send the body as JSON: an object, with Content-Type: application/json");
/// PostgreSQL has no text with a NUL: beyond this, looking for one would be a fault of ours.
pub(crate) const HAS_NUL: Refusal =
    refuse_api(400, "bad_request", "send no NUL character (U+0000) in a text or a path");
pub(crate) const PATH_IS_NO_TEXT: Refusal =
    refuse_api(400, "bad_request", "the path has a part that is not UTF-8 once its percent-encoding is undone");
pub(crate) const BAD_CURSOR: Refusal =
    refuse_api(400, "invalid_argument", "cursor: send the next_cursor of the page before, or none");
pub(crate) const BAD_LIMIT: Refusal = refuse_api(400, "invalid_argument", "limit: 1 to 1000; 100 if it is left out");
