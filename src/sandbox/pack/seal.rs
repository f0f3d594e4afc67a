//! The signatures of both vendors, by the sandbox's own hand, so that a mistake in the bridge's is found and not shared.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::super::sender::Headers;

/// HMAC-SHA1 over the address and the sorted fields of the form, as Twilio signs.
pub(super) fn of_fields(secret: &str, url: &str, body: &str, _now: Timestamp) -> Headers {
    let mut fields: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    fields.sort();
    let signed = fields.iter().fold(url.to_owned(), |text, (name, value)| format!("{text}{name}{value}"));
    // HMAC takes a key of any length, so an empty signature never leaves.
    let mac =
        Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map(|mac| mac.chain_update(signed).finalize().into_bytes());
    vec![("x-twilio-signature".to_owned(), mac.map(|mac| BASE64.encode(mac)).unwrap_or_default())]
}

/// A token with the digest of the body, as Vonage signs.
pub(super) fn of_token(secret: &str, _url: &str, body: &str, now: Timestamp) -> Headers {
    let digest: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    let head = URL_SAFE.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = format!(r#"{{"iss":"Vonage","iat":{},"payload_hash":"{digest}"}}"#, now.as_second());
    let signed = format!("{head}.{}", URL_SAFE.encode(claims));
    let mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mac| mac.chain_update(&signed).finalize().into_bytes());
    let signature = mac.map(|mac| URL_SAFE.encode(mac)).unwrap_or_default();
    vec![("authorization".to_owned(), format!("Bearer {signed}.{signature}"))]
}
