//! The operator's part of the contract: moves over many, erasure, pauses, and the audit of all three.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::domain::delivery::{Delivery, Fate};
use crate::domain::operator::{Access, Act, AuditEntry, Moved, Operator, Order, PauseTerms, Seen, digest};
use crate::store::{Archive, Control, Forgotten, Inbox, Queue, Sweep, Terms};

/// An order of ada's.
pub(super) fn order(given_at: Timestamp) -> Order {
    Order { operator: Operator::claiming(Access::Loopback, Some("ada".into())), given_at, accepted_by: None }
}

fn forever() -> Option<PauseTerms> {
    Some(PauseTerms::default())
}

fn key(name: &str) -> ConversationKey {
    ConversationKey(name.into())
}

fn all_that_are(state: StateName, accepted_by: Timestamp) -> Sweep {
    Sweep { state, conversation: None, account: None, accepted_by, after: None }
}

/// Moves all finds of a sweep, step by step; returns the numbers of moved, of refused, and of steps.
async fn move_all(store: &impl Store, mut sweep: Sweep, transition: Transition) -> (u64, usize, u32) {
    let (mut moved, mut refused, mut steps) = (0, 0, 0);
    loop {
        let found = store.sweep(sweep.clone()).await.unwrap();
        assert!(found.ids.len() <= 256, "a step is bounded: {}", found.ids.len());
        assert!(found.ids.is_sorted(), "oldest first");
        let order = Order { accepted_by: Some(sweep.accepted_by), ..order(at(6)) };
        let moves = store.operate_each(found.ids, sweep.state, transition.clone(), &order).await.unwrap();
        moved += moves.moved;
        refused += moves.refused.len();
        steps += 1;
        match found.next {
            Some(next) => sweep.after = Some(next),
            None => return (moved, refused, steps),
        }
    }
}

/// Accepts `count` texts of `customers` customers, and kills them all.
async fn dead_letters(store: &impl Store, count: usize, customers: usize) {
    // One of each customer at a time, so that each customer's are in order.
    for n in (0..count).collect::<Vec<_>>().chunks(customers) {
        let accepted = n.iter().map(|n| {
            let event = text(&format!("c{}", n % customers), &n.to_string());
            store.accept(event, Ends::FIRST.into(), Vec::new(), at(0))
        });
        join_all(accepted).await.into_iter().for_each(|answer| assert!(matches!(answer, Ok(Accepted::New(_)))));
    }
    let kill = Transition::GiveUp { cause: "422".into() };
    loop {
        let claims = store.claim(DESK, at(1), Terms::merging(1), customers).await.unwrap();
        if claims.is_empty() {
            return;
        }
        let recorded = claims.iter().map(|claim| store.record(claim, all(claim, &kill), at(1)));
        join_all(recorded).await.into_iter().for_each(|recorded| assert_eq!(recorded, Ok(())));
    }
}

pub(crate) async fn many_dead_letters_go_back_in_order<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let (count, customers) = (2_000, 100);
    dead_letters(&store, count, customers).await;
    assert_eq!(store.counts().of(StateName::Dead), count as u64);
    let late = store.accept(text("c0", "late"), Ends::FIRST.into(), Vec::new(), at(5)).await.unwrap();
    let (moved, refused, steps) = move_all(&store, all_that_are(StateName::Dead, at(4)), Transition::Redrive).await;
    assert_eq!((moved, refused), (count as u64, 0));
    assert!(steps >= 8, "in steps: {steps}");
    assert!(matches!(late, Accepted::New(_)));
    let (_backend, store) = backend.crash(store, at(6)).await;
    let mut by_customer = vec![Vec::new(); customers];
    for words in drain(&store, DESK, at(6)).await {
        let number = words.parse::<usize>().unwrap_or(count);
        by_customer[number % customers].push(number);
    }
    assert!(by_customer.iter().all(|numbers| numbers.is_sorted()), "each lane in its order");
    assert_eq!(by_customer.iter().map(Vec::len).sum::<usize>(), count + 1, "each once");
    let entries = store.audit(None, 9).await.unwrap();
    let [AuditEntry { act: Act::Redrive(Moved { count: told, .. }), .. }] = &entries.items[..] else {
        panic!("the steps of one order are one entry: {:?}", entries.items)
    };
    assert_eq!(*told, count as u64);
}

