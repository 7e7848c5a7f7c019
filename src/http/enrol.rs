//! `/login/enrol`: a second factor is demanded and there is none, so it is set up before the sign-in ends.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use time::Duration;

use super::account::passkeys;
use super::browser::Browser;
use super::error::{Code, Error};
use super::fields::{CsrfField, Form};
use super::finish::{ENROL, complete, pending, see_other};
use super::login::{query, service_link};
use super::page::{EnrolPage, Hidden, Href, Notice, Page, PasskeyForm, RecoveryCodesPage, TotpSetup};
use super::passkey::AnswerFields;
use super::second_factor::{Waiting, waiting_for};
use super::site::{Running, Site};
use crate::account::totp::Seed;
use crate::account::{Added, Enrolled};
use crate::domain::audit::Actor;
use crate::domain::id::UserId;
use crate::domain::proof::Amr;
use crate::domain::user::User;
use crate::login::{Attempt, Next};

/// The name of the attempt that carries a seed until a code confirms it.
const SEED: &str = "totp-seed";
/// How long a person may take with their app.
const PATIENCE: Duration = Duration::minutes(15);
/// What somebody sees whose code does not fit the seed.
pub const NOT_THE_CODE: &str =
    "This is not the code your app shows now. Check that the clock of your phone is right, and type the next one.";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/login/enrol", get(page))
        .route("/login/enrol/totp", post(totp))
        .route("/login/enrol/passkey/options", post(options))
        .route("/login/enrol/passkey", post(passkey))
}

/// A seed on its way to an app.
#[derive(Serialize, Deserialize)]
struct Shown {
    user: UserId,
    seed: Vec<u8>,
}

/// The seed that was shown to this user in this browser, and the attempt that carries it.
pub fn shown_seed(browser: &Browser, user: UserId) -> Option<(Attempt, Seed)> {
    let attempts = browser.attempts().into_iter().filter(|attempt| attempt.method == SEED);
    attempts.into_iter().find_map(|attempt| {
        let shown: Shown = serde_json::from_value(attempt.memory.clone()).ok()?;
        let seed = Seed::from_bytes(&shown.seed).filter(|_| shown.user == user)?;
        Some((attempt, seed))
    })
}

