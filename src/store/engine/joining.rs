//! For two talks that a carrier has merged: finds their conversations, and joins them by [`crate::store::rules::joining`].
//!
//! A merge is joined as soon as it is taken in, before the texts of the same body, so that the order within a body does not
//! matter. Joining twice changes nothing, because both talks lead to one conversation then.
//!
//! A conversation that began with a text to a number has a name in the place of its talk. It is joined with the talk that the
//! carrier makes for the number, by a report or by the customer's answer, whichever comes first.

use jiff::Timestamp;

use crate::domain::account::{AccountId, Direction};
use crate::domain::address::{Address, Directory, Identity, lead_of, talk_named};
use crate::domain::conversation::{Change, Conversation};
use crate::domain::delivery::Delivery;
use crate::domain::event::Customer;
use crate::domain::kind::Track;
use crate::domain::lanes::{LaneName, Position};
use crate::domain::receipt::{Report, Reported};
use crate::store::engine::core::Core;
use crate::store::engine::part::Want;
use crate::store::rules::joining::{self, Lasting, Stand};
use crate::store::{DeliveryFilter, StoreError};

impl Core {
    /// Joins those of these reports that tell of merged talks, as far as that is possible now.
    pub(in crate::store) fn join_all(&mut self, reports: &[Report], now: Timestamp) -> Result<(), StoreError> {
        for report in reports {
            self.join_talks(report, now)?;
            self.keep();
        }
        Ok(())
    }

    /// Joins the conversations of two merged talks; `false` where a text of one is on its way to a ticket, so that it has to
    /// be tried again.
    pub(in crate::store) fn join_talks(&mut self, report: &Report, now: Timestamp) -> Result<bool, StoreError> {
        let Reported::TalkMoved { into, customer } = &report.what else { return Ok(true) };
        let Some(thread) = self.talk_that_moved(report)? else { return Ok(true) };
        let gone = lead_of(&thread, report.carrier, self)?;
        let left = lead_of(into, report.carrier, self)?;
        // It has moved before, or this very report was learnt.
        if gone.talk != thread || gone.key == left.key {
            return Ok(true);
        }
        // Nothing goes on in a talk that has ended since.
        if left.conversation.as_ref().is_some_and(|known| known.talk.has_ended_since(report.at)) {
            return Ok(true);
        }
        let there = joining::there(left.talk.clone(), customer.as_ref(), left.conversation.as_ref());
        let Some(known) = gone.conversation else {
            // A late text of it goes where the other one's go. A report of a text that is none of the bridge's names none.
            if report.dispatch.is_none() {
                self.keep_names(vec![(talk_named(report.carrier, gone.talk), left.key)]);
            }
            return Ok(true);
        };
        let Some(other) = left.conversation else {
            self.teach(known, vec![Change::TalkMoved(there)], now)?;
            return Ok(true);
        };
        let stands = (self.stand_of(&known)?, self.stand_of(&other)?);
        let Some(lasting) = joining::lasting((&known, stands.0), (&other, stands.1)) else { return Ok(false) };
        let (lasting, ended, stand, talk, moved) = match lasting {
            Lasting::Gone => (known, other, stands.1, left.talk, Some(Change::TalkMoved(there))),
            Lasting::Left => (other, known, stands.0, gone.talk, None),
        };
        self.keep_names(vec![(talk_named(report.carrier, talk), lasting.key.clone())]);
        self.join(lasting, ended, (stand, moved), now)?;
        Ok(true)
    }

    /// The conversation of a text to the customer's number goes on in the talk in which they answer it, before their answer is
    /// filed: so the answer counts where the text went out. The answer was said at this time, and teaches this. Where the two
    /// cannot be joined yet, their word about texts counts all the same.
    ///
    /// No desk is asked whose the ticket is. The phone that the text went to has answered, and the ticket's requester is looked
    /// at when the answer has been written there, as for each text.
    pub(in crate::store) fn join_answered(
        &mut self,
        answers: &[String],
        (address, said_at, learnt): (&Address, Timestamp, &[Change]),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Address::Customer { identities, .. } = address else { return Ok(()) };
        let Some(talk) = identities.first() else { return Ok(()) };
        for name in answers {
            if !self.may_name_a_text(name, talk.account) {
                continue;
            }
            self.check_backlog(1)?;
            self.check_disk()?;
            let thread = self.begun_by(name, talk.account)?.unwrap_or_else(|| name.clone());
            self.come_back(&thread, talk, said_at, now)?;
            let moved = Report {
                id: String::new(),
                at: now,
                customer: Customer { thread: Some(thread.clone()), ..Customer::default() },
                campaign: None,
                dispatch: Some(name.clone()),
                line: None,
                carrier: talk.account,
                what: Reported::TalkMoved { into: talk.value.clone(), customer: None },
            };
            if !self.join_talks(&moved, now)? {
                let is_about_texts = |change: &&Change| matches!(change, Change::Subscription(..));
                if let Some(known) = lead_of(&thread, talk.account, self)?.conversation {
                    self.teach(known, learnt.iter().filter(is_about_texts).cloned().collect(), now)?;
                }
                // All of these names lead to the same talks.
                return self.join_later(moved, now);
            }
        }
        Ok(())
    }

