//! The states of reports that a pack does not name: each is logged once, so that the operator knows what the pack lacks. Never logs
//! anything but a plain word, because a pack may point at the wrong place.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::domain::account::AccountId;

/// The most states that are logged; a vendor has fewer.
const STATES_MAX: usize = 32;

/// The longest state.
const STATE_MAX_CHARS: usize = 40;

/// The most digits of a state: a code has three or four, and a customer's number more.
const DIGITS_MAX: usize = 4;

/// The states that were logged.
#[derive(Debug, Default)]
pub struct States(Mutex<BTreeSet<String>>);

impl States {
    /// Logs a state that the pack does not name, if it is the first time, and the place at which it stood.
    pub(super) fn tell(&self, carrier: AccountId, at: &str, state: &str) {
        if let Some(state) = self.news(state) {
            tracing::warn!(
                account = carrier.name(),
                at,
                state,
                "report.unknown_state: the pack does not name the state {state} at {at}; add it to sent, delivered, read or failed in \
                 [webhook.status], or to ignored where it tells nothing"
            );
        }
    }

    /// The states that were logged.
    #[cfg(test)]
    pub(super) fn told(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The state as it is logged; `None` where it was logged before.
    fn news(&self, state: &str) -> Option<String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
        let digits = state.bytes().filter(u8::is_ascii_digit).count();
        let is_word = state.len() <= STATE_MAX_CHARS && digits <= DIGITS_MAX && state.bytes().all(is_plain);
        let word = if is_word { state.to_ascii_lowercase() } else { "(no plain word)".to_owned() };
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (told.len() < STATES_MAX && told.insert(word.clone())).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_once_in_any_case_and_only_where_it_is_a_plain_word() {
        let states = States::default();
        assert_eq!(states.news("Partly_Delivered").as_deref(), Some("partly_delivered"));
        assert_eq!(states.news("partly_delivered"), None);
        for code in ["8", "003", "message.finalized", "failed:expired"] {
            assert_eq!(states.news(code).as_deref(), Some(code));
        }
        for personal in ["+15550123456", "ada@example.com", "Hello Ada", &"a".repeat(41)] {
            assert_ne!(states.news(personal).as_deref(), Some(personal));
        }
        assert_eq!(states.news("15550123456"), None, "what is no word is told once");
        let many = (0..100).filter(|length| states.news(&"x".repeat(1 + length % 40)).is_some()).count();
        assert_eq!(many, STATES_MAX - 6);
    }
}
