//! Permissions from Cedar policies, see <https://docs.cedarpolicy.com>.
//!
//! Cedar answers one question at a time, so every action of the schema is asked about each of `targets`. An action is a permission:
//! `report:read` is granted where the policies permit `Action::"report:read"` on the target `*`, and `report:read:q1` where they
//! permit it on the target `q1`. What a `forbid` refuses is denied, whoever else in the chain grants it; what nobody permits is not
//! granted. A policy that cannot be evaluated is a failure of the whole answer.
//!
//! What the policies may ask for is what the schema declares, of
//!
//! - `User`, and `Service` for one that acts for itself: `id`, `email`, `email_verified`, `username`, `roles`, `groups`, `provider`;
//!   roles and groups are parents too, if the schema has `entity User in [Role, Group]`;
//! - the resource (`Target`, or the only type the action applies to): `id`, `owner?`, `visibility?`, `shared_with`, `is_orphaned`;
//!   they are known when one item is asked about, and not when all permissions are;
//! - the context: `service`, `provider`, and with `vary` also `mfa` and `ip?`.
//!
//! ```toml
//! [permissions.reports]
//! kind = "cedar"
//! schema = "policies/reports.cedarschema"
//! policies = ["policies/reports/*.cedar"]
//! ```

#[cfg(feature = "cedar")]
mod codes;
#[cfg(feature = "cedar")]
mod engine;
#[cfg(feature = "cedar")]
mod facts;
#[cfg(feature = "cedar")]
mod policies;
#[cfg(feature = "cedar")]
mod provider;
#[cfg(feature = "cedar")]
mod schema;

use std::path::PathBuf;

use super::PermissionProvider;
use super::common::section;
use crate::plugin::Kind;

/// `kind = "cedar"`.
pub const KIND: Kind<dyn PermissionProvider> = Kind {
    name: "cedar",
    schema: |generator| generator.subschema_for::<CedarPermissions>(),
    #[cfg(feature = "cedar")]
    open: |section, _| Ok(std::sync::Arc::new(provider::Cedar::open(section, &section.read()?)?)),
    #[cfg(not(feature = "cedar"))]
    open: |section, _| Err(super::common::not_built(section, "Cedar", "cedar")),
};

section! {
    /// Permissions from Cedar policies.
    #[cfg_attr(not(feature = "cedar"), expect(dead_code, reason = "only its schema is needed"))]
    pub struct CedarPermissions {
        /// Files of policies, such as `policies/reports/*.cedar`.
        policies: Vec<String>,
        /// The schema, in Cedar's own form.
        schema: PathBuf,
        /// Which actions are permissions; all of the schema where not written.
        actions: Option<Vec<String>>,
        /// What they are asked about; `["*"]` where not written.
        targets: Option<Vec<String>>,
    }
}
