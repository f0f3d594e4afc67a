//! Writes down, before a call, the facts that a later attempt needs should the answer be lost: the words of a comment,
//! and the ticket that a text sets out to open. Never opens one.

use crate::clock::Clock;
use crate::domain::account::Ends;
use crate::domain::conversation::{Change, Opening, fingerprint};
use crate::domain::delivery::Outcome;
use crate::domain::event::TicketId;
use crate::ports::Desk;
use crate::store::{Claim, Store, StoreError};

use crate::worker::context::CommentText;
use crate::worker::outcome;
use crate::worker::steps::lookup::own_writes;

/// The writes that are about to be made at one desk.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Openings<'a> {
    pub(in crate::worker) desk: &'a dyn Desk,
    pub(in crate::worker) store: &'a dyn Store,
    pub(in crate::worker) ends: Ends,
    pub(in crate::worker) clock: &'a Clock,
}

impl Openings<'_> {
    /// Makes sure that the store knows our comment before the desk can send it back. Acceptance noted it as an echo;
    /// it is noted again where that was too long ago, or where the comment has other words than one text.
    pub(in crate::worker) async fn announce(&self, claim: &Claim, written: &CommentText) -> Result<(), Outcome> {
        let now = self.clock.now();
        let Some(conversation) = &claim.conversation else { return Ok(()) };
        if written.is_recent(now) && conversation.is_echo(&written.plain, now) {
            return Ok(());
        }
        self.learn_first(claim, vec![Change::Wrote(fingerprint(&written.plain))]).await
    }

    /// Makes sure that a later attempt knows which ticket this one set out to open, should its answer be lost.
    pub(in crate::worker) async fn set_out(
        &self,
        claim: &Claim,
        after: Option<TicketId>,
        follows_up: bool,
    ) -> Result<(), Outcome> {
        let Some(head) = claim.work.first().filter(|_| self.in_doubt(claim).is_none()) else { return Ok(()) };
        let opening = Opening { event: head.delivery.id, after, follows_up, at: self.clock.now() };
        self.learn_first(claim, vec![Change::Opening(opening)]).await
    }

    pub(in crate::worker) fn in_doubt<'a>(&self, claim: &'a Claim) -> Option<&'a Opening> {
        let head = claim.work.first()?;
        claim.conversation.as_ref()?.opening_in_doubt(head.delivery.id, self.clock.now())
    }

    /// Makes sure that the conversation knows a ticket that the bridge itself set out to open, for a text that was
    /// given up without an answer: replies that agents wrote on it before are then owed. True where the ticket is
    /// such a one. A ticket whose replies are known is not asked about.
    pub(in crate::worker) async fn learn_opened(&self, claim: &Claim, ticket: TicketId) -> Result<bool, Outcome> {
        let Some(known) = claim.conversation.as_ref().filter(|known| known.forwarded_on(ticket).is_none()) else {
            return Ok(false);
        };
        for event in known.openings() {
            let found = own_writes::find(self.desk, [ticket], event).await;
            let found = found.map_err(|failure| outcome(failure, self.ends.desk))?;
            if let Some(first) = found.and_then(|written| written.comment_id) {
                self.learn_first(claim, vec![Change::Stands(ticket, first), Change::OpenedInDoubt(event)]).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Records changes before a call, because a later attempt may need them.
    pub(in crate::worker) async fn learn_first(&self, claim: &Claim, changes: Vec<Change>) -> Result<(), Outcome> {
        match self.store.learn(&claim.key, changes, self.clock.now()).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(Outcome::Retry { cause: error.to_string(), after: None }),
        }
    }
}
