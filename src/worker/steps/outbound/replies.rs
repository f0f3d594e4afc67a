//! Answers doorbells: reads agents' comments on a ticket and puts a text for each new one in the doorbell's place. It
//! never sends one.

use std::time::Duration;

use crate::clock::Clock;
use crate::domain::account::{Direction, Ends};
use crate::domain::cause;
use crate::domain::comment::CommentView;
use crate::domain::conversation::Change;
use crate::domain::delivery::Outcome;
use crate::domain::event::{AgentReply, CommentId, Event, EventKind, TicketChange, TicketId, UserId};
use crate::domain::retry::later;
use crate::policy::merges::{MergeWords, is_of_a_merge, merge_words};
use crate::policy::owed::{self, LeftOut, Look, Sorted, came_to, what_was_read};
use crate::ports::desk::CommentsRead;
use crate::ports::{Desk, Failure};
use crate::store::{Claim, Store, StoreError, Verdict};

use super::staff_seen::StaffSeen;
use crate::worker::steps::inbound::openings::Openings;
use crate::worker::steps::lookup::identify::Finder;
use crate::worker::steps::lookup::merged::Merges;
use crate::worker::steps::lookup::theirs::Owners;
use crate::worker::{notes, outcome};

/// How long a comment may take to become readable after its webhook. Later, the comments that are readable do not
/// wait for it.
const COMMENT_LAG_MAX: Duration = Duration::from_secs(60);

/// How soon a reply on an unknown ticket is looked at again while a text of its customer is on the way.
const OPENING_WAIT: Duration = Duration::from_secs(1);

/// The agents' replies on the tickets of one desk.
#[derive(Clone, Copy)]
pub(in crate::worker) struct Replies<'a> {
    pub(in crate::worker) desk: &'a dyn Desk,
    pub(in crate::worker) store: &'a dyn Store,
    pub(in crate::worker) staff: &'a StaffSeen,
    pub(in crate::worker) finder: Finder<'a>,
    pub(in crate::worker) merges: Merges<'a>,
    pub(in crate::worker) owners: Owners<'a>,
    pub(in crate::worker) openings: Openings<'a>,
    pub(in crate::worker) ends: Ends,
    pub(in crate::worker) clock: &'a Clock,
}

