//! The values that users of a desk lack and the carrier has, and the users that wait to be completed. It never calls a
//! vendor.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::event::UserId;
use crate::ports::desk::UserValues;

/// The most users that wait to be completed; beyond it the oldest stay as they are. A campaign that opens thousands
/// of tickets at once must not fill the memory with them.
const WAITING_MAX: usize = 1_000;

/// The values that a user still lacks.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::worker) struct Completion {
    /// The user.
    pub(in crate::worker) user: UserId,
    /// Values to save on the user; an external id or e-mail address in them names the user.
    pub(in crate::worker) values: Option<UserValues>,
    /// An e-mail address for a user without one. It is added as an identity, because a desk then refuses an address
    /// that belongs to another user.
    pub(in crate::worker) email: Option<String>,
}

impl Completion {
    fn is_empty(&self) -> bool {
        self.values.is_none() && self.email.is_none()
    }
}

/// Personal data stays out of logs and panics.
impl std::fmt::Debug for Completion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Completion({}, …)", self.user)
    }
}

/// The users that wait to be completed.
#[derive(Debug, Default)]
pub struct Completions {
    waiting: Mutex<VecDeque<Completion>>,
    pub(in crate::worker) added: Notify,
}

impl Completions {
    pub(in crate::worker) fn add(&self, completion: Completion) {
        if completion.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            waiting.pop_front();
        }
        waiting.push_back(completion);
        drop(waiting);
        self.added.notify_one();
    }

    pub(in crate::worker) fn take(&self) -> Option<Completion> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_stay_blank_where_too_many_wait() {
        let completions = Completions::default();
        let of = |user| Completion { user: UserId(user), values: None, email: Some("a@b.example".into()) };
        completions.add(Completion { email: None, ..of(1) });
        assert_eq!(completions.take(), None, "there is nothing to write");
        for user in 0..=u64::try_from(WAITING_MAX).unwrap() {
            completions.add(of(user));
        }
        assert_eq!(completions.take(), Some(of(1)));
        assert_eq!(format!("{:?}", of(1)), "Completion(1, …)");
    }
}
