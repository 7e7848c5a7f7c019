//! What is said about a key or a value that does not fit.

use super::value::Place;
use super::{Mistake, later};

/// The mistake of a key nobody knows; keys that are only not there yet are told apart from typos.
pub fn unknown_key<'a>(path: &str, key: &str, at: &Place, known: impl Iterator<Item = &'a str>) -> Mistake {
    if later::is_later(path, key) {
        return Mistake::new("CS-C009", format!("`{key}` in `[{path}]` is not in this version"), at)
            .help(Some("leave it out; a later version brings it".into()));
    }
    let known: Vec<_> = known.collect();
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    let near = nearest(key, known.iter().copied());
    let message = format!("unknown key `{key}` in `[{path}]`");
    Mistake::new("CS-C003", message, at).help(Some(match near {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "it has no keys".to_owned(),
        None => format!("it knows {}", names.join(", ")),
    }))
}

/// The name that was probably meant.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.replace('-', "_");
    known
        .map(|name| (strsim::jaro_winkler(&word, &name.replace('-', "_")), name))
        .filter(|(score, _)| *score > 0.84)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

/// The mistake of a value that does not fit; `hide`: it may be a secret, so nothing of it is shown.
pub fn describe(message: &str, missing: Option<&str>, hide: bool, place: &Place) -> Mistake {
    if let Some(name) = missing {
        return Mistake::new("CS-C004", format!("missing key `{name}`"), place);
    }
    if hide {
        let message = "a secret is a text, `{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ credential = \"name\" }`";
        return Mistake::new("CS-C005", message.into(), place);
    }
    let Some(rest) = message.strip_prefix("unknown field `") else {
        let (word, names) = variant_names(message);
        let help = nearest(word, names.into_iter()).map(|name| format!("did you mean `{name}`?"));
        return Mistake::new("CS-C005", plainly(message), place).help(help);
    };
    let (word, tail) = rest.split_once('`').unwrap_or((rest, ""));
    let names: Vec<_> = tail.split('`').skip(1).step_by(2).collect();
    let help = nearest(word, names.into_iter()).map(|name| format!("did you mean `{name}`?"));
    Mistake::new("CS-C003", message.replacen("field", "key", 1), place).help(help)
}

/// Without the words of the program's own types.
fn plainly(message: &str) -> String {
    let mut message = message.replacen("unknown variant", "unknown value", 1).replace("invalid type: ", "wrong type: ");
    for (theirs, ours) in [
        ("invalid socket address syntax", "this is not an address: write it as \"127.0.0.1:8383\""),
        ("invalid IP address syntax", "this is not a network: write it as \"10.0.0.0/8\""),
        ("relative URL without a base: ", "this is not a URL: write it as \"https://…\", not "),
        ("expected a sequence", "expected a list"),
        ("expected enum ", "expected a word for "),
    ] {
        message = message.replace(theirs, ours);
    }
    for number in ["u8", "u16", "u32", "u64", "usize", "i32", "i64"] {
        if let Some(start) = message.strip_suffix(&format!("expected {number}")) {
            message = format!("{start}expected a whole number");
        }
    }
    message
}

/// The word and the choices of ``unknown variant `x`, expected one of `a`, `b` ``.
fn variant_names(message: &str) -> (&str, Vec<&str>) {
    let Some(rest) = message.strip_prefix("unknown variant `") else { return ("", Vec::new()) };
    let (word, tail) = rest.split_once('`').unwrap_or((rest, ""));
    (word, tail.split('`').skip(1).step_by(2).collect())
}
