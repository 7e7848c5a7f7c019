//! Reads an answer of the permission contract, version 1. What is not exactly an answer is refused, without repeating it.

use serde_json::{Map, Value};

use super::PermissionError;
use crate::domain::answer::{self, MOST_EXTRAS};
use crate::domain::permission::{Decision, MOST_NAMES, Permissions, Verdict, is_name};

/// The answer of the provider with this id.
///
/// The error says what is wrong and never what was sent.
pub fn parse(provider: &str, body: &[u8]) -> Result<Decision, PermissionError> {
    read(body).map_err(|wrong| PermissionError::Unusable(format!("`{provider}`: {wrong}")))
}

fn read(body: &[u8]) -> Result<Decision, String> {
    let mut decision = Decision::default();
    for (name, value) in answer::members(body)? {
        match name.as_str() {
            "version" if value == 1 => {}
            "version" => return Err("`version` is not 1".into()),
            "decision" => decision.verdict = verdict(&value).ok_or("`decision` is not `allow`, `deny` or `abstain`")?,
            "permissions" => decision.permissions = permissions(value)?,
            "limits" => decision.limits = limits(value)?,
            "claims" => decision.claims = answer::claims(value)?,
            "cache_ttl" => decision.cache_ttl = Some(value.as_u64().ok_or("`cache_ttl` is not a number of seconds")?),
            "reason" => decision.reason = answer::line(&value).ok_or("`reason` is not a string")?,
            "message" => decision.message = answer::line(&value).ok_or("`message` is not a string")?,
            _ => return Err("it has a member that version 1 does not know".into()),
        }
    }
    Ok(decision)
}

const NOT_A_NAME: &str = "`permissions` holds something that is not a permission name";

fn verdict(value: &Value) -> Option<Verdict> {
    match value.as_str()? {
        "allow" => Some(Verdict::Allow),
        "deny" => Some(Verdict::Deny),
        "abstain" => Some(Verdict::Abstain),
        _ => None,
    }
}

fn permissions(value: Value) -> Result<Permissions, String> {
    let named: Vec<(String, bool)> = match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, granted)| granted.as_bool().map(|granted| (name, granted)))
            .collect::<Option<_>>()
            .ok_or("`permissions` holds something that is not `true` or `false`")?,
        Value::Array(names) => names
            .into_iter()
            .map(|name| if let Value::String(name) = name { Some((name, true)) } else { None })
            .collect::<Option<_>>()
            .ok_or(NOT_A_NAME)?,
        _ => return Err("`permissions` is neither an object nor a list".into()),
    };
    if named.len() > MOST_NAMES {
        return Err(format!("`permissions` has more than {MOST_NAMES} names"));
    }
    if !named.iter().all(|(name, _)| is_name(name)) {
        return Err(NOT_A_NAME.into());
    }
    Ok(named.into_iter().collect())
}

fn limits(value: Value) -> Result<Map<String, Value>, String> {
    let Value::Object(limits) = value else { return Err("`limits` is not an object".into()) };
    if limits.len() > MOST_EXTRAS {
        return Err(format!("`limits` has more than {MOST_EXTRAS} members"));
    }
    if !limits.iter().all(|(name, limit)| is_name(name) && limit.is_number()) {
        return Err("`limits` holds a bad name, or something that is not a number".into());
    }
    Ok(limits)
}
