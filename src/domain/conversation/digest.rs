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
    let half = &hasher.finalize()[..16];
    let digits = half.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut hex = String::with_capacity(32);
    hex.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records hold it.
    #[test]
    fn it_is_half_of_the_sha_256_of_the_words_whatever_is_between_them() {
        for text in ["Hello there", " Hello\n\tthere "] {
            assert_eq!(fingerprint(text), "ca2fdd00efbd800c43b3954b2aa92d15");
        }
    }
}
