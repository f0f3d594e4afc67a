//! The rules by which a carrier's reports change a delivery or a conversation. It never finds the delivery of a report: the
//! worker does.

use jiff::{SignedDuration, Timestamp};

use crate::domain::arrival;
use crate::domain::conversation::{Change, Conversation, Subscription, TicketStatus};
use crate::domain::delivery::{Delivery, Outcome, State, receipt_of};
use crate::domain::event::{CustomerText, Event, EventKind, TicketId};
use crate::domain::kind::Confirmed;
use crate::domain::line::is_one_line;

/// How exact the time of a report is: it is cut to the second.
const EXACT_TO: SignedDuration = SignedDuration::from_secs(1);

/// Whether it is a text to the phone.
#[must_use]
pub fn is_sent(delivery: &Delivery) -> bool {
    delivery.kind.traits().confirmed == Confirmed::AtTheCarrier
}

/// The part of a delivery, of so many, that a report of a send without our mark is about: the first one without a report
/// where the report names a send, and else the last one with a report. `None` where the send is one too many.
#[must_use]
pub fn part_meant(delivery: &Delivery, of: u32, names_a_send: bool) -> Option<u32> {
    let next = delivery.next_reported_part();
    match names_a_send {
        true if next > of => None,
        true => Some(next.min(of.max(1))),
        false => Some(next.saturating_sub(1).max(1).min(of.max(1))),
    }
}

/// Whether a text that a webhook brought says the same, on the same line, as one that a report tells of.
#[must_use]
pub fn says_the_same(known: &CustomerText, reported: &CustomerText) -> bool {
    let lines = known.told_line().zip(reported.told_line());
    lines.is_none_or(|(known, reported)| is_one_line(known, reported))
        && known.text.trim() == reported.text.trim()
        && known.media.is_empty() == reported.media.is_empty()
}

/// Whether the end of a subscription at this time is news: no keyword has said so, and no later one otherwise.
#[must_use]
pub fn is_news(known: &Conversation, unsubscribed_at: Timestamp) -> bool {
    let is_later = |at: Timestamp| at.duration_since(unsubscribed_at) >= EXACT_TO;
    known.subscription != Subscription::Out && !known.subscription_at.is_some_and(is_later)
}

/// Whether a note can be written on a ticket, as far as is known.
#[must_use]
pub fn takes_notes(conversation: Option<&Conversation>, ticket: TicketId) -> bool {
    let known = conversation.and_then(|known| known.ticket.as_ref()).filter(|known| known.id == ticket);
    known.is_none_or(|known| known.status != TicketStatus::Closed)
}

