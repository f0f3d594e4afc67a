//! Texts in all the forms that they travel in.
//!
//! An agent's comment becomes plain text for a phone ([`plain_from_html`], [`strip_comment_header`], [`visible`]), is
//! counted and cut as carriers do ([`segments`], [`split`], [`split_characters`], [`to_gsm7`]), kept from a chat channel's
//! formatting ([`unmarked_up`]), or put on the line that the published recipe's template prints ([`third_line`]). A
//! customer's text becomes HTML for a ticket ([`html_from_plain`]), a customer's name a value that no desk expands
//! ([`inert`]).
//!
//! Every function here is total and takes time in proportion to its input. None of them knows a text's author.

mod comment;
mod from_html;
mod gsm;
mod invisible;
mod marks;
mod segment;
mod to_html;

pub use self::comment::{RecipeMessage, strip_comment_header, third_line};
pub use self::from_html::{HTML_MAX_BYTES, plain_from_html};
pub use self::gsm::to_gsm7;
pub use self::invisible::visible;
pub use self::marks::unmarked_up;
pub use self::segment::{Encoding, Segments, segments, split, split_characters};
pub use self::to_html::{html_from_plain, inert, is_inert};

/// A file's bytes without the byte order mark that Windows programs put in front.
#[must_use]
pub fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}
