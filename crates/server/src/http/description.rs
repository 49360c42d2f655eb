//! Descriptions of our APIs (OpenAPI 3.1), made of the handlers, as they are served and as `docs` has them.

use utoipa::openapi::{OpenApi, PathItem};

/// The text of a document whose calls have names of their own.
pub(crate) fn text(mut document: OpenApi) -> String {
    document.paths.paths.values_mut().for_each(name_operations);
    document.to_pretty_json().unwrap_or_default()
}

/// OpenAPI 3.1 §4.8.10: an operation's id is unique. A handler's name is so within its group only.
fn name_operations(path: &mut PathItem) {
    let PathItem { get, put, post, delete, patch, .. } = path;
    for operation in [get, put, post, delete, patch].into_iter().flatten() {
        let group = operation.tags.iter().flatten().next().map(|tag| tag.to_lowercase().replace(' ', "_"));
        if let (Some(group), Some(name)) = (group, &operation.operation_id) {
            operation.operation_id = Some(format!("{group}_{name}"));
        }
    }
}
