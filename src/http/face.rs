//! One error, two faces: problem (what `Error` is by itself), and page.

use std::future::{Ready, ready};
use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

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
    /// Why; for whoever they ask, never for the page.
    pub cause: String,
}

/// Draws an error page; the status and the headers every error has are added to what it returns.
pub type Draw = Arc<dyn Fn(&ErrorView) -> Response + Send + Sync>;

/// Shows the area's errors as pages: `.layer(map_response(face::page(draw)))`.
pub fn page(draw: Draw) -> impl Fn(Response) -> Ready<Response> + Clone + Send + Sync + 'static {
    move |response| ready(draw_page(response, &draw))
}

/// The answer's error as a page; an answer that is none, or drawn already, stays as it is.
pub fn draw_page(mut response: Response, draw: &Draw) -> Response {
    if response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "application/problem+json") {
        return response;
    }
    match response.extensions_mut().remove::<Error>() {
        Some(error) => {
            let drawn = draw(&ErrorView::of(&error));
            error.dress(drawn)
        }
        None => response,
    }
}

impl ErrorView {
    /// What a page shows of this failure.
    pub fn of(error: &Error) -> Self {
        Self {
            code: error.code,
            title: error.code.title(),
            detail: error.detail.clone(),
            reference: RequestId::current().map(|id| id.to_string()).unwrap_or_default(),
            cause: error.causes(),
        }
    }
}
