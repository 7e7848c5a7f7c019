//! What the grants and denials of a role stand for.

use super::fault::Lines;
use super::format::Draft;
use super::reader::{Reader, Word};
use super::rules::{Clause, Role, Rules, Source};
use super::vocabulary::Scope;

/// Most permissions that all rules and tests of a policy may stand for together.
pub const MOST_MEANINGS: usize = 200_000;

/// The role's own rules. `room` is how many more permissions the policy may stand for; `None` when that was exceeded.
pub fn of(
    reader: &mut Reader,
    rules: &mut Rules,
    draft: &Draft<'_>,
    lines: &Lines<'_>,
    room: &mut Option<usize>,
) -> Role {
    let mut role = Role::default();
    let granted = draft.grants.iter().map(|word| (word, true));
    for (word, granted) in granted.chain(draft.deny.iter().map(|word| (word, false))) {
        let source = u32::try_from(rules.sources.len()).unwrap_or(u32::MAX);
        rules.sources.push(Source { text: word.text.to_owned(), line: lines.number(word.at) });
        let meaning = match rules.words.meaning(word.text) {
            Ok(meaning) => meaning,
            Err(message) => {
                reader.wrong(word.at, message);
                continue;
            }
        };
        if !fits(reader, word, meaning.deeds.len(), room) {
            break;
        }
        if !granted {
            let patterns = meaning.patterns(&rules.words);
            role.patterns.extend(patterns.into_iter().map(|pattern| (pattern, source)));
        }
        let is_named = meaning.scope != Scope::Any || meaning.rule.action.is_some();
        for deed in meaning.deeds {
            let name = rules.names.number(&rules.words, deed, meaning.scope);
            role.clauses.push(Clause { deed, scope: meaning.scope, granted, is_named, name, source });
        }
    }
    role.clauses.sort_by_key(|clause| clause.deed);
    role
}

/// Takes `wanted` from the room; the first that does not fit is a mistake, and from then on there is none.
pub fn fits(reader: &mut Reader, word: &Word<'_>, wanted: usize, room: &mut Option<usize>) -> bool {
    let Some(left) = *room else { return false };
    *room = left.checked_sub(wanted);
    if room.is_none() {
        let message = format!("the policy is too large: its rules stand for more than {MOST_MEANINGS} permissions");
        reader.wrong(word.at, message);
    }
    room.is_some()
}
