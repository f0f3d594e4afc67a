//! What to do when it may have happened: looks for the effect of a call whose answer was lost.
//!
//! A look changes nothing at the vendor. Seen: delivered. Not seen at the last look: sent again.

use crate::clients::Failure;
use crate::domain::delivery::{Outcome, State};
use crate::domain::event::{Destination, EventKind, TicketId};
use crate::domain::retry::OnUnconfirmed;
use crate::store::Claim;

use super::context::Part;
use super::{Learnt, Worker};

/// How many of the conversation's tickets are searched for our own comment. It is on the newest or the one before.
const TICKETS_SEARCHED: usize = 3;

impl Worker {
    /// Looks for our mark (the event id, in the metadata of an audit) on the tickets that the text may have reached.
    pub(super) async fn look_at_zendesk(&self, claim: &Claim, learnt: &mut Learnt) -> Result<Outcome, Outcome> {
        let Some(head) = claim.work.first() else { return Err(nothing_to_look_for()) };
        let failed = |failure| self.outcome(claim, failure, Destination::Zendesk);
        let current = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
        let current = current.map(|ticket| ticket.id);
        let mut candidates: Vec<TicketId> = head.event.kind.ticket_id().into_iter().chain(current).collect();
        if matches!(head.event.kind, EventKind::CustomerText(_)) && !claim.key.is_provisional() {
            let mut found = self.zendesk.find_tickets(&claim.key.0).await.map_err(failed)?;
            found.sort_by_key(|ticket| std::cmp::Reverse(ticket.id));
            candidates.extend(found.iter().map(|ticket| ticket.id).take(TICKETS_SEARCHED));
        }
        candidates.sort_unstable();
        candidates.dedup();
        for ticket in candidates.into_iter().rev() {
            match self.zendesk.find_own_write(ticket, head.delivery.id).await {
                Ok(Some(written)) if matches!(head.event.kind, EventKind::CustomerText(_)) => {
                    let opened = current != Some(ticket);
                    return Ok(self.wrote(&written, opened, None, learnt));
                }
                Ok(Some(_)) => return Ok(Outcome::Done { receipt: format!("ticket {ticket}, internal comment") }),
                Ok(None) | Err(Failure::NotFound { .. }) => {}
                Err(failure) => return Err(failed(failure)),
            }
        }
        Ok(self.not_seen(&head.delivery.state, "no comment with our mark is on the ticket"))
    }

    /// Reads back the receipt that each text leaves on the customer's profile.
    pub(super) async fn look_at_braze(&self, claim: &Claim, learnt: &mut Learnt) -> Result<Outcome, Outcome> {
        let Some(head) = claim.work.first() else { return Err(nothing_to_look_for()) };
        let Some(recipient) = self.recipient(claim, &head.event.kind) else { return Err(nothing_to_look_for()) };
        let receipt = match self.braze.receipt(&recipient).await {
            Ok(receipt) => receipt,
            // The key may not export profiles, so no look will ever tell.
            Err(Failure::Refused { status: 403, cause } | Failure::Reject { cause }) => {
                return Ok(match self.options.on_unconfirmed {
                    OnUnconfirmed::Resend => Outcome::NotSeen { cause, look_at: None },
                    OnUnconfirmed::Hold => Outcome::SetAside { cause },
                });
            }
            Err(failure) => return Err(self.outcome(claim, failure, Destination::Braze)),
        };
        let parts = self.parts_of(&head.event.kind);
        let seen = (1..=parts).rev().find(|part| {
            let part = Part { id: head.delivery.id, number: *part, of: parts };
            receipt.as_deref() == Some(part.receipt().as_str())
        });
        match seen {
            Some(part) if part == parts => Ok(Outcome::Done { receipt: "seen on the customer's profile".to_owned() }),
            // Only news: that an earlier part is out was known when this one was sent.
            Some(part) if part > head.delivery.parts_sent => {
                learnt.parts_sent = Some(part);
                Ok(Outcome::NotSeen { cause: format!("part {part} of {parts} is out"), look_at: None })
            }
            Some(_) | None => Ok(self.not_seen(&head.delivery.state, "the receipt is not on the customer's profile")),
        }
    }

    fn not_seen(&self, state: &State, cause: &str) -> Outcome {
        let looks = if let State::Unconfirmed { looks, .. } = state { *looks } else { 0 };
        let look_at = self.options.retry.next_look(looks.saturating_add(1), self.clock.now());
        Outcome::NotSeen { cause: cause.to_owned(), look_at }
    }
}

fn nothing_to_look_for() -> Outcome {
    Outcome::NotSeen { cause: "there is nothing to look for".to_owned(), look_at: None }
}
