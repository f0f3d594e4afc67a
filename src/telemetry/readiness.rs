//! What stands against taking webhooks, and what else an operator should see, as one shared value.
//!
//! Each part of the bridge writes here what it knows; no part is asked. Nothing here is personal: `/readyz` shows it to
//! anybody.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::event::Destination;

/// What stands against taking webhooks, by source, and what else the operator should see. The last word of each source
/// counts.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Lists>);

#[derive(Clone, Debug, Default)]
struct Lists {
    reasons: BTreeMap<&'static str, String>,
    notes: BTreeMap<&'static str, String>,
    troubles: BTreeMap<(Destination, Trouble), Since>,
}

/// What can keep deliveries from a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The vendor refuses the bridge as a whole.
    Refuses,
    /// The vendor gives no answer.
    Unreachable,
}

/// A trouble with its cause and its begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// When it was first seen; a later cause does not change it.
    pub at: Timestamp,
    /// The latest cause.
    pub cause: String,
}

impl Readiness {
    /// We are not ready, says `source`, because of this.
    pub fn set_reason(&self, source: &'static str, reason: impl Into<String>) {
        self.lock().reasons.insert(source, reason.into());
    }

    /// `source` has nothing against it any more.
    pub fn clear_reason(&self, source: &'static str) {
        self.lock().reasons.remove(source);
    }

    /// Something that does not keep webhooks out, such as a clock that is wrong.
    pub fn set_note(&self, source: &'static str, note: impl Into<String>) {
        self.lock().notes.insert(source, note.into());
    }

    /// `source` has nothing to note any more.
    pub fn clear_note(&self, source: &'static str) {
        self.lock().notes.remove(source);
    }

    /// Deliveries to a vendor are held up by this, which keeps no webhook out.
    pub fn set_trouble(&self, destination: Destination, trouble: Trouble, cause: impl Into<String>, now: Timestamp) {
        let cause = cause.into();
        let mut lists = self.lock();
        let since = lists.troubles.entry((destination, trouble)).or_insert(Since { at: now, cause: String::new() });
        since.cause = cause;
    }

    /// They are not any more.
    pub fn clear_trouble(&self, destination: Destination, trouble: Trouble) {
        self.lock().troubles.remove(&(destination, trouble));
    }

    /// Since when and why a vendor's deliveries are held up.
    #[must_use]
    pub fn trouble(&self, destination: Destination, trouble: Trouble) -> Option<Since> {
        self.lock().troubles.get(&(destination, trouble)).cloned()
    }

    /// What stands against taking webhooks, each as `source: reason`; empty when we are ready.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        sentences(&self.lock().reasons)
    }

    /// The notes, each as `source: note`, and the troubles as notes of their vendors.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let lists = self.lock();
        let troubles = lists.troubles.iter().map(|((destination, trouble), Since { cause, .. })| {
            let name = destination.name();
            match trouble {
                Trouble::Refuses => format!("{name}: refuses the bridge: {cause}"),
                Trouble::Unreachable => format!("{name} connection: {cause}"),
            }
        });
        troubles.chain(sentences(&lists.notes)).collect()
    }

    /// The notes without the troubles.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_keeps_its_begin_until_it_is_over() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (readiness, braze) = (Readiness::default(), Destination::Braze);
        readiness.set_trouble(braze, Trouble::Refuses, "Braze answered 401", at(1));
        readiness.set_trouble(braze, Trouble::Refuses, "Braze answered 403", at(9));
        let since = readiness.trouble(braze, Trouble::Refuses);
        assert_eq!(since, Some(Since { at: at(1), cause: "Braze answered 403".into() }));
        readiness.set_trouble(braze, Trouble::Unreachable, "no answer", at(9));
        readiness.set_note("clock", "is wrong");
        let notes = ["braze: refuses the bridge: Braze answered 403", "braze connection: no answer", "clock: is wrong"];
        assert_eq!(readiness.notes(), notes);
        assert_eq!(readiness.remarks(), ["clock: is wrong"]);
        readiness.clear_trouble(braze, Trouble::Refuses);
        assert_eq!(readiness.trouble(braze, Trouble::Refuses), None);
        readiness.set_trouble(braze, Trouble::Refuses, "Braze answered 401", at(20));
        assert_eq!(readiness.trouble(braze, Trouble::Refuses).map(|since| since.at), Some(at(20)));
    }
}
