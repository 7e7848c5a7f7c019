//! What every test plays on: the real app behind the real edge, on a real database, with a clock that is turned by hand.

pub mod authenticator;
pub mod browser;
pub mod clock;
pub mod database;
pub mod html;
pub mod internet;
pub mod phone;
pub mod request;
pub mod script;
pub mod upstream;

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use time::Duration;

use crate::account::AccountError;
use crate::app::App;
use crate::app::boot::{self, Loaded, Opened, World};
use crate::clock::Clock as _;
use crate::config::settings::MailTransport;
use crate::config::{self, Input, Report};
use crate::domain::audit::By;
use crate::domain::id::UserId;
use crate::domain::user::{User, Username};
use crate::http;
use crate::http::failure;
use crate::http::layers::{Edge, Rules};
use crate::http::server::Readiness;
use crate::http::site::{Running, Site};
use crate::mail::Mail;
use crate::mail::sink::Sink;
use crate::store::outbox::Lane;
use crate::store::sessions::Sessions;
use crate::store::users::NewUser;

pub use authenticator::Authenticator;
pub use browser::Browser;
pub use clock::ManualClock;
pub use internet::Internet;
pub use phone::Phone;
pub use request::{Ask, Reply};
pub use upstream::Upstream;

use database::Place;

/// Where the stage stands.
pub const ORIGIN: &str = "https://auth.example";
/// The host of the upstream `sso`.
pub const SSO: &str = "sso.test";

/// One process of the broker.
#[derive(Clone)]
pub struct House {
    pub app: App,
    pub running: Running,
    pub edge: Edge,
    pub readiness: Readiness,
    rules: Arc<ArcSwap<Rules>>,
    sink: Arc<Sink>,
    world: World,
}

/// A broker, its database, an internet with one upstream, and the clock.
pub struct Stage {
    house: House,
    pub clock: Arc<ManualClock>,
    pub internet: Internet,
    /// `https://sso.test`; Ada signs in unless it is told otherwise.
    pub upstream: Upstream,
    text: String,
    place: Place,
}

impl Deref for Stage {
    type Target = House;

    fn deref(&self) -> &House {
        &self.house
    }
}

impl Stage {
    /// The usual file: see `script.rs`.
    pub async fn open() -> Self {
        Self::with("").await
    }

    /// The usual file with these keys in it, or instead of those it has.
    pub async fn with(keys: &str) -> Self {
        Self::playing(&script::usual_with(keys)).await
    }

    /// Exactly this file; where it lies, what it is sealed with and where mail goes is the stage's business.
    pub async fn playing(text: &str) -> Self {
        let (clock, internet) = (Arc::new(ManualClock::new()), Internet::default());
        let upstream = Upstream::open(&internet, SSO, clock.now().unix_timestamp());
        let place = Place::new(clock.clone()).await;
        let world = World { clock: clock.clone(), net: internet.net(), may_run_programs: true };
        let house = House::open(text, &place, world).await;
        Self { house, clock, internet, upstream, text: text.to_owned(), place }
    }

    /// Another process on the same database.
    pub async fn twin(&self) -> House {
        House::open(&self.text, &self.place, self.house.world.clone()).await
    }

    /// Reads the file again, with these keys in it.
    pub fn reload(&self, keys: &str) -> Result<(), Box<Report>> {
        let loaded = load(&script::with(&self.text, keys), &self.place, &self.house.world)?;
        let app = self.app.reloaded(loaded, Some(self.sink.clone())).unwrap();
        self.rules.store(Arc::new(Rules::of(&app.settings.server)));
        self.running.replace(Site::new(app, Some(self.sink.clone())));
        Ok(())
    }

    /// Time goes by.
    pub fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Now, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    /// From now on somebody else signs in at the upstream, with a verified address.
    pub fn upstream_knows(&self, subject: &str, email: &str) {
        let mut script = self.upstream.script();
        let now = self.now();
        let claims = [("sub", subject), ("email", email), ("name", subject), ("preferred_username", subject)];
        for (name, value) in claims {
            script.claims[name] = value.into();
        }
        script.claims["email_verified"] = true.into();
        script.claims["iat"] = now.into();
        script.claims["exp"] = (now + 300).into();
    }
}

