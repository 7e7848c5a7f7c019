//! The file as a tree in which everything keeps its place, and the way from there into structs.

use std::fmt;
use std::ops::Range;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use toml::de::{DeTable, DeValue};

/// Bytes of one of the files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index into the files that were read.
    pub file: usize,
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Place {
    pub fn new(file: usize, span: Range<usize>) -> Self {
        Self { file, start: span.start, end: span.end }
    }

    fn holds(&self, other: &Self) -> bool {
        self.file == other.file && self.start <= other.start && other.start < self.end.max(self.start + 1)
    }
}

/// A value and its place.
#[derive(Clone)]
pub struct Value {
    pub place: Place,
    pub origin: Origin,
    pub node: Node,
}

/// How a value came into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is written there.
    Written,
    /// By `{ env = … }`, `{ file = … }` or `{ credential = … }`, shown as it is written.
    Reference(String),
    /// By an environment variable of this name, whose text still has to become what the key wants.
    Override(String),
}

#[derive(Clone)]
pub enum Node {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Value>),
    Table(Table),
}

/// Keys in file order.
#[derive(Clone, Default)]
pub struct Table(pub Vec<Entry>);

#[derive(Clone)]
pub struct Entry {
    pub key: String,
    pub at: Place,
    pub value: Value,
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    pub fn take(&mut self, key: &str) -> Option<Entry> {
        let index = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(index))
    }

    /// Removes the innermost entry or list item at a place and says its key; an item has none.
    pub fn remove_at(&mut self, place: &Place) -> Option<String> {
        for entry in &mut self.0 {
            let inner = match &mut entry.value.node {
                Node::Table(table) => table.remove_at(place),
                Node::Array(items) => remove_item(items, place),
                _ => None,
            };
            if inner.is_some() {
                return inner;
            }
        }
        let index = self.0.iter().position(|entry| entry.at.holds(place) || entry.value.place.holds(place))?;
        Some(self.0.remove(index).key)
    }

    /// Takes over what the parser read. A number that does not fit becomes text of its digits, which no number key accepts.
    pub fn from_toml(file: usize, table: &DeTable<'_>) -> Self {
        Self(
            table
                .iter()
                .map(|(key, value)| Entry {
                    key: key.get_ref().to_string(),
                    at: Place::new(file, key.span()),
                    value: Value::from_toml(file, value),
                })
                .collect(),
        )
    }
}

fn remove_item(items: &mut Vec<Value>, place: &Place) -> Option<String> {
    let inner = items.iter_mut().find_map(|item| match &mut item.node {
        Node::Table(table) => table.remove_at(place),
        Node::Array(items) => remove_item(items, place),
        _ => None,
    });
    inner.or_else(|| {
        let index = items.iter().position(|item| item.place.holds(place))?;
        items.remove(index);
        Some(String::new())
    })
}

impl Value {
    fn from_toml(file: usize, value: &toml::Spanned<DeValue<'_>>) -> Self {
        let node = match value.get_ref() {
            DeValue::String(text) => Node::String(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Node::String(number.to_string()), Node::Integer),
            DeValue::Float(number) => {
                number.as_str().parse().map_or_else(|_| Node::String(number.to_string()), Node::Float)
            }
            DeValue::Boolean(value) => Node::Boolean(*value),
            DeValue::Datetime(value) => Node::Datetime(value.to_string()),
            DeValue::Array(items) => Node::Array(items.iter().map(|item| Self::from_toml(file, item)).collect()),
            DeValue::Table(table) => Node::Table(Table::from_toml(file, table)),
        };
        Self { place: Place::new(file, value.span()), origin: Origin::Written, node }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.node {
            Node::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Why a value does not fit, and where.
#[derive(Debug)]
pub struct Misfit {
    pub message: String,
    pub place: Option<Place>,
}

impl Misfit {
    fn at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), place: None }
    }
}

impl<'de> IntoDeserializer<'de, Misfit> for &'de Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> serde::Deserializer<'de> for &'de Value {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.node {
            Node::String(text) => visitor.visit_str(text),
            Node::Integer(number) => visitor.visit_i64(*number),
            Node::Float(number) => visitor.visit_f64(*number),
            Node::Boolean(value) => visitor.visit_bool(*value),
            Node::Datetime(_) => Err(serde::de::Error::invalid_type(Unexpected::Other("a date"), &visitor)),
            Node::Array(items) => visitor.visit_seq(Items(items.iter())),
            Node::Table(table) => visitor.visit_map(Entries { rest: table.0.iter(), value: None }),
        }
        .map_err(|misfit: Misfit| misfit.at(&self.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self).map_err(|misfit| misfit.at(&self.place))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.node {
            Node::String(text) => StrDeserializer::<Misfit>::new(text).deserialize_enum(name, variants, visitor),
            Node::Table(table) => {
                visitor.visit_enum(MapAccessDeserializer::new(Entries { rest: table.0.iter(), value: None }))
            }
            _ => self.deserialize_any(visitor),
        }
        .map_err(|misfit| misfit.at(&self.place))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, Entry>,
    value: Option<&'de Value>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some(entry) = self.rest.next() else { return Ok(None) };
        self.value = Some(&entry.value);
        seed.deserialize(StrDeserializer::new(&entry.key)).map(Some).map_err(|misfit: Misfit| misfit.at(&entry.at))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let value = self.value.take().expect("a key was read before");
        seed.deserialize(value).map_err(|misfit| misfit.at(&value.place))
    }
}

struct Items<'de>(std::slice::Iter<'de, Value>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Misfit> {
        let Some(item) = self.0.next() else { return Ok(None) };
        seed.deserialize(item).map(Some).map_err(|misfit| misfit.at(&item.place))
    }
}