pub(crate) async fn a_sweep_takes_what_is_meant_and_says_what_it_could_not<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let first = accept(&store, text("a", "1")).await;
    let claimed = claim(&store, DESK, at(0)).await;
    store.record(&claimed, all(&claimed, &postpone(at(9))), at(0)).await.unwrap();
    let found = store.sweep(all_that_are(StateName::Waiting, at(0))).await.unwrap();
    assert_eq!((found.ids, found.next), (vec![first], None));
    // A worker looks for the delivery before the operator drops it.
    let claimed = claim(&store, DESK, at(10)).await;
    let looking = Transition::Lose { since: at(10), look_at: at(10), cause: "no answer".into() };
    store.record(&claimed, all(&claimed, &looking), at(10)).await.unwrap();
    let held = claim(&store, DESK, at(10)).await;
    let mut ids = vec![first];
    for customer in ["b", "b", "c"] {
        ids.push(accept(&store, text(customer, "1")).await);
    }
    assert!(
        store.sweep(all_that_are(StateName::Pending, at(-1))).await.unwrap().ids.is_empty(),
        "not yet accepted then"
    );
    let of_b = Sweep { conversation: Some(key("b")), ..all_that_are(StateName::Pending, at(0)) };
    assert_eq!(store.sweep(of_b.clone()).await.unwrap().ids, ids[1..3]);
    assert_eq!(store.sweep(Sweep { after: Some(ids[1]), ..of_b }).await.unwrap().ids, ids[2..3]);

    let discard = Transition::Discard { reason: "x".into() };
    let moves = store.operate_each(ids.clone(), StateName::Unconfirmed, discard.clone(), &order(at(10))).await.unwrap();
    assert_eq!((moves.moved, moves.refused.len(), moves.refused[0].id), (0, 1, ids[0]));
    assert!(moves.refused[0].reason.contains("a worker is on it"), "{:?}", moves.refused);
    let (moved, refused, _) = move_all(&store, all_that_are(StateName::Pending, at(10)), discard).await;
    assert_eq!((moved, refused), (3, 0));
    assert_eq!(store.counts().of(StateName::Skipped), 3);
    store.record(&held, done(&held), at(10)).await.unwrap();
}

pub(crate) async fn what_was_set_aside_is_swept_with_what_is_looked_for<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let mut ids = Vec::new();
    for (customer, aside) in [("a", true), ("b", false), ("c", true)] {
        ids.push(accept(&store, text(customer, "1")).await);
        let claimed = claim(&store, DESK, at(0)).await;
        let lost = Transition::Lose { since: at(0), look_at: at(9), cause: "no answer".into() };
        store.record(&claimed, all(&claimed, &lost), at(0)).await.unwrap();
        if aside {
            let looking = claim(&store, DESK, at(9)).await;
            let aside = Transition::SetAside { cause: "x".into() };
            store.record(&looking, all(&looking, &aside), at(9)).await.unwrap();
        }
    }
    let (moved, refused, _) = move_all(&store, all_that_are(StateName::Unconfirmed, at(9)), Transition::Redrive).await;
    assert_eq!((moved, refused), (3, 0));
    assert_eq!(store.counts().of(StateName::Pending), 3);
}

fn customer(external: &str, own: &str, phone: &str) -> Customer {
    Customer {
        external_id: Some(external.into()),
        carrier_id: Some(own.into()),
        phone: Some(phone.into()),
        ..Customer::default()
    }
}

async fn kept_body(store: &impl Store, body: &str) -> EventId {
    let kind = EventKind::Unreadable(Unreadable {
        path: "/webhooks/somewhere".into(),
        method: "POST".into(),
        content_type: None,
        body: STANDARD.encode(body),
    });
    let event = Event { received_at: at(0), kind };
    match store.quarantine(event, Ends::FIRST.into(), "no JSON".into(), Vec::new(), at(0)).await {
        Ok(Accepted::New(id)) => id,
        other => panic!("not kept: {other:?}"),
    }
}

