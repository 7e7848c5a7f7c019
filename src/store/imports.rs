//! Many users at once: what of them is there already, and the rows of those who are new.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::StoreError;
use super::entity::{address, alias, identity, import, password, user};
use super::users::list;
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::identity::Subject;
use crate::domain::user::Username;

/// Rows of one statement: databases count their parameters in 16 bits or less.
const ROWS: usize = 500;

/// What is looked for.
#[derive(Debug, Default)]
pub struct Asked {
    pub emails: Vec<String>,
    pub names: Vec<Username>,
    pub aliases: Vec<String>,
    pub subjects: Vec<Subject>,
}

/// What of it is there.
#[derive(Debug, Default)]
pub struct There {
    /// Address → whose, and whether it is proven.
    pub emails: HashMap<String, (Uuid, bool)>,
    /// Usernames in the form that is unique, and what they look like.
    pub names: HashSet<String>,
    pub looks: HashSet<String>,
    pub aliases: HashMap<String, Uuid>,
    pub subjects: HashSet<Subject>,
}

/// Somebody new.
#[derive(Debug, Clone)]
pub struct Newcomer {
    pub id: UserId,
    pub username: Option<Username>,
    pub name: Option<String>,
    pub avatar_url: Option<String>,
    pub roles: Vec<String>,
    pub groups: Vec<String>,
    pub locked: bool,
    pub created_at: i64,
    /// A JSON object.
    pub extra: Option<String>,
    pub email: Option<(Email, bool)>,
    pub password_hash: Option<String>,
    pub aliases: Vec<String>,
    pub identities: Vec<Subject>,
}

impl There {
    /// Whether somebody has the name, or one that looks like it.
    pub fn has_name(&self, name: &Username) -> bool {
        self.names.contains(&name.key()) || self.looks.contains(&name.skeleton())
    }

    /// From now on somebody has it.
    pub fn add_name(&mut self, name: &Username) {
        self.names.insert(name.key());
        self.looks.insert(name.skeleton());
    }
}

/// Looks for all of it at once.
pub async fn there(db: &impl ConnectionTrait, asked: &Asked) -> Result<There, StoreError> {
    let mut there = There::default();
    for some in asked.emails.chunks(ROWS) {
        let rows = address::Entity::find().filter(address::Column::Email.is_in(some)).all(db).await?;
        let found = rows.into_iter().map(|row| (row.email, (row.user_id, row.verified_at.is_some())));
        there.emails.extend(found);
    }
    for some in asked.names.chunks(ROWS) {
        let taken = Condition::any()
            .add(user::Column::UsernameKey.is_in(some.iter().map(Username::key)))
            .add(user::Column::UsernameSkeleton.is_in(some.iter().map(Username::skeleton)));
        let found: Vec<(Option<String>, Option<String>)> = user::Entity::find()
            .select_only()
            .columns([user::Column::UsernameKey, user::Column::UsernameSkeleton])
            .filter(taken)
            .into_tuple()
            .all(db)
            .await?;
        for (name, looks) in found {
            there.names.extend(name);
            there.looks.extend(looks);
        }
    }
    for some in asked.aliases.chunks(ROWS) {
        let rows = alias::Entity::find().filter(alias::Column::Alias.is_in(some)).all(db).await?;
        there.aliases.extend(rows.into_iter().map(|row| (row.alias, row.user_id)));
    }
    for some in asked.subjects.chunks(ROWS) {
        let names = some.iter().map(|subject| subject.subject.as_str());
        let rows = identity::Entity::find().filter(identity::Column::Subject.is_in(names)).all(db).await?;
        let found =
            rows.into_iter().map(|row| Subject { provider: row.provider, realm: row.realm, subject: row.subject });
        there.subjects.extend(found);
    }
    Ok(there)
}

