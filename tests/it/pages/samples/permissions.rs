//! The page that says who may do what, and why.

use time::Duration;

use super::{Sample, at, sample, shell};
use crate::app::observed::ListedService;
use crate::http::page::{ExplainedView, Hidden, PermissionsPage, RequestRow, ShadowRow, StepRow, TypedQuestion};
use crate::permission::Rule;
use crate::permission::delay::Delay;

fn rule(permission: &str, granted: bool, role: &str, line: u32) -> Rule {
    Rule {
        permission: permission.into(),
        granted,
        name: format!("role {role}"),
        role: Some(role.into()),
        at: Some(format!("providers.toml:{line}")),
    }
}

fn step(provider: &str, kind: &str, decision: &'static str) -> StepRow {
    StepRow {
        provider: provider.into(),
        kind: kind.into(),
        decision,
        took: "12.4 ms".into(),
        remembered_until: (kind == "http").then(|| at(1)),
        observe: false,
        said: vec![],
        words: vec![],
        why: None,
        rules: vec![],
        more_rules: 0,
        request: None,
        shadow: None,
    }
}

fn service(id: &str, name: &str, seconds: i64) -> ListedService {
    let total = Duration::seconds(seconds);
    let (token, stale) = (Duration::minutes(15), Duration::ZERO);
    let delay = Delay { token, cache: total - token, stale, total };
    ListedService {
        service: id.into(),
        name: name.into(),
        enabled: true,
        permissions: vec!["directory".into()],
        revocation_delay: seconds,
        revocation: delay.sentence(),
    }
}

fn page(found: Option<ExplainedView>, error: Option<&str>) -> PermissionsPage {
    PermissionsPage {
        shell: shell(),
        action: "/admin/permissions".into(),
        hidden: vec![Hidden::new("csrf", "c5rf")],
        back: "/account".into(),
        services: vec![service("wiki", "Team wiki", 960), service("shop", "Shop", 900)],
        forget: "/admin/permissions/forget".into(),
        notice: None,
        typed: TypedQuestion {
            service: "wiki".into(),
            user: "ada@example.org".into(),
            permission: "page:delete".into(),
            role: String::new(),
            mfa: true,
        },
        error: error.map(Into::into),
        found,
    }
}

fn found() -> ExplainedView {
    let directory = StepRow {
        said: vec![("page:read".into(), true), ("page:edit".into(), true), ("page:delete".into(), false)],
        why: Some(
            "`directory` denies `page:delete` because of the role `intern` (providers.toml:43), and a denial wins."
                .into(),
        ),
        rules: vec![rule("page:*", true, "staff", 41), rule("page:delete", false, "intern", 43)],
        more_rules: 3,
        ..step("directory", "static", "allow")
    };
    let billing = StepRow {
        words: vec!["Paid until May.".into()],
        why: Some("`billing` says nothing about `page:delete`.".into()),
        request: Some(RequestRow {
            body: "{\n  \"version\": 1,\n  \"reason\": \"authorize\"\n}".into(),
            curl: Some(
                "curl -sS -X POST 'https://billing.example.org/permissions' \\\n  --data-raw '{\"version\":1}'".into(),
            ),
            answer: "{\n  \"decision\": \"allow\"\n}".into(),
        }),
        ..step("billing", "http", "allow")
    };
    let trial = StepRow {
        observe: true,
        why: Some("`trial` only runs beside the others and decides nothing.".into()),
        shadow: Some(ShadowRow {
            asked: 1204,
            agreed: 1190,
            differed: 12,
            failed: 2,
            differences: vec![(
                "wiki".into(),
                "usr_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a".into(),
                "page:delete".into(),
                "denied".into(),
                "granted".into(),
                12,
            )],
        }),
        ..step("trial", "cedar", "observes")
    };
    ExplainedView {
        title: "Ada in wiki".into(),
        verdict: Some((false, "Ada does not have `page:delete`: it is denied, and a denial wins.".into())),
        refusal: None,
        unasked: Some("Not asked here: `hr`, which may still deny the token or add claims to it.".into()),
        roles: vec![("staff".into(), false), ("intern".into(), true)],
        steps: vec![directory, billing, trial],
        permissions: vec![("page:read".into(), true), ("page:edit".into(), true), ("page:delete".into(), false)],
        extras: vec![("Limits", "{\n  \"pages\": 3\n}".into())],
        payload: Some("{\n  \"iss\": \"https://auth.example.org\",\n  \"sub\": \"usr_1\"\n}".into()),
        size: Some(612),
        max_size: 4096,
        revocation: service("wiki", "", 960).revocation,
        forget: vec![Hidden::new("csrf", "c5rf"), Hidden::new("service", "wiki"), Hidden::new("user", "usr_1")],
    }
}

/// One state of the page.
pub fn faces() -> Vec<Sample> {
    vec![sample("permissions", &page(Some(found()), None))]
}

/// The others.
pub fn others() -> Vec<Sample> {
    let refused = ExplainedView {
        verdict: None,
        refusal: Some("The account is locked.".into()),
        steps: vec![],
        permissions: vec![],
        extras: vec![],
        payload: None,
        size: None,
        roles: vec![],
        ..found()
    };
    vec![
        sample("permissions-empty", &page(None, None)),
        sample("permissions-error", &page(None, Some("There is no such service."))),
        sample("permissions-refused", &page(Some(refused), None)),
    ]
}
