//! `user edit` and `user unlink`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Who, find};
use crate::account::administration::Change;
use crate::cli::counter::{Counter, Manner, failed};
use crate::cli::desk::plain;
use crate::cli::{Desk, Failure};
use crate::domain::identity::{avatar, display_name};
use crate::domain::user::Username;

/// What becomes different; an empty text takes away.
#[derive(Args)]
pub struct Edit {
    #[command(flatten)]
    who: Who,
    /// What to call them.
    #[arg(long)]
    name: Option<String>,
    /// Their username.
    #[arg(long)]
    username: Option<String>,
    /// An `https` picture.
    #[arg(long, value_name = "URL")]
    avatar_url: Option<String>,
    /// A JSON object that is merged into their attributes; null takes one away.
    #[arg(long, value_name = "JSON")]
    extra: Option<String>,
    /// Whether the address counts as proven.
    #[arg(long, value_name = "BOOL")]
    verified: Option<bool>,
    #[command(flatten)]
    manner: Manner,
}

/// Which identity goes.
#[derive(Args)]
pub struct Unlink {
    #[command(flatten)]
    who: Who,
    /// Its provider.
    #[arg(long, value_name = "ID")]
    provider: String,
    /// Which one, where there are several of the provider.
    #[arg(long)]
    subject: Option<String>,
    #[command(flatten)]
    manner: Manner,
}

impl Edit {
    fn change(&self) -> Result<Change, Failure> {
        let (name, username, avatar_url) = (self.name.as_deref(), self.username.as_deref(), self.avatar_url.as_deref());
        Ok(Change {
            name: taken(name, display_name, "may not be a name")?,
            username: taken(
                username,
                Username::new,
                "may not be a username: a-z, 0-9, `.`, `_` and `-`, 2 to 31 characters",
            )?,
            avatar_url: taken(avatar_url, |url| avatar(url).map(String::from), "is not an https address")?,
            extra: self.extra.as_deref().map(object).transpose()?,
            verified: self.verified,
        })
    }
}

/// `None` if it was not said, `Some(None)` if it is to go.
#[expect(clippy::option_option, reason = "what is not said is not what is taken away")]
fn taken<T>(
    said: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
    complaint: &str,
) -> Result<Option<Option<T>>, Failure> {
    match said {
        None => Ok(None),
        Some("") => Ok(Some(None)),
        Some(text) => {
            let read = read(text).ok_or_else(|| Failure::usage(format!("`{}` {complaint}", plain(text))))?;
            Ok(Some(Some(read)))
        }
    }
}

fn object(text: &str) -> Result<Map<String, Value>, Failure> {
    serde_json::from_str(text).map_err(|_| Failure::usage("--extra is not a JSON object"))
}

/// Changes a user.
pub async fn edit(options: Edit, desk: &mut Desk) -> Result<(), Failure> {
    let change = options.change()?;
    if change == Change::default() {
        return Err(Failure::usage("there is nothing to change: see `countersign user edit --help`"));
    }
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, &options.who.who).await?;
    let user = counter.office(options.manner).edit(user.id, change, None).await.map_err(failed)?;
    let sentence = format!("{} is changed", plain(&user.shown_name()));
    let answer = json!({ "id": user.id, "username": user.username, "name": user.name, "version": user.version });
    options.manner.report(desk, &sentence, answer)
}

/// Takes an identity away.
pub async fn unlink(options: Unlink, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, &options.who.who).await?;
    let linked = counter.app.store().identities(user.id).await?;
    let mut wanted = linked.into_iter().map(|linked| linked.subject).filter(|subject| {
        subject.provider == options.provider && options.subject.as_ref().is_none_or(|said| *said == subject.subject)
    });
    let Some(subject) = wanted.next() else {
        return Err(Failure::not_found(format!("they have no identity of `{}`", plain(&options.provider))));
    };
    if wanted.next().is_some() {
        return Err(Failure::usage("they have several identities of this provider: say which with --subject"));
    }
    let gone = counter.office(options.manner).unlink(user.id, &subject).await.map_err(failed)?;
    let sentence = format!("{} cannot sign in with {} any more", plain(&user.shown_name()), subject.provider);
    options.manner.report(desk, &sentence, json!({ "id": user.id, "provider": subject.provider, "unlinked": gone }))
}
