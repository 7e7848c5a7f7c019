//! `/signup`: an account of one's own, made when its address is proven.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use time::Duration;
use time::format_description::well_known::Rfc3339;

use super::browser::Browser;
use super::error::{Code, Error};
use super::federated::Target;
use super::fields::{Form, Query};
use super::finish::{finish, see_other};
use super::limit::{Limit, count_all};
use super::login::{PASSWORD, Typed, hidden, methods, query, sends_links, service_link};
use super::page::{
    Field, Hidden, Href, Methods, Moment, Page, SignUpConfirmPage, SignUpErrors, SignUpForm, SignUpPage, SignUpSentPage,
};
use super::site::{Running, Site};
use crate::account::signing_up::{METHOD, SignUp, SignedUp};
use crate::clock::moment;
use crate::config::settings::Signup;
use crate::config::{Rate, Span};
use crate::domain::audit::Actor;
use crate::domain::email::Email;
use crate::domain::identity::own_name;
use crate::domain::password::{About, Known};
use crate::domain::proof::{Amr, Proof};
use crate::login::door::Carrier;
use crate::login::{Attempt, Next, magic_link};
use crate::mail::notice::Letter;

/// For how long the mailed link is good.
const LASTS: Duration = Duration::hours(24);
/// How often the password may be typed where the link is opened in another browser.
const TRIES: u32 = 5;
/// What somebody sees whose password is not the one they signed up with.
const WRONG: &str = "This is not the password you chose when you signed up.";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/signup", get(page).post(ask))
        .route("/signup/check-mail", get(check_mail))
        .route("/signup/confirm", get(landing).post(confirm))
}

/// Whether the login page leads here.
pub fn is_offered(site: &Site, next: Option<&Next>) -> bool {
    by_mail(site, next) || site.app.settings.login.signup == Signup::Providers && has_providers(site, next)
}

/// Whether an account is made with an address alone.
fn by_mail(site: &Site, next: Option<&Next>) -> bool {
    site.app.accounts.is_open() && site.app.sends_letters() && (takes_password(site, next) || takes_link(site, next))
}

fn has_providers(site: &Site, next: Option<&Next>) -> bool {
    site.app.providers.iter().any(|(id, _)| site.app.may_use(id, next))
}

fn takes_password(site: &Site, next: Option<&Next>) -> bool {
    site.app.settings.login.password.enabled && site.app.may_use(PASSWORD, next)
}

fn takes_link(site: &Site, next: Option<&Next>) -> bool {
    sends_links(site) && site.app.may_use(magic_link::METHOD, next)
}

async fn page(site: Site, browser: Browser, Query(target): Query<Target>) -> Result<Response, Error> {
    let next = target.parse(&site)?;
    if browser.visitor().await?.is_some() {
        return Ok(browser.answer(see_other(&format!("{}{}", site.path("/login"), query(next.as_ref())))));
    }
    if !is_offered(&site, next.as_ref()) {
        return Err(Code::SignupClosed.into());
    }
    Ok(show(&site, browser, next.as_ref(), Fields::default(), SignUpErrors::default()))
}

fn show(site: &Site, browser: Browser, next: Option<&Next>, typed: Fields, errors: SignUpErrors) -> Response {
    let wrong = !errors.is_empty();
    let providers: Vec<String> = site.app.providers.iter().map(|(id, _)| id.to_owned()).collect();
    let form = by_mail(site, next).then(|| SignUpForm {
        action: Href::from(site.path("/signup")),
        hidden: hidden(&browser, next),
        email: Field::new(typed.email, errors.email),
        name: Field::new(typed.name, errors.name),
        password: takes_password(site, next).then(|| Field::new(String::new(), errors.password)),
        is_password_optional: takes_link(site, next),
        min_length: site.app.least_characters(site.app.is_only_factor_of_newcomers()),
        terms: site.shell.terms.clone().map(|url| (url, errors.terms)),
        submit: "Create the account",
    });
    let page = SignUpPage {
        shell: Arc::clone(&site.shell),
        service: service_link(site, next),
        methods: Methods {
            password: None,
            magic_link: None,
            ..methods(site, &browser, next, Typed::default(), Some(&providers))
        },
        form,
        login: Href::from(format!("{}{}", site.path("/login"), query(next))),
    };
    browser.answer(page.answer_on_the_way(if wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK }, next))
}

#[derive(Default, Deserialize)]
struct Fields {
    csrf: String,
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    terms: Option<String>,
    next: Option<String>,
    service: Option<String>,
}

/// What somebody types who makes an account, here or with an invitation.
pub struct Typing<'a> {
    pub email: &'a Email,
    pub name: &'a str,
    pub password: &'a str,
    pub terms: bool,
    pub is_password_optional: bool,
}

