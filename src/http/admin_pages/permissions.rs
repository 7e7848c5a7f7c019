//! `/admin/permissions`: why somebody may do what they may do, asked of the providers at this moment. The form leads to an address
//! that says the question, so that it can be asked again and kept.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use super::administrator;
use crate::app::explain::{ExplainError, Explained, Query as Asked, Told, roles_in};
use crate::app::hooks::unasked;
use crate::app::observed::listed;
use crate::domain::audit::Actor;
use crate::http::browser::Browser;
use crate::http::error::Code;
use crate::http::fields::{Form, Query};
use crate::http::finish::see_other;
use crate::http::login::PASSWORD;
use crate::http::page::{
    ExplainedView, Hidden, Href, Moment, Notice, Page, PermissionsPage, RequestRow, ShadowRow, StepRow, TypedQuestion,
};
use crate::http::site::{Running, Site};
use crate::http::sudo::Stop;
use crate::permission::Sent;
use crate::store::invalidations::Invalidation;
use crate::store::shadows::{Counted, Differing, Shadow};

/// Where it is.
pub const PATH: &str = "/admin/permissions";
/// Where remembered answers are forgotten.
const FORGET: &str = "/admin/permissions/forget";
/// Differences of an observer that are shown.
const SHOWN: usize = 20;

/// The routes of this page.
pub fn router() -> Router<Running> {
    Router::new().route(PATH, get(page).post(question)).route(FORGET, post(forget))
}

#[derive(Default, Deserialize)]
struct Typed {
    service: Option<String>,
    user: Option<String>,
    permission: Option<String>,
    role: Option<String>,
    mfa: Option<String>,
    /// What was remembered is forgotten.
    forgotten: Option<String>,
}

#[derive(Deserialize)]
struct Forgotten {
    csrf: String,
    service: String,
    user: String,
}

/// Lets every server forget what permission providers said about one user in one service.
async fn forget(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<Forgotten>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = administrator(&site, &mut browser, PATH).await?;
    let Forgotten { csrf: _, service, user } = fields;
    let is_known = site.app.settings.service(&service).is_some();
    let user = site.app.store().user_called(&user).await?.filter(|_| is_known).ok_or(Code::NotFound)?;
    let what = Invalidation { service: Some(service.clone()), user: Some(user.id) };
    site.app.invalidate(&what, &browser.by(Actor::User(live.user.id))).await?;
    let fields = [("service", service), ("user", user.id.to_string()), ("forgotten", "1".into())];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    Ok(browser.answer(see_other(&site.path(&format!("{PATH}?{query}")))))
}

#[derive(Deserialize)]
struct Filled {
    csrf: String,
    service: String,
    user: String,
    permission: String,
    role: String,
    mfa: Option<String>,
}

/// The form, on its way to the address that says the same.
async fn question(
    State(running): State<Running>,
    mut browser: Browser,
    Form(filled): Form<Filled>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&filled.csrf)?;
    administrator(&site, &mut browser, PATH).await?;
    let Filled { csrf: _, service, user, permission, role, mfa } = filled;
    let fields = [
        ("service", Some(service)),
        ("user", Some(user)),
        ("permission", Some(permission)),
        ("role", Some(role)),
        ("mfa", mfa),
    ];
    let said = fields.iter().filter_map(|(name, text)| Some((*name, said(text.as_deref())?)));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish();
    Ok(browser.answer(see_other(&site.path(&format!("{PATH}?{query}")))))
}

/// Empty fields are fields that were left out.
fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The form and, if it was filled in here, what comes of it. A link from elsewhere fills it in and asks nobody: asking makes calls.
async fn page(site: Site, mut browser: Browser, Query(typed): Query<Typed>) -> Result<Response, Stop> {
    administrator(&site, &mut browser, PATH).await?;
    let is_asked = said(typed.service.as_deref()).is_some()
        && said(typed.user.as_deref()).is_some()
        && browser.check_same_site().is_ok();
    let csrf = browser.csrf();
    let answer = if is_asked { ask(&site, &typed, &csrf).await? } else { Ok(None) };
    let status = if answer.is_ok() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let (found, error) = match answer {
        Ok(found) => (found, None),
        Err(why) => (None, Some(why)),
    };
    let page = PermissionsPage {
        shell: Arc::clone(&site.shell),
        action: Href::from(site.path(PATH)),
        forget: Href::from(site.path(FORGET)),
        notice: typed.forgotten.is_some().then(|| {
            Notice::success(
                "What was remembered about them is forgotten here, and on every other server in two seconds.",
            )
        }),
        hidden: vec![Hidden::new("csrf", csrf)],
        back: Href::from(site.path("/account")),
        services: listed(&site.app.settings, &site.app.chain),
        typed: TypedQuestion {
            service: typed.service.unwrap_or_default(),
            user: typed.user.unwrap_or_default(),
            permission: typed.permission.unwrap_or_default(),
            role: typed.role.unwrap_or_default(),
            mfa: typed.mfa.is_some(),
        },
        error,
        found,
    };
    Ok(browser.answer(page.answer(status)))
}

