//! The pages: one struct each, and the headers every page carries.

mod account;
mod activity;
mod dev;
mod end;
mod factor;
mod frame;
mod keys;
mod login;
mod password;
mod people;
mod permissions;
mod show;
mod signup;

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use url::Url;

use crate::login::Next;

pub use account::{
    AccountPage, CheckRow, ConfirmPage, LogoutPage, SetupErrors, SetupPage, ShownAddress, SignedOutPage,
};
pub use activity::{ActivityFilter, ActivityPage, ActivityRow};
pub use dev::{CurlLine, DemoPage, DemoToken, DevMailPage, DevPeoplePage, DevPerson, MailRow, OpenMail};
pub use end::{Action, ErrorPage, WrongHostPage};
pub use factor::{
    EnrolPage, IdentityRow, LinkRow, NewPasskeyPage, PasskeyForm, PasskeyRow, PasskeyRows, PasswordRow,
    RecoveryCodesPage, RecoveryRow, SecondFactorPage, SecurityPage, Signal, TotpPage, TotpRow, TotpSetup,
};
pub use frame::{Frame, Tab};
pub use keys::{DeviceRow, DevicesPage, KeyMadePage, KeyRow, KeysPage, NewKeyPage, ScopeChoice};
pub use login::{
    CheckMailPage, CodeForm, CodePage, LinkAccountsPage, LoginButton, LoginPage, MagicLinkForm, MagicLinkPage, Methods,
    OtherBrowser, PasswordForm, ResendForm,
};
pub use password::{ForgotPage, NewPasswordForm, PasswordPage, ResetPage};
pub use people::{
    AddressRow, AddressesPage, KeepPage, LeavePage, PrivacyPage, ProfilePage, StepPage, UsernameForm, VerifyPage,
};
pub use permissions::{ExplainedView, PermissionsPage, RequestRow, ShadowRow, StepRow, TypedQuestion};
pub use show::{Field, Hidden, Href, Moment, Notice, ServiceLink, icon, prose};
pub use signup::{InvitePage, SignUpConfirmPage, SignUpErrors, SignUpForm, SignUpPage, SignUpSentPage};

/// What all pages of one server have in common.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Who runs this server, as people know it.
    pub name: String,
    /// Path of the issuer without a trailing slash; empty for most.
    pub base: String,
    /// Path of the logo; `None` for the built-in mark.
    pub logo: Option<String>,
    /// Path of the stylesheet.
    pub style: String,
    /// Path of the script for passkeys.
    pub passkey_script: String,
    /// Path of the stylesheet with the accent colours.
    pub theme_style: String,
    /// Path of the icon for the browser's tab.
    pub favicon: String,
    /// `auto`, `light` or `dark`.
    pub mode: &'static str,
    /// The language of the texts.
    pub lang: &'static str,
    /// Terms of use.
    pub terms: Option<Href>,
    /// What happens with data.
    pub privacy: Option<Href>,
    /// Where people find help.
    pub support: Option<Href>,
    /// Whether people make API keys of their own.
    pub people_have_keys: bool,
}

impl Shell {
    /// A mark as SVG, for `|safe`.
    #[expect(clippy::unused_self, reason = "templates can only call what belongs to a value of theirs")]
    pub fn icon(&self, name: &str) -> &'static str {
        icon(name)
    }

    /// A sentence of ours as HTML, for `|safe`: all of it is escaped, and what stands between backticks is code.
    #[expect(clippy::unused_self, reason = "templates can only call what belongs to a value of theirs")]
    pub fn prose(&self, text: &str) -> String {
        prose(text)
    }
}

/// A page that can answer a request.
pub trait Page: Template + Sized {
    /// Whether it has the script for passkeys; no other script ever runs here.
    fn has_script(&self) -> bool {
        false
    }

    /// The page with all its headers. Its forms may lead nowhere but here.
    fn answer(&self, status: StatusCode) -> Response {
        self.answer_leading_to(status, &[])
    }

    /// As [`Page::answer`], for a page on the way to a service: its forms may lead there.
    fn answer_on_the_way(&self, status: StatusCode, next: Option<&Next>) -> Response {
        let urls: Vec<&str> = next.iter().map(|next| next.url.as_str()).collect();
        self.answer_leading_to(status, &urls)
    }

    /// As [`Page::answer`], for a page with a form whose answer is a redirect to one of these URLs: browsers apply
    /// `form-action` to where a form's redirects lead, too (Content Security Policy 3 §6.4.1). Only origins are used.
    fn answer_leading_to(&self, status: StatusCode, urls: &[&str]) -> Response {
        let html = self.render().expect("writing into a string cannot fail");
        let mut response = Response::new(Body::from(html));
        *response.status_mut() = status;
        let policy =
            HeaderValue::try_from(content_security_policy(urls, self.has_script())).expect("origins are ASCII");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// What every page is sent with, beside its content security policy.
const HEADERS: [(header::HeaderName, &str); 8] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::HeaderName::from_static("permissions-policy"), PERMISSIONS),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
                           magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// Nothing but our own stylesheets and pictures, forms to us and to the origins of `urls`, no frame, and no script but a
/// file of ours where there is one.
fn content_security_policy(urls: &[&str], has_script: bool) -> String {
    let mut targets = vec!["'self'".to_owned()];
    for url in urls.iter().filter_map(|url| Url::parse(url).ok()).filter(|url| matches!(url.scheme(), "http" | "https"))
    {
        let origin = url.origin().ascii_serialization();
        if !targets.contains(&origin) {
            targets.push(origin);
        }
    }
    let script = if has_script { "script-src 'self'; connect-src 'self'; " } else { "" };
    format!(
        "default-src 'none'; {script}style-src 'self'; img-src 'self'; form-action {}; frame-ancestors 'none'; \
         base-uri 'none'; object-src 'none'",
        targets.join(" ")
    )
}
