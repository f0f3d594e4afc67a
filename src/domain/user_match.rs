//! The ways to find a customer among a desk's users. Never looks for one.

/// A way to find a customer among the desk's users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserMatch {
    /// The user's `external_id`.
    ExternalId,
    /// The custom user field of the published recipe.
    UserField,
    /// The e-mail address.
    Email,
    /// The phone number, when exactly one end user has it.
    Phone,
}
