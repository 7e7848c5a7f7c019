//! What could be safer about an account.

use crate::account::AccountError;
use crate::domain::user::User;
use crate::http::page::{CheckRow, Href};
use crate::http::site::Site;

/// What makes an account safe, and whether it is so.
pub async fn checks(site: &Site, user: &User) -> Result<Vec<CheckRow>, AccountError> {
    let (store, settings) = (site.app.store(), &site.app.settings.login);
    let factors = store.factors(user.id).await?;
    let identities = store.identities(user.id).await?.len();
    let has_password = settings.password.enabled && store.password_hash(user.id).await?.is_some();
    let gets_links = settings.magic_link.enabled && user.email.as_ref().is_some_and(|address| address.verified);
    let ways = identities + usize::from(has_password) + usize::from(gets_links) + usize::from(factors.passkeys > 0);
    let row = |is_good: bool, good: &'static str, bad: &'static str, path: &str| CheckRow {
        is_good,
        text: if is_good { good } else { bad },
        action: Href::from(site.path(path)),
    };
    let is_verified = user.email.as_ref().is_some_and(|address| address.verified);
    let mut rows = vec![
        row(is_verified, "Your address is verified", "Your address is not verified", "/account/addresses"),
        row(ways > 1, "You have more than one way to sign in", "You have one way to sign in only", "/account/security"),
    ];
    if settings.passkey.enabled {
        let has = factors.passkeys > 0;
        rows.push(row(has, "You have a passkey", "You have no passkey yet", "/account/security"));
    }
    if factors.any() && settings.mfa.recovery_codes > 0 {
        let has = factors.recovery_left > 0;
        rows.push(row(has, "You have recovery codes", "You have no recovery codes left", "/account/security"));
    }
    Ok(rows)
}
