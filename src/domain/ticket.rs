//! The tags by which a ticket is known as a text conversation. Never says which ticket a text goes to.

use jiff::Timestamp;

/// The tags of a ticket plus the tag of text conversations, without which the bridge's triggers do not fire on it. An
/// update replaces all tags, so it must be refused when the ticket has changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagging {
    /// All tags that the ticket is to have.
    pub tags: Vec<String>,
    /// The ticket's last change when its tags were read.
    pub updated_at: Timestamp,
}
