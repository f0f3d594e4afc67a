//! From the ticket to the phone: reads what agents wrote, and texts it, whole.

use std::time::Duration;

use crate::clients::Failure;
use crate::clients::braze::Recipient;
use crate::clients::zendesk::{COMMENTS_AT_ONCE, CommentView};
use crate::domain::conversation::{Change, Conversation, Forwarded, Subscription, TicketStatus};
use crate::domain::delivery::Outcome;
use crate::domain::event::{
    AgentReply, CommentId, Destination, Event, EventKind, PhoneText, TicketChange, TicketId, UserId,
};
use crate::domain::reading::{Counted, Shown};
use crate::domain::refusals::Object;
use crate::domain::retry::later;
use crate::domain::text::{self, RecipeMessage};
use crate::mapping::{Context, Name};
use crate::store::{Claim, StoreError};

use super::context::{self, Part};
use super::identify::NOT_THEIRS;
use super::notes::not_theirs;
use super::{Learnt, Worker};

/// How long a comment may take to become readable after its webhook. Then it is not held against what is readable.
const COMMENT_LAG_MAX: Duration = Duration::from_secs(60);

/// What Braze carries in one text. Source: Braze's billing calculator page, "10 segments".
const SEGMENTS_MAX: usize = 10;

/// How soon a reply on an unknown ticket is looked at again while a text of its customer is on the way.
const OPENING_WAIT: Duration = Duration::from_secs(1);

impl Worker {
    /// Answers the doorbell: every public comment by an agent that is newer than the last one forwarded becomes a text
    /// of its own, oldest first, in the place of the doorbell.
    pub(super) async fn read_replies(
        &self,
        claim: &Claim,
        reply: &AgentReply,
        learnt: &mut Learnt,
    ) -> Result<Outcome, Outcome> {
        let read = self.identify(claim, reply.ticket_id, reply.external_user_id.as_deref(), learnt).await?;
        let told = reply.requester_id.or(read);
        let now = self.clock.now();
        let conversation = claim.conversation.as_ref();
        learnt.changes.extend(reply.caught_up.map(|seen| Change::Sighted(reply.ticket_id, seen)));
        if reply.caught_up.is_some_and(|seen| seen.merged) {
            self.follow(claim, reply.ticket_id, learnt).await?;
        }
        // Where replies came with their text, which of the comments went out is not known: then only the named one can
        // be new.
        let is_unnumbered = conversation.is_some_and(|known| known.replies_unnumbered);
        if is_unnumbered && reply.comment_id.is_none() {
            return Ok(Outcome::Skip {
                reason: "replies here come with their text; none can be told to be new".into(),
            });
        }
        let forwarded = conversation.and_then(|known| known.forwarded_on(reply.ticket_id));
        if forwarded.is_none() && !is_unnumbered {
            self.wait_for_opening(claim, reply.ticket_id).await?;
        }
        if reply.comment_id.zip(forwarded).is_some_and(|(comment, forwarded)| forwarded.covers(comment)) {
            return Ok(Outcome::Skip { reason: "the comment was forwarded already".to_owned() });
        }
        // A comment that became readable late lies before the last one forwarded.
        let after = forwarded.map(|forwarded| forwarded.up_to);
        let after = after.filter(|after| reply.comment_id.is_none_or(|comment| comment > *after));
        let comments = match self.zendesk.comments_after(reply.ticket_id, after).await {
            Ok(comments) => comments,
            Err(Failure::NotFound { .. }) => {
                return Ok(Outcome::Skip { reason: format!("ticket {} does not exist", reply.ticket_id) });
            }
            Err(failure) => return Err(self.outcome(failure, Destination::Zendesk)),
        };
        let missing = reply.comment_id.filter(|named| comments.iter().all(|comment| comment.id != *named));
        let rang_at = claim.work.first().map_or(now, |head| head.event.received_at);
        if missing.is_some() && now < later(rang_at, COMMENT_LAG_MAX) {
            return Err(Outcome::Retry { cause: "Zendesk does not show the comment yet".to_owned(), after: None });
        }
        let forwarded = forwarded.filter(|_| !is_unnumbered);
        let mut due = owed(&comments, reply.comment_id, forwarded, conversation.and_then(|known| known.requester_id));
        // A reply that is not texted here is over all the same: a later requester must not get it.
        let foreign = self.take_foreign(claim, reply, told, &mut due, learnt).await?;
        if let Some(newest) = due.iter().chain(&foreign).map(|comment| comment.id).max() {
            let ids = due.iter().chain(&foreign).map(|comment| comment.id).collect();
            learnt.changes.push(Change::Forwarded(reply.ticket_id, newest, ids));
        }
        learnt.changes.extend(what_was_read(reply, after, &comments));
        learnt.instead = due
            .iter()
            .map(|comment| Event { received_at: now, kind: EventKind::PhoneText(text_of(reply, comment)) })
            .collect();
        if let Some(missing) = missing.filter(|_| learnt.instead.is_empty() && foreign.is_empty()) {
            return Err(Outcome::Reject { cause: format!("Zendesk does not show comment {missing}") });
        }
        match learnt.instead.len() {
            0 if !foreign.is_empty() => Ok(Outcome::Skip { reason: NOT_THEIRS.to_owned() }),
            0 => Ok(Outcome::Skip { reason: "no public comment by an agent is new".to_owned() }),
            count => Ok(Outcome::Done { receipt: format!("{count} to text") }),
        }
    }

