//! For carriers that keep talks: the talks that the store knows, and a carrier's reports of them. The store joins those that
//! were merged. Never calls a vendor.

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::conversation::{Change, Conversation, ConversationKey, Subscription};
use crate::domain::event::{Customer, Event, EventKind};
use crate::domain::line::{By, Channel, is_one_line};
use crate::domain::note::{Note, Saying};
use crate::domain::receipt::{Fate, Kept, Learnt, Report, WINDOW};
use crate::domain::retry::later;
use crate::policy::reports::takes_notes;
use crate::store::{Store, StoreError};

use super::Worker;

/// How many conversations are read at once.
const PAGE: usize = 500;

/// The talks with a carrier's customers that `pick` takes something of.
pub(super) async fn talks<T>(
    store: &dyn Store,
    carrier: AccountId,
    mut pick: impl FnMut(Conversation) -> Option<T> + Send,
) -> Result<Vec<T>, StoreError> {
    let own = carrier.scoped("");
    let (mut picked, mut after) = (Vec::new(), ConversationKey(own.clone()));
    loop {
        let page = store.conversations(Some(&after), PAGE).await?;
        let last = page.items.last().map(|conversation| conversation.key.clone());
        let theirs = page.items.into_iter().take_while(|conversation| conversation.key.0.starts_with(&own));
        picked.extend(theirs.filter_map(&mut pick));
        match last.filter(|last| page.more && last.0.starts_with(&own)) {
            Some(last) => after = last,
            None => return Ok(picked),
        }
    }
}

impl Worker {
    /// Whether the carrier keeps talks.
    pub(super) fn keeps_talks(&self) -> bool {
        self.lines.knows_by(self.ends.carrier) == By::Thread
    }

    /// The store joins the talks. Where the report names its text alone, the answer to that may be on its way.
    pub(super) async fn talk_moved(&self, kept: &Kept, now: Timestamp) -> Result<Fate, StoreError> {
        let wait = later(kept.taken_at, WINDOW);
        if let (None, Some(dispatch)) = (&kept.report.customer.thread, &kept.report.dispatch)
            && now < wait
            && self.delivery_under(dispatch).await?.is_none()
        {
            return Ok(Fate::Later(kept.weighed_again(now).min(wait)));
        }
        Ok(Fate::Joined)
    }

    /// Whether the carrier's talk with the customer is not known yet.
    pub(super) fn stands_in(&self, known: &Conversation) -> bool {
        known.customer.thread.as_deref().is_some_and(|thread| self.carrier.leaves_nothing(thread))
    }

    /// The talk is over. The texts that wait in it end, each with its note.
    pub(super) async fn talk_over(&self, report: &Report) -> Result<Fate, StoreError> {
        self.each_learns(report, Change::TalkOver, |_| None).await
    }

    /// The customer has blocked the line that they wrote on last. A later text of theirs lifts that as well as a report.
    pub(super) async fn blocked(&self, report: &Report, now: Timestamp) -> Result<Fate, StoreError> {
        let is_news = |known: &Conversation| {
            known.takes_texts() != Subscription::Out && known.talk.once_blocked(report.at).is_blocked()
        };
        let note = |known: &Conversation| if is_news(known) { unsubscribed_note(known, now) } else { None };
        self.each_learns(report, Change::Blocked, note).await
    }

    /// The customer takes texts on the line again. A word of their own, such as STOP, is lifted by their own word alone.
    pub(super) async fn unblocked(&self, report: &Report) -> Result<Fate, StoreError> {
        self.each_learns(report, Change::Reached, |_| None).await
    }

    /// Each conversation that the report is about learns this of its time, and may have a note.
    async fn each_learns(
        &self,
        report: &Report,
        change: fn(Timestamp) -> Change,
        note: impl Fn(&Conversation) -> Option<Box<Event>>,
    ) -> Result<Fate, StoreError> {
        let told = self.talks_of(report).await?;
        let learn = |known: Conversation| Learnt {
            note: note(&known),
            conversation: known.key,
            changes: vec![change(report.at)],
        };
        let learnt: Vec<Learnt> = told.into_iter().map(learn).collect();
        Ok(if learnt.is_empty() { Fate::Over } else { Fate::Learnt(learnt) })
    }

    /// The conversation that the name of a talk leads to.
    async fn talk(&self, thread: &str) -> Result<Option<Conversation>, StoreError> {
        let customer = Customer { thread: Some(thread.to_owned()), ..Customer::default() };
        let Some(place) = self.place_on(None, Channel::default()) else { return Ok(None) };
        let key = self.store.key_of(&customer, &place, None).await?;
        self.store.conversation(&key).await
    }

    /// The conversations that a report of a talk is about: that of the talk, or every one of the customer. A report of a line is
    /// about those on the line alone.
    async fn talks_of(&self, report: &Report) -> Result<Vec<Conversation>, StoreError> {
        let Customer { thread, carrier_id, .. } = &report.customer;
        let is_on_line = |known: &Conversation| {
            let told = report.line.as_deref().zip(known.line.as_deref());
            // The customer of one that was joined into another is that one's.
            known.talk.joined_into().is_none() && told.is_none_or(|(told, known)| is_one_line(told, known))
        };
        match (thread, carrier_id) {
            (Some(thread), _) => {
                // Another talk may have moved into this conversation.
                let is_it = |known: &Conversation| known.customer.thread.as_ref() == Some(thread) && is_on_line(known);
                Ok(self.talk(thread).await?.filter(is_it).into_iter().collect())
            }
            (None, Some(customer)) => {
                let theirs = self.store.talks_of(self.ends.carrier, customer).await?;
                Ok(theirs.into_iter().filter(is_on_line).collect())
            }
            (None, None) => Ok(Vec::new()),
        }
    }
}

/// The note that a conversation's customer was unsubscribed, where its ticket takes one.
pub(super) fn unsubscribed_note(known: &Conversation, now: Timestamp) -> Option<Box<Event>> {
    let ticket = known.ticket.as_ref().map(|ticket| ticket.id).filter(|ticket| takes_notes(Some(known), *ticket))?;
    let note = Note::fact(ticket, Saying::Unsubscribed);
    Some(Box::new(Event { received_at: now, kind: EventKind::Note(note) }))
}
