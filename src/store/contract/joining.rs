//! Merged talks: their conversations are joined, in whatever order a merge and the texts come.

use std::sync::Arc;

use super::*;
use crate::domain::account::AccountId;
use crate::domain::line::{OnLine, Place};
use crate::domain::note::{Joined, Saying};
use crate::domain::parts::Cut;
use crate::domain::receipt::{Fate, Report, Reported};
use crate::store::{Incoming, Queue};

fn ends() -> Ends {
    Ends { carrier: "talks".parse().unwrap(), ..Ends::FIRST }
}

fn to_desk() -> Route {
    ends().routes()[0]
}

fn place() -> Place {
    Place { line: OnLine::InThread(Some("l1".into())), ..ends().into() }
}

fn talk(name: &str) -> Customer {
    Customer { thread: Some(name.into()), carrier_id: Some(format!("user of {name}")), ..Customer::default() }
}

fn said(name: &str, words: &str, second: i64) -> Event {
    Event { received_at: at(second), ..text_from(talk(name), Some("l1"), words) }
}

async fn write(store: &impl Store, name: &str, words: &str, second: i64) {
    store.accept(said(name, words, second), place(), Vec::new(), at(second)).await.unwrap();
}

/// The report that the first talk was merged into the second.
fn merged(gone: &str, left: &str) -> Report {
    let what = Reported::TalkMoved { into: left.into(), customer: Some(format!("user of {left}")) };
    let (id, carrier): (String, AccountId) = (format!("{gone} into {left}"), ends().carrier);
    let customer = Customer { thread: Some(gone.into()), ..Customer::default() };
    Report { id, at: at(1), customer, campaign: None, dispatch: None, line: None, carrier, what }
}

async fn tell(store: &impl Store, report: Report, second: i64) {
    store.take_reports(vec![report], Vec::new(), at(second)).await.unwrap();
    weigh(store, second).await;
}

/// Weighs every report; tells whether none is left.
async fn weigh(store: &impl Store, second: i64) -> bool {
    let mut is_over = true;
    for kept in store.due_reports(at(second), 9).await.unwrap() {
        is_over &= store.weigh(kept.number, Fate::Joined, at(second)).await.unwrap();
    }
    is_over
}

/// The words and the conversation of each text that waits for the desk, in the order in which they go.
async fn waiting(store: &impl Store, second: i64) -> (Vec<String>, Vec<String>) {
    let (mut told, mut keys) = (Vec::new(), Vec::new());
    while let Some(claim) = store.claim(to_desk(), at(second), Terms::merging(1), 1).await.unwrap().pop() {
        told.extend(words(&claim));
        keys.push(claim.key.0.clone());
        store.record(&claim, done(&claim), at(second)).await.unwrap();
    }
    keys.dedup();
    (told, keys)
}

/// The talks of the conversations that are not over.
async fn lasting(store: &impl Store) -> Vec<String> {
    let known = store.conversations(None, 9).await.unwrap().items;
    known.into_iter().filter(|one| !one.talk.is_over()).filter_map(|one| one.customer.thread).collect()
}

/// Opens or finds ticket `id` for the head of the lane.
async fn work_off(store: &impl Store, id: u64, second: i64) {
    let claimed = claim(store, to_desk(), at(second)).await;
    let ticket = Change::Ticket(TicketId(id), TicketStatus::Open, at(second));
    store.record(&claimed, Verdict { changes: vec![ticket], ..done(&claimed) }, at(second)).await.unwrap();
}

pub(crate) async fn a_merge_and_the_texts_of_both_talks_end_in_one_lane_in_whatever_order_they_come<H: Home>() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (home, store) = fresh::<H>().await;
        let mut expected = Vec::new();
        for (second, act) in (10..).zip(order) {
            match act {
                0 => write(&store, "gone", "old", second).await,
                1 => write(&store, "left", "new", second).await,
                _ => tell(&store, merged("gone", "left"), second).await,
            }
            expected.extend(["old", "new"].get(act).map(|words| (*words).to_owned()));
        }
        let (_home, store) = home.crash(store, at(20)).await;
        // A late text of the one, and a further one of the other.
        write(&store, "gone", "late", 21).await;
        write(&store, "left", "on", 22).await;
        expected.extend(["late".to_owned(), "on".to_owned()]);
        assert_eq!(lasting(&store).await, ["left"], "{order:?}");
        let (told, keys) = waiting(&store, 30).await;
        assert_eq!((told, keys.len()), (expected, 1), "{order:?}: {keys:?}");
    }
}

