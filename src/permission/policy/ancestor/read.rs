//! Reads the ancestor's file. It ignores members that it does not know; every member that it needs must be there.

use std::collections::{HashMap, HashSet};

use super::super::fault::{Fault, Lines, shown};
use super::super::json::{Member, Node, Value, parse};
use super::super::reader::{Object, Reader, suggest};
use super::{Actions, Granted, ItemRules, Limit, MOST_ACTIONS, MOST_VISIBILITIES, Model, RoleRules};
use crate::domain::permission::is_name;
use crate::permission::policy::vocabulary::{is_target, is_word};

/// Most items, and most roles.
const MOST: usize = 2000;
/// Most limits of a role.
const MOST_LIMITS: usize = 64;

/// The numbers of a list's words.
type Numbers = HashMap<String, usize>;

/// Whether a limit's numbers are whole, and whether a value must be below it.
type LimitKind = (bool, bool);

/// The model.
pub fn read(file: &str, text: &str) -> Result<Model, Vec<Fault>> {
    let root = parse(text).map_err(|fault| vec![fault])?;
    let mut reading = Reading { reader: Reader::default(), lines: Lines::new(file, text) };
    let whole = reading.reader.object(&root, "a permission model", &[], true);
    let model = whole.map(|whole| reading.model(file, whole));
    reading.reader.faults.check()?;
    Ok(model.unwrap_or_default())
}

struct Reading<'a> {
    reader: Reader,
    lines: Lines<'a>,
}

