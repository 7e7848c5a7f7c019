//! Second factors, passkeys, and the page of sign-in methods.

use std::sync::Arc;

use super::{Sample, at, hidden, sample, shell, wiki};
use crate::account::totp::Seed;
use crate::http::page::{
    EnrolPage, Frame, Hidden, IdentityRow, LinkRow, NewPasskeyPage, Notice, PasskeyForm, PasskeyRow, PasskeyRows,
    PasswordRow, RecoveryCodesPage, RecoveryRow, SecondFactorPage, SecurityPage, ServiceLink, Shell, Signal, Tab,
    TotpPage, TotpRow, TotpSetup, icon,
};

fn seed() -> Seed {
    Seed::from_bytes(&[7; 20]).unwrap()
}

fn setup(error: Option<&str>) -> TotpSetup {
    TotpSetup {
        picture: seed().picture("Example Club", "ada@example.org"),
        key: seed().text(),
        action: "/login/enrol/totp".into(),
        hidden: hidden(),
        error: error.map(str::to_owned),
    }
}

pub fn passkey_form() -> PasskeyForm {
    PasskeyForm {
        options: "/login/passkey/options".into(),
        action: "/login/passkey".into(),
        hidden: hidden(),
        ..PasskeyForm::get("passkey", "Use a passkey")
    }
}

fn second_factor() -> SecondFactorPage {
    SecondFactorPage {
        shell: shell(),
        service: wiki(),
        name: "Ada Lovelace".into(),
        error: None,
        totp: true,
        recovery: true,
        passkey: Some(passkey_form()),
        action: "/login/second-factor".into(),
        hidden: hidden(),
        start_again: "/login".into(),
    }
}

fn enrol() -> EnrolPage {
    EnrolPage {
        shell: shell(),
        service: wiki(),
        name: "Ada Lovelace".into(),
        notice: None,
        totp: Some(setup(None)),
        passkey: Some(passkey_form()),
        start_again: "/login".into(),
    }
}

fn codes() -> RecoveryCodesPage {
    RecoveryCodesPage {
        shell: shell(),
        what: "Your account is protected.",
        codes: ["k7m2p-9xq4d", "aaaaa-bbbbb", "ccccc-ddddd", "eeeee-fffff", "ggggg-hhhhh"].map(str::to_owned).to_vec(),
        onward: "/account".into(),
    }
}

fn identity(name: &str, is_last: bool) -> IdentityRow {
    IdentityRow {
        name: name.into(),
        mark: icon(&name.to_lowercase()),
        provider: name.to_lowercase(),
        realm: String::new(),
        subject: "1".into(),
        linked_at: at(-60 * 24 * 90),
        used_at: at(-130),
        is_last,
    }
}

fn passkey(id: &str, name: &str, is_last: bool) -> PasskeyRow {
    PasskeyRow {
        id: id.into(),
        name: name.into(),
        model: Some("Google Password Manager"),
        synced: true,
        created_at: at(-60 * 24 * 3),
        used_at: Some(at(-20)),
        is_last,
    }
}

fn passkeys(rows: Vec<PasskeyRow>) -> PasskeyRows {
    PasskeyRows {
        rows,
        add: Some("/account/security/passkeys/new".into()),
        rename: "/account/security/passkeys/rename".into(),
        remove: "/account/security/passkeys/remove".into(),
        signal: Signal {
            rp_id: "auth.example.org".into(),
            unknown: String::new(),
            user: "AZo".into(),
            accepted: "a b".into(),
        },
    }
}

fn security() -> SecurityPage {
    SecurityPage {
        shell: shell(),
        frame: Frame::new(&shell(), Tab::Security),
        notice: Some(Notice::success("Your passkey is ready. You can sign in with it from now on.")),
        password: Some(PasswordRow { is_set: true, href: "/account/password".into() }),
        identities: vec![identity("Google", false)],
        linkable: vec![LinkRow {
            id: "github".into(),
            name: "GitHub".into(),
            mark: icon("github"),
            href: "/account/security/identities/link?provider=github&proof=p".into(),
        }],
        unlink: "/account/security/identities/unlink".into(),
        passkeys: Some(passkeys(vec![
            passkey("a", "Google Password Manager", false),
            PasskeyRow { used_at: None, synced: false, model: None, ..passkey("b", "The key on my key ring", false) },
        ])),
        totp: Some(TotpRow {
            since: Some(at(-60 * 24 * 3)),
            add: "/account/security/totp".into(),
            remove: "/account/security/totp/remove".into(),
        }),
        recovery: Some(RecoveryRow { left: 9, renew: "/account/security/recovery-codes".into() }),
        hidden: hidden(),
        now: at(0),
    }
}

