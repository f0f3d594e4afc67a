//! Bird's signatures of webhooks: that of the third generation, which is Standard Webhooks, and that of the second, taken
//! only where it is asked for. Never reads a body.
//!
//! The second generation signs every attempt with the time of the first one and repeats for eight hours, so its
//! timestamps may be old. Repeats are told by their ids, not by their times.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::intake::signature::{BASE64, Verified, by_hmac, only};
use crate::intake::{Refusal, Seal};

/// The name of one webhook, the same for every attempt; the signature covers it.
pub const ID: &str = "webhook-id";

/// The time of the signature in seconds; the signature covers it.
pub const TIMESTAMP: &str = "webhook-timestamp";

/// The signatures, each behind its version, with spaces between. After a rotation both secrets sign for a day.
pub const SIGNATURES: &str = "webhook-signature";

/// The signature of the second generation.
pub const SECOND_SIGNATURE: &str = "messagebird-signature";

/// The time of the second generation's signature in seconds.
pub const SECOND_TIMESTAMP: &str = "messagebird-request-timestamp";

/// The beginning of a secret of Standard Webhooks. The rest is the key, in base64.
pub const SECRET_PREFIX: &str = "whsec_";

/// The version of a signature by a shared secret.
const VERSION: &str = "v1,";

/// The most signatures of one webhook that are compared. Two secrets sign after a rotation.
const SIGNATURES_MAX: usize = 8;

/// How old a signature of the second generation may be: its eight hours of repeats, and one more.
const SECOND_TOLERANCE: Duration = Duration::from_secs(9 * 3600);

/// The longest id that is indexed.
const ID_MAX_BYTES: usize = 200;

/// The terms on which a signature counts.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The secrets; several during a rotation. An empty one matches nothing.
    pub secrets: Vec<SecretString>,
    /// How far the time of a signature may be from now, either way.
    pub tolerance: Duration,
    /// The address to which the second generation posts, which its signature covers; `None` where that generation is
    /// not taken.
    pub second: Option<String>,
}

/// The content of the headers. It proves nothing before [`Seal::verify`].
pub(super) struct Signed {
    /// The webhook's name, which only the third generation has.
    id: Option<HeaderValue>,
    timestamp: HeaderValue,
    signatures: Vec<[u8; 32]>,
    terms: Arc<Terms>,
}

impl Signed {
    /// Reads the headers of the generation whose signature is there: at least one has a signature's length.
    pub(super) fn of(headers: &HeaderMap, terms: &Arc<Terms>) -> Result<Self, Refusal> {
        let terms = Arc::clone(terms);
        let is_second = headers.contains_key(SECOND_SIGNATURE) && !headers.contains_key(SIGNATURES);
        if is_second && terms.second.is_some() {
            let signatures = decoded(only(headers, SECOND_SIGNATURE)?.as_bytes()).into_iter().collect();
            return Self { id: None, timestamp: only(headers, SECOND_TIMESTAMP)?.clone(), signatures, terms }.whole();
        }
        let signatures = only(headers, SIGNATURES)?.to_str().map_err(|_| Refusal::WrongSignature)?;
        let signatures = signatures.split_ascii_whitespace().filter_map(|signature| signature.strip_prefix(VERSION));
        let signatures = signatures.filter_map(|signature| decoded(signature.as_bytes())).take(SIGNATURES_MAX);
        let (id, timestamp) = (only(headers, ID)?.clone(), only(headers, TIMESTAMP)?.clone());
        Self { id: Some(id), timestamp, signatures: signatures.collect(), terms }.whole()
    }

    fn whole(self) -> Result<Self, Refusal> {
        if self.signatures.is_empty() { Err(Refusal::WrongSignature) } else { Ok(self) }
    }
}

impl Seal for Signed {
    fn verify<'a>(&self, body: &'a [u8], now: Timestamp) -> Result<Verified<'a>, Refusal> {
        let terms = &self.terms;
        let timestamp = self.timestamp.as_bytes();
        let (verified, tolerance) = match &self.id {
            Some(id) => {
                let keys: Vec<Zeroizing<Vec<u8>>> = terms.secrets.iter().filter_map(key).collect();
                let signed = [id.as_bytes(), b".", timestamp, b".", body];
                let keys = keys.iter().map(|key| key.as_slice());
                (by_hmac(body, &signed, &self.signatures, keys)?, terms.tolerance)
            }
            None => {
                let address = terms.second.as_deref().unwrap_or_default().as_bytes();
                let digest = Sha256::digest(body);
                let signed = [timestamp, b"\n", address, b"\n", digest.as_slice()];
                let keys = terms.secrets.iter().map(|secret| secret.expose_secret().as_bytes());
                (by_hmac(body, &signed, &self.signatures, keys)?, terms.tolerance.max(SECOND_TOLERANCE))
            }
        };
        // The signature is checked first, so that a stale timestamp in the metrics is Bird's own: a wrong clock or a
        // replay.
        let seconds = std::str::from_utf8(timestamp).ok().and_then(|text| text.trim().parse().ok());
        let signed_at =
            seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(Refusal::BadTimestamp)?;
        if now.duration_since(signed_at).unsigned_abs() > tolerance { Err(Refusal::Stale) } else { Ok(verified) }
    }
}

/// The name of a webhook of the third generation, the same for every attempt; `None` of one whose signature covers no name.
pub(super) fn id(headers: &HeaderMap) -> Option<&str> {
    only(headers, SIGNATURES).ok()?;
    only(headers, ID).ok()?.to_str().ok().map(str::trim).filter(|id| id.len() <= ID_MAX_BYTES)
}

/// The key that a secret of Standard Webhooks stands for; `None` of a secret in another form.
fn key(secret: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
    let secret = secret.expose_secret().trim().strip_prefix(SECRET_PREFIX)?;
    BASE64.decode(secret).ok().map(Zeroizing::new)
}

/// Whether a secret has the form of Standard Webhooks.
#[must_use]
pub fn is_standard(secret: &SecretString) -> bool {
    key(secret).is_some_and(|key| !key.is_empty())
}

fn decoded(signature: &[u8]) -> Option<[u8; 32]> {
    BASE64.decode(signature.trim_ascii()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests;
