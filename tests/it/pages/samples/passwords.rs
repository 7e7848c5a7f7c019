//! Passwords: forgotten, set anew, changed; and the fresh sign-in before a sensitive step.

use std::sync::Arc;

use super::{Methods, Sample, at, hidden, magic_link, password, sample, shell};
use crate::http::page::{
    ActivityFilter, ActivityPage, ActivityRow, ConfirmPage, ForgotPage, Frame, Hidden, NewPasswordForm, Notice,
    PasswordPage, ResetPage, Shell, Tab,
};

fn form(error: Option<&str>) -> NewPasswordForm {
    NewPasswordForm { action: "/login/reset".into(), hidden: hidden(), min_length: 15, error: error.map(str::to_owned) }
}

fn forgot(is_sent: bool, error: Option<&str>) -> ForgotPage {
    ForgotPage {
        shell: shell(),
        action: "/login/forgot".into(),
        hidden: hidden(),
        email: "ada@example.org".into(),
        error: error.map(str::to_owned),
        is_sent,
        login: "/login".into(),
    }
}

fn reset(error: Option<&str>) -> ResetPage {
    ResetPage { shell: shell(), address: "ada@example.org".into(), form: form(error), valid_until: at(30) }
}

fn change(has_password: bool) -> PasswordPage {
    PasswordPage {
        frame: Frame::new(&shell(), Tab::Security),
        shell: shell(),
        notice: None,
        username: "ada@example.org".into(),
        has_password,
        form: form(None),
        current_error: None,
    }
}

fn confirm() -> ConfirmPage {
    ConfirmPage {
        shell: shell(),
        name: "Ada Lovelace".into(),
        methods: Methods { password: password(None), magic_link: magic_link(), ..Methods::default() },
        back: "/account".into(),
    }
}

fn row(what: &str, is_grave: bool) -> ActivityRow {
    ActivityRow {
        id: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
        what: what.into(),
        device: Some("Firefox on Linux".into()),
        ip: Some("192.0.2.7".into()),
        service: Some("Team wiki".into()),
        at: at(-20),
        is_grave,
        may_disown: true,
    }
}

fn activity() -> ActivityPage {
    let filter = |label, is_here| ActivityFilter { label, href: "/account/activity".into(), is_here };
    ActivityPage {
        frame: Frame::new(&shell(), Tab::Activity),
        shell: shell(),
        notice: None,
        filters: vec![filter("Everything", true), filter("Sign-ins", false)],
        rows: vec![row("You signed in with Google", false), row("Your password was changed", true)],
        older: Some("/account/activity?before=2".into()),
        newest: None,
        not_me: "/account/activity/not-me".into(),
        security: "/account/security".into(),
        hidden: hidden(),
        now: at(0),
    }
}

/// One state of each page.
pub fn faces() -> Vec<Sample> {
    vec![
        sample("forgot", &forgot(false, None)),
        sample("reset", &reset(None)),
        sample("password", &change(true)),
        sample("confirm", &confirm()),
        sample("activity", &activity()),
    ]
}

/// The other states.
pub fn others() -> Vec<Sample> {
    let wrong = Some("This is not your current password.".to_owned());
    vec![
        sample("forgot-wrong", &forgot(false, Some("This is not an e-mail address."))),
        sample("forgot-sent", &forgot(true, None)),
        sample("reset-wrong", &reset(Some("It is too easy to guess."))),
        sample("password-first", &change(false)),
        sample("password-wrong", &PasswordPage { current_error: wrong, ..change(true) }),
        sample("activity-empty", &ActivityPage { rows: vec![], older: None, ..activity() }),
    ]
}

/// With a payload in every text that somebody else could have written.
pub fn hostile(shell: &Arc<Shell>, evil: &str, fields: &[Hidden]) -> Vec<Sample> {
    let word = || evil.to_owned();
    let form = || NewPasswordForm { hidden: fields.to_vec(), ..form(Some(evil)) };
    let deed =
        ActivityRow { id: word(), device: Some(word()), ip: Some(word()), service: Some(word()), ..row(evil, true) };
    vec![
        sample(
            "forgot",
            &ForgotPage { shell: shell.clone(), hidden: fields.to_vec(), email: word(), ..forgot(false, Some(evil)) },
        ),
        sample("reset", &ResetPage { shell: shell.clone(), address: word(), form: form(), ..reset(None) }),
        sample(
            "password",
            &PasswordPage {
                shell: shell.clone(),
                notice: Some(Notice::error(word())),
                username: word(),
                form: form(),
                current_error: Some(word()),
                ..change(true)
            },
        ),
        sample("confirm", &ConfirmPage { shell: shell.clone(), name: word(), ..confirm() }),
        sample(
            "activity",
            &ActivityPage {
                shell: shell.clone(),
                notice: Some(Notice::error(word())),
                rows: vec![deed],
                hidden: fields.to_vec(),
                ..activity()
            },
        ),
    ]
}
