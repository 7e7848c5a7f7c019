//! The outbox at work: letters and tellings go in with the change they belong to, and out until somebody has them.

use time::Duration;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::App;
use crate::extension::delivery;
use crate::mail::{Mail, MailError};
use crate::store::StoreError;
use crate::store::outbox::{self, Lane, MAIL, Outcome, Parcel, SEALED_FOR};

/// How many parcels of a lane are delivered side by side.
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
        self.house.parcels.notify_waiters();
        Ok(())
    }

    /// Delivers what is due in the lane; returns how many parcels were tried.
    pub async fn deliver_due(&self, lane: Lane) -> Result<usize, StoreError> {
        let claimed = outbox::claim(self.store().write(), lane, self.now(), AT_ONCE, delivery::LEASE).await?;
        let tried = claimed.len();
        let mut under_way = match lane {
            Lane::Letters => self.send_letters(claimed),
            Lane::Tellings => delivery::send_off(&self.extensions, claimed, |id, sealed| self.unseal(id, sealed)),
        };
        while let Some(done) = under_way.join_next().await {
            if let Ok((parcel, outcome)) = done {
                outbox::settle(self.store().write(), &parcel, &outcome, self.now()).await?;
            }
        }
        Ok(tried)
    }

    fn send_letters(&self, parcels: Vec<Parcel>) -> JoinSet<(Parcel, Outcome)> {
        let mut under_way = JoinSet::new();
        for parcel in parcels {
            let app = self.clone();
            under_way.spawn(async move {
                let outcome = app.send(&parcel).await;
                (parcel, outcome)
            });
        }
        under_way
    }

    async fn send(&self, parcel: &Parcel) -> Outcome {
        let plain = self.unseal(parcel.id, &parcel.sealed);
        let mail: Option<Mail> = match plain.and_then(|plain| serde_json::from_slice(&plain).ok()) {
            Some(mail) => mail,
            None => return Outcome::Hopeless,
        };
        let Some(mail) = mail else { return Outcome::Taken };
        // What a late letter offers is over.
        let Some(mailer) = self.mailer.as_ref().filter(|_| self.now() < parcel.expires_at) else {
            return Outcome::Hopeless;
        };
        match mailer.send(&mail).await {
            Ok(()) => Outcome::Taken,
            Err(MailError::Later(reason)) => Outcome::Failed(reason),
            Err(error @ MailError::Refused(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a letter was refused");
                Outcome::Hopeless
            }
        }
    }

    fn unseal(&self, id: Uuid, sealed: &str) -> Option<Vec<u8>> {
        self.house.master.open(SEALED_FOR, &id.to_string(), sealed)
    }
}
