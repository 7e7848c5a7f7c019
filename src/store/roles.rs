//! Why users have their roles, and what rules are held against when nobody signs in.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entity::{identity, identity_facts, role_origin, user};
use super::users::{from_list, moment};
use super::{Store, StoreError, changes};
use crate::domain::id::UserId;
use crate::domain::identity::Subject;
use crate::domain::role::{Change, Origin, RoleOrigin};

/// What a provider said last of an identity, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub user: UserId,
    pub subject: Subject,
    pub sealed: String,
    /// When it was said, in seconds since 1970.
    pub at: i64,
}

impl Store {
    /// Why the user has their roles. A role without a reason was given by hand before reasons were kept.
    pub async fn role_origins(&self, user: UserId) -> Result<Vec<RoleOrigin>, StoreError> {
        origins(self.read(), user).await
    }

    /// Users of whom something was said that was held against other rules than these, or before this time; in order, behind `after`.
    pub async fn users_to_judge(
        &self,
        rules: &str,
        before: (i64, &[String]),
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<UserId>, StoreError> {
        let (time, providers) = before;
        let is_old = identity_facts::Column::JudgedAt.lt(time);
        let is_due = identity_facts::Column::Provider.is_in(providers.iter().map(String::as_str)).and(is_old);
        let mut which = identity_facts::Entity::find().inner_join(identity::Entity);
        // Not `<>`, which no index finds.
        let is_other = identity_facts::Column::Rules.lt(rules).or(identity_facts::Column::Rules.gt(rules));
        which = which.filter(is_other.or(is_due));
        if let Some(after) = after {
            which = which.filter(identity::Column::UserId.gt(after.0));
        }
        let ids = which.select_only().column(identity::Column::UserId).distinct();
        let ids: Vec<Uuid> =
            ids.order_by_asc(identity::Column::UserId).limit(limit).into_tuple().all(self.read()).await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// What one provider said last of the user; the identity that was used last, if there are several.
    pub async fn said_by(&self, user: UserId, provider: &str) -> Result<Option<Said>, StoreError> {
        let which = identity_facts::Entity::find().find_also_related(identity::Entity);
        let which = which.filter(identity::Column::UserId.eq(user.0)).filter(identity::Column::Provider.eq(provider));
        let row = which.order_by_desc(identity::Column::UsedAt).one(self.read()).await?;
        Ok(row.and_then(said))
    }
}

/// Why the user has their roles.
pub async fn origins(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<RoleOrigin>, StoreError> {
    let rows = role_origin::Entity::find().filter(role_origin::Column::UserId.eq(user.0));
    let rows = rows.order_by_asc(role_origin::Column::Role).order_by_asc(role_origin::Column::Since).all(db).await?;
    rows.into_iter().map(origin).collect()
}

/// Notes where roles come from that are no rule's; what is known already stays.
pub async fn note(
    db: &impl ConnectionTrait,
    user: UserId,
    roles: &[String],
    kind: Origin,
    now: i64,
) -> Result<(), StoreError> {
    if roles.is_empty() {
        return Ok(());
    }
    let rows = roles.iter().map(|role| row(user, role, kind, None, now));
    let known = OnConflict::new().do_nothing().to_owned();
    role_origin::Entity::insert_many(rows).on_conflict(known).exec_without_returning(db).await?;
    Ok(())
}

/// Forgets every reason for a role that was taken away.
pub async fn forget(db: &impl ConnectionTrait, user: UserId, role: &str) -> Result<(), StoreError> {
    let which = role_origin::Entity::delete_many().filter(role_origin::Column::UserId.eq(user.0));
    which.filter(role_origin::Column::Role.eq(role)).exec(db).await?;
    Ok(())
}

/// Carries out what rules changed.
pub async fn carry_out(db: &impl ConnectionTrait, user: UserId, change: &Change, now: i64) -> Result<(), StoreError> {
    note(db, user, &change.by_hand, Origin::Admin, now).await?;
    for one in &change.over {
        let which = role_origin::Entity::delete_many().filter(role_origin::Column::UserId.eq(user.0));
        let which = which.filter(role_origin::Column::Kind.eq(Origin::Rule.name()));
        let which = which.filter(role_origin::Column::Role.eq(&one.role));
        which.filter(role_origin::Column::Provider.eq(&one.provider)).exec(db).await?;
    }
    if !change.add.is_empty() {
        let rows =
            change.add.iter().map(|one| row(user, &one.role, Origin::Rule, Some((&one.rule, &one.provider)), now));
        let key = [
            role_origin::Column::UserId,
            role_origin::Column::Role,
            role_origin::Column::Kind,
            role_origin::Column::Provider,
        ];
        let anew = OnConflict::columns(key).update_column(role_origin::Column::Rule).to_owned();
        role_origin::Entity::insert_many(rows).on_conflict(anew).exec_without_returning(db).await?;
    }
    if !change.given.is_empty() || !change.taken.is_empty() {
        changes::set_roles(db, user, &change.roles, now).await?;
    }
    Ok(())
}

fn row(user: UserId, role: &str, kind: Origin, rule: Option<(&String, &String)>, now: i64) -> role_origin::ActiveModel {
    role_origin::ActiveModel {
        user_id: Set(user.0),
        role: Set(role.to_owned()),
        kind: Set(kind.name().to_owned()),
        provider: Set(rule.map(|(_, provider)| provider.clone()).unwrap_or_default()),
        rule: Set(rule.map(|(rule, _)| rule.clone())),
        since: Set(now),
    }
}

/// Keeps what was said of an identity, which was held against these rules now.
pub async fn keep(
    db: &impl ConnectionTrait,
    subject: &Subject,
    sealed: &str,
    rules: &str,
    now: i64,
) -> Result<(), StoreError> {
    let row = identity_facts::ActiveModel {
        provider: Set(subject.provider.clone()),
        realm: Set(subject.realm.clone()),
        subject: Set(subject.subject.clone()),
        sealed: Set(sealed.to_owned()),
        rules: Set(rules.to_owned()),
        judged_at: Set(now),
        said_at: Set(now),
    };
    let key = [identity_facts::Column::Provider, identity_facts::Column::Realm, identity_facts::Column::Subject];
    let anew = OnConflict::columns(key)
        .update_columns([
            identity_facts::Column::Sealed,
            identity_facts::Column::Rules,
            identity_facts::Column::JudgedAt,
            identity_facts::Column::SaidAt,
        ])
        .to_owned();
    identity_facts::Entity::insert(row).on_conflict(anew).exec_without_returning(db).await?;
    Ok(())
}

/// What was said of these users.
pub async fn said_of(db: &impl ConnectionTrait, users: &[UserId]) -> Result<Vec<Said>, StoreError> {
    let which = identity_facts::Entity::find().find_also_related(identity::Entity);
    let which = which.filter(identity::Column::UserId.is_in(users.iter().map(|user| user.0)));
    Ok(which.all(db).await?.into_iter().filter_map(said).collect())
}

fn said((facts, identity): (identity_facts::Model, Option<identity::Model>)) -> Option<Said> {
    let identity_facts::Model { provider, realm, subject, sealed, said_at, .. } = facts;
    let subject = Subject { provider, realm, subject };
    Some(Said { user: UserId(identity?.user_id), subject, sealed, at: said_at })
}

/// Forgets what was said: no rule asks for it any more.
pub async fn drop_said(db: &impl ConnectionTrait, users: &[UserId]) -> Result<(), StoreError> {
    identity_facts::Entity::delete_many().filter(of(users)).exec(db).await?;
    Ok(())
}

/// Forgets what was said of one identity.
pub async fn unsay(db: &impl ConnectionTrait, subject: &Subject) -> Result<(), StoreError> {
    let key = (subject.provider.clone(), subject.realm.clone(), subject.subject.clone());
    identity_facts::Entity::delete_by_id(key).exec(db).await?;
    Ok(())
}

/// What was said of these users.
fn of(users: &[UserId]) -> Expr {
    let theirs = Query::select()
        .columns([identity::Column::Provider, identity::Column::Realm, identity::Column::Subject])
        .from(identity::Entity)
        .and_where(identity::Column::UserId.is_in(users.iter().map(|user| user.0)))
        .to_owned();
    Expr::cust("(provider, realm, subject)").in_subquery(theirs)
}

/// Notes that all that was said of these users was held against these rules now.
pub async fn judged(db: &impl ConnectionTrait, users: &[UserId], rules: &str, now: i64) -> Result<(), StoreError> {
    identity_facts::Entity::update_many()
        .col_expr(identity_facts::Column::Rules, Expr::value(rules))
        .col_expr(identity_facts::Column::JudgedAt, Expr::value(now))
        .filter(of(users))
        .exec(db)
        .await?;
    Ok(())
}

/// The roles of these users, and why they have them.
pub async fn known(
    db: &impl ConnectionTrait,
    users: &[UserId],
) -> Result<BTreeMap<UserId, (Vec<String>, Vec<RoleOrigin>)>, StoreError> {
    let ids = || users.iter().map(|user| user.0);
    let which = user::Entity::find().select_only().columns([user::Column::Id, user::Column::Roles]);
    let rows: Vec<(Uuid, String)> = which.filter(user::Column::Id.is_in(ids())).into_tuple().all(db).await?;
    let mut known = BTreeMap::new();
    for (id, roles) in rows {
        known.insert(UserId(id), (from_list(&roles)?, Vec::new()));
    }
    let which = role_origin::Entity::find().filter(role_origin::Column::UserId.is_in(ids()));
    for row in which.all(db).await? {
        if let Some((_, origins)) = known.get_mut(&UserId(row.user_id)) {
            origins.push(origin(row)?);
        }
    }
    Ok(known)
}

fn origin(row: role_origin::Model) -> Result<RoleOrigin, StoreError> {
    let kind = Origin::named(&row.kind).ok_or_else(|| StoreError::Corrupt("a role comes from nowhere".into()))?;
    let rule = row.rule.map(|rule| (rule, row.provider));
    Ok(RoleOrigin { role: row.role, kind, rule, since: moment(row.since)? })
}