/// What the page shows for setting up an app: the seed of before, until it is confirmed or late, else a new one.
pub fn setup(site: &Site, browser: &mut Browser, user: &User, error: Option<String>) -> TotpSetup {
    let seed = shown_seed(browser, user.id).map_or_else(
        || {
            let seed = Seed::new();
            let shown = Shown { user: user.id, seed: seed.as_bytes().to_vec() };
            let memory = serde_json::to_value(shown).expect("plain JSON");
            browser.keep(&site.app.door.begin(SEED, None, PATIENCE, memory), false);
            seed
        },
        |(_, seed)| seed,
    );
    let account = account_name(user);
    TotpSetup {
        picture: seed.picture(&site.app.settings.theme.name, &account),
        key: seed.text(),
        action: Href::from(site.path("/login/enrol/totp")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        error,
    }
}

/// What tells the accounts of one person apart in an app or a list of passkeys.
pub fn account_name(user: &User) -> String {
    let address = user.email.as_ref().map(|address| address.email.to_string());
    address.or_else(|| user.username.clone()).unwrap_or_else(|| user.shown_name())
}

/// Who has to set up a factor here, and has none.
async fn newcomer(site: &Site, browser: &Browser) -> Result<Waiting, Error> {
    let waiting = waiting_for(site, browser, ENROL).await?;
    if site.app.accounts.factors(&waiting.user).await?.any() {
        // Another tab was quicker: from here on the factor is asked for, not set up.
        return Err(Code::LoginStale.into());
    }
    Ok(waiting)
}

async fn page(site: Site, browser: Browser) -> Result<Response, Error> {
    match pending(&browser) {
        None => Ok(browser.answer(see_other(&site.path("/login")))),
        Some(_) => show(&site, browser, None, None, StatusCode::OK).await,
    }
}

async fn show(
    site: &Site,
    mut browser: Browser,
    error: Option<String>,
    notice: Option<Notice>,
    status: StatusCode,
) -> Result<Response, Error> {
    let Waiting { attempt, user, .. } = newcomer(site, &browser).await?;
    let next = attempt.next.as_ref();
    let login = &site.app.settings.login;
    let page = EnrolPage {
        shell: Arc::clone(&site.shell),
        service: service_link(site, next),
        name: user.shown_name(),
        notice,
        totp: login.mfa.totp.then(|| setup(site, &mut browser, &user, error)),
        passkey: login.passkey.enabled.then(|| PasskeyForm {
            action: Href::from(site.path("/login/enrol/passkey")),
            options: Href::from(site.path("/login/enrol/passkey/options")),
            hidden: vec![Hidden::new("csrf", browser.csrf())],
            primary: !login.mfa.totp,
            ..PasskeyForm::create("enrol-passkey", "Make a passkey")
        }),
        start_again: Href::from(format!("{}{}", site.path("/login"), query(next))),
    };
    Ok(browser.answer(page.answer(status)))
}

#[derive(Deserialize)]
struct CodeFields {
    csrf: String,
    code: Option<String>,
}

async fn totp(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<CodeFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let waiting = newcomer(&site, &browser).await?;
    if !site.app.settings.login.mfa.totp {
        return Err(Code::LoginStale.into());
    }
    let (seed_attempt, seed) = shown_seed(&browser, waiting.user.id).ok_or(Code::LoginStale)?;
    let by = browser.by(Actor::User(waiting.user.id));
    let code = fields.code.unwrap_or_default();
    match site.app.accounts.enrol_totp(&waiting.user, &seed, &code, &by).await? {
        Enrolled::Done(codes) => {
            browser.drop_attempt(&seed_attempt);
            done(&site, browser, waiting, &[Amr::Otp], codes).await
        }
        Enrolled::Wrong => show(&site, browser, Some(NOT_THE_CODE.to_owned()), None, StatusCode::UNAUTHORIZED).await,
        Enrolled::Taken => Err(Code::LoginStale.into()),
    }
}

async fn options(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let waiting = newcomer(&site, &browser).await?;
    let told = passkeys::ask(&site, &mut browser, &waiting.user).await?;
    Ok(browser.answer(told))
}

async fn passkey(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<AnswerFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let waiting = newcomer(&site, &browser).await?;
    let (added, user_verified) = passkeys::add(&site, &mut browser, &waiting.user, &fields).await?;
    match added {
        Added::Done(codes) if user_verified => {
            done(&site, browser, waiting, &[Amr::Passkey, Amr::UserVerified], codes).await
        }
        Added::Done(codes) => done(&site, browser, waiting, &[Amr::Passkey], codes).await,
        Added::Taken | Added::TooMany => {
            let notice = Some(Notice::error("This passkey cannot be used here. Use another one."));
            show(&site, browser, None, notice, StatusCode::CONFLICT).await
        }
    }
}

/// The factor counts: the sign-in ends, and new recovery codes are shown before anything else.
async fn done(
    site: &Site,
    mut browser: Browser,
    waiting: Waiting,
    proven: &[Amr],
    codes: Vec<String>,
) -> Result<Response, Error> {
    let Waiting { attempt, pending, user } = waiting;
    if !site.app.door.spend(&attempt).await? {
        return Err(Code::LoginStale.into());
    }
    browser.drop_attempt(&attempt);
    let proof = proven.iter().fold(pending.proof, |proof, amr| proof.and(*amr));
    if codes.is_empty() {
        return complete(site, browser, &user, proof, attempt.next).await;
    }
    // The token for the service is made when they go on: a person takes longer than a one-time code lives.
    let onward = onward(site, attempt.next.as_ref());
    let signed_in = complete(site, browser, &user, proof, None).await?;
    let page = codes_page(site, "Your account is protected.", codes, onward).answer(StatusCode::OK);
    Ok(with_cookies_of(&signed_in, page))
}

fn onward(site: &Site, next: Option<&Next>) -> Href {
    match next {
        Some(_) => Href::from(format!("{}{}", site.path("/login"), query(next))),
        None => Href::from(site.path("/account")),
    }
}

/// The only time that recovery codes are shown.
pub fn codes_page(site: &Site, what: &'static str, codes: Vec<String>, onward: Href) -> RecoveryCodesPage {
    RecoveryCodesPage { shell: Arc::clone(&site.shell), what, codes, onward }
}

fn with_cookies_of(signed_in: &Response, mut page: Response) -> Response {
    for cookie in signed_in.headers().get_all(SET_COOKIE) {
        page.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    page
}
