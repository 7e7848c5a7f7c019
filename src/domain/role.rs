//! Why somebody has a role, and what becomes of their roles when rules hold that did not, or no longer do.

use std::collections::BTreeSet;

use time::OffsetDateTime;

/// Where a role comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum Origin {
    /// A rule of the file holds of what a provider says.
    Rule,
    /// An administrator gave it.
    Admin,
    /// Everybody gets it who gets an account.
    #[default]
    Default,
    /// The file names the person's address.
    Config,
    /// An invitation promised it.
    Invitation,
    /// It came with the person from elsewhere.
    Import,
}

impl Origin {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Rule, "rule"),
        (Self::Admin, "admin"),
        (Self::Default, "default"),
        (Self::Config, "config"),
        (Self::Invitation, "invitation"),
        (Self::Import, "import"),
    ];

    /// `rule`, `admin`, `default`, `config`, `invitation`, `import`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(origin, _)| *origin == self).map_or("admin", |(_, name)| name)
    }

    /// The origin of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(origin, _)| *origin)
    }
}

/// One reason for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleOrigin {
    pub role: String,
    pub kind: Origin,
    /// The rule as it stood in the file, and the provider whose words it held of.
    pub rule: Option<(String, String)>,
    pub since: OffsetDateTime,
}

/// A rule that holds of what a provider says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    pub role: String,
    pub provider: String,
    /// As it stands in the file.
    pub rule: String,
}

/// What is to be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// All roles afterwards.
    pub roles: Vec<String>,
    /// Reasons to add, or to word anew.
    pub add: Vec<Held>,
    /// Reasons that are over.
    pub over: Vec<Held>,
    /// Roles they had for no reason that is known: given by hand, and so they stay.
    pub by_hand: Vec<String>,
    /// Of `add`, what makes a role theirs.
    pub given: Vec<Held>,
    /// Of `over`, what takes one from them.
    pub taken: Vec<Held>,
}

impl Change {
    /// The role is not taken, and its reasons stay, so that it is looked at again.
    pub fn keep(&mut self, role: &str) {
        self.over.retain(|one| one.role != role);
        self.taken.retain(|one| one.role != role);
        self.roles.push(role.to_owned());
        self.roles.sort();
    }
}

/// What changes for somebody with these roles for these reasons, of whom these rules hold now; `None` if nothing does.
///
/// A role goes when the last reason for it was a rule. One without any reason was given by hand before reasons were kept.
pub fn settle(roles: &[String], origins: &[RoleOrigin], held: &[Held]) -> Option<Change> {
    let mut now: Vec<&Held> = Vec::new();
    for one in held {
        if !now.iter().any(|have| (&have.role, &have.provider) == (&one.role, &one.provider)) {
            now.push(one);
        }
    }
    let before: Vec<Held> = origins.iter().filter_map(of_rule).collect();
    let same = |one: &Held, other: &Held| (&one.role, &one.provider) == (&other.role, &other.provider);
    let mut change = Change { roles: roles.to_vec(), ..Change::default() };
    for one in now.iter().filter(|one| !before.contains(one)) {
        let has = roles.contains(&one.role);
        let is_reasoned = origins.iter().any(|origin| origin.role == one.role);
        if has && !is_reasoned && !change.by_hand.contains(&one.role) {
            change.by_hand.push(one.role.clone());
        }
        if !has && !change.roles.contains(&one.role) {
            change.roles.push(one.role.clone());
            change.given.push((*one).clone());
        }
        change.add.push((*one).clone());
    }
    change.over = before.into_iter().filter(|one| !now.iter().any(|have| same(have, one))).collect();
    let stays: BTreeSet<&str> = now.iter().map(|one| one.role.as_str()).chain(others(origins)).collect();
    for one in &change.over {
        if !stays.contains(one.role.as_str()) && change.roles.contains(&one.role) {
            change.roles.retain(|role| *role != one.role);
            change.taken.push(one.clone());
        }
    }
    // A role that somebody took away by hand while its rule held comes back as long as it holds.
    for one in &now {
        if !change.roles.contains(&one.role) {
            change.roles.push(one.role.clone());
            change.given.push((*one).clone());
        }
    }
    change.roles.sort();
    let is_nothing = change.add.is_empty() && change.over.is_empty() && change.given.is_empty();
    (!is_nothing).then_some(change)
}

fn of_rule(origin: &RoleOrigin) -> Option<Held> {
    let (rule, provider) = origin.rule.clone().filter(|_| origin.kind == Origin::Rule)?;
    Some(Held { role: origin.role.clone(), provider, rule })
}

/// Roles with a reason that is no rule.
fn others(origins: &[RoleOrigin]) -> impl Iterator<Item = &str> {
    origins.iter().filter(|origin| origin.kind != Origin::Rule).map(|origin| origin.role.as_str())
}