/// Makes all of them. Whoever shares an address, a username, an old id or an identity with somebody is a conflict.
pub async fn insert(db: &impl ConnectionTrait, newcomers: &[Newcomer], now: i64) -> Result<(), StoreError> {
    for some in newcomers.chunks(ROWS) {
        user::Entity::insert_many(some.iter().map(|one| user_row(one, now))).exec_without_returning(db).await?;
        let addresses = some.iter().filter_map(|one| {
            let (email, verified) = one.email.as_ref()?;
            Some(address::ActiveModel {
                email: Set(email.as_str().to_owned()),
                user_id: Set(one.id.0),
                verified_at: Set(verified.then_some(now)),
                created_at: Set(now),
                main: Set(1),
            })
        });
        put_all(db, addresses).await?;
        let passwords = some.iter().filter_map(|one| {
            let hash = one.password_hash.clone()?;
            Some(password::ActiveModel { user_id: Set(one.id.0), hash: Set(hash), changed_at: Set(now) })
        });
        put_all(db, passwords).await?;
        let identities = some.iter().flat_map(|one| {
            one.identities.iter().map(|subject| identity::ActiveModel {
                provider: Set(subject.provider.clone()),
                realm: Set(subject.realm.clone()),
                subject: Set(subject.subject.clone()),
                user_id: Set(one.id.0),
                linked_at: Set(now),
                used_at: Set(now),
            })
        });
        put_all(db, identities).await?;
        let aliases = some.iter().flat_map(|one| one.aliases.iter().map(|name| alias_row(name, one.id)));
        put_all(db, aliases).await?;
    }
    Ok(())
}

async fn put_all<A>(db: &impl ConnectionTrait, rows: impl Iterator<Item = A>) -> Result<(), StoreError>
where
    A: sea_orm::ActiveModelTrait,
{
    let rows: Vec<A> = rows.collect();
    for some in rows.chunks(ROWS) {
        A::Entity::insert_many(some.to_vec()).exec_without_returning(db).await?;
    }
    Ok(())
}

fn user_row(one: &Newcomer, now: i64) -> user::ActiveModel {
    user::ActiveModel {
        id: Set(one.id.0),
        username_key: Set(one.username.as_ref().map(Username::key)),
        username: Set(one.username.as_ref().map(|name| name.as_str().to_owned())),
        username_skeleton: Set(one.username.as_ref().map(Username::skeleton)),
        username_chosen_at: Set(one.username.as_ref().map(|_| now)),
        name: Set(one.name.clone()),
        avatar_url: Set(one.avatar_url.clone()),
        roles: Set(list(&one.roles)),
        groups: Set(list(&one.groups)),
        locked_at: Set(one.locked.then_some(now)),
        created_at: Set(one.created_at),
        updated_at: Set(now),
        version: Set(1),
        extra: Set(one.extra.clone()),
        ..Default::default()
    }
}

fn alias_row(name: &str, id: UserId) -> alias::ActiveModel {
    alias::ActiveModel { alias: Set(name.to_owned()), user_id: Set(id.0) }
}

/// Gives a user another name; `false` if it names somebody already.
pub async fn put_alias(db: &impl ConnectionTrait, name: &str, id: UserId) -> Result<bool, StoreError> {
    let unless_taken = OnConflict::column(alias::Column::Alias).do_nothing().to_owned();
    Ok(alias::Entity::insert(alias_row(name, id)).on_conflict(unless_taken).exec_without_returning(db).await? == 1)
}

/// How far the import of a file came: its last line, and how many users it made. `None` if it never began.
pub async fn progress(db: &impl ConnectionTrait, file: &str) -> Result<Option<(u64, u64)>, StoreError> {
    let row = import::Entity::find_by_id(file.to_owned()).one(db).await?;
    let number = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(row.map(|row| (number(row.line), number(row.made))))
}

/// Notes how far the import of a file came.
pub async fn note(db: &impl ConnectionTrait, file: &str, line: u64, made: u64, now: i64) -> Result<(), StoreError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let row = import::ActiveModel {
        file: Set(file.to_owned()),
        line: Set(number(line)),
        made: Set(number(made)),
        updated_at: Set(now),
    };
    let further = OnConflict::column(import::Column::File)
        .update_columns([import::Column::Line, import::Column::Made, import::Column::UpdatedAt])
        .to_owned();
    import::Entity::insert(row).on_conflict(further).exec_without_returning(db).await?;
    Ok(())
}
