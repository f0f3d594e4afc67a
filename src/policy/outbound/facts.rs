//! The facts that decide the step of a message to the phone, and the ways in which they grow. Never decides the step.

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::conversation::{Change, Conversation, Subscription, Window};
use crate::domain::delivery::{Delivery, Outcome};
use crate::domain::event::{CommentId, Event, EventKind, TicketId, UserId};
use crate::domain::line::{By, Line};
use crate::domain::note::{Note, Saying};
use crate::domain::outgoing::{Content, Origin, Outgoing, Recipient};
use crate::domain::parts::Cut;
use crate::domain::retry::OnUnconfirmed;

use super::step::Ending;

/// The bridge's settings for messages.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The carrier that sends.
    pub carrier: AccountId,
    /// The name by which it knows customers.
    pub by: By,
    /// The fate of a text that neither an answer nor a look has confirmed.
    pub on_unconfirmed: OnUnconfirmed,
    /// Whether typographic characters are replaced so that more texts fit the short alphabet.
    pub gsm7: bool,
    /// The address of the default line, where the carrier is asked on every line for the customer's consent.
    pub asks_on: Option<&'a str>,
    /// The end of a time that the store has lost, by being put back from a backup.
    pub lost_until: Option<Timestamp>,
}

/// The facts that decide the step of a message.
pub struct Facts<'a> {
    pub(super) now: Timestamp,
    pub(super) terms: Terms<'a>,
    pub(super) message: Outgoing<'a>,
    pub(super) came_at: Timestamp,
    pub(super) delivery: &'a Delivery,
    pub(super) conversation: Option<&'a Conversation>,
    pub(super) line: Option<&'a Line>,
    pub(super) to: Option<Recipient>,
    pub(super) parts: Vec<String>,
    /// Whether the text names a form of the carrier's, which goes at any time.
    pub(super) names_a_form: bool,
    pub(super) has_learnt: bool,
    pub(super) is_identified: bool,
    /// The requester whom the reading of an unknown ticket told.
    read: Option<UserId>,
    pub(super) is_theirs: Option<bool>,
    /// The carrier's answer: `Some(None)` where it does not know.
    pub(super) consent: Option<Option<bool>>,
    /// The comment that solved the ticket: `Some(None)` where there is none.
    pub(super) solved_with: Option<Option<CommentId>>,
    pub(super) owes_no_reply: bool,
    pub(super) out: u32,
    pub(super) dispatches: Vec<Option<String>>,
}

impl<'a> Facts<'a> {
    /// The facts before the first look. `came_at` is when the message's event was accepted.
    #[must_use]
    pub fn new(
        message: Outgoing<'a>,
        came_at: Timestamp,
        delivery: &'a Delivery,
        conversation: Option<&'a Conversation>,
        line: Option<&'a Line>,
        terms: Terms<'a>,
        now: Timestamp,
    ) -> Self {
        let of_line = || line.map_or(Cut::Segments { gsm7: terms.gsm7 }, |line| Cut::of(line, terms.gsm7));
        let cut = delivery.cut.unwrap_or_else(of_line);
        Self {
            now,
            terms,
            message,
            came_at,
            delivery,
            conversation,
            line,
            to: message.recipient(delivery.ends.carrier, terms.by, conversation.map(|known| &known.customer)),
            parts: message.parts(cut),
            names_a_form: false,
            has_learnt: false,
            is_identified: false,
            read: None,
            is_theirs: None,
            consent: None,
            solved_with: None,
            owes_no_reply: false,
            out: delivery.parts_sent,
            dispatches: Vec::new(),
        }
    }

    /// The text names a form of the carrier's: these words go whole, and no window shuts them out.
    pub fn names_a_form(&mut self, words: &str) {
        (self.names_a_form, self.parts) = (true, vec![words.to_owned()]);
    }

    /// The changes that the message tells of were learnt.
    pub fn learnt(&mut self) {
        self.has_learnt = true;
    }

    /// The ticket is known to be this conversation's. `read` is its requester, where it had to be read.
    pub fn identified(&mut self, read: Option<UserId>) {
        (self.is_identified, self.read) = (true, read);
    }

    /// Whether the ticket is still its customer's.
    pub fn whose_told(&mut self, is_theirs: bool) {
        self.is_theirs = Some(is_theirs);
    }

    /// The carrier has told, when asked at this time, whether the customer takes texts. Gives the change that this makes:
    /// the customer may have opted in or out elsewhere.
    pub fn consent_told(&mut self, answer: Option<bool>, asked_at: Timestamp) -> Option<Change> {
        let remembered = self.subscription();
        self.consent = Some(answer);
        let counts = self.subscription();
        let is_news = counts != remembered && (remembered, counts) != (Subscription::Unknown, Subscription::In);
        is_news.then_some(Change::SubscriptionAsked(counts, asked_at))
    }

    /// No reply is owed before the closing text.
    pub fn no_reply_owed(&mut self) {
        self.owes_no_reply = true;
    }

    /// The comment that came with the ticket's solution, if one did.
    pub fn solution_told(&mut self, comment: Option<CommentId>) {
        self.solved_with = Some(comment);
    }

    /// The next part is out, under the carrier's name for it.
    pub fn part_sent(&mut self, dispatch: Option<String>) {
        self.out = self.out.saturating_add(1);
        self.dispatches.push(dispatch);
    }

    /// The outcome for a message that cannot be sent.
    #[must_use]
    pub fn undeliverable(&self, cause: String) -> Outcome {
        match self.message.origin {
            Origin::Agent => Outcome::GiveUp { cause },
            Origin::Closing => Outcome::Skip { reason: cause },
        }
    }

    /// Whether the customer takes texts. Where the carrier knows, its answer counts, and otherwise their last keyword. On a
    /// chat channel the carrier knows no keywords, so only the customer's own word opts them in again.
    pub(super) fn subscription(&self) -> Subscription {
        let remembered = self.conversation.map(Conversation::takes_texts).unwrap_or_default();
        let is_chat = self.line.is_some_and(|line| line.channel.has_window());
        match self.consent.flatten() {
            Some(true) if is_chat && remembered == Subscription::Out => Subscription::Out,
            Some(true) => Subscription::In,
            Some(false) => Subscription::Out,
            None => remembered,
        }
    }

    pub(super) fn window(&self) -> Window {
        self.conversation.map(|known| known.window.clone()).unwrap_or_default()
    }

    pub(super) fn is_open(&self) -> bool {
        self.line.is_some_and(|line| self.window().is_open(line, self.now))
    }

    /// The ticket, where the message has to be shown to belong to its conversation: a drop-in body names its customer, and
    /// a comment was read from a known ticket.
    pub(super) fn doubtful_ticket(&self) -> Option<TicketId> {
        let is_doubtful = match self.message.content {
            Content::Text(text) => text.recipe.is_none() && text.comment_id.is_none(),
            Content::Fixed => true,
            Content::Template => false,
        };
        self.message.ticket.filter(|_| is_doubtful)
    }

    pub(super) fn told(&self) -> Option<UserId> {
        self.message.requester.or(self.read)
    }

    /// An outcome with a note for the agent, where the ticket is known.
    pub(super) fn noted(&self, outcome: Outcome, saying: Saying) -> Ending {
        let note = self.message.ticket.map(|ticket| EventKind::Note(Note::fact(ticket, saying)));
        let besides = note.map(|kind| Event { received_at: self.now, kind }).into_iter().collect();
        Ending { besides, ..outcome.into() }
    }
}
