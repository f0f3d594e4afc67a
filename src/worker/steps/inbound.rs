//! From the phone to the ticket: takes the steps that the conversation policy names, until a comment is written.

pub(in crate::worker) mod complete;
pub(in crate::worker) mod completion;
pub(in crate::worker) mod facts_kept;
pub(in crate::worker) mod fetch_ahead;
pub(in crate::worker) mod in_the_making;
pub(in crate::worker) mod kept_uploads;
pub(in crate::worker) mod openings;
pub(in crate::worker) mod requester;
pub(in crate::worker) mod uploads;

use jiff::Timestamp;

use crate::domain::account::End;
use crate::domain::conversation::{Change, Conversation, Keyword, TicketStatus, fingerprint};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Customer, CustomerText, Event, EventId, TicketId, UserId};
use crate::domain::line::By;
use crate::domain::note::{Note, Saying};
use crate::domain::ticket::Tagging;
use crate::mapping::{Context, Name};
use crate::policy::inbound::{Facts, KnownTicket, Step, plan};
use crate::ports::Failure;
use crate::ports::desk::{Addition, NewTicket, Saved, TicketView, Written};
use crate::store::{Album, Claim, Verdict};

use crate::worker::Worker;
use crate::worker::claimed::{recent_tickets, requester_of};
use crate::worker::context::{CommentText, Inbound, completion};
use crate::worker::in_force::render;
use crate::worker::notes;
use crate::worker::steps::inbound::completion::Completion;
use crate::worker::steps::inbound::uploads::Copies;
use crate::worker::steps::lookup::identify::Behind;
use crate::worker::steps::lookup::merged::Heir;
use crate::worker::steps::lookup::own_writes;
use crate::worker::steps::lookup::tickets::{newest_first, own_comment};

/// More steps than any way through the policy has; a longer way goes in a circle.
const STEPS_MAX: usize = 24;

/// A comment to add.
struct Append {
    requester: UserId,
    ticket: TicketId,
    unchanged_since: Option<Timestamp>,
    tagging: Option<Tagging>,
}

impl Worker {
    /// Writes the claim's texts as one public comment of the customer, and finds the data that their user at the desk is
    /// `lacking`.
    pub(in crate::worker) async fn write_texts(
        &self,
        claim: &Claim,
        first: &CustomerText,
        learnt: &mut Verdict,
        lacking: &mut Option<Completion>,
    ) -> Result<Outcome, Outcome> {
        if let Some(keyword) = first.keyword
            && let Some(outcome) = self.note_keyword(claim, keyword, &first.text, learnt).await?
        {
            return Ok(outcome);
        }
        let customer = self.customer_of(claim, first, learnt).await?;
        let user = self.customers().at_desk(&customer, self.ends.carrier);
        let making = self.requesters().keep_id(claim, &user)?;
        let texts: Vec<&Event> = claim.work.iter().map(|work| &work.event).collect();
        let mut written = CommentText::of(&texts);
        self.openings().announce(claim, &written).await?;
        let (matches, reopen) = (&self.options.requester_match, self.options.reopen);
        let known = claim.conversation.as_ref();
        let now = self.clock.now();
        let head = claim.work.first().map(|head| head.delivery.id);
        let kept = head.and_then(|id| self.facts.take(id, known, now));
        let mut facts = match kept {
            Some(kept) => kept,
            None => {
                let named = self.named_ticket(claim, first, &customer).await?;
                Facts::new(known, named, &customer, matches, reopen, now)
            }
        };
        if making.as_ref().is_some_and(|making| making.had_twin) {
            facts.forget_id();
        }
        if claim.work.first().is_some_and(|head| head.delivery.attempts > 0) {
            facts.tried_before();
        }
        if let Some(opening) = self.openings().in_doubt(claim) {
            facts.opening_in_doubt(opening);
        }
        for _ in 0..STEPS_MAX {
            let step = plan(&facts);
            if writes(&step) && !written.uploaded {
                let from = (self.desk.as_ref(), self.carrier.as_ref(), self.store.as_ref() as &dyn Album);
                match self.pictures.copy(from, claim, &written.media, self.clock.now()).await {
                    Ok(Copies { tokens, is_reused, lacks_one }) => {
                        (written.uploads, written.is_reused, written.lacks_picture) = (tokens, is_reused, lacks_one);
                    }
                    Err(failure) => {
                        let outcome = self.outcome(failure, End::Desk);
                        return Err(self.put_off(outcome, head, &written, facts, known));
                    }
                }
                written.uploaded = true;
            }
            let inbound = Inbound { claim, customer: &customer, user: &user, first, written: &written };
            let taken = self.take(step, &inbound, &mut facts, learnt, lacking).await;
            match taken {
                Ok(None) => {}
                Ok(Some(outcome)) => {
                    head.into_iter().for_each(|id| self.pictures.forget(id));
                    return Ok(outcome);
                }
                Err(outcome) => return Err(self.put_off(outcome, head, &written, facts, known)),
            }
        }
        Err(Outcome::Retry { cause: format!("{}'s answers lead in a circle", self.desk.vendor()), after: None })
    }

