//! A value that is never shown: no `Display`, and `Debug` prints no part of it.

use std::fmt;

use serde::Deserialize;

/// A secret from the file, the environment or another file.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides the text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text. Every call is a place to look at.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl schemars::JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = |key: &str, what: &str| {
            serde_json::json!({
                "type": "object",
                "properties": { key: { "type": "string", "description": what } },
                "required": [key],
                "additionalProperties": false,
            })
        };
        schemars::json_schema!({
            "x-secret": true,
            "anyOf": [
                { "type": "string", "minLength": 1 },
                one("env", "The environment variable that holds it."),
                one("file", "The file that holds it; a newline at its end does not count."),
                one("credential", "The systemd credential that holds it."),
            ],
        })
    }
}
