//! Who may hand us a webhook: Zendesk by signature, Braze by token. Fails closed.
//!
//! Only this module makes a [`Verified`], and the readers take nothing else, so no body is read before its sender is
//! known. Every comparison with a secret takes the same time whatever the answer, and tries every secret. Nothing here
//! logs, and no refusal says more than which check failed.

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

use super::{IntakeOptions, RawWebhook, Refusal};

/// Zendesk's signature: base64 of HMAC-SHA256.
pub const ZENDESK_SIGNATURE: &str = "x-zendesk-webhook-signature";

/// When Zendesk signed, RFC 3339. Part of what is signed.
pub const ZENDESK_TIMESTAMP: &str = "x-zendesk-webhook-signature-timestamp";

/// Where a Braze webhook campaign may put its token when `Authorization` is taken.
pub const TANDEM_TOKEN: &str = "x-tandem-token";

/// The secret that Zendesk signs with while a webhook is tested before it exists. It is printed in Zendesk's
/// documentation, so it proves nothing.
pub const ZENDESK_TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

/// Standard base64, padded or not: a proxy or a template may have eaten the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A body whose sender proved who they are.
pub struct Verified<'a> {
    body: &'a [u8],
}

impl<'a> Verified<'a> {
    /// The bytes exactly as they were posted.
    pub(super) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// A body out of our own store, where only verified ones are kept.
    pub(super) fn when_it_came(body: &'a [u8]) -> Self {
        Self { body }
    }
}

/// What Zendesk would put into its signature header: base64 of HMAC-SHA256 over the timestamp's text and the raw body.
/// The key is the secret's text as printed, never decoded.
#[must_use]
pub fn zendesk_signature(secret: &SecretString, timestamp: &str, body: &[u8]) -> String {
    zendesk_mac(secret, timestamp.as_bytes(), body).map(|mac| STANDARD.encode(mac)).unwrap_or_default()
}

/// What Zendesk's two headers hold: the signature's bytes, of the only length that one has, and the timestamp's text.
/// It proves nothing.
pub(super) fn seal(headers: &HeaderMap) -> Result<([u8; 32], &[u8]), Refusal> {
    let signature = only(headers, ZENDESK_SIGNATURE)?;
    let timestamp = only(headers, ZENDESK_TIMESTAMP)?;
    let signature = BASE64.decode(signature.trim_ascii()).map_err(|_| Refusal::WrongSignature)?;
    Ok((signature.try_into().map_err(|_| Refusal::WrongSignature)?, timestamp))
}

/// Checks Zendesk's signature over the raw body, and that it was made within the tolerance of now, either way.
pub(super) fn verify_zendesk<'a>(webhook: &'a RawWebhook, options: &IntakeOptions) -> Result<Verified<'a>, Refusal> {
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

    // The signature first: so a stale timestamp is Zendesk's own, and in the metrics means a wrong clock or a replay.
    let signed_at: Timestamp =
        std::str::from_utf8(timestamp).ok().and_then(|text| text.trim().parse().ok()).ok_or(Refusal::BadTimestamp)?;
    let age = webhook.received_at.duration_since(signed_at).unsigned_abs();
    if age > options.zendesk_tolerance {
        return Err(Refusal::Stale);
    }
    Ok(Verified { body: &webhook.body })
}

/// Checks that the request presents one of the Braze tokens ([`check_token`]).
pub(super) fn verify_braze<'a>(webhook: &'a RawWebhook, options: &IntakeOptions) -> Result<Verified<'a>, Refusal> {
    check_token(&webhook.headers, options)?;
    Ok(Verified { body: &webhook.body })
}

/// Whether the headers present one of the Braze tokens: as `Authorization: Bearer`, as `Authorization: Basic` whose
/// decoded text or password is the token, or as [`TANDEM_TOKEN`].
pub(super) fn check_token(headers: &HeaderMap, options: &IntakeOptions) -> Result<(), Refusal> {
    if !headers.contains_key(AUTHORIZATION) && !headers.contains_key(TANDEM_TOKEN) {
        return Err(Refusal::MissingToken);
    }
    let presented = presented_tokens(headers);
    let mut matches = Choice::from(0);
    for token in options.braze_tokens.iter().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty()) {
        // Digests have one length, so the comparison does not tell how long the token is.
        let token = Sha256::digest(token.as_bytes());
        for candidate in &presented {
            matches |= Sha256::digest(candidate).as_slice().ct_eq(token.as_slice());
        }
    }
    if bool::from(matches) { Ok(()) } else { Err(Refusal::WrongToken) }
}

/// `None` never happens: HMAC takes a key of any length. It would count as no match.
fn zendesk_mac(secret: &SecretString, timestamp: &[u8], body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    mac.update(timestamp);
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

/// The one value of a header. Two of them leave open which one was signed.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a [u8], Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if !value.as_bytes().trim_ascii().is_empty() => Ok(value.as_bytes()),
        (Some(_), Some(_)) => Err(Refusal::WrongSignature),
        (Some(_) | None, _) => Err(Refusal::MissingSignature),
    }
}

/// Everything in the request that may be meant as a token; never an empty one.
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
