//! Pages for making an account, for its owner, and for leaving.

use super::{Sample, at, buttons, hidden, sample, shell, wiki};
use crate::http::page::{
    AddressRow, AddressesPage, Field, Frame, Href, InvitePage, KeepPage, LeavePage, Methods, Notice, PrivacyPage,
    ProfilePage, SignUpConfirmPage, SignUpForm, SignUpPage, SignUpSentPage, StepPage, Tab, UsernameForm, VerifyPage,
};

/// What people typed, here and there.
pub struct Words {
    address: String,
    name: String,
    username: String,
    text: String,
}

impl Words {
    /// What Ada typed.
    pub fn plain() -> Self {
        Self {
            address: "ada@example.org".into(),
            name: "Ada Lovelace".into(),
            username: "ada".into(),
            text: "ada@work.example becomes yours.".into(),
        }
    }

    /// The same everywhere.
    pub fn all(word: impl Fn() -> String) -> Self {
        Self { address: word(), name: word(), username: word(), text: word() }
    }
}

fn providers() -> Methods {
    Methods { buttons: buttons(), password: None, magic_link: None, passkey: None }
}

fn form(words: &Words, error: Option<&str>) -> SignUpForm {
    let error = || error.map(str::to_owned);
    SignUpForm {
        action: "/signup".into(),
        hidden: hidden(),
        email: Field::new(words.address.clone(), error()),
        name: Field::new(words.name.clone(), None),
        password: Some(Field::new("", error())),
        is_password_optional: true,
        min_length: 10,
        terms: Some((Href::from("https://example.org/terms"), error())),
        submit: "Create the account",
    }
}

fn sign_up(form: Option<SignUpForm>) -> SignUpPage {
    SignUpPage { shell: shell(), service: wiki(), methods: providers(), form, login: "/login".into() }
}

fn confirm(words: &Words, password: Option<Field>) -> SignUpConfirmPage {
    SignUpConfirmPage {
        shell: shell(),
        service: None,
        address: words.address.clone(),
        asked_on: words.text.clone(),
        password,
        action: "/signup/confirm".into(),
        hidden: hidden(),
        valid_until: at(60 * 24),
    }
}

fn rows(words: &Words) -> Vec<AddressRow> {
    let row = |address: &str, is_verified, is_main| AddressRow { address: address.into(), is_verified, is_main };
    vec![row(&words.address, true, true), row("ada@work.example", true, false), row("ada@old.example", false, false)]
}

fn profile(words: &Words) -> ProfilePage {
    ProfilePage {
        frame: Frame::new(&shell(), Tab::Profile),
        shell: shell(),
        notice: None,
        hidden: hidden(),
        name: Field::new(words.name.clone(), None),
        name_action: "/account/profile/name".into(),
        username: UsernameForm {
            current: Some(words.username.clone()),
            action: Some("/account/profile/username".into()),
            is_once: true,
            wish: Field::new(words.username.clone(), None),
        },
        addresses: rows(words),
        change_addresses: "/account/addresses".into(),
        id: "usr_0123456789abcdef0123456789abcdef".into(),
    }
}

fn addresses(words: &Words) -> AddressesPage {
    AddressesPage {
        frame: Frame::new(&shell(), Tab::Profile),
        shell: shell(),
        notice: None,
        hidden: hidden(),
        addresses: rows(words),
        email: Field::default(),
        add: "/account/addresses/add".into(),
        make_main: "/account/addresses/main".into(),
        remove: "/account/addresses/remove".into(),
        back: "/account/profile".into(),
    }
}

fn leave(words: &Words, confirmation: Field) -> LeavePage {
    LeavePage {
        frame: Frame::new(&shell(), Tab::Privacy),
        shell: shell(),
        expected: words.username.clone(),
        confirmation,
        action: "/account/privacy/delete".into(),
        hidden: hidden(),
        grace: 14,
        back: "/account/privacy".into(),
    }
}

fn step(words: &Words) -> StepPage {
    StepPage {
        shell: shell(),
        icon: "mail",
        title: "Is this your address?".into(),
        text: vec![words.text.clone()],
        form: Some(("/account/addresses/confirm".into(), hidden(), "Confirm the address".into())),
        link: Some(("/account".into(), "Not now".into())),
    }
}

/// Each page once.
pub fn faces(words: &Words) -> Vec<Sample> {
    let sent = SignUpSentPage {
        shell: shell(),
        service: wiki(),
        address: words.address.clone(),
        start_again: "/signup".into(),
    };
    let invite = InvitePage {
        shell: shell(),
        service: wiki(),
        address: words.address.clone(),
        methods: providers(),
        form: Some(SignUpForm { submit: "Accept and create the account", ..form(words, None) }),
        valid_until: at(60 * 24 * 3),
    };
    let verify = VerifyPage {
        shell: shell(),
        is_sent: false,
        address: words.address.clone(),
        action: "/account/verify".into(),
        hidden: hidden(),
        logout: "/logout".into(),
    };
    let privacy = PrivacyPage {
        frame: Frame::new(&shell(), Tab::Privacy),
        shell: shell(),
        export: "/account/privacy/export".into(),
        hidden: hidden(),
        leave: "/account/privacy/delete".into(),
        grace: 14,
        audit: 365,
    };
    let keep = KeepPage {
        shell: shell(),
        at: at(60 * 24 * 14),
        action: "/account/keep".into(),
        hidden: hidden(),
        logout: "/logout".into(),
    };
    vec![
        sample("signup", &sign_up(Some(form(words, None)))),
        sample("signup-sent", &sent),
        sample("signup-confirm", &confirm(words, None)),
        sample("invite", &invite),
        sample("profile", &profile(words)),
        sample("addresses", &addresses(words)),
        sample("step", &step(words)),
        sample("verify", &verify),
        sample("privacy", &privacy),
        sample("leave", &leave(words, Field::default())),
        sample("keep", &keep),
    ]
}

/// The pages that show what somebody typed, with this in place of all of it.
pub fn hostile(word: impl Fn() -> String) -> Vec<Sample> {
    let shows_nothing = ["privacy", "keep"];
    faces(&Words::all(word)).into_iter().filter(|sample| !shows_nothing.contains(&sample.name)).collect()
}

/// The same pages in other states.
pub fn others() -> Vec<Sample> {
    let words = Words::plain();
    let wrong = Some("This is not what was asked for.".to_owned());
    let mut renamed = profile(&words);
    renamed.notice = Some(Notice::success("It is saved."));
    renamed.username.action = None;
    vec![
        sample("signup-errors", &sign_up(Some(form(&words, Some("This cannot be."))))),
        sample("signup-providers", &sign_up(None)),
        sample("signup-elsewhere", &confirm(&words, Some(Field::new("", wrong.clone())))),
        sample("profile-renamed", &renamed),
        sample("addresses-none", &AddressesPage { addresses: Vec::new(), ..addresses(&words) }),
        sample("leave-wrong", &leave(&words, Field::new("yes", wrong))),
        sample("step-end", &StepPage { form: None, ..step(&words) }),
    ]
}
