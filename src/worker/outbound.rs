//! From the ticket to the phone: texts agents' replies, whole, and the closing words. It never reads comments;
//! [`super::replies`] does.

use crate::domain::account::End;
use crate::domain::cause;
use crate::domain::conversation::{Change, Conversation, Subscription, TicketStatus};
use crate::domain::delivery::{Fate, Outcome, receipt_of};
use crate::domain::event::{PhoneText, TicketChange, TicketId};
use crate::domain::outgoing::Recipient;
use crate::domain::parts;
use crate::domain::refusals::Object;
use crate::domain::retry::OnUnconfirmed;
use crate::domain::text::{self, RecipeMessage};
use crate::mapping::{Context, Name};
use crate::ports::Failure;
use crate::store::{Claim, Work};

use super::claimed::recipient_of;
use super::context::{self, Part};
use super::report::Learnt;
use super::theirs::NOT_THEIRS;
use super::{Worker, notes};

impl Worker {
    /// Texts one message, part by part.
    pub(super) async fn send_text(
        &self,
        claim: &Claim,
        text: &PhoneText,
        learnt: &mut Learnt,
    ) -> Result<Outcome, Outcome> {
        let now = self.clock.now();
        let conversation = claim.conversation.as_ref();
        let came_at = claim.work.first().map_or(now, |head| head.event.received_at);
        if text.comment_id.is_none() && conversation.is_some_and(|known| known.is_echo(&text.text, came_at)) {
            return Ok(Outcome::Skip { reason: "our own comment coming back".to_owned() });
        }
        // A drop-in body names its customer, and a comment was read from a known ticket. Only a bare text has to be
        // shown to belong to a text conversation.
        if let Some(ticket) = text.ticket_id.filter(|_| text.recipe.is_none() && text.comment_id.is_none()) {
            let read = self.identify(claim, ticket, text.external_user_id.as_deref(), learnt).await?;
            if !self.is_theirs(claim, ticket, text.requester_id.or(read), learnt).await? {
                learnt.besides.push(notes::not_theirs(ticket, &[], now));
                return Ok(Outcome::Skip { reason: NOT_THEIRS.to_owned() });
            }
        }
        let recipient = recipient_of(claim).ok_or_else(|| Outcome::GiveUp { cause: cause::NO_RECIPIENT.to_owned() })?;
        self.may_text(claim, &recipient, learnt).await?;
        if self.may_be_out(claim, text) {
            let cause = "it may have been texted before the store was put back from a backup".to_owned();
            return Err(Outcome::Lose { cause });
        }
        learn_from_recipe(conversation, text, now, learnt);
        if text.comment_id.is_none() {
            learnt.changes.push(Change::RepliedUnnumbered);
        }
        let parts = parts::of(text, self.cut_for(conversation));
        if parts.is_empty() {
            learnt.besides.extend(text.ticket_id.map(|ticket| notes::empty(ticket, text, now)));
            return Ok(Outcome::Skip { reason: "the reply has neither text nor attachments".to_owned() });
        }
        self.may_go(claim, text, learnt).await?;
        self.send_parts(claim, Name::AgentReply, &recipient, &parts, text, learnt).await
    }

    /// Texts the closing words, where they are configured, behind every reply that is owed, and remembers that the
    /// ticket is solved. Zendesk promises no order of its webhooks: the reply's webhook may be late, or lost.
    pub(super) async fn send_closing_text(
        &self,
        claim: &Claim,
        change: &TicketChange,
        learnt: &mut Learnt,
    ) -> Result<Outcome, Outcome> {
        if Self::has_written_since(claim) {
            return Ok(Outcome::Skip { reason: "the customer has written since".to_owned() });
        }
        Self::note_status(claim, change.ticket_id, TicketStatus::Solved, learnt);
        let known = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
        if known.is_some_and(|ticket| ticket.id == change.ticket_id && ticket.closing_told) {
            return Ok(Outcome::Skip { reason: "the customer was told already that it is solved".to_owned() });
        }
        if self.line_of(claim)?.forms.ticket_solved.is_none() {
            return Ok(Outcome::Skip { reason: "noted; no closing text is configured".to_owned() });
        }
        let read = self.identify(claim, change.ticket_id, change.external_user_id.as_deref(), learnt).await?;
        let Some(recipient) = recipient_of(claim) else {
            return Ok(Outcome::Skip { reason: cause::NO_RECIPIENT.to_owned() });
        };
        if let Err(refused) = self.may_text(claim, &recipient, learnt).await {
            // The agent is told when a reply is not sent; the closing text alone is not worth a note.
            return if let Outcome::GiveUp { cause } = refused {
                Ok(Outcome::Skip { reason: cause })
            } else {
                Err(refused)
            };
        }
        // The agent who gave the ticket to another customer knows; the closing text alone is not worth a note.
        let told = change.requester_id.or(read);
        if !self.is_theirs(claim, change.ticket_id, told, learnt).await? {
            return Ok(Outcome::Skip { reason: NOT_THEIRS.to_owned() });
        }
        if let Some(later) = self.replies_before_closing(claim, change, told, learnt).await? {
            return Ok(later);
        }
        if !self.is_open(claim)? {
            let reason = "the customer last wrote too long ago for a closing text".to_owned();
            return Ok(Outcome::Skip { reason });
        }
        let text = context::closing(change);
        let sent = self.send_parts(claim, Name::TicketSolved, &recipient, &[String::new()], &text, learnt).await?;
        learnt.changes.push(Change::ClosingTold(change.ticket_id));
        Ok(sent)
    }

