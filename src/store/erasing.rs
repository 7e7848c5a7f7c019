//! What is kept of one person: all of it for them to read, and what stays of it when they are gone.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Map, Value, json};

use super::entity::{
    address, alias, api_key, audit_event, identity, passkey, password, permission_record, recovery_code, role_origin,
    service_session, session, shadow_difference, totp, user,
};
use super::{Store, StoreError};
use crate::domain::id::{SessionId, UserId};

/// Most events of an export; older ones are left out, and the export says so.
const EVENTS: u64 = 50_000;
/// Columns that open something, or are only of use to the program.
const SECRET: &[&str] = &[
    "token_hash",
    "hash",
    "sealed",
    "credential",
    "data",
    "username_key",
    "username_skeleton",
    "last_step",
    "seq",
    "previous",
    "salt",
    "refresh_hash",
    "family",
    "origin",
    "rule",
    "user_id",
];

impl Store {
    /// Everything that is kept of the user, by table, without what opens the account.
    pub async fn everything_of(&self, id: UserId) -> Result<Map<String, Value>, StoreError> {
        let db = self.read();
        let mut all = Map::new();
        let person = user::Entity::find_by_id(id.0).one(db).await?;
        let Some(mut person) = person.as_ref().map(shown) else { return Ok(all) };
        person["id"] = json!(id);
        all.insert("account".into(), person);
        all.insert("addresses".into(), rows(db, address::Entity, address::Column::UserId.eq(id.0)).await?);
        all.insert("names_before".into(), rows(db, alias::Entity, alias::Column::UserId.eq(id.0)).await?);
        all.insert("identities".into(), rows(db, identity::Entity, identity::Column::UserId.eq(id.0)).await?);
        let roles = rows(db, role_origin::Entity, role_origin::Column::UserId.eq(id.0)).await?;
        all.insert("roles".into(), roles);
        all.insert("password".into(), rows(db, password::Entity, password::Column::UserId.eq(id.0)).await?);
        all.insert("authenticator_app".into(), rows(db, totp::Entity, totp::Column::UserId.eq(id.0)).await?);
        all.insert("passkeys".into(), rows(db, passkey::Entity, passkey::Column::UserId.eq(id.0)).await?);
        all.insert("api_keys".into(), rows(db, api_key::Entity, api_key::Column::UserId.eq(id.0)).await?);
        let elsewhere = rows(db, service_session::Entity, service_session::Column::UserId.eq(id.0)).await?;
        all.insert("sessions_of_services".into(), elsewhere);
        let codes = recovery_code::Entity::find().filter(recovery_code::Column::UserId.eq(id.0)).count(db).await?;
        let asked = permission_record::Column::Who.eq(id.to_string());
        all.insert("permissions_asked".into(), rows(db, permission_record::Entity, asked).await?);
        let compared = shadow_difference::Column::Who.eq(id.to_string());
        all.insert("permissions_compared".into(), rows(db, shadow_difference::Entity, compared).await?);
        all.insert("recovery_codes".into(), json!({ "count": codes }));
        let mut sessions = rows(db, session::Entity, session::Column::UserId.eq(id.0)).await?;
        name_sessions(&mut sessions);
        all.insert("sessions".into(), sessions);
        all.insert("activity".into(), self.activity_of(id).await?);
        Ok(all)
    }

    async fn activity_of(&self, id: UserId) -> Result<Value, StoreError> {
        let name = id.to_string();
        let about = audit_event::Column::ActorId.eq(&name).or(audit_event::Column::Target.eq(&name));
        let found = audit_event::Entity::find()
            .filter(about)
            .order_by_desc(audit_event::Column::At)
            .limit(EVENTS)
            .all(self.read())
            .await?;
        let mut events: Vec<_> = found.iter().map(shown).collect();
        for (event, row) in events.iter_mut().zip(&found) {
            // Where those sit who run the server is not theirs to know.
            if row.actor_id.as_ref() != Some(&name) && row.actor_kind != "anonymous" {
                (event["ip"], event["user_agent"]) = (Value::Null, Value::Null);
            }
            // Nor are the rules of the file.
            if let Ok(mut details) = serde_json::from_str::<Map<String, Value>>(&row.details)
                && details.remove("rule").is_some()
            {
                event["details"] = Value::Object(details).to_string().into();
            }
        }
        Ok(Value::Array(events))
    }
}

/// What the audit trail holds of somebody who is gone names nobody any more: their id stands for nothing, and from where they came
/// is forgotten. Addresses are never in it whole. What was noted of their permissions goes.
pub async fn pseudonymise(db: &impl ConnectionTrait, id: UserId) -> Result<(), StoreError> {
    audit_event::Entity::update_many()
        .col_expr(audit_event::Column::Ip, Expr::value(None::<String>))
        .col_expr(audit_event::Column::UserAgent, Expr::value(None::<String>))
        // Without it, nobody can try out which address the chain stands for.
        .col_expr(audit_event::Column::Salt, Expr::value(None::<String>))
        .filter(audit_event::Column::ActorId.eq(id.to_string()))
        .exec(db)
        .await?;
    super::shadows::forget_person(db, id).await?;
    super::records::forget_person(db, id).await
}

async fn rows<E>(db: &impl ConnectionTrait, _: E, theirs: Expr) -> Result<Value, StoreError>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E> + Sync,
{
    let found = E::find().filter(theirs).all(db).await?;
    Ok(Value::Array(found.iter().map(shown).collect()))
}

/// A row as JSON, without what opens something; times as people write them.
fn shown<M: ModelTrait>(row: &M) -> Value {
    use sea_orm::{IdenStatic, Iterable};
    let mut fields = Map::new();
    for column in <M::Entity as EntityTrait>::Column::iter() {
        let name = column.as_str();
        if !SECRET.contains(&name) {
            fields.insert(name.to_owned(), said(name, &row.get(column)));
        }
    }
    Value::Object(fields)
}

fn said(name: &str, value: &sea_orm::Value) -> Value {
    use sea_orm::Value as Of;
    match value {
        Of::String(Some(text)) => {
            serde_json::from_str(text).ok().filter(Value::is_array).unwrap_or_else(|| json!(text))
        }
        Of::BigInt(Some(number)) if name == "at" || name.ends_with("_at") => super::users::moment(*number)
            .ok()
            .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
            .map_or(Value::Null, Value::String),
        Of::BigInt(Some(number)) => json!(number),
        Of::Uuid(Some(id)) => json!(id),
        _ => Value::Null,
    }
}

fn name_sessions(sessions: &mut Value) {
    for session in sessions.as_array_mut().into_iter().flatten() {
        let id = session["id"].as_str().and_then(|text| uuid::Uuid::parse_str(text).ok());
        session["id"] = json!(id.map(SessionId));
    }
}