pub(crate) async fn who_is_forgotten_is_found_nowhere<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let ada = || customer("ada-lovelace", "b1", "+15555550101");
    let long = "x".repeat(20_000);
    let mut theirs = Vec::new();
    for (line, words) in [(None, "one"), (Some("l1"), &*long), (Some("l2"), "other line")] {
        theirs.push(accept(&store, text_from(ada(), line, words)).await);
    }
    // Another customer whose key begins alike, and one whose texts come from the same profile at the carrier.
    let bob = accept(&store, text("ada-lovelace@l3", "bob's")).await;
    let eve = accept(&store, text("eve-moneypenny", "eve's")).await;
    let eve_again = accept(&store, text_from(customer("eve-moneypenny", "b1", "+1"), None, "more of eve's")).await;
    let first = claim(&store, DESK, at(0)).await;
    assert_eq!(first.work[0].delivery.id, theirs[0]);
    let ticket = Change::Ticket(TicketId(7), TicketStatus::Open, at(0));
    store.record(&first, Verdict { changes: vec![ticket], ..done(&first) }, at(0)).await.unwrap();
    theirs.push(accept(&store, doorbell(7)).await);
    theirs.push(kept_body(&store, "external_id=ada-lovelace&text=%zz").await);
    theirs.push(kept_body(&store, &format!("{} phone=%2B15555550101", "y".repeat(5_000))).await);
    let nobodys = kept_body(&store, "garbage").await;

    let forgotten = store.forget(&key("ada-lovelace"), &order(at(1))).await.unwrap();
    let expected = Forgotten {
        conversations: 2,
        // Two names and a ticket.
        names: 3,
        settled: 1,
        waiting: 3,
        unreadable: 2,
        in_hand: 0,
        unattributed: 1,
    };
    assert_eq!(forgotten, expected);
    let (_backend, store) = backend.crash(store, at(2)).await;
    for id in theirs {
        assert_eq!(store.delivery(id).await.unwrap(), None, "{id}");
    }
    for name in ["ada-lovelace", "ada-lovelace@l2"] {
        assert_eq!(store.conversation(&key(name)).await.unwrap(), None, "{name}");
    }
    let left = store.deliveries(DeliveryFilter { limit: 9, ..Default::default() }).await.unwrap();
    assert_eq!(left.items.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [bob, eve, eve_again, nobodys]);
    let counted: u64 = store.counts().by_state.values().sum();
    assert_eq!((counted, left.total), (4, 4), "what is counted is what is there");
    assert_eq!(drain(&store, DESK, at(2)).await, ["bob's", "eve's", "more of eve's"], "nobody else is touched");
    assert_eq!(drain(&store, PHONE, at(2)).await, Vec::<String>::new());

    let entry = &store.audit(None, 9).await.unwrap().items[0];
    let told = Act::Forget { conversation: digest(&key("ada-lovelace")), count: 6 };
    assert_eq!((&entry.act, entry.operator.by.as_deref()), (&told, Some("ada")));
    let again = store.forget(&key("ada-lovelace"), &order(at(3))).await;
    assert!(matches!(again, Err(StoreError::NotFound(_))), "{again:?}");
    // The ticket's customer is asked for again, and the next text begins a new conversation.
    accept(&store, doorbell(7)).await;
    assert_eq!(claim(&store, BELLS, at(4)).await.key.0, "ticket:7");
    accept(&store, text_from(ada(), None, "I am back")).await;
    let back = claim(&store, DESK, at(4)).await;
    assert_eq!((words(&back), back.conversation.unwrap().ticket), (vec!["I am back".to_owned()], None));
}

