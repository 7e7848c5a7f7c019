//! Letters that stay here, to be looked at while developing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Mail, MailError, Mailer};
use crate::clock::Clock;

/// How many letters are kept; older ones make room.
const ROOM: usize = 100;

/// A letter that went nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// 1 for the first letter since the start, and so on.
    pub number: u64,
    /// When it was sent.
    pub at: OffsetDateTime,
    /// The letter.
    pub mail: Mail,
}

/// Keeps the last letters in memory.
#[derive(Clone)]
pub struct Sink {
    kept: Arc<Mutex<VecDeque<Kept>>>,
    clock: Arc<dyn Clock>,
}

impl Sink {
    /// Empty.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { kept: Arc::default(), clock }
    }

    /// The letters, the newest first.
    pub fn letters(&self) -> Vec<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

#[async_trait]
impl Mailer for Sink {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == ROOM {
            kept.pop_front();
        }
        let number = kept.back().map_or(1, |last| last.number + 1);
        kept.push_back(Kept { number, at: self.clock.now(), mail: mail.clone() });
        Ok(())
    }
}
