//! What people read of events, and which they see at all.

/// Events that belong together for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    SignIns,
    Security,
    Account,
}

impl Group {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 3] = [Self::SignIns, Self::Security, Self::Account];

    /// In addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignIns => "sign-ins",
            Self::Security => "security",
            Self::Account => "account",
        }
    }

    /// The group with this name in an address.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::SignIns => "Sign-ins",
            Self::Security => "Security",
            Self::Account => "Account",
        }
    }
}

use Group::{Account, Security, SignIns};

/// Event, group, words.
const WORDS: &[(&str, Group, &str)] = &[
    ("user.login", SignIns, "You signed in"),
    ("user.login_failed", SignIns, "A sign-in failed"),
    ("user.logout", SignIns, "You signed out"),
    ("session.revoked", SignIns, "Sessions were ended"),
    ("session.created", SignIns, "A service signed you in"),
    ("security.new_device", SignIns, "It was the first sign-in with this browser"),
    ("permission.denied", SignIns, "You were not let into a service"),
    ("hook.denied", SignIns, "You were not let in"),
    ("token.issued", SignIns, "A service was told who you are"),
    ("token.reuse_detected", Security, "A code was used twice, so the session ended"),
    ("security.brute_force", Security, "Somebody tried many passwords"),
    ("security.disowned", Security, "You said that something was not you"),
    ("credential.password_changed", Security, "The password was changed"),
    ("credential.password_reset_asked", Security, "A link for a new password was asked for"),
    ("credential.password_reset", Security, "A new password was set by mail"),
    ("credential.passkey_added", Security, "A passkey was added"),
    ("credential.passkey_removed", Security, "A passkey was removed"),
    ("credential.passkey_renamed", Security, "A passkey was renamed"),
    ("credential.passkey_cloned", Security, "A passkey was refused: somebody may have a copy of it"),
    ("credential.totp_added", Security, "An authenticator app was added"),
    ("credential.totp_removed", Security, "The authenticator app was removed"),
    ("credential.recovery_codes_made", Security, "New recovery codes were made"),
    ("credential.recovery_used", Security, "A recovery code was used"),
    ("credential.factors_reset", Security, "The second factors were taken away"),
    ("identity.linked", Security, "A way to sign in was connected"),
    ("identity.unlinked", Security, "A way to sign in was disconnected"),
    ("apikey.created", Security, "An API key was made"),
    ("apikey.rotated", Security, "An API key was renewed"),
    ("apikey.revoked", Security, "An API key was revoked"),
    ("user.locked", Security, "The account was locked"),
    ("user.unlocked", Security, "The account was opened again"),
    ("user.created", Account, "The account was made"),
    ("user.updated", Account, "The profile was changed"),
    ("user.deletion_asked", Account, "You asked to delete the account"),
    ("user.deletion_undone", Account, "The account was not deleted after all"),
    ("user.merged", Account, "Another account became part of this one"),
    ("user.unmerged", Account, "Another account was separated from this one"),
    ("user.exported", Account, "The data of the account was downloaded"),
    ("address.added", Account, "An e-mail address was added"),
    ("address.verified", Account, "An e-mail address was confirmed"),
    ("address.changed", Account, "The e-mail address was changed"),
    ("address.removed", Account, "An e-mail address was removed"),
    ("address.change_undone", Account, "A change of the e-mail address was taken back"),
    ("role.granted", Account, "A role was given to you"),
    ("role.assigned", Account, "A role was given to you because of your groups or profile"),
    ("role.unassigned", Account, "A role that came from your groups or profile ended"),
    ("role.revoked", Account, "A role was taken from you"),
];

/// The events that people see, all or of one group.
pub fn shown(group: Option<Group>) -> impl Iterator<Item = &'static str> {
    let wanted = move |of: Group| group.is_none_or(|group| group == of);
    WORDS.iter().filter(move |(_, of, _)| wanted(*of)).map(|(event, ..)| *event)
}

/// What people read; `None` for what they do not see.
pub fn of(event: &str) -> Option<&'static str> {
    WORDS.iter().find(|(name, ..)| *name == event).map(|(.., words)| *words)
}

/// Whether the words go on with how it was done.
pub fn names_method(event: &str) -> bool {
    ["user.login", "user.login_failed", "identity.linked", "identity.unlinked"].contains(&event)
}

/// Whether somebody may say that it was not them.
pub fn may_be_disowned(event: &str) -> bool {
    !["user.logout", "user.created", "security.disowned", "session.revoked", "token.reuse_detected"].contains(&event)
}
