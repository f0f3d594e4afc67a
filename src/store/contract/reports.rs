//! A carrier's reports, in the contract: taken in once, kept over a crash, bound in one commit, and gone with their customer.

use crate::store::{Archive, Control, Inbox, Incoming, Queue};
use std::time::Duration;

use jiff::SignedDuration;

use super::operator::order;
use super::*;
use crate::domain::account::AccountId;
use crate::domain::event::TicketId;
use crate::domain::kind::KindName;
use crate::domain::note::{Note, Saying};
use crate::domain::receipt::{Failure, Fate, Kept, Learnt, Mark, Report, Reported, Wrote};
use crate::domain::testing::customer_text;

fn report(id: &str, dispatch: Option<&str>, what: Reported) -> Report {
    Report {
        id: id.to_owned(),
        at: at(100),
        customer: Customer { external_id: Some("ada".into()), ..Customer::default() },
        campaign: Some("c-reply".into()),
        dispatch: dispatch.map(str::to_owned),
        line: None,
        carrier: Ends::FIRST.carrier,
        what,
    }
}

fn sent(id: &str, dispatch: &str) -> Report {
    report(id, Some(dispatch), Reported::Sent { mark: None })
}

async fn due<S: Store>(store: &S, now: Timestamp) -> Vec<Kept> {
    store.due_reports(now, 100).await.unwrap()
}

/// A reply of an agent's that is being sent.
async fn sending<S: Store>(store: &S) -> Claim {
    let text = PhoneText {
        ticket_id: Some(TicketId(7)),
        comment_id: None,
        external_user_id: Some("ada".into()),
        requester_id: None,
        text: "Hello".into(),
        agent_name: None,
        attachments: Vec::new(),
        recipe: None,
        caught_up: false,
        written_at: None,
    };
    let event = Event { received_at: at(90), kind: EventKind::PhoneText(text) };
    store.accept(event, Ends::FIRST.into(), Vec::new(), at(90)).await.unwrap();
    store.claim(PHONE, at(91), Terms::merging(1), 1).await.unwrap().pop().unwrap()
}

pub(crate) async fn a_batch_is_taken_in_once_and_is_there_after_a_crash<H: Home>() {
    let home = H::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let batch = || vec![sent("1", "a"), sent("2", "b"), sent("1", "a")];
    let taken = store.take_reports(batch(), vec![sent("9", "unknown"), sent("8", "a")], at(101)).await.unwrap();
    assert_eq!((taken.new, taken.repeated, taken.foreign), (3, 1, 1), "the name of a send makes it ours");
    let (_home, store) = home.crash(store, at(102)).await;
    let ids: Vec<String> = due(&store, at(102)).await.into_iter().map(|kept| kept.report.id).collect();
    assert_eq!(ids, ["1", "2", "8"]);
    let again = store.take_reports(batch(), Vec::new(), at(103)).await.unwrap();
    assert_eq!((again.new, again.repeated), (0, 3));
    assert_eq!(store.next_report_due(), Some(at(101)));
}

pub(crate) async fn a_body_of_several_events_is_one_commit_and_taken_in_once<H: Home>() {
    let home = H::new().await;
    let store = home.open(StoreLimits { backlog_max: 3, ..StoreLimits::default() }, at(0)).await;
    let incoming = |id: &str, words: &str, unreadable: Option<&str>| Incoming {
        event: text("ada", words),
        place: Ends::FIRST.into(),
        dedupe: vec![DedupeKey::CarrierReport(id.to_owned())],
        unreadable: unreadable.map(str::to_owned),
    };
    let body = || {
        vec![
            incoming("1", "one", None),
            incoming("2", "x", Some("no id")),
            incoming("3", "two", None),
            incoming("1", "one", None),
        ]
    };
    let commits = || store.counts().commits.commits();
    let before = commits();
    let (accepted, taken) = store.take_body(body(), vec![sent("9", "a")], Vec::new(), at(1)).await.unwrap();
    assert!(commits() - before <= 1, "the whole body is one commit");
    let [Accepted::New(one), Accepted::New(kept), Accepted::New(_), Accepted::Duplicate(again)] = accepted[..] else {
        panic!("{accepted:?}")
    };
    assert_eq!((again, taken.new), (one, 1));
    assert!(matches!(store.delivery(kept).await.unwrap().unwrap().0.state, State::Quarantined { .. }));
    // A backlog that is full after one more takes nothing of a body of two.
    let longer = vec![incoming("4", "three", None), incoming("5", "four", None)];
    let refused = store.take_body(longer, vec![sent("10", "b")], Vec::new(), at(1)).await;
    assert_eq!(refused.unwrap_err(), StoreError::BacklogFull(2));
    let (_home, store) = home.crash(store, at(2)).await;
    let (accepted, taken) = store.take_body(body(), vec![sent("9", "a")], Vec::new(), at(3)).await.unwrap();
    assert!(accepted.iter().all(|accepted| matches!(accepted, Accepted::Duplicate(_))), "{accepted:?}");
    assert_eq!((taken.new, taken.repeated), (0, 1));
    assert_eq!(drain(&store, DESK, at(4)).await, ["one", "two"]);
    assert_eq!(due(&store, at(4)).await.len(), 1);
}

