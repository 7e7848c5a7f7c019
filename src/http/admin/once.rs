//! `Idempotency-Key`: a POST that is safe to repeat. Of the same requests with one key, one acts; the others get its answer.

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::guard::Administrator;
use crate::http::auth::answer;
use crate::http::error::{Code, Error};
use crate::keys::sha256_hex;
use crate::store::idempotency::{self, Claim};

/// The header's name.
const HEADER: &str = "idempotency-key";
/// Longest key, in characters.
const LONGEST: usize = 200;
/// What kept answers are sealed for.
const ANSWER: &str = "api answer";

/// Acts, unless the same request was answered before; without the header it just acts.
pub async fn once<R: Serialize>(
    admin: &Administrator,
    headers: &HeaderMap,
    (path, body): (&str, &impl Serialize),
    act: impl AsyncFnOnce() -> Result<(StatusCode, R), Error>,
) -> Result<Response, Error> {
    let Some(key) = key(headers)? else {
        let (status, body) = act().await?;
        return Ok(with(status, &body));
    };
    let caller = admin.key_id();
    let body = serde_json::to_string(body).expect("a request is plain JSON");
    let request = sha256_hex(format!("{path}\n{body}").as_bytes());
    let (store, master) = (admin.site.app.store(), &admin.site.app.house.master);
    let name = (caller.as_str(), key.as_str());
    let row = format!("{caller} {key}");
    match idempotency::claim(store.write(), name, &request, store.now()).await? {
        Claim::First => {}
        Claim::UnderWay => return Err(Error::new(Code::UnderWay).detail("Ask again in a moment.")),
        Claim::Other => return Err(Code::IdempotencyKeyReused.into()),
        Claim::Answered(status, sealed) => {
            let body = master.open(ANSWER, &row, &sealed).and_then(|plain| serde_json::from_slice(&plain).ok());
            let body: serde_json::Value = body.ok_or_else(|| Error::internal("a kept answer cannot be opened"))?;
            let status = StatusCode::from_u16(status).map_err(Error::internal)?;
            let mut response = with(status, &body);
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
            return Ok(response);
        }
    }
    match act().await {
        Ok((status, body)) => {
            let plain = serde_json::to_vec(&body).expect("our answers are plain JSON");
            let sealed = master.seal(ANSWER, &row, &plain);
            idempotency::answer(store.write(), name, status.as_u16(), sealed).await?;
            Ok(with(status, &body))
        }
        Err(error) => {
            idempotency::release(store.write(), name).await?;
            Err(error)
        }
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut all = headers.get_all(HEADER).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let plain = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || all.next().is_some() {
        return Err(Error::bad_request(format!("`Idempotency-Key` is one text of 1 to {LONGEST} visible characters.")));
    }
    Ok(Some(text.to_owned()))
}

fn with(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = answer(body);
    *response.status_mut() = status;
    response
}
