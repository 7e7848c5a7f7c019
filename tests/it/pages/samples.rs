//! Every page in every state worth looking at.
#![expect(clippy::too_many_lines, clippy::unnecessary_wraps, reason = "a list of pages, each with what it may hold")]

pub mod factor;
mod hostile;
mod keys;
mod passwords;
mod people;
mod permissions;

use std::sync::Arc;

use askama::Template;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::config::settings::Theme;
use crate::http::assets::{Assets, Links};
use crate::http::page::{
    AccountPage, Action, CheckMailPage, CodeForm, CodePage, CurlLine, DemoPage, DemoToken, DevMailPage, DevPeoplePage,
    DevPerson, ErrorPage, Frame, Hidden, Href, LinkAccountsPage, LoginButton, LoginPage, LogoutPage, MagicLinkForm,
    MagicLinkPage, MailRow, Methods, Moment, Notice, OpenMail, OtherBrowser, PasswordForm, ResendForm, ServiceLink,
    SetupErrors, SetupPage, Shell, ShownAddress, SignedOutPage, Tab, WrongHostPage,
};
use crate::mail::letter::MagicLinkLetter;

use self::people::Words;

pub use self::hostile::{HOSTILE, hostile};

const NOW: OffsetDateTime = datetime!(2020-01-01 12:03:30 UTC);

/// A page as HTML.
pub struct Sample {
    pub name: &'static str,
    pub html: String,
}

fn sample(name: &'static str, page: &impl Template) -> Sample {
    Sample { name, html: page.render().unwrap() }
}

pub fn shell() -> Arc<Shell> {
    Arc::new(Shell {
        name: "Example Club".into(),
        base: String::new(),
        logo: None,
        passkey_script: "/assets/0/passkey.js".into(),
        style: "countersign.css".into(),
        theme_style: "theme.css".into(),
        favicon: "favicon.svg".into(),
        mode: "auto",
        lang: "en",
        terms: Some("https://example.org/terms".into()),
        privacy: Some("https://example.org/privacy".into()),
        support: Some("mailto:help@example.org".into()),
        people_have_keys: true,
    })
}

pub fn shell_of(assets: &Assets, theme: &Theme) -> Shell {
    assets.shell(theme, &Links::default(), "/base")
}

fn at(minutes: i64) -> Moment {
    (NOW + time::Duration::minutes(minutes)).into()
}

fn hidden() -> Vec<Hidden> {
    vec![Hidden::new("csrf", "c5rf")]
}

fn wiki() -> Option<ServiceLink> {
    Some(ServiceLink { name: "Team wiki".into(), url: Some("https://wiki.example.com/".into()) })
}

fn button(id: &str, name: &str, icon: &'static str, last_used: bool) -> LoginButton {
    LoginButton { id: id.into(), name: name.into(), icon, url: Href::from(format!("/login/{id}")), last_used }
}

fn buttons() -> Vec<LoginButton> {
    vec![
        button("google", "Google", "google", false),
        button("github", "GitHub", "github", true),
        button("corp", "Work account", "openid", false),
    ]
}

fn password(error: Option<&str>) -> Option<PasswordForm> {
    Some(PasswordForm {
        action: "/login/password".into(),
        hidden: hidden(),
        email: error.map(|_| "ada@example.org".into()).unwrap_or_default(),
        error: error.map(Into::into),
        asks_to_stay: true,
        forgot: None,
    })
}

fn magic_link() -> Option<MagicLinkForm> {
    Some(MagicLinkForm {
        action: "/login/magic-link".into(),
        hidden: hidden(),
        email: String::new(),
        error: None,
        asks_to_stay: true,
    })
}

fn login(methods: Methods) -> LoginPage {
    LoginPage {
        shell: shell(),
        service: wiki(),
        notice: None,
        methods,
        signup_hint: None,
        signup: None,
        no_admin_yet: false,
    }
}

pub fn login_with_providers(count: usize) -> LoginPage {
    let buttons = (0..count).map(|n| button(&format!("p{n}"), &format!("Provider {n}"), "openid", false)).collect();
    login(Methods { buttons, ..Methods::default() })
}

