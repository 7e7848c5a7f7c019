//! Error pages: what happened, what to do, and a reference to quote.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;

use super::client::bucket;
use super::error::Code;
use super::face::{Draw, ErrorView};
use super::layers;
use super::page::{Action, ErrorPage, Href, Moment, Page, WrongHostPage};
use super::site::{Running, Site};
use crate::store::shown::Shown;

/// Draws the errors of the site that is running.
pub fn draw(running: Running) -> Draw {
    Arc::new(move |view| page(&running.now(), view))
}

fn page(site: &Site, view: &ErrorView) -> Response {
    note(site, view);
    let at = Moment::from(site.app.now());
    if view.code == Code::WrongHost {
        let page = WrongHostPage {
            shell: Arc::clone(&site.shell),
            asked: "This address".into(),
            home: Href::from(site.app.url("/")),
            reference: view.reference.clone(),
            at,
        };
        return page.answer(StatusCode::MISDIRECTED_REQUEST);
    }
    let (title, what) = words(view.code);
    let what = view.detail.as_ref().map_or_else(|| what.to_owned(), Clone::clone);
    let page = ErrorPage {
        shell: Arc::clone(&site.shell),
        title: if title.is_empty() { view.title.to_owned() } else { title.to_owned() },
        what,
        again_at: None,
        actions: vec![Action::new(next_step(view.code), site.path(next_place(view.code)))],
        reference: view.reference.clone(),
        at,
        details: vec![("Code", format!("{} {}", view.code.number(), view.code.slug()))],
    };
    page.answer(view.code.status())
}

/// Keeps what `countersign error` says of the reference that somebody sees now.
fn note(site: &Site, view: &ErrorView) {
    let shown = Shown {
        reference: view.reference.clone(),
        at: site.app.store().now(),
        code: format!("{} {}", view.code.number(), view.code.slug()),
        status: i64::from(view.code.status().as_u16()),
        route: layers::route().unwrap_or_default(),
        cause: view.cause.clone(),
    };
    if !site.app.house.shown.note(layers::client().map(bucket), shown) {
        tracing::debug!("an error was shown and not kept: there are too many");
    }
}

/// What the button says.
fn next_step(code: Code) -> &'static str {
    match code {
        Code::LoginStale | Code::Csrf | Code::CodeSpent => "Start again",
        Code::ProviderRefused | Code::ProviderUnreachable | Code::ProviderUntrusted => "Use another way to sign in",
        Code::ResetGone => "Ask for a new link",
        _ => "Go to the sign-in page",
    }
}

/// Where the button leads.
fn next_place(code: Code) -> &'static str {
    if code == Code::ResetGone { "/login/forgot" } else { "/login" }
}

/// What happened, in the words of people: a title and a sentence. An empty title is the table's.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn words(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::LoginStale => (
            "This sign-in cannot be continued",
            "It took too long, was finished already, or began in another browser. Nothing is lost: start again.",
        ),
        Code::ProviderRefused => ("The sign-in was cancelled", "The other side did not confirm who you are."),
        Code::ProviderUnreachable => (
            "The provider does not answer",
            "We could not reach the provider you chose. Try again in a minute, or use another way to sign in.",
        ),
        Code::ProviderUntrusted => (
            "The provider gave a strange answer",
            "We did not believe what the provider told us, so you are not signed in. The administrator can see why.",
        ),
        Code::AccountLocked => ("This account is locked", "Ask the administrator of this server to unlock it."),
        Code::LinkRefused => {
            ("This address has an account already", "It was made another way. Sign in the way you did before.")
        }
        Code::SignupClosed => {
            ("You have no account here yet", "New accounts are not made this way. Ask the administrator for one.")
        }
        Code::LastWayIn => (
            "This is your last way in",
            "Without it nobody could sign in to your account any more. Add another way first.",
        ),
        Code::PasskeyRefused => (
            "This passkey could not be used",
            "What your device sent is not what we asked for. Nothing was changed: try once more, or use another way.",
        ),
        Code::NextNotAllowed => (
            "This link leads nowhere we know",
            "The service that sent you here is not registered with this address. Whoever runs it has to tell the administrator.",
        ),
        Code::Csrf => (
            "Please send the form again",
            "It was opened too long ago, or your browser does not keep cookies for this site.",
        ),
        Code::Banned => (
            "Too many failed tries",
            "From your network, too many sign-ins failed, so it has to wait for a while. If it was not you, somebody else there tried.",
        ),
        Code::TooManyRequests => ("Too many tries", "Wait a little, then try again. Nothing was changed."),
        Code::Busy | Code::DatabaseUnavailable | Code::Timeout | Code::PermissionProviderFailed | Code::HookFailed => {
            ("We cannot do this right now", "Try again in a minute.")
        }
        Code::NotFound => ("There is nothing here", "The address may be mistyped, or the page has moved."),
        Code::LinkGone => (
            "This link is over",
            "It was used, is too old, or there is an administrator already. On the machine this server runs on, `countersign admin link` makes a new one.",
        ),
        Code::AddressUnverified => ("Prove your address first", "Open your account: it tells you how."),
        Code::AccountLeaving => ("This account is about to be deleted", "Open your account if you want to keep it."),
        Code::AddressTaken => ("This address is taken", "It belongs to an account here. Use another address."),
        Code::LastAdmin => (
            "You are the last administrator",
            "Nobody would look after this server any more. Make somebody else an administrator first.",
        ),
        Code::MailedLinkOver => (
            "This link is over",
            "It was used, is too old, or a newer one was sent. Nothing is lost: ask for another one.",
        ),
        Code::ResetGone => (
            "This link is over",
            "It was used, is too old, or a newer one was sent. Your password is as it was; ask for a new link if you need one.",
        ),
        Code::NetworkRefused => (
            "Not from this network",
            "This server is administrated from certain networks only, and yours is not one of them.",
        ),
        Code::AdminNeedsFactor => (
            "Set up a second factor first",
            "Whoever administrates this server needs one. Your account has a page for it: sign-in methods.",
        ),
        Code::AccessDenied => ("You have no access", "Your account may not be used here."),
        Code::Internal => (
            "Something went wrong on our side",
            "It was noted. Try again; if it happens again, tell the administrator the reference below.",
        ),
        _ => ("", "The request could not be answered."),
    }
}
