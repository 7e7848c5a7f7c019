//! The app that is running now, and how a handler gets hold of it.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::assets::{Assets, Links};
use super::page::Shell;
use crate::app::App;
use crate::mail::sink::Sink;

/// One version of the app, with its look.
#[derive(Clone)]
pub struct Site(Arc<SiteParts>);

/// What a site is made of.
pub struct SiteParts {
    /// The app.
    pub app: App,
    /// What all pages have in common.
    pub shell: Arc<Shell>,
    /// Stylesheets, logo, icon.
    pub assets: Assets,
    /// Where mail goes in dev mode.
    pub sink: Option<Arc<Sink>>,
}

impl Site {
    /// Dresses the app.
    pub fn new(app: App, sink: Option<Arc<Sink>>) -> Self {
        let assets = Assets::new(&app.settings.theme);
        let base = app.settings.server.issuer.path().trim_end_matches('/').to_owned();
        let mut shell = assets.shell(&app.settings.theme, &Links::from(&app.settings.login), &base);
        shell.people_have_keys = app.settings.api.user_keys;
        let shell = Arc::new(shell);
        Self(Arc::new(SiteParts { app, shell, assets, sink }))
    }

    /// A path of ours, as browsers need it: below the issuer's path.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.shell.base)
    }
}

impl Deref for Site {
    type Target = SiteParts;

    fn deref(&self) -> &SiteParts {
        &self.0
    }
}

/// The site that is running now. A reload puts another in its place; requests under way keep theirs.
#[derive(Clone)]
pub struct Running(Arc<ArcSwap<SiteParts>>);

impl Running {
    /// Begins with this one.
    pub fn new(site: Site) -> Self {
        Self(Arc::new(ArcSwap::new(site.0)))
    }

    /// The one that is running now.
    pub fn now(&self) -> Site {
        Site(self.0.load_full())
    }

    /// From now on, this one.
    pub fn replace(&self, site: Site) {
        self.0.store(site.0);
    }
}

impl FromRequestParts<Running> for Site {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, running: &Running) -> Result<Self, Infallible> {
        Ok(running.now())
    }
}