fn code(error: Option<&str>) -> CodeForm {
    CodeForm { action: "/login/code".into(), hidden: hidden(), length: 6, error: error.map(Into::into) }
}

fn check_mail() -> CheckMailPage {
    CheckMailPage {
        shell: shell(),
        service: wiki(),
        notice: None,
        address: "ada@example.org".into(),
        code: Some(code(None)),
        resend: Some(ResendForm { action: "/login/magic-link".into(), hidden: hidden(), from: Some(at(1)) }),
        wrong_address: "/login".into(),
        valid_until: at(15),
    }
}

fn magic(other_browser: Option<OtherBrowser>) -> MagicLinkPage {
    let mut hidden = hidden();
    hidden.push(Hidden::new("token", "sealed"));
    MagicLinkPage {
        shell: shell(),
        service: wiki(),
        address: "ada@example.org".into(),
        action: "/login/magic-link".into(),
        hidden,
        other_browser,
        start_again: "/login".into(),
        valid_until: at(15),
    }
}

fn elsewhere(may_continue: bool) -> Option<OtherBrowser> {
    Some(OtherBrowser { asked_on: "Firefox on Linux".into(), may_continue, has_code: true })
}

fn link(methods_are_known: bool) -> LinkAccountsPage {
    let methods = if methods_are_known {
        Methods { buttons: buttons().drain(..1).collect(), password: password(None), magic_link: None, passkey: None }
    } else {
        Methods { buttons: buttons(), password: None, magic_link: magic_link(), passkey: None }
    };
    LinkAccountsPage {
        shell: shell(),
        service: wiki(),
        notice: None,
        provider: "GitHub".into(),
        address: "ada@example.org".into(),
        methods_are_known,
        methods,
        start_again: "/login".into(),
    }
}

fn account() -> AccountPage {
    AccountPage {
        frame: Frame::new(&shell(), Tab::Overview),
        shell: shell(),
        notice: None,
        name: "Ada Lovelace".into(),
        username: Some("ada".into()),
        address: Some(ShownAddress { address: "ada@example.org".into(), verified: true }),
        signed_in_with: "Google".into(),
        signed_in_at: at(-130),
        services: vec![wiki().unwrap(), ServiceLink { name: "No address".into(), url: None }],
        logout: "/logout".into(),
        now: at(0),
        no_admin_yet: false,
        administration: Some("/admin".into()),
        checks: Vec::new(),
        deeds: Vec::new(),
    }
}

fn logout(sessions: usize) -> LogoutPage {
    LogoutPage {
        shell: shell(),
        name: "Ada Lovelace".into(),
        action: "/logout".into(),
        hidden: hidden(),
        sessions,
        stay: "/account".into(),
    }
}

fn error() -> ErrorPage {
    ErrorPage {
        shell: shell(),
        title: "GitHub said no".into(),
        what: "GitHub did not confirm who you are: access was denied there. Nothing was changed.".into(),
        again_at: None,
        actions: vec![
            Action::new("Start again", "/login"),
            Action::new("Back to Team wiki", "https://wiki.example.com"),
        ],
        reference: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
        at: at(0),
        details: vec![("code", "CS-L007 provider-refused".into()), ("service", "wiki".into())],
    }
}

fn setup(errors: SetupErrors) -> SetupPage {
    let typed = !errors.list().is_empty();
    SetupPage {
        shell: shell(),
        action: "/setup".into(),
        hidden: hidden(),
        email: if typed { "ada@example".into() } else { String::new() },
        name: if typed { "Ada".into() } else { String::new() },
        min_length: 12,
        errors,
        valid_until: Some(at(60)),
    }
}

