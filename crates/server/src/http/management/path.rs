//! The path of a call, whose ids reach the store as they are (attacks.md row 34).

use super::error::{HAS_NUL, PATH_IS_NO_TEXT};
use crate::failure::Failure;
use axum::{extract::FromRequestParts, http::request::Parts};
use percent_encoding::percent_decode_str;

/// A path that is text without a NUL. To be asked for before [`axum::extract::Path`], which refuses in words of its own.
pub(crate) struct TextPath;

impl<S: Sync> FromRequestParts<S> for TextPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let path = percent_decode_str(parts.uri.path()).decode_utf8().map_err(|_| PATH_IS_NO_TEXT)?;
        if path.contains('\0') { Err(HAS_NUL.into()) } else { Ok(Self) }
    }
}
