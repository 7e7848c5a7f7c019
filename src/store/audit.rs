//! The audit trail: rows are added in the transaction of the deed.

pub mod chained;
pub mod search;

use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};
use uuid::Uuid;

use super::StoreError;
use super::entity::audit_event;
use crate::domain::audit::{By, What};

/// Writes down what happened.
pub async fn append(db: &impl ConnectionTrait, by: &By, what: What, now: i64) -> Result<(), StoreError> {
    let What { event, target, service, provider, details } = what;
    let row = audit_event::ActiveModel {
        id: Set(Uuid::now_v7()),
        at: Set(now),
        event: Set(event.name().to_owned()),
        severity: Set(event.severity().name().to_owned()),
        actor_kind: Set(by.actor.kind().to_owned()),
        actor_id: Set(by.actor.id()),
        target: Set(target.map(|user| user.to_string())),
        service: Set(service),
        provider: Set(provider),
        ip: Set(by.ip.map(|ip| ip.to_string())),
        user_agent: Set(by.user_agent.clone()),
        reference: Set(by.reference.clone()),
        details: Set(details.to_string()),
        seq: Set(None),
        previous: Set(None),
        hash: Set(None),
        salt: Set(None),
        origin: Set(None),
    };
    audit_event::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}
