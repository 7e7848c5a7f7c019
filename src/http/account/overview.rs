//! What the overview of an account says beside who it is: what could be safer, and what happened lately.

use crate::account::AccountError;
use crate::domain::audit::Event;
use crate::domain::user::User;
use crate::http::browser::device;
use crate::http::page::{CheckRow, DeedRow, Href, Moment};
use crate::http::site::Site;
use crate::store::StoreError;

/// How much of what happened is shown.
const DEEDS: u64 = 5;

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

/// What happened lately.
pub async fn deeds(site: &Site, user: &User) -> Result<Vec<DeedRow>, StoreError> {
    let deeds = site.app.store().recent_deeds(user.id, DEEDS).await?;
    let rows = deeds.into_iter().map(|deed| DeedRow {
        text: words(deed.event),
        device: deed.user_agent.as_deref().map(|text| device(Some(text))),
        at: Moment::from(deed.at),
    });
    Ok(rows.collect())
}

/// An event in the words of the person it is about.
pub fn words(event: Event) -> &'static str {
    match event {
        Event::UserCreated => "The account was made",
        Event::UserLogin => "Signed in",
        Event::UserLoginFailed => "A sign-in failed",
        Event::UserLogout => "Signed out",
        Event::UserUpdated => "The profile was changed",
        Event::UserLocked => "The account was locked",
        Event::UserUnlocked => "The account was unlocked",
        Event::UserDeletionAsked => "The account was to be deleted",
        Event::UserDeletionUndone => "The account was kept",
        Event::UserExported => "The data was downloaded",
        Event::AddressAdded => "An address was added",
        Event::AddressVerified => "The address was verified",
        Event::AddressChanged => "The main address was changed",
        Event::AddressRemoved => "An address was removed",
        Event::AddressChangeUndone => "A change of address was taken back",
        Event::IdentityLinked => "A way to sign in was connected",
        Event::IdentityUnlinked => "A way to sign in was disconnected",
        Event::PasskeyAdded => "A passkey was added",
        Event::PasskeyRemoved => "A passkey was removed",
        Event::PasswordChanged | Event::PasswordReset => "The password was changed",
        Event::PasswordResetAsked => "A new password was asked for",
        Event::TotpAdded => "An authenticator app was added",
        Event::TotpRemoved => "An authenticator app was removed",
        Event::RecoveryCodesMade => "New recovery codes were made",
        Event::RecoveryUsed => "A recovery code was used",
        Event::SessionRevoked => "Sessions were ended",
        Event::RoleGranted | Event::RoleRevoked => "The roles were changed",
        Event::ApiKeyCreated => "An API key was made",
        Event::ApiKeyRevoked => "An API key was revoked",
        Event::SecurityNewDevice => "A sign-in from a new device",
        _ => "Something was changed",
    }
}
