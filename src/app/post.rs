//! The outbox at work: letters and tellings go in with the change they belong to, and out until somebody has them.

use time::Duration;
use uuid::Uuid;

use super::App;
use crate::extension::delivery;
use crate::mail::{Mail, MailError};
use crate::store::StoreError;
use crate::store::outbox::{self, MAIL, Outcome, Parcel, SEALED_FOR};

/// How many parcels are delivered side by side.
const AT_ONCE: u64 = 32;

impl App {
    /// Puts a letter into the outbox; it is tried for `lasts`. `None` is a parcel for nobody, so that asking costs the same for
    /// addresses that get a letter and those that do not.
    pub async fn post(&self, mail: Option<&Mail>, lasts: Duration) -> Result<(), StoreError> {
        let id = Uuid::now_v7();
        let plain = serde_json::to_vec(&mail).expect("a letter is plain JSON");
        let sealed = self.house.master.seal(SEALED_FOR, &id.to_string(), &plain);
        let now = self.now();
        outbox::put(self.store().write(), id, MAIL, sealed, now, now + lasts).await?;
        self.house.parcels.notify_one();
        Ok(())
    }

    /// Delivers what is due; returns how many parcels were tried.
    pub async fn deliver_due(&self) -> Result<usize, StoreError> {
        let claimed = outbox::claim(self.store().write(), self.now(), AT_ONCE, delivery::LEASE).await?;
        let tried = claimed.len();
        let (letters, tellings): (Vec<_>, Vec<_>) = claimed.into_iter().partition(|parcel| parcel.channel == MAIL);
        let master = &self.house.master;
        let open = |id: Uuid, sealed: &str| master.open(SEALED_FOR, &id.to_string(), sealed);
        let mut under_way = delivery::send_off(&self.extensions, tellings, open);
        for parcel in letters {
            let mail = open(parcel.id, &parcel.sealed).and_then(|plain| serde_json::from_slice(&plain).ok());
            let app = self.clone();
            under_way.spawn(async move {
                let outcome = app.send(mail).await;
                (parcel, outcome)
            });
        }
        while let Some(done) = under_way.join_next().await {
            if let Ok((parcel, outcome)) = done {
                self.settle(&parcel, &outcome).await?;
            }
        }
        Ok(tried)
    }

    async fn settle(&self, parcel: &Parcel, outcome: &Outcome) -> Result<(), StoreError> {
        outbox::settle(self.store().write(), parcel, outcome, self.now()).await?;
        Ok(())
    }

    async fn send(&self, mail: Option<Option<Mail>>) -> Outcome {
        let mail = match mail {
            Some(Some(mail)) => mail,
            Some(None) => return Outcome::Taken,
            None => return Outcome::Hopeless,
        };
        let Some(mailer) = &self.mailer else { return Outcome::Hopeless };
        match mailer.send(&mail).await {
            Ok(()) => Outcome::Taken,
            Err(MailError::Later(reason)) => Outcome::Failed(reason),
            Err(error @ MailError::Refused(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a letter was refused");
                Outcome::Hopeless
            }
        }
    }
}
