//! Which roles a role inherits, by way of others too.

use std::collections::HashMap;

use super::fault::shown;
use super::format::Draft;
use super::reader::{Reader, suggest};

/// For each role itself and all it inherits, ascending. Unknown roles and circles are mistakes.
pub fn closures(reader: &mut Reader, drafts: &[Draft<'_>], by_name: &HashMap<&str, u32>) -> Vec<Vec<u32>> {
    let mut parents: Vec<Vec<u32>> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let mut known = Vec::with_capacity(draft.inherits.len());
        for word in &draft.inherits {
            if let Some(number) = by_name.get(word.text) {
                known.push(*number);
            } else {
                let name = shown(draft.name);
                let message = format!("`{name}` inherits the role `{}`, which there is not", shown(word.text));
                reader.wrong(word.at, suggest(message, word.text, by_name.keys().copied()));
            }
        }
        parents.push(known);
    }
    let order = order(&parents);
    if let Some(circle) = circle(&parents, &order) {
        let names: Vec<_> = circle.iter().map(|number| format!("`{}`", shown(drafts[*number as usize].name))).collect();
        let at = drafts[circle[0] as usize].at;
        reader.wrong(at, format!("these roles inherit each other in a circle: {}", names.join(" → ")));
    }
    let mut closures: Vec<Vec<u32>> = (0..).take(drafts.len()).map(|number| vec![number]).collect();
    for number in order {
        let mut all = vec![number];
        for parent in &parents[number as usize] {
            all.extend_from_slice(&closures[*parent as usize]);
        }
        all.sort_unstable();
        all.dedup();
        closures[number as usize] = all;
    }
    closures
}

/// All roles, each after those it inherits; roles of a circle, and those that inherit them, are left out.
fn order(parents: &[Vec<u32>]) -> Vec<u32> {
    let mut children: Vec<Vec<u32>> = vec![Vec::new(); parents.len()];
    let mut waiting: Vec<usize> = parents.iter().map(Vec::len).collect();
    for (child, parents) in (0..).zip(parents) {
        for parent in parents {
            children[*parent as usize].push(child);
        }
    }
    let mut order: Vec<u32> =
        (0..).zip(&waiting).filter(|(_, waits_for)| **waits_for == 0).map(|(number, _)| number).collect();
    let mut next = 0;
    while let Some(done) = order.get(next).copied() {
        next += 1;
        for child in &children[done as usize] {
            waiting[*child as usize] -= 1;
            if waiting[*child as usize] == 0 {
                order.push(*child);
            }
        }
    }
    order
}

/// The first circle, from a role back to itself.
fn circle(parents: &[Vec<u32>], order: &[u32]) -> Option<Vec<u32>> {
    let mut is_fine = vec![false; parents.len()];
    for number in order {
        is_fine[*number as usize] = true;
    }
    let mut at = is_fine.iter().position(|fine| !fine)?;
    let mut path: Vec<u32> = Vec::new();
    let mut met = vec![None; parents.len()];
    loop {
        let number = u32::try_from(at).ok()?;
        if let Some(from) = met[at] {
            path.push(number);
            return Some(path.split_off(from));
        }
        met[at] = Some(path.len());
        path.push(number);
        at = *parents[at].iter().find(|parent| !is_fine[**parent as usize])? as usize;
    }
}
