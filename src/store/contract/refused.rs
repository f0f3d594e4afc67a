//! The contract about failures: the vendors' answers kept with a delivery, and settling a delivery of unknown fate.

use super::*;
use crate::domain::account::Route;
use crate::domain::answer::{ANSWERS_MAX, Answer};
use crate::domain::delivery::{Arrived, Fate, SETTLED};
use crate::domain::operator::{Act, Moved, Seen};
use crate::store::{Archive, Control, Queue};

const KEPT: &str = "a number that is a landline";

fn answer(second: i64, body: &str) -> Answer {
    Answer::new(at(second), "POST /campaigns/trigger/send", 400, Some("application/json"), body, body.len() as u64)
}

/// Fails the head of this lane with an answer; it can be tried again at once.
async fn fail(store: &impl Store, route: Route, second: i64, body: &str) -> EventId {
    let head = claim(store, route, at(second)).await;
    let retry = Transition::Retry { due_at: at(second), cause: "400".into() };
    let verdict = Verdict { answer: Some(answer(second, body)), ..all(&head, &retry) };
    store.record(&head, verdict, at(second)).await.unwrap();
    head.work[0].delivery.id
}

async fn bodies(store: &impl Store, id: EventId) -> Vec<String> {
    store.answers(id).await.unwrap().kept.into_iter().map(|answer| answer.body).collect()
}

pub(crate) async fn answers_are_kept_with_the_verdict_and_bounded<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    accept(&store, text("ada", "1")).await;
    let id = fail(&store, DESK, 1, KEPT).await;
    let stale = claim(&store, DESK, at(2)).await;
    let (_backend, store) = backend.crash(store, at(3)).await;
    assert_eq!(bodies(&store, id).await, [KEPT], "it is as durable as the verdict");
    let void = Verdict { answer: Some(answer(3, "never")), ..done(&stale) };
    assert_eq!(store.record(&stale, void, at(3)).await, Err(StoreError::StaleClaim(id)));
    assert_eq!(bodies(&store, id).await, [KEPT], "a void verdict leaves nothing");
    // Looked for and not seen, it is tried again.
    let looking = claim(&store, DESK, at(3)).await;
    let again = Transition::Retry { due_at: at(3), cause: "not seen".into() };
    store.record(&looking, all(&looking, &again), at(3)).await.unwrap();
    let long = "é".repeat(512);
    for second in 4..30 {
        fail(&store, DESK, second, &format!("{second}{long}")).await;
    }
    let answers = store.answers(id).await.unwrap();
    assert_eq!((answers.kept.len(), answers.older), (ANSWERS_MAX, 27 - ANSWERS_MAX as u64));
    assert_eq!(answers.kept.last().map(|answer| (answer.at, &answer.body[..2])), Some((at(29), "29")));
    let head = claim(&store, DESK, at(30)).await;
    store.record(&head, done(&head), at(30)).await.unwrap();
    assert_eq!(store.answers(id).await.unwrap(), answers, "they outlive the delivery's end");
    let nobodys = EventId { sequence: id.sequence + 1000, ..id };
    assert!(store.answers(nobodys).await.unwrap().is_empty());
}

pub(crate) async fn answers_go_with_their_delivery<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    accept(&store, text("ada", "waits")).await;
    accept(&store, text("bob", "is over")).await;
    accept(&store, text("eve", "is forgotten after it was over")).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let head = claim(&store, DESK, at(1)).await;
        let waits = Transition::Retry { due_at: at(60), cause: "503".into() };
        let over = Transition::GiveUp { cause: "400".into() };
        let transition = if ids.is_empty() { waits } else { over };
        let verdict = Verdict { answer: Some(answer(1, KEPT)), ..all(&head, &transition) };
        store.record(&head, verdict, at(1)).await.unwrap();
        ids.push(head.work[0].delivery.id);
    }
    for id in &ids {
        assert_eq!(bodies(&store, *id).await, [KEPT]);
    }
    for customer in ["ada", "eve"] {
        store.forget(&ConversationKey(customer.into()), &order(at(2))).await.unwrap();
    }
    store.expire(at(1000), seconds(10), seconds(10)).await.unwrap();
    for id in ids {
        assert!(store.answers(id).await.unwrap().is_empty(), "{id}");
    }
}

