//! Looks for the effect of a call whose answer was lost.
//!
//! A look changes nothing at the vendor. An effect that is seen makes the delivery delivered. One that the last look
//! does not see is sent again; a text to the phone is set aside instead where the operator has chosen so, because its
//! receipt may show after the last look.

use std::collections::BTreeSet;

use crate::domain::account::End;
use crate::domain::arrival;
use crate::domain::cause;
use crate::domain::conversation::Change;
use crate::domain::delivery::{Outcome, State};
use crate::domain::event::{EventId, EventKind, TicketId};
use crate::domain::parts;
use crate::domain::retry::OnUnconfirmed;
use crate::ports::{Failure, RECEIPT};
use crate::store::Claim;
use crate::vendors::zendesk::Written;

use super::Worker;
use super::claimed::{not_arrived, recent_tickets, recipient_of, requester_of};
use super::context::{Part, receipt_attribute};
use super::report::Learnt;
use super::tickets::newest_first;

/// How many of the conversation's newest tickets are searched for our own comment. It stands on the newest or the one
/// before. The third is a safeguard, because a look that misses the comment writes the text a second time.
const TICKETS_SEARCHED: usize = 3;

impl Worker {
    /// Looks for our mark (the event id, in the metadata of an audit) on the tickets that the text may have reached.
    pub(super) async fn look_at_zendesk(&self, claim: &Claim, learnt: &mut Learnt) -> Result<Outcome, Outcome> {
        let Some(head) = claim.work.first() else { return Err(nothing_to_look_for()) };
        let failed = |failure| self.outcome(failure, End::Desk);
        let mut candidates: Vec<TicketId> = head.event.kind.ticket_id().into_iter().collect();
        candidates.extend(recent_tickets(claim));
        if matches!(head.event.kind, EventKind::CustomerText(_)) && !claim.key.is_provisional() {
            let found = newest_first(self.zendesk.find_tickets(&claim.key.0).await.map_err(failed)?);
            candidates.extend(found.iter().map(|ticket| ticket.id).take(TICKETS_SEARCHED));
        }
        match self.find_write(candidates, head.delivery.id).await.map_err(failed)? {
            Some(written) if matches!(head.event.kind, EventKind::CustomerText(_)) => {
                let outcome = self.wrote(&written, None, learnt);
                learnt.changes.push(Change::OpenedInDoubt(head.delivery.id));
                self.keep_or_leave(claim, &written, requester_of(claim), learnt).await;
                Ok(outcome)
            }
            Some(written) => {
                learnt.noted = not_arrived(claim.work.iter());
                Ok(Outcome::Deliver { receipt: format!("ticket {}, internal comment", written.ticket.id) })
            }
            None => Ok(self.not_seen(&head.delivery.state, "no comment with our mark is on the ticket")),
        }
    }

