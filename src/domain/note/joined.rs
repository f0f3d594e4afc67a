//! The fields of a note about two conversations of one customer that were joined. It never decides which of them goes on.

use serde::{Deserialize, Serialize};

use crate::domain::ids::TicketId;

/// The other conversation of the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Its ticket. Records of notes have `ticket_id` for the ticket that the note stands on.
    #[serde(rename = "other_ticket")]
    pub ticket: TicketId,
}
