//! People with passwords.

use crate::domain::audit::By;
use crate::domain::user::{User, Username};
use crate::it::stage::{Browser, Stage};
use crate::store::users::NewUser;

pub const SECRET: &str = "correct battery horse";
pub const OTHER: &str = "purple elephants dance at noon";

/// Somebody with a password: `ada@example.org`, called `ada`.
pub async fn with_password(stage: &Stage, name: &str) -> User {
    add(stage, name, Some(SECRET)).await
}

/// Somebody, perhaps without a password.
pub async fn add(stage: &Stage, name: &str, password: Option<&str>) -> User {
    let email = format!("{name}@example.org").parse().unwrap();
    let new = NewUser { username: Username::new(name), email: Some((email, true)), ..NewUser::default() };
    stage.app.accounts.add(new, password, &By::command()).await.unwrap()
}

/// Types it into the login page; stays with the first answer.
pub async fn types(browser: &mut Browser, name: &str, password: &str) -> u16 {
    browser.open("/login").await.fill_in("#email", name).fill_in("#password", password);
    browser.press_only("#password-submit").await.status()
}

/// The names of all events that were written down, the oldest first.
pub async fn events(stage: &Stage) -> Vec<String> {
    use sea_orm::{EntityTrait as _, QueryOrder as _};

    use crate::store::entity::audit_event::{Column, Entity};
    let rows = Entity::find().order_by_asc(Column::Id).all(stage.app.store().read()).await.unwrap();
    rows.into_iter().map(|row| row.event).collect()
}

/// Gives somebody an app for one-time passwords, as if they had set it up.
pub async fn give_totp(stage: &Stage, user: crate::domain::id::UserId) {
    use sea_orm::{ActiveValue::Set, EntityTrait as _};

    use crate::store::entity::totp::{ActiveModel, Entity};
    let now = stage.now();
    let row = ActiveModel {
        user_id: Set(user.0),
        sealed: Set("sealed".into()),
        confirmed_at: Set(Some(now)),
        last_step: Set(0),
        created_at: Set(now),
    };
    Entity::insert(row).exec_without_returning(stage.app.store().write()).await.unwrap();
}