pub(crate) async fn what_is_in_hand_is_not_forgotten_until_asked_again<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let mut ids = Vec::new();
    for words in ["1", "2", "3", "4"] {
        ids.push(accept(&store, text("ada", words)).await);
    }
    let head = claim(&store, DESK, at(0)).await;
    store.record(&head, all(&head, &postpone(at(5))), at(0)).await.unwrap();
    let group = store.claim(DESK, at(5), Terms::merging(2), 1).await.unwrap().pop().unwrap();
    assert_eq!(words(&group), ["1", "2"]);
    let forgotten = store.forget(&key("ada"), &order(at(5))).await.unwrap();
    assert_eq!((forgotten.in_hand, forgotten.waiting, forgotten.conversations), (2, 2, 1));
    // The worker's new facts are recorded, and the next call erases them.
    let learnt = vec![Change::Ticket(TicketId(7), TicketStatus::Open, at(5))];
    store.record(&group, Verdict { changes: learnt, ..done(&group) }, at(5)).await.unwrap();
    assert!(store.claim(DESK, at(6), Terms::merging(1), 1).await.unwrap().pop().is_none(), "the rest is not sent");
    let forgotten = store.forget(&key("ada"), &order(at(6))).await.unwrap();
    assert_eq!((forgotten.in_hand, forgotten.settled, forgotten.conversations), (0, 2, 1));
    assert_eq!(store.conversation(&key("ada")).await.unwrap(), None);
    assert_eq!(store.deliveries(DeliveryFilter { limit: 9, ..Default::default() }).await.unwrap().total, 0);
}

pub(crate) async fn a_group_that_waits_is_forgotten_whole<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    for words in ["1", "2", "3"] {
        accept(&store, text("ada", words)).await;
    }
    let head = claim(&store, DESK, at(0)).await;
    store.record(&head, all(&head, &postpone(at(5))), at(0)).await.unwrap();
    let group = store.claim(DESK, at(5), Terms::merging(9), 1).await.unwrap().pop().unwrap();
    let later = Transition::Retry { due_at: at(9), cause: "503".into() };
    store.record(&group, all(&group, &later), at(5)).await.unwrap();
    assert_eq!(store.forget(&key("ada"), &order(at(6))).await.unwrap().waiting, 3);
    assert!(store.claim(DESK, at(9), Terms::merging(9), 1).await.unwrap().pop().is_none());
    accept(&store, text("ada", "new")).await;
    let (_backend, store) = backend.crash(store, at(10)).await;
    assert_eq!(drain(&store, DESK, at(10)).await, ["new"]);
}

pub(crate) async fn nobody_is_forgotten_who_is_not_named<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    kept_body(&store, "garbage").await;
    accept(&store, text("ada", "1")).await;
    for name in ["ticket:0", "nobody", "", "ad"] {
        let refused = store.forget(&key(name), &order(at(1))).await;
        assert!(matches!(refused, Err(StoreError::NotFound(_))), "{name}: {refused:?}");
    }
    assert_eq!(store.counts().of(StateName::Quarantined), 1);
    assert_eq!(store.audit(None, 9).await.unwrap().total, 0, "nothing was done");
    assert_eq!(drain(&store, DESK, at(1)).await, ["1"]);
}

pub(crate) async fn a_paused_destination_hands_out_nothing_also_after_a_crash<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let id = accept(&store, text("a", "1")).await;
    accept(&store, phone_text(7, "out")).await;
    assert_eq!(store.pause(DESK.account, forever(), &order(at(1))).await, Ok(true));
    assert_eq!(store.pause(DESK.account, forever(), &order(at(2))).await, Ok(false), "it is paused already");
    let (_backend, store) = backend.crash(store, at(3)).await;
    assert_eq!(store.paused(DESK.account).map(|pause| pause.since), Some(at(1)));
    assert_eq!(store.paused(PHONE.account), None);
    assert!(store.claim(DESK, at(3), Terms::merging(1), 1).await.unwrap().pop().is_none());
    assert_eq!(store.next_due(DESK), None, "nothing to wake for");
    assert_eq!(drain(&store, PHONE, at(3)).await, ["out"], "the other is not held");
    accept(&store, text("a", "2")).await;
    store.changed(DESK).await;
    let resume = order(at(4));
    let resuming = store.pause(DESK.account, None, &resume);
    let ((), resumed) = futures_util::future::join(store.changed(DESK), resuming).await;
    assert_eq!(resumed, Ok(true));
    assert_eq!(store.next_due(DESK), Some(Timestamp::MIN), "who waits is woken");
    let head = claim(&store, DESK, at(4)).await;
    assert_eq!((head.work[0].delivery.id, head.work[0].delivery.attempts), (id, 0), "no attempt was counted");
    store.record(&head, done(&head), at(4)).await.unwrap();
    assert_eq!(drain(&store, DESK, at(4)).await, ["2"]);
}