    /// Keeps facts and copies for the next attempt.
    fn put_off(
        &self,
        outcome: Outcome,
        head: Option<EventId>,
        written: &CommentText,
        facts: Facts,
        known: Option<&Conversation>,
    ) -> Outcome {
        match (outcome, head) {
            (outcome @ Outcome::Postpone { for_budget: true, .. }, Some(id)) => {
                self.facts.keep(id, facts, known, self.clock.now());
                outcome
            }
            // The desk may have refused the copies of an earlier attempt: they are made anew, once.
            (Outcome::GiveUp { cause }, Some(id)) if written.is_reused => {
                self.pictures.forget(id);
                Outcome::Retry { cause, after: None }
            }
            (outcome, _) => outcome,
        }
    }

    /// Takes one step; `Some` when the text has been written.
    async fn take(
        &self,
        step: Step,
        inbound: &Inbound<'_>,
        facts: &mut Facts,
        learnt: &mut Verdict,
        lacking: &mut Option<Completion>,
    ) -> Result<Option<Outcome>, Outcome> {
        let failed = |failure| self.outcome(failure, End::Desk);
        match step {
            Step::FindTickets => {
                let found = self.desk.find_tickets(&inbound.claim.key.0).await.map_err(failed)?;
                let found = newest_first(found);
                // A ticket that an earlier attempt opened without an answer must not take the text again.
                if let Some(newest) = found.first()
                    && let Some(outcome) = self.written_before(inbound, Some(newest.id), learnt).await?
                {
                    return Ok(Some(outcome));
                }
                facts.tickets_found(found.iter().map(known).collect());
            }
            Step::ReadTicket(id) => self.read_ticket(id, facts, learnt).await?,
            Step::ReadMergeHint(id) => {
                let heirs = self.merges().heirs_of(id).await.map_err(failed)?;
                let theirs = heirs.iter().take_while(|(_, ticket)| facts.is_theirs(ticket.requester_id));
                let theirs: Vec<&(Heir, TicketView)> = theirs.collect();
                facts.merge_hint_read(theirs.last().map(|(_, ticket)| known(ticket)));
                let is_new = |heir: TicketId| {
                    inbound.claim.conversation.as_ref().is_none_or(|known| known.forwarded_on(heir).is_none())
                };
                for (heir, ticket) in theirs.into_iter().filter(|(heir, _)| is_new(heir.id)) {
                    if !self.merges().is_kept(inbound.claim, heir.id).await? {
                        self.merges().take_over(heir, ticket.requester_id, ticket.updated_at, learnt);
                    }
                }
            }
            Step::FindRequester(by) => {
                let found = self.requesters().find(by, inbound.user, facts).await?;
                *lacking = found.as_ref().map(|user| completion(user, inbound.user));
                facts.requester_found(found.map(|user| user.id));
            }
            Step::CreateRequester { id_taken } => {
                let Saved { user, is_new } = self.requesters().create(id_taken, inbound.user).await?;
                *lacking = Some(completion(&user, inbound.user));
                facts.requester_saved(user.id, is_new);
            }
            Step::Open { requester, previous } => {
                self.openings().set_out(inbound.claim, previous, false).await?;
                let context = inbound.opening(requester, previous);
                return self.open(Name::OpenTicket, inbound, requester, &context, facts, learnt).await;
            }
            Step::FollowUp { requester, closed } => {
                self.openings().set_out(inbound.claim, Some(closed), true).await?;
                let context = inbound.opening(requester, Some(closed));
                return self.open(Name::FollowUp, inbound, requester, &context, facts, learnt).await;
            }
            Step::Append { requester, ticket, unchanged_since, tagging } => {
                let append = Append { requester, ticket, unchanged_since, tagging };
                return self.append(inbound, append, facts, learnt).await;
            }
        }
        Ok(None)
    }

