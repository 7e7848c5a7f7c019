//! The functions that rules may call, and what is said of calls that are none.

use std::collections::BTreeSet;

use cel::common::ast::CallExpr;

/// Functions and their numbers of arguments, the text or list they are called on not counted. `size` can also be called with it.
const METHODS: &[(&str, &[usize])] = &[
    ("contains", &[1]),
    ("endsWith", &[1]),
    ("lowerAscii", &[0]),
    ("matches", &[1]),
    ("size", &[0]),
    ("split", &[1, 2]),
    ("startsWith", &[1]),
    ("trim", &[0]),
    ("upperAscii", &[0]),
];
/// Functions that are called with one value.
const PLAIN: &[&str] = &["double", "dyn", "int", "size", "string", "type", "uint"];
/// What loops are written with, beside `has`.
const MACROS: &[&str] = &["all", "exists", "exists_one", "filter", "has", "map"];
/// What is wrong with a call.
pub struct Misuse {
    pub message: String,
    pub help: Option<String>,
}

/// What is wrong with the call; `None` if nothing is. Operators are no functions.
pub fn misuse(call: &CallExpr) -> Option<Misuse> {
    let name = call.func_name.as_str();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let method = METHODS.iter().find(|(known, _)| *known == name).map(|(_, arguments)| *arguments);
    let is_plain = PLAIN.contains(&name);
    let message = match (&call.target, method) {
        (Some(_), Some(arguments)) if arguments.contains(&call.args.len()) => return None,
        (None, _) if is_plain && call.args.len() == 1 => return None,
        (None, Some([0, ..])) if !is_plain => format!("`{name}` is written `text.{name}()`"),
        (None, Some(_)) if !is_plain => format!("`{name}` is written `text.{name}(…)`"),
        _ if is_plain || method.is_some() || MACROS.contains(&name) => format!("`{name}` is not called like this"),
        _ => {
            let known = METHODS.iter().map(|(known, _)| *known).chain(PLAIN.iter().chain(MACROS).copied());
            let help = Some(did_you_mean(name, known));
            return Some(Misuse { message: format!("there is no function `{name}`"), help });
        }
    };
    Some(Misuse { message, help: None })
}

/// The likeliest of the known names, or all of them.
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: BTreeSet<&str> = known.collect();
    let scored = known.iter().map(|name| (strsim::jaro_winkler(word, name), name)).filter(|(score, _)| *score > 0.84);
    match scored.max_by(|left, right| left.0.total_cmp(&right.0)) {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("known are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}