pub(crate) async fn merges_one_after_the_other_lead_to_the_last_talk_in_whatever_order_they_come<H: Home>() {
    for is_known in [false, true] {
        for order in [["a b", "b c"], ["b c", "a b"]] {
            let (_home, store) = fresh::<H>().await;
            if is_known {
                write(&store, "a", "first", 5).await;
                work_off(&store, 7, 6).await;
            }
            for merge in order {
                let (gone, left) = merge.split_once(' ').unwrap();
                tell(&store, merged(gone, left), 10).await;
            }
            for (second, name) in (20..).zip(["a", "b", "c"]) {
                write(&store, name, name, second).await;
            }
            assert_eq!(lasting(&store).await, ["c"], "{order:?} {is_known}");
            let (told, keys) = waiting(&store, 30).await;
            assert_eq!((told, keys.len()), (vec!["a".into(), "b".into(), "c".into()], 1), "{order:?} {is_known}");
        }
    }
}

pub(crate) async fn a_merge_in_the_body_of_the_first_text_is_joined_before_it<H: Home>() {
    let (_home, store) = fresh::<H>().await;
    write(&store, "gone", "old", 5).await;
    work_off(&store, 7, 6).await;
    let event = said("left", "new", 10);
    let incoming = Incoming { event, place: place(), dedupe: Vec::new(), unreadable: None };
    let reports = vec![merged("gone", "left")];
    store.take_body(vec![incoming], reports, Vec::new(), at(10)).await.unwrap();
    let claimed = claim(&store, to_desk(), at(11)).await;
    let known = claimed.conversation.unwrap();
    assert_eq!(known.ticket.map(|ticket| ticket.id), Some(TicketId(7)), "no worker comes in between");
    assert_eq!(known.customer.thread.as_deref(), Some("left"));
}

pub(crate) async fn two_talks_that_both_have_tickets_are_told_of_each_other_and_the_newer_text_goes_on<H: Home>() {
    for newer in ["gone", "left"] {
        let (home, store) = fresh::<H>().await;
        write(&store, "gone", "old", 5).await;
        work_off(&store, 7, 6).await;
        write(&store, "left", "new", 7).await;
        // A worker is at the text, which may be on a new ticket already.
        let held = claim(&store, to_desk(), at(8)).await;
        if newer == "gone" {
            write(&store, "gone", "newer", 9).await;
        }
        store.take_reports(vec![merged("gone", "left")], Vec::new(), at(10)).await.unwrap();
        assert!(!weigh(&store, 10).await, "{newer}");
        let ticket = Change::Ticket(TicketId(8), TicketStatus::Open, at(11));
        store.record(&held, Verdict { changes: vec![ticket], ..done(&held) }, at(11)).await.unwrap();
        assert!(!store.due_reports(at(20), 9).await.unwrap().is_empty(), "it is weighed again soon");
        assert!(weigh(&store, 20).await, "{newer}");
        tell(&store, Report { id: "again".into(), ..merged("gone", "left") }, 21).await;
        let (_home, store) = home.crash(store, at(22)).await;
        write(&store, "left", "on", 23).await;
        let (here, there) = if newer == "gone" { (7, 8) } else { (8, 7) };
        let (mut texts, mut notes) = (Vec::new(), Vec::new());
        while let Some(claim) = store.claim(to_desk(), at(30), Terms::merging(1), 1).await.unwrap().pop() {
            let on = claim.conversation.as_ref().and_then(|known| known.ticket.as_ref()).map(|ticket| ticket.id.0);
            if let EventKind::Note(Note { ticket_id, says: Says::Coded(saying), .. }) = &claim.work[0].event.kind {
                notes.push((ticket_id.0, saying.code(), saying.fields().other_ticket.map(|other| other.0)));
            } else {
                texts.push((words(&claim)[0].clone(), on));
            }
            store.record(&claim, done(&claim), at(30)).await.unwrap();
        }
        notes.sort_unstable();
        let joined = |ticket| Joined { ticket: TicketId(ticket) };
        let mut expected = [
            (here, Saying::TextsComeHere(joined(there)).code(), Some(there)),
            (there, Saying::TextsGoElsewhere(joined(here)).code(), Some(here)),
        ];
        expected.sort_unstable();
        assert_eq!(notes, expected, "{newer}: once each");
        assert_eq!(texts.last(), Some(&("on".to_owned(), Some(here))), "{newer}");
        assert_eq!(lasting(&store).await, ["left"], "{newer}");
    }
}

