//! What pages are dressed in: one stylesheet for all, one with the accent of this server, logo and icon.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use self::palette::Palette;
use super::page::{Href, Shell};
use crate::config::settings::{Login, Theme, ThemeMode};

pub mod palette;

const STYLE: &str = include_str!("../../templates/assets/countersign.css");
const PASSKEY: &str = include_str!("../../templates/assets/passkey.js");
const MARK: &str = include_str!("../../templates/assets/favicon.svg");

/// A path under `/assets` changes with the content, so it may be kept for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The files of one version of the app.
#[derive(Debug, Clone)]
pub struct Assets(Vec<Asset>);

/// Where the footer leads.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// Terms of use.
    pub terms: Option<url::Url>,
    /// What happens with data.
    pub privacy: Option<url::Url>,
    /// Where people find help.
    pub support: Option<url::Url>,
}

impl From<&Login> for Links {
    fn from(login: &Login) -> Self {
        Self { terms: login.terms_url.clone(), privacy: login.privacy_url.clone(), support: login.support_url.clone() }
    }
}

#[derive(Debug, Clone)]
struct Asset {
    name: &'static str,
    hash: String,
    content_type: HeaderValue,
    bytes: Arc<[u8]>,
}

impl Assets {
    /// Makes the files from the look.
    pub fn new(theme: &Theme) -> Self {
        let palette = Palette::of(&theme.accent);
        let text = |name, kind, text: &str| Asset::new(name, HeaderValue::from_static(kind), text.as_bytes().into());
        let mut assets = vec![
            text("countersign.css", "text/css; charset=utf-8", STYLE),
            text("theme.css", "text/css; charset=utf-8", &palette.stylesheet()),
            text("passkey.js", "text/javascript; charset=utf-8", PASSKEY),
            text("favicon.svg", "image/svg+xml", MARK),
        ];
        if let Some((kind, bytes)) = &theme.logo
            && let Ok(kind) = HeaderValue::try_from(kind)
        {
            assets.push(Asset::new("logo", kind, Arc::clone(bytes)));
        }
        Self(assets)
    }

    /// What all pages share. `base` is the issuer's path without a trailing slash.
    pub fn shell(&self, theme: &Theme, links: &Links, base: &str) -> Shell {
        let path =
            |name: &str| self.0.iter().find(|a| a.name == name).map(|a| format!("{base}/assets/{}/{name}", a.hash));
        let link = |url: &Option<url::Url>| url.as_ref().map(|url| Href::from(url.as_str()));
        Shell {
            name: theme.name.clone(),
            base: base.to_owned(),
            logo: path("logo"),
            style: path("countersign.css").unwrap_or_default(),
            passkey_script: path("passkey.js").unwrap_or_default(),
            theme_style: path("theme.css").unwrap_or_default(),
            favicon: path("favicon.svg").unwrap_or_default(),
            mode: match theme.mode {
                ThemeMode::Auto => "auto",
                ThemeMode::Light => "light",
                ThemeMode::Dark => "dark",
            },
            lang: "en",
            terms: link(&links.terms),
            privacy: link(&links.privacy),
            support: link(&links.support),
            people_have_keys: false,
        }
    }

    /// Answers `/assets/{hash}/{name}`. An old hash gets today's file, which must not be kept under that name: a page
    /// made before a reload, or by a replica of another version, is not left undressed.
    pub fn answer(&self, hash: &str, name: &str) -> Option<Response> {
        let asset = self.0.iter().find(|asset| asset.name == name)?;
        let keep = if asset.hash == hash { FOR_EVER } else { "no-cache" };
        let mut response = Response::new(Body::from(asset.bytes.to_vec()));
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, asset.content_type.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // A logo may be an SVG: opened as a page of its own, it must not run anything.
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"),
        );
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
        Some(response)
    }
}

impl Asset {
    fn new(name: &'static str, content_type: HeaderValue, bytes: Arc<[u8]>) -> Self {
        let hash =
            digest(&SHA256, &bytes).as_ref()[..8].iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
        Self { name, hash, content_type, bytes }
    }
}