pub(crate) async fn who_was_shown_the_vendors_answers_is_remembered<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let id = accept(&store, text("ada", "1")).await;
    store.note_seen(Seen::Answers(id), &order(at(1))).await.unwrap();
    let (_backend, store) = backend.crash(store, at(2)).await;
    let entries = store.audit(None, 9).await.unwrap().items;
    assert_eq!(entries.iter().map(|entry| entry.act.clone()).collect::<Vec<_>>(), [Act::RevealAnswers { event: id }]);
}

/// Leaves the head of a lane in doubt, set aside for the operator or still to be looked for.
async fn doubt(store: &impl Store, route: Route, aside: bool) -> EventId {
    let head = claim(store, route, at(1)).await;
    let lost = Transition::Lose { since: at(1), look_at: at(5), cause: "no answer".into() };
    store.record(&head, all(&head, &lost), at(1)).await.unwrap();
    if aside {
        let looking = claim(store, route, at(5)).await;
        store.record(&looking, all(&looking, &Transition::SetAside { cause: "not seen".into() }), at(5)).await.unwrap();
    }
    head.work[0].delivery.id
}

pub(crate) async fn the_operator_settles_what_arrived<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    for words in ["in doubt", "next", "aside"] {
        accept(&store, phone_text(7, words)).await;
    }
    let id = doubt(&store, PHONE, false).await;
    assert!(store.claim(PHONE, at(2), Terms::merging(1), 1).await.unwrap().pop().is_none(), "the doubt holds the lane");
    store.settle(id, Arrived::WHOLE, &order(at(3))).await.unwrap();
    let (_backend, store) = backend.crash(store, at(4)).await;
    let (delivery, _) = store.delivery(id).await.unwrap().unwrap();
    assert_eq!(delivery.state, State::Delivered { receipt: SETTLED.into() });
    assert_eq!((delivery.settled_at, delivery.parts_sent), (Some(at(3)), 1));
    let next = claim(&store, PHONE, at(4)).await;
    assert_eq!(words(&next), ["next"], "the lane goes on, and nothing is sent again");
    store.record(&next, done(&next), at(4)).await.unwrap();
    assert_eq!(drain(&store, DESK, at(4)).await, Vec::<String>::new(), "no note said otherwise");
    let aside = doubt(&store, PHONE, true).await;
    store.settle(aside, Arrived::WHOLE, &order(at(6))).await.unwrap();
    let notes = claim(&store, DESK, at(6)).await;
    let told = (words(&notes), notes.work[0].delivery.parent);
    assert_eq!(told, (vec!["reply_found_arrived".to_owned()], Some(aside)));
    let entries = store.audit(None, 9).await.unwrap().items;
    let acts: Vec<_> = entries.iter().map(|entry| (entry.act.clone(), entry.operator.by.as_deref())).collect();
    let act = |id| (Act::Settle(Moved { count: 1, first: id, last: id }), Some("ada"));
    assert_eq!(acts, [act(aside), act(id)]);
}

