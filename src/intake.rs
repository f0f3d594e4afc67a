//! From a raw webhook to an event, as a pure function.
//!
//! [`read`] verifies the raw bytes first ([`signature`]) and only then looks inside. It never stores, answers or logs,
//! and it never guesses a text's sender. A body from a verified sender that cannot be read is kept whole for the
//! operator ([`Intake::Quarantined`]), with a cause that quotes none of it.
//!
//! The shapes of the bodies: [`zendesk`] and [`braze`] for the bridge's own triggers and campaigns, [`recipe`] for the
//! published Zendesk–Braze recipe.

mod braze;
mod fields;
mod form;
mod lenient_json;
mod reading;
mod recipe;
pub mod signature;
mod webhook;
mod zendesk;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use self::reading::Intake;
use self::reading::Reading;
use self::signature::Verified;
pub use self::webhook::{Endpoint, IntakeOptions, RawWebhook, Refusal};
pub use self::zendesk::CHECK_EVENT;
use crate::domain::event::{DedupeKey, Unreadable};

/// Names one call of a Zendesk webhook, and is the same for every attempt of it. Opaque.
const ZENDESK_INVOCATION: &str = "x-zendesk-webhook-invocation-id";

/// The longest invocation id that is indexed. Zendesk's have 26 characters today.
const INVOCATION_MAX_BYTES: usize = 200;

/// Checks the headers alone, before the body is awaited. For Braze it checks the token, for Zendesk only the presence
/// and the form of a signature, because the signature itself covers the body ([`read`]).
///
/// # Errors
/// The reason to refuse the webhook without its body.
pub fn glance(endpoint: &Endpoint, headers: &HeaderMap, options: &IntakeOptions) -> Result<(), Refusal> {
    if endpoint.is_zendesk() { signature::seal(headers).map(|_| ()) } else { signature::check_token(headers, options) }
}

/// Verifies a webhook and reads it.
#[must_use]
pub fn read(webhook: &RawWebhook, options: &IntakeOptions) -> Intake {
    let verified = if webhook.endpoint.is_zendesk() {
        signature::verify_zendesk(webhook, options)
    } else {
        signature::verify_braze(webhook, options)
    };
    let verified = match verified {
        Ok(verified) => verified,
        Err(why) => return Intake::Refused { why },
    };
    let mut reading = read_verified(&verified, &webhook.endpoint, options);
    if webhook.endpoint.is_zendesk() {
        reading.dedupe.splice(0..0, zendesk_keys(webhook));
    }
    let kept = || Unreadable {
        path: webhook.uri.path().to_owned(),
        method: webhook.method.to_string(),
        content_type: webhook.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned),
        body: STANDARD.encode(&webhook.body),
    };
    reading.into_intake(webhook.received_at, kept)
}

/// Reads a quarantined body again, after the configuration or the bridge was mended. It was verified when it came, so
/// it is not verified again, and its timestamp may have any age.
///
/// The dedupe keys are those of the body alone, because the quarantined event holds those of the headers already.
#[must_use]
pub fn reread(unreadable: &Unreadable, received_at: Timestamp, options: &IntakeOptions) -> Intake {
    let reading = match (Endpoint::of_path(&unreadable.path), STANDARD.decode(&unreadable.body)) {
        (Some(endpoint), Ok(body)) => read_verified(&Verified::when_it_came(&body), &endpoint, options),
        (None, _) => Reading::unreadable("nothing is read at the path that it was posted to"),
        (_, Err(_)) => Reading::unreadable("the kept body is not base64"),
    };
    reading.into_intake(received_at, || unreadable.clone())
}

/// The path that a body is most likely meant for, by its keys alone. It serves people who try a body out; a real
/// webhook has a path.
#[must_use]
pub fn likely_path(body: &[u8]) -> &'static str {
    let Ok(object) = fields::object(body) else { return "/webhooks/braze" };
    let has = |key: &str, is: fn(&Value) -> bool| object.get(key).is_some_and(is);
    if has("event", Value::is_string) {
        "/webhooks/zendesk"
    } else if has("recipients", Value::is_array) {
        "/campaigns/trigger/send"
    } else if has("ticket", Value::is_object) {
        "/api/v2/tickets"
    } else {
        "/webhooks/braze"
    }
}

fn read_verified(verified: &Verified<'_>, endpoint: &Endpoint, options: &IntakeOptions) -> Reading {
    match endpoint {
        Endpoint::Zendesk => zendesk::read(verified),
        Endpoint::Braze => braze::read(verified),
        Endpoint::RecipeSend => recipe::read_send(verified),
        Endpoint::RecipeNewTicket => recipe::read_new_ticket(verified, &options.user_field),
        Endpoint::RecipeAppend { ticket } => recipe::read_append(verified, ticket),
    }
}

/// The dedupe keys of one call of a Zendesk webhook: its invocation id, which every attempt repeats under a new
/// signature, and the signed bytes. The signature does not cover the invocation id, so a recorded request may come
/// again under another id.
fn zendesk_keys(webhook: &RawWebhook) -> impl Iterator<Item = DedupeKey> {
    let invocation = webhook
        .headers
        .get(ZENDESK_INVOCATION)
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|id| !id.is_empty() && id.len() <= INVOCATION_MAX_BYTES);
    let invocation = invocation.map(|id| DedupeKey::ZendeskInvocation(id.to_owned()));
    invocation.into_iter().chain([DedupeKey::ZendeskRequest(signed_digest(webhook))])
}

/// SHA-256 over the timestamp and the body, in the signed order, in hexadecimal.
fn signed_digest(webhook: &RawWebhook) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut hasher = Sha256::new();
    if let Some(timestamp) = webhook.headers.get(signature::ZENDESK_TIMESTAMP) {
        hasher.update(timestamp.as_bytes());
    }
    hasher.update(&webhook.body);
    let digest = hasher.finalize();
    let mut text = String::with_capacity(2 * digest.len());
    text.extend(digest.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
    text
}

#[cfg(test)]
mod tests;