    async fn read_ticket(&self, id: TicketId, facts: &mut Facts, learnt: &mut Verdict) -> Result<(), Outcome> {
        match self.desk.ticket(id).await {
            Ok(ticket) => facts.ticket_read(known(&ticket)),
            Err(Failure::NotFound { .. }) => {
                learnt.changes.push(Change::TicketGone(id));
                facts.ticket_gone();
            }
            Err(failure) => return Err(self.outcome(failure, End::Desk)),
        }
        Ok(())
    }

    /// Opens a ticket, or a follow-up, whose first comment is the text; `None` when the requester has to be looked for
    /// again.
    async fn open(
        &self,
        mapping: Name,
        inbound: &Inbound<'_>,
        requester: UserId,
        context: &Context,
        facts: &mut Facts,
        learnt: &mut Verdict,
    ) -> Result<Option<Outcome>, Outcome> {
        if let Some(outcome) = self.written_before(inbound, None, learnt).await? {
            return Ok(Some(outcome));
        }
        let event = context.event.id;
        let body = render(&self.mappings.for_opening(event, self.clock.now()), mapping, context)?;
        let line = self.line_for(inbound.claim.conversation.as_ref());
        let ticket = NewTicket { event, body: &body, settings: line.map(|line| &line.tickets) };
        match self.desk.open(&ticket).await {
            Ok(written) => {
                self.mappings.opened(event);
                learnt.changes.extend([Change::Requester(requester), Change::NotOpened]);
                let outcome = self.wrote(&written, Some(inbound.written), learnt);
                learnt.changes.extend(written.comment_id.map(|only| Change::OpenedWith(written.ticket.id, only)));
                Ok(Some(outcome))
            }
            // The remembered requester may have been merged into another user since: the customer is looked for
            // afresh, once.
            Err(Failure::GiveUp { .. }) if inbound.remembers(requester) && facts.requester_gone() => Ok(None),
            Err(failure) => {
                let is_sure = !matches!(failure, Failure::Broke { .. } | Failure::Lose { .. })
                    && !matches!(failure, Failure::IdempotencyMismatch { .. });
                // An earlier attempt stays in doubt.
                if is_sure && self.openings().in_doubt(inbound.claim).is_none() {
                    learnt.changes.push(Change::NotOpened);
                }
                Err(self.outcome(failure, End::Desk))
            }
        }
    }

    /// Adds the text to a ticket; `None` when the ticket takes no more texts or has changed, or when the requester
    /// has to be looked for again.
    async fn append(
        &self,
        inbound: &Inbound<'_>,
        append: Append,
        facts: &mut Facts,
        learnt: &mut Verdict,
    ) -> Result<Option<Outcome>, Outcome> {
        let Append { requester, ticket, unchanged_since, tagging } = append;
        if let Some(outcome) = self.written_before(inbound, Some(ticket), learnt).await? {
            return Ok(Some(outcome));
        }
        self.openings().learn_opened(inbound.claim, ticket).await?;
        let body = self.render(Name::AppendComment, &inbound.appending(requester, ticket))?;
        if inbound.current_ticket() != Some(ticket) {
            // Should the answer be lost, this ticket is searched for the text.
            self.openings().learn_first(inbound.claim, vec![Change::MayStandOn(ticket)]).await?;
            // A ticket that lacks the tag is read again first.
            if tagging.is_none() {
                learnt.changes.push(Change::Ticket(ticket, TicketStatus::Open, self.clock.now()));
            }
        }
        let addition = Addition { tagging: tagging.as_ref(), unchanged_since, ..Addition::text(&body) };
        match self.desk.add(ticket, &addition).await {
            Ok(written) => {
                learnt.changes.push(Change::Requester(requester));
                let outcome = self.wrote(&written, Some(inbound.written), learnt);
                self.owners().keep_or_leave(inbound.claim, &written, Some(requester), learnt).await;
                Ok(Some(outcome))
            }
            Err(Failure::Closed { .. }) => {
                facts.ticket_closed();
                Ok(None)
            }
            Err(Failure::Changed { .. }) => {
                facts.ticket_changed();
                Ok(None)
            }
            Err(Failure::NotFound { .. }) => {
                learnt.changes.push(Change::TicketGone(ticket));
                facts.ticket_gone();
                Ok(None)
            }
            Err(Failure::GiveUp { .. }) if self.is_full(ticket).await? => {
                facts.ticket_full();
                Ok(None)
            }
            Err(Failure::GiveUp { .. }) if inbound.remembers(requester) && facts.requester_gone() => Ok(None),
            Err(failure) => Err(self.outcome(failure, End::Desk)),
        }
    }

