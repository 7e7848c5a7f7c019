//! What the answers of all programs outside have in common: strict JSON, bounded lines for people, claims that are not ours.
//!
//! What is wrong is said without repeating what was sent.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::claims::is_reserved;
use super::identity::display_name;

/// Deepest nesting of an answer.
const DEEPEST: usize = 16;
/// Most limits, and most claims, in one answer.
pub const MOST_EXTRAS: usize = 64;

/// The members of an answer, which is one JSON object in which no member stands twice (RFC 8259 §4).
pub fn members(body: &[u8]) -> Result<Map<String, Value>, String> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = Strict(DEEPEST).deserialize(&mut json).map_err(|error| describe(&error))?;
    json.end().map_err(|_| "there is more than one JSON value".to_owned())?;
    let Value::Object(members) = value else { return Err("it is not a JSON object".into()) };
    Ok(members)
}

/// serde's own words would repeat parts of the answer.
fn describe(error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data => format!("a repeated member, or nested too deeply, at {place}"),
        _ => format!("not JSON, at {place}"),
    }
}

/// Claims that somebody adds to ours: at most 64, none of them reserved.
pub fn claims(value: Value) -> Result<Map<String, Value>, String> {
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

/// One line for people: at most 200 characters, no control characters; `None` unless it is a string.
pub fn line(value: &Value) -> Option<String> {
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
