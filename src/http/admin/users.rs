//! Users: listed, made, shown, changed, handed out, erased.

use axum::Router;
use axum::extract::Path;
use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::guard::Administrator;
use super::once::once;
use super::page;
use super::shown::{Done, ShownUser, WholeUser, tag, tagged};
use crate::account::AccountError;
use crate::account::administration::{ADMIN, Change};
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::identity::{avatar, display_name};
use crate::domain::scope::Scope;
use crate::domain::user::Username;
use crate::http::auth::answer;
use crate::http::error::{Code, Error, Problem};
use crate::http::fields::{Json, Query};
use crate::http::site::Running;
use crate::store::people::{Page, Place, Wanted};
use crate::store::users::NewUser;

/// The routes of this file.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/api/v1/users", get(list).post(add))
        .route("/api/v1/users/{who}", get(show).patch(edit).delete(erase))
        .route("/api/v1/users/{who}/export", get(export))
}

#[derive(Deserialize, utoipa::IntoParams)]
pub struct ListQuery {
    /// An address, the username, the name, or the name behind its first space begins with it; case does not matter.
    search: Option<String>,
    /// They have this role.
    role: Option<String>,
    /// Whether they are locked.
    locked: Option<bool>,
    /// `true`: their address is not proven.
    unverified: Option<bool>,
    /// They can sign in with this provider.
    provider: Option<String>,
    /// `true`: they have never signed in.
    never_signed_in: Option<bool>,
    /// 1 to 200; 50 unless given.
    page_size: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// Some users.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Users {
    users: Vec<ShownUser>,
    /// The `cursor` of the next page; null: this was the last. A page may hold fewer users than asked for and still have a next one.
    next: Option<String>,
}

/// Users, in the order in which they were made; those that a search finds, in the order of what was found.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", security(("api-key" = [])), params(ListQuery),
    responses(
        (status = 200, description = "A page.", body = Users),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(admin: Administrator, Query(query): Query<ListQuery>) -> Result<Response, Error> {
    admin.may(&Scope::UsersRead)?;
    let size = page::size(query.page_size)?;
    let wanted = Wanted {
        search: query.search,
        role: query.role,
        locked: query.locked,
        unverified: query.unverified.unwrap_or(false),
        provider: query.provider,
        never_signed_in: query.never_signed_in.unwrap_or(false),
    };
    let list = ("users", &wanted);
    let after: Option<Place> = page::open(&admin, &list, query.cursor.as_deref())?;
    let Page { people, next } = admin.site.app.store().people(&wanted, after, size).await?;
    let next = next.map(|place| page::seal(&admin, &list, &place));
    Ok(answer(&Users { users: people.into_iter().map(ShownUser::from).collect(), next }))
}

/// A new user. Without a password they sign in by mail, or with a provider that vouches for their address.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserFields {
    email: String,
    /// Whether it is known to be theirs.
    #[serde(default)]
    email_verified: bool,
    /// Made of the address unless given.
    username: Option<String>,
    name: Option<String>,
    /// Beside the default ones; asks for the scope `roles:write`.
    #[serde(default)]
    roles: Vec<String>,
}

