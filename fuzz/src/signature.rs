//! Who may hand us a webhook. The first line is a header's value, the second one more; the rest is the body.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use tandem::intake::signature::TANDEM_TOKEN;
use tandem::intake::{Intake, RawWebhook, Refusal};
use tandem::vendors::zendesk::signature::{ZENDESK_SIGNATURE, ZENDESK_TIMESTAMP, zendesk_signature};

use super::intake::{NOW, SECRET, TOKEN, authentic, now, options, read, webhook};

const TOLERANCE: Duration = Duration::from_secs(600);

/// A made-up header is refused; so is a right signature over another time, another body or with any byte of it changed; a
/// right one counts only near the signed time.
pub fn check(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (first, second, body) = (next(), next(), next());
    made_up(first, second, body);
    signed_at(first, body);
    changed(first, body);
}

fn refusal(webhook: &RawWebhook) -> Option<Refusal> {
    match read(webhook, &options()) {
        Intake::Refused { why } => Some(why),
        Intake::Event { .. } | Intake::Reports(_) | Intake::Ignored { .. } | Intake::Quarantined { .. } => None,
    }
}

/// Made-up headers open neither door.
fn made_up(first: &[u8], second: &[u8], body: &[u8]) {
    let (Ok(first), Ok(second)) = (HeaderValue::from_bytes(first), HeaderValue::from_bytes(second)) else { return };
    for (path, names) in [
        ("/webhooks/zendesk", [ZENDESK_SIGNATURE, ZENDESK_TIMESTAMP]),
        ("/webhooks/braze", [AUTHORIZATION.as_str(), TANDEM_TOKEN]),
    ] {
        let mut webhook = webhook(path, body).unwrap();
        for (name, value) in names.into_iter().zip([&first, &second]) {
            webhook.headers.insert(name, value.clone());
        }
        let knows = [first.as_bytes(), second.as_bytes()].iter().any(|value| names_the_token(value));
        assert!(refusal(&webhook).is_some() || (knows && path == "/webhooks/braze"), "{path}: {first:?}, {second:?}");
    }
}

/// Whether the token stands in a header's value, as it is or in base64.
fn names_the_token(value: &[u8]) -> bool {
    let holds = |text: &[u8]| text.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes());
    holds(value)
        || value.split(u8::is_ascii_whitespace).any(|word| STANDARD.decode(word).is_ok_and(|text| holds(&text)))
}

/// A webhook that Zendesk signed with this timestamp.
fn signed_at(timestamp: &[u8], body: &[u8]) {
    let (Ok(value), Ok(text)) = (HeaderValue::from_bytes(timestamp), std::str::from_utf8(timestamp)) else { return };
    let mut webhook = authentic("/webhooks/zendesk", body).unwrap();
    let signature = zendesk_signature(&SECRET.into(), text, body);
    webhook.headers.insert(ZENDESK_SIGNATURE, HeaderValue::from_str(&signature).unwrap());
    webhook.headers.insert(ZENDESK_TIMESTAMP, value);
    let expected = match text.trim().parse::<Timestamp>() {
        _ if text.trim_ascii().is_empty() => Some(Refusal::MissingSignature),
        Err(_) => Some(Refusal::BadTimestamp),
        Ok(at) if now().duration_since(at).unsigned_abs() > TOLERANCE => Some(Refusal::Stale),
        Ok(_) => None,
    };
    assert_eq!(refusal(&webhook), expected, "{text:?}");
}

/// One byte of the body, of the signature or of the timestamp is another one. `lots` has its place and its new value.
fn changed(lots: &[u8], body: &[u8]) {
    let good = authentic("/webhooks/zendesk", body).unwrap();
    assert_eq!(refusal(&good), None);
    let lot = |index: usize| usize::from(lots.get(index).copied().unwrap_or_default());
    let place = lot(0) + 256 * lot(1);
    let bit = 1 << (lot(2) % 8);
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let length = bytes.len().max(1);
        bytes.get_mut(place % length).map(|byte| *byte ^= bit)?;
        Some(bytes)
    };
    if let Some(body) = flipped(body) {
        let mut webhook = authentic("/webhooks/zendesk", &body).unwrap();
        webhook.headers.clone_from(&good.headers);
        assert_eq!(refusal(&webhook), Some(Refusal::WrongSignature));
    }
    let signature = good.headers[ZENDESK_SIGNATURE].as_bytes();
    for (name, value) in [(ZENDESK_SIGNATURE, signature), (ZENDESK_TIMESTAMP, NOW.as_bytes())] {
        let Some(value) = flipped(value).and_then(|value| HeaderValue::from_bytes(&value).ok()) else { continue };
        let mut webhook = authentic("/webhooks/zendesk", body).unwrap();
        webhook.headers.insert(name, value);
        assert_eq!(refusal(&webhook), Some(Refusal::WrongSignature), "{name}");
    }
}
