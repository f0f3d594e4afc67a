//! Joining: the conversations of two talks that a carrier has merged. The customer goes on with one of them, the texts that
//! wait in the other go along as long as that has no ticket, and the agents are told where both have one.
//!
//! Never finds a conversation, and never makes two tickets one.

use jiff::Timestamp;

use crate::domain::conversation::{Change, Conversation, ConversationKey, Subscription, Ticket, TicketStatus};
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
    /// It has one that takes replies, or may have opened one of which nothing will tell.
    OnTicket,
}

/// Whether a text to the desk may be on a ticket of its conversation already.
fn may_be_on_ticket(known: &Conversation, delivery: &Delivery) -> bool {
    may_be_out(delivery) || known.openings().any(|event| event == delivery.id)
}

fn may_be_out(delivery: &Delivery) -> bool {
    matches!(delivery.state, State::Sending { .. } | State::Unconfirmed { .. })
}

/// The conversation in which the texts to the desk go on that wait in one that was joined into another; `None` where they
/// stay, because one of them may be on a ticket already.
pub(in crate::store) fn goes_on_in<'a>(known: &'a Conversation, waiting: &[Delivery]) -> Option<&'a ConversationKey> {
    let stay = waiting.iter().any(|delivery| may_be_on_ticket(known, delivery));
    known.talk.joined_into().filter(|_| !stay)
}

/// The stand of a conversation; `is_held` where a worker is at one of its lanes, and `waiting` lies in them. A closed ticket
/// takes no reply, so it binds no more than a former one. A solved one may be closed at the desk, which the worker learns who
/// opens the next.
pub(in crate::store) fn stand(known: &Conversation, is_held: bool, waiting: &[Delivery]) -> Stand {
    let is_opening = known.openings().next().is_some();
    let status = known.ticket.as_ref().map(|ticket| ticket.status);
    if status.is_some_and(TicketStatus::is_unsolved) {
        Stand::OnTicket
    } else if is_held || waiting.iter().any(may_be_out) || is_opening && !waiting.is_empty() {
        Stand::Unsettled
    } else if is_opening || status == Some(TicketStatus::Solved) {
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
/// yet. One that is bound to no ticket goes into the other. Where both are bound, the one on an unsolved ticket lasts, or else
/// the one with the newer text.
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
        (Stand::OnTicket, Stand::OnTicket) => Some(match (is_unsolved(gone), is_unsolved(left)) {
            (true, false) => Lasting::Gone,
            (false, true) => Lasting::Left,
            (true, true) | (false, false) => by_text,
        }),
    }
}

fn is_unsolved(known: &Conversation) -> bool {
    known.ticket.as_ref().is_some_and(|ticket| ticket.status.is_unsolved())
}

/// The facts that the lasting conversation takes over. Their word against texts holds in the other talk too.
pub(in crate::store) fn taken_over(ended: &Conversation, lasting: &Conversation) -> Vec<Change> {
    let mut customer = ended.customer.clone();
    customer.update(&lasting.customer);
    let mut facts = vec![Change::Customer(customer)];
    facts.extend(wrote_on(ended, lasting));
    facts.extend(ended.window.heard_at.map(Change::Heard));
    facts.extend(ended.talk.reached_at().map(Change::Reached));
    let word = ended.subscription_at.filter(|_| ended.subscription == Subscription::Out);
    facts.extend(word.map(|at| Change::Subscription(Subscription::Out, at)));
    facts
}

/// The line and the channel of the ended conversation, with their times. Those of a record without times are older than all
/// others, and count only where the lasting one has none.
fn wrote_on(ended: &Conversation, lasting: &Conversation) -> Vec<Change> {
    let is_first = lasting.line.is_none() && ended.line.is_some();
    let dated = |at: Option<Timestamp>| at.or(is_first.then_some(Timestamp::MIN));
    let (line, channel) = (dated(ended.wrote_at.line), dated(ended.wrote_at.channel));
    let told = |at: Option<Timestamp>, line, channel| at.and_then(|at| Change::wrote_on(line, channel, at));
    let told = if line == channel {
        vec![told(line, ended.line.clone(), Some(ended.channel))]
    } else {
        vec![told(line, ended.line.clone(), None), told(channel, None, Some(ended.channel))]
    };
    told.into_iter().flatten().collect()
}

/// The notes on the tickets of two conversations of one desk, each naming the other ticket. A closed ticket takes neither a note
/// nor a reply.
pub(in crate::store) fn notes(
    lasting: &Conversation,
    ended: &Conversation,
    now: Timestamp,
) -> Vec<(ConversationKey, Event)> {
    let both = lasting.ticket.as_ref().zip(ended.ticket.as_ref());
    let is_open = |ticket: &Ticket| ticket.status != TicketStatus::Closed;
    let both = both.filter(|(here, there)| here.id != there.id && is_open(here) && is_open(there));
    let both = both.filter(|_| lasting.ends == ended.ends);
    let Some((here, there)) = both else { return Vec::new() };
    let told = [
        (lasting, here, Saying::TextsComeHere(Joined { ticket: there.id })),
        (ended, there, Saying::TextsGoElsewhere(Joined { ticket: here.id })),
    ];
    let noted = |(known, ticket, saying): (&Conversation, &Ticket, Saying)| {
        let kind = EventKind::Note(Note::fact(ticket.id, saying));
        (known.key.clone(), Event { received_at: now, kind })
    };
    told.into_iter().map(noted).collect()
}

