//! The words of a policy: targets, their actions and visibilities; and what `page:edit@own` says with them.

use std::collections::{BTreeMap, HashMap};

use super::fault::shown;
use super::reader::{Word, suggest};
use crate::domain::permission::Pattern;

/// Longest target, action or visibility, in bytes; three of them and what joins them are a permission name.
const LONGEST_WORD: usize = 40;

/// One action on one kind of target, as a number.
pub type Deed = u32;

/// Which items of its target a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// All of them.
    Any,
    /// One's own.
    Own,
    /// Those of a visibility.
    Of(u32),
}

/// The targets of a policy.
#[derive(Debug, Default)]
pub struct Vocabulary {
    targets: BTreeMap<String, Target>,
    /// `page:edit`, by deed.
    deeds: Vec<String>,
    visibilities: HashMap<String, u32>,
    visibility_names: Vec<String>,
}

#[derive(Debug, Default)]
struct Target {
    actions: BTreeMap<String, Deed>,
    visibilities: Vec<u32>,
}

/// `target:action@scope`, taken apart; `None` is the `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule<'a> {
    pub target: Option<&'a str>,
    pub action: Option<&'a str>,
    pub scope: Option<&'a str>,
}

/// What a rule stands for.
#[derive(Debug)]
pub struct Meaning<'a> {
    pub deeds: Vec<Deed>,
    pub scope: Scope,
    pub rule: Rule<'a>,
}

impl Vocabulary {
    /// Adds a target; its words have been checked.
    pub fn add(&mut self, name: &str, actions: &[Word<'_>], visibilities: &[Word<'_>]) {
        let mut target = Target::default();
        for action in actions {
            let deed = Deed::try_from(self.deeds.len()).unwrap_or(Deed::MAX);
            target.actions.insert(action.text.to_owned(), deed);
            self.deeds.push(format!("{name}:{}", action.text));
        }
        for visibility in visibilities {
            let next = u32::try_from(self.visibility_names.len()).unwrap_or(u32::MAX);
            let known = *self.visibilities.entry(visibility.text.to_owned()).or_insert(next);
            if known == next {
                self.visibility_names.push(visibility.text.to_owned());
            }
            target.visibilities.push(known);
        }
        self.targets.insert(name.to_owned(), target);
    }

    /// The deed, if the policy knows it.
    pub fn deed(&self, target: &str, action: &str) -> Option<Deed> {
        self.targets.get(target)?.actions.get(action).copied()
    }

    /// The number of a visibility, if any target has it.
    pub fn visibility(&self, name: &str) -> Option<u32> {
        self.visibilities.get(name).copied()
    }

    /// What the deed on such items is called in tokens: `page:edit`, `page:edit.own`, `page:view.public`.
    pub fn name(&self, deed: Deed, scope: Scope) -> String {
        let deed = &self.deeds[deed as usize];
        match scope {
            Scope::Any => deed.clone(),
            Scope::Own => format!("{deed}.own"),
            Scope::Of(visibility) => format!("{deed}.{}", self.visibility_names[visibility as usize]),
        }
    }

    /// `page:edit`
    pub fn deed_name(&self, deed: Deed) -> &str {
        &self.deeds[deed as usize]
    }

    /// `own`, `any`, `public`
    pub fn scope_name(&self, scope: Scope) -> &str {
        match scope {
            Scope::Any => "any",
            Scope::Own => "own",
            Scope::Of(visibility) => &self.visibility_names[visibility as usize],
        }
    }

