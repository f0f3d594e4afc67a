//! The fingerprint of the state that pages show. It never tells which part of it changed.

use crate::domain::account::AccountId;
use crate::domain::conversation::fingerprint;
use crate::http::state::OperatorState;

/// A cheap fingerprint of the state that pages show. Every commit changes it.
pub(super) fn standing(state: &OperatorState) -> String {
    let paused: Vec<AccountId> = state.store.pauses().into_keys().collect();
    let mut standing = state.readiness.reasons();
    standing.extend(state.readiness.notes());
    standing.push(format!("{paused:?} {}", state.store.counts().commits.commits()));
    fingerprint(&standing.join("\n"))
}