pub(crate) async fn a_pause_ends_at_its_time_also_when_no_bridge_ran<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let (first, second) = (accept(&store, text("a", "1")).await, accept(&store, phone_text(7, "out")).await);
    let until = |second| Some(PauseTerms { reason: Some("maintenance".into()), until: Some(at(second)) });
    for route in [DESK, PHONE] {
        assert_eq!(store.pause(route.account, until(60), &order(at(1))).await, Ok(true));
        assert_eq!(store.next_due(route), Some(at(60)), "who waits is woken by the end");
    }
    assert_eq!(store.pause(PHONE.account, until(90), &order(at(2))).await, Ok(true), "the end is another one");
    assert_eq!(store.pause(PHONE.account, until(90), &order(at(3))).await, Ok(false));
    assert_eq!(store.paused(PHONE.account).map(|pause| (pause.since, pause.until)), Some((at(1), Some(at(90)))));
    assert!(store.claim(DESK, at(59), Terms::merging(1), 1).await.unwrap().pop().is_none());
    assert!(store.paused(DESK.account).is_some());
    let (_backend, store) = backend.crash(store, at(70)).await;
    assert!(store.claim(PHONE, at(70), Terms::merging(1), 1).await.unwrap().pop().is_none(), "it lasts until 90");
    // The claim that finds the end resumes; the one after it has work.
    let found = store.claim(DESK, at(70), Terms::merging(1), 1).await.unwrap().pop();
    assert!(found.is_none() && store.paused(DESK.account).is_none());
    assert_eq!(store.next_due(DESK), Some(Timestamp::MIN), "who waits is woken");
    assert_eq!(claim(&store, DESK, at(70)).await.work[0].delivery.id, first);
    store.claim(PHONE, at(90), Terms::merging(1), 1).await.unwrap().pop();
    assert_eq!(claim(&store, PHONE, at(90)).await.work[0].delivery.id, second);
    let page = store.audit(None, 9).await.unwrap();
    let told: Vec<_> =
        page.items.iter().map(|entry| (entry.act.name(), entry.operator.access.name(), entry.at)).collect();
    let ends = [("resume", "bridge", at(90)), ("resume", "bridge", at(70)), ("pause", "loopback", at(2))];
    assert_eq!(told[..3], ends, "newest first");
    assert!(!serde_json::to_string(&page.items).unwrap().contains("maintenance"), "the reason goes with the pause");
}

pub(crate) async fn every_order_is_remembered_with_its_commit_and_no_longer_than_wanted<B: Home>() {
    let backend = B::new().await;
    let store = backend.open(StoreLimits { audit_max: 3, ..StoreLimits::default() }, at(0)).await;
    let id = accept(&store, text("ada", "1")).await;
    store.pause(PHONE.account, forever(), &order(at(1))).await.unwrap();
    store.pause(PHONE.account, None, &order(at(2))).await.unwrap();
    store.operate(id, Transition::Discard { reason: "x".into() }, &order(at(3))).await.unwrap();
    let refused = store.operate(id, Transition::Redrive, &order(at(4))).await;
    assert!(matches!(refused, Err(StoreError::Illegal(_))), "{refused:?}");
    store.forget(&key("ada"), &order(at(5))).await.unwrap();
    let (_backend, crashed) = backend.crash(store, at(6)).await;
    let page = crashed.audit(None, 3).await.unwrap();
    let named: Vec<_> = page.items.iter().map(|entry| (entry.act.name(), entry.at)).collect();
    assert_eq!(named, [("forget", at(5)), ("discard", at(3)), ("resume", at(2))], "newest first");
    assert_eq!((page.total, page.more), (4, true));
    let rest = crashed.audit(page.items.last().map(|entry| entry.number), 3).await.unwrap();
    assert_eq!((rest.items[0].act.name(), rest.total, rest.more), ("pause", 4, false));
    let told = serde_json::to_string(&page.items).unwrap();
    assert!(!told.contains("\"ada\",\"conv") && !told.contains("key"), "{told}");
    drop(crashed);

    let store = backend.open(StoreLimits { audit_max: 3, ..StoreLimits::default() }, at(7)).await;
    store.expire(at(7), seconds(7), seconds(7)).await.unwrap();
    let page = store.audit(None, 9).await.unwrap();
    assert_eq!((page.total, page.items[2].act.name()), (3, "resume"), "the oldest is gone");
    store.pause(PHONE.account, forever(), &order(at(8))).await.unwrap();
    let newest = store.audit(None, 1).await.unwrap();
    assert!(newest.items[0].number > page.items[0].number, "numbers grow");
}

