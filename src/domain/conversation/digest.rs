//! The digest of a text. Never keeps one.

use sha2::{Digest, Sha256};

/// A digest that recognises a text after the desk has changed its white space.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    let mut hasher = Sha256::new();
    for word in text.split_whitespace() {
        hasher.update(word.as_bytes());
        hasher.update(b" ");
    }
    // Half of the digest is plenty against accident, and a collision gains an attacker nothing.
    hasher.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
