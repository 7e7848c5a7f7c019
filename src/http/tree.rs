//! JSON read member by member, so that what is wrong is named by its place: `checks[3].item.owner`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::error::Error;

/// Any JSON in which no member is given twice.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Members(BTreeMap<String, Self>),
}

/// A place in a body, and what stands there; `None`: nothing does.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    path: String,
    tree: Option<&'a Tree>,
}

impl Tree {
    /// The body as an object.
    pub fn body(&self) -> Result<Place<'_>, Error> {
        match self {
            Self::Members(_) => Ok(Place { path: String::new(), tree: Some(self) }),
            _ => Err(Error::bad_request("The body is not an object.")),
        }
    }
}

impl<'a> Place<'a> {
    /// A member of it.
    pub fn get(&self, name: &str) -> Self {
        let tree = match self.tree {
            Some(Tree::Members(members)) => members.get(name),
            _ => None,
        };
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, tree }
    }

    /// Whether anything stands there, be it null.
    pub fn is_there(&self) -> bool {
        self.tree.is_some()
    }

    /// Whether null stands there.
    pub fn is_null(&self) -> bool {
        self.tree == Some(&Tree::Null)
    }

    /// An object.
    pub fn object(self) -> Result<Self, Error> {
        match self.tree {
            Some(Tree::Members(_)) => Ok(self),
            _ => Err(self.wrong("an object")),
        }
    }

    /// A text of 1 to so many bytes, without control characters; `None` for null and nothing.
    pub fn text(&self, most: usize) -> Result<Option<&'a str>, Error> {
        match self.tree {
            None | Some(Tree::Null) => Ok(None),
            Some(Tree::Text(text)) if (1..=most).contains(&text.len()) && !text.chars().any(char::is_control) => {
                Ok(Some(text))
            }
            Some(_) => Err(self.wrong(&format!("a text of 1 to {most} bytes"))),
        }
    }

    /// The same, where it has to be.
    pub fn needed_text(&self, most: usize) -> Result<&'a str, Error> {
        self.text(most)?.ok_or_else(|| self.wrong(&format!("a text of 1 to {most} bytes")))
    }

    /// A word of letters, digits and these marks; `None` for null and nothing.
    pub fn word(&self, most: usize, marks: &str) -> Result<Option<&'a str>, Error> {
        let text = self.text(most)?;
        let fits = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c));
        if text.is_none_or(fits) {
            return Ok(text);
        }
        let marks = marks.chars().map(|mark| format!("`{mark}`")).collect::<Vec<_>>().join(" ");
        Err(self.wrong(&format!("a word of letters, digits and {marks}")))
    }

    /// The same, where it has to be.
    pub fn needed_word(&self, most: usize, marks: &str) -> Result<&'a str, Error> {
        self.word(most, marks)?.ok_or_else(|| self.wrong(&format!("a text of 1 to {most} bytes")))
    }

    /// A number; `None` for null and nothing.
    pub fn number(&self) -> Result<Option<f64>, Error> {
        match self.tree {
            None | Some(Tree::Null) => Ok(None),
            Some(Tree::Number(number)) => Ok(Some(*number)),
            Some(_) => Err(self.wrong("a number")),
        }
    }

    /// A whole number from 1 to `most`; `None` for null and nothing.
    pub fn whole(&self, most: u32) -> Result<Option<u32>, Error> {
        let Some(number) = self.number()? else { return Ok(None) };
        if number.fract() == 0.0 && (1.0..=f64::from(most)).contains(&number) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is whole and in the range"
            )]
            return Ok(Some(number as u32));
        }
        Err(self.wrong(&format!("a whole number from 1 to {most}")))
    }

    /// A list; `None` for null and nothing.
    pub fn list(&self) -> Result<Option<Vec<Self>>, Error> {
        match self.tree {
            None | Some(Tree::Null) => Ok(None),
            Some(Tree::List(items)) => {
                let places = items.iter().enumerate();
                Ok(Some(
                    places
                        .map(|(nth, tree)| Self { path: format!("{}[{nth}]", self.path), tree: Some(tree) })
                        .collect(),
                ))
            }
            Some(_) => Err(self.wrong("a list")),
        }
    }

    /// Not what is expected.
    pub fn wrong(&self, expected: &str) -> Error {
        let seen = match self.tree {
            None => "is missing",
            Some(Tree::Null) => "is null",
            Some(_) => "is not that",
        };
        Error::bad_request(format!("`{}` has to be {expected}; it {seen}.", self.path))
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Grow)
    }
}

struct Grow;

impl<'de> Visitor<'de> for Grow {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Boolean(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles to most who write them (RFC 8259 §6)")]
    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles to most who write them (RFC 8259 §6)")]
    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, value)) = members.next_entry::<String, Tree>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is given twice"));
            }
        }
        Ok(Tree::Members(map))
    }
}
