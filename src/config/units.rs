//! Quantities as people write them: `"15m"`, `"256 KiB"`, `{ limit = 10, per = "1m", burst = 5 }`.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::Duration;

/// A length of time, written `"90s"`, `"15m"`, `"12h"`, `"30d"`, `"100ms"`, `"1y"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes, written `"64 KiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// How often something may happen: `limit` times `per` a time, and `burst` of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many.
    #[schemars(range(min = 1))]
    pub limit: u32,
    /// In what time.
    pub per: Span,
    /// How many at once.
    #[schemars(range(min = 1))]
    pub burst: u32,
}

/// Longest first, so that text is written with the largest unit that fits.
const TIMES: [(&str, i64); 6] =
    [("y", 31_536_000_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Span {
    /// Reads `"15m"`; a year has 365 days.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (digits, unit) = split(text);
        let factor = TIMES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let number = digits.parse::<i64>().ok();
        let milliseconds = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        milliseconds.map(|all| Self(Duration::milliseconds(all))).ok_or_else(|| {
            format!("`{text}` is not a duration: write a number with ms, s, m, h, d or y, such as \"15m\"")
        })
    }
}

impl Size {
    /// Reads `"64 KiB"`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (digits, unit) = split(text);
        let factor = SIZES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let bytes = digits.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| {
            format!("`{text}` is not a size: write a number with B, KiB, MiB or GiB, such as \"64 KiB\"")
        })
    }
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    (digits, unit.strip_prefix(' ').unwrap_or(unit))
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.whole_milliseconds();
        let (unit, factor) =
            TIMES.iter().find(|(_, factor)| all != 0 && all % i128::from(*factor) == 0).unwrap_or(&("s", 1000));
        write!(f, "{}{unit}", all / i128::from(*factor))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            SIZES.iter().find(|(_, factor)| self.0.is_multiple_of(*factor)).expect("one byte divides everything");
        write!(f, "{} {unit}", self.0 / factor)
    }
}

macro_rules! text {
    ($name:ident, $title:literal, $pattern:literal, $what:literal, $bare:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }

                    fn visit_i64<E: Error>(self, number: i64) -> Result<$name, E> {
                        Err(E::custom(format_args!($bare, number)))
                    }
                }

                deserializer.deserialize_any(Text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

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

text!(
    Span,
    "Duration",
    r"^\d+ ?(ms|s|m|h|d|y)$",
    "a duration such as \"15m\"",
    "a duration needs its unit: write \"{0}s\" for seconds or \"{0}m\" for minutes"
);
text!(
    Size,
    "Size",
    r"^\d+ ?(B|KiB|MiB|GiB)$",
    "a size such as \"64 KiB\"",
    "a size needs its unit: write \"{0} B\" for bytes or \"{0} KiB\""
);
