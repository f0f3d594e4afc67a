//! Joining: the conversations of two talks that a carrier has merged. The customer goes on with one of them, the texts that
//! wait in the other go along as long as that has no ticket, and the agents are told where both have one.
//!
//! Never finds a conversation, and never makes two tickets one.

use jiff::{SignedDuration, Timestamp};

use crate::domain::conversation::{Change, Conversation, ConversationKey, Subscription, TicketStatus};
use crate::domain::delivery::{Delivery, State};
use crate::domain::event::{Customer, Event, EventKind};
use crate::domain::note::{Joined, Note, Saying};

/// How far a conversation is bound to a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Stand {
    /// To none: all that waits in it may go to another ticket.
    Free,
    /// A text of it may be on its way to a ticket.
    Unsettled,
    /// It has one, or had one.
    OnTicket,
}

/// The stand of a conversation; `is_held` where a worker is at one of its lanes, and `waiting` lies in them.
pub(in crate::store) fn stand(known: &Conversation, is_held: bool, waiting: &[Delivery]) -> Stand {
    let is_opening = known.openings().next().is_some();
    let may_be_out = |delivery: &Delivery| matches!(delivery.state, State::Sending { .. } | State::Unconfirmed { .. });
    if known.recent_tickets().next().is_some() {
        Stand::OnTicket
    } else if is_held || waiting.iter().any(may_be_out) || is_opening && !waiting.is_empty() {
        Stand::Unsettled
    } else if is_opening {
        Stand::OnTicket
    } else {
        Stand::Free
    }
}

/// The conversation in which the customer goes on: that of the talk that is gone, or that of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Lasting {
    /// That of the talk that is gone.
    Gone,
    /// That of the talk that is left.
    Left,
}

/// The lasting one of the conversations of the talk that is gone and of the one that is left; `None` where that is not known
/// yet. One that is bound to no ticket goes into the other. Where both are bound, the one with the newer text lasts.
pub(in crate::store) fn lasting(
    (gone, its): (&Conversation, Stand),
    (left, stand): (&Conversation, Stand),
) -> Option<Lasting> {
    let by_text = if gone.talk.reached_at() > left.talk.reached_at() { Lasting::Gone } else { Lasting::Left };
    if gone.ends != left.ends {
        return Some(by_text);
    }
    match (its, stand) {
        (_, Stand::Free) => Some(Lasting::Gone),
        (Stand::Free, _) => Some(Lasting::Left),
        (Stand::Unsettled, _) | (_, Stand::Unsettled) => None,
        (Stand::OnTicket, Stand::OnTicket) => Some(by_text),
    }
}

/// The facts that the lasting conversation takes over. Their word against texts holds in the other talk too.
pub(in crate::store) fn taken_over(ended: &Conversation, lasting: &Conversation) -> Vec<Change> {
    let mut customer = ended.customer.clone();
    customer.update(&lasting.customer);
    let mut facts = vec![Change::Customer(customer)];
    if ended.talk.reached_at() > lasting.talk.reached_at() {
        facts.extend(ended.line.clone().map(Change::Line));
        facts.push(Change::Channel(ended.channel));
    }
    facts.extend(ended.window.heard_at.map(Change::Heard));
    facts.extend(ended.talk.reached_at().map(Change::Reached));
    let word = ended.subscription_at.filter(|_| ended.subscription == Subscription::Out);
    facts.extend(word.map(|at| Change::Subscription(Subscription::Out, at)));
    facts
}

/// The end of the other conversation, which is later than every word of its customer's.
pub(in crate::store) fn end(ended: &Conversation, told_at: Timestamp, now: Timestamp) -> Change {
    let last = ended.talk.reached_at().unwrap_or(Timestamp::MIN);
    let behind = last.saturating_add(SignedDuration::from_millis(1)).unwrap_or(Timestamp::MAX);
    Change::TalkOver(told_at.max(now).max(behind))
}

/// The notes on the tickets of two conversations of one desk, each naming the other ticket.
pub(in crate::store) fn notes(
    lasting: &Conversation,
    ended: &Conversation,
    now: Timestamp,
) -> Vec<(ConversationKey, Event)> {
    let both = lasting.ticket.as_ref().zip(ended.ticket.as_ref());
    let both = both.filter(|(here, there)| here.id != there.id && lasting.ends == ended.ends);
    let Some((here, there)) = both else { return Vec::new() };
    let told = [
        (lasting, here, Saying::TextsComeHere(Joined { ticket: there.id })),
        (ended, there, Saying::TextsGoElsewhere(Joined { ticket: here.id })),
    ];
    // A closed ticket takes no note.
    let told = told.into_iter().filter(|(_, ticket, _)| ticket.status != TicketStatus::Closed);
    told.map(|(known, ticket, saying)| {
        let kind = EventKind::Note(Note::fact(ticket.id, saying));
        (known.key.clone(), Event { received_at: now, kind })
    })
    .collect()
}

/// The talk that a conversation goes on in, with its customer there as far as the carrier told.
pub(in crate::store) fn there(talk: String, told: Option<&String>, left: Option<&Conversation>) -> Customer {
    let known = || left.and_then(|left| left.customer.carrier_id.clone());
    Customer { thread: Some(talk), carrier_id: told.cloned().or_else(known), ..Customer::default() }
}
