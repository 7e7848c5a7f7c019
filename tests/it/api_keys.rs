//! API keys: how they are written, what they open, and who may have them.

mod authorize;
mod exchange;
mod grammar;
mod guesses;
mod owner;
mod pages;
mod refresh;

use std::collections::BTreeSet;

use time::Duration;

use crate::account::api_keys::{KeyOrder, KeyRefusal, MadeKey};
use crate::domain::audit::By;
use crate::domain::id::UserId;
use crate::domain::scope::Scope;
use crate::it::stage::House;
use crate::store::api_keys::Owner;

/// These scopes, as they are written.
pub fn scopes(words: &[&str]) -> BTreeSet<Scope> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

/// A wish for a key that is good for a day.
pub fn order<'a>(owner: &Owner, words: &[&str]) -> KeyOrder<'a> {
    KeyOrder {
        owner: owner.clone(),
        name: "laptop",
        scopes: scopes(words),
        networks: Vec::new(),
        lasts: Duration::DAY,
        refresh: None,
    }
}

/// Makes a key as the command line would.
pub async fn try_add(house: &House, order: KeyOrder<'_>) -> Result<MadeKey, KeyRefusal> {
    house.app.accounts.add_key(order, &house.app.settings.api, &By::command()).await
}

/// A key of this owner that is good for a day.
pub async fn add(house: &House, owner: &Owner, words: &[&str]) -> MadeKey {
    try_add(house, order(owner, words)).await.unwrap()
}

/// A key of Ada, who signs in once at the upstream.
pub async fn of_ada(stage: &crate::it::stage::Stage, words: &[&str]) -> (Owner, String) {
    let owner = ada(stage).await;
    let key = add(stage, &owner, words).await.key.reveal().to_owned();
    (owner, key)
}

/// Ada, as an owner of keys.
pub async fn ada(stage: &crate::it::stage::Stage) -> Owner {
    stage.browser().sign_in().await;
    Owner::User(stage.user("ada@example.org").await.id)
}

/// Whose keys they are.
pub fn person(owner: &Owner) -> UserId {
    match owner {
        Owner::User(id) => *id,
        Owner::Service(id) => panic!("the keys are those of the service {id}"),
    }
}

/// A service, as an owner of keys.
pub fn service(id: &str) -> Owner {
    Owner::Service(id.to_owned())
}
