//! A claim that a service's tokens carry beside the usual.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

/// `"a.b"`, `{ const = … }` or `{ expr = "CEL" }`.
#[derive(Debug, Clone, PartialEq)]
pub enum ExtraClaim {
    Path(String),
    Const(Value),
    Expr(String),
}

impl<'de> Deserialize<'de> for ExtraClaim {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = ExtraClaim;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path such as \"org.name\", { const = \"x\" } or { expr = \"CEL\" }")
    }

    fn visit_str<E: Error>(self, path: &str) -> Result<ExtraClaim, E> {
        if path.is_empty() { Err(E::custom("a path is not empty")) } else { Ok(ExtraClaim::Path(path.to_owned())) }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ExtraClaim, A::Error> {
        let found = match members.next_key::<String>()?.as_deref() {
            Some("const") => ExtraClaim::Const(members.next_value()?),
            Some("expr") => ExtraClaim::Expr(members.next_value()?),
            Some(other) => {
                return Err(A::Error::custom(format_args!("unknown field `{other}`, expected `const` or `expr`")));
            }
            None => return Err(A::Error::custom("expected `const` or `expr`")),
        };
        match members.next_key::<String>()? {
            Some(_) => Err(A::Error::custom("`const` or `expr` stands alone")),
            None => Ok(found),
        }
    }
}

impl JsonSchema for ExtraClaim {
    fn schema_name() -> Cow<'static, str> {
        "ExtraClaim".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let alone = |key: &str, value: Value| {
            let properties = Value::Object([(key.to_owned(), value)].into_iter().collect());
            serde_json::json!({
                "type": "object", "properties": properties, "required": [key], "additionalProperties": false
            })
        };
        json_schema!({ "oneOf": [
            { "type": "string", "minLength": 1 },
            alone("const", serde_json::json!({})),
            alone("expr", serde_json::json!({ "type": "string" })),
        ] })
    }
}
