//! `/auth/access`: may this user do this to that item.

use axum::response::Response;
use serde::Serialize;

use super::answers::answer;
use super::asker::Asker;
use super::noted::unanswered;
use crate::domain::access::{Access, Item, Wish};
use crate::http::error::{Error, Problem};
use crate::http::fields::Json;
use crate::http::tree::{Place, Tree};

/// Most checks of one request.
const MOST_CHECKS: usize = 100;
/// Longest action and longest kind of item, in bytes.
const LONGEST_WORD: usize = 64;
/// Longest id of an item, an owner, or somebody in a share list, in bytes.
const LONGEST_NAME: usize = 256;
/// Longest visibility, in bytes.
const LONGEST_VISIBILITY: usize = 32;
/// Most names in a share list.
const MOST_SHARED: usize = 100;

/// Who is asked about, and one deed or many.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the body is read member by member; this describes it")]
pub(super) struct AccessFields {
    /// Id, username or proven address; null is the service itself. Only services say so: anybody else asks about themselves.
    user: Option<String>,
    /// In which service; a service asks in itself.
    service: Option<String>,
    /// At most 100 deeds. Without it `action` and `item` are the only one.
    checks: Option<Vec<Check>>,
    action: Option<String>,
    item: Option<CheckItem>,
}

/// One deed on one item.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the body is read member by member; this describes it")]
struct Check {
    /// `edit`.
    action: String,
    item: CheckItem,
}

/// The item of a deed.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the body is read member by member; this describes it")]
struct CheckItem {
    /// What it is: `page`.
    r#type: String,
    id: Option<String>,
    /// Whose it is: a user id, or a service that acts for itself.
    owner: Option<String>,
    /// `public`, `unlisted`, `shared`, `private`, or a word of your own.
    visibility: Option<String>,
    /// User ids, or `anyone`; at most 100.
    shared_with: Option<Vec<String>>,
}

/// `/auth/access`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum Answered {
    /// Of one deed.
    One(May),
    /// Of several, in their order.
    Many { checks: Vec<May> },
}

/// Whether a deed is allowed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct May {
    allowed: bool,
    /// The rule that says so; only services hear it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

/// Whether somebody may do something to an item, or many things at once.
///
/// A service asks about anybody, with its id and secret or with an API key that has the scope `permissions`; it vouches that it has
/// checked their token, so nothing is asked about how or when they signed in. A person asks about themselves, with the login token or
/// an API key. Who would get no token for the service is allowed nothing.
#[utoipa::path(
    post, path = "/auth/access", tag = "auth",
    security(("client" = []), ("api-key" = []), ("bearer" = []), ("auth-token" = []), ("jwt" = [])),
    request_body = AccessFields,
    responses(
        (status = 200, description = "Whether each is allowed.", body = Answered),
        (status = 400, description = "`bad-request`: a member is missing, given twice, too long or of another type; the detail names it.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid-client`, `api-key-refused`, `login-required`: nobody we know asks.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`access-denied`: they ask about others. `scope-missing`: the API key is not for it.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`: too many questions of this caller.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
        (status = 503, description = "`permission-provider-failed`: it cannot be determined now.", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u64, description = "In seconds."))),
    )
)]
pub(super) async fn access(asker: Asker, Json(tree): Json<Tree>) -> Result<Response, Error> {
    let body = tree.body()?;
    let (wishes, is_single) = wishes(&body)?;
    let meant = asker.meant(&body).await?;
    let said = match asker.about(&meant, &body)? {
        None => vec![Access::silent(); wishes.len()],
        Some(about) => match asker.site().app.may(&about, wishes).await {
            Ok(said) => said,
            Err(error) => return Err(unanswered(asker.site(), &about, error).await),
        },
    };
    let may = |access: Access| May { allowed: access.is_allowed(), by: asker.is_service().then_some(access.by) };
    let mut all = said.into_iter().map(may);
    let one = if is_single { all.next() } else { None };
    Ok(answer(&one.map_or_else(|| Answered::Many { checks: all.collect() }, Answered::One)))
}

/// What is asked, and whether it is a single deed.
fn wishes(body: &Place<'_>) -> Result<(Vec<Wish>, bool), Error> {
    let place = body.get("checks");
    let Some(checks) = place.list()? else { return Ok((vec![wish(body)?], true)) };
    if body.get("action").is_there() || body.get("item").is_there() {
        return Err(Error::bad_request("Give `checks`, or `action` and `item`, and not both."));
    }
    if !(1..=MOST_CHECKS).contains(&checks.len()) {
        let seen = checks.len();
        return Err(Error::bad_request(format!("`checks` has 1 to {MOST_CHECKS} checks; these are {seen}.")));
    }
    let wishes = checks.into_iter().map(|check| wish(&check.object()?)).collect::<Result<_, Error>>()?;
    Ok((wishes, false))
}

fn wish(check: &Place<'_>) -> Result<Wish, Error> {
    let action = check.get("action").needed_word(LONGEST_WORD, "_-")?.to_owned();
    let item = check.get("item").object()?;
    let visibility = item.get("visibility");
    let word = visibility.word(LONGEST_VISIBILITY, "_-")?;
    if word == Some("own") {
        return Err(visibility.wrong("a visibility: whose the item is stands in `owner`"));
    }
    Ok(Wish {
        action,
        item: Item {
            kind: item.get("type").needed_word(LONGEST_WORD, "_-.:")?.to_owned(),
            id: item.get("id").text(LONGEST_NAME)?.map(str::to_owned),
            owner: item.get("owner").text(LONGEST_NAME)?.map(str::to_owned),
            visibility: word.map(str::to_owned),
            shared_with: shared_with(&item.get("shared_with"))?,
            is_orphaned: false,
        },
    })
}

fn shared_with(place: &Place<'_>) -> Result<Vec<String>, Error> {
    let names = place.list()?.unwrap_or_default();
    if names.len() > MOST_SHARED {
        return Err(place.wrong(&format!("a list of at most {MOST_SHARED} names")));
    }
    names.iter().map(|name| Ok(name.needed_text(LONGEST_NAME)?.to_owned())).collect()
}
