//! The codes of what may be wrong with a section.

/// Something that is not a Cedar schema.
pub const NOT_A_SCHEMA: &str = "CS-C145";
/// Something that is not a Cedar policy, or not one for its schema.
pub const NOT_A_POLICY: &str = "CS-C146";
/// Two policies with one id.
pub const SAME_ID: &str = "CS-C147";
/// An action or a target that nothing can be asked about.
pub const NOT_ASKABLE: &str = "CS-C148";
/// A schema that wants to know what is not known.
pub const NOT_KNOWN: &str = "CS-C149";
