//! Changing a JSON object by another one (RFC 7396).

use serde_json::{Map, Value};

/// Puts the members of `patch` into `into`: objects come together, everything else is replaced, `null` removes.
pub fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                into.shift_remove(name);
            }
            Value::Object(patch) => {
                let below = into.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !below.is_object() {
                    *below = Value::Object(Map::new());
                }
                if let Value::Object(below) = below {
                    merge(below, patch);
                }
            }
            value => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}