pub(crate) async fn what_is_behind_the_part_that_arrived_goes_on_in_its_lane<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    for words in ["long", "next"] {
        accept(&store, phone_text(7, words)).await;
    }
    let head = claim(&store, PHONE, at(0)).await;
    let id = head.work[0].delivery.id;
    let lost = Transition::Lose { since: at(0), look_at: at(5), cause: "no answer".into() };
    store.record(&head, Verdict { parts_sent: Some(1), ..all(&head, &lost) }, at(0)).await.unwrap();
    let head = claim(&store, PHONE, at(5)).await;
    store.record(&head, all(&head, &Transition::SetAside { cause: "not seen".into() }), at(5)).await.unwrap();
    let arrived = |out| Arrived { out, of: 4 };
    for (out, why) in [(Some(1), "1 of its 4 parts are known to be out"), (Some(5), "1 of its 4 parts are known")] {
        let Err(StoreError::Illegal(refused)) = store.settle(id, arrived(out), &order(at(6))).await else {
            panic!("settled {out:?}")
        };
        assert!(refused.reason.starts_with(why), "{refused:?}");
    }
    store.settle(id, arrived(None), &order(at(6))).await.unwrap();
    let (_backend, store) = backend.crash(store, at(7)).await;
    let (delivery, _) = store.delivery(id).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.parts_sent, delivery.settled_at), (State::Pending, 2, None));
    let last = delivery.history.last().map(|entry| (entry.what, entry.cause.as_str()));
    assert_eq!(last, Some((Fate::Redriven, "2 of 4 parts are out, as an operator found")));
    assert_eq!(drain(&store, DESK, at(7)).await, Vec::<String>::new(), "nothing is told before all of it is there");
    // It is back at its old place, and its remaining parts are in doubt again.
    let head = claim(&store, PHONE, at(7)).await;
    assert_eq!((words(&head), head.work[0].delivery.parts_sent), (vec!["long".to_owned()], 2));
    let lost = Transition::Lose { since: at(7), look_at: at(9), cause: "no answer".into() };
    store.record(&head, all(&head, &lost), at(7)).await.unwrap();
    store.settle(id, arrived(Some(4)), &order(at(8))).await.unwrap();
    assert_eq!(state(&store, id).await, State::Delivered { receipt: SETTLED.into() });
    assert_eq!(drain(&store, DESK, at(8)).await, ["reply_found_arrived"]);
    assert_eq!(drain(&store, PHONE, at(8)).await, ["next"]);
}

pub(crate) async fn what_only_reads_is_not_settled<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let reopened = TicketChange { ticket_id: TicketId(8), external_user_id: None, requester_id: None };
    let reopened = Event { received_at: at(0), kind: EventKind::TicketReopened(reopened) };
    for event in [doorbell(7), reopened] {
        accept(&store, event).await;
        let id = doubt(&store, BELLS, false).await;
        let Err(StoreError::Illegal(refused)) = store.settle(id, Arrived::WHOLE, &order(at(2))).await else {
            panic!("settled")
        };
        assert!(refused.reason.contains("only reads") && refused.reason.contains("redrive it"), "{refused:?}");
        assert_eq!(state(&store, id).await.name(), StateName::Unconfirmed);
        store.operate(id, Transition::Redrive, &order(at(2))).await.unwrap();
        assert_eq!(drain(&store, BELLS, at(3)).await.len(), 1, "it is done again");
    }
}

pub(crate) async fn what_a_note_tells_of_is_marked_when_the_note_is_settled<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    accept(&store, phone_text(7, "reply")).await;
    let head = claim(&store, PHONE, at(0)).await;
    let reply = head.work[0].delivery.id;
    let tells = |tells| {
        let note = Note { ticket_id: TicketId(7), says: Says::Words { text: "x".into() }, tells };
        Event { received_at: at(0), kind: EventKind::Note(note) }
    };
    let kill = all(&head, &Transition::GiveUp { cause: "400".into() });
    let besides = vec![tells(Tells::Fact), tells(Tells::NotArrived)];
    store.record(&head, Verdict { besides, ..kill }, at(0)).await.unwrap();
    for is_noted in [false, true] {
        let note = doubt(&store, DESK, false).await;
        store.settle(note, Arrived::WHOLE, &order(at(2))).await.unwrap();
        assert_eq!(store.delivery(reply).await.unwrap().unwrap().0.noted, is_noted);
    }
}

pub(crate) async fn a_closing_text_that_is_settled_was_told<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let change = TicketChange { ticket_id: TicketId(7), external_user_id: None, requester_id: None };
    let solved = Event { received_at: at(0), kind: EventKind::TicketSolved(change) };
    accept(&store, text("ada", "hello")).await;
    let head = claim(&store, DESK, at(0)).await;
    let on_it = vec![Change::Ticket(TicketId(7), TicketStatus::Open, at(0))];
    store.record(&head, Verdict { changes: on_it, ..done(&head) }, at(0)).await.unwrap();
    let told = async || store.conversation(&ConversationKey("ada".into())).await.unwrap().unwrap().ticket.unwrap();
    for (reopened_at, is_told) in [(None, true), (Some(at(3)), false)] {
        let reopened = reopened_at.map(|since| Change::Ticket(TicketId(7), TicketStatus::Open, since));
        accept(&store, solved.clone()).await;
        // The bridge died during the call, so it did not learn even the status.
        let id = doubt(&store, PHONE, true).await;
        if let Some(change) = reopened {
            store.learn(&ConversationKey("ada".into()), vec![change], at(3)).await.unwrap();
        }
        store.settle(id, Arrived::WHOLE, &order(at(6))).await.unwrap();
        let ticket = told().await;
        assert_eq!((ticket.status == TicketStatus::Solved, ticket.closing_told), (is_told, is_told), "{reopened_at:?}");
    }
}

