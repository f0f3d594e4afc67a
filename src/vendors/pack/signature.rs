//! The signatures of webhooks, out of a closed list. Never reads a body's meaning.
//!
//! The list is closed because a scheme decides who gets in: a pack chooses one and cannot make one. Every scheme covers the
//! whole body, and every comparison with a secret is in constant time and tries every secret.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::file::Scheme;
use super::parts::{Header, Letters};
use super::plan::Plan;
use crate::intake::signature::{BASE64, Verified, by_header, by_hmac, by_hmac_sha1, is_one, only};
use crate::intake::{Credential, Refusal, Seal, form};

/// The words of a bearer before its token.
const BEARER: &str = "Bearer ";

/// The method of every webhook that is taken.
const METHOD: &[u8] = b"POST";

/// The longest token that is read.
const TOKEN_MAX_BYTES: usize = 4096;

/// The terms on which a signature counts.
#[derive(Debug)]
pub struct Terms {
    /// The pack, which names the scheme.
    pub plan: Arc<Plan>,
    /// The secrets; several during a rotation. An empty one matches nothing.
    pub secrets: Vec<SecretString>,
    /// How far the time of a signature may be from now, either way.
    pub tolerance: Duration,
    /// The address to which the vendor posts, to the letter.
    pub webhook_url: Option<String>,
}

/// The proof in the headers. It proves nothing before [`Seal::verify`], but for a token.
pub(super) fn admit(headers: &HeaderMap, terms: &Arc<Terms>) -> Result<Credential, Refusal> {
    let presented = match &terms.plan.file.webhook.signature {
        Scheme::Header { name } => return by_header(headers, name.0.as_str(), &terms.secrets).map(Credential::Token),
        Scheme::Hmac { header, before, letters, timestamp, nonce, .. } => {
            let presented = only(headers, header.0.as_str())?.as_bytes();
            let presented = presented.strip_prefix(before.as_bytes()).ok_or(Refusal::WrongSignature)?;
            let named = |header: &Option<Header>| {
                header.as_ref().map(|header| only(headers, header.0.as_str()).cloned()).transpose()
            };
            let signature = decoded(presented, *letters).ok_or(Refusal::WrongSignature)?;
            Presented::Hmac { signature, timestamp: named(timestamp)?, nonce: named(nonce)? }
        }
        Scheme::FormHmac { header, settings } => {
            let presented = only(headers, header.0.as_str())?.as_bytes();
            let signature = BASE64.decode(presented.trim_ascii()).map_err(|_| Refusal::WrongSignature)?;
            let is_long = settings.as_ref().is_some_and(|settings| names_sha256(headers, settings));
            let short: Option<[u8; 20]> = signature.as_slice().try_into().ok();
            match (is_long, short, signature.as_slice().try_into().ok()) {
                (true, _, Some(signature)) => Presented::LongFields(signature),
                (false, Some(signature), _) => Presented::Fields(signature),
                (true | false, _, _) => return Err(Refusal::WrongSignature),
            }
        }
        Scheme::JwtHs256 { .. } => {
            let bearer = only(headers, AUTHORIZATION.as_str())?.to_str().map_err(|_| Refusal::WrongSignature)?;
            let token = bearer.strip_prefix(BEARER).filter(|token| token.len() <= TOKEN_MAX_BYTES);
            Presented::Token(Token::read(token.ok_or(Refusal::WrongSignature)?)?)
        }
    };
    Ok(Credential::Seal(Box::new(Signed { presented, terms: Arc::clone(terms) })))
}

/// Whether the settings of a signature name SHA-256, as in `key=…,algorithm=HMAC_SHA256`.
fn names_sha256(headers: &HeaderMap, settings: &Header) -> bool {
    let settings = only(headers, settings.0.as_str()).ok().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let algorithm = settings.split(',').find_map(|part| part.trim().strip_prefix("algorithm="));
    algorithm.is_some_and(|algorithm| algorithm.trim().eq_ignore_ascii_case("HMAC_SHA256"))
}

fn decoded(signature: &[u8], letters: Letters) -> Option<[u8; 32]> {
    let signature = signature.trim_ascii();
    match letters {
        Letters::Base64 => BASE64.decode(signature).ok()?.try_into().ok(),
        Letters::Hex => {
            let text = std::str::from_utf8(signature).ok().filter(|text| text.len() == 64 && text.is_ascii())?;
            let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
            let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(byte).collect();
            bytes?.try_into().ok()
        }
    }
}

struct Signed {
    presented: Presented,
    terms: Arc<Terms>,
}

enum Presented {
    Hmac { signature: [u8; 32], timestamp: Option<HeaderValue>, nonce: Option<HeaderValue> },
    Fields([u8; 20]),
    LongFields([u8; 32]),
    Token(Token),
}

