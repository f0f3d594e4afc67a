//! On what terms a worker asks for the head of a lane: values that the one who asks fills in.

use std::sync::Arc;

use crate::domain::event::TicketId;
use crate::domain::lanes::Gates;

/// Whether the budget of a ticket is short for so many texts.
pub type IsShort = Arc<dyn Fn(TicketId, usize) -> bool + Send + Sync>;

/// On what terms a head is asked for.
#[derive(Clone)]
pub struct Terms {
    /// As many texts go into one comment at most.
    pub merge_up_to: usize,
    /// The needs that cannot be met now.
    pub gates: Gates,
    /// Whether the texts that wait for a ticket had better go as one.
    pub is_short: IsShort,
}

impl Terms {
    /// Whatever is due, with as many texts in one comment where the head waited for a budget.
    #[must_use]
    pub fn merging(merge_up_to: usize) -> Self {
        Self { merge_up_to, gates: Gates::default(), is_short: Arc::new(|_, _| false) }
    }
}