pub(crate) async fn only_what_is_in_doubt_and_in_nobodys_hands_is_settled<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let waits = accept(&store, text("ada", "waits")).await;
    accept(&store, text("bob", "in doubt")).await;
    let illegal = async |id: EventId| {
        let refused = store.settle(id, Arrived::WHOLE, &order(at(9))).await;
        assert!(matches!(refused, Err(StoreError::Illegal(_))), "{refused:?}");
    };
    illegal(waits).await;
    let head = claim(&store, DESK, at(1)).await;
    illegal(waits).await;
    store.record(&head, done(&head), at(1)).await.unwrap();
    illegal(waits).await;
    let id = doubt(&store, DESK, false).await;
    let looking = claim(&store, DESK, at(5)).await;
    illegal(id).await;
    store.record(&looking, all(&looking, &Transition::SetAside { cause: "not seen".into() }), at(5)).await.unwrap();
    store.settle(id, Arrived::WHOLE, &order(at(6))).await.unwrap();
    illegal(id).await;
    assert_eq!(store.counts().of(StateName::Delivered), 2);
    assert_eq!(store.audit(None, 9).await.unwrap().total, 1, "what was refused left nothing");
    assert_eq!(drain(&store, DESK, at(9)).await, Vec::<String>::new(), "no note of what was refused");
    let unknown = EventId { sequence: id.sequence + 1000, ..id };
    assert!(matches!(store.settle(unknown, Arrived::WHOLE, &order(at(9))).await, Err(StoreError::NotFound(_))));
}

/// Leaves "1" and "2" in doubt as one comment, with "3" behind; set aside or still to be looked for.
async fn one_comment(store: &impl Store, aside: bool) -> Vec<EventId> {
    let mut ids = Vec::new();
    for words in ["1", "2", "3"] {
        ids.push(accept(store, text("ada", words)).await);
    }
    let head = claim(store, DESK, at(0)).await;
    store.record(&head, all(&head, &postpone(at(1))), at(0)).await.unwrap();
    let group = store.claim(DESK, at(1), Terms::merging(2), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&group), ["1", "2"]);
    let lost = Transition::Lose { since: at(1), look_at: at(5), cause: "no answer".into() };
    store.record(&group, all(&group, &lost), at(1)).await.unwrap();
    if aside {
        let looking = store.claim(DESK, at(5), Terms::merging(2), 1).await.unwrap().pop().unwrap();
        assert_eq!(words(&looking), ["1", "2"]);
        store.record(&looking, all(&looking, &Transition::SetAside { cause: "500".into() }), at(5)).await.unwrap();
    }
    ids
}

pub(crate) async fn texts_in_one_comment_are_settled_together<B: Home>() {
    for (aside, chosen) in [(false, 1), (true, 0), (true, 1)] {
        let (backend, store) = fresh::<B>().await;
        let ids = one_comment(&store, aside).await;
        let (_backend, store) = backend.crash(store, at(6)).await;
        store.settle(ids[chosen], Arrived::WHOLE, &order(at(6))).await.unwrap();
        assert_eq!(store.counts().of(StateName::Delivered), 2, "{aside} {chosen}");
        let Act::Settle(moved) = store.audit(None, 9).await.unwrap().items[0].act.clone() else {
            panic!("no settling")
        };
        assert_eq!(moved.count, 2);
        assert_eq!(drain(&store, DESK, at(7)).await, ["3"]);
    }
}

pub(crate) async fn texts_in_one_comment_that_was_set_aside_go_back_together<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let ids = one_comment(&store, true).await;
    store.operate(ids[1], Transition::Redrive, &order(at(6))).await.unwrap();
    assert_eq!(drain(&store, DESK, at(7)).await, ["1", "2", "3"], "each on its own, at its place");
}