impl Replies<'_> {
    /// Answers the doorbell: every public comment by an agent that is newer than the last one forwarded becomes a text
    /// of its own, oldest first, in the place of the doorbell.
    pub(in crate::worker) async fn read(
        &self,
        claim: &Claim,
        reply: &AgentReply,
        learnt: &mut Verdict,
    ) -> Result<Outcome, Outcome> {
        if self.merges.is_left(claim, reply.ticket_id).await? {
            return self.ring_elsewhere(claim).await;
        }
        let read = self.finder.identify(claim, reply.ticket_id, reply.external_user_id.as_deref(), learnt).await?;
        let now = self.clock.now();
        let conversation = claim.conversation.as_ref();
        learnt.changes.extend(reply.caught_up.map(|seen| Change::Sighted(reply.ticket_id, seen)));
        if reply.caught_up.is_some_and(|seen| seen.merged) {
            self.merges.follow(claim, reply.ticket_id, learnt).await?;
        }
        if reply.caught_up.is_some_and(|seen| seen.heir) {
            self.merges.tag_heir(reply.ticket_id).await?;
        }
        // Where replies came with their text, the comments that went out are unknown. Then only the named one can be
        // new.
        let is_unnumbered = conversation.is_some_and(|known| known.replies_unnumbered);
        if is_unnumbered && reply.comment_id.is_none() {
            return Ok(Outcome::Skip {
                reason: "replies here come with their text; none can be told to be new".into(),
            });
        }
        let forwarded = conversation.and_then(|known| known.forwarded_on(reply.ticket_id));
        if forwarded.is_none() && !is_unnumbered {
            self.recognise_opened(claim, reply.ticket_id).await?;
        }
        if reply.comment_id.zip(forwarded).is_some_and(|(comment, forwarded)| forwarded.covers(comment)) {
            return Ok(Outcome::Skip { reason: "the comment was forwarded already".to_owned() });
        }
        // A comment that became readable late lies before the last one forwarded.
        let after = forwarded.map(|forwarded| forwarded.up_to);
        let after = after.filter(|after| reply.comment_id.is_none_or(|comment| comment > *after));
        let read_now = self.desk.comments_after(reply.ticket_id, after).await;
        let CommentsRead { comments, from_the_first } = match read_now {
            Ok(read_now) => read_now,
            Err(Failure::NotFound { .. }) => {
                return Ok(Outcome::Skip { reason: format!("ticket {} does not exist", reply.ticket_id) });
            }
            Err(failure) => return Err(outcome(failure, self.ends.desk)),
        };
        let missing = reply.comment_id.filter(|named| comments.iter().all(|comment| comment.id != *named));
        let rang_at = claim.work.first().map_or(now, |head| head.event.received_at);
        if missing.is_some() && now < later(rang_at, COMMENT_LAG_MAX) {
            return Err(Outcome::Retry {
                cause: format!("{} does not show the comment yet", self.desk.vendor()),
                after: None,
            });
        }
        let look = Look {
            ticket: reply.ticket_id,
            named: reply.comment_id,
            forwarded: forwarded.filter(|_| !is_unnumbered),
            external_user_id: reply.external_user_id.as_deref(),
            told: reply.requester_id.or(read),
            seen_to: reply.caught_up.map(|seen| seen.updated_at),
            caught_up: reply.caught_up.is_some(),
        };
        let left_out = self.take_replies(claim, &look, &comments, learnt).await?;
        // A ring that names an old comment reads for that comment only.
        let all_there_to = reply.caught_up.filter(|_| reply.comment_id.is_none()).and_then(|seen| seen.all_there_to);
        // Comments that were not taken stay unknown.
        let up_to = forwarded.map(|forwarded| forwarded.up_to).max(look.named);
        let is_known = |comment: &CommentView| look.takes_newer() || Some(comment.id) <= up_to;
        let known: Vec<&CommentView> = comments.iter().filter(|comment| is_known(comment)).collect();
        learnt.changes.extend(what_was_read(reply.ticket_id, from_the_first, all_there_to, &known));
        if known.len() == comments.len() {
            learnt.changes.push(Change::RepliesRead(reply.ticket_id, now));
        }
        let is_foreign = left_out.iter().any(|(_, why)| *why == LeftOut::Foreign);
        if let Some(missing) = missing.filter(|_| learnt.instead.is_empty() && !is_foreign) {
            return Err(Outcome::GiveUp { cause: format!("{} {missing}", cause::NOT_SHOWN) });
        }
        Ok(came_to(learnt.instead.len(), &left_out))
    }

    /// Rings the doorbell, or tells of the solution, once more, now that the ticket leads to another conversation of the
    /// customer.
    async fn ring_elsewhere(&self, claim: &Claim) -> Result<Outcome, Outcome> {
        if let Some(head) = claim.work.first() {
            let rung = self.store.accept(head.event.clone(), self.ends.into(), Vec::new(), self.clock.now()).await;
            rung.map_err(|error| Outcome::Retry { cause: error.to_string(), after: None })?;
        }
        Ok(Outcome::Skip {
            reason: "the ticket has gone to another line of the customer's, and rings there".to_owned(),
        })
    }

    /// Puts the replies that are owed before a closing text in its place, and the closing text behind them. `None`
    /// where there are none, or where they cannot be told.
    pub(in crate::worker) async fn before_closing(
        &self,
        claim: &Claim,
        change: &TicketChange,
        told: Option<UserId>,
        learnt: &mut Verdict,
    ) -> Result<Option<Outcome>, Outcome> {
        let now = self.clock.now();
        let (Some(known), Some(head)) = (&claim.conversation, claim.work.first()) else { return Ok(None) };
        if self.merges.is_left(claim, change.ticket_id).await? {
            return self.ring_elsewhere(claim).await.map(Some);
        }
        if known.replies_unnumbered {
            return Ok(None);
        }
        // A reply that came with the solution was on the ticket before its webhook left the desk.
        let solved_at = head.event.received_at;
        let forwarded = known.forwarded_on(change.ticket_id);
        let read_at = forwarded.and_then(|forwarded| forwarded.reading.at);
        if read_at.is_some_and(|read_at| solved_at <= read_at && read_at <= now) {
            return Ok(None);
        }
        let named = match forwarded {
            Some(_) => None,
            None => match self.answer_on_unknown(claim, change.ticket_id).await? {
                Some(answer) => Some(answer),
                None => return Ok(None),
            },
        };
        let after = forwarded.map(|forwarded| forwarded.up_to);
        let CommentsRead { comments, from_the_first } = match self.desk.comments_after(change.ticket_id, after).await {
            Ok(read_now) => read_now,
            Err(Failure::NotFound { .. }) => return Ok(None),
            Err(failure) => return Err(outcome(failure, self.ends.desk)),
        };
        let look = Look {
            ticket: change.ticket_id,
            named,
            forwarded,
            external_user_id: change.external_user_id.as_deref(),
            told,
            seen_to: None,
            caught_up: false,
        };
        self.take_replies(claim, &look, &comments, learnt).await?;
        // On an unknown ticket, comments that are newer than the answer were not taken.
        let is_known = |comment: &&CommentView| named.is_none_or(|answer| comment.id <= answer);
        let known: Vec<&CommentView> = comments.iter().filter(is_known).collect();
        // The ticket was solved after its comments were written, so their times are no stamp of it.
        let read = what_was_read(change.ticket_id, from_the_first, None, &known);
        learnt.changes.extend(read.into_iter().filter(|change| !matches!(change, Change::Stamp(..))));
        if known.len() == comments.len() {
            learnt.changes.push(Change::RepliesRead(change.ticket_id, now));
        }
        let count = learnt.instead.len();
        if count == 0 {
            return Ok(None);
        }
        let again = EventKind::TicketSolved(change.clone());
        learnt.instead.push(Event { received_at: solved_at, kind: again });
        Ok(Some(Outcome::Skip { reason: format!("the closing text goes after {count} that were owed") }))
    }

    /// The comment that came with the solution of a ticket without known replies, such as one that an agent opened.
    /// That comment is owed for sure; earlier ones may have been sent.
    async fn answer_on_unknown(&self, claim: &Claim, ticket: TicketId) -> Result<Option<CommentId>, Outcome> {
        self.recognise_opened(claim, ticket).await?;
        self.solution_of(ticket).await
    }

    /// The comment that came with the solution of a ticket, if one did.
    pub(in crate::worker) async fn solution_of(&self, ticket: TicketId) -> Result<Option<CommentId>, Outcome> {
        match self.desk.comment_that_solved(ticket).await {
            Ok(solution) => Ok(solution),
            Err(Failure::NotFound { .. }) => Ok(None),
            Err(failure) => Err(outcome(failure, self.ends.desk)),
        }
    }

    /// Puts the texts that are owed in the claim's place, and returns the comments that were left out.
    async fn take_replies(
        &self,
        claim: &Claim,
        look: &Look<'_>,
        comments: &[CommentView],
        learnt: &mut Verdict,
    ) -> Result<Vec<(CommentId, LeftOut)>, Outcome> {
        let now = self.clock.now();
        self.staff.learn(comments);
        let requester = claim.conversation.as_ref().and_then(|known| known.requester_id);
        let mut sorted = owed::sort(look, comments, requester, &|user| self.staff.has(user));
        self.leave_merges_out(look.ticket, &mut sorted).await?;
        self.leave_foreign_out(claim, look, &mut sorted, learnt).await?;
        learnt.changes.extend(sorted.done_with(look));
        let text_of = |comment: &&CommentView| EventKind::PhoneText(look.text_of(comment));
        learnt.instead = sorted.due.iter().map(|comment| Event { received_at: now, kind: text_of(comment) }).collect();
        let withheld = sorted.due.iter().flat_map(|comment| notes::withheld(look.ticket, comment, now));
        let stranger = sorted.by_stranger(look).map(|comment| notes::stranger(look.ticket, comment, now));
        learnt.besides.extend(withheld.chain(stranger));
        Ok(sorted.left_out)
    }

    /// Leaves out the comments that merges have left. They say nothing to the customer, and may quote another's
    /// ticket.
    async fn leave_merges_out(&self, ticket: TicketId, sorted: &mut Sorted<'_>) -> Result<(), Outcome> {
        let mut merges = Vec::new();
        for comment in &sorted.due {
            match merge_words(comment) {
                MergeWords::No => {}
                MergeWords::Yes => merges.push(comment.id),
                MergeWords::Perhaps(named) => {
                    let ids: Vec<TicketId> = std::iter::once(ticket).chain(named).collect();
                    let tickets = self.desk.tickets(&ids).await;
                    let tickets = tickets.map_err(|failure| outcome(failure, self.ends.desk))?.tickets;
                    let merged_at = tickets.iter().filter(|ticket| ticket.merged).map(|ticket| ticket.updated_at);
                    if is_of_a_merge(comment.created_at, merged_at) {
                        merges.push(comment.id);
                    }
                }
            }
        }
        sorted.leave_out(&merges, LeftOut::Merge);
        Ok(())
    }

    /// Leaves out the comments from a time when the ticket was another customer's, and has the agent told. The
    /// requester that was named vouches for some ([`Look::vouches_for`]). For the others, and where none was named,
    /// the ticket is read: after its comments, so that it shows a requester who was set before one of them.
    async fn leave_foreign_out(
        &self,
        claim: &Claim,
        look: &Look<'_>,
        sorted: &mut Sorted<'_>,
        learnt: &mut Verdict,
    ) -> Result<(), Outcome> {
        let ours = claim.conversation.as_ref().and_then(|known| known.requester_id);
        let is_ours = look.told.is_some() && look.told == ours;
        let doubtful = sorted.due.iter().filter(|comment| !(is_ours && look.vouches_for(comment)));
        let doubtful: Vec<CommentId> = doubtful.map(|comment| comment.id).collect();
        let told = look.told.filter(|_| !is_ours);
        if !doubtful.is_empty() && !self.owners.is_theirs(claim, look.ticket, told, learnt).await? {
            learnt.besides.push(notes::not_theirs(look.ticket, &doubtful, self.clock.now()));
            sorted.leave_out(&doubtful, LeftOut::Foreign);
        }
        // No webhook told the requester at the time of the other comments: the ticket may have been given away and
        // back.
        let unheard = sorted.due.iter().map(|comment| comment.id).filter(|comment| Some(*comment) != look.named);
        let before = self.owners.before_hand_over(look.ticket, unheard.collect()).await?;
        if !before.is_empty() {
            learnt.besides.push(notes::were_anothers(look.ticket, &before, self.clock.now()));
            sorted.leave_out(&before, LeftOut::Foreign);
        }
        Ok(())
    }

    /// Has a claim on an unknown ticket begin anew at once where the bridge has opened that ticket: then every
    /// comment after the opening is known to be new.
    async fn recognise_opened(&self, claim: &Claim, ticket: TicketId) -> Result<(), Outcome> {
        self.wait_for_opening(claim, ticket).await?;
        if !self.openings.learn_opened(claim, ticket).await? {
            return Ok(());
        }
        let cause = "the ticket is one that the bridge has opened".to_owned();
        Err(Outcome::Postpone { cause, until: self.clock.now(), for_budget: false })
    }

    /// Lets a reply on an unknown ticket wait while a text of its customer is on the way to the desk. That text may
    /// have opened the ticket and lost its answer. Once it is found there, every reply after it is known to be new,
    /// and they go in order.
    async fn wait_for_opening(&self, claim: &Claim, ticket: TicketId) -> Result<(), Outcome> {
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        let now = self.clock.now();
        // The order matters: a text that is done by the first answer is known by the second.
        let until = if self.store.is_waiting(Direction::ToDesk, &claim.key).await.map_err(retry)? {
            later(now, OPENING_WAIT)
        } else {
            let known = self.store.conversation(&claim.key).await.map_err(retry)?;
            if known.is_none_or(|known| known.forwarded_on(ticket).is_none()) {
                return Ok(());
            }
            now
        };
        // Nothing was tried, so it counts as no attempt.
        let cause = "the ticket may be one that is just being opened".to_owned();
        Err(Outcome::Postpone { cause, until, for_budget: false })
    }
}
