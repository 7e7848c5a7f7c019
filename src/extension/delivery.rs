//! From an event to the extensions that listen: what goes into the outbox with the change, and how it is told.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Delivery, Event, EventKind, Extension};
use crate::plugin::Registry;
use crate::store::outbox::{Outcome, Parcel};

/// What the channel of an extension begins with; its id follows.
pub const CHANNEL: &str = "extension:";
/// How long a claimed parcel is left to whoever claimed it; longer than any deadline of an extension.
pub const LEASE: Duration = Duration::seconds(90);

/// What one extension is to be told: for the outbox, in the transaction of the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// Names the parcel, and the delivery at every try.
    pub id: Uuid,
    /// Where it goes.
    pub channel: String,
    /// To be sealed.
    pub plain: Vec<u8>,
    /// Not tried again after this.
    pub expires_at: OffsetDateTime,
}

#[derive(Serialize, Deserialize)]
struct Told {
    kind: EventKind,
    at: i64,
    payload: Value,
}

/// What each extension that listens is to be told about the event.
pub fn tellings(extensions: &Registry<dyn Extension>, event: &Event<'_>) -> Vec<Telling> {
    let telling = |(name, extension): (&str, &Arc<dyn Extension>)| {
        let told = Told { kind: event.kind, at: event.at.unix_timestamp(), payload: extension.payload(event)? };
        Some(Telling {
            id: Uuid::now_v7(),
            channel: format!("{CHANNEL}{name}"),
            plain: serde_json::to_vec(&told).expect("values and numbers are JSON"),
            expires_at: event.at + extension.retry_for(),
        })
    };
    extensions.iter().filter_map(telling).collect()
}

/// Tells the extensions side by side. Each outcome is there as soon as its extension is done, for `outbox::settle`.
///
/// `open` opens what was sealed for the parcel's id. A parcel whose task panicked is due again when its lease is over.
pub fn send_off(
    extensions: &Registry<dyn Extension>,
    parcels: Vec<Parcel>,
    open: impl Fn(Uuid, &str) -> Option<Vec<u8>>,
) -> JoinSet<(Parcel, Outcome)> {
    let mut under_way = JoinSet::new();
    for parcel in parcels {
        let extension = parcel.channel.strip_prefix(CHANNEL).and_then(|name| extensions.get(name)).cloned();
        let delivery = open(parcel.id, &parcel.sealed).and_then(|plain| unpack(parcel.id, &plain));
        under_way.spawn(async move {
            let outcome = match (extension, delivery) {
                (Some(extension), Some(delivery)) => match extension.deliver(&delivery).await {
                    Ok(()) => Outcome::Taken,
                    Err(error) => Outcome::Failed(error.to_string()),
                },
                _ => Outcome::Hopeless,
            };
            (parcel, outcome)
        });
    }
    under_way
}

fn unpack(id: Uuid, plain: &[u8]) -> Option<Delivery> {
    let Told { kind, at, payload } = serde_json::from_slice(plain).ok()?;
    let at = OffsetDateTime::from_unix_timestamp(at).ok()?;
    Some(Delivery { id: id.simple().to_string(), kind, at, payload })
}