fn demo() -> DemoPage {
    DemoPage {
        shell: shell(),
        notice: None,
        start: "/demo/start".into(),
        token: Some(DemoToken {
            name: "Ada".into(),
            header: "{\n  \"typ\": \"at+jwt\",\n  \"alg\": \"ES256\",\n  \"kid\": \"k1\"\n}".into(),
            payload: "{\n  \"iss\": \"http://localhost:8383\",\n  \"sub\": \"0190163d-8694-739b-aea5-966c26f8ad91\",\n  \"aud\": \"demo\",\n  \"permissions\": [\"demo:read\"]\n}".into(),
            raw: "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwOi8vbG9jYWxob3N0OjgzODMiLCJzdWIiOiIwMTkwMTYzZC04Njk0LTczOWItYWVhNS05NjZjMjZmOGFkOTEifQ.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZy1lbm91Z2gtdG8td3JhcA".into(),
            permissions: vec![("demo:read".into(), true), ("demo:write".into(), true), ("demo:delete".into(), false)],
            curl: vec![
                CurlLine { what: "Who is signed in".into(), command: "curl -H 'auth-token: eyJ0eXAi…' http://localhost:8383/auth/check".into() },
                CurlLine { what: "The public key".into(), command: "curl http://localhost:8383/auth/public-key".into() },
            ],
            valid_until: at(15),
            logout: "/logout".into(),
        }),
    }
}

pub fn letter() -> MagicLinkLetter {
    MagicLinkLetter {
        from: "Example Club".into(),
        service: Some("Team wiki".into()),
        link: "https://auth.example.org/login/magic-link?token=v1.AbCdEf0123456789-AbCdEf0123456789".into(),
        code: Some("123456".into()),
        asked_on: "Firefox on Linux".into(),
        asked_at: NOW,
        valid_until: NOW + time::Duration::minutes(15),
        footer: "Example Club, 1 Main Street".into(),
    }
}

fn dev_mail() -> DevMailPage {
    let mail = letter().to("ada@example.org".parse().unwrap());
    let row = |url: &str, minutes, is_open| MailRow {
        url: url.into(),
        to: "ada@example.org".into(),
        subject: mail.subject.clone(),
        at: Some(at(minutes)),
        is_open,
    };
    DevMailPage {
        shell: shell(),
        mails: vec![row("/dev/mail?id=2", 0, true), row("/dev/mail?id=1", -3, false)],
        open: Some(OpenMail {
            to: mail.to.to_string(),
            subject: mail.subject.clone(),
            at: Some(at(0)),
            text: mail.text,
            html: mail.html,
        }),
        reload: "/dev/mail".into(),
    }
}

fn dev_people() -> DevPeoplePage {
    let person = |name: &str, note: &str| DevPerson { name: name.into(), note: note.into(), url: "/dev/as".into() };
    DevPeoplePage {
        shell: shell(),
        people: vec![person("Ada", "admin"), person("Bob", "member"), person("Cy", "locked")],
        cancel: Some("/login".into()),
    }
}

fn wrong_host() -> WrongHostPage {
    WrongHostPage {
        shell: shell(),
        asked: "10.0.0.7:8383".into(),
        home: "https://auth.example.org/".into(),
        reference: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
        at: at(0),
    }
}

/// One state of each page.
pub fn faces() -> Vec<Sample> {
    let mut faces = keys::faces();
    faces.extend(vec![
        sample(
            "login",
            &login(Methods {
                buttons: buttons(),
                password: password(None),
                magic_link: magic_link(),
                passkey: Some(factor::passkey_form()),
            }),
        ),
        sample("check-mail", &check_mail()),
        sample("magic-link", &magic(None)),
        sample("magic-link-bound", &magic(elsewhere(false))),
        sample(
            "code",
            &CodePage {
                shell: shell(),
                service: wiki(),
                form: code(Some("This code does not fit. Three tries are left.")),
                address: Some("ada@example.org".into()),
                valid_until: Some(at(15)),
                start_again: "/login".into(),
            },
        ),
        sample("link-accounts", &link(true)),
        sample("account", &account()),
        sample("logout", &logout(3)),
        sample(
            "signed-out",
            &SignedOutPage { shell: shell(), everywhere: false, service: wiki(), login: "/login".into() },
        ),
        sample("error", &error()),
        sample("demo", &demo()),
        sample("dev-mail", &dev_mail()),
        sample("dev-people", &dev_people()),
        sample("setup", &setup(SetupErrors::default())),
        sample("wrong-host", &wrong_host()),
    ]);
    faces.extend(factor::faces());
    faces.extend(passwords::faces());
    faces.extend(people::faces(&Words::plain()));
    faces.extend(permissions::faces());
    faces
}

