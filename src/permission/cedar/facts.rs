//! What the policies may know of who asks, of the item and of the context, and how it is written for Cedar.

use std::collections::HashSet;
use std::net::IpAddr;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use super::schema::{Attribute, What};
use crate::domain::access::Item;
use crate::domain::user::User;
use crate::permission::{Ask, Vary, Who};

/// What we know by a name: its type, and when it is known.
struct Known {
    name: &'static str,
    what: What,
    when: When,
}

/// When a fact is known.
#[derive(PartialEq, Eq)]
enum When {
    Always,
    /// Sometimes not, so it must be declared optional.
    Sometimes,
    /// With this word in `vary`.
    Varied(Vary),
    /// With this word in `vary`, and even then only sometimes.
    VariedSometimes(Vary),
}

const fn known(name: &'static str, what: What, when: When) -> Known {
    Known { name, what, when }
}

const USER: &[Known] = &[
    known("id", What::Text, When::Always),
    known("email", What::Text, When::Always),
    known("email_verified", What::Flag, When::Always),
    known("username", What::Text, When::Always),
    known("roles", What::Texts, When::Always),
    known("groups", What::Texts, When::Always),
    known("provider", What::Text, When::Always),
];
const SERVICE: &[Known] = &[known("id", What::Text, When::Always)];
const ITEM: &[Known] = &[
    known("id", What::Text, When::Always),
    known("owner", What::Text, When::Sometimes),
    known("visibility", What::Text, When::Sometimes),
    known("shared_with", What::Texts, When::Always),
    known("is_orphaned", What::Flag, When::Always),
];
const CONTEXT: &[Known] = &[
    known("service", What::Text, When::Always),
    known("provider", What::Text, When::Always),
    known("mfa", What::Flag, When::Varied(Vary::Mfa)),
    known("ip", What::Ip, When::VariedSometimes(Vary::Ip)),
];

/// What is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    User,
    Service,
    Item,
    Context,
}

/// Whether everything that is declared can be filled in; the error says what cannot, and what to do.
pub fn check(of: Of, name: &str, declared: &[Attribute], vary: &[Vary]) -> Result<(), String> {
    let all = match of {
        Of::User => USER,
        Of::Service => SERVICE,
        Of::Item => ITEM,
        Of::Context => CONTEXT,
    };
    for Attribute { name: attribute, required, what } in declared {
        let Some(known) = all.iter().find(|known| known.name == attribute) else {
            if !required {
                continue;
            }
            let names: Vec<_> = all.iter().map(|known| format!("`{}`", known.name)).collect();
            return Err(format!("{name} needs `{attribute}`, which is not known here; known are {}", names.join(", ")));
        };
        if known.what != *what {
            return Err(format!("`{attribute}` of {name} is {}", known.what.describe()));
        }
        if let When::Varied(of) | When::VariedSometimes(of) = known.when
            && !vary.contains(&of)
        {
            return Err(format!("{name} has `{attribute}`, which is known with `vary = [\"{attribute}\"]` only"));
        }
        if *required && matches!(known.when, When::Sometimes | When::VariedSometimes(_)) {
            return Err(format!("`{attribute}` of {name} is not always known: declare it as `{attribute}?`"));
        }
    }
    Ok(())
}

impl What {
    fn describe(self) -> &'static str {
        match self {
            Self::Text => "a `String`",
            Self::Flag => "a `Bool`",
            Self::Texts => "a `Set<String>`",
            Self::Ip => "an `ipaddr`",
            Self::Other => "something else",
        }
    }
}

/// The names that tell one item from another.
pub fn tells_items_apart(declared: &[Attribute]) -> bool {
    declared.iter().any(|attribute| ["owner", "visibility", "shared_with"].contains(&attribute.name.as_str()))
}

/// What is asked, owned, so that another thread may work on it.
pub struct Facts {
    pub who: Subject,
    provider: String,
    service: String,
    ip: Option<IpAddr>,
    is_multi_factor: bool,
}

/// Who asks.
pub enum Subject {
    Person(Box<User>),
    Machine(String),
}

