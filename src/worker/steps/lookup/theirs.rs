//! Tells whether a ticket that the conversation knows is its customer's: an agent may give it another requester at
//! any time, and no webhook tells. It never finds the customer behind an unknown ticket; [`super::identify`] does.

use crate::clock::Clock;
use crate::domain::account::Ends;
use crate::domain::conversation::{Change, TicketStatus};
use crate::domain::delivery::Outcome;
use crate::domain::event::{CommentId, TicketId, UserId};
use crate::ports::desk::{TicketView, UserView, Written};
use crate::ports::{Desk, Failure};
use crate::store::{Claim, Verdict};

use super::customers::Customers;
use super::tickets::newest_first;
use crate::worker::claimed::requester_of;
use crate::worker::notes::written_on_anothers;
use crate::worker::outcome;

/// The owners of tickets: their requesters, and whether these are a conversation's customer.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Owners<'a> {
    pub(in crate::worker) desk: &'a dyn Desk,
    pub(in crate::worker) customers: Customers<'a>,
    pub(in crate::worker) ends: Ends,
    pub(in crate::worker) clock: &'a Clock,
}

impl Owners<'_> {
    /// Whether the ticket, which the conversation knows, is still its customer's. `told` is the requester at the time
    /// that counts, where known. The ticket is read only where `told` is missing or differs from the conversation's
    /// requester. A customer whose user was merged into another of theirs keeps the ticket.
    pub(in crate::worker) async fn is_theirs(
        &self,
        claim: &Claim,
        ticket: TicketId,
        told: Option<UserId>,
        learnt: &mut Verdict,
    ) -> Result<bool, Outcome> {
        let conversation = claim.conversation.as_ref();
        // A ticket that was just read has taught its requester.
        let learnt_of = |change: &Change| {
            if let Change::Requester(user) = change {
                Some(*user)
            } else if let Change::TakenUp(taken) = change {
                taken.requester
            } else {
                None
            }
        };
        let ours = learnt.changes.iter().find_map(learnt_of).or_else(|| conversation?.requester_id);
        if told.is_some() && told == ours {
            return Ok(true);
        }
        let view = match self.desk.ticket(ticket).await {
            Ok(view) => view,
            Err(Failure::NotFound { .. }) => {
                return Err(Outcome::Skip { reason: format!("ticket {ticket} does not exist") });
            }
            Err(failure) => return Err(outcome(failure, self.ends.desk)),
        };
        let now = view.requester_id;
        if ours == Some(now) {
            return Ok(told.is_none());
        }
        let customer = conversation.map(|known| known.customer.clone()).unwrap_or_default();
        let same =
            view.requester.as_ref().and_then(|user| self.customers.is_customer(user, &customer, self.ends.carrier));
        let is_same = same.unwrap_or(ours.is_none());
        let is_current =
            conversation.and_then(|known| known.ticket.as_ref()).is_none_or(|current| current.id == ticket);
        match is_same {
            false => learnt.changes.push(Change::TicketLeft(ticket)),
            // Two users of one customer each keep their own ticket.
            true if is_current => learnt.changes.push(Change::Requester(now)),
            true => {}
        }
        Ok(is_same && told.is_none_or(|told| told == now))
    }

    /// The comments of these that were written before the ticket was given to its present requester. Without comments
    /// there is no call.
    pub(in crate::worker) async fn before_hand_over(
        &self,
        ticket: TicketId,
        comments: Vec<CommentId>,
    ) -> Result<Vec<CommentId>, Outcome> {
        if comments.is_empty() {
            return Ok(comments);
        }
        let before = self.desk.before_hand_over(ticket, &comments).await;
        before.map_err(|failure| outcome(failure, self.ends.desk))
    }

    /// Looks at the ticket that has taken a text of `requester`, where that is known. The conversation keeps a ticket
    /// of any of its customer's users. It leaves a ticket that another customer got since, with a note to its agents,
    /// and the next text goes elsewhere. The text stands, so a failed look changes nothing about that.
    pub(in crate::worker) async fn keep_or_leave(
        &self,
        claim: &Claim,
        written: &Written,
        requester: Option<UserId>,
        learnt: &mut Verdict,
    ) {
        let ticket = &written.ticket;
        if requester == Some(ticket.requester_id) {
            return;
        }
        let (mut user, mut is_read) = (ticket.requester.clone(), true);
        if user.is_none() && requester.is_some() {
            let view = self.desk.ticket(ticket.id).await;
            is_read = view.is_ok();
            user = view.ok().and_then(|view| view.requester);
        }
        match user.and_then(|user| self.is_claims(claim, &user)) {
            Some(true) => return learnt.changes.push(Change::Requester(ticket.requester_id)),
            None if requester.is_none() => return,
            // A ticket that could not be read gets no note; the next text looks for its place all the same.
            None if !is_read => {}
            Some(false) | None => learnt.besides.push(written_on_anothers(ticket.id, self.clock.now())),
        }
        // The conversation may go to another ticket by now, so this one is remembered only as one that the text
        // stands on.
        learnt.changes.retain(|change| !matches!(change, Change::Ticket(id, ..) if *id == ticket.id));
        learnt.changes.extend([Change::MayStandOn(ticket.id), Change::TicketLeft(ticket.id)]);
    }

    /// The newest unsolved ticket that carries the conversation's key and is its customer's. An agent may have given
    /// a ticket with the key to another user.
    pub(in crate::worker) async fn own_open_ticket(
        &self,
        claim: &Claim,
    ) -> Result<Option<(TicketId, TicketStatus)>, Outcome> {
        let failed = |failure| outcome(failure, self.ends.desk);
        let found = newest_first(self.desk.find_tickets(&claim.key.0).await.map_err(failed)?);
        let requester = requester_of(claim);
        let is_theirs = |ticket: &TicketView| requester.is_none_or(|requester| requester == ticket.requester_id);
        let Some(open) = found.into_iter().find(|ticket| ticket.status.is_unsolved() && is_theirs(ticket)) else {
            return Ok(None);
        };
        if requester.is_none() {
            let view = self.desk.ticket(open.id).await.map_err(failed)?;
            if view.requester.and_then(|user| self.is_claims(claim, &user)) == Some(false) {
                return Ok(None);
            }
        }
        Ok(Some((open.id, open.status)))
    }

    /// Whether the user is the claim's customer; `None` where the user has no data to tell by.
    fn is_claims(&self, claim: &Claim, user: &UserView) -> Option<bool> {
        self.customers.is_customer(user, &claim.conversation.as_ref()?.customer, self.ends.carrier)
    }
}
