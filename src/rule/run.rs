//! Holds a rule against facts, with a budget for its loops.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::common::types::{CelInt, DYN_TYPE, INT_TYPE};
use cel::common::value::CowVal;
use cel::{Context, Env, ExecutionError, Value, extensions};
use serde_json::Value as Json;

use super::check::Read;
use super::facts::{Facts, to_json};

/// Charges for a loop before it begins, and hands its range on. Nobody can write this name.
pub const LOOP: &str = "@loop";
/// Holds a text against one of the rule's patterns. Nobody can write this name.
pub const MATCHES: &str = "@matches";
/// What all loops of one run may cost: turns, each times the parts of what is done in it.
const BUDGET: i64 = 100_000;

/// The functions that rules may call, and ours.
pub static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(false);
    env.add_extension(extensions::strings).expect("it is added once");
    env.add_overload(LOOP, LOOP, vec![DYN_TYPE, INT_TYPE], charge).expect("nobody else has the name");
    Arc::new(env)
});

thread_local! {
    /// What is left for the loops of the run on this thread.
    static LEFT: Cell<i64> = const { Cell::new(0) };
}

/// Why there is no answer. It says nothing of the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A claim or member is not there.
    #[error("something it speaks of is not there")]
    Missing,
    /// A value is of another type than it takes it for, or a number left its range.
    #[error("something it speaks of is not what it takes it for")]
    Unfit,
    /// It goes through too much.
    #[error("it goes through too much")]
    TooMuch,
}

fn charge<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let weight = args.pop().and_then(|weight| weight.downcast_ref::<CelInt>().map(|weight| *weight.inner()));
    let (Some(range), Some(weight)) = (args.pop(), weight) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let size = range.as_sizer().map_or(0, |sizer| sizer.size().into_inner());
    let left = LEFT.get().saturating_sub(size.saturating_mul(weight));
    LEFT.set(left);
    if left < 0 { Err(ExecutionError::function_error(LOOP, "too much")) } else { Ok(range) }
}

/// Whether the rule holds.
pub fn verdict(rule: &Read, facts: &Facts) -> Result<bool, RuleError> {
    match run(rule, facts)? {
        Value::Bool(verdict) => Ok(verdict),
        _ => Err(RuleError::Unfit),
    }
}

/// What the expression comes to.
pub fn value(rule: &Read, facts: &Facts) -> Result<Json, RuleError> {
    to_json(&run(rule, facts)?).ok_or(RuleError::Unfit)
}

fn run(rule: &Read, facts: &Facts) -> Result<Value, RuleError> {
    LEFT.set(BUDGET);
    let mut context = Context::with_env(Arc::clone(&ENV));
    context.set_variable_resolver(facts);
    if !rule.patterns.is_empty() {
        let patterns = Arc::clone(&rule.patterns);
        let matches = move |text: Arc<String>, at: i64| {
            usize::try_from(at).ok().and_then(|at| patterns.get(at)).is_some_and(|pattern| pattern.is_match(&text))
        };
        context.add_function(MATCHES, matches).map_err(|_| RuleError::Unfit)?;
    }
    let found = catch_unwind(AssertUnwindSafe(|| Value::resolve(&rule.expression, &context)));
    if LEFT.get() < 0 {
        return Err(RuleError::TooMuch);
    }
    match found {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_))) => Err(RuleError::Missing),
        Ok(Err(_)) | Err(_) => Err(RuleError::Unfit),
    }
}