fn bare() -> SecurityPage {
    SecurityPage {
        notice: None,
        password: None,
        identities: vec![identity("Google", true)],
        linkable: vec![],
        passkeys: Some(passkeys(vec![])),
        totp: Some(TotpRow { since: None, ..security().totp.unwrap() }),
        recovery: None,
        ..security()
    }
}

fn totp() -> TotpPage {
    TotpPage {
        shell: shell(),
        frame: Frame::new(&shell(), Tab::Security),
        setup: setup(None),
        back: "/account/security".into(),
    }
}

fn new_passkey() -> NewPasskeyPage {
    NewPasskeyPage {
        shell: shell(),
        frame: Frame::new(&shell(), Tab::Security),
        notice: None,
        form: PasskeyForm { primary: true, ..PasskeyForm::create("new-passkey", "Make a passkey") },
        back: "/account/security".into(),
    }
}

/// One state of each page.
pub fn faces() -> Vec<Sample> {
    let form = PasskeyForm { hidden: hidden(), ..new_passkey().form };
    vec![
        sample("second-factor", &second_factor()),
        sample("enrol", &enrol()),
        sample("recovery-codes", &codes()),
        sample("security", &security()),
        sample("totp", &totp()),
        sample("new-passkey", &NewPasskeyPage { form, ..new_passkey() }),
    ]
}

/// The other states.
pub fn more() -> Vec<Sample> {
    let key_only = PasskeyForm { primary: true, ..passkey_form() };
    let wrong = Some("This code is not right, or was used before.".to_owned());
    vec![
        sample("second-factor-app", &SecondFactorPage { passkey: None, error: wrong, ..second_factor() }),
        sample(
            "second-factor-key",
            &SecondFactorPage { passkey: Some(key_only), totp: false, service: None, ..second_factor() },
        ),
        sample(
            "enrol-app",
            &EnrolPage { passkey: None, totp: Some(setup(Some("This is not the code."))), service: None, ..enrol() },
        ),
        sample("security-bare", &bare()),
    ]
}

/// With a payload in every text that somebody else could have written.
pub fn hostile(payload: &str) -> Vec<Sample> {
    let evil = || payload.to_owned();
    let shell = || Arc::new(Shell { name: evil(), ..(*shell()).clone() });
    let service = || Some(ServiceLink { name: evil(), url: Some(evil().into()) });
    let fields = || vec![Hidden::new("csrf", evil())];
    let signal = || Signal { rp_id: evil(), unknown: evil(), user: evil(), accepted: evil() };
    let form = || PasskeyForm { hidden: fields(), signal: Some(signal()), error: Some(evil()), ..passkey_form() };
    let setup = || TotpSetup {
        picture: seed().picture(payload, payload),
        key: evil(),
        hidden: fields(),
        error: Some(evil()),
        ..setup(None)
    };
    let identity = IdentityRow { provider: evil(), realm: evil(), subject: evil(), ..identity(payload, false) };
    let rows = vec![passkey(payload, payload, false)];
    let security = SecurityPage {
        shell: shell(),
        notice: Some(Notice::error(evil())),
        identities: vec![identity],
        linkable: vec![LinkRow { id: evil(), name: evil(), mark: icon("nope"), href: evil().into() }],
        passkeys: Some(PasskeyRows { signal: signal(), ..passkeys(rows) }),
        hidden: fields(),
        ..security()
    };
    vec![
        sample(
            "second-factor",
            &SecondFactorPage {
                shell: shell(),
                service: service(),
                name: evil(),
                error: Some(evil()),
                passkey: Some(form()),
                hidden: fields(),
                ..second_factor()
            },
        ),
        sample(
            "enrol",
            &EnrolPage {
                shell: shell(),
                service: service(),
                name: evil(),
                notice: Some(Notice::error(evil())),
                totp: Some(setup()),
                passkey: Some(form()),
                ..enrol()
            },
        ),
        sample("recovery-codes", &RecoveryCodesPage { shell: shell(), codes: vec![evil()], ..codes() }),
        sample("security", &security),
        sample("totp", &TotpPage { shell: shell(), setup: setup(), ..totp() }),
        sample("new-passkey", &NewPasskeyPage { shell: shell(), notice: Some(Notice::error(evil())), ..new_passkey() }),
    ]
}
