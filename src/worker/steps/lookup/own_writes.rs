//! Finds a comment of the bridge's own by the mark that it carries. Never writes one.

use std::collections::BTreeSet;

use crate::domain::event::{EventId, TicketId};
use crate::ports::Failure;
use crate::ports::desk::{Comments, Written};

/// The comment that was written for this event on one of these tickets, searched from the latest ticket on. A
/// ticket that is gone counts as empty.
pub(in crate::worker) async fn find(
    desk: &dyn Comments,
    candidates: impl IntoIterator<Item = TicketId>,
    event: EventId,
) -> Result<Option<Written>, Failure> {
    let candidates: BTreeSet<TicketId> = candidates.into_iter().collect();
    for ticket in candidates.into_iter().rev() {
        match desk.find_own_write(ticket, event).await {
            Ok(Some(written)) => return Ok(Some(written)),
            Ok(None) | Err(Failure::NotFound { .. }) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(None)
}
