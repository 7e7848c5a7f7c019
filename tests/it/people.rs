//! People and their accounts: how they come, what they are called, where they are reached, how they leave.

mod addresses;
mod invited;
mod leaving;
mod names;
mod signup;

use crate::it::stage::{Browser, House};
use crate::mail::Mail;

/// The path of the link in a letter.
pub fn link_in(mail: &Mail) -> String {
    let start = mail.text.find("https://auth.example/").unwrap_or_else(|| panic!("no link: {}", mail.text));
    let link = mail.text[start..].split_whitespace().next().unwrap();
    link.trim_start_matches("https://auth.example").to_owned()
}

/// The newest letter to somebody.
pub async fn letter(house: &House, email: &str) -> Mail {
    house.letter_to(email).await.unwrap_or_else(|| panic!("no letter to {email}"))
}

/// Fills in the form of `/signup`.
pub async fn ask(browser: &mut Browser, email: &str, password: &str) {
    browser.open("/signup").await;
    browser.fill_in("#email", email).fill_in("#password", password).press("#signup-submit").await;
}

/// Signs up from the form to the account page.
pub async fn sign_up(house: &House, browser: &mut Browser, email: &str, password: &str) {
    ask(browser, email, password).await;
    let link = link_in(&letter(house, email).await);
    browser.open(&link).await.press("#confirm").await;
    assert_eq!((browser.status(), browser.at.as_str()), (200, "/account"), "{}", browser.body());
}

/// What people do not guess.
pub const PASSWORD: &str = "kelp-violin-harbour-92";
