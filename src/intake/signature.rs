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
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
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

/// Checks that one of the signatures is HMAC-SHA256 over the signed parts under one of these keys. One part is the body or
/// its digest, because the proof is of the body. An empty key matches nothing.
pub(crate) fn by_hmac<'a, 'k>(
    body: &'a [u8],
    signed: &[&[u8]],
    signatures: &[[u8; 32]],
    keys: impl Iterator<Item = &'k [u8]>,
) -> Result<Verified<'a>, Refusal> {
    let mut matches = Choice::from(0);
    for mac in keys.filter(|key| !key.is_empty()).filter_map(|key| hmac(key, signed)) {
        for signature in signatures {
            matches |= mac.as_slice().ct_eq(signature.as_slice());
        }
    }
    if bool::from(matches) { Ok(Verified { body }) } else { Err(Refusal::WrongSignature) }
}

/// The same for HMAC-SHA1, in which some vendors still sign. Collisions of SHA-1 do not weaken it, because they need no key.
pub(crate) fn by_hmac_sha1<'a, 'k>(
    body: &'a [u8],
    signed: &[&[u8]],
    signature: &[u8; 20],
    keys: impl Iterator<Item = &'k [u8]>,
) -> Result<Verified<'a>, Refusal> {
    let mut matches = Choice::from(0);
    for mut mac in keys.filter(|key| !key.is_empty()).filter_map(|key| Hmac::<Sha1>::new_from_slice(key).ok()) {
        signed.iter().for_each(|part| mac.update(part));
        matches |= mac.finalize().into_bytes().as_slice().ct_eq(signature.as_slice());
    }
    if bool::from(matches) { Ok(Verified { body }) } else { Err(Refusal::WrongSignature) }
}

/// Whether two texts are one, in constant time for texts of one length.
pub(crate) fn is_one(text: &[u8], other: &[u8]) -> bool {
    bool::from(text.ct_eq(other))
}

/// HMAC-SHA256 over these parts, one behind the other. `None` would count as no match, but never happens, because HMAC
/// takes a key of any length.
pub(crate) fn hmac(key: &[u8], signed: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    signed.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().into())
}

/// The only value of a header of a signature. Two values are refused, because either may be the signed one.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a HeaderValue, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if !value.as_bytes().trim_ascii().is_empty() => Ok(value),
        (Some(_), Some(_)) => Err(Refusal::WrongSignature),
        (Some(_) | None, _) => Err(Refusal::MissingSignature),
    }
}

/// Checks that the headers present one of these tokens: as `Authorization: Bearer`, as `Authorization: Basic` whose decoded
/// text or password is the token, or as [`TANDEM_TOKEN`]. An empty token matches nothing.
pub(crate) fn by_token(headers: &HeaderMap, tokens: &[SecretString]) -> Result<Token, Refusal> {
    if !headers.contains_key(AUTHORIZATION) && !headers.contains_key(TANDEM_TOKEN) {
        return Err(Refusal::MissingToken);
    }
    one_of(&presented_tokens(headers), tokens)
}

/// Checks that this header alone presents one of these tokens. An empty token matches nothing.
pub(crate) fn by_header(headers: &HeaderMap, name: &str, tokens: &[SecretString]) -> Result<Token, Refusal> {
    let Ok(value) = only(headers, name) else {
        return Err(if headers.contains_key(name) { Refusal::WrongToken } else { Refusal::MissingToken });
    };
    one_of(&[value.as_bytes().trim_ascii().to_vec()], tokens)
}

fn one_of(presented: &[Vec<u8>], tokens: &[SecretString]) -> Result<Token, Refusal> {
    let mut matches = Choice::from(0);
    for token in tokens.iter().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty()) {
        // Digests have one length, so the comparison hides the length of the token.
        let token = Sha256::digest(token.as_bytes());
        for candidate in presented {
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
