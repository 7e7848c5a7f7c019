//! Mistakes as people, programs and CI read them.

use std::fmt::Write;

use serde_json::json;

use super::{Mistake, Source};

/// All mistakes of all files.
#[derive(Debug, Clone)]
pub struct Report {
    sources: Vec<Source>,
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// With the line and a caret; `true`: in colour.
    Human(bool),
    /// An array of objects.
    Json,
    /// GitHub's workflow commands, which become annotations.
    Github,
}

impl Report {
    pub(super) fn new(sources: Vec<Source>, mistakes: Vec<Mistake>, warnings: Vec<Mistake>) -> Self {
        let mut report = Self { sources, mistakes, warnings };
        report.sort();
        report
    }

    /// Adds what was found later, by whoever opened the plugged sections.
    pub fn extend(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        self.mistakes.extend(mistakes);
        self.sort();
    }

    fn sort(&mut self) {
        for list in [&mut self.mistakes, &mut self.warnings] {
            list.sort_by(|left, right| {
                let key = |mistake: &Mistake| (mistake.file, mistake.span.start, mistake.code);
                key(left).cmp(&key(right)).then_with(|| left.message.cmp(&right.message))
            });
            list.dedup();
        }
    }

    /// What must be mended.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// What should be looked at.
    pub fn warnings(&self) -> &[Mistake] {
        &self.warnings
    }

    /// The texts, to say where something came from.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// `providers.toml:6:1`, lines and columns counted from 1.
    pub fn place(&self, mistake: &Mistake) -> String {
        let (line, column) = self.line_column(mistake.file, mistake.span.start);
        format!("{}:{line}:{column}", self.name(mistake.file))
    }

    /// Everything, as it is shown.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Human(colour) => self.human(colour),
            Format::Json => self.json(),
            Format::Github => self.github(),
        }
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, &Mistake)> {
        let mistakes = self.mistakes.iter().map(|mistake| ("error", mistake));
        mistakes.chain(self.warnings.iter().map(|mistake| ("warning", mistake)))
    }

    fn name(&self, file: usize) -> &str {
        self.sources.get(file).map_or("", |source| &source.name)
    }

    fn human(&self, colour: bool) -> String {
        let paint = |code: &'static str| if colour { code } else { "" };
        let (reset, bold, blue) = (paint("\x1b[0m"), paint("\x1b[1m"), paint("\x1b[1;34m"));
        let mut out = String::new();
        for (severity, mistake) in self.all() {
            let red = paint(if severity == "error" { "\x1b[1;31m" } else { "\x1b[1;33m" });
            let (number, column) = self.line_column(mistake.file, mistake.span.start);
            let width = number.to_string().len();
            let line = self.line(mistake.file, number);
            let carets = self.carets(mistake, line, column);
            let indent: String = line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let line = redact(line);
            let (code, message, place) = (mistake.code, &mistake.message, self.place(mistake));
            let text = format!(
                "{red}{severity}[{code}]{reset}{bold}: {message}{reset}\n\
                 {blue}{:width$}-->{reset} {place}\n\
                 {blue}{:width$} |{reset}\n\
                 {blue}{number} |{reset} {line}\n\
                 {blue}{:width$} |{reset} {indent}{red}{carets}{reset}\n",
                "", "", ""
            );
            out.push_str(&text);
            if let Some(help) = &mistake.help {
                let _ = writeln!(out, "{blue}{:width$} ={reset} help: {help}", "");
            }
            out.push('\n');
        }
        let _ = match (self.mistakes.len(), self.warnings.len()) {
            (0, 0) => Ok(()),
            (0, warnings) => writeln!(out, "{}", count(warnings, "warning")),
            (mistakes, 0) => writeln!(out, "{}", count(mistakes, "mistake")),
            (mistakes, warnings) => writeln!(out, "{}, {}", count(mistakes, "mistake"), count(warnings, "warning")),
        };
        out
    }

    /// Carets below the first line of the place; none reaches into a secret's text further than the line shows it.
    fn carets(&self, mistake: &Mistake, line: &str, column: usize) -> String {
        let shown = redact(line).chars().count();
        let text = self.sources.get(mistake.file).map_or("", |source| &source.text);
        let end = floor(text, mistake.span.end);
        let start = floor(text, mistake.span.start);
        let first = text[start..end.max(start)].lines().next().unwrap_or_default().chars().count();
        "^".repeat(first.min((shown + 1).saturating_sub(column)).max(1))
    }

    fn json(&self) -> String {
        let all: Vec<_> = self
            .all()
            .map(|(severity, mistake)| {
                let (line, column) = self.line_column(mistake.file, mistake.span.start);
                let (end_line, end_column) = self.line_column(mistake.file, mistake.span.end);
                json!({
                    "severity": severity,
                    "code": mistake.code,
                    "message": mistake.message,
                    "file": self.name(mistake.file),
                    "line": line,
                    "column": column,
                    "end_line": end_line,
                    "end_column": end_column,
                    "help": mistake.help,
                })
            })
            .collect();
        format!("{:#}\n", serde_json::Value::Array(all))
    }

    fn github(&self) -> String {
        let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        let property = |text: &str| escape(text).replace(':', "%3A").replace(',', "%2C");
        let mut out = String::new();
        for (severity, mistake) in self.all() {
            let (line, column) = self.line_column(mistake.file, mistake.span.start);
            let (end_line, end_column) = self.line_column(mistake.file, mistake.span.end);
            let help = mistake.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
            let _ = writeln!(
                out,
                "::{severity} file={},line={line},endLine={end_line},col={column},endColumn={end_column},title={}::{}",
                property(self.name(mistake.file)),
                mistake.code,
                escape(&format!("{}{help}", mistake.message)),
            );
        }
        out
    }

    fn line(&self, file: usize, number: usize) -> &str {
        let text = self.sources.get(file).map_or("", |source| &source.text);
        text.lines().nth(number - 1).unwrap_or_default()
    }

    /// Both counted from 1, columns in characters.
    pub(super) fn line_column(&self, file: usize, byte: usize) -> (usize, usize) {
        let text = self.sources.get(file).map_or("", |source| &source.text);
        let before = &text[..floor(text, byte)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

fn floor(text: &str, byte: usize) -> usize {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The line with the text of a secret taken out.
fn redact(line: &str) -> String {
    let Some((key, value)) = line.split_once('=') else { return line.to_owned() };
    let names = ["secret", "password", "key", "token", "auth_header"];
    let name = key.trim().trim_matches('"').to_lowercase();
    let is_secret = names.iter().any(|word| name.ends_with(word)) || name.ends_with("keys");
    let is_reference = value.trim_start().starts_with('{');
    let holds_password = value.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '"']).next().is_some_and(|authority| authority.contains(':') && authority.contains('@'))
    });
    if is_secret && !is_reference || holds_password { format!("{key}= …") } else { line.to_owned() }
}
