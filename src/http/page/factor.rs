//! Second factors: asked for, set up, and the codes for the day they are lost.

use std::sync::Arc;

use askama::Template;

use super::{Frame, Hidden, Href, Moment, Notice, Page, ServiceLink, Shell};

/// A form that the script of the page sends with the answer of an authenticator; hidden without scripts.
#[derive(Debug, Clone)]
pub struct PasskeyForm {
    /// Its id; its button has `-submit` behind it.
    pub id: &'static str,
    /// `get` or `create`.
    pub ceremony: &'static str,
    /// Where the challenge is asked for.
    pub options: Href,
    /// Where it is sent.
    pub action: Href,
    /// `csrf`, `next` and the like.
    pub hidden: Vec<Hidden>,
    /// What the button says.
    pub label: &'static str,
    /// Whether it is the most prominent button.
    pub primary: bool,
    /// Whether passkeys are offered in the address field, too.
    pub autofill: bool,
    /// Whether a line with "or" stands before it.
    pub after_others: bool,
    /// What was wrong with the last try.
    pub error: Option<String>,
    /// What password managers are told.
    pub signal: Option<Signal>,
}

/// What password managers are told about passkeys of ours (Web Authentication Level 3 §5.1.10).
#[derive(Debug, Clone)]
pub struct Signal {
    /// The domain of the passkeys.
    pub rp_id: String,
    /// One that was tried and is not known; empty for none.
    pub unknown: String,
    /// Whose passkeys these are; empty if nobody is signed in.
    pub user: String,
    /// All passkeys of theirs, with spaces between.
    pub accepted: String,
}

impl PasskeyForm {
    /// A form that asks for a passkey.
    pub fn get(id: &'static str, label: &'static str) -> Self {
        Self::new(id, "get", label)
    }

    /// A form that makes a passkey.
    pub fn create(id: &'static str, label: &'static str) -> Self {
        Self::new(id, "create", label)
    }

    fn new(id: &'static str, ceremony: &'static str, label: &'static str) -> Self {
        Self {
            id,
            ceremony,
            options: Href::from("/"),
            action: Href::from("/"),
            hidden: Vec::new(),
            label,
            primary: false,
            autofill: false,
            after_others: false,
            error: None,
            signal: None,
        }
    }
}

/// `/login/second-factor`: one more proof. Field `code`: six digits, or a recovery code.
#[derive(Debug, Clone, Template)]
#[template(path = "second_factor.html")]
pub struct SecondFactorPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service that sent the person here.
    pub service: Option<ServiceLink>,
    /// Who it is asked of.
    pub name: String,
    /// What was wrong with the last try.
    pub error: Option<String>,
    /// Whether an app makes codes for them.
    pub totp: bool,
    /// Whether recovery codes are left.
    pub recovery: bool,
    /// Their passkeys.
    pub passkey: Option<PasskeyForm>,
    /// Where codes are sent.
    pub action: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// Where it starts again.
    pub start_again: Href,
}

/// An app to set up: a picture to scan, and the field for its first code.
#[derive(Debug, Clone)]
pub struct TotpSetup {
    /// The picture as SVG.
    pub picture: String,
    /// The same, to be typed.
    pub key: String,
    /// Where the code is sent.
    pub action: Href,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// What was wrong with the last try.
    pub error: Option<String>,
}

/// `/login/enrol`: a second factor is demanded, and there is none.
#[derive(Debug, Clone, Template)]
#[template(path = "enrol.html")]
pub struct EnrolPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service that sent the person here.
    pub service: Option<ServiceLink>,
    /// Who it is asked of.
    pub name: String,
    /// What is said first.
    pub notice: Option<Notice>,
    /// With an app.
    pub totp: Option<TotpSetup>,
    /// With a passkey.
    pub passkey: Option<PasskeyForm>,
    /// Where it starts again.
    pub start_again: Href,
}

/// Recovery codes, the only time they are shown.
#[derive(Debug, Clone, Template)]
#[template(path = "recovery_codes.html")]
pub struct RecoveryCodesPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// What they come with, a sentence.
    pub what: &'static str,
    /// The codes.
    pub codes: Vec<String>,
    /// Where it goes on.
    pub onward: Href,
}

/// `/account/security/totp`: an app is set up.
#[derive(Debug, Clone, Template)]
#[template(path = "account/totp.html")]
pub struct TotpPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The other pages of the account.
    pub frame: Frame,
    /// The picture and the field.
    pub setup: TotpSetup,
    /// Back, with nothing done.
    pub back: Href,
}

