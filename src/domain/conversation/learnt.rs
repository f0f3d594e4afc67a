//! The facts in an event that need no delivery. Never applies one.

use super::change::Change;
use super::digest::fingerprint;
use super::subscription::{Keyword, Subscription};
use crate::domain::event::{Event, EventKind};
use crate::domain::line::Channel;

/// The changes that apply as soon as an event is accepted, before its delivery. An opt-out must hold for the agent's
/// next reply even while the desk is down, and the bridge's own text must be known before it can come back. A text opens
/// its window from the time at which it came, on a line of this channel also where its webhook names another. The line that
/// it was written to and its channel come together, from where the line is known ([`super::WroteOn`]).
#[must_use]
pub fn learnt_from(event: &Event, on: Channel) -> Vec<Change> {
    if let EventKind::TicketSolved(change) = &event.kind {
        return vec![Change::SolvedMeanwhile(change.ticket_id)];
    }
    let EventKind::CustomerText(text) = &event.kind else { return Vec::new() };
    let channel = Channel::of_word(&text.channel);
    let mut changes = vec![Change::Customer(text.customer.clone())];
    changes.extend(text.customer.thread.is_some().then_some(Change::Reached(event.received_at)));
    let has_window = on.has_window() || channel.is_some_and(Channel::has_window);
    changes.extend(has_window.then_some(Change::Heard(event.received_at)));
    match text.keyword {
        Some(Keyword::OptIn) => changes.push(Change::Subscription(Subscription::In, event.received_at)),
        Some(Keyword::OptOut) => changes.push(Change::Subscription(Subscription::Out, event.received_at)),
        Some(Keyword::Help) => {}
        None => changes.push(Change::Wrote(fingerprint(&text.text))),
    }
    changes
}

/// The channel that the customer wrote on, where their text tells.
#[must_use]
pub fn channel_in(kind: &EventKind) -> Option<Channel> {
    if let EventKind::CustomerText(text) = kind { Channel::of_word(&text.channel) } else { None }
}