    /// Lets a reply on a ticket of which nothing is known wait while a text of its customer is on the way to Zendesk: that
    /// may be the very text that opened the ticket, with its answer lost. Once it is found there, every reply after it is
    /// known to be new, and they go in order.
    async fn wait_for_opening(&self, claim: &Claim, ticket: TicketId) -> Result<(), Outcome> {
        let retry = |error: StoreError| Outcome::Retry { cause: error.to_string(), after: None };
        let now = self.clock.now();
        // Asked in this order: what is done by the first answer is known by the second.
        let until = if self.store.is_waiting(Destination::Zendesk, &claim.key).await.map_err(retry)? {
            later(now, OPENING_WAIT)
        } else {
            let known = self.store.conversation(&claim.key).await.map_err(retry)?;
            if known.is_none_or(|known| known.forwarded_on(ticket).is_none()) {
                return Ok(());
            }
            now
        };
        // Nothing was tried, so it is no attempt.
        let cause = "the ticket may be one that is just being opened".to_owned();
        Err(Outcome::Postpone { cause, until, for_budget: false })
    }

    /// Takes out of what is due the comments that were written when the ticket was another customer's, and has the agent
    /// told. The doorbell's requester vouches for the comments up to the one that rang, or up to what the look saw; for
    /// later ones, and where no requester was told, the ticket is read: after its comments, so that a
    /// requester who was set before one of them is seen.
    async fn take_foreign<'a>(
        &self,
        claim: &Claim,
        reply: &AgentReply,
        told: Option<UserId>,
        due: &mut Vec<&'a CommentView>,
        learnt: &mut Learnt,
    ) -> Result<Vec<&'a CommentView>, Outcome> {
        let Some(told) = told else { return self.take_all_foreign(claim, reply, None, due, learnt).await };
        let ours = claim.conversation.as_ref().and_then(|known| known.requester_id);
        if ours != Some(told) {
            return self.take_all_foreign(claim, reply, Some(told), due, learnt).await;
        }
        let seen = reply.caught_up.map(|seen| seen.updated_at);
        let is_vouched_for = |comment: &CommentView| match reply.comment_id {
            Some(named) => comment.id <= named,
            None => comment.created_at.zip(seen).is_some_and(|(created_at, seen)| created_at <= seen),
        };
        let mut later: Vec<_> = due.iter().copied().filter(|comment| !is_vouched_for(comment)).collect();
        let foreign = self.take_all_foreign(claim, reply, None, &mut later, learnt).await?;
        due.retain(|comment| foreign.iter().all(|other| other.id != comment.id));
        Ok(foreign)
    }

    /// The same for comments of which none, or all, are another customer's.
    async fn take_all_foreign<'a>(
        &self,
        claim: &Claim,
        reply: &AgentReply,
        told: Option<UserId>,
        due: &mut Vec<&'a CommentView>,
        learnt: &mut Learnt,
    ) -> Result<Vec<&'a CommentView>, Outcome> {
        if due.is_empty() || self.is_theirs(claim, reply.ticket_id, told, learnt).await? {
            return Ok(Vec::new());
        }
        let ids: Vec<CommentId> = due.iter().map(|comment| comment.id).collect();
        learnt.besides.extend(not_theirs(reply.ticket_id, &ids, self.clock.now()));
        Ok(std::mem::take(due))
    }

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
        // A drop-in body names its customer, and a comment was read from a ticket that is known: only a bare text has
        // to be shown to belong to a text conversation.
        if let Some(ticket) = text.ticket_id.filter(|_| text.recipe.is_none() && text.comment_id.is_none()) {
            let read = self.identify(claim, ticket, text.external_user_id.as_deref(), learnt).await?;
            if !self.is_theirs(claim, ticket, text.requester_id.or(read), learnt).await? {
                learnt.besides.extend(not_theirs(ticket, &[], now));
                return Ok(Outcome::Skip { reason: NOT_THEIRS.to_owned() });
            }
        }
        let recipient =
            recipient_of(claim).ok_or_else(|| Outcome::Reject { cause: "nobody to text is known".to_owned() })?;
        self.may_text(claim, &recipient).await?;
        learn_from_recipe(conversation, text, now, learnt);
        if text.comment_id.is_none() {
            learnt.changes.push(Change::RepliedUnnumbered);
        }
        let parts = self.split(text);
        if parts.is_empty() {
            return Ok(Outcome::Skip { reason: "the reply has neither text nor attachments".to_owned() });
        }
        self.send_parts(claim, Name::AgentReply, &recipient, &parts, text, learnt).await
    }

    /// Texts the closing words, where they are configured, and remembers that the ticket is solved.
    pub(super) async fn send_closing_text(
        &self,
        claim: &Claim,
        change: &TicketChange,
        learnt: &mut Learnt,
    ) -> Result<Outcome, Outcome> {
        Self::note_status(claim, change.ticket_id, TicketStatus::Solved, learnt);
        let known = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
        if known.is_some_and(|ticket| ticket.id == change.ticket_id && ticket.closing_told) {
            return Ok(Outcome::Skip { reason: "the customer was told already that it is solved".to_owned() });
        }
        if self.options.ticket_solved_campaign.is_none() {
            return Ok(Outcome::Skip { reason: "noted; no closing text is configured".to_owned() });
        }
        let read = self.identify(claim, change.ticket_id, change.external_user_id.as_deref(), learnt).await?;
        let Some(recipient) = recipient_of(claim) else {
            return Ok(Outcome::Skip { reason: "nobody to text is known".to_owned() });
        };
        if let Err(refused) = self.may_text(claim, &recipient).await {
            // The agent is told when a reply is not sent; the closing text alone is not worth a note.
            return if let Outcome::Reject { cause } = refused {
                Ok(Outcome::Skip { reason: cause })
            } else {
                Err(refused)
            };
        }
        // The agent who gave the ticket to another customer knows; the closing text alone is not worth a note.
        if !self.is_theirs(claim, change.ticket_id, change.requester_id.or(read), learnt).await? {
            return Ok(Outcome::Skip { reason: NOT_THEIRS.to_owned() });
        }
        let text = context::closing(change);
        let sent = self.send_parts(claim, Name::TicketSolved, &recipient, &[String::new()], &text, learnt).await?;
        learnt.changes.push(Change::ClosingTold(change.ticket_id));
        Ok(sent)
    }

    /// Remembers that the ticket is open again.
    pub(super) fn note_reopened(claim: &Claim, change: &TicketChange, learnt: &mut Learnt) -> Outcome {
        Self::note_status(claim, change.ticket_id, TicketStatus::Open, learnt);
        Outcome::Done { receipt: "noted".to_owned() }
    }

    fn note_status(claim: &Claim, ticket: TicketId, status: TicketStatus, learnt: &mut Learnt) {
        let current = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
        if current.is_some_and(|current| current.id == ticket) {
            learnt.changes.push(Change::Status(ticket, status));
        }
    }

    /// Sends the parts that are not known to be out, in order, and stops at the first that fails.
    async fn send_parts(
        &self,
        claim: &Claim,
        mapping: Name,
        recipient: &Recipient,
        parts: &[String],
        text: &PhoneText,
        learnt: &mut Learnt,
    ) -> Result<Outcome, Outcome> {
        let Some(head) = claim.work.first() else {
            return Err(Outcome::Reject { cause: "an empty claim".to_owned() });
        };
        let of = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let mut receipts = Vec::new();
        for (number, words) in (1..=of).zip(parts) {
            if number <= head.delivery.parts_sent {
                continue;
            }
            let part = Part { id: head.delivery.id, number, of };
            let context = self.outbound_context(claim, mapping, recipient, text, words, &part);
            let body = self.render(mapping, &context)?;
            let sent = match self.braze.trigger_send(&body).await {
                Ok(sent) => sent,
                Err(failure) => return Err(self.not_sent(text, failure)),
            };
            learnt.parts_sent = Some(number);
            receipts.push(sent.dispatch_id.unwrap_or_else(|| "queued".to_owned()));
        }
        Ok(Outcome::Done { receipt: format!("dispatch {}", receipts.join(", ")) })
    }

    /// What a send that failed means for the delivery.
    fn not_sent(&self, text: &PhoneText, failure: Failure) -> Outcome {
        let destination = Destination::Braze;
        match (failure, &text.recipe) {
            // The campaign that a drop-in body names is its own affair: no other text waits for it.
            (Failure::Forbidden { cause, status: 403, .. }, Some(recipe)) => {
                Outcome::Forbid { destination, object: Object::Campaign(recipe.campaign_id.clone()), cause }
            }
            (Failure::Forbidden { cause, .. }, Some(_)) => Outcome::Reject { cause },
            // Every text goes through the configured campaign, so its refusal is one of the account.
            (Failure::Forbidden { cause, object: Object::Campaign(_), .. }, None) => {
                Outcome::Pause { destination, cause }
            }
            (failure, _) => self.outcome(failure, destination),
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
    ) -> Context {
        let campaign = match (&text.recipe, mapping, &self.options.ticket_solved_campaign) {
            (Some(recipe), ..) => recipe.campaign_id.clone(),
            (None, Name::TicketSolved, Some(campaign)) => campaign.clone(),
            (None, ..) => self.options.agent_reply_campaign.clone(),
        };
        let third_line = text.recipe.is_some() && self.options.recipe_message == RecipeMessage::ThirdLine;
        let msg_body = if third_line { text::third_line(words) } else { words.to_owned() };
        context::outbound(claim, recipient, text, words, msg_body, campaign, part)
    }

    /// The text and the links to its attachments, in parts that Braze carries. The same for every attempt. A picture
    /// within the text is an attachment to Zendesk as well, so its address may stand in the text already.
    fn split(&self, text: &PhoneText) -> Vec<String> {
        let links = text.attachments.iter().map(|attachment| attachment.url.as_str());
        let links = links.filter(|link| !text.text.lines().any(|line| line == *link));
        let lines: Vec<&str> =
            std::iter::once(text.text.as_str()).filter(|text| !text.is_empty()).chain(links).collect();
        let whole = lines.join("\n");
        let whole = if self.options.gsm7 { text::to_gsm7(&whole) } else { whole };
        text::split(&whole, SEGMENTS_MAX)
    }

    /// In how many parts a text goes out.
    pub(super) fn parts_of(&self, kind: &EventKind) -> u32 {
        match kind {
            EventKind::PhoneText(text) => u32::try_from(self.split(text).len()).unwrap_or(u32::MAX),
            EventKind::CustomerText(_)
            | EventKind::AgentReply(_)
            | EventKind::TicketSolved(_)
            | EventKind::TicketReopened(_)
            | EventKind::Note(_)
            | EventKind::Unreadable(_) => 1,
        }
    }

    /// Whether the customer may be texted, by what we know, and by what Braze says where it is to be asked.
    async fn may_text(&self, claim: &Claim, recipient: &Recipient) -> Result<(), Outcome> {
        let opted_out = || Err(Outcome::Reject { cause: "the customer has opted out of texts".to_owned() });
        if claim.conversation.as_ref().is_some_and(|known| known.subscription == Subscription::Out) {
            return opted_out();
        }
        let Some(group) = &self.options.subscription_group else { return Ok(()) };
        match self.braze.subscription(group, recipient).await {
            Ok(Some(false)) => opted_out(),
            Ok(_) => Ok(()),
            Err(failure) => Err(self.outcome(failure, Destination::Braze)),
        }
    }
}

