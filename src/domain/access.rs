//! One deed on one item: may this person edit that page, which is somebody's, and shared with some.

use serde::Serialize;

use super::permission::{Pattern, Permissions, is_wildcard};

/// Stands in a share list for everybody.
pub const ANYONE: &str = "anyone";

/// What somebody wants to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What: `edit`.
    pub action: String,
    /// To what.
    pub item: Item,
}

/// A thing in a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// What it is: `page`.
    pub kind: String,
    /// Which one; only shown in explanations.
    pub id: Option<String>,
    /// Whose it is: a user id, or a service that acts for itself.
    pub owner: Option<String>,
    /// `public`, `unlisted`, `shared`, `private`, or a word of the service's own.
    pub visibility: Option<String>,
    /// Who may see it where it is shared: user ids, or [`ANYONE`].
    pub shared_with: Vec<String>,
    /// Whether its owner, or somebody it is shared with, has no account here that may be used.
    pub is_orphaned: bool,
}

impl Item {
    /// Whether it belongs to them.
    pub fn is_of(&self, who: &str) -> bool {
        self.owner.as_deref() == Some(who)
    }

    /// Whether it is shared with them by name, or with everybody.
    pub fn is_shared_with(&self, who: &str) -> bool {
        self.shared_with.iter().any(|with| with == who || with == ANYONE)
    }
}

/// What is said about a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    pub said: Said,
    /// Which rule says so, for people: a permission, a role, the id of a policy.
    pub by: String,
}

/// Yes, no, or nothing; nothing is a no where nobody else says yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    Allowed,
    /// Wins over every yes.
    Denied,
    Silent,
}

impl Access {
    /// Nothing is said.
    pub fn silent() -> Self {
        Self { said: Said::Silent, by: String::new() }
    }

    /// No, and which rule says so.
    pub fn denied(by: impl Into<String>) -> Self {
        Self { said: Said::Denied, by: by.into() }
    }

    /// Whether it is a yes.
    pub fn is_allowed(&self) -> bool {
        self.said == Said::Allowed
    }
}

/// What named permissions say about the wish of `who`, the subject of their tokens.
///
/// `page:edit` is for every page. `page:edit.own` is for one's own, `page:edit.public` for those of that visibility; `.shared` asks
/// for a place in the share list or the item itself, `.private` for the item itself. Wildcards count. What is denied under any of
/// these names is denied, and a denial by visibility asks for neither: `page:edit.private` is then everybody's.
pub fn by_name(permissions: &Permissions, who: &str, wish: &Wish) -> Access {
    let speaks = |name: &str, names: &[String]| {
        if is_wildcard(name) || name == "*" {
            Pattern::new(name).is_some_and(|pattern| names.iter().any(|wanted| pattern.matches(wanted)))
        } else {
            names.iter().any(|wanted| wanted == name)
        }
    };
    let spoken = |verdict: bool, names: &[String]| {
        permissions
            .iter()
            .find(|(name, granted)| **granted == verdict && speaks(name, names))
            .map(|(name, _)| name.clone())
    };
    if let Some(by) = spoken(false, &closing(who, wish)) {
        return Access { said: Said::Denied, by };
    }
    spoken(true, &opening(who, wish)).map_or_else(Access::silent, |by| Access { said: Said::Allowed, by })
}

/// The first of these patterns that denies the wish of `who`.
pub fn denying<'a>(patterns: &'a [Pattern], who: &str, wish: &Wish) -> Option<&'a Pattern> {
    if patterns.is_empty() {
        return None;
    }
    let names = closing(who, wish);
    patterns.iter().find(|pattern| names.iter().any(|name| pattern.matches(name)))
}

/// The permissions any of which opens the wish to `who`.
fn opening(who: &str, wish: &Wish) -> Vec<String> {
    let item = &wish.item;
    let is_open = match item.visibility.as_deref() {
        Some("private") => item.is_of(who),
        Some("shared") => item.is_of(who) || item.is_shared_with(who),
        _ => true,
    };
    names(who, wish, is_open)
}

/// The permissions any of which, denied, closes it.
fn closing(who: &str, wish: &Wish) -> Vec<String> {
    names(who, wish, true)
}

fn names(who: &str, wish: &Wish, by_visibility: bool) -> Vec<String> {
    let Wish { action, item } = wish;
    let all = format!("{}:{action}", item.kind);
    let mut names = Vec::new();
    if item.is_of(who) {
        names.push(format!("{all}.own"));
    }
    if let Some(visibility) = item.visibility.as_ref().filter(|_| by_visibility) {
        names.push(format!("{all}.{visibility}"));
    }
    names.push(all);
    names
}
