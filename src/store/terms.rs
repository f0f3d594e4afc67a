//! The terms on which a worker asks for the heads of lanes.

use std::sync::Arc;

use crate::domain::conversation::Conversation;
use crate::domain::event::TicketId;
use crate::domain::lanes::Gates;
use crate::domain::parts::Cut;

/// Whether the budget of a ticket is too short for this number of texts.
pub type IsShort = Arc<dyn Fn(TicketId, usize) -> bool + Send + Sync>;

/// How a text to the phone of this conversation is cut in parts now.
pub type CutNow = Arc<dyn Fn(Option<&Conversation>) -> Cut + Send + Sync>;

/// The terms on which a worker asks for heads.
#[derive(Clone)]
pub struct Terms {
    /// The most texts that go into one comment.
    pub merge_up_to: usize,
    /// How many heads with each need may be begun now.
    pub gates: Gates,
    /// Whether the texts waiting for a ticket should go as one.
    pub is_short: IsShort,
    /// The cut of a text to the phone, which is recorded before its first part can be out.
    pub cut: CutNow,
}

impl Terms {
    /// Any head that is due, with up to this many texts in one comment where the head waited for a budget.
    #[must_use]
    pub fn merging(merge_up_to: usize) -> Self {
        let (is_short, cut): (IsShort, CutNow) = (Arc::new(|_, _| false), Arc::new(|_| Cut::Segments { gsm7: false }));
        Self { merge_up_to, gates: Gates::default(), is_short, cut }
    }
}