/// Whom to text: whom the webhook named, or else the conversation's customer.
pub(super) fn recipient_of(claim: &Claim) -> Option<Recipient> {
    let named = match &claim.work.first()?.event.kind {
        EventKind::PhoneText(text) => text.external_user_id.clone(),
        EventKind::TicketSolved(change) => change.external_user_id.clone(),
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => None,
    };
    let customer = claim.conversation.as_ref().map(|conversation| &conversation.customer);
    let external = named.or_else(|| customer?.external_id.clone()).map(Recipient::External);
    external.or_else(|| customer?.braze_id.clone().map(Recipient::Braze))
}

/// Which comments are to be texted, oldest first: the agents' public ones that are new; on a ticket that the bridge
/// did not know, the named one only.
///
/// So it is where the named one is older than what has been forwarded. Its doorbell may stand in the lane before texts of
/// later comments that have not gone yet (it may have waited under its ticket's name meanwhile), and what is newer than
/// those would overtake them in its place. It has a doorbell of its own, behind them.
///
/// What the requester wrote is the customer's, also where the customer is one of the staff who tries it out: their
/// texts must not come back to their own phone.
fn owed<'a>(
    comments: &'a [CommentView],
    named: Option<CommentId>,
    forwarded: Option<&Forwarded>,
    requester: Option<UserId>,
) -> Vec<&'a CommentView> {
    let public = comments
        .iter()
        .filter(|comment| comment.public && comment.author_is_agent.unwrap_or(true))
        .filter(|comment| requester != Some(comment.author_id));
    match (forwarded, named) {
        (Some(forwarded), named) => {
            let is_late = named.is_some_and(|named| named <= forwarded.up_to);
            public
                .filter(|comment| Some(comment.id) == named || (!is_late && comment.id > forwarded.up_to))
                .filter(|comment| !forwarded.covers(comment.id))
                .collect()
        }
        (None, Some(named)) => public.filter(|comment| comment.id == named).collect(),
        (None, None) => Vec::new(),
    }
}