/// Who an account is made for, or what is wrong with what they typed. It depends on nothing but that.
pub async fn newcomer(
    site: &Site,
    browser: &Browser,
    typing: Typing<'_>,
    mut errors: SignUpErrors,
) -> Result<Result<SignUp, SignUpErrors>, Error> {
    let Typing { email, name, password, terms, is_password_optional } = typing;
    let name = own_name(name).unwrap_or_else(|error| {
        errors.name = Some(error.to_string());
        None
    });
    if !(password.is_empty() && is_password_optional) {
        errors.password = unfit(site, password, email, name.as_deref()).await?;
    }
    let terms_url = site.app.settings.login.terms_url.as_ref();
    if terms_url.is_some() && !terms {
        errors.terms = Some("Accept the terms to go on.".into());
    }
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    let accounts = &site.app.accounts;
    let hash = if password.is_empty() { None } else { Some(accounts.hasher().hash(password).await?) };
    let at = site.app.now().format(&Rfc3339).map_err(Error::internal)?;
    Ok(Ok(SignUp {
        email: email.clone(),
        name,
        password: hash,
        terms: terms_url.map(|url| format!("{url} {at}")),
        browser: browser.device(),
        asked_at: site.app.now().unix_timestamp(),
    }))
}

/// Why the text may not become their password.
async fn unfit(site: &Site, password: &str, email: &Email, name: Option<&str>) -> Result<Option<String>, Error> {
    let about = About::default().with_email(email).with(Known::Name, name.unwrap_or_default());
    let judged = site.app.judge_password(password, site.app.is_only_factor_of_newcomers(), about).await?;
    Ok((!judged.is_good()).then(|| judged.explained()))
}

/// Mails a link. The answer, and the work behind it, are the same for every address.
async fn ask(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<Fields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let next = Target { next: fields.next.clone(), service: fields.service.clone() }.parse(&site)?;
    if !by_mail(&site, next.as_ref()) {
        return Err(Code::SignupClosed.into());
    }
    let mut errors = SignUpErrors::default();
    let Ok(email) = fields.email.parse::<Email>() else {
        errors.email = Some("This is not an e-mail address. It looks like name@example.org.".into());
        return Ok(show(&site, browser, next.as_ref(), fields, errors));
    };
    errors.email = site.app.accounts.welcomes(&email).err().map(|why| why.to_string());
    let rates = &site.app.settings.rate_limit;
    let limits = [
        Limit::of_client("signup", browser.ip(), rates.signup_ip),
        Limit::of_client("mail", browser.ip(), rates.mail_ip),
    ];
    count_all(&site, browser.ip(), &limits).await?;
    let typing = Typing {
        email: &email,
        name: &fields.name,
        password: &fields.password,
        terms: fields.terms.is_some(),
        is_password_optional: takes_link(&site, next.as_ref()) || !takes_password(&site, next.as_ref()),
    };
    let sign_up = match newcomer(&site, &browser, typing, errors).await? {
        Ok(sign_up) => sign_up,
        Err(errors) => return Ok(show(&site, browser, next.as_ref(), fields, errors)),
    };
    // One mailbox is one count, however many addresses lead to it.
    count_all(&site, browser.ip(), &[Limit::of_name("mail", &email.mailbox(), rates.mail_address)]).await?;
    send(&site, &mut browser, next, &sign_up).await?;
    Ok(browser.answer(see_other(&site.path("/signup/check-mail"))))
}

async fn send(site: &Site, browser: &mut Browser, next: Option<Next>, sign_up: &SignUp) -> Result<(), Error> {
    let memory = serde_json::to_value(sign_up).expect("plain JSON");
    let attempt = site.app.door.begin(METHOD, next, LASTS, memory);
    let link = site.app.url(&format!("/signup/confirm?token={}", site.app.door.seal(&attempt, Carrier::Mail)));
    let (app, email) = (&site.app, &sign_up.email);
    let letters =
        (app.letter(email, &link_letter(site, sign_up, link)), app.letter(email, &known_letter(site, sign_up)));
    app.accounts.ask_to_sign_up(email, &letters.0, &letters.1, app.letters_last()).await?;
    for old in browser.attempts().into_iter().filter(|old| old.method == METHOD) {
        browser.drop_attempt(&old);
    }
    // The browser knows that it asked, and for which address; what was typed is in the mail alone.
    browser.keep(&Attempt { memory: serde_json::json!({ "email": email }), ..attempt }, false);
    Ok(())
}

fn link_letter(site: &Site, sign_up: &SignUp, link: String) -> Letter {
    let name = &site.app.settings.theme.name;
    Letter {
        subject: format!("Confirm your address for {name}"),
        lines: vec![format!("You asked for an account at {name} on {}. One step is left:", sign_up.browser)],
        button: Some(("Create my account".into(), link)),
        small: vec![
            "The link works once, for 24 hours.".into(),
            "If it was not you, ignore this mail: no account is made without it.".into(),
        ],
    }
}

fn known_letter(site: &Site, sign_up: &SignUp) -> Letter {
    let name = &site.app.settings.theme.name;
    Letter {
        subject: format!("You already have an account at {name}"),
        lines: vec![format!(
            "Somebody, perhaps you, tried to make an account with this address on {}. You have one already: just sign in.",
            sign_up.browser
        )],
        button: Some(("Sign in".into(), site.app.url("/login"))),
        small: vec!["If it was not you, ignore this mail: nothing was changed.".into()],
    }
}