/// `/account/security/passkeys/new`: a passkey is made.
#[derive(Debug, Clone, Template)]
#[template(path = "account/new_passkey.html")]
pub struct NewPasskeyPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The other pages of the account.
    pub frame: Frame,
    /// What was wrong with the last try.
    pub notice: Option<Notice>,
    /// The button.
    pub form: PasskeyForm,
    /// Back, with nothing done.
    pub back: Href,
}

/// `/account/security`: every way in, and what is asked beside.
#[derive(Debug, Clone, Template)]
#[template(path = "account/security.html")]
pub struct SecurityPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The other pages of the account.
    pub frame: Frame,
    /// What is said first.
    pub notice: Option<Notice>,
    /// The password; `None` where there are none.
    pub password: Option<PasswordRow>,
    /// Linked identities.
    pub identities: Vec<IdentityRow>,
    /// Providers that can be linked.
    pub linkable: Vec<LinkRow>,
    /// Where an identity is disconnected, by POST with `provider`, `realm` and `subject`.
    pub unlink: Href,
    /// Passkeys; `None` where they are switched off.
    pub passkeys: Option<PasskeyRows>,
    /// The app; `None` where there are none and it cannot be set up.
    pub totp: Option<TotpRow>,
    /// Recovery codes; `None` where there is nothing they could stand in for.
    pub recovery: Option<RecoveryRow>,
    /// `csrf`.
    pub hidden: Vec<Hidden>,
    /// Now, for times as people say them.
    pub now: Moment,
}

/// The password.
#[derive(Debug, Clone)]
pub struct PasswordRow {
    /// Whether there is one.
    pub is_set: bool,
    /// Where it is set or changed.
    pub href: Href,
}

/// A linked identity.
#[derive(Debug, Clone)]
pub struct IdentityRow {
    /// The brand.
    pub name: String,
    /// Its mark as SVG.
    pub mark: &'static str,
    /// The provider's id, the realm and the subject: what a form sends to name it.
    pub provider: String,
    pub realm: String,
    pub subject: String,
    pub linked_at: Moment,
    pub used_at: Moment,
    /// Whether it is the last way in.
    pub is_last: bool,
}

/// A provider that can be linked.
#[derive(Debug, Clone)]
pub struct LinkRow {
    /// The provider's id.
    pub id: String,
    /// The brand.
    pub name: String,
    /// Its mark as SVG.
    pub mark: &'static str,
    /// Where it starts.
    pub href: Href,
}

/// The passkeys of somebody.
#[derive(Debug, Clone)]
pub struct PasskeyRows {
    /// The oldest first.
    pub rows: Vec<PasskeyRow>,
    /// Where another is made; `None` if there are as many as there may be.
    pub add: Option<Href>,
    /// Where one is renamed, by POST with `id` and `name`.
    pub rename: Href,
    /// Where one is removed, by POST with `id`.
    pub remove: Href,
    /// What password managers are told.
    pub signal: Signal,
}

/// A passkey.
#[derive(Debug, Clone)]
pub struct PasskeyRow {
    /// What names it in a form.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What made it, if we know.
    pub model: Option<&'static str>,
    /// Whether it can be on several devices.
    pub synced: bool,
    pub created_at: Moment,
    pub used_at: Option<Moment>,
    /// Whether it is the last way in.
    pub is_last: bool,
}

/// The app for codes.
#[derive(Debug, Clone)]
pub struct TotpRow {
    /// Since when there is one.
    pub since: Option<Moment>,
    /// Where one is set up.
    pub add: Href,
    /// Where it is removed, by POST.
    pub remove: Href,
}

/// The recovery codes.
#[derive(Debug, Clone)]
pub struct RecoveryRow {
    /// How many are left.
    pub left: u64,
    /// Where new ones are made, by POST.
    pub renew: Href,
}

impl Page for SecondFactorPage {
    fn has_script(&self) -> bool {
        self.passkey.is_some()
    }
}

impl Page for EnrolPage {
    fn has_script(&self) -> bool {
        self.passkey.is_some()
    }
}

impl Page for NewPasskeyPage {
    fn has_script(&self) -> bool {
        true
    }
}

impl Page for SecurityPage {
    fn has_script(&self) -> bool {
        self.passkeys.is_some()
    }
}

impl Page for RecoveryCodesPage {}
impl Page for TotpPage {}