/// What reading a ticket's comments after one of them, or its newest ones, teaches beside the replies.
fn what_was_read(reply: &AgentReply, after: Option<CommentId>, comments: &[CommentView]) -> Vec<Change> {
    let counted = comments.iter().map(|comment| Counted { id: comment.id, public: comment.public }).collect();
    let shown = Shown {
        comments: counted,
        whole: after.is_none() && comments.len() < COMMENTS_AT_ONCE,
        // A ring that names a comment reads for that one only where it is an old one.
        to: reply.caught_up.filter(|_| reply.comment_id.is_none()).and_then(|seen| seen.all_there_to),
    };
    let written_at = comments.iter().filter_map(|comment| comment.created_at).max();
    let stamp = written_at.map(|at| Change::Stamp(reply.ticket_id, at));
    std::iter::once(Change::Read(reply.ticket_id, shown)).chain(stamp).collect()
}

/// The text that a comment becomes.
fn text_of(reply: &AgentReply, comment: &CommentView) -> PhoneText {
    PhoneText {
        ticket_id: Some(reply.ticket_id),
        comment_id: Some(comment.id),
        external_user_id: reply.external_user_id.clone(),
        requester_id: reply.requester_id,
        text: text::plain_from_html(&comment.html_body),
        agent_name: comment.author_name.clone(),
        attachments: comment.attachments.clone(),
        recipe: None,
        caught_up: reply.caught_up.is_some(),
    }
}

