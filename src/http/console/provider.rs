//! The console's access to an identity provider, and the sign-ins under way there. It never speaks to a browser.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use super::session::Digested;

/// Begins a sign-in.
pub type SignOn = Arc<dyn Fn() -> BoxFuture<'static, Result<Begun, String>> + Send + Sync>;

/// The console's access to an identity provider.
#[derive(Clone)]
pub struct Provider {
    /// Begins a sign-in.
    pub begin: SignOn,
    /// Whether browsers reach the console over https, so that its cookies are `Secure`.
    pub is_reached_by_https: bool,
}

/// A sign-in that has begun.
pub struct Begun {
    /// The address that the browser is sent to.
    pub url: String,
    /// The OAuth `state` that the browser brings back.
    pub state: String,
    /// Ends the sign-in with the code that the browser brings back.
    pub end: Box<dyn FnOnce(String) -> BoxFuture<'static, Result<SignedOn, String>> + Send>,
}

/// An operator, as the identity provider describes them.
pub struct SignedOn {
    /// The operator's name there; `None` where the claim is missing.
    pub name: Option<String>,
    /// The operator's groups.
    pub groups: Vec<String>,
    /// When the provider's word expires.
    pub expires_at: Timestamp,
    /// The names of the claims that were read: for the name, and for the groups or roles.
    pub claims: [String; 2],
}

/// The time for a sign-in. A slower one has to begin again.
pub(super) const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Sign-ins under way at most; the oldest makes room.
const UNDER_WAY_MAX: usize = 64;

/// The sign-ins under way, by the digest of their `state`.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<BTreeMap<Digested, Started>>);

/// A sign-in under way.
pub(super) struct Started {
    /// The digest of the browser's cookie.
    pub(super) browser: Digested,
    /// The page after the sign-in.
    pub(super) next: String,
    pub(super) at: Timestamp,
    pub(super) end: Box<dyn FnOnce(String) -> BoxFuture<'static, Result<SignedOn, String>> + Send>,
}

impl UnderWay {
    pub(super) fn add(&self, state: Digested, started: Started) {
        let mut all = self.lock();
        let now = started.at;
        all.retain(|_, one| now.duration_since(one.at).abs() < PATIENCE);
        while all.len() >= UNDER_WAY_MAX {
            let oldest = all.iter().min_by_key(|(_, one)| one.at).map(|(state, _)| *state);
            oldest.and_then(|state| all.remove(&state));
        }
        all.insert(state, started);
    }

    /// Takes a sign-in out, so that it ends at most once, also if another browser asks for it.
    pub(super) fn take(&self, state: Digested, browser: Digested, now: Timestamp) -> Option<Started> {
        let found = self.lock().remove(&state)?;
        (found.browser == browser && now.duration_since(found.at).abs() < PATIENCE).then_some(found)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digested, Started>> {
        // Every change is one insertion or removal, so a poisoned lock still holds whole sign-ins.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::console::session::digested;
    use crate::http::testing::noon;

    fn started(browser: &str, at: Timestamp) -> Started {
        let end =
            Box::new(|_| -> BoxFuture<'static, Result<SignedOn, String>> { Box::pin(async { Err(String::new()) }) });
        Started { browser: digested(browser), next: String::new(), at, end }
    }

    fn later(seconds: i64) -> Timestamp {
        noon() + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_sign_in_ends_once_in_its_own_browser_and_in_time() {
        for (state, browser, after, found) in
            [("s", "b", 599, true), ("s", "b", 600, false), ("s", "other", 1, false), ("t", "b", 1, false)]
        {
            let all = UnderWay::default();
            all.add(digested("s"), started("b", noon()));
            let taken = all.take(digested(state), digested(browser), later(after));
            assert_eq!(taken.is_some(), found, "{state} {browser} {after}");
            assert!(!found || all.take(digested(state), digested(browser), later(after)).is_none(), "once");
        }
    }

    #[test]
    fn the_oldest_makes_room() {
        let all = UnderWay::default();
        for number in 0..=UNDER_WAY_MAX {
            all.add(digested(&number.to_string()), started("b", later(number as i64)));
        }
        assert_eq!(all.lock().len(), UNDER_WAY_MAX);
        assert!(all.take(digested("0"), digested("b"), later(70)).is_none());
        assert!(all.take(digested("1"), digested("b"), later(70)).is_some());
    }
}
