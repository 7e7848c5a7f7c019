//! JSON whose values know where they stand in the text.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Number;
use serde_json::value::RawValue;

use super::fault::{Fault, shown};

/// Deepest nesting of a policy.
pub const DEEPEST: usize = 16;

/// A value, and the byte at which it begins.
#[derive(Debug)]
pub struct Node {
    pub at: usize,
    pub value: Value,
}

/// A member of an object, and the byte at which its name begins.
#[derive(Debug)]
pub struct Member {
    pub at: usize,
    pub name: String,
    pub node: Node,
}

/// What a node is.
#[derive(Debug)]
pub enum Value {
    Null,
    Bool,
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// The one value of the text. No member stands twice, and nothing is nested deeper than [`DEEPEST`].
pub fn parse(text: &str) -> Result<Node, Fault> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| not_json(text, &error))?;
    node(text, raw, DEEPEST)
}

fn not_json(text: &str, error: &serde_json::Error) -> Fault {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    let start = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let at = text.floor_char_boundary(start + error.column().saturating_sub(1));
    Fault::new(at, format!("this is not JSON: {words}"))
}

fn node(text: &str, raw: &RawValue, levels: usize) -> Result<Node, Fault> {
    let json = raw.get();
    let at = json.as_ptr() as usize - text.as_ptr() as usize;
    let deeper = || levels.checked_sub(1).ok_or_else(|| Fault::new(at, format!("nested deeper than {DEEPEST} levels")));
    let value = match json.as_bytes().first() {
        Some(b'{') => Value::Object(members(text, at, json, deeper()?)?),
        Some(b'[') => {
            let levels = deeper()?;
            let items: Vec<&RawValue> = read(at, json)?;
            Value::List(items.into_iter().map(|item| node(text, item, levels)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(read_owned(at, json)?),
        Some(b't' | b'f') => Value::Bool,
        Some(b'n') => Value::Null,
        _ => Value::Number(read_owned(at, json)?),
    };
    Ok(Node { at, value })
}

fn members(text: &str, at: usize, json: &str, levels: usize) -> Result<Vec<Member>, Fault> {
    let Pairs(pairs) = read(at, json)?;
    let mut seen = HashSet::with_capacity(pairs.len());
    let mut members = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let at = name.get().as_ptr() as usize - text.as_ptr() as usize;
        let name: String = read_owned(at, name.get())?;
        if !seen.insert(name.clone()) {
            return Err(Fault::new(at, format!("`{}` stands twice in one object", shown(&name))));
        }
        members.push(Member { at, name, node: node(text, value, levels)? });
    }
    Ok(members)
}

fn read<'a, T: Deserialize<'a>>(at: usize, json: &'a str) -> Result<T, Fault> {
    serde_json::from_str(json).map_err(|_| Fault::new(at, "this cannot be read".into()))
}

fn read_owned<T: DeserializeOwned>(at: usize, json: &str) -> Result<T, Fault> {
    read(at, json)
}

/// The members of an object as they stand in the text.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Pairs<'de>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = members.next_entry::<&RawValue, &RawValue>()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
