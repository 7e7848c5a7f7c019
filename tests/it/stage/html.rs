//! As much of a page as a person needs: links, and forms with what stands in them.

/// A form, with its fields in order.
#[derive(Debug, Clone, Default)]
pub struct Form {
    pub action: String,
    pub method: String,
    /// Name, id and value.
    pub fields: Vec<(String, String, String)>,
    /// Radio buttons and boxes that are not checked: name, id and value.
    pub choices: Vec<(String, String, String)>,
    ids: Vec<String>,
}

/// What an element with an id leads to.
#[derive(Debug, Clone)]
pub enum Way {
    Link(String),
    Form(Form),
}

/// What the element with this id leads to: its link, or the form it stands in.
pub fn way(page: &str, id: &str) -> Option<Way> {
    let mut form: Option<Form> = None;
    let (mut found, mut is_first) = (None, false);
    for tag in tags(page) {
        let is_it = tag.get("id") == Some(id);
        match tag.name.as_str() {
            "form" => {
                let method = tag.get("method").unwrap_or("get").to_lowercase();
                form =
                    Some(Form { action: tag.get("action").unwrap_or_default().to_owned(), method, ..Form::default() });
            }
            "/form" => {
                if let Some(done) = form.take().filter(|form| form.ids.iter().any(|have| have == id)) {
                    found = found.or(Some(Way::Form(done)));
                }
            }
            "a" if is_it => found = found.or_else(|| tag.get("href").map(|href| Way::Link(href.to_owned()))),
            "input" | "button" | "select" | "textarea" => {
                is_first = tag.name == "select";
                let Some(form) = &mut form else { continue };
                form.ids.extend(tag.get("id").map(str::to_owned));
                let pressed = tag.name != "button" || is_it;
                if let Some(name) = tag.get("name").filter(|_| pressed) {
                    let of = |key: &str| tag.get(key).unwrap_or_default().to_owned();
                    let field = (name.to_owned(), of("id"), of("value"));
                    let is_choice = matches!(tag.get("type"), Some("radio" | "checkbox"));
                    if is_choice && tag.get("checked").is_none() {
                        form.choices.push(field);
                    } else {
                        form.fields.push(field);
                    }
                }
            }
            // What is chosen is the option that says so, or the first one.
            "option" => {
                let (Some(form), Some(value)) = (&mut form, tag.get("value")) else { continue };
                let Some((_, _, chosen)) = form.fields.last_mut().filter(|_| is_first || tag.get("selected").is_some())
                else {
                    continue;
                };
                value.clone_into(chosen);
                is_first = false;
            }
            _ => {}
        }
        if let Some(form) = form.as_mut().filter(|_| is_it) {
            form.ids.push(id.to_owned());
        }
    }
    found
}

/// All ids of a page, in order.
pub fn ids(page: &str) -> Vec<String> {
    tags(page).iter().filter_map(|tag| tag.get("id").map(str::to_owned)).collect()
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

fn tags(page: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let Some(end) = end_of(rest) else { break };
        let (text, after) = (&rest[..end], &rest[end + 1..]);
        let name = text.split([' ', '\n', '\t']).next().unwrap_or_default();
        tags.push(Tag { name: name.to_lowercase(), attributes: attributes(&text[name.len()..]) });
        rest = after;
    }
    tags
}

fn end_of(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        None
    })
}

fn attributes(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return found;
        }
        let end = text.find(['=', ' ', '\n', '\t']).unwrap_or(text.len());
        let name = text[..end].to_owned();
        text = &text[end..];
        let Some(after) = text.strip_prefix('=') else {
            found.push((name, String::new()));
            text = text.strip_prefix(['=', ' ', '\n', '\t']).unwrap_or(text);
            continue;
        };
        let (value, rest) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
            _ => after.split_at(after.find([' ', '\n', '\t']).unwrap_or(after.len())),
        };
        found.push((name, plain(value)));
        text = rest;
    }
}

/// Without the entities our pages use.
pub fn plain(text: &str) -> String {
    let named = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    named.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}