impl House {
    async fn open(text: &str, place: &Place, world: World) -> Self {
        let loaded = load(text, place, &world)
            .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human(false))));
        let Opened { app, sink } = boot::open(loaded, world.clone()).await.unwrap();
        Self::around(app, sink.unwrap(), world)
    }

    /// A server with this broker.
    pub fn around(app: App, sink: Arc<Sink>, world: World) -> Self {
        let sessions = Sessions::new(app.store().clone(), app.house.lifetimes.clone());
        let rules = Arc::new(ArcSwap::from_pointee(Rules::of(&app.settings.server)));
        let readiness = Readiness::default();
        readiness.open();
        let running = Running::new(Site::new(app.clone(), Some(sink.clone())));
        let routes = http::router(&running, sessions, readiness.clone());
        let edge = Edge::new(routes, rules.clone()).with_pages(failure::draw(running.clone()));
        Self { app, running, edge, readiness, rules, sink, world }
    }

    /// A browser that has never been here.
    pub fn browser(&self) -> Browser {
        Browser::new(self)
    }

    /// A request of a program; `.await` it.
    pub fn get(&self, path: &str) -> Ask {
        Ask::new(self, "GET", path)
    }

    /// A request of a program; `.await` it.
    pub fn post(&self, path: &str) -> Ask {
        Ask::new(self, "POST", path)
    }

    /// A request of a program; `.await` it.
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(self, method, path)
    }

    /// Carries out what is in the outbox, and returns all letters so far, the newest first.
    pub async fn letters(&self) -> Vec<Mail> {
        for lane in [Lane::Letters, Lane::Tellings] {
            while self.app.deliver_due(lane).await.unwrap() > 0 {}
        }
        self.sink.letters().into_iter().map(|kept| kept.mail).collect()
    }

    /// The newest letter to this address.
    pub async fn letter_to(&self, email: &str) -> Option<Mail> {
        self.letters().await.into_iter().find(|mail| mail.to.as_str() == email)
    }

    /// The user with this address.
    pub async fn user(&self, email: &str) -> User {
        self.app.store().user_by_email(&email.parse().unwrap()).await.unwrap().unwrap()
    }

    /// Locks the user as an administrator does, or lets them in again; whether that was new.
    pub async fn set_locked(&self, user: UserId, locked: bool) -> bool {
        use crate::account::administration::{Caller, Office};
        use crate::domain::audit::By;

        let (caller, by) = (Caller::command(), By::command());
        let office = Office::new(&self.app.accounts, &self.app.settings, &caller, &by);
        let done = if locked { office.lock(user).await } else { office.unlock(user).await };
        done.unwrap()
    }

    /// Locks the user, or lets them in again.
    pub async fn lock(&self, user: UserId, locked: bool) {
        use sea_orm::sea_query::Expr;
        use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

        use crate::store::entity::user::{Column, Entity};
        let at = locked.then(|| self.app.now().unix_timestamp());
        let update = Entity::update_many().col_expr(Column::LockedAt, Expr::value(at)).filter(Column::Id.eq(user.0));
        assert_eq!(update.exec(self.app.store().write()).await.unwrap().rows_affected, 1);
    }
}

fn load(text: &str, place: &Place, world: &World) -> Result<Loaded, Box<Report>> {
    let env = config::World { env: &|name| Some(format!("value-of-{name}")), overrides: place.overrides() };
    let mut loaded = boot::load(vec![Input::text("providers.toml", text)], &env, world)?;
    loaded.settings.mail.transport = MailTransport::Sink;
    Ok(loaded)
}

/// A user with these roles, made as at the command line; `ada` gets `ada@example.com`.
pub async fn made(house: &House, name: &str, roles: &[&str]) -> User {
    let new = NewUser {
        username: Username::new(name),
        name: Some(name.to_uppercase()),
        email: Some((format!("{name}@example.com").parse().unwrap(), true)),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..NewUser::default()
    };
    house.app.accounts.add(new, None, &By::command()).await.unwrap()
}

/// Gives a user these roles, as an administrator of a later day would.
pub async fn set_roles(store: &crate::store::Store, user: UserId, roles: &[&str]) {
    use sea_orm::sea_query::{Expr, ExprTrait as _};
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

    use crate::store::entity::user::{Column, Entity};

    Entity::update_many()
        .col_expr(Column::Roles, Expr::value(serde_json::json!(roles).to_string()))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(user.0))
        .exec(store.write())
        .await
        .unwrap();
}

/// Erases a user as an administrator at the command line does; `false` if there is none.
pub async fn erase(house: &House, user: &User) -> Result<bool, AccountError> {
    use crate::account::administration::{AdminError, Caller, Office, Refused};
    let (caller, by) = (Caller::command(), By::command());
    match Office::new(&house.app.accounts, &house.app.settings, &caller, &by).erase(user.id).await {
        Ok(()) => Ok(true),
        Err(AdminError::NotFound) => Ok(false),
        Err(AdminError::Refused(Refused::LastAdmin)) => Err(AccountError::LastAdmin),
        Err(AdminError::Account(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}
