//! What a schema declares: types, their attributes, and what the context of an action holds.

use cedar_policy::ffi::DetailedError;
use cedar_policy::{CedarSchemaError, EntityTypeName, EntityUid, Schema, schema_str_to_json_with_resolved_types};
use serde_json::{Map, Value};

/// A schema, and the same as JSON, for the library tells nothing about attributes.
pub struct Declared {
    pub schema: Schema,
    json: Value,
}

/// One attribute of a type, or one member of a context.
#[derive(Debug, Clone)]
pub struct Attribute {
    pub name: String,
    pub required: bool,
    pub what: What,
}

/// The types that we can fill in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Text,
    Flag,
    Texts,
    Ip,
    /// Everything else.
    Other,
}

/// The most steps from the name of a type to what it is.
const MOST_NAMES: usize = 16;

impl Declared {
    /// The error holds Cedar's own words, and where it is in the text.
    pub fn read(text: &str) -> Result<Self, Box<DetailedError>> {
        let wrong = |error: CedarSchemaError| Box::new(DetailedError::from(&error));
        let (schema, _) = Schema::from_cedarschema_str(text).map_err(wrong)?;
        let (json, _) = schema_str_to_json_with_resolved_types(text).map_err(wrong)?;
        Ok(Self { schema, json })
    }

    /// The attributes of an entity type.
    pub fn of_type(&self, name: &EntityTypeName) -> Vec<Attribute> {
        self.record(&self.entity(name)["shape"])
    }

    /// The basenames of the types that an entity of this type may be in.
    pub fn parents(&self, name: &EntityTypeName) -> Vec<String> {
        let parents = self.entity(name)["memberOfTypes"].as_array();
        parents.into_iter().flatten().filter_map(|parent| parent.as_str().map(str::to_owned)).collect()
    }

    /// What the context of an action holds.
    pub fn context(&self, action: &EntityUid) -> Vec<Attribute> {
        let actions = &self.json[action.type_name().namespace()]["actions"];
        self.record(&actions[action.id().unescaped()]["appliesTo"]["context"])
    }

    fn entity(&self, name: &EntityTypeName) -> &Value {
        &self.json[name.namespace()]["entityTypes"][name.basename()]
    }

    fn record(&self, of: &Value) -> Vec<Attribute> {
        let none = Map::new();
        let attributes = self.resolved(of)["attributes"].as_object().unwrap_or(&none);
        let attribute = |(name, of): (&String, &Value)| Attribute {
            name: name.clone(),
            required: of["required"] != false,
            what: self.what(of),
        };
        attributes.iter().map(attribute).collect()
    }

    fn what(&self, of: &Value) -> What {
        let of = self.resolved(of);
        match word(of) {
            "String" => What::Text,
            "Boolean" | "Bool" => What::Flag,
            "Set" if self.what(&of["element"]) == What::Text => What::Texts,
            "ipaddr" => What::Ip,
            "Extension" if of["name"] == "ipaddr" => What::Ip,
            _ => What::Other,
        }
    }

    /// The type itself, where only its name stands.
    fn resolved<'a>(&'a self, mut of: &'a Value) -> &'a Value {
        for _ in 0..MOST_NAMES {
            let (namespace, name) = word(of).rsplit_once("::").unwrap_or(("", word(of)));
            match self.json[namespace]["commonTypes"].get(name) {
                Some(meant) => of = meant,
                None => break,
            }
        }
        of
    }
}

/// The name of a type, without the namespace that Cedar's own types are in.
fn word(of: &Value) -> &str {
    let word = if of["type"] == "EntityOrCommon" { &of["name"] } else { &of["type"] };
    let word = word.as_str().unwrap_or_default();
    word.strip_prefix("__cedar::").unwrap_or(word)
}
