//! Looks for the effect of a call whose answer was lost.
//!
//! A look changes nothing at the vendor. An effect that is seen makes the delivery delivered. One that the last look
//! does not see is sent again; a text to the phone is set aside instead where the operator has chosen so, because its
//! receipt may show after the last look. [`crate::policy::confirm`] decides; this module never does.

use crate::domain::account::End;
use crate::domain::arrival;
use crate::domain::cause;
use crate::domain::conversation::{Change, Conversation};
use crate::domain::delivery::{Delivery, Outcome};
use crate::domain::event::{EventKind, TicketId};
use crate::domain::parts;
use crate::domain::retry::OnUnconfirmed;
use crate::policy::confirm::{self, Sight};
use crate::ports::{Failure, RECEIPT, Sought};
use crate::store::{Claim, Verdict};

use crate::worker::Worker;
use crate::worker::claimed::{not_arrived, recent_tickets, recipient_of, requester_of};
use crate::worker::context::receipt_attribute;
use crate::worker::steps::lookup::own_writes;
use crate::worker::steps::lookup::tickets::newest_first;

/// How many of the conversation's newest tickets are searched for our own comment. It stands on the newest or the one
/// before. The third is a safeguard, because a look that misses the comment writes the text a second time.
const TICKETS_SEARCHED: usize = 3;

impl Worker {
    /// Looks for our mark (the event id, in the metadata of an audit) on the tickets that the text may have reached.
    pub(in crate::worker) async fn look_at_desk(
        &self,
        claim: &Claim,
        learnt: &mut Verdict,
    ) -> Result<Outcome, Outcome> {
        let Some(head) = claim.work.first() else { return Err(nothing_to_look_for()) };
        let failed = |failure| self.outcome(failure, End::Desk);
        let mut candidates: Vec<TicketId> = head.event.kind.ticket_id().into_iter().collect();
        candidates.extend(recent_tickets(claim));
        if matches!(head.event.kind, EventKind::CustomerText(_)) && !claim.key.is_provisional() {
            let found = newest_first(self.desk.find_tickets(&claim.key.0).await.map_err(failed)?);
            candidates.extend(found.iter().map(|ticket| ticket.id).take(TICKETS_SEARCHED));
        }
        match own_writes::find(self.desk.as_ref(), candidates, head.delivery.id).await.map_err(failed)? {
            Some(written) if matches!(head.event.kind, EventKind::CustomerText(_)) => {
                let outcome = self.wrote(&written, None, learnt);
                learnt.changes.push(Change::OpenedInDoubt(head.delivery.id));
                self.owners().keep_or_leave(claim, &written, requester_of(claim), learnt).await;
                Ok(outcome)
            }
            Some(written) => {
                learnt.noted = not_arrived(claim.work.iter());
                Ok(Outcome::Deliver { receipt: format!("ticket {}, internal comment", written.ticket.id) })
            }
            None => {
                let missing = "no comment with our mark is on the ticket";
                let retry = &self.options.retry;
                Ok(confirm::not_seen(&head.delivery.state, missing, retry, self.clock.now()))
            }
        }
    }

    /// Reads the receipt that each text leaves at the carrier.
    pub(in crate::worker) async fn look_at_carrier(
        &self,
        claim: &Claim,
        learnt: &mut Verdict,
    ) -> Result<Outcome, Outcome> {
        let Some(head) = claim.work.first() else { return Err(nothing_to_look_for()) };
        let by = self.lines.knows_by(self.ends.carrier);
        let Some(recipient) = recipient_of(claim, by) else { return Err(nothing_to_look_for()) };
        let delivery = &head.delivery;
        let on_unconfirmed = self.on_unconfirmed(delivery, claim.conversation.as_ref());
        let parts = parts::count(&head.event.kind, self.cut_of(delivery, claim.conversation.as_ref()));
        let channel = self.line_for(claim.conversation.as_ref()).map(|line| line.channel).unwrap_or_default();
        let sought = Sought { id: delivery.id, parts, since: delivery.accepted_at, channel };
        let receipts = match self.carrier.receipts(&recipient, &sought).await {
            Ok(receipts) => receipts,
            // The credential may not look, so no look will ever tell.
            Err(
                Failure::Forbid { status: 403, cause, .. } | Failure::GiveUp { cause } | Failure::NotFound { cause },
            ) => {
                return Ok(confirm::cannot_be_told(on_unconfirmed, cause));
            }
            Err(failure) => return Err(self.outcome(failure, End::Carrier)),
        };
        // A mapping of one's own may write the first line's attribute on every line.
        let newest = receipts.get(&receipt_attribute(claim)).or_else(|| receipts.get(RECEIPT)).map(String::as_str);
        let known = receipts.values().map(String::as_str);
        let is_later = |id| self.store.may_be_later(id, delivery.id);
        let sight = confirm::sight(delivery, parts, known, newest, on_unconfirmed, is_later);
        if let Sight::UpTo(part) = sight {
            learnt.parts_sent = Some(part);
        }
        let retry = &self.options.retry;
        let outcome = confirm::outcome(sight, parts, &delivery.state, on_unconfirmed, retry, self.clock.now());
        if matches!(outcome, Some(Outcome::SetAside { .. }))
            && claim.conversation.as_ref().is_some_and(|known| self.stands_in(known))
        {
            return Ok(Outcome::SetAside { cause: cause::LEAVES_NOTHING.to_owned() });
        }
        Ok(outcome.unwrap_or_else(|| {
            learnt.changes.extend(arrival::learnt(delivery, &head.event, claim.conversation.as_ref()));
            Outcome::Deliver { receipt: "the carrier shows its receipt".to_owned() }
        }))
    }
}

impl Worker {
    /// The way to treat this text of this conversation, where its fate stays unknown.
    ///
    /// A text that went to a number in the place of a talk is never sent again by itself, whichever talk its conversation goes on
    /// in: no look can find it there. Nor is one whose conversation has such a name by now, or has gone on by one in another talk,
    /// because the talk that it went to is not looked in.
    pub(in crate::worker) fn on_unconfirmed(
        &self,
        delivery: &Delivery,
        conversation: Option<&Conversation>,
    ) -> OnUnconfirmed {
        let went_to_number = delivery.threads.iter().any(|thread| self.carrier.leaves_nothing(thread));
        // A record from a backup does not know of an attempt in the lost time.
        let is_told = self.store.lost_time().is_none();
        let is_looked_in = |thread: &String| is_told && delivery.threads.contains(thread);
        let may_have_gone_there = |known: &Conversation| {
            let is_where_it_went = known.customer.thread.as_ref().is_some_and(is_looked_in);
            self.stands_in(known) || !is_where_it_went && self.began_without_talk(known)
        };
        if went_to_number || conversation.is_some_and(may_have_gone_there) {
            OnUnconfirmed::Hold
        } else {
            self.options.on_unconfirmed
        }
    }

    /// Whether the conversation began without a talk, so that a text whose record does not tell may have gone to the number.
    fn began_without_talk(&self, known: &Conversation) -> bool {
        let began_as = known.key.0.strip_prefix(&self.ends.carrier.scoped("")).unwrap_or_default();
        self.carrier.leaves_nothing(began_as)
    }
}

fn nothing_to_look_for() -> Outcome {
    Outcome::NotSeen { cause: "there is nothing to look for".to_owned(), look_at: None }
}
