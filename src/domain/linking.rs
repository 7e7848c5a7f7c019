//! What happens when somebody arrives with an identity: sign in, create, link, ask, or refuse.

use super::id::UserId;

/// What an admin allows when an address is already known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkPolicy {
    /// The person signs in with the method they already have; then both are linked.
    #[default]
    Ask,
    /// An address that both sides have verified links at once.
    VerifiedEmail,
    /// Never; the person is told so.
    Never,
}

/// Everything the rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The user the identity belongs to already.
    pub linked_to: Option<UserId>,
    /// The user who has the address the provider vouches for, and whether they have verified it. `None` also if nothing was vouched for.
    pub address_of: Option<(UserId, bool)>,
    /// What the admin allows.
    pub policy: LinkPolicy,
    /// Whether this identity may make a new account.
    pub signup: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The identity is known.
    SignIn(UserId),
    /// Both sides have verified the address: link and sign in.
    Link(UserId),
    /// The account never verified its address: its password, identities and sessions go, then link and sign in.
    TakeOver(UserId),
    /// Link only after this user has signed in with the method they have.
    Ask(UserId),
    /// Make a new account.
    Create,
    /// The address is taken and linking is off.
    RefuseLink,
    /// New accounts are not made here.
    RefuseSignup,
}

/// The rule. An unverified local account never survives a verified claim to its address.
pub fn decide(facts: &Facts) -> Verdict {
    if let Some(user) = facts.linked_to {
        return Verdict::SignIn(user);
    }
    match (facts.address_of, facts.policy) {
        (Some((_, _)), LinkPolicy::Never) => Verdict::RefuseLink,
        (Some((user, false)), _) => Verdict::TakeOver(user),
        (Some((user, true)), LinkPolicy::VerifiedEmail) => Verdict::Link(user),
        (Some((user, true)), LinkPolicy::Ask) => Verdict::Ask(user),
        (None, _) if facts.signup => Verdict::Create,
        (None, _) => Verdict::RefuseSignup,
    }
}
