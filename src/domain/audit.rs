//! What is written down of a deed: the event, who did it, and from where.

use std::net::IpAddr;

use serde_json::Value;

use super::id::UserId;

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $severity:ident;)+) => {
        /// What can happen. The names are stable: people search for them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event { $($(#[$doc])* $name,)+ }

        impl Event {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// `user.login`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// How much it matters.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// The event of this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|event| event.name() == name)
            }
        }
    };
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Info,
    Notice,
    Warning,
    Critical,
}

impl Severity {
    /// `info`, `notice`, `warning`, `critical`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

events! {
    /// A new account.
    UserCreated = "user.created", Info;
    /// Somebody signed in.
    UserLogin = "user.login", Info;
    /// Somebody did not sign in.
    UserLoginFailed = "user.login_failed", Notice;
    /// Somebody signed out.
    UserLogout = "user.logout", Info;
    /// Name, username, attributes changed.
    UserUpdated = "user.updated", Info;
    /// Nobody gets in with the account any more.
    UserLocked = "user.locked", Warning;
    /// The account is open again.
    UserUnlocked = "user.unlocked", Notice;
    /// The account goes, after a time.
    UserDeletionAsked = "user.deletion_asked", Notice;
    /// The account stays after all.
    UserDeletionUndone = "user.deletion_undone", Notice;
    /// The account is gone.
    UserDeleted = "user.deleted", Warning;
    /// Two accounts became one.
    UserMerged = "user.merged", Warning;
    /// They are two again.
    UserUnmerged = "user.unmerged", Warning;
    /// Everything known of somebody was handed out.
    UserExported = "user.exported", Notice;
    /// Users came from elsewhere.
    UserImported = "user.imported", Notice;
    /// Somebody was asked to come.
    UserInvited = "user.invited", Info;
    /// And does not need to any more.
    InvitationRevoked = "user.invitation_revoked", Info;
    /// An address was added.
    AddressAdded = "address.added", Notice;
    /// An address was proven.
    AddressVerified = "address.verified", Info;
    /// Another address is the main one.
    AddressChanged = "address.changed", Notice;
    /// An address is gone.
    AddressRemoved = "address.removed", Notice;
    /// A change of address was taken back by the old one.
    AddressChangeUndone = "address.change_undone", Warning;
    /// An identity opens the account from now on.
    IdentityLinked = "identity.linked", Notice;
    /// It does no longer.
    IdentityUnlinked = "identity.unlinked", Notice;
    /// It may not.
    IdentityLinkRefused = "identity.link_refused", Warning;
    /// Its provider was asked again, and does not vouch for it any more.
    IdentityWithdrawn = "identity.withdrawn", Warning;
    /// A passkey more.
    PasskeyAdded = "credential.passkey_added", Notice;
    /// A passkey less.
    PasskeyRemoved = "credential.passkey_removed", Notice;
    /// A passkey has another name.
    PasskeyRenamed = "credential.passkey_renamed", Info;
    /// A passkey counted backwards: somebody has a copy.
    PasskeyCloned = "credential.passkey_cloned", Critical;
    /// Another password.
    PasswordChanged = "credential.password_changed", Notice;
    /// A link to set another password was mailed.
    PasswordResetAsked = "credential.password_reset_asked", Info;
    /// Another password, by a mailed link.
    PasswordReset = "credential.password_reset", Warning;
    /// An app for one-time passwords.
    TotpAdded = "credential.totp_added", Notice;
    /// And none any more.
    TotpRemoved = "credential.totp_removed", Notice;
    /// New recovery codes.
    RecoveryCodesMade = "credential.recovery_codes_made", Notice;
    /// One of them was used.
    RecoveryUsed = "credential.recovery_used", Warning;
    /// An admin took the second factors away.
    FactorsReset = "credential.factors_reset", Warning;
    /// A session ended by somebody's hand.
    SessionRevoked = "session.revoked", Notice;
    /// A service began a session of its own.
    SessionCreated = "session.created", Info;
    /// A service token.
    TokenIssued = "token.issued", Info;
    /// A one-time code or refresh secret came a second time.
    TokenReuseDetected = "token.reuse_detected", Critical;
    /// A user may not use a service.
    PermissionDenied = "permission.denied", Notice;
    /// A permission provider had no answer.
    PermissionProviderFailed = "permission.provider_failed", Warning;
    /// Remembered answers of permission providers were forgotten.
    PermissionsInvalidated = "permission.invalidated", Notice;
    /// An extension said no.
    HookDenied = "hook.denied", Notice;
    /// An extension that decides had no answer.
    HookFailed = "hook.failed", Warning;
    /// Somebody has a role.
    RoleGranted = "role.granted", Warning;
    /// Somebody has it no longer.
    RoleRevoked = "role.revoked", Warning;
    /// A rule gives somebody a role.
    RoleAssigned = "role.assigned", Warning;
    /// No rule gives it any more.
    RoleUnassigned = "role.unassigned", Warning;
    /// No rule gives it any more, and it stays: nobody else would run the server.
    RoleKept = "role.kept", Warning;
    /// A signing key is made.
    KeyGenerated = "key.generated", Notice;
    /// It signs.
    KeyActivated = "key.activated", Notice;
    /// It signs no longer.
    KeyRetired = "key.retired", Notice;
    /// Another version of the file runs.
    ConfigReloaded = "config.reloaded", Notice;
    /// It does not.
    ConfigRejected = "config.rejected", Warning;
    /// A link that makes an administrator.
    AdminLinkCreated = "admin.link_created", Warning;
    /// It made one.
    AdminLinkUsed = "admin.link_used", Warning;
    /// An API key.
    ApiKeyCreated = "apikey.created", Notice;
    /// Its secret was replaced.
    ApiKeyRotated = "apikey.rotated", Info;
    /// It opens nothing any more.
    ApiKeyRevoked = "apikey.revoked", Notice;
    /// A client was shut out.
    SecurityBan = "security.ban", Warning;
    /// It was let in again.
    SecurityBanLifted = "security.ban_lifted", Notice;
    /// Somebody signed in from where they never did.
    SecurityNewDevice = "security.new_device", Notice;
    /// Somebody tries passwords.
    SecurityBruteForce = "security.brute_force", Warning;
    /// Somebody says that a deed was not theirs.
    SecurityDisowned = "security.disowned", Critical;
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody we know yet.
    Anonymous,
    /// A person.
    User(UserId),
    /// A program with an API key of this id.
    Key(String),
    /// A service, by its id.
    Service(String),
    /// Somebody at the machine's command line.
    Command,
    /// The server by itself.
    System,
}

impl Actor {
    /// `anonymous`, `user`, `key`, `service`, `command`, `system`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User(_) => "user",
            Self::Key(_) => "key",
            Self::Service(_) => "service",
            Self::Command => "command",
            Self::System => "system",
        }
    }

    /// Which one, where there are several.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::User(id) => Some(id.to_string()),
            Self::Key(id) | Self::Service(id) => Some(id.clone()),
            Self::Anonymous | Self::Command | Self::System => None,
        }
    }
}

