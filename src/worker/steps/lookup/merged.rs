//! Follows a conversation from a merged ticket to its heir, the ticket that it was merged into, and gives the heir
//! the tag of text conversations, without which no trigger of ours fires there. It never merges: the desk does.

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::account::Ends;
use crate::domain::address;
use crate::domain::conversation::{Change, Conversation, TicketStatus};
use crate::domain::delivery::Outcome;
use crate::domain::event::{AgentReply, CommentId, Event, EventKind, Sighting, TicketId, TicketRef, UserId};
use crate::policy::merges::named_heir;
use crate::ports::desk::TicketView;
use crate::ports::{Desk, Failure};
use crate::store::{Claim, Store, StoreError, Verdict};

use super::customers::Customers;
use super::tickets::taken;
use super::users::{customer_behind, from_desk};
use crate::worker::outcome;

/// How many merges, one after the other, are followed.
const HEIRS_MAX: usize = 4;

/// The tickets of one desk that were merged into others.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Merges<'a> {
    pub(in crate::worker) desk: &'a dyn Desk,
    pub(in crate::worker) store: &'a dyn Store,
    pub(in crate::worker) customers: Customers<'a>,
    pub(in crate::worker) ends: Ends,
    pub(in crate::worker) clock: &'a Clock,
}

impl Merges<'_> {
    /// Whether a ticket without the tag is the one into which its requester's conversation was merged. Such a ticket
    /// gets the tag, without which no trigger of ours would fire on it.
    pub(in crate::worker) async fn follows_merge(&self, view: &TicketView) -> Result<bool, Outcome> {
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        let failed = |failure| outcome(failure, self.ends.desk);
        let named = customer_behind(view).map(from_desk);
        let whose = named.as_ref().and_then(|(whose, _)| *whose);
        let carrier = whose.unwrap_or_else(|| self.customers.home_carrier());
        let customer = self.customers.at_carrier(named, view, carrier);
        let Some(customer) = customer else { return Ok(false) };
        for key in self.customers.keys_of(&customer, carrier).await.map_err(retry)? {
            let known = self.store.conversation(&key).await.map_err(retry)?;
            let Some(lost) = known.and_then(|known| known.ticket) else { continue };
            let is_merged = match self.desk.ticket(lost.id).await {
                Ok(lost) => lost.merged && lost.requester_id == view.requester_id,
                Err(Failure::NotFound { .. }) => false,
                Err(failure) => return Err(failed(failure)),
            };
            let heir = if is_merged { self.named_heir(lost.id).await.map_err(failed)? } else { None };
            if heir.is_some_and(|heir| heir.id == view.id) {
                self.tag(view).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a ticket stays that of another conversation of the same customer, which forwards its replies.
    pub(in crate::worker) async fn is_kept(&self, claim: &Claim, ticket: TicketId) -> Result<bool, Outcome> {
        let Some(conversation) = &claim.conversation else { return Ok(false) };
        let holders = self.holders_of(ticket).await?;
        Ok(holders.iter().any(|holder| address::keeps(holder, ticket, conversation)))
    }

    /// Whether a ticket has gone to another conversation of the same customer, which forwards its replies from then on.
    pub(in crate::worker) async fn is_left(&self, claim: &Claim, ticket: TicketId) -> Result<bool, Outcome> {
        let Some(conversation) = &claim.conversation else { return Ok(false) };
        let holders = self.holders_of(ticket).await?;
        Ok(holders.iter().any(|holder| address::shares_customer(holder, conversation)))
    }

    /// The conversation that a ticket leads to.
    async fn holders_of(&self, ticket: TicketId) -> Result<Vec<Conversation>, Outcome> {
        let known = self.store.conversations_on(&[TicketRef { account: self.ends.desk, id: ticket }]).await;
        let known = known.map_err(|error| Outcome::Retry { cause: error.to_string(), after: None })?;
        Ok(known.into_iter().map(|(_, known)| known).collect())
    }

    /// Gives the ticket the tag of text conversations, where it lacks it.
    async fn tag(&self, view: &TicketView) -> Result<(), Outcome> {
        let Some(tagging) = view.tagging() else { return Ok(()) };
        match self.desk.tag(view.id, &tagging).await {
            // Only the replies after this one need the tag.
            Ok(()) | Err(Failure::Closed { .. } | Failure::NotFound { .. } | Failure::GiveUp { .. }) => Ok(()),
            // Written or not, the ticket is read again.
            Err(Failure::Lose { cause } | Failure::Changed { cause }) => Err(Outcome::Retry { cause, after: None }),
            Err(failure) => Err(outcome(failure, self.ends.desk)),
        }
    }

    /// Follows the conversation from its ticket, which a look has seen merged, to the ticket's heirs, and adds a
    /// doorbell for the replies on each.
    pub(in crate::worker) async fn follow(
        &self,
        claim: &Claim,
        merged: TicketId,
        learnt: &mut Verdict,
    ) -> Result<(), Outcome> {
        let failed = |failure| outcome(failure, self.ends.desk);
        let Some(conversation) = &claim.conversation else { return Ok(()) };
        // One that is over takes no ticket: its replies would reach no phone.
        let is_on_it = conversation.ticket.as_ref().is_some_and(|ticket| ticket.id == merged);
        if !is_on_it || conversation.talk.is_over() {
            return Ok(());
        }
        let asked_at = self.clock.now();
        for (heir, view) in self.heirs_of(merged).await.map_err(failed)? {
            if conversation.requester_id != Some(view.requester_id) {
                break;
            }
            if !self.is_kept(claim, heir.id).await? {
                self.take_over(&heir, view.requester_id, view.updated_at, learnt);
            }
            // A solved or closed heir is not taken up: the customer's next text looks further.
            if view.status.is_unsolved() {
                learnt.changes.push(Change::TakenUp(taken(&view, None, asked_at)));
            }
        }
        Ok(())
    }

    /// Makes sure that the heir of a merged ticket has the tag before its comments are read. A later comment then
    /// rings the doorbell, or the search finds it.
    pub(in crate::worker) async fn tag_heir(&self, heir: TicketId) -> Result<(), Outcome> {
        match self.desk.ticket(heir).await {
            // A closed ticket takes no tag, and no reply.
            Ok(view) if view.status == TicketStatus::Closed => Ok(()),
            Ok(view) => self.tag(&view).await,
            Err(Failure::NotFound { .. }) => Ok(()),
            Err(failure) => Err(outcome(failure, self.ends.desk)),
        }
    }

    /// Takes over the heir of a merged ticket. Comments from before the merge stay there; a doorbell for the later
    /// ones is added at once, because no trigger told of them.
    pub(in crate::worker) fn take_over(
        &self,
        heir: &Heir,
        requester: UserId,
        updated_at: Timestamp,
        learnt: &mut Verdict,
    ) {
        let now = self.clock.now();
        learnt.changes.push(Change::Stands(heir.id, heir.since));
        let reply = AgentReply {
            ticket_id: heir.id,
            comment_id: None,
            external_user_id: None,
            requester_id: Some(requester),
            caught_up: Some(Sighting {
                status: None,
                updated_at,
                as_of: now,
                all_there_to: None,
                merged: false,
                heir: true,
            }),
        };
        learnt.besides.push(Event { received_at: now, kind: EventKind::AgentReply(reply) });
    }

    /// The heirs of a merged ticket, one after the other, as far as their last comments name a ticket that exists.
    pub(in crate::worker) async fn heirs_of(&self, merged: TicketId) -> Result<Vec<(Heir, TicketView)>, Failure> {
        let mut heirs: Vec<(Heir, TicketView)> = Vec::new();
        let mut last = merged;
        while heirs.len() < HEIRS_MAX {
            let Some(heir) = self.named_heir(last).await? else { break };
            let is_known = heirs.iter().any(|(known, _)| known.id == heir.id) || heir.id == merged;
            let view = match self.desk.ticket(heir.id).await {
                Ok(view) if !is_known => view,
                Ok(_) | Err(Failure::NotFound { .. }) => break,
                Err(failure) => return Err(failure),
            };
            last = heir.id;
            let goes_on = view.merged;
            heirs.push((heir, view));
            if !goes_on {
                break;
            }
        }
        Ok(heirs)
    }

    /// The heir of a merged ticket, from the last of its comments that names a ticket.
    async fn named_heir(&self, merged: TicketId) -> Result<Option<Heir>, Failure> {
        let comments = self.desk.comments_after(merged, None).await?.comments;
        Ok(comments.iter().rev().find_map(|comment| {
            let id = named_heir(&comment.plain_body, merged)?;
            Some(Heir { id, since: comment.id })
        }))
    }
}

/// The ticket into which another was merged.
pub(in crate::worker) struct Heir {
    /// Its number.
    pub(in crate::worker) id: TicketId,
    /// The comment on the merged ticket that says so: later ones on the heir were written after the merge.
    pub(in crate::worker) since: CommentId,
}