pub(crate) async fn a_report_is_bound_with_what_follows_from_it_in_one_commit<H: Home>() {
    let home = H::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let claim = sending(&store).await;
    let id = claim.work[0].delivery.id;
    let lost = Transition::Lose { since: at(92), look_at: at(500), cause: "no answer".into() };
    store.record(&claim, Verdict { moves: vec![(id, lost)], ..Verdict::default() }, at(92)).await.unwrap();
    let mark = Some(Mark { id, part: 1 });
    let refused = Failure { code: Some("30005".into()), said: None, falls_back: false };
    let batch = vec![
        report("1", Some("a"), Reported::Sent { mark }),
        report("2", Some("a"), Reported::Failed(refused.clone())),
        report("3", Some("a"), Reported::Failed(refused)),
    ];
    store.take_reports(batch, Vec::new(), at(101)).await.unwrap();
    let note = || {
        let kind = EventKind::Note(Note::fact(TicketId(7), Saying::Unsubscribed));
        Some(Box::new(Event { received_at: at(102), kind }))
    };
    for kept in due(&store, at(102)).await {
        let fate = Fate::Bound { delivery: id, part: 1, of: 1, note: note() };
        store.weigh(kept.number, fate, at(102)).await.unwrap();
    }
    let (_home, store) = home.crash(store, at(103)).await;
    assert!(due(&store, at(900)).await.is_empty());
    let (delivery, _) = store.delivery(id).await.unwrap().unwrap();
    assert_eq!((delivery.receipts.len(), delivery.parts_sent), (1, 1));
    assert_eq!(delivery.receipts[0].dispatch.as_deref(), Some("a"));
    assert!(delivery.receipts[0].has_failed());
    assert_eq!(delivery.state.due_at(), Some(at(102)), "it is looked at again at once");
    let all = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
    let mut notes = store.deliveries(all).await.unwrap().items;
    notes.retain(|delivery| delivery.kind == KindName::Note);
    assert_eq!(notes.iter().map(|note| note.parent).collect::<Vec<_>>(), [Some(id)], "one note for both");
    let by_dispatch = DeliveryFilter { dispatch: Some("a".into()), limit: 10, ..DeliveryFilter::default() };
    assert_eq!(store.deliveries(by_dispatch).await.unwrap().items[0].id, id);
    let taken = store.take_reports(Vec::new(), vec![sent("4", "a"), sent("5", "b")], at(104)).await.unwrap();
    assert_eq!((taken.new, taken.foreign), (1, 1), "a known send is ours, whatever its campaign");
}

pub(crate) async fn a_report_in_a_workers_hands_moves_nothing_and_is_not_forgotten_by_the_verdict<H: Home>() {
    let home = H::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let claim = sending(&store).await;
    let id = claim.work[0].delivery.id;
    let mark = Some(Mark { id, part: 2 });
    store.take_reports(vec![report("1", Some("a"), Reported::Sent { mark })], Vec::new(), at(101)).await.unwrap();
    let number = due(&store, at(101)).await[0].number;
    store.weigh(number, Fate::Bound { delivery: id, part: 2, of: 2, note: None }, at(101)).await.unwrap();
    let lost = Transition::Lose { since: at(102), look_at: at(500), cause: "no answer".into() };
    let verdict = Verdict { moves: vec![(id, lost)], parts_sent: Some(1), ..Verdict::default() };
    store.record(&claim, verdict, at(102)).await.unwrap();
    let (delivery, _) = store.delivery(id).await.unwrap().unwrap();
    assert_eq!((delivery.parts_sent, delivery.receipts.len()), (2, 1));
    assert!(matches!(delivery.state, State::Unconfirmed { .. }));
}

