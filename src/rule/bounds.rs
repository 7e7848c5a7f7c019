//! What a text may be before anybody reads it.

use super::RuleMistake;

/// Longest text, in bytes.
const LONGEST: usize = 2048;
/// Deepest nesting of brackets.
const DEEPEST: usize = 16;

/// Whether the text is short and flat enough to be read at all.
pub fn check(text: &str) -> Result<(), RuleMistake> {
    let wrong = |at, message: String| Err(RuleMistake::at(text, at, message));
    if text.trim().is_empty() {
        return wrong(0, "the rule is empty".into());
    }
    if text.len() > LONGEST {
        return wrong(0, format!("a rule has at most {LONGEST} bytes, and this has {}", text.len()));
    }
    let (mut depth, mut quote, mut is_escaped) = (0_usize, None, false);
    for (at, c) in text.chars().enumerate() {
        if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
            return wrong(at, "there is a control character in the rule".into());
        }
        match (quote, c) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return wrong(at, format!("brackets may be nested {DEEPEST} deep"));
        }
    }
    Ok(())
}
