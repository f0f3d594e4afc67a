//! Tells agents: writes the owed notes that are still true on a ticket, as one internal comment.
//!
//! A note is checked again when it is claimed, because it may have waited for hours, and the operator may have
//! redriven its delivery meanwhile. This module never decides whether a delivery is worth a note: [`crate::worker::notes`]
//! does.

use std::time::Duration;

use crate::domain::account::{Direction, End};
use crate::domain::delivery::{Delivery, Outcome, State, Transition};
use crate::domain::event::{EventId, EventKind, TicketId};
use crate::domain::note::{Note, Tells};
use crate::domain::retry::later;
use crate::mapping::Name;
use crate::ports::desk::Addition;
use crate::store::{Claim, StoreError, Verdict, Work};

use crate::worker::claimed::not_arrived;
use crate::worker::steps::lookup::own_writes;
use crate::worker::steps::lookup::tickets::own_comment;
use crate::worker::{Worker, context};

/// How long a note waits at most for others of its conversation, so that one comment tells of a whole burst.
const GATHER_MAX: Duration = Duration::from_secs(10);

/// How soon it is checked again whether more can come.
const GATHER_STEP: Duration = Duration::from_secs(1);

impl Worker {
    /// Writes one internal comment with all of the claim's notes that are still true.
    pub(in crate::worker) async fn write_notes(
        &self,
        claim: &Claim,
        first: &Note,
        learnt: &mut Verdict,
    ) -> Result<Outcome, Outcome> {
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        self.gather(claim).await?;
        let (mut kept, mut needless): (Vec<(&Work, &Note)>, _) = (Vec::new(), None);
        for work in &claim.work {
            let EventKind::Note(note) = &work.event.kind else { continue };
            match self.needless(work, note).await.map_err(retry)? {
                Some(reason) => {
                    needless.get_or_insert_with(|| reason.clone());
                    learnt.moves.push((work.delivery.id, Transition::Skip { reason }));
                }
                None => kept.push((work, note)),
            }
        }
        if kept.is_empty() {
            return Ok(Outcome::Skip { reason: needless.unwrap_or_else(|| "there is nothing to say".to_owned()) });
        }
        if let Some(outcome) = self.noted_before(claim, first.ticket_id).await? {
            learnt.noted = not_arrived(kept.iter().map(|(work, _)| *work));
            return Ok(outcome);
        }
        let ids: Vec<EventId> = kept.iter().map(|(work, _)| work.delivery.id).collect();
        let notes: Vec<&Note> = kept.iter().map(|(_, note)| *note).collect();
        let words = self.mappings_for(claim).say(notes.iter().copied(), self.carrier.vendor());
        let ticket = first.ticket_id;
        let body = self.render(Name::FailureNote, &context::internal(claim, ticket, &notes, &words, &ids))?;
        let written = self.desk.add(ticket, &Addition::note(&body)).await;
        let written = written.map_err(|failure| self.outcome(failure, End::Desk))?;
        learnt.changes.extend(own_comment(&written));
        learnt.noted = not_arrived(kept.iter().map(|(work, _)| *work));
        Ok(Outcome::Deliver { receipt: format!("ticket {}, internal comment", written.ticket.id) })
    }

    /// The outcome where an earlier attempt has left its comment on the ticket although the desk called it failed. A
    /// first attempt need not ask.
    pub(in crate::worker) async fn noted_before(
        &self,
        claim: &Claim,
        ticket: TicketId,
    ) -> Result<Option<Outcome>, Outcome> {
        let Some(head) = claim.work.first().filter(|head| head.delivery.attempts > 0) else { return Ok(None) };
        let found = own_writes::find(self.desk.as_ref(), [ticket], head.delivery.id).await;
        let found = found.map_err(|failure| self.outcome(failure, End::Desk))?;
        Ok(found.map(|written| Outcome::Deliver { receipt: format!("ticket {}, internal comment", written.ticket.id) }))
    }

    /// Lets a fresh note wait while more texts of its conversation are on their way to the phone, so that the same
    /// comment tells of those that fail.
    async fn gather(&self, claim: &Claim) -> Result<(), Outcome> {
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        let now = self.clock.now();
        let Some(head) = claim.work.first().filter(|head| head.delivery.attempts == 0) else { return Ok(()) };
        // A note that a wrong clock has dated ahead waits for no others.
        let gathering = head.delivery.accepted_at..later(head.delivery.accepted_at, GATHER_MAX);
        if !gathering.contains(&now)
            || !self.store.is_waiting(Direction::ToCustomer, &claim.key).await.map_err(retry)?
        {
            return Ok(());
        }
        let cause = "more may have to be said".to_owned();
        Err(Outcome::Postpone { cause, until: later(now, GATHER_STEP), for_budget: false })
    }

    /// Why a note need not be written any more; `None` when it is still true.
    async fn needless(&self, work: &Work, note: &Note) -> Result<Option<String>, StoreError> {
        let Some(about) = work.delivery.parent.filter(|_| note.tells != Tells::Fact) else { return Ok(None) };
        // A delivery that was dropped from the store or forgotten can change no more.
        let Some((delivery, _)) = self.store.delivery(about).await? else { return Ok(None) };
        Ok(match note.tells {
            Tells::Fact => None,
            Tells::NotArrived => overtaken(&delivery).map(str::to_owned),
            Tells::ArrivedAfterAll if delivery.noted => None,
            Tells::ArrivedAfterAll => Some("no note says that it did not arrive".to_owned()),
        })
    }
}

/// Why "it did not arrive" is not true of this delivery any more.
fn overtaken(delivery: &Delivery) -> Option<&'static str> {
    match &delivery.state {
        State::Delivered { .. } => Some("what it is about has arrived since"),
        State::Pending
        | State::Sending { .. }
        | State::Waiting { .. }
        | State::Unconfirmed { look_at: Some(_), .. } => Some("what it is about has been put back and is tried again"),
        State::Unconfirmed { look_at: None, .. }
        | State::Skipped { .. }
        | State::Dead { .. }
        | State::Quarantined { .. } => None,
    }
}