pub(crate) async fn texts_that_wait_in_a_talk_that_ends_go_to_the_lasting_ones_ticket_also_when_redriven<H: Home>() {
    let (home, store) = fresh::<H>().await;
    for (second, name, ticket) in [(1, "gone", 7), (3, "left", 8)] {
        write(&store, name, "first", second).await;
        work_off(&store, ticket, second + 1).await;
    }
    write(&store, "gone", "refused", 5).await;
    let refused = claim(&store, to_desk(), at(5)).await;
    let dead = refused.work[0].delivery.id;
    store.record(&refused, all(&refused, &Transition::GiveUp { cause: "422".into() }), at(5)).await.unwrap();
    write(&store, "gone", "in doubt", 6).await;
    let lost = claim(&store, to_desk(), at(6)).await;
    let lose = Transition::Lose { since: at(6), look_at: at(20), cause: "no answer".into() };
    store.record(&lost, all(&lost, &lose), at(6)).await.unwrap();
    write(&store, "gone", "waits", 7).await;
    write(&store, "left", "newer", 8).await;
    tell(&store, merged("gone", "left"), 10).await;
    let (_home, store) = home.crash(store, at(11)).await;
    store.operate(dead, Transition::Redrive, &order(at(12))).await.unwrap();
    let mut told = Vec::new();
    while let Some(claim) = store.claim(to_desk(), at(30), Terms::merging(1), 1).await.unwrap().pop() {
        let on = claim.conversation.as_ref().and_then(|known| known.ticket.as_ref()).map(|ticket| ticket.id.0);
        if matches!(claim.work[0].event.kind, EventKind::CustomerText(_)) {
            told.push((words(&claim)[0].clone(), on));
        }
        store.record(&claim, done(&claim), at(30)).await.unwrap();
    }
    told.sort_unstable();
    let expected = [("in doubt", 7), ("newer", 8), ("refused", 8), ("waits", 8)];
    assert_eq!(told, expected.map(|(words, ticket)| (words.to_owned(), Some(ticket))));
}

pub(crate) async fn a_talk_whose_ticket_is_closed_goes_on_on_the_other_ones_open_ticket_without_a_note<H: Home>() {
    for is_told_first in [false, true] {
        let (_home, store) = fresh::<H>().await;
        write(&store, "gone", "first", 1).await;
        work_off(&store, 7, 2).await;
        write(&store, "left", "first", 3).await;
        let claimed = claim(&store, to_desk(), at(4)).await;
        let closed = Change::Ticket(TicketId(3), TicketStatus::Closed, at(4));
        store.record(&claimed, Verdict { changes: vec![closed], ..done(&claimed) }, at(4)).await.unwrap();
        if is_told_first {
            tell(&store, merged("gone", "left"), 9).await;
        }
        write(&store, "left", "newer", 10).await;
        tell(&store, merged("gone", "left"), 11).await;
        let claimed = claim(&store, to_desk(), at(12)).await;
        let known = claimed.conversation.as_ref().unwrap();
        assert_eq!(
            (words(&claimed), known.ticket.as_ref().map(|ticket| ticket.id.0)),
            (vec!["newer".to_owned()], Some(7))
        );
        store.record(&claimed, done(&claimed), at(12)).await.unwrap();
        assert!(
            store.claim(to_desk(), at(30), Terms::merging(1), 1).await.unwrap().pop().is_none(),
            "no note names a closed ticket"
        );
        assert_eq!(lasting(&store).await, ["left"]);
    }
}

