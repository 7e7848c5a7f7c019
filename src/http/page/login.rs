//! Signing in: the methods, the mailed link, the code, two accounts becoming one.

use std::sync::Arc;

use askama::Template;

use super::show::icon;
use super::{Hidden, Href, Moment, Notice, Page, PasskeyForm, ServiceLink, Shell};

/// `/login`: every way in.
#[derive(Debug, Clone, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service that sent the person here; `None` for a visit of our own.
    pub service: Option<ServiceLink>,
    /// What is said first.
    pub notice: Option<Notice>,
    /// The ways in.
    pub methods: Methods,
    /// Who may make an account, in a sentence; `None`: nothing is said.
    pub signup_hint: Option<String>,
    /// Where one makes an account; `None` where that is not possible.
    pub signup: Option<Href>,
    /// Whether nobody administrates this server yet.
    pub no_admin_yet: bool,
}

/// The ways in that one page offers. The most prominent is the password, else the mailed link, else the first button.
#[derive(Debug, Clone, Default)]
pub struct Methods {
    /// One for each provider; the last used one comes first on the page.
    pub buttons: Vec<LoginButton>,
    /// Address and password.
    pub password: Option<PasswordForm>,
    /// Address only.
    pub magic_link: Option<MagicLinkForm>,
    /// A passkey; nothing without scripts.
    pub passkey: Option<PasskeyForm>,
}

/// More buttons than this are folded behind *More options*.
const SHOWN_BUTTONS: usize = 6;

impl Methods {
    /// Buttons in the order of the page.
    fn ordered(&self) -> Vec<&LoginButton> {
        let mut buttons: Vec<_> = self.buttons.iter().collect();
        buttons.sort_by_key(|button| !button.last_used);
        buttons
    }

    /// The buttons that are always there.
    pub fn shown(&self) -> Vec<&LoginButton> {
        self.ordered().into_iter().take(SHOWN_BUTTONS).collect()
    }

    /// The buttons behind *More options*.
    pub fn folded(&self) -> Vec<&LoginButton> {
        self.ordered().into_iter().skip(SHOWN_BUTTONS).collect()
    }

    /// Whether the button is the most prominent thing of the page.
    pub fn is_primary(&self, button: &LoginButton) -> bool {
        !self.has_form() && self.ordered().first().is_some_and(|first| first.id == button.id)
    }

    /// Whether there is a form.
    pub fn has_form(&self) -> bool {
        self.password.is_some() || self.magic_link.is_some()
    }

    /// Whether a form is shown again because of a mistake.
    pub fn has_error(&self) -> bool {
        self.password.as_ref().is_some_and(|form| form.error.is_some())
            || self.magic_link.as_ref().is_some_and(|form| form.error.is_some())
            || self.passkey.as_ref().is_some_and(|form| form.error.is_some())
    }

    /// Whether nothing is left to sign in with.
    pub fn is_empty(&self) -> bool {
        self.buttons.is_empty() && !self.has_form() && self.passkey.is_none()
    }
}

/// A provider's button, `#idp-<id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginButton {
    /// The provider's id.
    pub id: String,
    /// The brand, as in *Continue with Google*.
    pub name: String,
    /// The built-in mark: `google`, `github`, `openid`, `dev`, `mail`, `key`.
    pub icon: &'static str,
    /// Where the login starts.
    pub url: Href,
    /// Whether this browser signed in with it last time.
    pub last_used: bool,
}

impl LoginButton {
    /// The mark as SVG.
    pub fn mark(&self) -> &'static str {
        icon(self.icon)
    }
}

/// Address (field `email`) and password (field `password`), by POST.
#[derive(Debug, Clone)]
pub struct PasswordForm {
    /// Where it is sent.
    pub action: Href,
    /// `csrf`, `next` and the like.
    pub hidden: Vec<Hidden>,
    /// The address as typed before.
    pub email: String,
    /// What was wrong with the last try.
    pub error: Option<String>,
    /// Whether people are asked if they want to stay signed in: field `stay`.
    pub asks_to_stay: bool,
    /// Where a forgotten password is set anew; `None` if nowhere.
    pub forgot: Option<Href>,
}

/// Address only (field `email`), by POST.
#[derive(Debug, Clone)]
pub struct MagicLinkForm {
    /// Where it is sent.
    pub action: Href,
    /// `csrf`, `next` and the like.
    pub hidden: Vec<Hidden>,
    /// The address as typed before.
    pub email: String,
    /// What was wrong with the last try.
    pub error: Option<String>,
    /// Whether people are asked if they want to stay signed in: field `stay`.
    pub asks_to_stay: bool,
}

