//! The bridge's mark on a text at Bird: a tag and a field of the metadata, which come back with every status of the text. Never
//! makes a mark; the delivery and the part do.

use serde_json::Value;

use crate::domain::receipt::Mark;

/// The tag, and the field of the metadata, that holds the mark of a text.
pub(super) const MARK: &str = "tandem";

/// A mark in the letters that a tag takes.
pub(super) fn spelled(mark: Mark) -> String {
    mark.to_string().replace('.', "-")
}

/// The mark that a tag spells.
pub(super) fn mark_of(tag: &str) -> Option<Mark> {
    tag.trim().replace('-', ".").parse().ok()
}

/// The value of a tag in the list of a message.
pub(super) fn tag<'a>(tags: &'a Value, name: &str) -> Option<&'a str> {
    tags.as_array()?.iter().find(|tag| tag["name"] == name)?["value"].as_str()
}