pub(crate) async fn a_customer_whose_talks_were_merged_one_after_the_other_is_forgotten_whole<H: Home>() {
    for named in ["a", "b", "c"] {
        let (_home, store) = fresh::<H>().await;
        // Two more talks, of which no text has come.
        tell(&store, merged("x", "y"), 0).await;
        tell(&store, merged("y", "a"), 0).await;
        for (second, name, ticket) in [(1, "a", 7), (3, "b", 8), (5, "c", 9)] {
            write(&store, name, "first", second).await;
            work_off(&store, ticket, second + 1).await;
        }
        tell(&store, merged("a", "b"), 10).await;
        tell(&store, merged("b", "c"), 11).await;
        write(&store, "d", "of another customer", 12).await;
        store.forget(&ConversationKey(format!("talks:{named}")), &order(at(13))).await.unwrap();
        let known = store.conversations(None, 9).await.unwrap().items;
        let left: Vec<&str> = known.iter().map(|known| known.key.0.as_str()).collect();
        assert_eq!(left, ["talks:d"], "{named}");
        write(&store, "x", "again", 14).await;
        assert_eq!(lasting(&store).await, ["d", "x"], "{named}: no name is left that leads on");
    }
}

/// A conversation that began with a text to a number, and a talk of which a worker holds a text: the claim, and the answer in the
/// talk that is still to come.
async fn answer_while_held(store: &impl Store, words: &str, keyword: Option<Keyword>) -> (Claim, Event) {
    write(store, "number:1", "stands for the first text", 1).await;
    work_off(store, 7, 2).await;
    write(store, "c1", "Hello", 3).await;
    let held = claim(store, to_desk(), at(4)).await;
    let mut answer = said("c1", words, 5);
    if let EventKind::CustomerText(text) = &mut answer.kind {
        (text.answers, text.keyword) = (vec!["number:1".into()], keyword);
    }
    (held, answer)
}

pub(crate) async fn an_answer_that_tells_a_talk_of_which_a_text_is_under_way_is_joined_as_soon_as_that_is_done<
    H: Home,
>() {
    let (home, store) = fresh::<H>().await;
    let (held, stop) = answer_while_held(&store, "STOP", Some(Keyword::OptOut)).await;
    for _ in 0..2 {
        store.accept(stop.clone(), place(), Vec::new(), at(5)).await.unwrap();
    }
    assert_eq!(store.due_reports(at(11), 9).await.unwrap().len(), 1, "one report of them is enough");
    let known = store.conversations(None, 9).await.unwrap().items;
    assert!(known.iter().all(|known| known.subscription == Subscription::Out), "heeded at once: {known:?}");
    assert!(!weigh(&store, 11).await, "a worker is at the talk's text");
    let ticket = Change::Ticket(TicketId(8), TicketStatus::Open, at(12));
    store.record(&held, Verdict { changes: vec![ticket], ..done(&held) }, at(12)).await.unwrap();
    let (_home, store) = home.crash(store, at(13)).await;
    assert!(weigh(&store, 30).await);
    let known = store.conversations(None, 9).await.unwrap().items;
    let lasting: Vec<_> = known.iter().filter(|known| !known.talk.is_over()).collect();
    let [lasting] = lasting[..] else { panic!("{known:?}") };
    assert_eq!((lasting.customer.thread.as_deref(), lasting.subscription), (Some("c1"), Subscription::Out));
    assert!(store.due_reports(at(9_000), 9).await.unwrap().is_empty(), "it is over");
}