    /// Whether a ticket has refused a comment because it has as many as the desk takes.
    async fn is_full(&self, ticket: TicketId) -> Result<bool, Outcome> {
        match self.desk.ticket(ticket).await {
            Ok(ticket) => Ok(ticket.is_full),
            Err(Failure::NotFound { .. }) => Ok(false),
            Err(failure) => Err(self.outcome(failure, End::Desk)),
        }
    }

    /// The outcome where an earlier attempt has left the text on the ticket, or on an earlier ticket of the
    /// conversation, although the desk called it failed: an error may come after the commit. A first attempt need not
    /// ask.
    async fn written_before(
        &self,
        inbound: &Inbound<'_>,
        ticket: Option<TicketId>,
        learnt: &mut Verdict,
    ) -> Result<Option<Outcome>, Outcome> {
        let Some(head) = inbound.claim.work.first().filter(|head| head.delivery.attempts > 0) else { return Ok(None) };
        let candidates = recent_tickets(inbound.claim).into_iter().chain(ticket);
        let found = own_writes::find(self.desk.as_ref(), candidates, head.delivery.id).await;
        let found = found.map_err(|failure| self.outcome(failure, End::Desk))?;
        let Some(written) = found else { return Ok(None) };
        let outcome = self.wrote(&written, Some(inbound.written), learnt);
        learnt.changes.push(Change::OpenedInDoubt(head.delivery.id));
        self.owners().keep_or_leave(inbound.claim, &written, requester_of(inbound.claim), learnt).await;
        Ok(Some(outcome))
    }

    /// Notes the changes that a write on a ticket teaches. `text` is the comment's text where it is the customer's.
    pub(in crate::worker) fn wrote(
        &self,
        written: &Written,
        text: Option<&CommentText>,
        learnt: &mut Verdict,
    ) -> Outcome {
        let ticket = written.ticket.id;
        learnt.changes.push(Change::Ticket(ticket, written.ticket.status, self.clock.now()));
        learnt.changes.extend(own_comment(written));
        if let Some(text) = text {
            learnt.changes.push(Change::Wrote(fingerprint(&text.plain)));
            let lost = text.lacks_picture.then(|| notes::picture_lost(ticket, self.clock.now()));
            learnt.besides.extend(lost);
        }
        if let Some(comment) = written.comment_id {
            learnt.changes.push(Change::Stands(ticket, comment));
            return Outcome::Deliver { receipt: format!("ticket {ticket}, comment {comment}") };
        }
        Outcome::Deliver { receipt: format!("ticket {ticket}") }
    }

