//! Tells the log: one line for each event, with ids and nothing personal.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use time::Duration;

use super::{Delivery, Event, Events, Extension, ExtensionError, Mode};
use crate::plugin::Kind;

/// `kind = "log"`.
pub const KIND: Kind<dyn Extension> = Kind {
    name: "log",
    schema: |generator| generator.subschema_for::<LogSection>(),
    open: |section, _| {
        let LogSection { events } = section.read()?;
        let mistakes = events.mistakes(section, Mode::Notify);
        if mistakes.is_empty() { Ok(Arc::new(Log { id: section.id().to_owned(), events })) } else { Err(mistakes) }
    },
};

/// Writes a line for each event.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogSection {
    /// Which events; `["*"]` for all.
    pub events: Events,
}

/// Writes a line for each event.
#[derive(Debug)]
pub struct Log {
    id: String,
    events: Events,
}

#[async_trait]
impl Extension for Log {
    fn payload(&self, event: &Event<'_>) -> Option<Value> {
        let Event { kind, user, method, service, at: _ } = *event;
        self.events.include(kind).then(|| json!({ "user": user.id, "method": method, "service": service }))
    }

    fn retry_for(&self) -> Duration {
        Duration::ZERO
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<(), ExtensionError> {
        let Delivery { id, kind, at, payload } = delivery;
        let text = |name: &str| payload.get(name).and_then(Value::as_str).unwrap_or_default();
        tracing::info!(
            extension.id = %self.id,
            delivery.id = %id,
            event = kind.name(),
            event.at = at.unix_timestamp(),
            user.id = text("user"),
            method = text("method"),
            service = text("service"),
            "{}",
            kind.name(),
        );
        Ok(())
    }
}
