//! Rules in CEL: the language, and what the file decides with it.

mod entry;
mod gate;
mod language;
mod reasons;
mod roles;
mod vouching;

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Value, json};

use super::stage::{House, Stage};
use crate::store::entity::audit_event;

/// Who signs in at the upstream from now on, and what is said of them.
fn upstream_says(stage: &Stage, subject: &str, claims: &[(&str, Value)]) {
    stage.upstream_knows(subject, &format!("{subject}@example.org"));
    for (name, value) in claims {
        stage.upstream.script().claims[*name] = value.clone();
    }
}

/// The details of all events of this name, the oldest first.
async fn events(house: &House, name: &str) -> Vec<Value> {
    let which = audit_event::Entity::find().filter(audit_event::Column::Event.eq(name));
    let rows = which.order_by_asc(audit_event::Column::Id).all(house.app.store().read()).await.unwrap();
    rows.into_iter().map(|row| serde_json::from_str(&row.details).unwrap_or(json!(null))).collect()
}

async fn roles(house: &House, name: &str) -> Vec<String> {
    house.user(&format!("{name}@example.org")).await.roles
}