pub(crate) async fn what_waits_for_the_name_of_a_send_is_weighed_again_when_it_is_told<H: Home>() {
    let home = H::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let claim = sending(&store).await;
    let id = claim.work[0].delivery.id;
    let waiting = vec![
        report("1", Some("a"), Reported::Delivered),
        report("2", Some("b"), Reported::Delivered),
        report("3", Some("a"), Reported::Read),
    ];
    store.take_reports(waiting, Vec::new(), at(101)).await.unwrap();
    let kept = due(&store, at(101)).await;
    store.weigh(kept[0].number, Fate::Unbound, at(101)).await.unwrap();
    store.weigh(kept[1].number, Fate::Unbound, at(101)).await.unwrap();
    store.weigh(kept[2].number, Fate::Later(at(700)), at(101)).await.unwrap();
    assert_eq!((unbound(&store), store.next_report_due()), (2, Some(at(700))));
    let (_home, store) = home.crash(store, at(102)).await;
    let page = store.unbound_reports(None, 1).await.unwrap();
    assert_eq!((page.items[0].report.id.as_str(), page.total, page.more), ("2", 2, true), "the newest first");
    let rest = store.unbound_reports(Some(page.items[0].number), 10).await.unwrap();
    assert_eq!((rest.items[0].report.id.as_str(), rest.more), ("1", false));
    store.take_reports(vec![sent("4", "a")], Vec::new(), at(103)).await.unwrap();
    let number = due(&store, at(103)).await[0].number;
    store.weigh(number, Fate::Bound { delivery: id, part: 1, of: 1, note: None }, at(103)).await.unwrap();
    let again: Vec<String> = due(&store, at(103)).await.into_iter().map(|kept| kept.report.id).collect();
    assert_eq!(again, ["1", "3"], "and not the one of another send");
    assert_eq!(unbound(&store), 1);
}

/// How many reports of the first carrier no delivery is known of. No other carrier has sent any.
fn unbound(store: &impl Store) -> u64 {
    let mut unbound = store.unbound();
    let ours = unbound.remove(&Ends::FIRST.carrier).unwrap_or_default();
    assert!(unbound.is_empty(), "{unbound:?}");
    ours
}

pub(crate) async fn reports_of_no_delivery_are_counted_by_their_carriers<H: Home>() {
    let (home, store) = fresh::<H>().await;
    let further: AccountId = "carrier-eu".parse().unwrap();
    let ours = report("1", Some("a"), Reported::Delivered);
    let theirs = ["2", "3"].map(|id| Report { carrier: further, ..report(id, Some("b"), Reported::Delivered) });
    store.take_reports([vec![ours], theirs.into()].concat(), Vec::new(), at(101)).await.unwrap();
    for kept in due(&store, at(101)).await {
        store.weigh(kept.number, Fate::Unbound, at(101)).await.unwrap();
    }
    let (_home, store) = home.crash(store, at(102)).await;
    assert_eq!(store.unbound(), [(Ends::FIRST.carrier, 1), (further, 2)].into());
}

pub(crate) async fn a_text_is_taken_in_from_a_report_or_from_its_webhook_and_not_from_both<H: Home>() {
    let home = H::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let customer = Customer { external_id: Some("ada".into()), ..Customer::default() };
    let text = |words: &str| CustomerText { customer: customer.clone(), text: words.to_owned(), ..customer_text() };
    let event = |words: &str, second| Event { received_at: at(second), kind: EventKind::CustomerText(text(words)) };
    let wrote = |id: &str, words: &str| report(id, None, Reported::Wrote(Box::new(Wrote(text(words)))));
    store.take_reports(vec![wrote("1", "ok"), wrote("2", "ok")], Vec::new(), at(101)).await.unwrap();
    assert!(due(&store, at(101)).await.is_empty(), "the webhook has some minutes to come");
    let kept = due(&store, at(701)).await;
    for kept in &kept {
        store
            .weigh(kept.number, Fate::TakenIn { event: Box::new(event("ok", 701)), place: Ends::FIRST.into() }, at(701))
            .await
            .unwrap();
    }
    let (_home, store) = home.crash(store, at(702)).await;
    let all = || DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
    let texts = store.deliveries(all()).await.unwrap().items;
    assert_eq!(texts.len(), 2, "both were written");
    assert!(texts.iter().all(|text| text.receipts.len() == 1), "and are told of by one report each");
    let key = |n: &str| DedupeKey::Dispatch { campaign: String::new(), dispatch: n.into(), customer: "ada".into() };
    for (n, words, is_known) in
        [("w1", "ok", true), ("w1", "ok", true), ("w2", " ok", true), ("w3", "ok", false), ("w4", "no", false)]
    {
        let answer = store.accept(event(words, 800), Ends::FIRST.into(), vec![key(n)], at(800)).await.unwrap();
        assert_eq!(matches!(answer, Accepted::Duplicate(_)), is_known, "{n}");
    }
    assert_eq!(store.deliveries(all()).await.unwrap().total, 4);
}

