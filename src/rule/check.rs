//! Reads a rule and looks at every part of it before it ever runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::common::types::CelInt;
use regex::{Regex, RegexBuilder};

use super::claims::Claims;
use super::functions::{self, Misuse, did_you_mean};
use super::run::{ENV, LOOP, MATCHES};
use super::{About, RuleMistake};

/// Deepest tree.
const DEEPEST: usize = 48;
/// Deepest loops in loops.
const DEEPEST_LOOP: usize = 3;
/// Most `+` in a rule: each makes a larger text or list.
const MOST_SUMS: usize = 16;
/// Largest compiled pattern, in bytes.
const LARGEST_PATTERN: usize = 256 << 10;
/// What a function that makes a list of a text counts for in a loop.
const DEAR: i64 = 200;
/// What collecting values counts for in a loop.
const COLLECTED: i64 = 32;

/// Names of types, for `type(x) == list`.
const TYPES: &[&str] = &["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"];

/// A rule that was read.
pub struct Read {
    pub text: String,
    pub expression: IdedExpr,
    pub patterns: Arc<[Regex]>,
    /// What it speaks of.
    pub names: BTreeSet<&'static str>,
    /// The claims it speaks of.
    pub claims: Claims,
}

/// Reads the text.
pub fn read(text: String, about: About) -> Result<Read, RuleMistake> {
    let parser = ENV.parser().max_recursion_depth(24).error_recovery_limit(4);
    let (mut expression, places) = parser.parse_with_source_info(&text).map_err(|found| unreadable(&text, &found))?;
    let mut look = Look {
        text: &text,
        about,
        places: &places,
        patterns: Vec::new(),
        names: BTreeSet::new(),
        claims: Claims::default(),
        bound: Vec::new(),
        depth: 0,
        sums: 0,
    };
    look.at(&mut expression)?;
    let Look { patterns, names, claims, .. } = look;
    Ok(Read { expression, patterns: patterns.into(), names, claims, text })
}

fn unreadable(text: &str, found: &cel::ParseErrors) -> RuleMistake {
    let Some(first) = found.errors.first() else {
        return RuleMistake::at(text, 0, "the rule cannot be read".into());
    };
    let (line, column) = first.pos;
    let words = first.msg.trim_start_matches("Syntax error: ");
    let words = words.split(" expecting").next().unwrap_or_default().replace("<EOF>", "the end");
    let words: String = words.chars().filter(|c| !c.is_control()).take(120).collect();
    let mut mistake = RuleMistake::at(text, 0, format!("the rule cannot be read: {words}"));
    mistake.line = usize::try_from(line).unwrap_or(1).max(1);
    mistake.column = usize::try_from(column).unwrap_or(1).max(1);
    mistake
}

/// What the whole is, if it can never be true or false.
pub fn surely_not_a_verdict(read: &Read) -> Option<&'static str> {
    match &read.expression.expr {
        Expr::Literal(LiteralValue::String(_)) => Some("a text"),
        Expr::Literal(LiteralValue::Boolean(_)) => None,
        Expr::Literal(_) => Some("a number"),
        Expr::List(_) => Some("a list"),
        Expr::Map(_) => Some("a map"),
        Expr::Ident(name) if matches!(name.as_str(), "groups" | "roles") => Some("a list"),
        Expr::Ident(name) if matches!(name.as_str(), "email" | "provider" | "service") => Some("a text"),
        Expr::Ident(name) if name == "claims" => Some("a map"),
        Expr::Call(call) => match call.func_name.as_str() {
            "size" | "int" | "uint" | "double" | operators::SUBSTRACT | operators::MULTIPLY => Some("a number"),
            "string" | "lowerAscii" | "upperAscii" | "trim" => Some("a text"),
            "split" => Some("a list"),
            _ => None,
        },
        _ => None,
    }
}

struct Look<'a> {
    text: &'a str,
    about: About,
    places: &'a SourceInfo,
    patterns: Vec<Regex>,
    names: BTreeSet<&'static str>,
    claims: Claims,
    /// The variables of the loops around.
    bound: Vec<String>,
    depth: usize,
    sums: usize,
}

