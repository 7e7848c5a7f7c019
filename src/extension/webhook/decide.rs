//! Asks a URL, signed as Standard Webhooks says, and reads what it decides.

use async_trait::async_trait;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{Field, Post};
use crate::domain::answer::{claims, line, members};
use crate::domain::email::Email;
use crate::domain::user::Username;
use crate::extension::Events;
use crate::extension::decide::{About, Answer, Decider, DeciderError, Moment, Question, Terms};

/// Asks a URL.
pub struct Asking {
    pub(super) events: Events,
    pub(super) post: Post,
    pub(super) terms: Terms,
}

impl Asking {
    fn body(&self, question: &Question<'_>) -> Vec<u8> {
        let told = self.post.fields.iter().filter_map(|field| Some((field.name().to_owned(), tell(*field, question)?)));
        let body = json!({
            "type": question.moment.name(),
            "timestamp": question.at.format(&Rfc3339).unwrap_or_default(),
            "data": told.collect::<Map<_, _>>(),
        });
        body.to_string().into_bytes()
    }
}

#[async_trait]
impl Decider for Asking {
    fn hears(&self, moment: Moment) -> bool {
        self.events.ask(moment)
    }

    fn terms(&self) -> Terms {
        self.terms
    }

    async fn decide(&self, question: &Question<'_>) -> Result<Answer, DeciderError> {
        let id = Uuid::now_v7().simple().to_string();
        let sent = self.post.send(&id, self.body(question)).await;
        let answer = sent.map_err(|error| DeciderError(error.to_string()))?;
        read(answer.status(), answer.body(), question.moment).map_err(DeciderError)
    }
}

/// What the answer says. Only a written `allow` and 204 are a yes.
pub fn read(status: StatusCode, body: &[u8], moment: Moment) -> Result<Answer, String> {
    match status {
        StatusCode::OK => decision(body, moment),
        StatusCode::NO_CONTENT => Ok(Answer::Allow(Map::new())),
        // A proxy in between may deny too, so the body need not be of the contract.
        StatusCode::FORBIDDEN => {
            let said = members(body).ok().and_then(|said| line(said.get("message")?));
            Ok(Answer::Deny(said.unwrap_or_default()))
        }
        status => Err(format!("it answered with status {}", status.as_u16())),
    }
}

fn decision(body: &[u8], moment: Moment) -> Result<Answer, String> {
    let (mut allows, mut message, mut added) = (None, String::new(), Map::new());
    for (name, value) in members(body)? {
        match (name.as_str(), value.as_str()) {
            ("decision", Some("allow")) => allows = Some(true),
            ("decision", Some("deny")) => allows = Some(false),
            ("decision", _) => return Err("`decision` is not `allow` or `deny`".into()),
            ("message", _) => message = line(&value).ok_or("`message` is not a string")?,
            ("claims", _) => added = claims(value)?,
            _ => return Err("it has a member that is not `decision`, `message` or `claims`".into()),
        }
    }
    if !allows.ok_or("it has no `decision`")? {
        return Ok(Answer::Deny(message));
    }
    if added.is_empty() || moment.takes_claims() {
        return Ok(Answer::Allow(added));
    }
    Err(format!("it sets claims at `{}`, where there is no token", moment.name()))
}

/// What the question says of this; `None` where there is no such thing.
fn tell(field: Field, question: &Question<'_>) -> Option<Value> {
    let Question { about, method, service, .. } = *question;
    let address = |email: Option<&Email>| json!(email.map(Email::as_str));
    Some(match (field, about) {
        (Field::Method, _) => json!(method),
        (Field::Service, _) => json!(service),
        (Field::Id, About::Machine(id)) => json!(id),
        (_, About::Machine(_)) | (Field::Id, About::Newcomer(_)) => return None,
        (Field::Id, About::User(user)) => json!(user.id),
        (Field::Email, About::User(user)) => address(user.email.as_ref().map(|address| &address.email)),
        (Field::Email, About::Newcomer(new)) => address(new.email.as_ref().map(|(email, _)| email)),
        (Field::Name, About::User(user)) => json!(user.name),
        (Field::Name, About::Newcomer(new)) => json!(new.name),
        (Field::Username, About::User(user)) => json!(user.username),
        (Field::Username, About::Newcomer(new)) => json!(new.username.as_ref().map(Username::as_str)),
        (Field::Roles, About::User(user)) => json!(user.roles),
        (Field::Roles, About::Newcomer(new)) => json!(new.roles),
    })
}
