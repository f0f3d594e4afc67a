//! Wakes waiters when the sandbox changes. It never carries the change: the waiter looks for itself.

use std::time::Duration;

use tokio::sync::watch;

/// A shared counter of changes.
#[derive(Clone, Debug)]
pub(super) struct Changes(watch::Sender<u64>);

impl Default for Changes {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Changes {
    /// Something changed.
    pub(super) fn touch(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells of every change from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    /// Waits until `predicate` holds; false when it does not within `deadline`.
    pub(super) async fn wait_until(&self, deadline: Duration, mut predicate: impl FnMut() -> bool) -> bool {
        // Registered before the first look, so that a change between the look and the wait is not missed.
        let mut changes = self.subscribe();
        let looking = async {
            while !predicate() {
                if changes.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(deadline, looking).await.unwrap_or(false)
    }
}