/// Every page in every state.
pub fn plain() -> Vec<Sample> {
    let mut samples = faces();
    samples.extend(keys::others());
    samples.extend(permissions::others());
    let banner = LoginPage {
        no_admin_yet: true,
        service: None,
        notice: Some(Notice::success("You are signed out.")),
        signup_hint: Some("New here? Continue with Google or GitHub; your account is made on the way.".into()),
        ..login(Methods { buttons: buttons(), password: None, magic_link: magic_link(), passkey: None })
    };
    let long = LoginPage {
        service: Some(ServiceLink {
            name: "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunter".into(),
            url: None,
        }),
        ..login(Methods { buttons: buttons(), password: password(None), magic_link: None, passkey: None })
    };
    let wrong = SetupErrors {
        email: Some("“ada@example” lacks an ending such as .org.".into()),
        name: None,
        password: Some("The password needs 12 characters or more.".into()),
    };
    samples.extend([
        sample("login-buttons", &login(Methods { buttons: buttons(), ..Methods::default() })),
        sample("login-password", &login(Methods { password: password(None), ..Methods::default() })),
        sample(
            "login-error",
            &login(Methods {
                buttons: buttons(),
                password: password(Some("Address or password do not fit. Check both and try again.")),
                ..Methods::default()
            }),
        ),
        sample("login-banner", &banner),
        sample("login-long", &long),
        sample("login-many", &login_with_providers(9)),
        sample("login-empty", &login(Methods::default())),
        sample(
            "check-mail-link-only",
            &CheckMailPage { code: None, notice: Some(Notice::info("Another letter is on its way.")), ..check_mail() },
        ),
        sample("check-mail-last", &CheckMailPage { resend: None, service: None, ..check_mail() }),
        sample("magic-link-elsewhere", &magic(elsewhere(true))),
        sample("link-accounts-neutral", &link(false)),
        sample(
            "account-alone",
            &AccountPage { services: vec![], username: None, address: None, no_admin_yet: true, ..account() },
        ),
        sample("logout-only", &logout(1)),
        sample(
            "error-wait",
            &ErrorPage {
                title: "Too many tries".into(),
                what: "Somebody tried this too often from your network.".into(),
                again_at: Some(at(5)),
                actions: vec![],
                details: vec![],
                ..error()
            },
        ),
        sample(
            "error-no-access",
            &ErrorPage {
                title: "You cannot use Team wiki yet".into(),
                what: "You are signed in. Your account does not fulfil what this service asks of its people. Whoever looks after it \
                       can let you in: tell them the reference below, then try again."
                    .into(),
                actions: vec![
                    Action::new("Try again", "/login/no-access?next=https%3A%2F%2Fwiki.example.com%2F&service=wiki"),
                    Action::new("Use another account", "/logout"),
                    Action::new("Go to your account", "/account"),
                ],
                details: vec![("Code", "CS-H004 access-denied".into()), ("Service", "wiki".into())],
                ..error()
            },
        ),
        sample("demo-start", &DemoPage { token: None, ..demo() }),
        sample("dev-mail-list", &DevMailPage { open: None, ..dev_mail() }),
        sample("dev-mail-empty", &DevMailPage { open: None, mails: vec![], ..dev_mail() }),
        sample("setup-errors", &setup(wrong)),
    ]);
    samples.extend(factor::more());
    samples.extend(passwords::others());
    samples.extend(people::others());
    samples
}

pub fn one(name: &str) -> String {
    plain().into_iter().find(|sample| sample.name == name).unwrap().html
}
