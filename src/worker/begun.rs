//! The heads that were handed out and whose first call no rate budget has counted yet, so that the next request counts them
//! itself. Never counts a call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::lanes::Need;

/// The heads of one route. A clone counts the same heads.
#[derive(Clone, Debug, Default)]
pub(super) struct Begun(Arc<Heads>);

#[derive(Debug, Default)]
struct Heads {
    by_need: Mutex<[usize; Need::ALL.len()]>,
    fewer: Notify,
}

/// One head, until this is dropped.
#[derive(Debug)]
pub(crate) struct Uncalled(Need, Begun);

impl Begun {
    /// Counts a head with this need.
    pub(super) fn begin(&self, need: Need) -> Uncalled {
        self.lock()[need as usize] += 1;
        Uncalled(need, self.clone())
    }

    /// The need of each head.
    pub(super) fn needs(&self) -> Vec<Need> {
        let by_need = *self.lock();
        Need::ALL.into_iter().flat_map(|need| std::iter::repeat_n(need, by_need[need as usize])).collect()
    }

    /// Waits until there are fewer heads than at some time since the last such wait. For one caller at a time.
    pub(super) async fn fewer(&self) {
        self.0.fewer.notified().await;
    }

    /// Every change is one assignment, so a poisoned lock still holds whole counts.
    fn lock(&self) -> MutexGuard<'_, [usize; Need::ALL.len()]> {
        self.0.by_need.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uncalled {
    /// The need of the head.
    pub(super) fn need(&self) -> Need {
        self.0
    }
}

impl Drop for Uncalled {
    fn drop(&mut self) {
        let heads = &mut self.1.lock()[self.0 as usize];
        *heads = heads.saturating_sub(1);
        self.1.0.fewer.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_head_counts_until_it_has_called_or_its_task_has_ended() {
        let begun = Begun::default();
        let (text, note) = (begun.begin(Need::Text), begun.begin(Need::Note));
        let other = begun.clone().begin(Need::Text);
        assert_eq!(begun.needs(), [Need::Note, Need::Text, Need::Text]);
        assert!(begun.fewer().now_or_never().is_none());
        drop((text, note));
        assert_eq!((begun.needs(), other.need()), (vec![Need::Text], Need::Text));
        assert!(begun.fewer().now_or_never().is_some(), "a change between two waits is kept");
        drop(other);
        assert!(begun.needs().is_empty());
    }
}
