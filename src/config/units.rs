//! Quantities as people write them: `"15m"`, `"256 KiB"`, `{ limit = 10, per = "1m", burst = 5 }`.

use serde::{Deserialize, Deserializer};
use time::Duration;

/// A length of time, written `"90s"`, `"15m"`, `"12h"`, `"30d"`, `"100ms"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes, written `"64 KiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// How often something may happen: `limit` times `per` a time, and `burst` of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many.
    pub limit: u32,
    /// In what time.
    pub per: Span,
    /// How many at once.
    pub burst: u32,
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("not read"))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("not read"))
    }
}

macro_rules! text_schema {
    ($name:ident, $title:literal, $pattern:literal) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

text_schema!(Span, "Duration", r"^\d+ ?(ms|s|m|h|d|y)$");
text_schema!(Size, "Size", r"^\d+ ?(B|KiB|MiB|GiB)$");
