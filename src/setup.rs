//! What the two vendors must be set up with, how that differs from what is there, and what to do about it.
//!
//! Pure: it is given what was read ([`crate::clients`]' views) and gives back what to write, to type or to say. It never
//! calls a vendor, and no text that it gives holds a secret.

pub mod braze;
pub mod checkup;
pub mod zendesk;

use url::Url;

/// The tag of the tickets that tandem serves.
pub const TAG: &str = "sms";

/// An address below the one at which the vendors reach the bridge.
#[must_use]
pub fn endpoint(public_url: &Url, path: &str) -> String {
    format!("{}{path}", public_url.as_str().trim_end_matches('/'))
}
