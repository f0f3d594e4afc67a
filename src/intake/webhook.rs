//! A webhook as it was received, and the reasons to refuse it. It never looks inside a body.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use jiff::Timestamp;
use url::Url;

use crate::domain::inbound::Endpoint;

/// The address of an endpoint below the one at which the vendors reach the bridge.
#[must_use]
pub fn public_address(public_url: &Url, path: &str) -> String {
    format!("{}{path}", public_url.as_str().trim_end_matches('/'))
}

/// A webhook as it was received. It has no `Debug` form, because every part of it may be secret or personal.
pub struct RawWebhook {
    /// The endpoint that it was posted to.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: Method,
    /// The address as received; only its path is read.
    pub uri: Uri,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, bounded by the receiver.
    pub body: Bytes,
    /// When the whole of it was received.
    pub received_at: Timestamp,
}

/// Why a webhook was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No signature, or no timestamp to it.
    MissingSignature,
    /// The signature matches no configured secret.
    WrongSignature,
    /// The signature is right, but the timestamp is not a time.
    BadTimestamp,
    /// The signature is right, but too old or too far ahead.
    Stale,
    /// No token.
    MissingToken,
    /// The token is not a configured one.
    WrongToken,
}

impl Refusal {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::WrongSignature => "wrong_signature",
            Self::BadTimestamp => "bad_timestamp",
            Self::Stale => "stale",
            Self::MissingToken => "missing_token",
            Self::WrongToken => "wrong_token",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
