//! Passwords: argon2id, a bounded number at once, the same work whether or not the account exists.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use super::AccountError;
use crate::config::settings;

/// How long a password waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hashes and checks passwords off the async threads, a bounded number at once.
#[derive(Clone)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    argon2: Argon2<'static>,
    min_length: usize,
    max_length: usize,
    /// The hash of a password nobody has: checked where there is no account, so that the answer takes as long.
    nobody: Arc<str>,
}

/// What a check of a password found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It is not the password.
    Wrong,
    /// It is.
    Right,
    /// It is, and its hash is weaker than today's parameters: store this one.
    Outdated(String),
}

/// Why a text cannot become a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Fewer code points than asked for.
    #[error("A password has at least {0} characters.")]
    TooShort(usize),
    /// More than are hashed.
    #[error("A password has at most {0} characters.")]
    TooLong(usize),
}

impl Hasher {
    /// A hasher with the parameters of the file.
    pub fn new(settings: &settings::Password) -> Self {
        let params =
            Params::new(settings.argon2_memory_kib, settings.argon2_iterations, settings.argon2_parallelism, None)
                .expect("the ranges of the file lie within argon2's own");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash_with(&argon2, "correct horse battery staple");
        Self {
            turns: Arc::new(Semaphore::new(settings.max_parallel_hashes)),
            argon2,
            min_length: settings.min_length,
            max_length: settings.max_length,
            nobody: nobody.into(),
        }
    }

    /// Whether the text may become a password.
    pub fn fits(&self, password: &str) -> Result<(), Unfit> {
        let length = normal(password).chars().count();
        if length < self.min_length {
            return Err(Unfit::TooShort(self.min_length));
        }
        if length > self.max_length {
            return Err(Unfit::TooLong(self.max_length));
        }
        Ok(())
    }

    /// Whether a stored hash is of a kind that can be checked.
    pub fn recognises(&self, hash: &str) -> bool {
        PasswordHash::new(hash).is_ok_and(|hash| hash.algorithm.as_str().starts_with("argon2"))
    }

    /// The PHC string to store.
    pub async fn hash(&self, password: &str) -> Result<String, AccountError> {
        let (argon2, password) = (self.argon2.clone(), normal(password));
        self.in_turn(move || hash_with(&argon2, &password)).await
    }

    /// Checks a password; `None` as the stored hash does the same work and says `Wrong`.
    pub async fn check(&self, password: &str, stored: Option<&str>) -> Result<Checked, AccountError> {
        let password = normal(password);
        if password.chars().count() > self.max_length {
            return Ok(Checked::Wrong);
        }
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.nobody).to_owned();
        let argon2 = self.argon2.clone();
        self.in_turn(move || {
            let Ok(hash) = PasswordHash::new(&stored) else { return Checked::Wrong };
            let right = argon2.verify_password(password.as_bytes(), &hash).is_ok();
            if !(right && known) {
                return Checked::Wrong;
            }
            match Params::try_from(&hash) {
                Ok(params) if is_as_strong(&params, argon2.params()) => Checked::Right,
                _ => Checked::Outdated(hash_with(&argon2, &password)),
            }
        })
        .await
    }

    /// Runs the work on a thread for blocking work, when it is its turn.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccountError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(AccountError::Busy) };
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|_| AccountError::Busy)
    }
}

fn is_as_strong(have: &Params, want: &Params) -> bool {
    have.m_cost() >= want.m_cost() && have.t_cost() >= want.t_cost() && have.p_cost() == want.p_cost()
}

/// Composed and decomposed spellings of a password are the same password (NIST SP 800-63B-4 §3.1.1.2).
fn normal(password: &str) -> String {
    password.nfkc().collect()
}

fn hash_with(argon2: &Argon2<'_>, password: &str) -> String {
    let hash: PasswordHash = argon2.hash_password(password.as_bytes()).expect("the system has random bytes for a salt");
    hash.to_string()
}
