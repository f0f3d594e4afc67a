//! The opening of a ticket, noted before the call that opens it. It never tells the result of the call.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{EventId, TicketId};

/// A ticket that the bridge set out to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The text to open it with; its id is also the idempotency key at the desk.
    pub event: EventId,
    /// The conversation's ticket before.
    pub after: Option<TicketId>,
    /// Whether it follows up the ticket before, which was closed.
    pub follows_up: bool,
    /// When the bridge set out.
    pub at: Timestamp,
}
