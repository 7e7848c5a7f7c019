//! What may become a password: long enough, hard to guess, and not what anybody knows about its owner (NIST SP 800-63B-4 §3.1.1.2).
//!
//! There are no rules about kinds of characters: they make passwords shorter, not better.

use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zxcvbn::feedback::Warning;
use zxcvbn::matching::patterns::MatchPattern;
use zxcvbn::{Entropy, zxcvbn};

use super::email::Email;
use super::user::User;

/// So much of a password is looked at when its strength is guessed; what follows only makes it stronger.
const LOOKED_AT: usize = 100;
/// A shorter word says nothing about anybody.
const SHORTEST_WORD: usize = 3;
/// At most so many words about an owner, and of so many characters, are compared.
const MOST_WORDS: usize = 64;
const LONGEST_WORD: usize = 64;
/// From this likeness on, two words are one with a few letters changed.
const ALIKE: f64 = 0.75;

/// How long and how strong a password has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Least code points.
    pub least: usize,
    /// Most code points.
    pub most: usize,
    /// Least score of zxcvbn, 0 to 4.
    pub strength: u8,
}

/// What a word that is known to everybody is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// The owner's name.
    Name,
    /// The owner's address.
    Address,
    /// The owner's username.
    Username,
    /// This server, or a service behind it.
    Site,
}

/// What everybody may know about an owner and where the password is used.
#[derive(Debug, Clone, Default)]
pub struct About {
    words: BTreeSet<(Known, String)>,
}

/// What is wrong with a wish for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Fewer code points than asked for.
    TooShort(usize),
    /// More than are hashed.
    TooLong(usize),
    /// One of the first that anybody would try.
    Common,
    /// Close to something known.
    Similar(Known),
    /// Easy to guess, and why.
    Weak(Hint),
    /// In a collection of stolen passwords.
    Stolen,
}

/// Why a password is easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    Repeats,
    Keyboard,
    Sequence,
    Date,
    Words,
}

/// What there is to say about a wish for a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// zxcvbn's guess: 0, at once, to 4, never.
    pub score: u8,
    /// All of them; empty for a good one.
    pub problems: Vec<Problem>,
}

impl About {
    /// Adds a text; a sentence is its words, too.
    #[must_use]
    pub fn with(mut self, known: Known, text: &str) -> Self {
        let whole = folded(text);
        let parts: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).map(folded).collect();
        for word in parts.into_iter().chain([whole]) {
            let length = word.chars().count();
            if (SHORTEST_WORD..=LONGEST_WORD).contains(&length) && self.words.len() < MOST_WORDS {
                self.words.insert((known, word));
            }
        }
        self
    }

    /// Adds an address: what stands before the `@`, and the name of its domain.
    #[must_use]
    pub fn with_email(self, email: &Email) -> Self {
        let domain = email.domain().rsplit_once('.').map_or(email.domain(), |(name, _)| name);
        self.with(Known::Address, email.local_part()).with(Known::Address, domain)
    }

    /// Adds what is known about a user.
    #[must_use]
    pub fn with_user(mut self, user: &User) -> Self {
        if let Some(address) = &user.email {
            self = self.with_email(&address.email);
        }
        if let Some(name) = &user.name {
            self = self.with(Known::Name, name);
        }
        if let Some(username) = &user.username {
            self = self.with(Known::Username, username);
        }
        self
    }
}

impl Judgement {
    /// Whether it may become a password.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    /// All problems in one text: what a form shows.
    pub fn explained(&self) -> String {
        self.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

impl Problem {
    /// The problem in a word, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooShort(_) => "too_short",
            Self::TooLong(_) => "too_long",
            Self::Common => "common",
            Self::Similar(_) => "similar",
            Self::Weak(_) => "weak",
            Self::Stolen => "stolen",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(least) => write!(f, "It needs at least {least} characters; a few words in a row are fine."),
            Self::TooLong(most) => write!(f, "It may have at most {most} characters."),
            Self::Common => f.write_str("It is one of the passwords that attackers try first."),
            Self::Similar(Known::Name) => f.write_str("It is too close to your name."),
            Self::Similar(Known::Address) => f.write_str("It is too close to your e-mail address."),
            Self::Similar(Known::Username) => f.write_str("It is too close to your username."),
            Self::Similar(Known::Site) => f.write_str("It is too close to the name of this site."),
            Self::Weak(hint) => write!(f, "It is too easy to guess: {hint}."),
            Self::Stolen => {
                f.write_str("It was found in a collection of stolen passwords. Choose one you use nowhere else.")
            }
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repeats => "it repeats itself",
            Self::Keyboard => "it is a row of keys",
            Self::Sequence => "it is a sequence like abc or 6543",
            Self::Date => "it is made of a date or a year",
            Self::Words => "add a word or two that nobody would expect there",
        })
    }
}

