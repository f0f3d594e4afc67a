//! The memory of the users who were staff. It never decides which comment goes; [`crate::policy::owed`] does.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::domain::comment::{Author, CommentView};
use crate::domain::event::UserId;

/// The most users remembered as staff. A help desk has fewer; beyond it, the memory begins anew.
const STAFF_MAX: usize = 10_000;

/// The users who were seen as staff since the start. Such a user who is an end user by the time that a webhook names
/// their comment was staff when they wrote it. For a user who was not seen, because of a restart in between, there is
/// no proof: their comment is not texted, and the agent is told.
#[derive(Debug, Default)]
pub struct StaffSeen(Mutex<HashSet<UserId>>);

impl StaffSeen {
    /// Remembers the comments' authors who are staff now.
    pub(in crate::worker) fn learn(&self, comments: &[CommentView]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= STAFF_MAX {
            seen.clear();
        }
        seen.extend(comments.iter().filter(|comment| comment.author == Author::Staff).map(|comment| comment.author_id));
    }

    /// Whether the user was seen as staff.
    pub(in crate::worker) fn has(&self, user: UserId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&user)
    }
}