    /// Whether a text of this name, or a conversation that began under it, may be known. Memory tells, so that nothing is read for
    /// a text that answers none.
    fn may_name_a_text(&self, name: &str, carrier: AccountId) -> bool {
        let begun = talk_named(carrier, name.to_owned()).key();
        self.scope.want(|| Want::Conversation(begun.clone()));
        self.index.ends_of(&begun).is_some() || self.knows_dispatch(name)
    }

    /// A talk that was over lives again, where the customer writes in it after its number was written to afresh. A report of it
    /// proves nothing, because it may be a late one.
    fn come_back(
        &mut self,
        stand_in: &str,
        talk: &Identity,
        said_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let left = lead_of(&talk.value, talk.account, self)?;
        let stands_in = |known: &Conversation| known.customer.thread.as_deref() == Some(stand_in);
        let Some(known) = left.conversation.filter(|known| talk.value != stand_in && stands_in(known)) else {
            return Ok(());
        };
        if known.wrote_at.line.is_some_and(|begun_at| said_at < begun_at) {
            return Ok(());
        }
        let back = joining::there(talk.value.clone(), None, Some(&known));
        self.teach(known, vec![Change::TalkMoved(back)], now)
    }

    /// The name of the talk that goes on in another one, by the report or by the text that it names.
    fn talk_that_moved(&self, report: &Report) -> Result<Option<String>, StoreError> {
        match (&report.customer.thread, &report.dispatch) {
            (Some(thread), _) => Ok(Some(thread.clone())),
            (None, Some(dispatch)) => self.begun_by(dispatch, report.carrier),
            (None, None) => Ok(None),
        }
    }

    /// The name in the place of the talk under which the only text of this name went out. A conversation that goes on in another
    /// talk by now has none.
    fn begun_by(&self, dispatch: &str, carrier: AccountId) -> Result<Option<String>, StoreError> {
        let filter = DeliveryFilter { dispatch: Some(dispatch.to_owned()), limit: 2, ..DeliveryFilter::default() };
        let [only] = self.list(&filter)?.positions[..] else { return Ok(None) };
        let is_it = |text: &Delivery| text.ends.carrier == carrier && text.part_under(dispatch).is_some();
        let Some(text) = self.find(only)?.filter(is_it) else { return Ok(None) };
        let known = Directory::conversation(self, &text.conversation)?;
        let thread = known.and_then(|known| known.customer.thread);
        Ok(thread.filter(|thread| match &text.threads[..] {
            // An earlier version of tandem sent it.
            [] => talk_named(carrier, thread.clone()).key() == text.conversation,
            [sent_in] => sent_in == thread,
            // The name does not tell which attempt it is of.
            [_, _, ..] => false,
        }))
    }

    fn join(
        &mut self,
        lasting: Conversation,
        ended: Conversation,
        (stand, moved): (Stand, Option<Change>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Texts to the desk follow later as well: see `goes_on_in`.
        if stand == Stand::Free && lasting.ends == ended.ends && ended.recent_tickets().next().is_none() {
            for lane in LaneName::all(&ended.key) {
                self.move_lane(&lane, &lasting.key, lasting.ends, &[])?;
            }
        }
        let notes = joining::notes(&lasting, &ended, now);
        let facts = joining::taken_over(&ended, &lasting).into_iter().chain(moved).collect();
        let end = Change::JoinedInto(lasting.key.clone());
        let ends = lasting.ends;
        self.teach(lasting, facts, now)?;
        self.teach(ended, vec![end], now)?;
        for (key, note) in notes {
            self.owe(None, Some(note), (&key, ends), now)?;
            // The next note has another position.
            self.keep();
        }
        Ok(())
    }

    fn stand_of(&self, known: &Conversation) -> Result<Stand, StoreError> {
        let lanes = LaneName::all(&known.key);
        let is_held = lanes.iter().any(|lane| !self.held(lane).is_empty());
        Ok(joining::stand(known, is_held, &self.waiting_in(&lanes)?))
    }

    fn waiting_in(&self, lanes: &[LaneName]) -> Result<Vec<Delivery>, StoreError> {
        let waiting: Vec<Position> = lanes.iter().flat_map(|lane| self.lanes.at(lane).positions(lane)).collect();
        self.prefetch(waiting.iter().copied());
        waiting.into_iter().map(|position| self.waiting(position)).collect()
    }

    /// The conversation in which the texts of a lane to the desk go on, where its own was joined into that one: a ticket that they
    /// opened would lead to no phone. `None` where they stay.
    pub(in crate::store) fn goes_on_in(&self, lane: &LaneName) -> Result<Option<Conversation>, StoreError> {
        if (lane.direction, lane.track) != (Direction::ToDesk, Track::Texts) {
            return Ok(None);
        }
        let ended = self.conversation(&lane.conversation)?.filter(|known| known.talk.joined_into().is_some());
        let Some(ended) = ended else { return Ok(None) };
        let waiting = self.waiting_in(std::slice::from_ref(lane))?;
        let Some(lasting) = joining::goes_on_in(&ended, &waiting) else { return Ok(None) };
        let lasting = self.conversation(lasting)?;
        Ok(lasting.filter(|lasting| lasting.ends == ended.ends))
    }
}