    /// Notes on the open ticket that the customer opted in or out, or asked for help, with the typed word. An agent
    /// may have asked for that very word, so the ticket opens unless the customer opted out.
    ///
    /// `None` where a call for help finds no open ticket: it is then a text like any other. The subscription was
    /// noted when the keyword was accepted, and opens no ticket.
    async fn note_keyword(
        &self,
        claim: &Claim,
        keyword: Keyword,
        word: &str,
        learnt: &mut Verdict,
    ) -> Result<Option<Outcome>, Outcome> {
        let nowhere = || {
            let skip = Outcome::Skip { reason: "noted; there is no open ticket to say so on".to_owned() };
            (keyword != Keyword::Help).then_some(skip)
        };
        let known = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
        let ticket = match known {
            Some(ticket) => Some((ticket.id, ticket.status)),
            None => self.owners().own_open_ticket(claim).await?,
        };
        let Some((ticket, _)) = ticket.filter(|(_, status)| status.is_unsolved()) else { return Ok(nowhere()) };
        let note = Note::fact(ticket, Saying::of_keyword(keyword, word));
        let words = self.mappings_for(claim).say([&note], self.carrier.vendor());
        let status = (keyword != Keyword::OptOut).then_some(TicketStatus::Open);
        if let Some(outcome) = self.noted_before(claim, ticket).await? {
            return Ok(Some(outcome));
        }
        self.openings().learn_opened(claim, ticket).await?;
        let body =
            self.render(Name::KeywordNote, &crate::worker::context::keyword_note(claim, &note, &words, status))?;
        match self.desk.add(ticket, &Addition::text(&body)).await {
            Ok(written) => {
                let outcome = self.wrote(&written, None, learnt);
                self.owners().keep_or_leave(claim, &written, requester_of(claim), learnt).await;
                Ok(Some(outcome))
            }
            Err(Failure::Closed { .. } | Failure::NotFound { .. }) => Ok(nowhere()),
            Err(Failure::GiveUp { .. }) if self.is_full(ticket).await? => Ok(nowhere()),
            Err(failure) => Err(self.outcome(failure, End::Desk)),
        }
    }

    /// The ticket that the text names. One that a talk names may have another requester by now, so it is believed only
    /// where no ticket of the conversation is known and its requester has the customer's number or ids.
    async fn named_ticket(
        &self,
        claim: &Claim,
        text: &CustomerText,
        customer: &Customer,
    ) -> Result<Option<TicketId>, Outcome> {
        let is_of_talk = self.lines.knows_by(self.ends.carrier) == By::Thread;
        let Some(ticket) = text.ticket_id.filter(|_| is_of_talk) else { return Ok(text.ticket_id) };
        if claim.conversation.as_ref().is_some_and(|known| known.ticket.is_some()) {
            return Ok(None);
        }
        match self.desk.ticket(ticket).await {
            Ok(view) => Ok(self.customers().may_be(&view, customer, self.ends.carrier).then_some(ticket)),
            Err(Failure::NotFound { .. }) => Ok(None),
            Err(failure) => Err(self.outcome(failure, End::Desk)),
        }
    }

    /// The texts' customer: the conversation's, completed by this text. For a text that names only a ticket, and one
    /// that the bridge does not know, the desk tells the customer.
    async fn customer_of(&self, claim: &Claim, text: &CustomerText, learnt: &mut Verdict) -> Result<Customer, Outcome> {
        if let Some(ticket) = text.ticket_id.filter(|_| claim.key.is_provisional()) {
            let asked_at = self.clock.now();
            return match self.desk.ticket(ticket).await {
                Ok(view) => match self.finder().adopt(&view, None, false, asked_at, learnt).await? {
                    Behind::Found => Err(self.finder().found()),
                    // The requester is a user without a name at the carrier. The text can still be added to their ticket.
                    Behind::Nameless(_) => Ok(Customer::default()),
                },
                Err(Failure::NotFound { .. }) => Err(Outcome::GiveUp {
                    cause: format!("the text names ticket {ticket}, which does not exist, and no customer"),
                }),
                Err(failure) => Err(self.outcome(failure, End::Desk)),
            };
        }
        let known = claim.conversation.as_ref().map(|conversation| conversation.customer.clone());
        let mut customer = known.unwrap_or_default();
        customer.update(&text.customer);
        Ok(customer)
    }
}

/// Whether the step writes the text, with its pictures.
fn writes(step: &Step) -> bool {
    matches!(step, Step::Open { .. } | Step::FollowUp { .. } | Step::Append { .. })
}

fn known(ticket: &TicketView) -> KnownTicket {
    KnownTicket {
        id: ticket.id,
        status: Some(ticket.status),
        since: ticket.updated_at,
        fresh: true,
        stamp: None,
        merged: ticket.merged,
        requester: Some(ticket.requester_id),
        read: true,
        tagging: ticket.tagging(),
    }
}
