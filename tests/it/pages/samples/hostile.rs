//! Every page with texts in it that would do harm if they were more than text.
#![expect(clippy::too_many_lines, reason = "a list of pages, each with what it may hold")]

use std::sync::Arc;

use super::{
    Sample, account, check_mail, code, demo, error, factor, link, logout, magic, magic_link, password, sample, setup,
    shell, wrong_host,
};
use crate::http::page::{
    AccountPage, Action, CheckMailPage, CodeForm, CodePage, CurlLine, DemoPage, DemoToken, DevMailPage, DevPeoplePage,
    DevPerson, ErrorPage, Hidden, LinkAccountsPage, LoginButton, LoginPage, LogoutPage, MagicLinkForm, MagicLinkPage,
    MailRow, Methods, Notice, OpenMail, OtherBrowser, PasskeyForm, PasswordForm, ServiceLink, SetupErrors, SetupPage,
    Shell, ShownAddress, Signal, SignedOutPage, WrongHostPage,
};

/// Texts that would do harm if they were more than text.
pub const HOSTILE: [&str; 3] = ["<img src=x", "\"><script>", "' onload='"];

const PAYLOAD: &str = "<img src=x onerror=alert(1)>\"><script>alert(1)</script>' onload='{{7*7}}javascript:alert(1)";

/// Every page with a payload in every text that somebody else could have written.
pub fn hostile() -> Vec<Sample> {
    let mut samples = more();
    let evil = Arc::new(Shell { name: PAYLOAD.into(), ..(*shell()).clone() });
    let fields = [Hidden::new("csrf", PAYLOAD)];
    samples.extend(super::keys::hostile(&evil, PAYLOAD, &fields));
    samples.extend(super::passwords::hostile(&evil, PAYLOAD, &fields));
    samples
}

fn more() -> Vec<Sample> {
    let evil = || PAYLOAD.to_owned();
    let service = || Some(ServiceLink { name: evil(), url: Some(evil().into()) });
    let shell = || Arc::new(Shell { name: evil(), support: Some("javascript:alert(1)".into()), ..(*shell()).clone() });
    let fields = || vec![Hidden::new("csrf", evil())];
    let code = || CodeForm { hidden: fields(), error: Some(evil()), action: evil().into(), ..code(None) };
    let methods = || Methods {
        buttons: vec![LoginButton { id: evil(), name: evil(), icon: "nope", url: evil().into(), last_used: true }],
        password: Some(PasswordForm {
            hidden: fields(),
            email: evil(),
            error: Some(evil()),
            asks_to_stay: true,
            forgot: Some(evil().into()),
            ..password(None).unwrap()
        }),
        magic_link: Some(MagicLinkForm {
            hidden: fields(),
            email: evil(),
            error: Some(evil()),
            ..magic_link().unwrap()
        }),
        passkey: Some(PasskeyForm {
            action: evil().into(),
            options: evil().into(),
            hidden: fields(),
            error: Some(evil()),
            signal: Some(Signal { rp_id: evil(), unknown: evil(), user: evil(), accepted: evil() }),
            ..PasskeyForm::get("passkey", "Use a passkey")
        }),
    };
    let other = || Some(OtherBrowser { asked_on: evil(), may_continue: true, has_code: true });
    let mail = DevMailPage {
        shell: shell(),
        mails: vec![MailRow { url: evil().into(), to: evil(), subject: evil(), at: None, is_open: false }],
        open: Some(OpenMail {
            to: evil(),
            subject: evil(),
            at: None,
            text: format!("https://x.example/{PAYLOAD}"),
            html: evil(),
        }),
        reload: evil().into(),
    };
    let token = DemoToken {
        name: evil(),
        header: evil(),
        payload: evil(),
        raw: evil(),
        permissions: vec![(evil(), true), (evil(), false)],
        curl: vec![CurlLine { what: evil(), command: evil() }],
        ..demo().token.unwrap()
    };
    let account = AccountPage {
        shell: shell(),
        notice: Some(Notice::error(evil())),
        name: evil(),
        username: Some(evil()),
        address: Some(ShownAddress { address: evil(), verified: false }),
        signed_in_with: evil(),
        services: vec![service().unwrap()],
        ..account()
    };
    let mut samples = factor::hostile(PAYLOAD);
    samples.extend(vec![
        sample(
            "login",
            &LoginPage {
                shell: shell(),
                service: service(),
                notice: Some(Notice::error(evil())),
                methods: methods(),
                signup_hint: Some(evil()),
                signup: None,
                no_admin_yet: true,
            },
        ),
        sample(
            "check-mail",
            &CheckMailPage {
                shell: shell(),
                service: service(),
                notice: Some(Notice::info(evil())),
                address: evil(),
                code: Some(code()),
                ..check_mail()
            },
        ),
        sample(
            "magic-link",
            &MagicLinkPage {
                shell: shell(),
                service: service(),
                address: evil(),
                hidden: fields(),
                other_browser: other(),
                action: evil().into(),
                ..magic(None)
            },
        ),
        sample(
            "code",
            &CodePage {
                shell: shell(),
                service: service(),
                form: code(),
                address: Some(evil()),
                valid_until: None,
                start_again: evil().into(),
            },
        ),
        sample(
            "link-accounts",
            &LinkAccountsPage {
                shell: shell(),
                service: service(),
                provider: evil(),
                address: evil(),
                methods: methods(),
                ..link(true)
            },
        ),
        sample("account", &account),
        sample("logout", &LogoutPage { shell: shell(), name: evil(), hidden: fields(), ..logout(1) }),
        sample(
            "signed-out",
            &SignedOutPage { shell: shell(), everywhere: true, service: service(), login: evil().into() },
        ),
        sample(
            "error",
            &ErrorPage {
                shell: shell(),
                title: evil(),
                what: evil(),
                actions: vec![Action::new(evil(), evil())],
                reference: evil(),
                details: vec![("code", evil())],
                ..error()
            },
        ),
        sample("demo", &DemoPage { shell: shell(), token: Some(token), ..demo() }),
        sample("dev-mail", &mail),
        sample(
            "dev-people",
            &DevPeoplePage {
                shell: shell(),
                people: vec![DevPerson { name: evil(), note: evil(), url: evil().into() }],
                cancel: None,
            },
        ),
        sample(
            "setup",
            &SetupPage {
                shell: shell(),
                hidden: fields(),
                email: evil(),
                name: evil(),
                errors: SetupErrors { email: Some(evil()), name: Some(evil()), password: Some(evil()) },
                ..setup(SetupErrors::default())
            },
        ),
        sample("wrong-host", &WrongHostPage { shell: shell(), asked: evil(), ..wrong_host() }),
    ]);
    samples.extend(super::people::hostile(evil));
    samples
}