    /// Remembers that the ticket is open again.
    pub(super) fn note_reopened(claim: &Claim, change: &TicketChange, learnt: &mut Learnt) -> Outcome {
        Self::note_status(claim, change.ticket_id, TicketStatus::Open, learnt);
        Outcome::Deliver { receipt: "noted".to_owned() }
    }

    fn note_status(claim: &Claim, ticket: TicketId, status: TicketStatus, learnt: &mut Learnt) {
        let current = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
        if current.is_some_and(|current| current.id == ticket) {
            learnt.changes.push(Change::Status(ticket, status));
        }
    }

    /// Sends the parts that are not known to be out, in order, and stops at the first that fails.
    ///
    /// Where a text in doubt is never sent again, each part is recorded before the next one goes: should the bridge
    /// die, one part is in doubt and none is behind it.
    pub(super) async fn send_parts(
        &self,
        claim: &Claim,
        mapping: Name,
        recipient: &Recipient,
        parts: &[String],
        text: &PhoneText,
        learnt: &mut Learnt,
    ) -> Result<Outcome, Outcome> {
        let Some(head) = claim.work.first() else {
            return Err(Outcome::GiveUp { cause: "an empty claim".to_owned() });
        };
        let of = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let mut dispatches = Vec::new();
        for (number, words) in (1..=of).zip(parts) {
            if number <= head.delivery.parts_sent {
                continue;
            }
            let part = Part { id: head.delivery.id, number, of };
            let context = self.outbound_context(claim, mapping, recipient, text, words, &part)?;
            let body = self.render(mapping, &context)?;
            let sent = match self.carrier.send(&body).await {
                Ok(sent) => sent,
                Err(failure) => return Err(self.not_sent(text, failure)),
            };
            learnt.parts_sent = Some(number);
            if number < of && self.options.on_unconfirmed == OnUnconfirmed::Hold {
                let cause = format!("part {number} of {of} is out");
                return Err(Outcome::Postpone { cause, until: self.clock.now(), for_budget: false });
            }
            dispatches.push(sent.dispatch);
        }
        Ok(Outcome::Deliver { receipt: receipt_of(&dispatches) })
    }

    /// Whether a reply may have been texted in a time that the store has lost, so that sending it is the operator's
    /// decision. A receipt of that time names a delivery that the store does not know any more.
    fn may_be_out(&self, claim: &Claim, text: &PhoneText) -> bool {
        let Some(lost) = self.store.lost_time().filter(|_| text.comment_id.is_some()) else { return false };
        let is_older = text.written_at.is_none_or(|written_at| written_at <= lost.until);
        let is_put_back = |work: &Work| work.delivery.history.iter().any(|entry| entry.what == Fate::Redriven);
        is_older && self.options.on_unconfirmed == OnUnconfirmed::Hold && !claim.work.iter().any(is_put_back)
    }

