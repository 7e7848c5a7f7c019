//! The description of the JSON API (`OpenAPI` 3.1), made from the handlers and their own types.

use std::sync::LazyLock;

use utoipa::OpenApi as _;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi, Server};

use super::{admin, auth, key_refresh, permission_memory, service_sessions, well_known};

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(|| {
    let mut document = auth::Description::openapi()
        .merge_from(well_known::Description::openapi())
        .merge_from(key_refresh::Description::openapi())
        .merge_from(service_sessions::Description::openapi())
        .merge_from(permission_memory::Description::openapi())
        .merge_from(admin::Description::openapi());
    document.info = Info::builder()
        .title("Countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Who is signed in, tokens for services, and the keys to verify them. Failures come as `application/problem+json` \
             (RFC 9457); beside those listed, any address may answer 405, 413, 421, 500 or 503 so.",
        ))
        .build();
    for (name, scheme) in schemes() {
        document.components.get_or_insert_with(Components::default).add_security_scheme(name, scheme);
    }
    document
});

/// The document for the server at this address, as JSON.
pub fn document(issuer: &str) -> String {
    let mut document = DOCUMENT.clone();
    document.servers = Some(vec![Server::new(issuer)]);
    document.to_pretty_json().expect("a description is plain JSON")
}

/// The login token in its three places, in the order they are looked at; the session's cookie; a service's secret.
fn schemes() -> [(&'static str, SecurityScheme); 7] {
    let key = |name: &str, says: &str| ApiKeyValue::with_description(name, says);
    [
        (
            "bearer",
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format("JWT")
                    .description(Some("The login token."))
                    .build(),
            ),
        ),
        ("auth-token", SecurityScheme::ApiKey(ApiKey::Header(key("auth-token", "The login token.")))),
        ("jwt", SecurityScheme::ApiKey(ApiKey::Query(key("jwt", "The login token; empty and `undefined` mean none.")))),
        ("session", SecurityScheme::ApiKey(ApiKey::Cookie(key("__Host-countersign", "The browser's session.")))),
        (
            "client",
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Basic)
                    .description(Some("Id and secret of the service."))
                    .build(),
            ),
        ),
        (
            "api-key",
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format("cs_…")
                    .description(Some("An API key of a person or a service."))
                    .build(),
            ),
        ),
        (
            "user",
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Basic)
                    .description(Some(
                        "A person's address or username and password, or a name of an API key and the key.",
                    ))
                    .build(),
            ),
        ),
    ]
}
