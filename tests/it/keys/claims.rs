//! What tokens look like, and the names nobody else may set.

use serde_json::{Map, Value, json};

use crate::domain::claims::{Audience, ClassicClaims, LoginClaims, ServiceClaims, Spelled, Sub, is_reserved};
use crate::domain::id::{SessionId, TokenId, UserId};

fn service_claims(aud: Audience<'_>) -> ServiceClaims<'_> {
    ServiceClaims {
        iss: "https://auth.example.com",
        sub: Sub::User(UserId::new()),
        aud,
        client_id: "wiki",
        iat: 1,
        exp: 2,
        jti: TokenId::new(),
        sid: Some(SessionId::new()),
        auth_time: Some(0),
        amr: Vec::new(),
        permissions: None,
        scope: None,
        roles: Vec::new(),
        limits: Map::new(),
        perm_stale: false,
        permissions_ref: None,
        extra: Map::new(),
    }
}

fn names(claims: &impl serde::Serialize) -> Vec<String> {
    serde_json::to_value(claims).unwrap().as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_service_token_says_what_rfc_9068_asks_for_and_leaves_out_what_is_empty() {
    let claims = service_claims(Audience::One("wiki"));
    assert_eq!(names(&claims), ["iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid", "auth_time", "roles"]);
}

#[test]
fn one_audience_is_a_string_and_several_are_a_list() {
    let aud = |aud| serde_json::to_value(service_claims(aud)).unwrap()["aud"].clone();
    assert_eq!(aud(Audience::One("wiki")), json!("wiki"));
    assert_eq!(aud(Audience::Many(vec!["wiki", "blog"])), json!(["wiki", "blog"]));
}

#[test]
fn a_classic_token_has_no_audience() {
    let claims = ClassicClaims {
        userid: Sub::User(UserId::new()),
        service: "wiki".into(),
        permissions: json!({}),
        permissions_ref: None,
        iss: "https://auth.example.com".into(),
        iat: 1,
        exp: 2,
        jti: TokenId::new(),
    };
    assert_eq!(names(&claims), ["userid", "service", "permissions", "iss", "iat", "exp", "jti"]);
    assert!(names(&claims).iter().all(|name| is_reserved(name)));
}

#[test]
fn no_provider_may_set_a_name_that_we_set() {
    let full = ServiceClaims {
        permissions: Some(Spelled::List(Vec::new())),
        scope: Some("a".into()),
        limits: Map::from_iter([("uploads".to_owned(), Value::from(1))]),
        perm_stale: true,
        ..service_claims(Audience::One("wiki"))
    };
    let login = LoginClaims {
        iss: String::new(),
        aud: String::new(),
        sub: UserId::new(),
        sid: SessionId::new(),
        iat: 0,
        exp: 0,
        jti: TokenId::new(),
    };
    assert_eq!(names(&full).len(), 14);
    for name in names(&full).into_iter().chain(names(&login)) {
        assert!(is_reserved(&name), "{name}");
    }
    assert!(!is_reserved("department") && !is_reserved("Sub"));
}
