//! The customers who are being looked for, or made users, at this moment. It never calls a desk.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// The most ids whose latest spelling is remembered. Beyond it every id is looked up anew, which costs a call.
const SPELLINGS_MAX: usize = 65_536;

/// The ids, without regard to case, of the customers who are being looked for, or made users, at this moment. Of two
/// ids that differ in case only, the second must see the user whom the first has become, because a desk would take
/// the two for one.
#[derive(Debug, Default)]
pub struct InTheMaking(Mutex<Ids>);

#[derive(Debug, Default)]
struct Ids {
    busy: HashSet<String>,
    /// The spelling of each id in the claim that had it last.
    spelt: HashMap<String, String>,
}

/// One of these ids, until this is dropped.
pub(in crate::worker) struct Making<'a> {
    all: &'a InTheMaking,
    id: String,
    /// Whether a customer whose id is spelt otherwise may have become a user since this one's id was looked up.
    pub(in crate::worker) had_twin: bool,
}

impl InTheMaking {
    pub(in crate::worker) fn enter(&self, id: &str) -> Option<Making<'_>> {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lower = id.to_lowercase();
        if !ids.busy.insert(lower.clone()) {
            return None;
        }
        let is_full = ids.spelt.len() >= SPELLINGS_MAX && !ids.spelt.contains_key(&lower);
        let before = if is_full { None } else { ids.spelt.insert(lower.clone(), id.to_owned()) };
        let had_twin = is_full || before.is_some_and(|before| before != id);
        Some(Making { all: self, id: lower, had_twin })
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).busy.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_ids_that_differ_in_case_only_one_is_made_at_a_time() {
        let all = InTheMaking::default();
        let first = all.enter("Cust-AbC");
        assert!(first.is_some() && all.enter("cust-aBc").is_none() && all.enter("cust-d").is_some());
        drop(first);
        let twin = all.enter("cust-aBc");
        assert!(twin.is_some_and(|making| making.had_twin), "the first has become a user meanwhile");
        let again = all.enter("cust-aBc");
        assert!(again.is_some_and(|making| !making.had_twin));
    }
}