/// Composed and decomposed spellings of a password are the same password (NIST SP 800-63B-4 §3.1.1.2).
pub fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// Judges a wish by the rule. Processor work of about a millisecond: not for async threads.
pub fn judge(password: &str, rule: Rule, about: &About) -> Judgement {
    let password = normal(password);
    let length = password.chars().count();
    let seen: String = password.chars().take(LOOKED_AT).collect();
    let words: Vec<&str> = about.words.iter().map(|(_, word)| word.as_str()).collect();
    let guess = zxcvbn(&seen, &words);
    let mut problems = Vec::new();
    if length < rule.least {
        problems.push(Problem::TooShort(rule.least));
    }
    if length > rule.most {
        problems.push(Problem::TooLong(rule.most));
    }
    let similar = similar(&seen, about, rule.least);
    problems.extend(similar.map(Problem::Similar));
    if similar.is_none() && is_common(&seen, &guess) {
        problems.push(Problem::Common);
    }
    let score = u8::from(guess.score());
    if score < rule.strength && !problems.iter().any(|problem| matches!(problem, Problem::Common)) {
        problems.push(Problem::Weak(hint(&guess)));
    }
    Judgement { score, problems }
}

/// Whether it is one word of the dictionaries of the first tries, also with digits and signs around it.
fn is_common(password: &str, guess: &Entropy) -> bool {
    let bare = password.trim_matches(|c: char| !c.is_alphabetic());
    is_one_word(guess)
        || (bare.len() >= SHORTEST_WORD && bare != password && is_one_word(&zxcvbn(bare, &[])))
        || is_the_same_again(guess)
}

fn is_one_word(guess: &Entropy) -> bool {
    matches!(guess.sequence(), [only] if matches!(only.pattern, MatchPattern::Dictionary(_)))
}

fn is_the_same_again(guess: &Entropy) -> bool {
    matches!(guess.sequence(), [only] if matches!(only.pattern, MatchPattern::Repeat(_))) && guess.guesses_log10() < 6.0
}

/// What it is too close to: a known word with few letters changed, or with little beside it.
fn similar(password: &str, about: &About, least: usize) -> Option<Known> {
    let folded = folded(password);
    let reversed: String = folded.chars().rev().collect();
    let mut rest = folded.clone();
    let mut found = None;
    let mut words: Vec<_> = about.words.iter().collect();
    words.sort_by_key(|(_, word)| std::cmp::Reverse(word.len()));
    for (known, word) in words {
        let alike = |text: &str| strsim::normalized_damerau_levenshtein(text, word) >= ALIKE;
        if alike(&folded) || alike(&reversed) {
            return Some(*known);
        }
        if rest.contains(word.as_str()) {
            rest = rest.replace(word.as_str(), "");
            found = found.or(Some(*known));
        }
    }
    found.filter(|_| rest.chars().count() < least.div_ceil(2))
}

fn hint(guess: &Entropy) -> Hint {
    match guess.feedback().and_then(zxcvbn::feedback::Feedback::warning) {
        Some(Warning::RepeatsLikeAaaAreEasyToGuess | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess) => {
            Hint::Repeats
        }
        Some(Warning::StraightRowsOfKeysAreEasyToGuess | Warning::ShortKeyboardPatternsAreEasyToGuess) => {
            Hint::Keyboard
        }
        Some(Warning::SequencesLikeAbcAreEasyToGuess) => Hint::Sequence,
        Some(Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess) => Hint::Date,
        _ => Hint::Words,
    }
}

/// Lower case, only letters and digits, with the usual signs for letters read as those.
fn folded(text: &str) -> String {
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    };
    text.nfkc().flat_map(char::to_lowercase).map(letter).filter(|c| c.is_alphanumeric()).collect()
}
