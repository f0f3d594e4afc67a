//! Reports in any order and number: their receipts, the notes that they owe, and the mark that clears a lost answer up.

use super::*;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::tests::pending;
use crate::domain::event::{CommentId, TicketChange};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn report(second: i64, dispatch: &str, what: Reported) -> Report {
    Report {
        id: format!("{second}"),
        at: at(second),
        customer: Customer::default(),
        campaign: None,
        dispatch: Some(dispatch.to_owned()).filter(|dispatch| !dispatch.is_empty()),
        line: None,
        carrier: Ends::FIRST.carrier,
        what,
    }
}

fn refused(code: &str) -> Failure {
    Failure { code: Some(code.to_owned()), said: None, falls_back: false }
}

#[test]
fn a_report_that_waits_is_weighed_soon_and_after_a_minute_once_a_minute() {
    let report = report(1, "a", Reported::TalkMoved { into: "c1".into(), customer: None });
    let kept = Kept { number: 1, taken_at: at(100), due_at: None, taken_in: None, report };
    for (now, again) in [(100, 105), (155, 160), (159, 164), (160, 220), (700, 760), (90, 95)] {
        assert_eq!(kept.weighed_again(at(now)), at(again), "{now}");
    }
}

#[test]
fn a_mark_names_a_delivery_and_a_part() {
    let id: EventId = "evt_5eed00000000000000290000".parse().unwrap();
    assert_eq!("evt_5eed00000000000000290000".parse(), Ok(Mark { id, part: 1 }));
    assert_eq!("evt_5eed00000000000000290000.3".parse(), Ok(Mark { id, part: 3 }));
    for text in ["", "evt_", ".1", "evt_5eed00000000000000290000.", "evt_5eed00000000000000290000.0", "d-42"] {
        assert_eq!(text.parse::<Mark>(), Err(NotAMark), "{text}");
    }
    assert!("evt_5eed00000000000000290000.+1".parse::<Mark>().is_err());
    let mark = Mark { id, part: 3 };
    assert_eq!(serde_json::from_value::<Mark>(serde_json::to_value(mark).unwrap()).unwrap(), mark);
}

#[test]
fn only_one_that_fits_is_taken() {
    assert_eq!((only([7]), only([7, 8]), only(Vec::<u8>::new())), (Some(7), None, None));
    assert!(is_near(at(0), at(600)) && is_near(at(600), at(0)) && !is_near(at(0), at(601)));
}

#[test]
fn the_same_reports_in_any_order_and_number_leave_the_same_receipts() {
    let reports = [
        report(10, "a", Reported::Sent { mark: None }),
        report(12, "a", Reported::Delivered),
        report(13, "a", Reported::Delivered),
        report(20, "a", Reported::Read),
        report(11, "a", Reported::Failed(Failure { falls_back: true, ..refused("30003") })),
        report(15, "a", Reported::Failed(refused("30005"))),
    ];
    let receipts = |order: &[usize]| {
        let mut delivery = pending();
        for index in order {
            delivery.add_report(1, &reports[*index]);
        }
        delivery.receipts
    };
    let all = receipts(&[0, 1, 2, 3, 4, 5]);
    for order in [&[5, 4, 3, 2, 1, 0][..], &[2, 2, 1, 0, 5, 3, 4, 4, 0], &[3, 5, 0, 1, 2, 4]] {
        assert_eq!(receipts(order), all, "{order:?}");
    }
    let [receipt] = &all[..] else { panic!("{all:?}") };
    assert_eq!((receipt.sent_at, receipt.delivered_at, receipt.read_at), (Some(at(10)), Some(at(12)), Some(at(20))));
    assert!(receipt.has_arrived() && !receipt.has_failed());
    let stored = serde_json::to_value(&all).unwrap();
    assert_eq!(serde_json::from_value::<Vec<Receipt>>(stored).unwrap(), all);
}

