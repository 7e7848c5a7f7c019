//! What an upstream's words mean here: which claim is the name, the address, the groups.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a value comes from: `"a.b"`, `["first", "fallback"]` or `{ const = "x" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Paths, tried in order; the first that leads to something that is not empty wins.
    Paths(Vec<String>),
    /// The same for everybody.
    Const(String),
}

/// Which claims say what. What is left out is as usual for the kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimMap {
    /// The upstream's own, unchanging name for the person; never an address.
    pub subject: Option<Source>,
    /// The e-mail address.
    pub email: Option<Source>,
    /// Whether the upstream has verified the address.
    pub email_verified: Option<Source>,
    /// What to call the person.
    pub name: Option<Source>,
    /// The login name; only a suggestion.
    pub username: Option<Source>,
    /// An `https` picture.
    pub avatar: Option<Source>,
    /// A list of strings, kept as `provider:value`.
    pub groups: Option<Source>,
}

impl Source {
    /// One path.
    pub fn path(path: &str) -> Self {
        Self::Paths(vec![path.to_owned()])
    }

    /// What the document says; `None` if it is silent, null or empty.
    pub fn read(&self, document: &Value) -> Option<Value> {
        match self {
            Self::Paths(paths) => paths.iter().find_map(|path| follow(document, path)).cloned(),
            Self::Const(text) => Some(Value::String(text.clone())),
        }
    }
}

/// The whole path as one name first (`https://example.com/groups`), then step by step.
fn follow<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let found = document.get(path).or_else(|| path.split('.').try_fold(document, |at, step| at.get(step)))?;
    let is_empty = match found {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    (!is_empty).then_some(found)
}

impl ClaimMap {
    /// The usual OpenID claims (OpenID Connect Core §5.1).
    pub fn openid() -> Self {
        let first = |paths: &[&str]| Some(Source::Paths(paths.iter().map(|&path| path.to_owned()).collect()));
        Self {
            subject: first(&["sub"]),
            email: first(&["email"]),
            email_verified: first(&["email_verified"]),
            name: first(&["name", "given_name"]),
            username: first(&["preferred_username"]),
            avatar: first(&["picture"]),
            groups: first(&["groups"]),
        }
    }

    /// This map, and `usual` where it is silent.
    pub fn over(&self, usual: Self) -> Self {
        let Self { subject, email, email_verified, name, username, avatar, groups } = self.clone();
        Self {
            subject: subject.or(usual.subject),
            email: email.or(usual.email),
            email_verified: email_verified.or(usual.email_verified),
            name: name.or(usual.name),
            username: username.or(usual.username),
            avatar: avatar.or(usual.avatar),
            groups: groups.or(usual.groups),
        }
    }

    /// What is written here, each with whether `document` answers it.
    pub fn is_answered_by(&self, document: &Value) -> bool {
        let Self { subject, email, email_verified, name, username, avatar, groups } = self;
        [subject, email, email_verified, name, username, avatar, groups]
            .into_iter()
            .flatten()
            .all(|source| source.read(document).is_some())
    }
}

/// Text, or a whole number as its digits.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

impl Serialize for Source {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Paths(paths) => paths.serialize(to),
            Self::Const(text) => to.collect_map([("const", text)]),
        }
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Source;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path such as \"a.b\", a list of paths, or { const = \"x\" }")
    }

    fn visit_str<E: Error>(self, path: &str) -> Result<Source, E> {
        if path.is_empty() { Err(E::custom("a path is not empty")) } else { Ok(Source::path(path)) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Source, A::Error> {
        let mut paths = Vec::new();
        while let Some(path) = items.next_element::<String>()? {
            paths.push(path);
        }
        if paths.is_empty() || paths.iter().any(String::is_empty) {
            return Err(A::Error::custom("a list of paths holds at least one, and none is empty"));
        }
        Ok(Source::Paths(paths))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Source, A::Error> {
        let found = match members.next_key::<String>()?.as_deref() {
            Some("const") => Source::Const(members.next_value()?),
            Some("expr") => {
                return Err(A::Error::custom(
                    "`expr` is not in this version: write a path, a list of paths or { const = \"x\" }",
                ));
            }
            Some(other) => return Err(A::Error::custom(format_args!("unknown field `{other}`, expected `const`"))),
            None => return Err(A::Error::custom("expected `const`")),
        };
        match members.next_key::<String>()? {
            Some(_) => Err(A::Error::custom("`const` stands alone")),
            None => Ok(found),
        }
    }
}

impl JsonSchema for Source {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClaimSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 },
            {
                "type": "object",
                "properties": { "const": { "type": "string" } },
                "required": ["const"],
                "additionalProperties": false
            }
        ] })
    }
}
