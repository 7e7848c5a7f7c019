//! What is wrong in a policy file, and where.

/// Something wrong, at a byte of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: usize,
    pub message: String,
    /// Whether the file is well formed and fails a test of its own.
    pub is_failed_test: bool,
}

impl Fault {
    pub fn new(at: usize, message: String) -> Self {
        Self { at, message, is_failed_test: false }
    }
}

/// Everything wrong so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, at: usize, message: String) {
        self.0.push(Fault::new(at, message));
    }

    /// A test of the file's own, which fails.
    pub fn add_failed_test(&mut self, at: usize, message: String) {
        self.0.push(Fault { at, message, is_failed_test: true });
    }

    /// All of them, in the order of the file.
    pub fn take(&mut self) -> Vec<Fault> {
        self.0.sort_by_key(|fault| fault.at);
        std::mem::take(&mut self.0)
    }

    /// `Err` if there is any.
    pub fn check(&mut self) -> Result<(), Vec<Fault>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.take()) }
    }
}

/// A file and where its lines begin.
#[derive(Debug)]
pub struct Lines<'a> {
    name: &'a str,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn new(name: &'a str, text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name, text, starts }
    }

    /// `policies/wiki.json:12`
    pub fn line(&self, at: usize) -> String {
        format!("{}:{}", self.name, self.number(at))
    }

    /// `policies/wiki.json:12:5`; columns are characters.
    pub fn place(&self, at: usize) -> String {
        let start = self.starts[self.number(at) - 1];
        let before = self.text.get(start..at).map_or(0, |text| text.chars().count());
        format!("{}:{}", self.line(at), before + 1)
    }

    /// The line of a byte; the first is 1.
    pub fn number(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }
}

/// A word of the file as a message repeats it: at most 80 characters, no control characters.
pub fn shown(word: &str) -> String {
    let text: String = word.chars().take(80).flat_map(char::escape_debug).collect();
    if word.chars().nth(80).is_some() { text + "…" } else { text }
}