/// The talk that a conversation goes on in, with its customer there as far as the carrier told.
pub(in crate::store) fn there(talk: String, told: Option<&String>, left: Option<&Conversation>) -> Customer {
    let known = || left.and_then(|left| left.customer.carrier_id.clone());
    Customer { thread: Some(talk), carrier_id: told.cloned().or_else(known), ..Customer::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::Opening;
    use crate::domain::event::TicketId;
    use crate::domain::line::Channel;
    use crate::domain::note::Says;
    use crate::store::rules::testing::{at, delivery, id, looked_for, sending, waiting};

    fn known(changes: Vec<Change>) -> Conversation {
        let mut known = Conversation::new(ConversationKey("ada".into()), Ends::FIRST, at(0));
        changes.into_iter().for_each(|change| known.apply(change, at(9)));
        known
    }

    fn on_ticket(ticket: u64, status: TicketStatus) -> Change {
        Change::Ticket(TicketId(ticket), status, at(0))
    }

    #[test]
    fn a_conversation_is_free_until_a_text_of_it_may_be_on_a_ticket() {
        let opening = || Change::Opening(Opening { event: id(1), after: None, follows_up: false, at: at(1) });
        let closed = || on_ticket(7, TicketStatus::Closed);
        for (changes, is_held, states, stands, why) in [
            (vec![], false, vec![State::Pending, waiting(2, 9)], Stand::Free, "no ticket was set out for"),
            (vec![], true, vec![State::Pending], Stand::Unsettled, "a worker is at it"),
            (vec![], false, vec![sending(9)], Stand::Unsettled, "a call is under way"),
            (vec![], false, vec![looked_for(9)], Stand::Unsettled, "it may be on a ticket"),
            (vec![opening()], false, vec![waiting(1, 9)], Stand::Unsettled, "its ticket may be open"),
            (vec![opening()], false, vec![], Stand::OnTicket, "its ticket may be open, and nothing will tell"),
            (vec![closed()], false, vec![waiting(1, 9)], Stand::Free, "a closed ticket takes no reply"),
            (vec![closed()], true, vec![State::Pending], Stand::Unsettled, "a worker may open a ticket behind it"),
            (vec![Change::MayStandOn(TicketId(7))], false, vec![looked_for(9)], Stand::Unsettled, "it may stand there"),
            (vec![on_ticket(7, TicketStatus::Open)], true, vec![sending(9)], Stand::OnTicket, "it has a ticket"),
            (vec![on_ticket(7, TicketStatus::Solved)], false, vec![], Stand::OnTicket, "a text reopens it"),
            (
                vec![on_ticket(7, TicketStatus::Solved)],
                true,
                vec![sending(9)],
                Stand::Unsettled,
                "it may be closed by now",
            ),
        ] {
            let lane: Vec<Delivery> = (1..).zip(states).map(|(sequence, state)| delivery(sequence, state)).collect();
            assert_eq!(stand(&known(changes), is_held, &lane), stands, "{why}");
        }
    }

    #[test]
    fn the_conversation_lasts_that_has_a_ticket_or_the_newer_text() {
        use Stand::{Free, OnTicket, Unsettled};
        let said = |second| known(vec![Change::Reached(at(second))]);
        let (older, newer) = (said(1), said(2));
        let unsolved = known(vec![Change::Reached(at(1)), on_ticket(7, TicketStatus::Open)]);
        let solved = known(vec![Change::Reached(at(2)), on_ticket(8, TicketStatus::Solved)]);
        let elsewhere = Conversation { ends: Ends { desk: Ends::FIRST.carrier, ..Ends::FIRST }, ..older.clone() };
        for (gone, left, lasts) in [
            ((&older, Free), (&newer, Free), Some(Lasting::Gone)),
            ((&older, OnTicket), (&newer, Free), Some(Lasting::Gone)),
            ((&older, Unsettled), (&newer, Free), Some(Lasting::Gone)),
            ((&newer, Free), (&older, OnTicket), Some(Lasting::Left)),
            ((&newer, Free), (&older, Unsettled), Some(Lasting::Left)),
            ((&newer, OnTicket), (&older, Unsettled), None),
            ((&newer, Unsettled), (&older, OnTicket), None),
            ((&newer, OnTicket), (&older, OnTicket), Some(Lasting::Gone)),
            ((&older, OnTicket), (&newer, OnTicket), Some(Lasting::Left)),
            ((&older, OnTicket), (&older, OnTicket), Some(Lasting::Left)),
            ((&unsolved, OnTicket), (&solved, OnTicket), Some(Lasting::Gone)),
            ((&solved, OnTicket), (&unsolved, OnTicket), Some(Lasting::Left)),
            ((&newer, OnTicket), (&elsewhere, Free), Some(Lasting::Gone)),
        ] {
            assert_eq!(lasting(gone, left), lasts, "{:?} {:?}", gone.1, left.1);
        }
    }

    #[test]
    fn a_note_stands_on_each_ticket_that_takes_one_and_names_the_other() {
        let on = |ticket, status| known(vec![on_ticket(ticket, status)]);
        let told = |lasting: &Conversation, ended: &Conversation| -> Vec<(u64, &'static str)> {
            let of_note = |event: Event| {
                let EventKind::Note(Note { ticket_id, says: Says::Coded(saying), .. }) = event.kind else {
                    return None;
                };
                Some((ticket_id.0, saying.code()))
            };
            notes(lasting, ended, at(9)).into_iter().filter_map(|(_, event)| of_note(event)).collect()
        };
        let (open, other) = (on(7, TicketStatus::Open), on(8, TicketStatus::Solved));
        assert_eq!(told(&open, &other), [(7, "texts_come_here"), (8, "texts_go_elsewhere")]);
        let closed = on(8, TicketStatus::Closed);
        assert!(told(&open, &closed).is_empty() && told(&closed, &open).is_empty(), "a closed ticket takes no reply");
        assert!(told(&open, &open).is_empty());
        assert!(told(&open, &known(vec![])).is_empty());
        let elsewhere = Conversation { ends: Ends { desk: Ends::FIRST.carrier, ..Ends::FIRST }, ..other };
        assert!(told(&open, &elsewhere).is_empty(), "the number would name another desk's ticket");
    }

    #[test]
    fn the_lasting_conversation_knows_its_own_customer_best_and_takes_over_their_word_against_texts() {
        let customer = |user: &str, phone: Option<&str>| Customer {
            carrier_id: Some(user.into()),
            phone: phone.map(Into::into),
            ..Customer::default()
        };
        let ended = known(vec![
            Change::Customer(customer("u1", Some("+15550100001"))),
            Change::Subscription(Subscription::Out, at(5)),
            Change::Reached(at(6)),
            wrote("b", Channel::Whatsapp, 6),
        ]);
        let mut lasting =
            known(vec![Change::Customer(customer("u2", None)), Change::Reached(at(3)), wrote("c", Channel::Sms, 3)]);
        taken_over(&ended, &lasting.clone()).into_iter().for_each(|change| lasting.apply(change, at(9)));
        assert_eq!(lasting.customer, customer("u2", Some("+15550100001")));
        assert_eq!((lasting.subscription, lasting.talk.reached_at()), (Subscription::Out, Some(at(6))));
        assert_eq!((lasting.line.as_deref(), lasting.channel), (Some("b"), Channel::Whatsapp), "the newer text's");
    }

    fn wrote(line: &str, channel: Channel, second: i64) -> Change {
        Change::wrote_on(Some(line.into()), Some(channel), at(second)).unwrap()
    }

    #[test]
    fn the_line_and_the_channel_of_a_record_without_times_are_taken_over_together_and_only_where_none_is_known() {
        let undated = |line: &str, channel| Conversation { line: Some(line.into()), channel, ..known(vec![]) };
        let (sms, whatsapp) = (undated("sms", Channel::Sms), undated("wa", Channel::Whatsapp));
        let dated = known(vec![wrote("sms", Channel::Sms, 3)]);
        for (ended, lasting, line, channel) in [
            (&sms, whatsapp.clone(), "wa", Channel::Whatsapp),
            (&whatsapp, sms.clone(), "sms", Channel::Sms),
            (&whatsapp, dated.clone(), "sms", Channel::Sms),
            (&dated, whatsapp.clone(), "sms", Channel::Sms),
            (&whatsapp, known(vec![]), "wa", Channel::Whatsapp),
            // Two texts of one time.
            (&dated, known(vec![wrote("a", Channel::Whatsapp, 3)]), "sms", Channel::Sms),
        ] {
            let mut joined = lasting.clone();
            taken_over(ended, &lasting).into_iter().for_each(|change| joined.apply(change, at(9)));
            assert_eq!(
                (joined.line.as_deref(), joined.channel),
                (Some(line), channel),
                "{:?} {:?}",
                ended.line,
                lasting.line
            );
        }
    }

    #[test]
    fn texts_follow_their_customer_to_the_lasting_conversation_unless_one_may_be_on_a_ticket() {
        let lasting = ConversationKey("lasting".into());
        let joined = || Change::JoinedInto(lasting.clone());
        let opening = Change::Opening(Opening { event: id(1), after: None, follows_up: false, at: at(1) });
        for (changes, state, goes) in [
            (vec![joined()], State::Pending, true),
            (vec![joined(), on_ticket(7, TicketStatus::Open)], waiting(2, 9), true),
            (vec![joined()], sending(9), false),
            (vec![joined()], looked_for(9), false),
            (vec![opening, joined()], waiting(1, 9), false),
            (vec![], State::Pending, false),
        ] {
            let found = known(changes);
            assert_eq!(goes_on_in(&found, &[delivery(1, state)]), goes.then_some(&lasting), "{found:?}");
        }
    }
}