/// The letter is on its way.
async fn check_mail(site: Site, browser: Browser) -> Result<Response, Error> {
    let asked = browser.attempts().into_iter().find(|attempt| attempt.method == METHOD);
    let Some(attempt) = asked else { return Ok(browser.answer(see_other(&site.path("/signup")))) };
    let next = attempt.next.as_ref();
    let page = SignUpSentPage {
        shell: Arc::clone(&site.shell),
        service: service_link(&site, next),
        address: attempt.memory["email"].as_str().unwrap_or_default().to_owned(),
        start_again: Href::from(format!("{}{}", site.path("/signup"), query(next))),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

#[derive(Deserialize)]
struct TokenField {
    token: Option<String>,
}

/// The page behind the link. It changes nothing: mail scanners open links, too.
async fn landing(site: Site, browser: Browser, Query(fields): Query<TokenField>) -> Result<Response, Error> {
    let token = fields.token.unwrap_or_default();
    let (attempt, sign_up) = opened(&site, &token).await?;
    Ok(show_landing(&site, browser, (&attempt, &sign_up), token, None))
}

fn show_landing(
    site: &Site,
    browser: Browser,
    (attempt, sign_up): (&Attempt, &SignUp),
    token: String,
    error: Option<String>,
) -> Response {
    let next = attempt.next.as_ref();
    let status = if error.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    let page = SignUpConfirmPage {
        shell: Arc::clone(&site.shell),
        service: service_link(site, next),
        address: sign_up.email.to_string(),
        asked_on: sign_up.browser.clone(),
        password: asks_password(&browser, attempt, sign_up).then(|| Field::new(String::new(), error)),
        action: Href::from(site.path("/signup/confirm")),
        hidden: vec![Hidden::new("csrf", browser.csrf()), Hidden::new("token", token)],
        valid_until: Moment::from(moment(attempt.expires_at)),
    };
    browser.answer(page.answer_on_the_way(status, next))
}

/// Whoever opens the link elsewhere has to know the password: else somebody could choose one for an address that is not theirs, and
/// have its owner press the button.
fn asks_password(browser: &Browser, attempt: &Attempt, sign_up: &SignUp) -> bool {
    sign_up.password.is_some() && browser.attempt(&attempt.id).is_none()
}

#[derive(Deserialize)]
struct ConfirmFields {
    csrf: String,
    token: String,
    #[serde(default)]
    password: String,
}

/// The button: makes the account, once, and signs in.
async fn confirm(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<ConfirmFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let (attempt, sign_up) = opened(&site, &fields.token).await?;
    let accounts = &site.app.accounts;
    if asks_password(&browser, &attempt, &sign_up) {
        let tries = Rate { limit: TRIES, per: Span(Duration::DAY), burst: TRIES };
        Limit::of_name("signup-password", &attempt.id, tries).count(&site).await?;
        if !accounts.is_password_of(&sign_up, &fields.password).await? {
            return Ok(show_landing(&site, browser, (&attempt, &sign_up), fields.token, Some(WRONG.into())));
        }
    }
    // The file may have changed since the letter was sent.
    if !accounts.is_open() || accounts.welcomes(&sign_up.email).is_err() {
        return Err(Code::SignupClosed.into());
    }
    let by = browser.by(Actor::Anonymous);
    let user = match accounts.sign_up(&by, (&attempt.id, attempt.expires_at), &sign_up).await? {
        SignedUp::Made(user) => user,
        SignedUp::Known => return Err(Code::AddressTaken.into()),
        SignedUp::Over => return Err(Code::MailedLinkOver.into()),
    };
    browser.drop_attempt(&attempt);
    let proof = proof_of(&sign_up);
    let next = attempt.next.filter(|next| site.app.may_use(&proof.method, Some(next)));
    finish(&site, browser, &user, proof, next).await
}

/// What somebody has proven who made an account: their address, and the password if they chose one.
pub fn proof_of(sign_up: &SignUp) -> Proof {
    match sign_up.password {
        Some(_) => Proof::of(PASSWORD, Amr::Pwd).and(Amr::Mail),
        None => Proof::of(magic_link::METHOD, Amr::Mail),
    }
}

/// What was said behind a link, unless it is late or over.
async fn opened(site: &Site, token: &str) -> Result<(Attempt, SignUp), Error> {
    let attempt = site.app.door.open(token, Carrier::Mail).filter(|attempt| attempt.method == METHOD);
    let attempt = attempt.ok_or(Code::MailedLinkOver)?;
    let sign_up = serde_json::from_value(attempt.memory.clone()).map_err(|_| Code::MailedLinkOver)?;
    if site.app.door.is_spent(&attempt).await? {
        return Err(Code::MailedLinkOver.into());
    }
    Ok((attempt, sign_up))
}
