//! Texts that look alike (UTS 39): one skeleton for all spellings that the eye takes for the same.

use unicode_normalization::UnicodeNormalization;
use unicode_security::{GeneralSecurityProfile, MixedScript};

/// Composed, in one width, and without case: the form in which names are compared (RFC 8265 §3.3).
pub fn folded(text: &str) -> String {
    // Upper case first: it is what makes `ß` the same as `ss`, and `ı` the same as `i`.
    let lower = text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    lower.nfkc().collect()
}

/// What the eye sees: equal for `paypal` and `раураl` (UTS 39 §4).
pub fn skeleton(text: &str) -> String {
    // Before case is lost, since `I` looks like `l` and `i` does not; and after it, since `M` becomes `m`, which looks like `rn`.
    folded(&prototypes(&folded(&prototypes(text))))
}

fn prototypes(text: &str) -> String {
    unicode_security::skeleton(text).collect()
}

/// Why a domain is not taken for what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Deceptive {
    /// Letters of several scripts in one label, or characters no name needs.
    #[error("The domain of this address mixes letters of different alphabets. Use an address of another domain.")]
    Mixed,
    /// It can be read as a domain of plain letters.
    #[error("The domain of this address looks like another one. Use an address of another domain.")]
    Imitates,
}

/// Whether each label of a domain, given as A-labels, is of one script and cannot be read as plain letters.
pub fn check_domain(domain: &str) -> Result<(), Deceptive> {
    let (shown, result) = idna::domain_to_unicode(domain);
    if result.is_err() {
        return Err(Deceptive::Mixed);
    }
    for label in shown.split('.').filter(|label| !label.is_ascii()) {
        if !label.is_single_script() || !label.chars().all(|c| c == '-' || c.identifier_allowed()) {
            return Err(Deceptive::Mixed);
        }
        if skeleton(label).is_ascii() {
            return Err(Deceptive::Imitates);
        }
    }
    Ok(())
}