pub(crate) async fn lists_begin_at_either_end_and_keep_to_one_direction<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    let mut texts = Vec::new();
    for n in 0..5 {
        texts.push(accept(&store, text("a", &n.to_string())).await);
        accept(&store, phone_text(7, "out")).await;
    }
    drain(&store, DESK, at(1)).await;
    texts.push(accept(&store, text("a", "late")).await);
    let mut filter =
        DeliveryFilter { account: Some(DESK.account), newest_first: true, limit: 4, ..DeliveryFilter::default() };
    let page = store.deliveries(filter.clone()).await.unwrap();
    let ids = |page: &[Delivery]| page.iter().map(|delivery| delivery.id).collect::<Vec<_>>();
    let newest_first: Vec<_> = texts.iter().rev().copied().collect();
    assert_eq!((ids(&page.items), page.total, page.more), (newest_first[..4].to_vec(), 6, true));
    filter.after = page.items.last().map(|delivery| delivery.id);
    let page = store.deliveries(filter.clone()).await.unwrap();
    assert_eq!((ids(&page.items), page.total, page.more), (newest_first[4..].to_vec(), 6, false));
    let all = DeliveryFilter { newest_first: true, limit: 1, ..DeliveryFilter::default() };
    let page = store.deliveries(all).await.unwrap();
    assert_eq!((ids(&page.items), page.total, page.more), (newest_first[..1].to_vec(), 11, true));
    let to_phones = Sweep { account: Some(PHONE.account), ..all_that_are(StateName::Pending, at(9)) };
    assert_eq!(store.sweep(to_phones).await.unwrap().ids.len(), 5);
}

pub(crate) async fn who_was_shown_what_is_remembered<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let id = accept(&store, text("ada", "1")).await;
    store.note_seen(Seen::Event(id), &order(at(1))).await.unwrap();
    store.note_seen(Seen::Conversation(key("ada")), &order(at(2))).await.unwrap();
    let (_backend, store) = backend.crash(store, at(3)).await;
    let entries = store.audit(None, 9).await.unwrap().items;
    let acts: Vec<_> = entries.iter().map(|entry| (entry.act.clone(), entry.at)).collect();
    assert_eq!(acts, [(Act::Read { conversation: digest(&key("ada")) }, at(2)), (Act::Reveal { event: id }, at(1))]);
}

pub(crate) async fn every_attempt_is_remembered_with_its_time_and_outcome<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let id = accept(&store, text("a", "1")).await;
    let head = claim(&store, DESK, at(1)).await;
    let refused = Transition::Retry { due_at: at(3), cause: "503".into() };
    store.record(&head, all(&head, &refused), at(2)).await.unwrap();
    claim(&store, DESK, at(3)).await;
    // The worker dies.
    let (_backend, store) = backend.crash(store, at(9)).await;
    let head = claim(&store, DESK, at(9)).await;
    store.record(&head, done(&head), at(10)).await.unwrap();
    let (delivery, _) = store.delivery(id).await.unwrap().unwrap();
    let told: Vec<_> = delivery.history.iter().map(|entry| (entry.at, entry.what)).collect();
    assert_eq!(told, [(at(2), Fate::Retried), (at(9), Fate::Lost)]);
    assert_eq!((delivery.state.name(), delivery.settled_at), (StateName::Delivered, Some(at(10))));
}
