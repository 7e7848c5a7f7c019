//! `/auth/password/validate`: whether a text would do as a password, and everything that speaks against it.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use time::Duration;

use super::answers::answer;
use crate::config::{Rate, Span};
use crate::domain::email::Email;
use crate::domain::password::{About, Judgement, Known};
use crate::http::client::ClientIp;
use crate::http::error::{Error, Problem};
use crate::http::fields::JsonOrForm;
use crate::http::limit::{Limit, count_all};
use crate::http::site::Running;

/// How often a client may ask: often enough for a page that asks while somebody types.
const RATE: Rate = Rate { limit: 60, per: Span(Duration::MINUTE), burst: 30 };

#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct PasswordWish {
    /// The text that is to become a password.
    password: String,
    /// Whose address it will be; a password close to it is refused.
    email: Option<String>,
    /// Whose name it will be.
    name: Option<String>,
    /// Whose username it will be.
    username: Option<String>,
}

/// `/auth/password/validate`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct PasswordVerdict {
    /// Whether it would do.
    ok: bool,
    /// How hard it is to guess, 0 to 4 (zxcvbn).
    score: u8,
    /// Everything that speaks against it.
    problems: Vec<PasswordProblem>,
}

/// One thing that speaks against a password.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PasswordProblem {
    /// `too_short`, `too_long`, `common`, `similar`, `weak` or `stolen`.
    code: &'static str,
    /// The same for people.
    message: String,
}

impl From<Judgement> for PasswordVerdict {
    fn from(judged: Judgement) -> Self {
        let problems = judged.problems.iter();
        let problems = problems.map(|problem| PasswordProblem { code: problem.code(), message: problem.to_string() });
        Self { ok: judged.is_good(), score: judged.score, problems: problems.collect() }
    }
}

/// Whether a text would do as the password of a new account, by the rule of every form here. Nothing is kept.
#[utoipa::path(
    post, path = "/auth/password/validate", tag = "auth", security(()),
    request_body(content((PasswordWish = "application/json"), (PasswordWish = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Whether it would do, and everything that speaks against it.", body = PasswordVerdict),
        (status = 400, description = "`bad-request`: `password` is missing, or a member is given twice.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is longer than the limit.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`: more than 60 in a minute.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
        (status = 503, description = "`busy`: too many passwords are being checked.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
pub(super) async fn validate(
    State(running): State<Running>,
    ip: Option<axum::Extension<ClientIp>>,
    JsonOrForm(wish): JsonOrForm<PasswordWish>,
) -> Result<Response, Error> {
    let site = running.now();
    let ip = ip.map(|ip| ip.0.0);
    count_all(&site, ip, &[Limit::of_client("validate", ip, RATE)]).await?;
    let mut about = About::default();
    if let Some(email) = wish.email.and_then(|email| email.parse::<Email>().ok()) {
        about = about.with_email(&email);
    }
    about = about.with(Known::Name, wish.name.as_deref().unwrap_or_default());
    about = about.with(Known::Username, wish.username.as_deref().unwrap_or_default());
    let alone = site.app.is_only_factor(None).await?;
    let judged = site.app.judge_password(&wish.password, alone, about).await?;
    Ok(answer(&PasswordVerdict::from(judged)))
}
