//! From files to a running app: read, open, connect, seed.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{ADMIN, App, House, Plugged, key_policy, lifetimes};
use crate::account::AccountError;
use crate::clock::Clock;
use crate::config::settings::{MailSettings, MailTransport, Settings, SmtpSecurity};
use crate::config::{self, Input, Report, Secret};
use crate::domain::audit::{By, Event, What};
use crate::keys::{KeyError, Master};
use crate::mail::Mailer;
use crate::mail::sink::Sink;
use crate::mail::smtp::{Relay, RelayError, Security, Smtp};
use crate::memo::Memo;
use crate::net::Net;
use crate::permission::chain::ChainState;
use crate::provider::Seed;
use crate::store::users::NewUser;
use crate::store::{Store, StoreError, keys, users};

/// How many refusals are remembered as written down, at least.
const NOTED: usize = 10_000;

/// A file that has no mistake, with everything in it opened; nothing is connected yet.
pub struct Loaded {
    pub settings: Settings,
    pub plugged: Plugged,
    /// Only warnings.
    pub report: Report,
    /// For `config show`.
    pub parsed: config::Parsed,
}

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The data directory cannot be made.
    #[error("the data directory `{path}` cannot be made: {source}")]
    DataDir { path: String, source: std::io::Error },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key's file.
    #[error(transparent)]
    MasterFile(#[from] crate::keys::FileError),
    /// The keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The keys in the database.
    #[error(transparent)]
    Keys(#[from] keys::KeysError),
    /// Mail.
    #[error(transparent)]
    Mail(#[from] RelayError),
    /// The seeds of dev mode.
    #[error(transparent)]
    Seed(#[from] AccountError),
}

/// What a broker is opened with, beside its file.
#[derive(Clone)]
pub struct World {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub net: Net,
    /// Whether the permission providers of the file may run programs.
    pub may_run_programs: bool,
}

/// Reads and opens everything; all mistakes of all files come in one report.
pub fn load(inputs: Vec<Input>, env: &config::World<'_>, world: &World) -> Result<Loaded, Box<Report>> {
    let parsed = config::parse(inputs, env);
    let mut report = parsed.report.clone();
    match Plugged::open(&parsed.settings, world) {
        Ok(plugged) if report.mistakes().is_empty() => {
            Ok(Loaded { settings: parsed.settings.clone(), plugged, report, parsed })
        }
        Ok(_) => Err(Box::new(report)),
        Err(mistakes) => {
            report.extend(mistakes);
            Err(Box::new(report))
        }
    }
}

/// A broker, and where its mail goes in dev mode.
pub struct Opened {
    pub app: App,
    pub sink: Option<Arc<Sink>>,
}

/// Connects, migrates, unlocks the keys, and seeds what dev mode begins with.
pub async fn open(loaded: Loaded, world: World) -> Result<Opened, BootError> {
    let Loaded { settings, plugged, .. } = loaded;
    let house = house(&settings, world).await?;
    let clock = house.clock.clone();
    let sink = matches!(settings.mail.transport, MailTransport::Sink).then(|| Arc::new(Sink::new(clock.clone())));
    let mailer = mailer(&settings.mail, sink.clone(), clock)?;
    let app = App::new(settings, plugged, mailer, house)?;
    app.seed().await?;
    Ok(Opened { app, sink })
}

/// For one command beside the server, or without it: nobody is seeded, and no letter goes out from here.
pub async fn enter(loaded: Loaded, world: World) -> Result<App, BootError> {
    let Loaded { settings, plugged, .. } = loaded;
    let house = house(&settings, world).await?;
    Ok(App::new(settings, plugged, None, house)?)
}

async fn house(settings: &Settings, world: World) -> Result<House, BootError> {
    make_data_dir(settings)?;
    let store = connect(settings, &world).await?;
    let master = Arc::new(master(settings, &settings.server.data_dir)?);
    let ring = keys::ensure(store.write(), &master, &key_policy(settings), world.clock.now()).await?;
    Ok(House {
        clock: world.clock,
        store,
        master,
        ring: Arc::new(ArcSwap::from_pointee(ring)),
        chain_state: Arc::new(ChainState::default()),
        hook_state: Arc::default(),
        lifetimes: Arc::new(ArcSwap::from_pointee(lifetimes(settings))),
        admin_seen: Arc::default(),
        bans: Arc::default(),
        noted: Arc::new(Memo::new(NOTED)),
        shown: Arc::default(),
        guesses: Arc::default(),
        asks: Arc::default(),
        invalidated: Arc::default(),
        parcels: Arc::new(Notify::new()),
        net: world.net,
    })
}

/// Makes the data directory, for its owner only; nothing is kept where the database is in memory.
pub fn make_data_dir(settings: &Settings) -> Result<(), BootError> {
    let data_dir = &settings.server.data_dir;
    if is_ephemeral(settings) {
        return Ok(());
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    made.map_err(|source| BootError::DataDir { path: data_dir.display().to_string(), source })
}

/// Connects, and brings the schema up to date where the file allows it.
async fn connect(settings: &Settings, world: &World) -> Result<Store, StoreError> {
    let store = Store::connect(&settings.database, world.clock.clone()).await?;
    if settings.database.auto_migrate {
        store.migrate().await?;
    } else {
        match store.pending_migrations().await?.len() {
            0 => {}
            behind => return Err(StoreError::Behind(behind)),
        }
    }
    Ok(store)
}

/// Whether the database is gone with the process.
pub fn is_ephemeral(settings: &Settings) -> bool {
    settings.database.url.reveal().contains(":memory:")
}

fn master(settings: &Settings, data_dir: &Path) -> Result<Master, BootError> {
    let text = match &settings.secrets.master_key {
        Some(key) => key.reveal().to_owned(),
        None if is_ephemeral(settings) => Master::generate(),
        None => Master::load_or_create(&data_dir.join("master.key"))?,
    };
    let earlier: Vec<&str> = settings.secrets.previous_keys.iter().map(Secret::reveal).collect();
    Ok(Master::new(&text, &earlier)?)
}

/// Who carries letters, as the file says.
pub fn mailer(
    settings: &MailSettings,
    sink: Option<Arc<Sink>>,
    clock: Arc<dyn Clock>,
) -> Result<Option<Arc<dyn Mailer>>, RelayError> {
    Ok(match &settings.transport {
        MailTransport::None => None,
        MailTransport::Sink => sink.map(|sink| sink as Arc<dyn Mailer>),
        MailTransport::Smtp(smtp) => {
            let password = smtp.password.as_ref().map(|password| password.reveal().to_owned());
            let relay = Relay {
                host: smtp.host.clone(),
                port: smtp.port,
                security: match smtp.security {
                    SmtpSecurity::Tls => Security::Tls,
                    SmtpSecurity::Starttls => Security::StartTls,
                    SmtpSecurity::None => Security::None,
                },
                login: smtp.username.clone().zip(password),
                ca_file: smtp.ca_file.clone(),
                from: settings.from.clone(),
                reply_to: settings.reply_to.clone(),
                timeout: settings.timeout.try_into().unwrap_or_default(),
            };
            Some(Arc::new(Smtp::open(relay, clock)?))
        }
    })
}

impl App {
    /// The same house with another file: what outlives a reload stays, all else is new.
    pub fn reloaded(&self, loaded: Loaded, sink: Option<Arc<Sink>>) -> Result<Self, BootError> {
        let mailer = mailer(&loaded.settings.mail, sink, self.house.clock.clone())?;
        self.house.lifetimes.store(Arc::new(lifetimes(&loaded.settings)));
        let mut app = Self::new(loaded.settings, loaded.plugged, mailer, self.house.clone())?;
        if let Some(parts) = Arc::get_mut(&mut app.0) {
            parts.accounts.keep_turns(&self.accounts);
        }
        Ok(app)
    }

    /// Writes down that the file was read again: whether it was taken, and which keys wait for a restart. What a mistake says is for
    /// who asked and for the log; it shows lines of the file.
    pub async fn note_reload(&self, was_taken: bool, restart: &[String]) -> Result<(), AccountError> {
        let what = if was_taken {
            What::new(Event::ConfigReloaded).details(serde_json::json!({ "needs_restart": restart }))
        } else {
            What::new(Event::ConfigRejected)
        };
        self.accounts.note(&By::system(), what).await
    }

    /// The people that providers bring along: those of dev mode. Who is there already stays as they are.
    async fn seed(&self) -> Result<(), AccountError> {
        for (_, provider) in self.providers.iter() {
            for seed in provider.seeds() {
                self.plant(seed).await?;
            }
        }
        Ok(())
    }

    async fn plant(&self, seed: Seed) -> Result<(), AccountError> {
        let Seed { identity, roles, locked } = seed;
        let db = self.store().begin().await?;
        if users::by_identity(&db, &identity.subject).await?.is_some() {
            return Ok(());
        }
        let email = identity.email.as_ref().map(|email| email.address().clone());
        if let Some(email) = &email
            && users::by_email(&db, email).await?.is_some()
        {
            return Ok(());
        }
        let mut all = self.settings.login.default_roles.clone();
        all.extend(roles);
        let new = NewUser {
            username: identity.username.as_deref().and_then(crate::domain::user::Username::suggested),
            name: identity.name.clone(),
            email: email.map(|email| (email, true)),
            roles: all,
            groups: identity.groups.clone(),
            locked,
            ..NewUser::default()
        };
        let now = self.store().now();
        let user = users::create(&db, new, now).await?;
        users::link(&db, user.id, &identity.subject, now).await?;
        db.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    /// Whether anybody administrates this server.
    pub async fn has_admin(&self) -> Result<bool, StoreError> {
        let seen = &self.house.admin_seen;
        if !seen.load(Ordering::Relaxed) && self.store().anybody_has_role(ADMIN).await? {
            seen.store(true, Ordering::Relaxed);
        }
        Ok(seen.load(Ordering::Relaxed))
    }
}