impl Facts {
    pub fn of(ask: &Ask<'_>) -> Self {
        let who = match ask.who {
            Who::Person(user) => Subject::Person(Box::new(user.clone())),
            Who::Machine(id) => Subject::Machine(id.to_owned()),
        };
        Self {
            who,
            provider: ask.provider.to_owned(),
            service: ask.service.id.clone(),
            ip: ask.ip,
            is_multi_factor: ask.is_multi_factor,
        }
    }

    /// What is declared of the context.
    pub fn context(&self, declared: &[Attribute]) -> Vec<(String, RestrictedExpression)> {
        let value = |name: &str| match name {
            "service" => Some(text(&self.service)),
            "provider" => Some(text(&self.provider)),
            "mfa" => Some(RestrictedExpression::new_bool(self.is_multi_factor)),
            "ip" => self.ip.map(|ip| RestrictedExpression::new_ip(ip.to_string())),
            _ => None,
        };
        fill(declared, value).collect()
    }

    /// Who asks, as an entity of this type; `parents` are the types that it may be in.
    pub fn principal(&self, of: &EntityTypeName, declared: &[Attribute], parents: &[EntityTypeName]) -> Option<Entity> {
        let value = |name: &str| match &self.who {
            Subject::Machine(id) => (name == "id").then(|| text(id)),
            Subject::Person(user) => self.of_user(user, name, declared),
        };
        let mut within = HashSet::new();
        if let Subject::Person(user) = &self.who {
            for parent in parents {
                let names = if parent.basename() == "Role" { &user.roles } else { &user.groups };
                within.extend(names.iter().map(|name| uid(parent, name)));
            }
        }
        Entity::new(uid(of, &self.who.id()), fill(declared, value).collect(), within).ok()
    }

    fn of_user(&self, user: &User, name: &str, declared: &[Attribute]) -> Option<RestrictedExpression> {
        // Nobody has an empty address or name, so it stands for none where the schema wants one.
        let or_none = |value: Option<&str>| {
            let is_required = declared.iter().any(|attribute| attribute.name == name && attribute.required);
            value.or(is_required.then_some("")).map(text)
        };
        Some(match name {
            "id" => text(&user.id.to_string()),
            "email" => or_none(user.email.as_ref().map(|address| address.email.as_str()))?,
            "email_verified" => {
                RestrictedExpression::new_bool(user.email.as_ref().is_some_and(|address| address.verified))
            }
            "username" => or_none(user.username.as_deref())?,
            "roles" => texts(&user.roles),
            "groups" => texts(&user.groups),
            "provider" => text(&self.provider),
            _ => return None,
        })
    }
}

impl Subject {
    /// As tokens have it.
    pub fn id(&self) -> String {
        match self {
            Self::Person(user) => user.id.to_string(),
            Self::Machine(id) => id.clone(),
        }
    }
}

/// The item as an entity of this type. Of an item in general, nobody knows the owner or who may see it.
pub fn resource(of: &EntityTypeName, declared: &[Attribute], item: &Item) -> Option<Entity> {
    let id = item.id.as_deref().unwrap_or("*");
    let some = |value: &Option<String>| value.as_deref().filter(|value| !value.is_empty()).map(text);
    let value = |name: &str| match name {
        "id" => Some(text(id)),
        "owner" => some(&item.owner),
        "visibility" => some(&item.visibility),
        "shared_with" => Some(texts(&item.shared_with)),
        "is_orphaned" => Some(RestrictedExpression::new_bool(item.is_orphaned)),
        _ => None,
    };
    Entity::new(uid(of, id), fill(declared, value).collect(), HashSet::new()).ok()
}

/// The entity of this type with this id.
pub fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

fn fill(
    declared: &[Attribute],
    value: impl Fn(&str) -> Option<RestrictedExpression>,
) -> impl Iterator<Item = (String, RestrictedExpression)> {
    declared.iter().filter_map(move |attribute| Some((attribute.name.clone(), value(&attribute.name)?)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn texts(values: &[String]) -> RestrictedExpression {
    RestrictedExpression::new_set(values.iter().map(|value| text(value)))
}