#[test]
fn the_agent_is_told_once_for_all_parts_and_not_of_a_way_that_is_not_the_last() {
    let mut delivery = pending();
    let mut told = |part, dispatch, what| delivery.add_report(part, &report(10, dispatch, what));
    assert!(
        !told(1, "a", Reported::Failed(Failure { falls_back: true, ..refused("30003") })),
        "a fallback is under way"
    );
    assert!(told(1, "a", Reported::Failed(refused("30005"))));
    assert!(!told(1, "a", Reported::Failed(refused("30005"))), "the same again");
    assert!(!told(2, "b", Reported::Failed(refused("30005"))), "another part of the same text");
    assert!(!told(2, "b", Reported::HeldBack(refused("x"))));
    let mut arrived = pending();
    arrived.add_report(1, &report(10, "a", Reported::Delivered));
    assert!(!arrived.add_report(1, &report(12, "a", Reported::Failed(refused("30005")))), "it is on the phone");
}

#[test]
fn only_the_own_mark_says_that_parts_are_out() {
    let mut delivery = pending();
    let id = delivery.id;
    let other = EventId { sequence: id.sequence + 1, ..id };
    for (what, out) in [
        (Reported::Sent { mark: None }, 0),
        (Reported::Delivered, 0),
        (Reported::Sent { mark: Some(Mark { id: other, part: 3 }) }, 0),
        (Reported::Sent { mark: Some(Mark { id, part: 2 }) }, 2),
        (Reported::Sent { mark: Some(Mark { id, part: 1 }) }, 2),
    ] {
        delivery.add_report(1, &report(10, "a", what));
        assert_eq!(delivery.parts_sent, out);
    }
}

#[test]
fn receipts_are_bounded_and_each_send_of_a_part_has_its_own() {
    let mut delivery = pending();
    for send in 0..200 {
        delivery.add_report(1, &report(send, &format!("d{send}"), Reported::Sent { mark: None }));
    }
    assert_eq!(delivery.receipts.len(), 64);
    let nameless = report(900, "", Reported::Read);
    delivery.add_report(1, &nameless);
    assert_eq!(delivery.receipts.last().unwrap().read_at, Some(at(900)), "the newest send");
}

#[test]
fn a_delivery_of_an_earlier_version_has_no_receipts() {
    let mut stored = serde_json::to_value(pending()).unwrap();
    assert!(stored.as_object_mut().unwrap().get("receipts").is_none(), "and one without any is as it was");
    let read: Delivery = serde_json::from_value(stored.take()).unwrap();
    assert_eq!(read, pending());
}

#[test]
fn a_note_says_what_was_lost_with_the_code_and_its_meaning() {
    let solved = TicketChange { ticket_id: TicketId(7), external_user_id: None, requester_id: None };
    let event = Event { received_at: at(1), kind: EventKind::TicketSolved(solved) };
    let id = pending().id;
    let made = |what| note(id, &event, &report(10, "a", what), Some(TicketId(7)), at(20));
    let lost = |code: &str, meaning| Undelivered {
        event: id,
        comment: None::<CommentId>,
        carrier_code: Some(code.to_owned()),
        meaning,
        said: None,
    };
    let says = |saying| Some(Event { received_at: at(20), kind: EventKind::Note(Note::fact(TicketId(7), saying)) });
    assert!(
        made(Reported::Failed(refused("30005")))
            == says(Saying::ClosingNotDelivered(lost("30005", Meaning::UnknownNumber)))
    );
    assert!(made(Reported::HeldBack(refused("quiet"))) == says(Saying::ClosingHeldBack(lost("quiet", Meaning::Other))));
    assert!(made(Reported::Failed(Failure { falls_back: true, ..refused("1") })).is_none());
    assert!(made(Reported::Delivered).is_none());
    assert!(note(id, &event, &report(1, "a", Reported::Failed(refused("1"))), None, at(2)).is_none(), "no ticket");
}

#[test]
fn a_refusal_as_too_late_shuts_the_window_from_when_its_part_went_out() {
    let mut text = pending();
    text.first_sent_at = Some(at(90));
    let late = report(100, "d1", Reported::Failed(refused("131047")));
    assert_eq!(
        taught(&late, 1, &text.receipts, text.first_sent_at),
        Some(Change::Shut(at(90))),
        "no report of the send"
    );
    text.add_report(1, &report(95, "d1", Reported::Sent { mark: None }));
    assert_eq!(taught(&late, 1, &text.receipts, text.first_sent_at), Some(Change::Shut(at(95))));
    assert_eq!(taught(&late, 2, &[], None), Some(Change::Shut(at(100))));
    let other = report(100, "d1", Reported::Failed(refused("30003")));
    assert_eq!(taught(&other, 1, &text.receipts, text.first_sent_at), None);
}