    /// The comment that was written for this event on one of these tickets, searched from the latest ticket on. A
    /// ticket that is gone counts as empty.
    pub(super) async fn find_write(
        &self,
        candidates: impl IntoIterator<Item = TicketId>,
        event: EventId,
    ) -> Result<Option<Written>, Failure> {
        let candidates: BTreeSet<TicketId> = candidates.into_iter().collect();
        for ticket in candidates.into_iter().rev() {
            match self.zendesk.find_own_write(ticket, event).await {
                Ok(Some(written)) => return Ok(Some(written)),
                Ok(None) | Err(Failure::NotFound { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    /// Reads the receipt that each text leaves on the customer's profile.
    pub(super) async fn look_at_braze(&self, claim: &Claim, learnt: &mut Learnt) -> Result<Outcome, Outcome> {
        let Some(head) = claim.work.first() else { return Err(nothing_to_look_for()) };
        let Some(recipient) = recipient_of(claim) else { return Err(nothing_to_look_for()) };
        let receipts = match self.carrier.receipts(&recipient).await {
            Ok(receipts) => receipts,
            // The key may not export profiles, so no look will ever tell.
            Err(Failure::Forbid { status: 403, cause, .. } | Failure::GiveUp { cause }) => {
                return Ok(self.nobody_can_tell(cause));
            }
            Err(failure) => return Err(self.outcome(failure, End::Carrier)),
        };
        let parts = parts::count(&head.event.kind, self.cut_for(claim.conversation.as_ref()));
        let seen = (1..=parts).rev().find(|part| {
            let part = Part { id: head.delivery.id, number: *part, of: parts };
            receipts.values().any(|receipt| *receipt == part.receipt())
        });
        // A mapping of one's own may write the first line's attribute on every line.
        let newest = receipts.get(&receipt_attribute(claim)).or_else(|| receipts.get(RECEIPT));
        match seen {
            Some(part) if part == parts => {
                learnt.changes.extend(arrival::learnt(&head.delivery, &head.event, claim.conversation.as_ref()));
                Ok(Outcome::Deliver { receipt: "seen on the customer's profile".to_owned() })
            }
            // More parts are out than was known, so the rest can go at once. Otherwise the part in doubt is the next
            // one.
            Some(part) if may_go_on_behind(part, head.delivery.parts_sent, self.options.on_unconfirmed) => {
                learnt.parts_sent = Some(part);
                Ok(Outcome::NotSeen { cause: format!("part {part} of {parts} is out"), look_at: None })
            }
            // The receipt is that of a later text of ours, for another line of the same customer.
            None if newest.is_some_and(|receipt| self.is_later(receipt, head.delivery.id)) => {
                Ok(self.nobody_can_tell(cause::RECEIPT_REPLACED.to_owned()))
            }
            Some(_) | None => {
                let outcome = self.not_seen(&head.delivery.state, "the receipt is not on the customer's profile");
                Ok(if let Outcome::NotSeen { cause, look_at: None } = outcome {
                    self.nobody_can_tell(cause)
                } else {
                    outcome
                })
            }
        }
    }

    /// Whether the receipt belongs to a delivery that was, or may have been, accepted later.
    fn is_later(&self, receipt: &str, than: EventId) -> bool {
        let id = receipt.split('.').next().and_then(|id| id.parse::<EventId>().ok());
        id.is_some_and(|id| self.store.may_be_later(id, than))
    }

    fn nobody_can_tell(&self, cause: String) -> Outcome {
        match self.options.on_unconfirmed {
            OnUnconfirmed::Resend => Outcome::NotSeen { cause, look_at: None },
            OnUnconfirmed::Hold => Outcome::SetAside { cause },
        }
    }

    fn not_seen(&self, state: &State, cause: &str) -> Outcome {
        let looks = if let State::Unconfirmed { looks, .. } = state { *looks } else { 0 };
        let look_at = self.options.retry.next_look(state.attempts(), looks.saturating_add(1), self.clock.now());
        Outcome::NotSeen { cause: cause.to_owned(), look_at }
    }
}

fn nothing_to_look_for() -> Outcome {
    Outcome::NotSeen { cause: "there is nothing to look for".to_owned(), look_at: None }
}

/// Whether the parts behind a seen one can be sent. With `hold`, parts go one at a time: where the seen part is the
/// next after the known ones, the later ones are unsent. Any other seen part is of an attempt before that setting,
/// which may have sent more.
fn may_go_on_behind(seen: u32, known: u32, on_unconfirmed: OnUnconfirmed) -> bool {
    match on_unconfirmed {
        OnUnconfirmed::Resend => seen > known,
        OnUnconfirmed::Hold => seen == known.saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_hold_nothing_goes_behind_a_part_that_is_not_the_next() {
        for (seen, known, resend, hold) in
            [(1, 0, true, true), (2, 0, true, false), (2, 1, true, true), (3, 1, true, false), (1, 1, false, false)]
        {
            assert_eq!(may_go_on_behind(seen, known, OnUnconfirmed::Resend), resend, "{seen} {known}");
            assert_eq!(may_go_on_behind(seen, known, OnUnconfirmed::Hold), hold, "{seen} {known}");
        }
    }
}