    /// The outcome of a send that failed.
    fn not_sent(&self, text: &PhoneText, failure: Failure) -> Outcome {
        let account = self.ends.carrier;
        match (failure, &text.recipe) {
            // A campaign that a drop-in body names is that body's affair: no other text waits for it.
            (Failure::Forbid { cause, status: 403, .. }, Some(recipe)) => {
                Outcome::Forbid { account, object: Object::Campaign(recipe.campaign_id.clone()), cause }
            }
            (Failure::Forbid { cause, .. }, Some(_)) => Outcome::GiveUp { cause },
            (Failure::Broke { cause, .. }, _) if self.options.on_unconfirmed == OnUnconfirmed::Hold => {
                Outcome::Lose { cause }
            }
            // Every text goes through the configured campaign, so its refusal concerns the account.
            (Failure::Forbid { cause, object: Object::Campaign(_), .. }, None) => Outcome::Pause { account, cause },
            (failure, _) => self.outcome(failure, End::Carrier),
        }
    }

    fn outbound_context(
        &self,
        claim: &Claim,
        mapping: Name,
        recipient: &Recipient,
        text: &PhoneText,
        words: &str,
        part: &Part,
    ) -> Result<Context, Outcome> {
        let campaign = match &text.recipe {
            Some(recipe) => recipe.campaign_id.clone(),
            None => {
                let forms = &self.line_of(claim)?.forms;
                let other = match mapping {
                    Name::TicketSolved => forms.ticket_solved.as_ref(),
                    Name::Template => forms.template.as_ref(),
                    Name::AgentReply
                    | Name::OpenTicket
                    | Name::AppendComment
                    | Name::FollowUp
                    | Name::FailureNote
                    | Name::KeywordNote => None,
                };
                other.unwrap_or(&forms.agent_reply).clone()
            }
        };
        // A text that came without Zendesk's dashes is printed as it is by the campaign that it names.
        let is_framed = text.recipe.as_ref().is_some_and(|recipe| !recipe.plain);
        let third_line = is_framed && self.options.recipe_message == RecipeMessage::ThirdLine;
        let msg_body = if third_line { text::third_line(words) } else { words.to_owned() };
        Ok(context::outbound(claim, recipient, text, words, msg_body, campaign, part))
    }

    /// Checks that the customer may be texted. Where Braze is asked and knows, its answer counts and corrects the
    /// remembered state, because the customer may have opted in or out elsewhere. Otherwise the last keyword counts.
    pub(super) async fn may_text(
        &self,
        claim: &Claim,
        recipient: &Recipient,
        learnt: &mut Learnt,
    ) -> Result<(), Outcome> {
        let remembered = claim.conversation.as_ref().map(|known| known.subscription).unwrap_or_default();
        let asked_at = self.clock.now();
        let answer = match self.group_of(claim)? {
            Some(group) => self.carrier.takes_texts(group, recipient).await,
            None => Ok(None),
        };
        let answer = answer.map_err(|failure| self.outcome(failure, End::Carrier))?;
        // On a chat channel the carrier knows no keywords, so only the customer's own word opts them in again.
        let is_own_word = self.line_of(claim)?.channel.has_window() && remembered == Subscription::Out;
        let counts = match answer {
            Some(true) if is_own_word => Subscription::Out,
            Some(true) => Subscription::In,
            Some(false) => Subscription::Out,
            None => remembered,
        };
        if counts != remembered && (remembered, counts) != (Subscription::Unknown, Subscription::In) {
            learnt.changes.push(Change::SubscriptionAsked(counts, asked_at));
        }
        if counts == Subscription::Out {
            return Err(Outcome::GiveUp { cause: cause::OPTED_OUT.to_owned() });
        }
        Ok(())
    }
}

/// A drop-in trigger tells the ticket and whether it is open in the attributes that it writes to the profile.
fn learn_from_recipe(conversation: Option<&Conversation>, text: &PhoneText, now: jiff::Timestamp, learnt: &mut Learnt) {
    let Some(recipe) = &text.recipe else { return };
    let current = conversation.and_then(|conversation| conversation.ticket.as_ref()).map(|ticket| ticket.id);
    // The published bodies write a word in place of a boolean.
    let open = recipe.attributes.get("zendesk_ticket_open");
    let open = open.and_then(|open| open.as_bool().or_else(|| open.as_str()?.parse().ok()));
    let ticket = match (text.ticket_id, current) {
        (Some(named), None) => named,
        (Some(named), Some(current)) if named == current => named,
        (None, Some(current)) if open == Some(false) => current,
        _ => return,
    };
    let status = if open == Some(false) { TicketStatus::Solved } else { TicketStatus::Open };
    learnt.changes.push(Change::Ticket(ticket, status, now));
}
