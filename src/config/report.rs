//! Mistakes as people, programs and CI read them.

use std::fmt::Write;
use std::ops::Range;

use serde_json::json;

use super::files::Files;
use super::{Mistake, Source};

/// All mistakes of all files.
#[derive(Clone)]
pub struct Report {
    sources: Vec<Source>,
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
    files: Files,
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

impl std::fmt::Debug for Report {
    /// Without the texts, for there are secrets in them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.mistakes.iter().chain(&self.warnings)).finish()
    }
}

impl Report {
    pub(super) fn new(sources: Vec<Source>, mistakes: Vec<Mistake>, warnings: Vec<Mistake>) -> Self {
        let mut report = Self { sources, mistakes, warnings, files: Files::default() };
        report.drop_echoes();
        report.sort();
        report
    }

    /// Says which files were read; whoever opens the plugged sections adds theirs.
    pub(super) fn read_from(self, files: Files) -> Self {
        Self { files, ..self }
    }

    /// The files that were read, with those that plugged sections read.
    pub fn files(&self) -> Vec<std::path::PathBuf> {
        self.files.all()
    }

    /// Adds what was found later, by whoever opened the plugged sections. What they say of a secret that is not there is an echo.
    pub fn extend(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        let missing: Vec<_> = self.mistakes.iter().filter(|mistake| mistake.code == "CS-C007").cloned().collect();
        let is_echo = |mistake: &Mistake| missing.iter().any(|m| (m.file, &m.span) == (mistake.file, &mistake.span));
        self.mistakes.extend(mistakes.into_iter().filter(|mistake| !is_echo(mistake)));
        self.sort();
    }

    /// Adds what is wrong in a text that was read later and is not part of the configuration: bytes of it, and a sentence each.
    pub fn extend_in(
        &mut self,
        source: Source,
        code: &'static str,
        found: impl IntoIterator<Item = (Range<usize>, String)>,
    ) {
        let file = self.sources.len();
        self.sources.push(source);
        let mistake = |(span, message)| Mistake { code, message, file, span, help: None };
        self.mistakes.extend(found.into_iter().map(mistake));
        self.sort();
    }

    /// A line that is not TOML was read somehow, and what that somehow means is nobody's mistake.
    fn drop_echoes(&mut self) {
        let is_syntax = |mistake: &Mistake| mistake.code == "CS-C001";
        let line = |mistake: &Mistake| (mistake.file, self.line_column(mistake.file, mistake.span.start).0);
        let broken: std::collections::BTreeSet<_> =
            self.mistakes.iter().filter(|mistake| is_syntax(mistake)).map(line).collect();
        let echoes = |mistake: &Mistake| {
            let nowhere = mistake.span.end == 0 && broken.iter().any(|(file, _)| *file == mistake.file);
            !is_syntax(mistake) && (nowhere || broken.contains(&line(mistake)))
        };
        let kept = |list: &[Mistake]| list.iter().filter(|mistake| !echoes(mistake)).cloned().collect();
        (self.mistakes, self.warnings) = (kept(&self.mistakes), kept(&self.warnings));
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
            let shown = redact(line, mistake, column);
            let carets = self.carets(mistake, &shown, column);
            let indent: String = line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let (code, message, place) = (mistake.code, &mistake.message, self.place(mistake));
            let text = format!(
                "{red}{severity}[{code}]{reset}{bold}: {message}{reset}\n\
                 {blue}{:width$}-->{reset} {place}\n\
                 {blue}{:width$} |{reset}\n\
                 {blue}{number} |{reset} {shown}\n\
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
    fn carets(&self, mistake: &Mistake, shown: &str, column: usize) -> String {
        let shown = shown.chars().count();
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

/// The line with everything taken out that may be the text of a secret.
fn redact(line: &str, mistake: &Mistake, column: usize) -> String {
    let is_unknown = matches!(mistake.code, "CS-C003" | "CS-C009");
    for (at, _) in line.match_indices('=') {
        let (key, value) = (&line[..at], &line[at + 1..]);
        // What a key that nobody knows should have been, nobody knows either.
        let is_first = is_unknown && column <= key.chars().count();
        if is_first || (is_secret(key) && !is_reference(value)) || holds_password(value) {
            return format!("{key}= …");
        }
    }
    line.to_owned()
}

/// Whether the last word of the text names a secret.
fn is_secret(text: &str) -> bool {
    let text = text.trim_end().trim_end_matches(['"', '\'']).to_lowercase();
    let start = text.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').map_or(0, |at| at + 1);
    let word = &text[start..];
    ["secret", "password", "key", "keys", "token", "auth_header"].iter().any(|name| word.ends_with(name))
}

fn is_reference(value: &str) -> bool {
    let inside = value.trim_start().strip_prefix('{').map(str::trim_start);
    inside.is_some_and(|inside| ["env", "file", "credential"].iter().any(|name| inside.starts_with(name)))
}

/// Whether the value is a URL with a password in it.
fn holds_password(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '"']).next().is_some_and(|authority| authority.contains(':') && authority.contains('@'))
    })
}
