//! The heads that were handed out and whose calls some rate budget has not counted yet, so that the next request counts them
//! itself. Never counts a call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::lanes::{Gates, Need};
use crate::vendors::http::Counted;

/// The heads of one route. A clone counts the same heads.
#[derive(Clone, Debug, Default)]
pub(super) struct Begun(Arc<Heads>);

#[derive(Debug, Default)]
struct Heads {
    by_pool: Mutex<BTreeMap<usize, usize>>,
    fewer: Notify,
}

/// One head, until this is dropped.
#[derive(Debug)]
pub(crate) struct Uncounted {
    need: Need,
    /// The pools that have counted no call of it.
    pools: Mutex<Vec<usize>>,
    begun: Begun,
}

impl Begun {
    /// Counts a head with this need at each pool of which it takes a place until it calls.
    pub(super) fn begin(&self, need: Need, gates: &Gates) -> Uncounted {
        let pools = gates.lasting_pools(need);
        let mut by_pool = self.lock();
        pools.iter().for_each(|pool| *by_pool.entry(*pool).or_default() += 1);
        drop(by_pool);
        Uncounted { need, pools: Mutex::new(pools), begun: self.clone() }
    }

    /// How many heads each pool has counted no call of, by the pool's number.
    pub(super) fn by_pool(&self) -> BTreeMap<usize, usize> {
        self.lock().clone()
    }

    /// Waits until some pool has fewer heads than at some time since the last such wait. For one caller at a time.
    pub(super) async fn fewer(&self) {
        self.0.fewer.notified().await;
    }

    /// Every change is one assignment, so a poisoned lock still holds whole counts.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, usize>> {
        self.0.by_pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uncounted {
    /// The need of the head.
    pub(super) fn need(&self) -> Need {
        self.need
    }

    /// The head takes no place of these pools any more.
    fn leave(&self, is_left: impl Fn(usize) -> bool) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let left: Vec<usize> = pools.extract_if(.., |pool| is_left(*pool)).collect();
        drop(pools);
        if left.is_empty() {
            return;
        }
        let mut by_pool = self.begun.lock();
        for pool in left {
            let heads = by_pool.entry(pool).or_default();
            *heads = heads.saturating_sub(1);
        }
        drop(by_pool);
        self.begun.0.fewer.notify_one();
    }
}

impl Counted for Uncounted {
    fn by(&self, pools: &[usize]) {
        self.leave(|pool| pools.contains(&pool));
    }
}

impl Drop for Uncounted {
    fn drop(&mut self) {
        self.leave(|_| true);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::domain::lanes::Room;

    /// Notes draw on pools 0 and 1, texts on 0, and both on 2, which is brief.
    fn gates() -> Gates {
        let room = |need, pool, is_brief| Room { need, pool, heads: 10, is_brief, opens_at: None };
        Gates::of([
            room(Need::Note, 0, false),
            room(Need::Note, 1, false),
            room(Need::Note, 2, true),
            room(Need::Text, 0, false),
            room(Need::Text, 2, true),
        ])
    }

    #[test]
    fn a_head_takes_a_place_of_each_pool_until_that_one_counts_a_call_or_its_task_ends() {
        let begun = Begun::default();
        let heads = || begun.by_pool().into_values().collect::<Vec<_>>();
        let notes = [(); 3].map(|()| begun.begin(Need::Note, &gates()));
        let text = begun.clone().begin(Need::Text, &gates());
        assert_eq!(begun.by_pool(), BTreeMap::from([(0, 4), (1, 3)]));
        assert!(begun.fewer().now_or_never().is_none());
        notes[0].by(&[1, 7]);
        notes[0].by(&[1]);
        assert_eq!(heads(), [4, 2]);
        drop(text);
        assert_eq!(heads(), [3, 2]);
        assert!(begun.fewer().now_or_never().is_some(), "a change between two waits is kept");
        assert!(begun.fewer().now_or_never().is_none());
        notes.iter().for_each(|note| note.by(&[0]));
        assert_eq!(heads(), [0, 2]);
        assert!(begun.fewer().now_or_never().is_some());
        drop(notes);
        assert_eq!(heads(), [0, 0]);
    }
}
