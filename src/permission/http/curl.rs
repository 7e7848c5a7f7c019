//! A request as a command that somebody can paste into a shell.

use crate::net::HttpRequest;

/// Stands in place of a header that must not be seen.
const HIDDEN: &str = "…";

/// The request as `curl`; what is sensitive in it is left out, with its name.
pub fn command(request: &HttpRequest) -> String {
    let mut line = format!("curl -sS -X {} {}", request.method(), quoted(&request.uri().to_string()));
    for (name, value) in request.headers() {
        let value = if value.is_sensitive() { HIDDEN } else { value.to_str().unwrap_or(HIDDEN) };
        line.push_str(" \\\n  -H ");
        line.push_str(&quoted(&format!("{name}: {value}")));
    }
    line.push_str(" \\\n  --data-raw ");
    line.push_str(&quoted(&String::from_utf8_lossy(request.body())));
    line
}

/// In single quotes, as POSIX shells read them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
