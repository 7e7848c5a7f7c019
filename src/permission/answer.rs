//! Reads an answer of the permission contract, version 1. What is not exactly an answer is refused, without repeating it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::PermissionError;
use crate::domain::claims::is_reserved;
use crate::domain::identity::display_name;
use crate::domain::permission::{Decision, MOST_NAMES, Permissions, Verdict, is_name};

/// Deepest nesting of an answer.
const DEEPEST: usize = 16;
/// Most limits, and most claims, in one answer.
const MOST_EXTRAS: usize = 64;

/// The answer of the provider with this id.
///
/// The error says what is wrong and never what was sent.
pub fn parse(provider: &str, body: &[u8]) -> Result<Decision, PermissionError> {
    read(body).map_err(|wrong| PermissionError::Unusable(format!("`{provider}`: {wrong}")))
}

fn read(body: &[u8]) -> Result<Decision, String> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = Strict(DEEPEST).deserialize(&mut json).map_err(|error| describe(&error))?;
    json.end().map_err(|_| "there is more than one JSON value".to_owned())?;
    let Value::Object(members) = value else { return Err("it is not a JSON object".into()) };
    let mut decision = Decision::default();
    for (name, value) in members {
        match name.as_str() {
            "version" if value == 1 => {}
            "version" => return Err("`version` is not 1".into()),
            "decision" => decision.verdict = verdict(&value).ok_or("`decision` is not `allow`, `deny` or `abstain`")?,
            "permissions" => decision.permissions = permissions(value)?,
            "limits" => decision.limits = limits(value)?,
            "claims" => decision.claims = claims(value)?,
            "cache_ttl" => decision.cache_ttl = Some(value.as_u64().ok_or("`cache_ttl` is not a number of seconds")?),
            "reason" => decision.reason = line(&value).ok_or("`reason` is not a string")?,
            "message" => decision.message = line(&value).ok_or("`message` is not a string")?,
            _ => return Err("it has a member that version 1 does not know".into()),
        }
    }
    Ok(decision)
}

const NOT_A_NAME: &str = "`permissions` holds something that is not a permission name";

/// serde's own words would repeat parts of the answer.
fn describe(error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data => format!("a repeated member, or nested too deeply, at {place}"),
        _ => format!("not JSON, at {place}"),
    }
}

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

fn claims(value: Value) -> Result<Map<String, Value>, String> {
    let Value::Object(claims) = value else { return Err("`claims` is not an object".into()) };
    if claims.len() > MOST_EXTRAS {
        return Err(format!("`claims` has more than {MOST_EXTRAS} members"));
    }
    let fits = |name: &str| !name.is_empty() && name.len() <= 128 && !name.contains(char::is_control);
    if !claims.keys().all(|name| fits(name)) {
        return Err("`claims` holds a bad name".into());
    }
    match claims.keys().find(|name| is_reserved(name)) {
        // A reserved name is one of ours, so it may be repeated.
        Some(name) => Err(format!("it sets the reserved claim `{name}`")),
        None => Ok(claims),
    }
}

/// One line for people: at most 200 characters, no control characters.
fn line(value: &Value) -> Option<String> {
    value.as_str().map(|text| display_name(text).unwrap_or_default())
}

/// A JSON value in which no member stands twice; the number is how many levels may follow.
struct Strict(usize);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl Strict {
    fn deeper<E: Error>(&self) -> Result<usize, E> {
        self.0.checked_sub(1).ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Strict(deeper))? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Strict(deeper))?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a repeated member"));
            }
        }
        Ok(object.into())
    }
}