pub(crate) async fn an_end_of_a_subscription_is_learnt_with_its_note_and_a_later_keyword_counts_more<H: Home>() {
    let home = H::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let customer = Customer { external_id: Some("ada".into()), ..Customer::default() };
    let key = store.key_of(&customer, &Ends::FIRST.into(), None).await.unwrap();
    let claim = sending(&store).await;
    let changes = vec![Change::Customer(customer)];
    store.record(&claim, Verdict { changes, ..Verdict::default() }, at(92)).await.unwrap();
    let subscription = async |store: &H::Store| store.conversation(&key).await.unwrap().unwrap().subscription;
    for (id, second, heard, counts) in [("1", 100, None, Subscription::Out), ("2", 100, Some(200), Subscription::In)] {
        if let Some(heard) = heard {
            store.learn(&key, vec![Change::Subscription(Subscription::In, at(heard))], at(heard)).await.unwrap();
        }
        store.take_reports(vec![report(id, None, Reported::Unsubscribed)], Vec::new(), at(second)).await.unwrap();
        let kept = due(&store, at(900)).await;
        let changes = vec![Change::SubscriptionAsked(Subscription::Out, at(second))];
        let fate = Fate::Learnt(vec![Learnt { conversation: key.clone(), changes, note: None }]);
        store.weigh(kept[0].number, fate, at(900)).await.unwrap();
        assert_eq!(subscription(&store).await, counts);
    }
}

pub(crate) async fn reports_go_with_their_time_and_with_their_customer<H: Home>() {
    let home = H::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let claim = sending(&store).await;
    let id = claim.work[0].delivery.id;
    let done = Transition::Deliver { receipt: "queued".into() };
    store.record(&claim, Verdict { moves: vec![(id, done)], ..Verdict::default() }, at(92)).await.unwrap();
    let of_another =
        Report { customer: Customer { external_id: Some("grace".into()), ..Customer::default() }, ..sent("2", "b") };
    store.take_reports(vec![sent("1", "a"), of_another, sent("3", "c")], Vec::new(), at(101)).await.unwrap();
    let kept = due(&store, at(101)).await;
    store.weigh(kept[0].number, Fate::Bound { delivery: id, part: 1, of: 1, note: None }, at(101)).await.unwrap();
    let forgotten = store.forget(&ConversationKey("ada".into()), &order(at(102))).await.unwrap();
    assert_eq!(forgotten.settled, 1, "the receipt went with its delivery");
    let left: Vec<String> = due(&store, at(900)).await.into_iter().map(|kept| kept.report.id).collect();
    assert_eq!(left, ["2"]);
    let gone = Fate::Bound { delivery: id, part: 1, of: 1, note: None };
    store.weigh(kept[2].number, gone.clone(), at(103)).await.unwrap();
    store.weigh(kept[1].number, gone, at(103)).await.unwrap();
    assert!(due(&store, at(900)).await.is_empty(), "a report about what is gone is over");
    store.take_reports(vec![sent("4", "d")], Vec::new(), at(104)).await.unwrap();
    let number = due(&store, at(104)).await[0].number;
    store.weigh(number, Fate::Unbound, at(104)).await.unwrap();
    let later = at(104) + SignedDuration::from_secs(100);
    store.expire(later, Duration::from_secs(200), Duration::from_secs(200)).await.unwrap();
    assert_eq!(unbound(&store), 1, "not yet");
    store.expire(later, Duration::from_secs(50), Duration::from_secs(200)).await.unwrap();
    assert_eq!(unbound(&store), 0);
    let again = store.take_reports(vec![sent("4", "d")], Vec::new(), later).await.unwrap();
    assert_eq!((again.new, again.repeated), (0, 1), "its dedupe key lives longer");
}

pub(crate) async fn reports_of_one_carriers_customer_go_and_those_of_another_with_the_same_id_stay<H: Home>() {
    let ends = Ends { carrier: "carrier-eu".parse().unwrap(), ..Ends::FIRST };
    for (forgotten, left) in [("ada", "eu"), ("carrier-eu:ada", "first")] {
        let home = H::new().await;
        let store = home.open(StoreLimits::default(), at(0)).await;
        for ends in [Ends::FIRST, ends] {
            store.accept(text("ada", "hello"), ends.into(), Vec::new(), at(90)).await.unwrap();
        }
        let of_eu = Report { carrier: ends.carrier, ..sent("eu", "a") };
        store.take_reports(vec![sent("first", "a"), of_eu], Vec::new(), at(101)).await.unwrap();
        store.forget(&ConversationKey(forgotten.into()), &order(at(102))).await.unwrap();
        let ids: Vec<String> = due(&store, at(900)).await.into_iter().map(|kept| kept.report.id).collect();
        assert_eq!(ids, [left], "{forgotten}");
    }
}
