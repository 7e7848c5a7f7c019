//! The columns of older servers.

use serde_json::Value;

use super::read::Record;
use super::row::{Row, alias, email, extra, flag, moment, picture, text, words};
use crate::domain::identity::display_name;

/// Rows of authnzerver that are nobody: the anonymous user, and the one that exists to burn time.
const NOBODY: [&str; 2] = ["2", "3"];

/// `id` (an MD5 that old tokens and services know), `provider_id`, `username`, `name`, `email`, `avatar_url`, `join_date`. Nobody there
/// has proven an address: whoever signs in with it does.
pub fn datahq(record: &Record) -> Result<Row, String> {
    let mut row = Row {
        aliases: alias(record, "id")?,
        email: email(record, "email")?,
        username: text(record, "username"),
        name: text(record, "name").as_deref().and_then(display_name),
        avatar_url: picture(record, "avatar_url"),
        created_at: moment(record, "join_date")?,
        ..Row::default()
    };
    if let Some(provider) = text(record, "provider_id") {
        row.extra.insert("provider_id".into(), provider.into());
    }
    if row.aliases.is_empty() {
        return Err("it has no `id`".into());
    }
    row.somebody()
}

/// `system_id` is another name; `user_role` is a role unless it is one of that server's own; a locked user keeps the role they had.
pub fn authnzerver(record: &Record) -> Result<Row, String> {
    if text(record, "user_id").is_some_and(|id| NOBODY.contains(&id.as_str())) {
        return Err("it is a user of the old server's own".into());
    }
    let mut extra = extra(record, "extra_info")?;
    let before = extra.remove("previous_user_roles");
    let before = before.as_ref().and_then(Value::as_array).and_then(|roles| roles.last()).and_then(Value::as_str);
    let role = text(record, "user_role");
    let is_locked = role.as_deref() == Some("locked") || flag(record, "is_active")? == Some(false);
    let role = if role.as_deref() == Some("locked") { before.map(str::to_owned) } else { role };
    let role = role.filter(|role| !["anonymous", "authenticated", "locked"].contains(&role.as_str()));
    let row = Row {
        aliases: alias(record, "system_id")?,
        email: email(record, "email")?,
        verified: flag(record, "email_verified")?.unwrap_or(false),
        name: text(record, "full_name").as_deref().and_then(display_name),
        roles: role.into_iter().collect(),
        locked: is_locked,
        password_hash: text(record, "password"),
        created_at: moment(record, "created_on")?,
        extra,
        ..Row::default()
    };
    row.somebody()
}

/// `username`, `email`, `password`, `name`, `role` and whatever else its application added. Login and reset keys stay behind.
pub fn clearskies(record: &Record) -> Result<Row, String> {
    let said = email(record, "email")?;
    let (username, address) = match (text(record, "username"), said) {
        // Its user name is an address as often as not.
        (Some(name), None) if name.contains('@') => (None, email(record, "username")?),
        (name, said) => (name, said),
    };
    let mut row = Row {
        aliases: alias(record, "id")?,
        email: address,
        verified: flag(record, "email_verified")?.unwrap_or(false),
        username,
        name: text(record, "name").as_deref().and_then(display_name),
        roles: words(record, "role"),
        password_hash: text(record, "password"),
        created_at: moment(record, "created_at")?,
        ..Row::default()
    };
    for key in ["organization_id", "tenant_id"] {
        if let Some(value) = text(record, key) {
            row.extra.insert(key.into(), value.into());
        }
    }
    row.somebody()
}