/// Who does something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    pub actor: Actor,
    pub ip: Option<IpAddr>,
    /// At most 300 characters.
    pub user_agent: Option<String>,
    /// The id of the request, as error pages show it.
    pub reference: Option<String>,
}

impl By {
    /// Somebody at the machine's command line.
    pub const fn command() -> Self {
        Self { actor: Actor::Command, ip: None, user_agent: None, reference: None }
    }

    /// The server by itself.
    pub fn system() -> Self {
        Self { actor: Actor::System, ..Self::command() }
    }

    /// The same from the same place, done by this one.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }
}

/// What happened, to whom, and what else is worth knowing. Never a secret.
#[derive(Debug, Clone, PartialEq)]
pub struct What {
    pub event: Event,
    /// Whom it happened to.
    pub target: Option<UserId>,
    /// The service it is about.
    pub service: Option<String>,
    /// The provider or method it is about.
    pub provider: Option<String>,
    /// A JSON object.
    pub details: Value,
}

impl What {
    /// An event of which nothing more is known.
    pub fn new(event: Event) -> Self {
        Self { event, target: None, service: None, provider: None, details: Value::Object(serde_json::Map::new()) }
    }

    /// It happened to this user.
    #[must_use]
    pub fn target(mut self, user: UserId) -> Self {
        self.target = Some(user);
        self
    }

    /// It is about this service, if any.
    #[must_use]
    pub fn service(mut self, service: Option<&str>) -> Self {
        self.service = service.map(str::to_owned);
        self
    }

    /// It is about this provider or method.
    #[must_use]
    pub fn provider(mut self, provider: &str) -> Self {
        self.provider = Some(provider.to_owned());
        self
    }

    /// And this, a JSON object.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}
