//! The port of webhooks: one account's side that proves the sender of a webhook and reads it. The folders of the vendors
//! implement it.
//!
//! [`read`] verifies the raw bytes first and only then has them read. Nothing here stores, answers or logs, and a reader
//! never guesses the sender of a text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde_json::Value;

use super::reading::{Intake, Reading};
use super::signature::{Token, Verified};
use super::webhook::{RawWebhook, Refusal};
use crate::domain::event::{DedupeKey, Event, EventKind, Unreadable};
use crate::domain::inbound::Door;

/// The limit on the body of one event. Desks cut comments at 64 KiB, and texts are far shorter.
pub(crate) const EVENT_MAX_BYTES: usize = 256 * 1024;

/// One account that posts webhooks, with its own secrets.
pub trait Source: Send + Sync {
    /// The longest body at this door, in bytes.
    fn body_max(&self, _door: Door) -> usize {
        EVENT_MAX_BYTES
    }

    /// Checks the headers alone, before the body is awaited: a token wholly, of a signature the presence and the form,
    /// because the signature itself covers the body.
    ///
    /// # Errors
    /// The reason to refuse the webhook without its body.
    fn admit(&self, door: Door, headers: &HeaderMap) -> Result<Credential, Refusal>;

    /// Whether a webhook that is not authentic is answered 503 in the place of 401. A sender that never repeats a 401 then
    /// posts it again, and a genuine webhook is taken once the secret or the clock is mended.
    fn asks_again(&self) -> bool {
        false
    }

    /// Reads a body whose sender is proven.
    fn read(&self, posted: &Posted<'_>) -> Reading;

    /// The keys that identify a repeat of this call, besides those of its body.
    fn call_keys(&self, _webhook: &RawWebhook) -> Vec<DedupeKey> {
        Vec::new()
    }
}

/// A body whose sender is proven, and the place and time of its arrival.
pub struct Posted<'a> {
    /// The body.
    pub verified: &'a Verified<'a>,
    /// The door that it was posted through.
    pub door: Door,
    /// The raw path.
    pub path: &'a str,
    /// When it was received.
    pub at: Timestamp,
}

/// The share of the proof that stands in the headers. With it, [`read`] takes the body.
pub enum Credential {
    /// A right token. The body is then the sender's as well.
    Token(Token),
    /// A signature of the right form, which the body has to bear out.
    Seal(Box<dyn Seal>),
}

/// A signature from the headers of a webhook, with the secrets that it is checked by.
pub trait Seal: Send + Sync {
    /// Checks the signature over the raw body, and that it was made at about this time.
    ///
    /// # Errors
    /// The failed check.
    fn verify<'a>(&self, body: &'a [u8], now: Timestamp) -> Result<Verified<'a>, Refusal>;
}

/// Verifies a webhook and reads it.
#[must_use]
pub fn read(webhook: &RawWebhook, credential: &Credential, source: &dyn Source) -> Intake {
    let verified = match credential {
        Credential::Seal(seal) => seal.verify(&webhook.body, webhook.received_at),
        Credential::Token(token) => Ok(token.vouch_for(&webhook.body)),
    };
    let verified = match verified {
        Ok(verified) => verified,
        Err(why) => return Intake::Refused { why },
    };
    let (door, path, at) = (webhook.endpoint.door, webhook.uri.path(), webhook.received_at);
    let mut reading = source.read(&Posted { verified: &verified, door, path, at });
    reading.dedupe.splice(0..0, source.call_keys(webhook));
    reading.into_intake(at, || kept(webhook, None))
}

/// Reads a quarantined body again, after the configuration or the bridge was mended; without a source at its path it stays
/// unreadable. It was verified when it came, so it is not verified again, and its timestamp may have any age.
///
/// The dedupe keys are those of the body alone, because the quarantined event holds those of the headers already.
#[must_use]
pub(super) fn reread(kept: &Unreadable, received_at: Timestamp, source: Option<(Door, &dyn Source)>) -> Intake {
    let reading = match (source, STANDARD.decode(&kept.body)) {
        (Some((door, source)), Ok(body)) => {
            let verified = &Verified::when_it_came(&body);
            source.read(&Posted { verified, door, path: &kept.path, at: received_at })
        }
        (None, _) => Reading::unreadable("nothing is read at the path that it was posted to"),
        (_, Err(_)) => Reading::unreadable("the kept body is not base64"),
    };
    reading.into_intake(received_at, || kept.clone())
}

/// A verified webhook that cannot be read, kept whole.
#[must_use]
pub fn kept_whole(webhook: &RawWebhook) -> Event {
    Event { received_at: webhook.received_at, kind: EventKind::Unreadable(kept(webhook, None)) }
}

/// A webhook as it is kept for the operator: with this body in the place of its own, where one is given.
#[must_use]
pub fn kept(webhook: &RawWebhook, alone: Option<&Value>) -> Unreadable {
    Unreadable {
        path: webhook.uri.path().to_owned(),
        method: webhook.method.to_string(),
        content_type: webhook.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned),
        body: alone.map_or_else(|| STANDARD.encode(&webhook.body), |alone| STANDARD.encode(alone.to_string())),
    }
}
