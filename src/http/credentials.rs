//! A name and a password (and a code) that reach us through a program: judged exactly as on the login page, and never a session.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::{Code, Error};
use super::guess::Guess;
use super::limit::Limit;
use super::login::PASSWORD;
use super::site::Site;
use crate::account::{Need, Second};
use crate::domain::audit::By;
use crate::domain::proof::{Amr, Proof};
use crate::domain::service::Service;
use crate::domain::user::User;

/// What somebody says who they are, and the client address that is counted.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    /// Address or username.
    pub name: &'a str,
    pub password: &'a str,
    /// A code of an app, or a recovery code.
    pub otp: Option<&'a str>,
    /// Where the person is; `None` if nobody knows.
    pub ip: Option<IpAddr>,
    /// Whether a service says where they are: that exempts nobody, and is counted apart.
    pub is_reported: bool,
    /// The service that asks.
    pub service: &'a Service,
    pub by: &'a By,
}

/// Who it is, if the password is right, and the second factor where one is needed.
///
/// # Errors
/// `credentials-refused` for everything that is not right, whatever it is; `second-factor-needed` where only the code is
/// missing; `too-many-requests` as on the login page.
pub async fn prove(site: &Site, said: Said<'_>) -> Result<(User, Proof), Error> {
    let Said { name, password, service, by, .. } = said;
    let exempt = said.ip.filter(|_| !said.is_reported);
    if !site.app.settings.login.password.enabled || !service.accepts(PASSWORD) {
        return Err(Error::new(Code::AccessDenied).detail("Passwords are not accepted here."));
    }
    let account = site.app.accounts.called(name).await?;
    let guess = Guess::begin_from(site, (exempt, place(site, &said)), account.as_ref(), name).await?;
    let user = match site.app.accounts.arrive_by_password(account.clone(), password).await {
        Ok(Some(user)) => user,
        Ok(None) => {
            guess.was_wrong(site, by, account.as_ref()).await?;
            tracing::info!(service.id = %service.id, reference = by.reference, "a password was refused");
            return Err(Code::CredentialsRefused.into());
        }
        Err(error) => return Err(guess.failed(site, error).await?),
    };
    guess.was_right(site).await?;
    let proof = second(site, &user, Proof::of(PASSWORD, Amr::Pwd), &said).await?;
    Ok((user, proof))
}

/// The same counts as on the login page; where nobody says where the person is, the service is counted instead.
fn place(site: &Site, said: &Said<'_>) -> Limit {
    let rate = site.app.settings.rate_limit.login_ip;
    match said.ip {
        Some(_) if said.is_reported => Limit::of_client(&format!("login-service:{}", said.service.id), said.ip, rate),
        Some(_) => Limit::of_client("login", said.ip, rate),
        None => Limit::of_name("login-service", &said.service.id, rate),
    }
}

/// Adds the second factor where one is needed.
async fn second(site: &Site, user: &User, proof: Proof, said: &Said<'_>) -> Result<Proof, Error> {
    let Said { otp, service, by, .. } = *said;
    match site.app.accounts.need(user, &proof, Some(service)).await? {
        Need::Nothing => return Ok(proof),
        Need::Factor => {}
        Need::Enrol => return Err(Error::new(Code::FactorNeeded).detail("Sign in on our pages once to set one up.")),
    }
    let Some(typed) = otp.filter(|typed| !typed.trim().is_empty()) else { return Err(Code::FactorNeeded.into()) };
    match site.app.accounts.check_second(user, typed, by).await? {
        Second::Right(amr) => Ok(proof.and(amr)),
        Second::Wrong => Err(Code::CredentialsRefused.into()),
        Second::Wait(wait) => Err(Error::too_many_requests(wait.try_into().unwrap_or_default())),
    }
}

/// Name and secret of HTTP Basic, as they are (RFC 7617 §2).
pub fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Error> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (_, Some(_)) => Err(Error::bad_request("There is more than one authorization header.")),
        (None, None) => Ok(None),
        (Some(value), None) => Ok(value.to_str().ok().and_then(decoded)),
    }
}

fn decoded(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_at_checked("basic ".len())?;
    let plain = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic "))?;
    let plain = String::from_utf8(plain).ok()?;
    let (name, secret) = plain.split_once(':')?;
    Some((name.to_owned(), secret.to_owned()))
}
