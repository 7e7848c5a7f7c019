//! The description of the JSON API: what stands in it, and that nothing is missing.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::http::openapi::document;

fn described() -> Value {
    serde_json::from_str(&document("https://auth.example.com")).unwrap()
}

/// `get /auth/check`, for every route whose handler is named behind `.route("` in the text.
fn routes(text: &str) -> BTreeSet<String> {
    let all = text.split(".route(\"").skip(1).flat_map(|rest| {
        let (path, rest) = rest.split_once('"').unwrap();
        let handlers = rest.split_once(".route(").map_or(rest, |(this, _)| this);
        let handlers = handlers.split(';').next().unwrap_or_default();
        let methods = ["get", "post", "put", "patch", "delete"];
        let methods = methods.into_iter().filter(move |method| handlers.contains(&format!("{method}(")));
        methods.map(move |method| format!("{method} {path}"))
    });
    all.collect()
}

#[test]
fn the_description_is_the_one_that_somebody_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema/openapi.json");
    let made = document("https://auth.example.com") + "\n";
    if super::rewrite() {
        std::fs::write(&golden, &made).unwrap();
    }

    assert_eq!(std::fs::read_to_string(golden).unwrap_or_default(), made);
}

#[test]
fn every_route_of_the_api_is_described_and_no_other() {
    let api = [
        "auth",
        "well_known",
        "federated",
        "key_refresh",
        "service_sessions",
        "permission_memory",
        "admin/users",
        "admin/people",
        "admin/roles",
        "admin/services",
        "admin/permissions",
        "admin/shadow",
        "admin/invitations",
        "admin/audit",
    ]
    .map(|area| format!("src/http/{area}.rs"));
    let texts = api.map(|file| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap());
    let mut routes: BTreeSet<_> = texts.iter().flat_map(|text| routes(text)).collect();
    // What browsers come for is no API: the way back from a provider, what pages are dressed in, and this description itself.
    routes.retain(|route| {
        !["/login/", "/auth/oauth_callback", "/assets/", "/openapi.json"].iter().any(|p| route.contains(p))
    });

    let described = described();
    let paths = described["paths"].as_object().unwrap();
    let described = paths.iter().flat_map(|(path, all)| {
        all.as_object().unwrap().keys().filter(|key| *key != "parameters").map(move |method| format!("{method} {path}"))
    });

    assert_eq!(described.collect::<BTreeSet<_>>(), routes);
    assert!(routes.len() >= 11, "{routes:?}");
}

#[test]
fn every_reference_leads_somewhere() {
    fn visit<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| visit(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| visit(value, found)),
            _ => {}
        }
    }
    let document = described();
    let mut references = Vec::new();
    visit(&document, &mut references);

    assert!(references.len() > 10);
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for operation in document["paths"].as_object().unwrap().values().flat_map(|all| all.as_object().unwrap().values()) {
        for scheme in operation["security"].as_array().unwrap().iter().flat_map(|one| one.as_object().unwrap().keys()) {
            assert!(document["components"]["securitySchemes"].get(scheme).is_some(), "{scheme}");
        }
    }
    assert_eq!(document["openapi"], "3.1.0");
}
