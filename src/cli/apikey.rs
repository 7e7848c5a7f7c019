//! `apikey`: keys of people and services.

use clap::{Args, Subcommand};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::counter::{Counter, Manner};
use super::desk::{moment, plain};
use super::user::find;
use super::{Desk, Failure};
use crate::account::api_keys::{KeyOrder, KeyRefusal};
use crate::app::App;
use crate::config::Span;
use crate::domain::id::KeyId;
use crate::domain::scope::Scope;
use crate::store::api_keys::{Owner, StoredKey};

/// What can be done about API keys.
#[derive(Subcommand)]
pub enum Command {
    /// Makes a key and prints it, this once.
    #[command(after_help = "Example:\n  countersign apikey create --service wiki --name nightly --scope users:read")]
    Create(Create),
    /// Lists the keys of a person or a service.
    #[command(after_help = "Example:\n  countersign apikey list --user ada --json")]
    List(List),
    /// Revokes a key, or all of an owner.
    #[command(after_help = "Example:\n  countersign apikey revoke --user ada --all")]
    Revoke(Revoke),
}

/// Whose keys.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// A person: an id, an address or a username.
    #[arg(long, value_name = "WHO")]
    user: Option<String>,
    /// A service, by its id.
    #[arg(long, value_name = "ID")]
    service: Option<String>,
}

/// A new key.
#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    whose: Whose,
    /// What its owner calls it.
    #[arg(long)]
    name: String,
    /// What it is for; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,
    /// From where it may be used; may be given several times. From anywhere unless given.
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<IpNet>,
    /// For how long it is good: `90d`.
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = Span::parse)]
    lasts: Span,
    /// For how long it can be exchanged for a new one; never unless given.
    #[arg(long, value_name = "TIME", value_parser = Span::parse)]
    refresh: Option<Span>,
    #[command(flatten)]
    manner: Manner,
}

/// Which keys are listed.
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    whose: Whose,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Which keys are revoked.
#[derive(Args)]
pub struct Revoke {
    #[command(flatten)]
    whose: Whose,
    /// The key's id.
    #[arg(required_unless_present = "all")]
    id: Option<KeyId>,
    /// All of them.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    #[command(flatten)]
    manner: Manner,
}

impl Whose {
    async fn owner(&self, app: &App) -> Result<Owner, Failure> {
        match (&self.user, &self.service) {
            (Some(who), _) => Ok(Owner::User(find(app, who).await?.id)),
            (None, Some(id)) if app.service(id).is_some() => Ok(Owner::Service(id.clone())),
            (None, Some(id)) => Err(Failure::not_found(format!("there is no service `{}`", plain(id)))),
            (None, None) => Err(Failure::usage("say whose key: --user or --service")),
        }
    }
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    match command {
        Command::Create(options) => create(&counter, options, desk).await,
        Command::List(options) => list(&counter, &options, desk).await,
        Command::Revoke(options) => revoke(&counter, &options, desk).await,
    }
}

async fn create(counter: &Counter, options: Create, desk: &mut Desk) -> Result<(), Failure> {
    let app = &counter.app;
    let order = KeyOrder {
        owner: options.whose.owner(app).await?,
        name: &options.name,
        scopes: options.scopes.into_iter().collect(),
        networks: options.networks,
        lasts: options.lasts.0,
        refresh: options.refresh.map(|span| span.0),
    };
    let manner = options.manner;
    let made = counter.accounts(manner).add_key(order, &app.settings.api, counter.by()).await;
    let made = made.map_err(|refusal| match refusal {
        KeyRefusal::Account(error) => error.into(),
        refusal => Failure::usage(refusal.to_string()),
    })?;
    if manner.dry_run {
        let mut answer = shown(&made.stored);
        answer["id"] = Value::Null;
        answer["prefix"] = Value::Null;
        return manner.report(desk, "a key would be made", answer);
    }
    let refresh = made.refresh.as_ref().map(|secret| secret.reveal().to_owned());
    if manner.json {
        let mut answer = shown(&made.stored);
        answer["key"] = json!(made.key.reveal());
        answer["refresh_secret"] = json!(refresh);
        return desk.json(&answer);
    }
    desk.say(made.key.reveal())?;
    if let Some(secret) = refresh {
        desk.say(secret)?;
    }
    desk.hint(format!("It is shown this once, and good until {}.", moment(made.stored.expires_at)))
}

fn shown(key: &StoredKey) -> Value {
    json!({
        "id": key.id.to_string(),
        "prefix": key.prefix,
        "name": key.name,
        "scopes": key.scopes,
        "networks": key.networks,
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "used_at": key.used_at.map(moment),
    })
}

async fn list(counter: &Counter, options: &List, desk: &mut Desk) -> Result<(), Failure> {
    let owner = options.whose.owner(&counter.app).await?;
    let keys = counter.app.store().api_keys_of(&owner).await?;
    if options.json {
        return desk.json(&keys.iter().map(shown).collect::<Vec<_>>());
    }
    let row = |key: &StoredKey| {
        let scopes = key.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let used = key.used_at.map_or_else(|| "never".to_owned(), moment);
        [key.id.to_string(), format!("cs_{}…", key.prefix), plain(&key.name), scopes, moment(key.expires_at), used]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    desk.table(["ID", "KEY", "NAME", "SCOPES", "UNTIL", "LAST USED"], &rows)
}

async fn revoke(counter: &Counter, options: &Revoke, desk: &mut Desk) -> Result<(), Failure> {
    let owner = options.whose.owner(&counter.app).await?;
    let accounts = counter.accounts(options.manner);
    let revoked = match options.id {
        Some(id) => u64::from(accounts.revoke_key(&owner, id, counter.by()).await?),
        None => accounts.revoke_keys(&owner, counter.by()).await?,
    };
    if revoked == 0 && options.id.is_some() {
        return Err(Failure::not_found("they have no such key, or it was revoked already"));
    }
    let sentence = if revoked == 1 { "1 key is revoked".to_owned() } else { format!("{revoked} keys are revoked") };
    options.manner.report(desk, &sentence, json!({ "revoked": revoked }))
}
