//! `hash-secret`: the hash of a password, as it is kept here.

use super::{Desk, Failure};
use crate::account::Hasher;

/// Reads the secret and prints its hash.
pub async fn run(desk: &mut Desk) -> Result<(), Failure> {
    let settings = desk.load()?.settings;
    let secret = desk.secret("Secret")?;
    if secret.is_empty() {
        return Err(Failure::usage("there is nothing to hash"));
    }
    let hash = Hasher::new(&settings.login.password).hash(&secret).await?;
    desk.say(hash)
}
