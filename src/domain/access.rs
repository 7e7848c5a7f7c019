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
/// for a place in the share list or the item itself, `.private` for the item itself. Wildcards count; what is denied under any of
/// these names is denied.
pub fn by_name(permissions: &Permissions, who: &str, wish: &Wish) -> Access {
    let names = names(who, wish);
    let speaks = |name: &str| {
        if is_wildcard(name) || name == "*" {
            Pattern::new(name).is_some_and(|pattern| names.iter().any(|wanted| pattern.matches(wanted)))
        } else {
            names.iter().any(|wanted| wanted == name)
        }
    };
    let spoken = || permissions.iter().filter(|(name, _)| speaks(name));
    if let Some((name, _)) = spoken().find(|(_, granted)| !**granted) {
        return Access { said: Said::Denied, by: name.clone() };
    }
    match spoken().next() {
        Some((name, _)) => Access { said: Said::Allowed, by: name.clone() },
        None => Access::silent(),
    }
}

/// The first of these patterns that denies the wish of `who`: it stands for a permission that would open it.
pub fn denying<'a>(patterns: &'a [Pattern], who: &str, wish: &Wish) -> Option<&'a Pattern> {
    if patterns.is_empty() {
        return None;
    }
    let names = names(who, wish);
    patterns.iter().find(|pattern| names.iter().any(|name| pattern.matches(name)))
}

/// The permissions any of which opens the wish to `who`.
fn names(who: &str, wish: &Wish) -> Vec<String> {
    let Wish { action, item } = wish;
    let all = format!("{}:{action}", item.kind);
    let is_own = item.is_of(who);
    let mut names = Vec::new();
    if is_own {
        names.push(format!("{all}.own"));
    }
    if let Some(visibility) = &item.visibility {
        let is_open = match visibility.as_str() {
            "private" => is_own,
            "shared" => is_own || item.is_shared_with(who),
            _ => true,
        };
        if is_open {
            names.push(format!("{all}.{visibility}"));
        }
    }
    names.push(all);
    names
}