/// Makes a user.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", security(("api-key" = [])), params(("idempotency-key" = Option<String>, Header, description = "1 to 200 visible characters; the same request with the same key within 24 hours acts once, and has the same answer.")), request_body = NewUserFields,
    responses(
        (status = 201, description = "The user.", body = ShownUser),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: it contradicts what is there. `under-way`: the same request is being answered.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency-key-reused`: the key came with another request before.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn add(
    admin: Administrator,
    headers: HeaderMap,
    Json(fields): Json<NewUserFields>,
) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    may_give(&admin, &fields.roles)?;
    may_make(&admin, &fields.email)?;
    once(&admin, &headers, ("POST /api/v1/users", &fields), async || {
        let new = new_user(&admin, &fields).await?;
        let made = admin.site.app.accounts.add(new, None, admin.by()).await;
        let user = made.map_err(|error| match error {
            AccountError::Store(error) if error.is_conflict() => Code::AddressTaken.into(),
            error => Error::from(error),
        })?;
        Ok((StatusCode::CREATED, shown(&admin, user.id).await?.user))
    })
    .await
}

/// Whoever has an address of `admin.emails` administrates: only administrators make accounts for them.
pub fn may_make(admin: &Administrator, email: &str) -> Result<(), Error> {
    let administrates = email.parse::<Email>().is_ok_and(|email| admin.site.app.settings.admin.emails.contains(&email));
    if administrates && !admin.is_admin() {
        return Err(Error::new(Code::DeedRefused).detail("The address is an administrator's."));
    }
    Ok(())
}

/// Nobody gives what they do not have, and nothing that is not there.
pub fn may_give(admin: &Administrator, roles: &[String]) -> Result<(), Error> {
    if roles.is_empty() {
        return Ok(());
    }
    admin.may(&Scope::RolesWrite)?;
    for role in roles {
        if !admin.site.app.settings.roles.contains(role) {
            return Err(Error::bad_request("There is no such role."));
        }
        if !admin.is_admin() && (role == ADMIN || !admin.roles().contains(role)) {
            return Err(Error::new(Code::DeedRefused).detail("Nobody gives a role that they do not have."));
        }
    }
    Ok(())
}

async fn new_user(admin: &Administrator, fields: &NewUserFields) -> Result<NewUser, Error> {
    let email: Email = fields.email.parse().map_err(|_| Error::bad_request("`email` is not an e-mail address."))?;
    let username = match &fields.username {
        None => Username::suggested(email.local_part()),
        Some(wish) => {
            let name = Username::new(wish).ok_or_else(|| Error::bad_request("`username` may not be a username."))?;
            if admin.site.app.store().user_by_username(wish).await?.is_some() {
                return Err(Error::new(Code::Conflict).detail("The username is taken."));
            }
            Some(name)
        }
    };
    let mut roles = admin.site.app.settings.login.default_roles.clone();
    roles.extend(fields.roles.iter().cloned());
    let name = fields.name.as_deref().and_then(display_name);
    Ok(NewUser { username, name, email: Some((email, fields.email_verified)), roles, ..NewUser::default() })
}

/// The user with everything that is known of them.
async fn shown(admin: &Administrator, id: UserId) -> Result<WholeUser, Error> {
    let store = admin.site.app.store();
    let person = store.person(id).await?.ok_or_else(|| Error::new(Code::NotFound).detail("There is no such user."))?;
    let (extra, old_ids) = (store.extra_of(id).await?, store.aliases_of(id).await?);
    Ok(WholeUser { user: person.into(), extra, old_ids })
}

/// One user.
#[utoipa::path(
    get, path = "/api/v1/users/{who}", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "The user.", body = WholeUser, headers(("etag" = String, description = "Their version."))),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersRead)?;
    let user = admin.find(&who).await?;
    Ok(tagged(&shown(&admin, user.id).await?))
}

/// What becomes different. What is not there stays; null takes away.
#[expect(clippy::option_option, reason = "what is not said is not what is taken away")]
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditFields {
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    username: Option<Option<String>>,
    /// An `https` address.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    avatar_url: Option<Option<String>>,
    /// Whether the main address counts as proven.
    email_verified: Option<bool>,
    /// Merged into what is there (RFC 7396); at most 16 KiB in the end.
    #[schema(value_type = Option<Object>)]
    extra: Option<Map<String, Value>>,
}

/// Tells null from not there.
#[expect(clippy::option_option, reason = "what is not said is not what is taken away")]
fn said<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(from).map(Some)
}

impl EditFields {
    fn change(self) -> Result<Change, Error> {
        let Self { name, username, avatar_url, email_verified, extra } = self;
        let picture = |url: &str| avatar(url).map(String::from);
        Ok(Change {
            name: read(name, display_name, "`name` may not be a name.")?,
            username: read(username, Username::new, "`username` may not be a username.")?,
            avatar_url: read(avatar_url, picture, "`avatar_url` is not an https address.")?,
            extra,
            verified: email_verified,
        })
    }
}

#[expect(clippy::option_option, reason = "what is not said is not what is taken away")]
fn read<T>(
    said: Option<Option<String>>,
    read: impl Fn(&str) -> Option<T>,
    complaint: &str,
) -> Result<Option<Option<T>>, Error> {
    match said {
        None => Ok(None),
        Some(None) => Ok(Some(None)),
        Some(Some(text)) => Ok(Some(Some(read(&text).ok_or_else(|| Error::bad_request(complaint))?))),
    }
}

/// Changes a user. Roles, locks, passwords and identities have routes of their own.
#[utoipa::path(
    patch, path = "/api/v1/users/{who}", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id."), ("if-match" = Option<String>, Header, description = "The `ETag` the caller has seen.")), request_body = EditFields,
    responses(
        (status = 200, description = "The user.", body = WholeUser, headers(("etag" = String, description = "Their version."))),
        (status = 400, description = "`bad-request`: the request cannot be understood.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: it contradicts what is there. `under-way`: the same request is being answered.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`stale`: the user has been changed meanwhile.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn edit(
    admin: Administrator,
    Path(who): Path<String>,
    headers: HeaderMap,
    Json(fields): Json<EditFields>,
) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    let change = fields.change()?;
    let version = match headers.get(IF_MATCH).map(|value| value.to_str().unwrap_or_default()) {
        None | Some("*") => None,
        Some(said) if said == tag(user.version) => Some(user.version),
        Some(_) => return Err(Code::Stale.into()),
    };
    admin.office().edit(user.id, change, version).await?;
    Ok(tagged(&shown(&admin, user.id).await?))
}

/// Erases a user and everything that is theirs, at once and for good.
#[utoipa::path(
    delete, path = "/api/v1/users/{who}", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "They are gone.", body = Done),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn erase(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    admin.office().erase(user.id).await?;
    Ok(answer(&Done { changed: true }))
}

/// Everything that is kept of a user, without what opens the account.
#[utoipa::path(
    get, path = "/api/v1/users/{who}/export", tag = "users", security(("api-key" = [])), params(("who" = String, Path, description = "An id, an address, a username, or an old id.")),
    responses(
        (status = 200, description = "A document for the person it is about.", body = Object),
        (status = 401, description = "`api-key-refused`: there is no key, or it cannot be used here and now.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: nobody does this to themselves, to the last administrator, or to somebody above them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such thing.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn export(admin: Administrator, Path(who): Path<String>) -> Result<Response, Error> {
    admin.may(&Scope::UsersWrite)?;
    let user = admin.find(&who).await?;
    Ok(answer(&admin.office().export(user.id).await?))
}