impl Seal for Signed {
    fn verify<'a>(&self, body: &'a [u8], now: Timestamp) -> Result<Verified<'a>, Refusal> {
        let keys = || self.terms.secrets.iter().map(|secret| secret.expose_secret().as_bytes());
        // The signature is checked first, so that a stale timestamp in the metrics is the vendor's own.
        match (&self.presented, &self.terms.plan.file.webhook.signature) {
            (Presented::Hmac { signature, timestamp, nonce }, Scheme::Hmac { signed, .. }) => {
                let bytes =
                    |value: &'_ Option<HeaderValue>| value.as_ref().map(|v| v.as_bytes().to_vec()).unwrap_or_default();
                let (time, nonce) = (bytes(timestamp), bytes(nonce));
                let url = self.terms.webhook_url.as_deref().unwrap_or_default();
                let path = path(url);
                let parts = BTreeMap::from([
                    ("body", body),
                    ("timestamp", &time),
                    ("nonce", &nonce),
                    ("url", url.as_bytes()),
                    ("path", path.as_bytes()),
                    ("method", METHOD),
                ]);
                let verified = by_hmac(body, &signed.pieces(&parts), &[*signature], keys())?;
                match timestamp {
                    Some(_) => self.is_fresh(seconds(&time), now).map(|()| verified),
                    None => Ok(verified),
                }
            }
            (Presented::Fields(signature), _) => {
                let mut last = Err(Refusal::WrongSignature);
                for text in self.signed_forms(body)? {
                    last = last.or_else(|_| by_hmac_sha1(body, &[text.as_bytes()], signature, keys()));
                }
                last
            }
            (Presented::LongFields(signature), _) => {
                let mut last = Err(Refusal::WrongSignature);
                for text in self.signed_forms(body)? {
                    last = last.or_else(|_| by_hmac(body, &[text.as_bytes()], &[*signature], keys()));
                }
                last
            }
            (Presented::Token(token), Scheme::JwtHs256 { payload_hash }) => {
                let verified = by_hmac(body, &[token.signed.as_bytes()], &[token.signature], keys())?;
                let digest: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
                let told = token.claims[payload_hash].as_str().unwrap_or_default().to_ascii_lowercase();
                if !is_one(told.as_bytes(), digest.as_bytes()) {
                    return Err(Refusal::WrongSignature);
                }
                self.is_fresh(token.claims["iat"].as_i64(), now).map(|()| verified)
            }
            (Presented::Hmac { .. } | Presented::Token(_), _) => Err(Refusal::WrongSignature),
        }
    }
}

impl Signed {
    fn is_fresh(&self, seconds: Option<i64>, now: Timestamp) -> Result<(), Refusal> {
        let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(Refusal::BadTimestamp)?;
        let age = now.duration_since(at);
        // A repeated webhook of a known message changes nothing, and its keys are known for longer than vendors repeat.
        let repeats = Duration::from_secs(3600 * u64::from(self.terms.plan.file.webhook.repeats_hours));
        let most = if age.is_negative() { self.terms.tolerance } else { self.terms.tolerance.max(repeats) };
        if age.unsigned_abs() <= most { Ok(()) } else { Err(Refusal::Stale) }
    }

    /// The texts that a signature over the fields may cover: the address with its port or without it, and each field's name and
    /// values, sorted.
    fn signed_forms(&self, body: &[u8]) -> Result<Vec<String>, Refusal> {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(equals);
            let read = |text: &[u8]| form::decode(text).map_err(|_| Refusal::WrongSignature);
            fields.entry(read(name)?).or_default().push(read(value.get(1..).unwrap_or_default())?);
        }
        let mut signed = String::new();
        for (name, values) in &mut fields {
            values.sort();
            values.dedup();
            values.iter().for_each(|value| signed.extend([name.as_str(), value.as_str()]));
        }
        let addresses = self.terms.webhook_url.iter().flat_map(|url| addresses(url));
        Ok(addresses.map(|address| format!("{address}{signed}")).collect())
    }
}

/// An address to the letter, without its port, and with it.
fn addresses(typed: &str) -> Vec<String> {
    let mut addresses = vec![typed.to_owned()];
    if let Ok(url) = Url::parse(typed) {
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let behind = &url[url::Position::BeforePath..];
        let before = format!("{}://{host}", url.scheme());
        addresses.extend([format!("{before}{behind}"), format!("{before}:{port}{behind}")]);
    }
    addresses
}

/// The path of an address to the letter, with its query.
fn path(typed: &str) -> &str {
    let behind = typed.split_once("://").map_or(typed, |(_, behind)| behind);
    behind.find('/').and_then(|at| behind.get(at..)).unwrap_or_default()
}

fn seconds(timestamp: &[u8]) -> Option<i64> {
    std::str::from_utf8(timestamp).ok()?.trim().parse().ok()
}

/// A JSON Web Token, before its signature is checked.
struct Token {
    /// The head and the claims as they stand, which the signature covers.
    signed: String,
    signature: [u8; 32],
    claims: Value,
}

impl Token {
    fn read(token: &str) -> Result<Self, Refusal> {
        let read = |token: &str| {
            let (signed, signature) = token.rsplit_once('.')?;
            let (head, claims) = signed.split_once('.')?;
            let json = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
            // A token of another kind, above all of none, proves nothing.
            (json(head)?["alg"] == "HS256").then_some(())?;
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?.try_into().ok()?;
            Some(Self { signed: signed.to_owned(), signature, claims: json(claims)? })
        };
        read(token).ok_or(Refusal::WrongSignature)
    }
}

#[cfg(test)]
mod tests;