impl Reading<'_> {
    fn model(&mut self, file: &str, whole: Object<'_>) -> Model {
        let mut model = Model {
            roles: self.words(whole, "roles", MOST, |role| !role.is_empty() && role.len() <= 64),
            items: self.words(whole, "items", MOST, is_target),
            actions: self.words(whole, "actions", MOST_ACTIONS, is_word),
            visibilities: self.words(whole, "visibilities", MOST_VISIBILITIES, is_word),
            file: file.to_owned(),
            ..Model::default()
        };
        let kinds = self.limit_kinds(whole);
        model.item_rules.resize_with(model.items.len(), || None);
        model.role_rules.resize_with(model.roles.len(), || None);
        for member in self.members(whole, "item_policy") {
            if let Some(number) = self.known(&member.name, member.at, &model.items, "`items`") {
                model.item_rules[number] = self.item(member, &model);
            }
        }
        for member in self.members(whole, "role_policy") {
            if let Some(number) = self.known(&member.name, member.at, &model.roles, "`roles`") {
                model.role_rules[number] = self.role(member, &model, &kinds);
            }
        }
        model
    }

    fn members<'n>(&mut self, whole: Object<'n>, name: &str) -> &'n [Member] {
        let node = self.reader.needed(whole, name, "the model");
        self.reader.named(node, &format!("`{name}`"), MOST)
    }

    /// A list of the model's own words.
    fn words(&mut self, whole: Object<'_>, name: &str, most: usize, fits: impl Fn(&str) -> bool) -> Numbers {
        let what = format!("`{name}`");
        let node = self.reader.needed(whole, name, "the model");
        let mut numbers = Numbers::new();
        for word in self.reader.words(node, &what, most) {
            if !fits(word.text) {
                self.reader.wrong(word.at, format!("`{}` in {what} is not a name that can be used", shown(word.text)));
            }
            let next = numbers.len();
            numbers.entry(word.text.to_owned()).or_insert(next);
        }
        numbers
    }

    fn known(&mut self, word: &str, at: usize, known: &Numbers, list: &str) -> Option<usize> {
        let number = known.get(word).copied();
        if number.is_none() {
            let message = format!("`{}` is not in {list}", shown(word));
            self.reader.wrong(at, suggest(message, word, known.keys().map(String::as_str)));
        }
        number
    }

    /// The numbers of the words of a list that `object` needs.
    fn numbers(&mut self, object: Object<'_>, name: &str, what: &str, known: (&Numbers, &str)) -> HashSet<usize> {
        let node = self.reader.needed(object, name, what);
        self.numbers_of(node, &format!("`{name}` of {what}"), known)
    }

    fn numbers_of(&mut self, node: Option<&Node>, what: &str, known: (&Numbers, &str)) -> HashSet<usize> {
        let words = self.reader.words(node, what, MOST);
        words.iter().filter_map(|word| self.known(word.text, word.at, known.0, known.1)).collect()
    }

    fn item(&mut self, member: &Member, model: &Model) -> Option<ItemRules> {
        let what = format!("`item_policy.{}`", shown(&member.name));
        let item = self.reader.object(&member.node, &what, &[], true)?;
        Some(ItemRules {
            actions: actions(&self.numbers(item, "valid_role_actions", &what, (&model.actions, "`actions`"))),
            visibilities: self.numbers(item, "valid_visibilities", &what, (&model.visibilities, "`visibilities`")),
            barred_roles: self.numbers(item, "invalid_roles", &what, (&model.roles, "`roles`")),
        })
    }

    fn role(&mut self, member: &Member, model: &Model, kinds: &HashMap<String, LimitKind>) -> Option<RoleRules> {
        let what = format!("`role_policy.{}`", shown(&member.name));
        let role = self.reader.object(&member.node, &what, &[], true)?;
        let own = self.reader.needed(role, "allowed_actions_for_owned", &what);
        let mut rules = RoleRules {
            name: member.name.clone(),
            ownable: self.numbers(role, "can_own_items", &what, (&model.items, "`items`")),
            own: self.granted(own, &format!("`allowed_actions_for_owned` of {what}"), model),
            others: vec![Granted::default(); model.visibilities.len()],
            limits: self.limits(role, &what, kinds),
        };
        let name = "allowed_actions_for_other";
        let others = self.reader.needed(role, name, &what);
        for other in self.reader.named(others, &format!("`{name}` of {what}"), MOST_VISIBILITIES) {
            let visibility = self.known(&other.name, other.at, &model.visibilities, "`visibilities`");
            let granted = self.granted(Some(&other.node), &format!("`{name}.{}` of {what}", shown(&other.name)), model);
            if let Some(visibility) = visibility {
                rules.others[visibility] = granted;
            }
        }
        Some(rules)
    }

    fn granted(&mut self, node: Option<&Node>, what: &str, model: &Model) -> Granted {
        let numbers = self.numbers_of(node, what, (&model.actions, "`actions`"));
        Granted { actions: actions(&numbers), line: node.map_or(0, |node| self.lines.number(node.at)) }
    }

    fn limit_kinds(&mut self, whole: Object<'_>) -> HashMap<String, LimitKind> {
        let mut kinds = HashMap::new();
        for member in self.members(whole, "limits") {
            let what = format!("`limits.{}`", shown(&member.name));
            let Some(kind) = self.reader.object(&member.node, &what, &[], true) else { continue };
            let is_whole = self.one_of(kind, "type", &what, ["int", "float"]);
            let is_most = self.one_of(kind, "operator", &what, ["lt", "gt"]);
            kinds.insert(member.name.clone(), (is_whole, is_most));
        }
        kinds
    }

    /// Whether it is the first of the two.
    fn one_of(&mut self, object: Object<'_>, name: &str, what: &str, words: [&str; 2]) -> bool {
        let Some(node) = self.reader.needed(object, name, what) else { return false };
        match &node.value {
            Value::Text(text) if words.contains(&text.as_str()) => text == words[0],
            _ => {
                let message = format!("`{name}` of {what} is neither `{}` nor `{}`", words[0], words[1]);
                self.reader.wrong(node.at, message);
                false
            }
        }
    }

    fn limits(&mut self, role: Object<'_>, what: &str, kinds: &HashMap<String, LimitKind>) -> HashMap<String, Limit> {
        let mut limits = HashMap::new();
        let node = self.reader.needed(role, "limits", what);
        for member in self.reader.named(node, &format!("`limits` of {what}"), MOST_LIMITS) {
            let (name, what) = (&member.name, format!("`limits.{}` of {what}", shown(&member.name)));
            if !is_name(name) {
                self.reader.wrong(member.at, format!("{what} is not a limit's name"));
            }
            if let Some(limit) = self.limit(member, &what, kinds) {
                limits.insert(name.clone(), limit);
            }
        }
        limits
    }

    fn limit(&mut self, member: &Member, what: &str, kinds: &HashMap<String, LimitKind>) -> Option<Limit> {
        let limit = self.reader.object(&member.node, what, &[], true)?;
        let kind = self.reader.needed(limit, "type", what)?;
        let bound = self.reader.needed(limit, "limit", what)?;
        let known = match &kind.value {
            Value::Text(text) => kinds.get(text),
            _ => None,
        };
        let Some((is_whole, is_most)) = known.copied() else {
            self.reader.wrong(kind.at, format!("`type` of {what} is not in `limits` of the model"));
            return None;
        };
        let Value::Number(bound) = &bound.value else {
            self.reader.wrong(bound.at, format!("`limit` of {what} is not a number"));
            return None;
        };
        Some(Limit { bound: bound.clone(), is_whole, is_most, line: self.lines.number(member.at) })
    }
}

fn actions(numbers: &HashSet<usize>) -> Actions {
    numbers.iter().fold(Actions::default(), |all, number| all.with(*number))
}