impl Look<'_> {
    fn wrong(&self, expr: &IdedExpr, message: String) -> RuleMistake {
        self.wrong_at(expr.id, message)
    }

    fn wrong_at(&self, id: u64, message: String) -> RuleMistake {
        let start = self.places.offset_for(id).map_or(0, |(start, _)| start as usize);
        let at = self.text.char_indices().take_while(|(byte, _)| *byte < start).count();
        RuleMistake::at(self.text, at, message)
    }

    /// Looks at a part and all that is in it; what one evaluation of it counts for in a loop.
    fn at(&mut self, expr: &mut IdedExpr) -> Result<i64, RuleMistake> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong(expr, format!("the rule is nested more than {DEEPEST} deep")));
        }
        let weight = self.part(expr)?;
        self.depth -= 1;
        Ok(weight + 1)
    }

    fn part(&mut self, expr: &mut IdedExpr) -> Result<i64, RuleMistake> {
        let id = expr.id;
        match &mut expr.expr {
            Expr::Literal(_) => Ok(0),
            Expr::Ident(name) => {
                let name = name.clone();
                self.name(id, &name)?;
                Ok(0)
            }
            Expr::Select(select) => {
                let field = select.field.clone();
                self.member(&mut select.operand, Some(field))
            }
            Expr::Call(call) => self.call(id, call),
            Expr::Comprehension(comprehension) => self.turns(id, comprehension),
            Expr::List(list) => list.elements.iter_mut().map(|element| self.at(element)).sum(),
            Expr::Map(map) => {
                let mut weight = 0;
                for entry in &mut map.entries {
                    let EntryExpr::MapEntry(entry) = &mut entry.expr else { continue };
                    weight += self.at(&mut entry.key)? + self.at(&mut entry.value)?;
                }
                Ok(weight)
            }
            Expr::Struct(_) => Err(self.wrong_at(id, "a rule cannot make an object of a type".into())),
            Expr::Unspecified => Err(self.wrong_at(id, "the rule cannot be read here".into())),
        }
    }

    fn name(&mut self, id: u64, name: &str) -> Result<(), RuleMistake> {
        if name.starts_with('@') || self.bound.iter().any(|bound| bound == name) || TYPES.contains(&name) {
            return Ok(());
        }
        let known = self.about.names();
        if let Some(name) = known.iter().find(|known| **known == name) {
            self.names.insert(name);
            if *name == "claims" {
                self.claims = Claims::All;
            }
            return Ok(());
        }
        let mistake = self.wrong_at(id, format!("there is no `{name}`"));
        Err(mistake.help(Some(did_you_mean(name, known.iter().copied()))))
    }

    /// A member of something; of `claims` it is noted which.
    fn member(&mut self, of: &mut IdedExpr, field: Option<String>) -> Result<i64, RuleMistake> {
        let is_claims = matches!(&of.expr, Expr::Ident(name) if name == "claims") && !self.is_bound("claims");
        match field {
            Some(field) if is_claims => {
                self.names.insert("claims");
                self.claims.add(&Claims::Named(BTreeSet::from([field])));
                Ok(1)
            }
            _ => self.at(of),
        }
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|bound| bound == name)
    }

    fn call(&mut self, id: u64, call: &mut CallExpr) -> Result<i64, RuleMistake> {
        match call.func_name.as_str() {
            operators::ADD => self.sum(id, call)?,
            operators::INDEX => {
                if let [of, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }] =
                    call.args.as_mut_slice()
                {
                    let field = field.inner().to_owned();
                    return Ok(self.member(of, Some(field))? + 1);
                }
            }
            "matches" => self.pattern(id, call)?,
            _ => self.function(id, call)?,
        }
        let mut weight = if call.func_name == "split" { DEAR } else { 0 };
        if let Some(target) = &mut call.target {
            weight += self.at(target)?;
        }
        for arg in &mut call.args {
            weight += self.at(arg)?;
        }
        Ok(weight)
    }

    /// A `+` that somebody wrote, not one that a loop collects with.
    fn sum(&mut self, id: u64, call: &CallExpr) -> Result<(), RuleMistake> {
        if matches!(call.args.first(), Some(IdedExpr { expr: Expr::Ident(name), .. }) if name.starts_with('@')) {
            return Ok(());
        }
        self.sums += 1;
        if !self.bound.is_empty() {
            return Err(self.wrong_at(id, "`+` cannot stand in a loop".into()));
        }
        if self.sums > MOST_SUMS {
            return Err(self.wrong_at(id, format!("a rule has at most {MOST_SUMS} times `+`")));
        }
        Ok(())
    }

    /// Patterns are compiled once, and are never what a provider said.
    fn pattern(&mut self, id: u64, call: &mut CallExpr) -> Result<(), RuleMistake> {
        let mut args = std::mem::take(&mut call.args);
        let text = call.target.take().map(|target| *target);
        let (text, pattern) = match (text, args.pop(), args.pop()) {
            (Some(text), Some(pattern), None) | (None, Some(pattern), Some(text)) if args.is_empty() => (text, pattern),
            _ => return Err(self.wrong_at(id, "`matches` is written `text.matches('pattern')`".into())),
        };
        let Expr::Literal(LiteralValue::String(words)) = &pattern.expr else {
            return Err(self.wrong(&pattern, "the pattern of `matches` has to be written out".into()));
        };
        let compiled = RegexBuilder::new(words.inner()).size_limit(LARGEST_PATTERN).build();
        let compiled = compiled.map_err(|_| self.wrong(&pattern, "this is no pattern, or too large a one".into()))?;
        let at = i64::try_from(self.patterns.len()).unwrap_or(i64::MAX);
        self.patterns.push(compiled);
        let at = IdedExpr { id: pattern.id, expr: Expr::Literal(LiteralValue::Int(CelInt::from(at))) };
        *call = CallExpr { func_name: MATCHES.to_owned(), target: None, args: vec![text, at] };
        Ok(())
    }

    fn function(&self, id: u64, call: &CallExpr) -> Result<(), RuleMistake> {
        match functions::misuse(call) {
            Some(Misuse { message, help }) => Err(self.wrong_at(id, message).help(help)),
            None => Ok(()),
        }
    }

    /// A loop: its range is charged for before it begins.
    fn turns(&mut self, id: u64, all: &mut ComprehensionExpr) -> Result<i64, RuleMistake> {
        let outside = self.at(&mut all.iter_range)? + self.at(&mut all.accu_init)?;
        self.bound.push(all.iter_var.clone());
        if self.bound.len() > DEEPEST_LOOP {
            return Err(self.wrong_at(id, format!("loops may be nested {DEEPEST_LOOP} deep")));
        }
        let mut weight = self.at(&mut all.loop_cond)? + self.at(&mut all.loop_step)?;
        self.at(&mut all.result)?;
        self.bound.pop();
        if matches!(all.accu_init.expr, Expr::List(_)) {
            weight += COLLECTED;
        }
        let range = std::mem::take(&mut all.iter_range);
        let weight = IdedExpr { id: range.id, expr: Expr::Literal(LiteralValue::Int(CelInt::from(weight))) };
        let id = range.id;
        let charged = CallExpr { func_name: LOOP.to_owned(), target: None, args: vec![range, weight] };
        all.iter_range = IdedExpr { id, expr: Expr::Call(charged) };
        Ok(outside)
    }
}
