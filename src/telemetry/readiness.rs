//! What stands against taking webhooks, and what else an operator should see, as one shared value.
//!
//! Whoever knows something says it here; nobody is asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What stands against taking webhooks, by source, and what else the operator should see. Shared by everybody who has
/// something to say; the last word of each source counts.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Lists>);

#[derive(Clone, Debug, Default)]
struct Lists {
    reasons: BTreeMap<&'static str, String>,
    notes: BTreeMap<&'static str, String>,
}

impl Readiness {
    /// We are not ready, says `source`, because of this. Nothing personal: anybody may read it.
    pub fn set_reason(&self, source: &'static str, reason: impl Into<String>) {
        self.lock().reasons.insert(source, reason.into());
    }

    /// `source` has nothing against it any more.
    pub fn clear_reason(&self, source: &'static str) {
        self.lock().reasons.remove(source);
    }

    /// Something that does not keep webhooks out, such as a paused destination. Nothing personal either.
    pub fn set_note(&self, source: &'static str, note: impl Into<String>) {
        self.lock().notes.insert(source, note.into());
    }

    /// `source` has nothing to note any more.
    pub fn clear_note(&self, source: &'static str) {
        self.lock().notes.remove(source);
    }

    /// What `source` has to note.
    #[must_use]
    pub fn note(&self, source: &str) -> Option<String> {
        self.lock().notes.get(source).cloned()
    }

    /// What stands against taking webhooks, each as `source: reason`; empty when we are ready.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        sentences(&self.lock().reasons)
    }

    /// The notes, each as `source: note`.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        sentences(&self.lock().notes)
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        // Every change is one insertion or removal, so a poisoned lock still holds whole lists.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sentences(list: &BTreeMap<&'static str, String>) -> Vec<String> {
    list.iter().map(|(source, text)| format!("{source}: {text}")).collect()
}