    /// What the rule stands for; an error says which word nobody knows.
    pub fn meaning<'a>(&self, text: &'a str) -> Result<Meaning<'a>, String> {
        let rule = Rule::parse(text)?;
        let wrong = |message: String| format!("`{}`: {message}", shown(text));
        let targets = self.targets_of(rule).map_err(wrong)?;
        let scope = self.scope_of(rule, &targets).map_err(wrong)?;
        let has_items = |target: &&&Target| match scope {
            Scope::Of(visibility) => target.visibilities.contains(&visibility),
            Scope::Any | Scope::Own => true,
        };
        let actions = targets.iter().filter(has_items).flat_map(|target| &target.actions);
        let deeds: Vec<Deed> = actions
            .filter(|(action, _)| rule.action.is_none_or(|wanted| wanted == *action))
            .map(|(_, deed)| *deed)
            .collect();
        match rule.action {
            Some(action) if deeds.is_empty() => {
                let known = targets.iter().flat_map(|target| target.actions.keys()).map(String::as_str);
                let message = format!("{} no action `{}`", has(rule.target), shown(action));
                Err(wrong(suggest(message, action, known)))
            }
            _ => Ok(Meaning { deeds, scope, rule }),
        }
    }

    fn targets_of(&self, rule: Rule<'_>) -> Result<Vec<&Target>, String> {
        let Some(name) = rule.target else { return Ok(self.targets.values().collect()) };
        self.targets.get(name).map(|target| vec![target]).ok_or_else(|| {
            let message = format!("there is no target `{}`", shown(name));
            suggest(message, name, self.targets.keys().map(String::as_str))
        })
    }

    fn scope_of(&self, rule: Rule<'_>, targets: &[&Target]) -> Result<Scope, String> {
        let name = match rule.scope {
            None | Some("any") => return Ok(Scope::Any),
            Some("own") => return Ok(Scope::Own),
            Some(name) => name,
        };
        let mut known = targets.iter().flat_map(|target| &target.visibilities);
        match self.visibility(name) {
            Some(visibility) if known.any(|known| *known == visibility) => Ok(Scope::Of(visibility)),
            _ => {
                let known = targets.iter().flat_map(|target| &target.visibilities);
                let known = known.map(|visibility| self.visibility_names[*visibility as usize].as_str());
                let message = format!("{} no visibility `{}`", has(rule.target), shown(name));
                Err(suggest(message, name, known.chain(["own", "any"])))
            }
        }
    }
}

/// How a sentence about what is missing begins.
fn has(target: Option<&str>) -> String {
    target.map_or_else(|| "the targets have".to_owned(), |name| format!("the target `{}` has", shown(name)))
}

impl Meaning<'_> {
    /// What a denial of this reaches in the answers of other providers too; narrower permissions are among it.
    pub fn patterns(&self, words: &Vocabulary) -> Vec<Pattern> {
        let texts = match (self.scope, self.rule.target, self.rule.action) {
            (Scope::Own | Scope::Of(_), ..) => Vec::new(),
            (Scope::Any, None, None) => vec!["*".to_owned()],
            (Scope::Any, Some(target), None) => vec![format!("{target}:*")],
            (Scope::Any, _, Some(_)) => self.deeds.iter().map(|deed| format!("{}.*", words.deed_name(*deed))).collect(),
        };
        texts.iter().filter_map(|text| Pattern::new(text)).collect()
    }
}

impl<'a> Rule<'a> {
    /// `*`, `target:action` or `target:action@scope`; target and action may be `*`.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let (head, scope) = text.split_once('@').map_or((text, None), |(head, scope)| (head, Some(scope)));
        let pair = if head == "*" { Some(("*", "*")) } else { head.split_once(':') };
        match pair {
            Some((target, action))
                if (target == "*" || is_target(target))
                    && (action == "*" || is_word(action))
                    && scope.is_none_or(is_word) =>
            {
                let named = |word: &'a str| (word != "*").then_some(word);
                Ok(Self { target: named(target), action: named(action), scope })
            }
            _ => Err(format!(
                "`{}` is not a rule; expected something like `page:edit@own`, `page:*` or `*`",
                shown(text)
            )),
        }
    }
}

/// The name of a target: as [`is_word`], and dots.
pub fn is_target(text: &str) -> bool {
    text.len() <= LONGEST_WORD && text.split('.').all(is_word)
}

/// An action or a visibility: `a-z 0-9 _ -`, so that dots and colons can join them to names.
pub fn is_word(text: &str) -> bool {
    let is_letter = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= LONGEST_WORD
        && bytes.first().is_some_and(is_letter)
        && bytes.iter().all(|b| is_letter(b) || b"_-".contains(b))
}
