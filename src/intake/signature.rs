//! The senders of webhooks, proven by a signature ([`by_hmac`]) or by a token ([`by_token`]). Fails closed.
//!
//! Only this module makes a [`Verified`] and a [`Token`], and the readers take only those, so no body is read before its
//! sender is proven. Every comparison with a secret is constant-time and tries every secret. This module never knows a vendor's
//! headers, never logs, and a refusal names only the failed check.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::webhook::Refusal;

/// Where a sender may put its token when `Authorization` is taken.
pub const TANDEM_TOKEN: &str = "x-tandem-token";

/// Standard base64, padded or not, because a proxy or a template may drop the padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The proof that the headers of a request present a right token. The body is then the sender's as well.
pub struct Token(());

impl Token {
    /// The body that came with these headers.
    pub(crate) fn vouch_for<'a>(&self, body: &'a [u8]) -> Verified<'a> {
        Verified { body }
    }
}

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

/// Checks that the signature is HMAC-SHA256 over `before` and the body under one of these secrets. An empty secret matches
/// nothing. The key is the secret's text as printed, never decoded.
pub(crate) fn by_hmac<'a, 's>(
    body: &'a [u8],
    before: &[u8],
    signature: [u8; 32],
    secrets: impl Iterator<Item = &'s SecretString>,
) -> Result<Verified<'a>, Refusal> {
    let mut matches = Choice::from(0);
    for secret in secrets.filter(|secret| !secret.expose_secret().is_empty()) {
        if let Some(mac) = hmac(secret, before, body) {
            matches |= mac.as_slice().ct_eq(signature.as_slice());
        }
    }
    if bool::from(matches) { Ok(Verified { body }) } else { Err(Refusal::WrongSignature) }
}

/// HMAC-SHA256 over `before` and the body. `None` would count as no match, but never happens, because HMAC takes a key of
/// any length.
pub(crate) fn hmac(secret: &SecretString, before: &[u8], body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    mac.update(before);
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

/// Checks that the headers present one of these tokens: as `Authorization: Bearer`, as `Authorization: Basic` whose decoded
/// text or password is the token, or as [`TANDEM_TOKEN`]. An empty token matches nothing.
pub(crate) fn by_token(headers: &HeaderMap, tokens: &[SecretString]) -> Result<Token, Refusal> {
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
    if bool::from(matches) { Ok(Token(())) } else { Err(Refusal::WrongToken) }
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
