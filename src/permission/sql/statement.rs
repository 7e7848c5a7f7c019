//! A query with named parameters, turned into one with numbered places. Values are bound to the places, never written into the text.

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Postgres,
    Sqlite,
}

/// What a query may ask for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// The id of the user, as tokens have it in `sub`.
    User,
    /// Their address, if it is verified.
    Email,
    /// Their username.
    Username,
    /// Their roles, as JSON text.
    Roles,
    /// Their groups, as JSON text.
    Groups,
    /// The service that is asked about.
    Service,
    /// The service that acts for itself; then there is no user.
    Machine,
    /// The provider the session began with.
    Provider,
    /// Whether more than one factor was proven.
    Mfa,
}

const PARAMETERS: &[(&str, Parameter)] = &[
    ("user", Parameter::User),
    ("email", Parameter::Email),
    ("username", Parameter::Username),
    ("roles", Parameter::Roles),
    ("groups", Parameter::Groups),
    ("service", Parameter::Service),
    ("machine", Parameter::Machine),
    ("provider", Parameter::Provider),
    ("mfa", Parameter::Mfa),
];

/// One statement that reads, ready to be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// With `$1` or `?1` in the places of the parameters.
    pub text: String,
    /// What is bound, in order; each once.
    pub parameters: Vec<Parameter>,
}

impl Statement {
    /// Reads a query. The error says what cannot stand in one, for a person.
    pub fn read(query: &str, dialect: Dialect) -> Result<Self, String> {
        let mut reader = Reader { dialect, statement: Self { text: String::new(), parameters: Vec::new() } };
        let (mut rest, mut verb, mut has_ended) = (query, None, false);
        while let Some(first) = rest.chars().next() {
            let (length, token) = reader.next(rest, first)?;
            let (seen, behind) = rest.split_at(length);
            match token {
                Token::Blank => {}
                Token::End => has_ended = true,
                _ if has_ended => return Err("only one statement can be asked".into()),
                Token::Word if verb.is_none() => verb = Some(seen.to_ascii_lowercase()),
                _ => {}
            }
            match token {
                Token::Parameter(parameter) => reader.place(parameter),
                Token::End => {}
                _ => reader.statement.text.push_str(seen),
            }
            rest = behind;
        }
        match verb.as_deref() {
            Some("select" | "with" | "values") => Ok(reader.statement),
            _ => Err("it must begin with `select`, `with` or `values`".into()),
        }
    }
}

enum Token {
    /// White space and comments.
    Blank,
    /// A keyword or a plain name.
    Word,
    Parameter(Parameter),
    /// `;`
    End,
    Other,
}

struct Reader {
    dialect: Dialect,
    statement: Statement,
}

impl Reader {
    /// The length of what stands at the beginning of the text, and what it is.
    fn next(&self, text: &str, first: char) -> Result<(usize, Token), String> {
        let is_sqlite = self.dialect == Dialect::Sqlite;
        let second = text[first.len_utf8()..].chars().next();
        Ok(match first {
            '\'' | '"' => (quoted(text, first, false)?, Token::Other),
            '`' if is_sqlite => (quoted(text, '`', false)?, Token::Other),
            '[' if is_sqlite => (through(text, 0, "]")?, Token::Other),
            '-' if text.starts_with("--") => (text.find('\n').map_or(text.len(), |at| at + 1), Token::Blank),
            '/' if text.starts_with("/*") => (comment(text, !is_sqlite)?, Token::Blank),
            ':' if second == Some(':') => (2, Token::Other),
            ':' if second.is_some_and(begins_word) => {
                let name = word(&text[1..]);
                (1 + name.len(), Token::Parameter(parameter(name)?))
            }
            '$' if !is_sqlite && !second.is_some_and(|c| c.is_ascii_digit()) => (dollar_quoted(text)?, Token::Other),
            '$' | '@' | '?' if is_sqlite => return Err(by_name(first)),
            '$' => return Err(by_name(first)),
            ';' => (1, Token::End),
            'e' | 'E' if !is_sqlite && second == Some('\'') => (1 + quoted(&text[1..], '\'', true)?, Token::Other),
            _ if begins_word(first) => (word(text).len(), Token::Word),
            _ if first.is_whitespace() => (first.len_utf8(), Token::Blank),
            _ if first.is_ascii_digit() => (word(text).len(), Token::Other),
            _ => (first.len_utf8(), Token::Other),
        })
    }

    /// A place for the parameter; the same one each time it is named.
    fn place(&mut self, wanted: Parameter) {
        let Statement { text, parameters } = &mut self.statement;
        let known = parameters.iter().position(|have| *have == wanted);
        let at = known.unwrap_or_else(|| {
            parameters.push(wanted);
            parameters.len() - 1
        });
        let sign = if self.dialect == Dialect::Postgres { '$' } else { '?' };
        text.push(sign);
        text.push_str(&(at + 1).to_string());
    }
}

fn by_name(sign: char) -> String {
    format!("`{sign}…` stands for nothing here: write a name, such as `:email`")
}

fn parameter(name: &str) -> Result<Parameter, String> {
    let found = PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, parameter)| *parameter);
    found.ok_or_else(|| {
        let known: Vec<_> = PARAMETERS.iter().map(|(name, _)| format!("`:{name}`")).collect();
        format!("there is no parameter `:{name}`; there are {}", known.join(", "))
    })
}

fn begins_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// A name or number at the beginning: `$` may stand in one, so that `a$b$` opens no quote.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
    &text[..end]
}

/// Up to the closing quote; one that is doubled, or behind a backslash where that counts, does not close.
fn quoted(text: &str, quote: char, has_escapes: bool) -> Result<usize, String> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if has_escapes && c == '\\' {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(at + 1);
        }
    }
    Err(format!("a `{quote}` is not closed"))
}

/// `$tag$ … $tag$`, where nothing in between means anything.
fn dollar_quoted(text: &str) -> Result<usize, String> {
    let end = text[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(text.len(), |at| at + 1);
    if !text[end..].starts_with('$') {
        return Err(by_name('$'));
    }
    through(text, end + 1, &text[..=end])
}

/// Up to the end of the comment; PostgreSQL has comments in comments.
fn comment(text: &str, nests: bool) -> Result<usize, String> {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let rest = &text[at..];
        let close = rest.find("*/").ok_or("a comment is not closed")?;
        (at, depth) = match rest.find("/*").filter(|open| nests && *open < close) {
            Some(open) => (at + open + 2, depth + 1),
            None => (at + close + 2, depth - 1),
        };
    }
    Ok(at)
}

fn through(text: &str, from: usize, end: &str) -> Result<usize, String> {
    text[from..].find(end).map(|at| from + at + end.len()).ok_or_else(|| format!("`{end}` is missing"))
}
