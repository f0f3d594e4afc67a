//! The keys under which the parts of texts go to Bird, so that a part that is sent again is the same text. Never makes a call.
//!
//! Bird replays its first answer to a key for three hours, also where that was a refusal. A refused part is not out, so that it
//! goes under a further key the next time, and is judged anew once the balance is topped up. The further keys are counted: after
//! a restart the first one is tried again, gives the same refusal, and the count goes on from there, so that no key is skipped under
//! which the part may be out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::retry::before;

/// How long a count is kept after its last use: longer than Bird knows the key.
const KEPT: Duration = Duration::from_secs(4 * 3600);

/// The refusals of each part, by its mark, and when it was last sent.
#[derive(Default)]
pub(super) struct Keys(Mutex<HashMap<String, (u32, Timestamp)>>);

impl Keys {
    /// The key under which a part goes now.
    pub(super) fn key(&self, mark: &str, now: Timestamp) -> String {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = refused.get_mut(mark).map_or(0, |(count, used)| {
            *used = now;
            *count
        });
        let first = format!("tandem-reply/{mark}");
        if count == 0 { first } else { format!("{first}-r{count}") }
    }

    /// Bird has refused a part under its last key: it is not out.
    pub(super) fn refused(&self, mark: &str, now: Timestamp) {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|_, (_, used)| *used > before(now, KEPT));
        refused.entry(mark.to_owned()).or_insert((0, now)).0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_refused_part_goes_under_a_further_key_and_no_other_does() {
        let (keys, now) = (Keys::default(), Timestamp::from_second(1_796_030_102).unwrap());
        let later = |hours| now + SignedDuration::from_hours(hours);
        assert_eq!(keys.key("evt_1-1", now), "tandem-reply/evt_1-1");
        assert_eq!(keys.key("evt_1-1", now), "tandem-reply/evt_1-1", "a lost answer is asked for again");
        keys.refused("evt_1-1", now);
        keys.refused("evt_1-1", now);
        assert_eq!(keys.key("evt_1-1", now), "tandem-reply/evt_1-1-r2");
        assert_eq!(keys.key("evt_1-2", now), "tandem-reply/evt_1-2");
        // A count lives as long as it is used, and no longer than it is needed.
        assert_eq!(keys.key("evt_1-1", later(3)), "tandem-reply/evt_1-1-r2");
        keys.refused("evt_1-2", later(6));
        assert_eq!(keys.key("evt_1-1", later(6)), "tandem-reply/evt_1-1-r2");
        keys.refused("evt_1-2", later(11));
        assert_eq!(keys.key("evt_1-1", later(11)), "tandem-reply/evt_1-1");
    }
}
