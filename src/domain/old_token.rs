//! Login tokens of older servers: which kinds there are.

/// How the older server made its key of its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OldKind {
    /// The secret's text is the key.
    #[default]
    Datahq,
    /// The SHA-256 of the secret's text is the key.
    DgpOauth2,
}
