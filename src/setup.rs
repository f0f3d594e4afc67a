//! The installation that the bridge needs at both vendors, its difference from the present one, and the remedies.
//!
//! Pure: it takes the records that were read ([`crate::clients`]' views) and returns calls to make, fields to type
//! and findings to show. It never calls a vendor, and none of its texts holds a secret.

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