/// What comes of the question; else what is wrong with it, in a sentence.
async fn ask(site: &Site, typed: &Typed, csrf: &str) -> Result<Result<Option<ExplainedView>, String>, Stop> {
    let app = &site.app;
    let (wanted, who) =
        (said(typed.service.as_deref()).unwrap_or_default(), said(typed.user.as_deref()).unwrap_or_default());
    let Some(service) = app.settings.service(wanted) else {
        return Ok(Err("There is no such service.".into()));
    };
    let Some(user) = app.store().user_called(who).await? else {
        return Ok(Err("There is no user with this id, address or username.".into()));
    };
    let roles = roles_in(typed.role.as_deref());
    let asked = Asked {
        service,
        user: &user,
        method: PASSWORD,
        mfa: typed.mfa.is_some(),
        roles: &roles,
        permission: said(typed.permission.as_deref()),
    };
    match app.explain(&asked).await {
        Ok(explained) => {
            let mut found = view(explained, &app.sent(&asked), csrf);
            for step in found.steps.iter_mut().filter(|step| step.observe) {
                step.shadow = Some(shadow(app.shadow(&step.provider).await?));
            }
            Ok(Ok(Some(found)))
        }
        Err(ExplainError::Senseless(why)) => Ok(Err(sentence(&why.to_string()))),
        Err(error) => Err(error.into()),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// How an observer has done, with the differences that showed last.
fn shadow(shadow: Shadow) -> ShadowRow {
    let Counted { asked, agreed, differed, failed } = shadow.counts;
    let row = |one: Differing| (one.service, one.who, one.permission, one.was, one.would, one.times);
    let differences = shadow.differences.into_iter().take(SHOWN).map(row).collect();
    ShadowRow { asked, agreed, differed, failed, differences }
}

fn view(explained: Explained, sent: &[(String, Sent)], csrf: &str) -> ExplainedView {
    let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let granted = explained.granted.as_ref();
    let extras = granted.into_iter().flat_map(|granted| [("Limits", &granted.limits), ("Claims", &granted.claims)]);
    ExplainedView {
        title: format!("{} in {}", explained.name, explained.service),
        verdict: explained.permission.as_ref().map(|answer| (answer.is_granted, answer.why.clone())),
        unasked: explained.token.as_ref().and_then(|_| unasked(&explained.hooks_not_asked)),
        refusal: explained.refusal.as_deref().map(sentence),
        roles: explained.roles.iter().map(|held| (held.role.clone(), held.is_assumed)).collect(),
        permissions: granted.map(|granted| granted.permissions.clone().into_iter().collect()).unwrap_or_default(),
        extras: extras
            .filter(|(_, values)| !values.is_empty())
            .map(|(what, values)| (what, pretty(&json!(values))))
            .collect(),
        payload: explained.payload.as_ref().map(pretty),
        size: explained.size,
        max_size: explained.max_size,
        forget: vec![
            Hidden::new("csrf", csrf),
            Hidden::new("service", explained.service.as_str()),
            Hidden::new("user", explained.user.as_str()),
        ],
        revocation: explained.revocation,
        steps: explained.steps.into_iter().map(|step| row(step, sent)).collect(),
    }
}

fn row(step: Told, sent: &[(String, Sent)]) -> StepRow {
    let of = sent.iter().find(|(id, _)| *id == step.provider).map(|(_, sent)| sent);
    let request = of.map(|sent| RequestRow {
        body: serde_json::from_str::<serde_json::Value>(&sent.body)
            .and_then(|body| serde_json::to_string_pretty(&body))
            .unwrap_or_default(),
        curl: sent.curl.clone(),
        answer: answer(&step),
    });
    let denied = step.denied.into_iter().map(|name| (name, false));
    let words = [step.error.unwrap_or_default(), step.reason, step.message];
    StepRow {
        said: step.permissions.into_iter().chain(denied).collect(),
        words: words.into_iter().filter(|text| !text.is_empty()).collect(),
        took: format!("{:.1} ms", step.took_ms),
        provider: step.provider,
        kind: step.kind,
        decision: step.decision,
        remembered_until: step.remembered_until.map(Moment::from),
        observe: step.observe,
        why: step.why,
        rules: step.rules,
        more_rules: step.more_rules,
        request,
        shadow: None,
    }
}

/// What the provider answered, as it was understood.
fn answer(step: &Told) -> String {
    let Told { decision, permissions, limits, claims, reason, message, error, .. } = step;
    let whole = match error {
        Some(error) => json!({ "error": error }),
        None => json!({
            "decision": decision, "permissions": permissions, "limits": limits, "claims": claims,
            "reason": reason, "message": message,
        }),
    };
    serde_json::to_string_pretty(&whole).unwrap_or_default()
}
