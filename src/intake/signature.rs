//! The senders of webhooks, proven: Zendesk by signature, Braze by token. Fails closed.
//!
//! Only this module makes a [`Verified`], and the readers take only that, so no body is read before its sender is
//! proven. Every comparison with a secret is constant-time and tries every secret. This module never logs, and a
//! refusal names only the failed check.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::webhook::{IntakeOptions, RawWebhook, Refusal};

/// Zendesk's signature: base64 of HMAC-SHA256.
pub const ZENDESK_SIGNATURE: &str = "x-zendesk-webhook-signature";

/// The time of Zendesk's signature, RFC 3339; the signature covers it.
pub const ZENDESK_TIMESTAMP: &str = "x-zendesk-webhook-signature-timestamp";

/// Where a Braze webhook campaign may put its token when `Authorization` is taken.
pub const TANDEM_TOKEN: &str = "x-tandem-token";

/// The secret with which Zendesk signs the test of a webhook that does not exist yet. Zendesk's documentation prints
/// it, so it proves nothing.
pub const ZENDESK_TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

/// Standard base64, padded or not, because a proxy or a template may drop the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A body whose sender is proven.
pub struct Verified<'a> {
    body: &'a [u8],
}

impl<'a> Verified<'a> {
    /// The bytes exactly as they were posted.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// A body from the bridge's own store, which keeps only verified ones.
    pub(crate) fn when_it_came(body: &'a [u8]) -> Self {
        Self { body }
    }
}

/// The signature header that Zendesk would send: base64 of HMAC-SHA256 over the timestamp's text and the raw body. The
/// key is the secret's text as printed, never decoded.
#[must_use]
pub fn zendesk_signature(secret: &SecretString, timestamp: &str, body: &[u8]) -> String {
    zendesk_mac(secret, timestamp.as_bytes(), body).map(|mac| STANDARD.encode(mac)).unwrap_or_default()
}

/// The content of Zendesk's two headers: the signature's bytes, if they have a signature's length, and the timestamp's
/// text. It proves nothing.
pub(crate) fn seal(headers: &HeaderMap) -> Result<([u8; 32], &[u8]), Refusal> {
    let signature = only(headers, ZENDESK_SIGNATURE)?;
    let timestamp = only(headers, ZENDESK_TIMESTAMP)?;
    let signature = BASE64.decode(signature.trim_ascii()).map_err(|_| Refusal::WrongSignature)?;
    Ok((signature.try_into().map_err(|_| Refusal::WrongSignature)?, timestamp))
}

/// Checks Zendesk's signature over the raw body, and that it was made within the tolerance of now, either way.
pub(crate) fn verify_zendesk<'a>(webhook: &'a RawWebhook, options: &IntakeOptions) -> Result<Verified<'a>, Refusal> {
    let (signature, timestamp) = seal(&webhook.headers)?;
    let mut matches = Choice::from(0);
    for secret in &options.zendesk_secrets {
        if matches!(secret.expose_secret(), "" | ZENDESK_TEST_SECRET) {
            continue;
        }
        if let Some(mac) = zendesk_mac(secret, timestamp, &webhook.body) {
            matches |= mac.as_slice().ct_eq(signature.as_slice());
        }
    }
    if !bool::from(matches) {
        return Err(Refusal::WrongSignature);
    }

    // The signature is checked first, so that a stale timestamp in the metrics is Zendesk's own: a wrong clock or a
    // replay.
    let signed_at: Timestamp =
        std::str::from_utf8(timestamp).ok().and_then(|text| text.trim().parse().ok()).ok_or(Refusal::BadTimestamp)?;
    let age = webhook.received_at.duration_since(signed_at).unsigned_abs();
    if age > options.zendesk_tolerance {
        return Err(Refusal::Stale);
    }
    Ok(Verified { body: &webhook.body })
}

/// Checks that the request presents one of the Braze tokens ([`check_token`]).
pub(crate) fn verify_braze<'a>(webhook: &'a RawWebhook, options: &IntakeOptions) -> Result<Verified<'a>, Refusal> {
    check_token(&webhook.headers, options)?;
    Ok(Verified { body: &webhook.body })
}

/// Whether the headers present one of the Braze tokens: as `Authorization: Bearer`, as `Authorization: Basic` whose
/// decoded text or password is the token, or as [`TANDEM_TOKEN`].
pub(crate) fn check_token(headers: &HeaderMap, options: &IntakeOptions) -> Result<(), Refusal> {
    check_tokens(headers, &options.braze_tokens)
}

/// Checks that the request presents one of these tokens ([`check_token`]).
pub(crate) fn verify_tokens<'a>(webhook: &'a RawWebhook, tokens: &[SecretString]) -> Result<Verified<'a>, Refusal> {
    check_tokens(&webhook.headers, tokens)?;
    Ok(Verified { body: &webhook.body })
}

/// Whether the headers present one of these tokens.
pub(crate) fn check_tokens(headers: &HeaderMap, tokens: &[SecretString]) -> Result<(), Refusal> {
    if !headers.contains_key(AUTHORIZATION) && !headers.contains_key(TANDEM_TOKEN) {
        return Err(Refusal::MissingToken);
    }
    let presented = presented_tokens(headers);
    let mut matches = Choice::from(0);
    for token in tokens.iter().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty()) {
        // Digests have one length, so the comparison hides the length of the token.
        let token = Sha256::digest(token.as_bytes());
        for candidate in &presented {
            matches |= Sha256::digest(candidate).as_slice().ct_eq(token.as_slice());
        }
    }
    if bool::from(matches) { Ok(()) } else { Err(Refusal::WrongToken) }
}

/// `None` would count as no match, but never happens, because HMAC takes a key of any length.
fn zendesk_mac(secret: &SecretString, timestamp: &[u8], body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    mac.update(timestamp);
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

/// The only value of a header. Two values are refused, because either may be the signed one.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a [u8], Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if !value.as_bytes().trim_ascii().is_empty() => Ok(value.as_bytes()),
        (Some(_), Some(_)) => Err(Refusal::WrongSignature),
        (Some(_) | None, _) => Err(Refusal::MissingSignature),
    }
}

/// All tokens in the headers, without empty ones.
fn presented_tokens(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let mut tokens: Vec<Vec<u8>> = Vec::new();
    for value in headers.get_all(AUTHORIZATION) {
        let value = value.as_bytes().trim_ascii();
        let Some(blank) = value.iter().position(u8::is_ascii_whitespace) else { continue };
        let (scheme, rest) = value.split_at(blank);
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"bearer") {
            tokens.push(rest.to_vec());
        } else if scheme.eq_ignore_ascii_case(b"basic") {
            let decoded = BASE64.decode(rest).unwrap_or_default();
            if let Some(colon) = decoded.iter().position(|b| *b == b':') {
                tokens.push(decoded.iter().skip(colon + 1).copied().collect());
            }
            tokens.push(decoded);
        }
    }
    tokens.extend(headers.get_all(TANDEM_TOKEN).iter().map(|value| value.as_bytes().trim_ascii().to_vec()));
    tokens.retain(|token| !token.is_empty());
    tokens
}