/// `/login/check-mail`: the letter is on its way. The same for every address.
#[derive(Debug, Clone, Template)]
#[template(path = "check_mail.html")]
pub struct CheckMailPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service that sent the person here.
    pub service: Option<ServiceLink>,
    /// What is said first, such as *we sent another one*.
    pub notice: Option<Notice>,
    /// The address as typed.
    pub address: String,
    /// Where the code is typed; `None` where letters carry only a link.
    pub code: Option<CodeForm>,
    /// Asking for another letter; `None` where that is not possible any more.
    pub resend: Option<ResendForm>,
    /// Where another address is typed.
    pub wrong_address: Href,
    /// When link and code die.
    pub valid_until: Moment,
}

impl CheckMailPage {
    /// Whether the code is asked for again because of a mistake.
    pub fn has_error(&self) -> bool {
        self.code.as_ref().is_some_and(|form| form.error.is_some())
    }
}

/// A typed code (field `code`), by POST.
#[derive(Debug, Clone)]
pub struct CodeForm {
    /// Where it is sent.
    pub action: Href,
    /// `csrf` and the like.
    pub hidden: Vec<Hidden>,
    /// How many digits.
    pub length: u32,
    /// What was wrong with the last try.
    pub error: Option<String>,
}

/// Asking for another letter, by POST.
#[derive(Debug, Clone)]
pub struct ResendForm {
    /// Where it is sent.
    pub action: Href,
    /// `csrf`, `email` and the like.
    pub hidden: Vec<Hidden>,
    /// From when on; `None`: now.
    pub from: Option<Moment>,
}

/// `/login/code`: the code of the letter, typed where the login began.
#[derive(Debug, Clone, Template)]
#[template(path = "code.html")]
pub struct CodePage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service that sent the person here.
    pub service: Option<ServiceLink>,
    /// The code.
    pub form: CodeForm,
    /// The address the letter went to; `None` if this browser does not know it.
    pub address: Option<String>,
    /// When the code dies.
    pub valid_until: Option<Moment>,
    /// Where it starts again.
    pub start_again: Href,
}

/// `/login/magic-link`: the button that signs in. Opening this page changes nothing.
#[derive(Debug, Clone, Template)]
#[template(path = "magic_link.html")]
pub struct MagicLinkPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service the login is for.
    pub service: Option<ServiceLink>,
    /// Whose account.
    pub address: String,
    /// Where the button posts to.
    pub action: Href,
    /// `csrf` and the sealed token.
    pub hidden: Vec<Hidden>,
    /// Where the link was asked for, if not in this browser.
    pub other_browser: Option<OtherBrowser>,
    /// Where it starts again.
    pub start_again: Href,
    /// When the link dies.
    pub valid_until: Moment,
}

/// The link was asked for elsewhere.
#[derive(Debug, Clone)]
pub struct OtherBrowser {
    /// Which browser that was: `Firefox on Linux`.
    pub asked_on: String,
    /// Whether this browser may sign in all the same.
    pub may_continue: bool,
    /// Whether the letter has a code that can be typed there.
    pub has_code: bool,
}

impl MagicLinkPage {
    /// Whether the button is there.
    pub fn may_continue(&self) -> bool {
        self.other_browser.as_ref().is_none_or(|other| other.may_continue)
    }
}

/// `/login/link`: an account with this address exists; its owner connects the new way in by using an old one.
#[derive(Debug, Clone, Template)]
#[template(path = "link_accounts.html")]
pub struct LinkAccountsPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service that sent the person here.
    pub service: Option<ServiceLink>,
    /// What is said first.
    pub notice: Option<Notice>,
    /// The brand of the new way in.
    pub provider: String,
    /// The address both have.
    pub address: String,
    /// Whether `methods` are those of the account (shown only to who has proven the address), and not simply all.
    pub methods_are_known: bool,
    /// The ways to prove it.
    pub methods: Methods,
    /// Where it starts again.
    pub start_again: Href,
}

impl Page for LoginPage {
    fn has_script(&self) -> bool {
        self.methods.passkey.is_some()
    }
}
impl Page for CheckMailPage {}
impl Page for CodePage {}
impl Page for MagicLinkPage {}
impl Page for LinkAccountsPage {
    fn has_script(&self) -> bool {
        self.methods.passkey.is_some()
    }
}
