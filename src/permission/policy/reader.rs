//! Takes a policy's JSON apart; what is wrong is noted, and the rest is read on.

use super::fault::{Faults, shown};
use super::json::{Member, Node, Value};
use crate::config::nearest;

/// A word of the file, and the byte at which it stands.
#[derive(Debug, Clone, Copy)]
pub struct Word<'n> {
    pub at: usize,
    pub text: &'n str,
}

/// An object whose members are all known.
#[derive(Debug, Clone, Copy)]
pub struct Object<'n> {
    at: usize,
    members: &'n [Member],
}

/// Reads nodes and notes what is wrong.
#[derive(Debug, Default)]
pub struct Reader {
    pub faults: Faults,
}

impl<'n> Object<'n> {
    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&'n Node> {
        self.members.iter().find(|member| member.name == name).map(|member| &member.node)
    }
}

impl Reader {
    pub fn wrong(&mut self, at: usize, message: String) {
        self.faults.add(at, message);
    }

    /// An object; `known` are the members it may have. With `others`, members that are not known mean nothing.
    pub fn object<'n>(&mut self, node: &'n Node, what: &str, known: &[&str], others: bool) -> Option<Object<'n>> {
        let Value::Object(members) = &node.value else {
            self.wrong(node.at, format!("{what} is not an object"));
            return None;
        };
        for member in members.iter().filter(|member| !others && !known.contains(&member.name.as_str())) {
            let message = format!("unknown member `{}` in {what}", shown(&member.name));
            let message = suggest(message, &member.name, known.iter().copied());
            self.wrong(member.at, message);
        }
        Some(Object { at: node.at, members })
    }

    /// The member `name`, which must be there.
    pub fn needed<'n>(&mut self, object: Object<'n>, name: &str, what: &str) -> Option<&'n Node> {
        let node = object.get(name);
        if node.is_none() {
            self.wrong(object.at, format!("{what} has no `{name}`"));
        }
        node
    }

    /// The members of an object whose names are the file's own; at most `most`.
    pub fn named<'n>(&mut self, node: Option<&'n Node>, what: &str, most: usize) -> &'n [Member] {
        let Some(node) = node else { return &[] };
        let Value::Object(members) = &node.value else {
            self.wrong(node.at, format!("{what} is not an object"));
            return &[];
        };
        if members.len() > most {
            self.wrong(node.at, format!("{what} has {} members, expected at most {most}", members.len()));
            return &[];
        }
        members
    }

    /// The items of a list; at most `most`.
    pub fn list<'n>(&mut self, node: Option<&'n Node>, what: &str, most: usize) -> &'n [Node] {
        let Some(node) = node else { return &[] };
        let Value::List(items) = &node.value else {
            self.wrong(node.at, format!("{what} is not a list"));
            return &[];
        };
        if items.len() > most {
            self.wrong(node.at, format!("{what} has {} items, expected at most {most}", items.len()));
            return &[];
        }
        items
    }

    /// The words of a list; at most `most`.
    pub fn words<'n>(&mut self, node: Option<&'n Node>, what: &str, most: usize) -> Vec<Word<'n>> {
        let mut words = Vec::new();
        for item in self.list(node, what, most) {
            match &item.value {
                Value::Text(text) => words.push(Word { at: item.at, text }),
                _ => self.wrong(item.at, format!("{what} holds something that is not a string")),
            }
        }
        words
    }

    /// A text that is only for people.
    pub fn remark(&mut self, object: Object<'_>, name: &str, what: &str) {
        if let Some(node) = object.get(name)
            && !matches!(node.value, Value::Text(_))
        {
            self.wrong(node.at, format!("`{name}` of {what} is not a string"));
        }
    }
}

/// The message, and which of the known words may have been meant.
pub fn suggest<'a>(message: String, word: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(near) => format!("{message}; did you mean `{}`?", shown(near)),
        None => message,
    }
}
