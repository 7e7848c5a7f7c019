//! What rules are held against: somebody as a provider describes them, and what they bring to a service.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cel::Value;
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde_json::{Map, Value as Json};

/// Somebody as a provider describes them.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    pub claims: &'a Map<String, Json>,
    /// Only an address that is vouched for; there is none to compare with otherwise.
    pub email: Option<&'a str>,
    /// Groups as `provider:value`.
    pub groups: &'a [String],
    /// The provider's id, or the method.
    pub provider: &'a str,
}

/// The facts, by name.
pub struct Facts(Vec<(&'static str, Box<dyn Val>)>);

impl Facts {
    /// What a provider says of somebody.
    pub fn of(person: &Person<'_>) -> Self {
        let Person { claims, email, groups, provider } = *person;
        let mut facts = Self(Vec::with_capacity(8));
        facts.put("claims", object(claims));
        facts.put("email", email.map_or(Value::Null, text));
        facts.put("email_verified", Value::Bool(email.is_some()));
        facts.put("groups", list(groups));
        facts.put("provider", text(provider));
        facts
    }

    /// On the way into a service.
    #[must_use]
    pub fn entering(mut self, service: &str, roles: &[String], mfa: bool) -> Self {
        self.put("roles", list(roles));
        self.put("service", text(service));
        self.put("mfa", Value::Bool(mfa));
        self
    }

    /// The same of somebody who had brought a second factor.
    #[must_use]
    pub fn with_mfa(&self) -> Self {
        let all = self.0.iter().filter(|(name, _)| *name != "mfa");
        let mut facts = Self(all.map(|(name, value)| (*name, value.clone_as_boxed())).collect());
        facts.put("mfa", Value::Bool(true));
        facts
    }

    /// A claim by its name, or by the names on the way to it, with dots between; `None` if there is none.
    pub fn claim(&self, path: &str) -> Option<Json> {
        let (_, claims) = self.0.iter().find(|(name, _)| *name == "claims")?;
        let claims = to_json(&Value::try_from(claims.as_ref()).ok()?)?;
        let found = claims.get(path).or_else(|| path.split('.').try_fold(&claims, |at, step| at.get(step)))?;
        Some(found.clone())
    }

    fn put(&mut self, name: &'static str, value: Value) {
        let value: Box<dyn Val> = value.try_into().expect("plain values are values");
        self.0.push((name, value));
    }
}

impl VariableResolver for Facts {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let (_, value) = self.0.iter().find(|(name, _)| *name == variable)?;
        Some(CowVal::Borrowed(value.as_ref()))
    }
}

impl fmt::Debug for Facts {
    /// Without what is known of people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")
    }
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn list(words: &[String]) -> Value {
    Value::List(Arc::new(words.iter().map(|word| text(word)).collect()))
}

fn object(members: &Map<String, Json>) -> Value {
    Value::from(members.iter().map(|(name, value)| (name.clone(), of_json(value))).collect::<HashMap<_, _>>())
}

/// Whole numbers are `int` where they fit, as people write them.
fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(said) => Value::Bool(*said),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(large)) => Value::UInt(large),
            (None, None) => number.as_f64().map_or(Value::Null, Value::Float),
        },
        Json::String(words) => text(words),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(of_json).collect())),
        Json::Object(members) => object(members),
    }
}

/// The value as JSON; `None` if JSON has no words for it.
pub fn to_json(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(said) => Json::Bool(*said),
        Value::Int(whole) => Json::from(*whole),
        Value::UInt(whole) => Json::from(*whole),
        Value::Float(number) => Json::Number(serde_json::Number::from_f64(*number)?),
        Value::String(words) => Json::String(words.as_ref().clone()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        Value::Map(map) => {
            let members = map.map.iter().map(|(name, value)| Some((name.to_string(), to_json(value)?)));
            let mut members = members.collect::<Option<Vec<_>>>()?;
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(members.into_iter().collect())
        }
        _ => return None,
    })
}