/// The outcome, with the changes that it teaches, of a message of so many parts that is known to be out, whole, by its
/// carrier's reports; `None` of any other.
#[must_use]
pub fn known_to_be_out(
    delivery: &Delivery,
    event: &Event,
    conversation: Option<&Conversation>,
    of: u32,
) -> Option<(Outcome, Vec<Change>)> {
    if !is_sent(delivery) || of == 0 || delivery.parts_sent < of || delivery.receipts.is_empty() {
        return None;
    }
    let learnt = match (&event.kind, &delivery.state) {
        (_, State::Unconfirmed { .. }) => arrival::learnt(delivery, event, conversation),
        (EventKind::TicketSolved(change), _) => vec![Change::ClosingTold(change.ticket_id)],
        _ => Vec::new(),
    };
    let named = |part| delivery.receipts.iter().rfind(|receipt| receipt.part == part)?.dispatch.clone();
    let dispatches: Vec<Option<String>> = (1..=of).map(named).collect();
    Some((Outcome::Deliver { receipt: receipt_of(&dispatches) }, learnt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::ConversationKey;
    use crate::domain::delivery::tests::pending;
    use crate::domain::event::TicketChange;
    use crate::domain::kind::KindName;
    use crate::domain::receipt::Receipt;
    use crate::domain::testing::customer_text;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn receipt(part: u32, dispatch: Option<&str>) -> Receipt {
        Receipt::new(part, dispatch.map(str::to_owned).as_ref())
    }

    fn with(parts_sent: u32, receipts: &[Receipt]) -> Delivery {
        Delivery { parts_sent, receipts: receipts.to_vec(), ..pending() }
    }

    fn known() -> Conversation {
        Conversation::new(ConversationKey("ada".into()), Ends::FIRST, at(0))
    }

    #[test]
    fn a_send_without_a_mark_is_of_the_next_part_and_a_report_without_a_send_of_the_last_one() {
        let none: &[Receipt] = &[];
        let first = &[receipt(1, Some("a"))];
        let both = &[receipt(1, Some("a")), receipt(2, Some("b"))];
        for (receipts, of, named, unnamed) in [
            (none, 2, Some(1), Some(1)),
            (first, 2, Some(2), Some(1)),
            (both, 2, None, Some(2)),
            (both, 1, None, Some(1)),
            (&[receipt(1, None)], 2, Some(1), Some(1)),
            (none, 0, None, Some(1)),
        ] {
            let delivery = with(0, receipts);
            assert_eq!(part_meant(&delivery, of, true), named, "{receipts:?} of {of}");
            assert_eq!(part_meant(&delivery, of, false), unnamed, "{receipts:?} of {of}");
        }
    }

    #[test]
    fn a_reported_text_is_the_webhooks_where_words_line_and_pictures_agree() {
        let known = || CustomerText { line: Some("group".into()), ..customer_text() };
        for (what, reported, same) in [
            ("the same", known(), true),
            ("white space", CustomerText { text: " hello\n".into(), ..known() }, true),
            ("a line in capitals", CustomerText { line: Some("GROUP".into()), ..known() }, true),
            ("no line", CustomerText { line: None, ..known() }, true),
            ("another line", CustomerText { line: Some("other".into()), ..known() }, false),
            ("other words", CustomerText { text: "Hello".into(), ..known() }, false),
            ("a picture", CustomerText { media: vec!["https://a".into()], ..known() }, false),
        ] {
            assert_eq!(says_the_same(&known(), &reported), same, "{what}");
        }
    }

    #[test]
    fn an_end_of_a_subscription_is_news_unless_a_keyword_told_it_or_a_later_one_told_otherwise() {
        for (subscription, told_at, news) in [
            (Subscription::Unknown, None, true),
            (Subscription::Out, None, false),
            (Subscription::In, Some(99), true),
            (Subscription::In, Some(100), true),
            (Subscription::In, Some(101), false),
        ] {
            let known = Conversation { subscription, subscription_at: told_at.map(at), ..known() };
            assert_eq!(is_news(&known, at(100)), news, "{subscription:?} {told_at:?}");
        }
    }

    #[test]
    fn a_note_goes_to_every_ticket_but_one_that_is_known_to_be_closed() {
        let on = |status| {
            let mut known = known();
            known.apply(Change::Ticket(TicketId(4), status, at(0)), at(0));
            known
        };
        assert!(takes_notes(None, TicketId(4)));
        assert!(takes_notes(Some(&on(TicketStatus::Solved)), TicketId(4)));
        assert!(!takes_notes(Some(&on(TicketStatus::Closed)), TicketId(4)));
        assert!(takes_notes(Some(&on(TicketStatus::Closed)), TicketId(5)));
    }

    #[test]
    fn a_message_is_out_once_reports_have_told_of_its_parts_and_a_closing_text_is_then_told() {
        let solved = TicketChange { ticket_id: TicketId(4), external_user_id: None, requester_id: None };
        let closing = Event { received_at: at(0), kind: EventKind::TicketSolved(solved) };
        let out = |delivery: &Delivery, of| known_to_be_out(delivery, &closing, None, of);
        let both = with(2, &[receipt(1, Some("a")), receipt(2, None)]);
        let receipt_of_both = receipt_of(&[Some("a".to_owned()), None]);
        let told = Change::ClosingTold(TicketId(4));
        assert_eq!(out(&both, 2), Some((Outcome::Deliver { receipt: receipt_of_both.clone() }, vec![told])));
        let (since, look_at, cause) = (at(1), Some(at(2)), "no answer".to_owned());
        let in_doubt = State::Unconfirmed { attempt: 1, since, look_at, looks: 0, cause };
        let lost = Delivery { state: in_doubt, ..both.clone() };
        let of_another = out(&lost, 2).map(|(_, learnt)| learnt);
        assert_eq!(of_another, Some(Vec::new()), "the ticket is not known to be solved still");
        assert_eq!(out(&both, 3), None, "one is missing");
        assert_eq!(out(&both, 0), None);
        assert_eq!(out(&with(2, &[]), 2), None, "no report told of it");
        assert_eq!(out(&Delivery { kind: KindName::CustomerText, ..both }, 2), None, "it goes to the desk");
    }
}
