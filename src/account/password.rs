//! Passwords: argon2id, a bounded number at once, the same work whether or not the account exists.

mod bench;
mod stored;

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use tokio::sync::{Semaphore, oneshot};

use super::AccountError;
use crate::config::settings;
use crate::domain::password::{self, About, Judgement, Rule, normal};
use bench::Bench;
use stored::Stored;

/// How long a password waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hashes and checks passwords off the async threads, a bounded number at once.
#[derive(Clone)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    bench: Bench,
    argon2: Argon2<'static>,
    /// For a password beside a second factor.
    rule: Rule,
    /// For a password that is the only factor.
    rule_alone: Rule,
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
            bench: Bench::new(settings.max_parallel_hashes),
            argon2,
            rule: Rule { least: settings.min_length, most: settings.max_length, strength: settings.min_strength },
            rule_alone: Rule {
                least: settings.min_length_alone,
                most: settings.max_length,
                strength: settings.min_strength,
            },
            nobody: nobody.into(),
        }
    }

    /// The rule for a new password; `alone`: there is no second factor beside it.
    pub fn rule(&self, alone: bool) -> Rule {
        if alone { self.rule_alone } else { self.rule }
    }

    /// Whether the text may become a password of somebody about whom this is known; everything that is wrong with it at once.
    pub async fn judge(&self, wish: &str, alone: bool, about: About) -> Result<Judgement, AccountError> {
        let (wish, rule) = (wish.to_owned(), self.rule(alone));
        self.in_turn(move || password::judge(&wish, rule, &about)).await
    }

    /// Whether a hash that another program made can be checked here.
    pub fn recognises(&self, hash: &str) -> bool {
        Stored::read(hash, self.argon2.params()).is_some()
    }

    /// The PHC string to store.
    pub async fn hash(&self, password: &str) -> Result<String, AccountError> {
        let (argon2, password) = (self.argon2.clone(), normal(password));
        self.in_turn(move || hash_with(&argon2, &password)).await
    }

    /// Checks a password; where there is no hash, or none that is known here, it does the same work and says `Wrong`.
    pub async fn check(&self, password: &str, stored: Option<&str>) -> Result<Checked, AccountError> {
        if normal(password).chars().count() > self.rule.most {
            return Ok(Checked::Wrong);
        }
        let stored = stored.map_or_else(String::new, str::to_owned);
        let (argon2, nobody, password) = (self.argon2.clone(), self.nobody.clone(), password.to_owned());
        self.in_turn(move || {
            let own = argon2.params();
            let Some(hash) = Stored::read(&stored, own) else {
                let _same_work = Stored::read(&nobody, own).map(|hash| is_either(&hash, &password));
                return Checked::Wrong;
            };
            match is_either(&hash, &password) {
                false => Checked::Wrong,
                true if hash.is_as_strong(own) => Checked::Right,
                true => Checked::Outdated(hash_with(&argon2, &normal(&password))),
            }
        })
        .await
    }

    /// Runs the work on a thread of the bench, when it is its turn.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccountError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(AccountError::Busy) };
        let (tell, told) = oneshot::channel();
        self.bench.give(move || {
            let result = work();
            drop(turn);
            // Whoever asked may have gone away.
            let _gone = tell.send(result);
        });
        told.await.map_err(|_| AccountError::Busy)
    }
}

/// Whether the password is the one in its normal form, or as it was typed: programs that hashes are imported from did not normalise.
fn is_either(hash: &Stored, password: &str) -> bool {
    let normal = normal(password);
    hash.is_of(normal.as_bytes()) || (normal != password && hash.is_of(password.as_bytes()))
}

fn hash_with(argon2: &Argon2<'_>, password: &str) -> String {
    let hash: PasswordHash = argon2.hash_password(password.as_bytes()).expect("the system has random bytes for a salt");
    hash.to_string()
}
