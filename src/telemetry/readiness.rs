//! The reasons against readiness, and the notes and troubles for the operator, as one shared value.
//!
//! Each part of the bridge writes its own entries; no part is asked. Never holds personal data, because `/readyz` shows
//! it to every caller.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::account::AccountId;

/// The reasons against taking webhooks and the notes, by source, and the vendors' troubles. The last entry of each
/// source counts.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Lists>);

#[derive(Clone, Debug, Default)]
struct Lists {
    reasons: BTreeMap<Cow<'static, str>, String>,
    notes: BTreeMap<Cow<'static, str>, String>,
    troubles: BTreeMap<(AccountId, Trouble), Since>,
}

/// A fault that keeps deliveries from a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The vendor refuses the bridge as a whole.
    Refuses,
    /// The vendor gives no answer.
    Unreachable,
    /// The vendor's own platform opens a ticket for each text as well, so that the account's texts wait.
    AnsweredTwice,
}

/// The cause of a trouble, and its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// When it was first seen; a later cause does not change it.
    pub at: Timestamp,
    /// The latest cause.
    pub cause: String,
}

impl Readiness {
    /// Sets the reason of `source` against readiness.
    pub fn set_reason(&self, source: impl Into<Cow<'static, str>>, reason: impl Into<String>) {
        self.lock().reasons.insert(source.into(), reason.into());
    }

    /// Clears the reason of `source`.
    pub fn clear_reason(&self, source: &str) {
        self.lock().reasons.remove(source);
    }

    /// Sets the note of `source`. A note turns no webhook away: a wrong clock, for example.
    pub fn set_note(&self, source: impl Into<Cow<'static, str>>, note: impl Into<String>) {
        self.lock().notes.insert(source.into(), note.into());
    }

    /// Clears the note of `source`.
    pub fn clear_note(&self, source: &str) {
        self.lock().notes.remove(source);
    }

    /// Sets a trouble that holds up a vendor's deliveries. A trouble turns no webhook away.
    pub fn set_trouble(&self, account: AccountId, trouble: Trouble, cause: impl Into<String>, now: Timestamp) {
        let cause = cause.into();
        let mut lists = self.lock();
        let since = lists.troubles.entry((account, trouble)).or_insert(Since { at: now, cause: String::new() });
        since.cause = cause;
    }

    /// Clears a trouble.
    pub fn clear_trouble(&self, account: AccountId, trouble: Trouble) {
        self.lock().troubles.remove(&(account, trouble));
    }

    /// The cause and the beginning of a vendor's trouble.
    #[must_use]
    pub fn trouble(&self, account: AccountId, trouble: Trouble) -> Option<Since> {
        self.lock().troubles.get(&(account, trouble)).cloned()
    }

    /// The reasons against taking webhooks, each as `source: reason`; empty when the bridge is ready.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        sentences(&self.lock().reasons)
    }

    /// The notes, each as `source: note`, and the troubles as notes of their vendors.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let lists = self.lock();
        let troubles = lists.troubles.iter().map(|((account, trouble), Since { cause, .. })| {
            let name = account.name();
            match trouble {
                Trouble::Refuses => format!("{name}: refuses the bridge: {cause}"),
                Trouble::Unreachable => format!("{name} connection: {cause}"),
                Trouble::AnsweredTwice => format!("{name}: texts wait: {cause}"),
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

fn sentences<S: Display>(list: &BTreeMap<S, String>) -> Vec<String> {
    list.iter().map(|(source, text)| format!("{source}: {text}")).collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::account::Ends;

    use super::*;

    #[test]
    fn a_trouble_keeps_its_begin_until_it_is_over() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (readiness, braze) = (Readiness::default(), Ends::FIRST.carrier);
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
