//! Doors for fuzzers: bytes in, and nothing out, unless something that must hold does not.

use axum::http::StatusCode;

use crate::domain::answer::members;
use crate::domain::claims::is_reserved;
use crate::domain::permission::{MOST_NAMES, is_name};
use crate::extension::decide::{Answer, Moment};
use crate::extension::webhook::decide;
use crate::permission::{answer, policy as policies};
use crate::rule::{About, Facts, Person, Rule};

/// The answer of a permission provider, whatever it is.
///
/// # Panics
/// Where an answer is taken that breaks the contract.
pub fn permission_answer(bytes: &[u8]) {
    match answer::parse("p", bytes) {
        Ok(decision) => {
            assert!(decision.permissions.len() <= MOST_NAMES && decision.permissions.keys().all(|name| is_name(name)));
            assert!(decision.limits.values().all(serde_json::Value::is_number));
            assert!(!decision.claims.keys().any(|name| is_reserved(name)));
            assert!(!decision.message.contains(char::is_control) && !decision.reason.contains(char::is_control));
        }
        Err(error) => assert!(error.to_string().len() < 300),
    }
}

/// The answer of an extension that decides, at every moment.
///
/// # Panics
/// Where an answer is taken that breaks the contract.
pub fn hook_answer(bytes: &[u8]) {
    for moment in [Moment::UserCreating, Moment::LoginCompleting, Moment::TokenIssuing] {
        match decide::read(StatusCode::OK, bytes, moment) {
            Ok(Answer::Allow(claims)) => {
                assert!(claims.is_empty() || moment.takes_claims());
                assert!(!claims.keys().any(|name| is_reserved(name)));
                assert!(String::from_utf8_lossy(bytes).contains('{'), "nothing is a yes by itself");
            }
            Ok(Answer::Deny(message)) => assert!(!message.contains(char::is_control)),
            Err(error) => assert!(error.len() < 300),
        }
        let denied = decide::read(StatusCode::FORBIDDEN, bytes, moment);
        assert!(matches!(denied, Ok(Answer::Deny(_))));
    }
}

/// A rule in CEL and, behind the first line break, the claims it is held against.
///
/// # Panics
/// Where no answer is somebody's advantage.
pub fn rule(bytes: &[u8]) {
    let whole = String::from_utf8_lossy(bytes);
    let (text, claims) = whole.split_once('\n').unwrap_or((whole.as_ref(), "{}"));
    let claims = members(claims.as_bytes()).unwrap_or_default();
    let groups = ["sso:staff".to_owned()];
    let person = Person { claims: &claims, email: Some("ada@example.org"), groups: &groups, provider: "sso" };
    for about in [About::Identity, About::Access] {
        let facts = || Facts::of(&person).entering("wiki", &["member".to_owned()], true);
        let Ok(rule) = Rule::expression(text, about) else { continue };
        let said = rule.holds(&facts()).ok();
        assert_eq!((rule.grants(&facts()), rule.denies(&facts())), (said == Some(true), said != Some(false)));
        if let Ok(value) = rule.value(&facts()) {
            assert!(value.as_bool().is_none_or(|value| said == Some(value)));
        }
    }
}

/// A policy file of either format.
///
/// # Panics
/// Where a policy is taken that grants what is no permission.
pub fn policy(bytes: &[u8]) {
    policies::probe(&String::from_utf8_lossy(bytes));
}
