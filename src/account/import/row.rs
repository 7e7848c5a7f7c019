//! One user of a file, and the columns of CSV and JSON.
//!
//! | column | holds |
//! |---|---|
//! | `email` | the address |
//! | `email_verified` | whether its owner has proven it; no unless it says so |
//! | `username`, `name`, `avatar_url` | as they are shown |
//! | `roles`, `groups` | words with `;` or spaces between, in JSON also a list |
//! | `locked` | whether they may not sign in |
//! | `password_hash` | a hash this server recognises, kept as it is |
//! | `created_at` | RFC 3339, or seconds since 1970 |
//! | `old_id` | another name the user is found by from now on |
//! | `identities` | `provider`, `realm`, `subject` with `\|` between, several with `;`; in JSON a list of objects |
//! | `extra` | a JSON object of whatever else is known |

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::read::Record;
use crate::domain::email::Email;
use crate::domain::identity::{Subject, avatar, display_name};

/// Longest other name of a user, in bytes.
const LONGEST_ALIAS: usize = 128;
/// Most bytes of what else is known of a user.
const LONGEST_EXTRA: usize = 16 * 1024;

/// A user as a file has them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    pub email: Option<Email>,
    pub verified: bool,
    pub username: Option<String>,
    pub name: Option<String>,
    pub avatar_url: Option<String>,
    pub roles: Vec<String>,
    pub groups: Vec<String>,
    pub locked: bool,
    pub password_hash: Option<String>,
    /// In seconds since 1970.
    pub created_at: Option<i64>,
    pub aliases: Vec<String>,
    pub identities: Vec<Subject>,
    pub extra: Map<String, Value>,
}

impl Row {
    /// The documented columns.
    pub fn plain(record: &Record) -> Result<Self, String> {
        let row = Self {
            email: email(record, "email")?,
            verified: flag(record, "email_verified")?.unwrap_or(false),
            username: text(record, "username"),
            name: text(record, "name").as_deref().and_then(display_name),
            avatar_url: picture(record, "avatar_url"),
            roles: words(record, "roles"),
            groups: words(record, "groups"),
            locked: flag(record, "locked")?.unwrap_or(false),
            password_hash: text(record, "password_hash"),
            created_at: moment(record, "created_at")?,
            aliases: alias(record, "old_id")?,
            identities: identities(record)?,
            extra: extra(record, "extra")?,
        };
        row.somebody()
    }

    /// Somebody who could be found again.
    pub fn somebody(self) -> Result<Self, String> {
        if self.email.is_none() && self.username.is_none() && self.aliases.is_empty() && self.identities.is_empty() {
            return Err("it has neither an address nor a username nor an old id".into());
        }
        Ok(self)
    }
}

/// The value as text, without space around it; `None` if it is empty.
pub fn text(record: &Record, key: &str) -> Option<String> {
    let text = match record.get(key)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && !text.contains('\0')).then_some(text)
}

/// The address in its normal form.
pub fn email(record: &Record, key: &str) -> Result<Option<Email>, String> {
    match text(record, key) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| format!("`{key}` is not an e-mail address")),
    }
}

/// Yes or no, in the words of several databases.
pub fn flag(record: &Record, key: &str) -> Result<Option<bool>, String> {
    let said = match record.get(key) {
        Some(Value::Bool(said)) => return Ok(Some(*said)),
        _ => text(record, key),
    };
    match said.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("1" | "true" | "t" | "yes" | "y") => Ok(Some(true)),
        Some("0" | "false" | "f" | "no" | "n") => Ok(Some(false)),
        Some(_) => Err(format!("`{key}` is neither true nor false")),
    }
}

/// Several words.
pub fn words(record: &Record, key: &str) -> Vec<String> {
    let mut words: Vec<String> = if let Some(Value::Array(items)) = record.get(key) {
        items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    } else {
        let text = text(record, key).unwrap_or_default();
        text.split([';', ',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    words.sort();
    words.dedup();
    words
}

/// A picture that may be shown; what may not is left out.
pub fn picture(record: &Record, key: &str) -> Option<String> {
    text(record, key).as_deref().and_then(avatar).map(String::from)
}

/// A time, in seconds since 1970; without a zone it is taken for UTC.
pub fn moment(record: &Record, key: &str) -> Result<Option<i64>, String> {
    let Some(text) = text(record, key) else { return Ok(None) };
    let plain = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let day = format_description!("[year]-[month]-[day]");
    let seconds = text.parse::<i64>().ok();
    let seconds = seconds.or_else(|| Some(OffsetDateTime::parse(&text, &Rfc3339).ok()?.unix_timestamp()));
    let seconds = seconds.or_else(|| {
        let text = text.replace('T', " ");
        let whole = text.split('.').next().unwrap_or_default();
        Some(PrimitiveDateTime::parse(whole, plain).ok()?.assume_utc().unix_timestamp())
    });
    let seconds = seconds.or_else(|| Some(Date::parse(&text, day).ok()?.midnight().assume_utc().unix_timestamp()));
    let seconds = seconds.filter(|seconds| OffsetDateTime::from_unix_timestamp(*seconds).is_ok());
    seconds.map(Some).ok_or_else(|| format!("`{key}` is not a time"))
}

/// Another name for the user.
pub fn alias(record: &Record, key: &str) -> Result<Vec<String>, String> {
    match text(record, key) {
        None => Ok(Vec::new()),
        Some(text) if text.len() > LONGEST_ALIAS || text.contains(char::is_control) => {
            Err(format!("`{key}` is longer than {LONGEST_ALIAS} bytes or holds control characters"))
        }
        Some(text) if text.contains('@') || text.starts_with("usr_") => {
            Err(format!("`{key}` looks like an address or an id of this server"))
        }
        Some(text) => Ok(vec![text]),
    }
}

fn identities(record: &Record) -> Result<Vec<Subject>, String> {
    let wrong = || "`identities` is not `provider|realm|subject`".to_owned();
    if let Some(Value::Array(items)) = record.get("identities") {
        let part = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
        let all = items.iter().map(|item| {
            let (provider, subject) = part(item, "provider").zip(part(item, "subject")).ok_or_else(wrong)?;
            Subject::new(&provider, &part(item, "realm").unwrap_or_default(), &subject).ok_or_else(wrong)
        });
        return all.collect();
    }
    let text = text(record, "identities").unwrap_or_default();
    let all = text.split(';').filter(|one| !one.trim().is_empty()).map(|one| {
        let parts: Vec<&str> = one.trim().split('|').collect();
        let [provider, realm, subject] = parts[..] else { return Err(wrong()) };
        Subject::new(provider, realm, subject).ok_or_else(wrong)
    });
    all.collect()
}

/// A JSON object, itself or as text.
pub fn extra(record: &Record, key: &str) -> Result<Map<String, Value>, String> {
    let wrong = || format!("`{key}` is not a JSON object of at most {LONGEST_EXTRA} bytes");
    let object = match record.get(key) {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(object)) => object.clone(),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Map::new()),
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| wrong())?,
        Some(_) => return Err(wrong()),
    };
    let length = serde_json::to_string(&object).map_or(usize::MAX, |text| text.len());
    if length > LONGEST_EXTRA { Err(wrong()) } else { Ok(object) }
}
