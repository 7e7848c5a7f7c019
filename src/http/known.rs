//! Browsers in which somebody signed in before: a cookie that proves it, and nothing that the server has to keep.
//!
//! It opens nothing. Who comes without it is let in just so; they hear by mail that somebody did.

use time::Duration;

use super::browser::Browser;
use super::error::Error;
use super::site::Site;
use crate::domain::audit::By;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::keys::random_token;

/// The name of the cookie.
const COOKIE: &str = "known";
/// What it is authenticated for.
const PURPOSE: &str = "known browser";
/// People who share a browser; those who came longest ago are forgotten.
const PEOPLE: usize = 5;
/// For how long a browser is known that nobody signs in with.
const LASTS: Duration = Duration::days(400);
/// Who has an account for so short a time knows where they are.
const NEWCOMER: Duration = Duration::minutes(15);

/// Whether the user signed in in this browser before.
pub fn is_known(site: &Site, browser: &Browser, user: UserId) -> bool {
    let Some((device, macs)) = browser.remembered(COOKIE).and_then(|text| text.split_once('.')) else { return false };
    macs.split('.').take(PEOPLE).any(|mac| is_of(site, device, user, mac))
}

fn is_of(site: &Site, device: &str, user: UserId, mac: &str) -> bool {
    site.app.house.master.verify_mac(PURPOSE, &[device, &user.to_string()], mac)
}

/// The browser knows the user from now on.
fn learn(site: &Site, browser: &mut Browser, user: UserId) {
    let brought = browser.remembered(COOKIE).and_then(|text| text.split_once('.'));
    let (device, macs) = match brought {
        Some((device, macs)) => (device.to_owned(), macs.to_owned()),
        None => (random_token(), String::new()),
    };
    let mine = site.app.house.master.mac(PURPOSE, &[&device, &user.to_string()]);
    let others = macs.split('.').filter(|mac| !mac.is_empty() && !is_of(site, &device, user, mac));
    let all: Vec<&str> = std::iter::once(mine.as_str()).chain(others).take(PEOPLE).collect();
    let value = format!("{device}.{}", all.join("."));
    browser.remember(COOKIE, &value, LASTS);
}

/// Somebody has signed in here: where they never did, it is written down and mailed to them.
pub async fn greet(site: &Site, browser: &mut Browser, user: &User, by: &By) -> Result<(), Error> {
    let is_newcomer = site.app.now() - user.created_at < NEWCOMER;
    if !is_newcomer && !is_known(site, browser, user.id) {
        let letter = site.app.new_device_letter(user, &browser.device());
        site.app.accounts.new_device(user, letter.as_ref(), by).await?;
    }
    learn(site, browser, user.id);
    Ok(())
}