pub(crate) async fn an_answer_in_a_talk_that_has_ended_before_it_can_be_joined_leads_nowhere<H: Home>() {
    let (_home, store) = fresh::<H>().await;
    let (held, answer) = answer_while_held(&store, "Yes", None).await;
    store.accept(answer, place(), Vec::new(), at(5)).await.unwrap();
    store.learn(&held.key, vec![Change::TalkOver(at(8))], at(8)).await.unwrap();
    store.record(&held, done(&held), at(9)).await.unwrap();
    drop(waiting(&store, 10).await);
    assert!(weigh(&store, 30).await);
    assert_eq!(lasting(&store).await, ["number:1"], "not in a talk that is over");
}

pub(crate) async fn the_cut_of_a_text_is_kept_from_before_its_first_part_can_be_out<H: Home>() {
    let (home, store) = fresh::<H>().await;
    let id = accept(&store, phone_text(7, "words")).await;
    let terms = |gsm7| Terms { cut: Arc::new(move |_| Cut::Segments { gsm7 }), ..Terms::merging(1) };
    let to_phone = Ends::FIRST.routes().into_iter().find(|route| route.account == Ends::FIRST.carrier).unwrap();
    let cut = |claim: &Claim| claim.work[0].delivery.cut;
    let first = store.claim(to_phone, at(1), terms(true), 1).await.unwrap().pop().unwrap();
    assert_eq!((first.work[0].delivery.id, cut(&first)), (id, Some(Cut::Segments { gsm7: true })));
    // A part is out, and the bridge dies; the customer writes on another line.
    let (_home, store) = home.crash(store, at(2)).await;
    let looked = store.claim(to_phone, at(30), terms(false), 1).await.unwrap().pop().unwrap();
    assert!(matches!(looked.work[0].delivery.state, State::Unconfirmed { .. }));
    assert_eq!(cut(&looked), Some(Cut::Segments { gsm7: true }));
    let retry = Transition::Retry { due_at: at(31), cause: "part 1 of 2 is out".into() };
    store.record(&looked, Verdict { parts_sent: Some(1), ..all(&looked, &retry) }, at(30)).await.unwrap();
    let second = store.claim(to_phone, at(32), terms(false), 1).await.unwrap().pop().unwrap();
    assert_eq!(cut(&second), Some(Cut::Segments { gsm7: true }), "the second part goes by the same cut");
}

pub(crate) async fn the_talks_of_a_customer_are_found_by_the_carriers_id_of_them<H: Home>() {
    let (home, store) = fresh::<H>().await;
    let of = |name: &str, user: &str| Customer { carrier_id: Some(user.into()), ..talk(name) };
    let other = Ends { carrier: "other-talks".parse().unwrap(), ..Ends::FIRST };
    for (name, user, ends) in [("a", "u1", ends()), ("b", "u1", ends()), ("c", "u10", ends()), ("d", "u1", other)] {
        let place = Place { line: OnLine::InThread(None), ..ends.into() };
        store.accept(text_from(of(name, user), None, "hello"), place, Vec::new(), at(1)).await.unwrap();
    }
    let found = async |store: &H::Store, user: &str| {
        let known = store.talks_of(ends().carrier, user).await.unwrap();
        let mut talks: Vec<String> = known.into_iter().filter_map(|known| known.customer.thread).collect();
        talks.sort_unstable();
        talks
    };
    assert_eq!(found(&store, "u1").await, ["a", "b"]);
    assert_eq!((found(&store, "u10").await, found(&store, "u").await), (vec!["c".into()], Vec::<String>::new()));
    // The talk goes to another user, and another customer is forgotten.
    tell(&store, merged("b", "e"), 2).await;
    store.forget(&ConversationKey("talks:c".into()), &order(at(3))).await.unwrap();
    let told =
        async |store: &H::Store| (found(store, "u1").await, found(store, "user of e").await, found(store, "u10").await);
    let expected = (vec!["a".to_owned()], vec!["e".to_owned()], Vec::new());
    assert_eq!(told(&store).await, expected, "as it is moved on");
    let (_home, store) = home.crash(store, at(4)).await;
    assert_eq!(told(&store).await, expected, "as it is filled again");
}