/// A drop-in trigger tells the ticket and whether it is open in the attributes that it writes to the profile.
fn learn_from_recipe(conversation: Option<&Conversation>, text: &PhoneText, now: jiff::Timestamp, learnt: &mut Learnt) {
    let Some(recipe) = &text.recipe else { return };
    let current = conversation.and_then(|conversation| conversation.ticket.as_ref()).map(|ticket| ticket.id);
    // The published bodies write a word where a truth value is meant.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reading::Reading;

    const AGENT: UserId = UserId(7);
    const CUSTOMER: UserId = UserId(8);

    fn comment(id: u64, author_id: UserId) -> CommentView {
        CommentView {
            id: CommentId(id),
            author_id,
            author_is_agent: Some(author_id == AGENT),
            author_name: None,
            public: true,
            html_body: String::new(),
            plain_body: String::new(),
            attachments: Vec::new(),
            created_at: None,
        }
    }

    /// What a doorbell takes of a ticket that the customer opened with 1 and on which agents wrote 2 to 5, after these
    /// were forwarded.
    fn taken(named: Option<u64>, up_to: u64, recent: &[u64]) -> Vec<u64> {
        let mut comments = vec![comment(1, CUSTOMER)];
        comments.extend((2..=5).map(|id| comment(id, AGENT)));
        let recent = recent.iter().copied().map(CommentId).collect();
        let forwarded =
            Forwarded { ticket_id: TicketId(1), up_to: CommentId(up_to), recent, reading: Reading::default() };
        let due = owed(&comments, named.map(CommentId), Some(&forwarded), Some(CUSTOMER));
        due.iter().map(|comment| comment.id.0).collect()
    }

    #[test]
    fn a_doorbell_takes_everything_that_is_new_along() {
        assert_eq!(taken(Some(4), 2, &[2]), [3, 4, 5]);
        assert_eq!(taken(None, 2, &[2]), [3, 4, 5]);
    }

    #[test]
    fn a_late_doorbell_takes_nothing_that_is_newer_than_what_already_waits_behind_it() {
        assert_eq!(taken(Some(1), 2, &[2]), Vec::<u64>::new());
        assert_eq!(taken(Some(2), 3, &[3]), [2]);
    }
}
