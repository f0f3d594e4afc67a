//! Zendesk's signature of a webhook: its two headers, its check and its making. Never reads a body.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::intake::signature::{BASE64, Verified, by_hmac, hmac, only};
use crate::intake::{Refusal, Seal};

/// The signature: base64 of HMAC-SHA256.
pub const ZENDESK_SIGNATURE: &str = "x-zendesk-webhook-signature";

/// The time of the signature, RFC 3339; the signature covers it.
pub const ZENDESK_TIMESTAMP: &str = "x-zendesk-webhook-signature-timestamp";

/// The secret with which Zendesk signs the test of a webhook that does not exist yet. Zendesk's documentation prints
/// it, so it proves nothing.
pub const ZENDESK_TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

/// The signature header that Zendesk would send: base64 of HMAC-SHA256 over the timestamp's text and the raw body.
#[must_use]
pub fn zendesk_signature(secret: &SecretString, timestamp: &str, body: &[u8]) -> String {
    let key = secret.expose_secret().as_bytes();
    hmac(key, &[timestamp.as_bytes(), body]).map(|mac| STANDARD.encode(mac)).unwrap_or_default()
}

/// The secrets of one account, and how far a timestamp may be from now.
pub(super) struct Secrets {
    /// Those with which Zendesk signs; several during a rotation. An empty secret matches nothing.
    pub(super) signing: Vec<SecretString>,
    /// Either way.
    pub(super) tolerance: Duration,
}

/// The content of the two headers. It proves nothing before [`Seal::verify`].
pub(super) struct Signed {
    /// The signature's bytes.
    signature: [u8; 32],
    /// The timestamp's text.
    timestamp: HeaderValue,
    secrets: Arc<Secrets>,
}

impl Signed {
    /// Reads the two headers: the signature must have a signature's length.
    pub(super) fn of(headers: &HeaderMap, secrets: &Arc<Secrets>) -> Result<Self, Refusal> {
        let signature = only(headers, ZENDESK_SIGNATURE)?;
        let timestamp = only(headers, ZENDESK_TIMESTAMP)?.clone();
        let signature = BASE64.decode(signature.as_bytes().trim_ascii()).map_err(|_| Refusal::WrongSignature)?;
        let signature = signature.try_into().map_err(|_| Refusal::WrongSignature)?;
        Ok(Self { signature, timestamp, secrets: Arc::clone(secrets) })
    }
}

impl Seal for Signed {
    fn verify<'a>(&self, body: &'a [u8], now: Timestamp) -> Result<Verified<'a>, Refusal> {
        let secrets = self.secrets.signing.iter().filter(|secret| secret.expose_secret() != ZENDESK_TEST_SECRET);
        let timestamp = self.timestamp.as_bytes();
        let keys = secrets.map(|secret| secret.expose_secret().as_bytes());
        let verified = by_hmac(body, &[timestamp, body], &[self.signature], keys)?;
        // The signature is checked first, so that a stale timestamp in the metrics is Zendesk's own: a wrong clock or a
        // replay.
        let signed_at = std::str::from_utf8(timestamp).ok().and_then(|text| text.trim().parse().ok());
        let signed_at: Timestamp = signed_at.ok_or(Refusal::BadTimestamp)?;
        let age = now.duration_since(signed_at).unsigned_abs();
        if age > self.secrets.tolerance { Err(Refusal::Stale) } else { Ok(verified) }
    }
}
