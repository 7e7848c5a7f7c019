//! `/auth/limit`: is a value within somebody's limit, and limits that services have counted here.

use axum::response::Response;
use serde::Serialize;
use time::Duration;

use super::answers::answer;
use super::asker::Asker;
use super::noted::unanswered;
use crate::app::{About, AskError, Counter, Tally};
use crate::config::Span;
use crate::http::error::{Code, Error, Problem};
use crate::http::fields::Json;
use crate::http::site::Site;
use crate::http::tree::{Place, Tree};

/// Longest name of a limit, in bytes.
const LONGEST_NAME: usize = 128;
/// Most that is counted at once.
const MOST_COUNT: u32 = 1000;
/// Most that a service lets through in one window by its own word.
const MOST: u32 = 1_000_000_000;
/// The longest window.
const LONGEST_WINDOW: Duration = Duration::days(31);

/// A value, or something to be counted.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the body is read member by member; this describes it")]
pub(super) struct LimitFields {
    /// As in `/auth/access`.
    user: Option<String>,
    /// In which service; a service asks in itself.
    service: Option<String>,
    /// The user's limit of this name.
    limit: Option<String>,
    /// Is this within the limit? Without it something is counted.
    value: Option<f64>,
    /// Instead of `limit`: a name that services share, with `most`.
    key: Option<String>,
    /// With `key`: how much is let through in one window.
    most: Option<u32>,
    /// How much is counted: 1 to 1000; 1 unless given.
    count: Option<u32>,
    /// `60s`, `1h`: 1 second to 31 days. It begins with the first count in it.
    window: Option<String>,
}

/// Whether a value is within a limit.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct WithinLimit {
    /// A limit that nobody has named allows nothing, unless a policy says otherwise.
    allowed: bool,
    /// The most that is allowed, where it is a number.
    limit: Option<f64>,
}

/// What came of counting.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct CountedLimit {
    /// What is not allowed is not counted.
    allowed: bool,
    limit: Option<f64>,
    /// How much is left in this window; null where nothing limits it.
    remaining: Option<i64>,
    /// Seconds until the window ends.
    reset_in: i64,
    /// Seconds to wait, as in `Retry-After`; only where it is not allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<i64>,
}

impl From<Tally> for CountedLimit {
    fn from(tally: Tally) -> Self {
        let Tally { is_allowed, limit, remaining, reset_in } = tally;
        let retry_after = (!is_allowed && reset_in > 0).then_some(reset_in);
        Self { allowed: is_allowed, limit, remaining, reset_in, retry_after }
    }
}

/// `/auth/limit`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum Limited {
    Within(WithinLimit),
    Counted(CountedLimit),
}

/// What is asked.
enum Wanted<'a> {
    Within(&'a str, f64),
    Count(Counter<'a>, u32, Duration),
}

/// Whether a value is within a limit of somebody's, or one more within what is let through in a time.
///
/// With `value` it compares. Without it, and only for services, it counts: against the user's own limit of that name, or against `most`
/// of a `key` that several services share. In one window exactly as much is let through as the limit says, whoever asks and
/// at whichever of our processes.
#[utoipa::path(
    post, path = "/auth/limit", tag = "auth",
    security(("client" = []), ("api-key" = []), ("bearer" = []), ("auth-token" = []), ("jwt" = [])),
    request_body = LimitFields,
    responses(
        (status = 200, description = "Whether it is allowed.", body = Limited),
        (status = 400, description = "`bad-request`: a member is missing, given twice, out of range or of another type; the detail names it.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid-client`, `api-key-refused`, `login-required`: nobody we know asks.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`access-denied`: they ask about others, or are no service and want something counted. `scope-missing`: the API key is not for it.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`: too many questions of this caller.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
        (status = 503, description = "`permission-provider-failed`: it cannot be determined now.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
pub(super) async fn limit(asker: Asker, Json(tree): Json<Tree>) -> Result<Response, Error> {
    let body = tree.body()?;
    let wanted = wanted(&body)?;
    if matches!(wanted, Wanted::Count(..)) && !asker.is_service() {
        return Err(Error::new(Code::AccessDenied).detail("Only services have something counted."));
    }
    let meant = asker.meant(&body).await?;
    let Some(about) = asker.about(&meant, &body)? else {
        return Ok(answer(&Limited::Within(WithinLimit { allowed: false, limit: None })));
    };
    match look(asker.site(), &about, wanted).await {
        Ok(limited) => Ok(answer(&limited)),
        Err(error) => Err(unanswered(asker.site(), &about, error).await),
    }
}

async fn look(site: &Site, about: &About<'_>, wanted: Wanted<'_>) -> Result<Limited, AskError> {
    match wanted {
        Wanted::Within(name, value) => {
            let within = site.app.within(about, name, value).await?;
            Ok(Limited::Within(WithinLimit { allowed: within.said.is_allowed(), limit: within.limit }))
        }
        Wanted::Count(counter, many, window) => {
            Ok(Limited::Counted(site.app.count(about, counter, many, window).await?.into()))
        }
    }
}

fn wanted<'a>(body: &Place<'a>) -> Result<Wanted<'a>, Error> {
    let (name, key) = (body.get("limit").word(LONGEST_NAME, "_-.:")?, body.get("key").word(LONGEST_NAME, "_-.:")?);
    let (value, most, count) =
        (body.get("value").number()?, body.get("most").whole(MOST)?, body.get("count").whole(MOST_COUNT)?);
    let counter = match (name, key, most) {
        (Some(name), None, None) => match value {
            Some(value) => return compared(body, name, value),
            None => Counter::Limit(name),
        },
        (None, Some(key), Some(most)) if value.is_none() => Counter::Shared { key, most },
        _ => return Err(Error::bad_request("Give `limit`, or `key` and `most`; `value` goes with `limit` alone.")),
    };
    Ok(Wanted::Count(counter, count.unwrap_or(1), window(&body.get("window"))?))
}

fn compared<'a>(body: &Place<'a>, name: &'a str, value: f64) -> Result<Wanted<'a>, Error> {
    if body.get("count").is_there() || body.get("window").is_there() {
        return Err(Error::bad_request("Give `value`, or `count` and `window`, and not both."));
    }
    Ok(Wanted::Within(name, value))
}

fn window(place: &Place<'_>) -> Result<Duration, Error> {
    let span = place.needed_text(16)?;
    let window = Span::parse(span).ok().map(|span| span.0);
    let fits =
        |window: &Duration| (Duration::SECOND..=LONGEST_WINDOW).contains(window) && window.subsec_nanoseconds() == 0;
    window.filter(fits).ok_or_else(|| place.wrong("whole seconds from `1s` to `31d`"))
}
