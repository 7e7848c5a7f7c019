//! One error, three faces: problem (what `Error` is by itself), page, and RFC 6749 §5.2.

use std::future::{Ready, ready};
use std::sync::Arc;

use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::error::{Code, Error};
use super::layers::RequestId;

/// What an error page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorView {
    /// The line of the table: what the page may offer depends on it.
    pub code: Code,
    /// One sentence.
    pub title: &'static str,
    /// The case's particulars.
    pub detail: Option<String>,
    /// What people quote when they ask for help; empty outside a request.
    pub reference: String,
}

/// Draws an error page; the status and the headers every error has are added to what it returns.
pub type Draw = Arc<dyn Fn(&ErrorView) -> Response + Send + Sync>;

/// Shows the area's errors as pages: `.layer(map_response(face::page(draw)))`.
pub fn page(draw: Draw) -> impl Fn(Response) -> Ready<Response> + Clone + Send + Sync + 'static {
    move |response| ready(draw_page(response, &draw))
}

/// The answer's error as a page; an answer that is none, or drawn already, stays as it is.
pub fn draw_page(response: Response, draw: &Draw) -> Response {
    if response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "application/problem+json") {
        return response;
    }
    redraw(response, |error| draw(&ErrorView::of(error)))
}

/// Shows the area's errors as RFC 6749 §5.2 wants them: `.layer(map_response(face::oauth))`.
pub fn oauth(response: Response) -> Ready<Response> {
    ready(redraw(response, |error| {
        let body = OauthAnswer { error: error.code.oauth(), error_description: described(error) };
        let body = serde_json::to_string(&body).expect("two strings are plain JSON");
        let mut response = Response::new(body.into());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if error.code.status() == StatusCode::UNAUTHORIZED {
            let scheme = if error.code == Code::InvalidClient { "Basic" } else { "Bearer" };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }))
}

/// RFC 6749 §5.2.
#[derive(Serialize)]
struct OauthAnswer<'a> {
    error: &'a str,
    error_description: String,
}

impl ErrorView {
    /// What a page shows of this failure.
    pub fn of(error: &Error) -> Self {
        Self {
            code: error.code,
            title: error.code.title(),
            detail: error.detail.clone(),
            reference: RequestId::current().map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

/// Only the characters that §5.2 allows; others become a question mark.
fn described(error: &Error) -> String {
    let text = error.detail.as_deref().unwrap_or(error.code.title());
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    text.chars().map(|c| if allowed(c) { c } else { '?' }).collect()
}

fn redraw(mut response: Response, draw: impl FnOnce(&Error) -> Response) -> Response {
    match response.extensions_mut().remove::<Error>() {
        Some(error) => {
            let drawn = draw(&error);
            error.dress(drawn)
        }
        None => response,
    }
}
