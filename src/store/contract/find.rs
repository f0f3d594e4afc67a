//! Finding and listing by the fields of a customer, a ticket or a text: newest first, page after page.

use super::*;
use crate::domain::delivery::receipt_of;
use crate::domain::find::{Search, meanings};
use crate::store::find;
use crate::store::{Archive, Inbox, Queue};

fn key(name: &str) -> ConversationKey {
    ConversationKey(name.into())
}

/// A customer with these particulars.
fn customer(id: &str, phone: &str, name: (&str, &str)) -> Customer {
    Customer {
        external_id: Some(id.into()),
        carrier_id: Some(format!("b-{id}")),
        phone: Some(phone.into()),
        first_name: Some(name.0.into()),
        last_name: Some(name.1.into()),
        ..Customer::default()
    }
}

/// Three customers, in the order in which they wrote; the last one is on ticket 7.
async fn three(store: &impl Store) {
    let known = [
        ("ada", "+15555550133", ("Ada", "Lovelace")),
        ("adam", "+15555550202", ("Zoë", "O’Brien-Adams")),
        ("Bob", "+15555550233", ("Robert", "Ng")),
    ];
    for (id, phone, name) in known {
        accept(store, text_from(customer(id, phone, name), None, "Hello")).await;
    }
    store.learn(&key("Bob"), vec![Change::Ticket(TicketId(7), TicketStatus::Open, at(1))], at(1)).await.unwrap();
}

pub(crate) async fn a_conversation_is_found_by_what_is_known_of_it<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    three(&store).await;
    let (_backend, store) = backend.crash(store, at(2)).await;
    let end = |digits: &str| Some(Search::PhoneEnd(digits.into()));
    let id = |words: &str| Some(Search::Key(words.into()));
    let name = |words: &[&str]| Some(Search::Name(words.iter().map(|word| (*word).into()).collect()));
    let ticket = |number| Some(Search::Ticket(TicketId(number)));
    let named = |names: &[&str]| store.conversations_named(names.iter().map(|name| key(name)).collect());
    let keys = |found: Vec<crate::domain::conversation::Conversation>| {
        found.into_iter().map(|known| known.key.0).collect::<Vec<_>>()
    };
    assert_eq!(keys(named(&["ada", "nobody", "Bob"]).await.unwrap()), ["Bob", "ada"], "those that exist");
    assert!(named(&[]).await.unwrap().is_empty());
    let all = ["Bob", "adam", "ada"];
    for (search, found) in [
        (None, &all[..]),
        (end("33"), &["Bob", "ada"]),
        (end("0133"), &["ada"]),
        (end("15555550202"), &["adam"]),
        (end("34"), &[]),
        (id("ad"), &["adam", "ada"]),
        (id("ADA"), &["adam", "ada"]),
        (id("adam"), &["adam"]),
        (id("bob"), &["Bob"]),
        (id("b-ada"), &["ada"]),
        (id("da"), &[]),
        (name(&["ad"]), &["adam", "ada"]),
        (name(&["zoe"]), &["adam"]),
        (name(&["obrien", "zo"]), &["adam"]),
        (name(&["lovelace", "zoe"]), &[]),
        (name(&["obriens"]), &[]),
        (ticket(7), &["Bob"]),
        (ticket(8), &[]),
    ] {
        // One item a page.
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = store.find_conversations(search.clone(), after.as_ref(), 1).await.unwrap();
            assert_eq!(page.total, found.len() as u64, "{search:?}");
            keys.extend(page.items.iter().map(|found| found.key.0.clone()));
            assert_eq!(page.more, keys.len() < found.len(), "{search:?}");
            after = page.items.last().map(|last| last.key.clone());
            if !page.more {
                break;
            }
        }
        assert_eq!(keys, found, "{search:?}");
    }
    accept(&store, text("ada", "again")).await;
    let newest = store.find_conversations(end("33"), None, 9).await.unwrap().items;
    assert_eq!(newest.iter().map(|found| &found.key.0[..]).collect::<Vec<_>>(), ["ada", "Bob"]);

    // Two conversations lose their deliveries: they come last, in the order of their keys.
    drain(&store, DESK, at(3)).await;
    let late = store.accept(text("adam", "late"), Ends::FIRST.into(), Vec::new(), at(900)).await;
    assert!(matches!(late, Ok(Accepted::New(_))));
    store.expire(at(1_000), seconds(500), seconds(500)).await.unwrap();
    let (mut keys, mut after) = (Vec::new(), None);
    for left in (0..3).rev() {
        let page = store.find_conversations(None, after.as_ref(), 1).await.unwrap();
        assert_eq!((page.total, page.more), (3, left > 0));
        keys.extend(page.items.into_iter().map(|found| found.key));
        after = keys.last().cloned();
    }
    assert_eq!(keys, ["adam", "Bob", "ada"].map(key));
}

pub(crate) async fn a_list_shows_what_its_filter_wants<B: Home>() {
    let (backend, store) = fresh::<B>().await;
    let mut ids = Vec::new();
    let dispatched =
        |id: &str| DedupeKey::Dispatch { campaign: String::new(), dispatch: id.into(), customer: "u".into() };
    for (second, dedupe, event) in [
        (0, vec![dispatched("d-in")], text_from(customer("ada", "+15555550133", ("Ada", "L")), None, "Hello")),
        (10, vec![], doorbell(7)),
        (20, vec![], phone_text(7, "out")),
        (30, vec![], text_from(customer("bob", "+15555550244", ("Bob", "N")), None, "Hello")),
        (40, vec![], doorbell(8)),
    ] {
        let Ok(Accepted::New(id)) = store.accept(event, Ends::FIRST.into(), dedupe, at(second)).await else {
            panic!("new")
        };
        if ids.is_empty() {
            let known = vec![Change::Ticket(TicketId(7), TicketStatus::Open, at(1))];
            store.learn(&key("ada"), known, at(1)).await.unwrap();
        }
        ids.push(id);
    }
    let parts = ["d-1", "d-2"].map(|id| Some(id.to_owned()));
    for (n, route, receipt) in [(1, BELLS, "1 to text".to_owned()), (2, PHONE, receipt_of(&parts))] {
        let claimed = claim(&store, route, at(41)).await;
        assert_eq!(claimed.work[0].delivery.id, ids[n]);
        store.record(&claimed, self::all(&claimed, &Transition::Deliver { receipt }), at(42)).await.unwrap();
    }
    let (_backend, store) = backend.crash(store, at(43)).await;
    let list = DeliveryFilter { limit: 9, ..DeliveryFilter::default() };
    let of = |change: fn(&mut DeliveryFilter)| {
        let mut filter = list.clone();
        change(&mut filter);
        filter
    };
    for (filter, wanted) in [
        (list.clone(), &[0, 1, 2, 3, 4][..]),
        (of(|filter| filter.newest_first = true), &[4, 3, 2, 1, 0]),
        (of(|filter| filter.hide_doorbells = true), &[0, 2, 3, 4]),
        (of(|filter| filter.hide_notes = true), &[0, 1, 2, 3, 4]),
        (of(|filter| filter.since = Some(at(10))), &[1, 2, 3, 4]),
        (of(|filter| filter.until = Some(at(30))), &[0, 1, 2]),
        (of(|filter| (filter.since, filter.until) = (Some(at(11)), Some(at(31)))), &[2, 3]),
        (of(|filter| filter.ticket = Some(TicketId(7))), &[0, 1, 2]),
        (of(|filter| filter.ticket = Some(TicketId(8))), &[4]),
        (of(|filter| filter.ticket = Some(TicketId(9))), &[]),
        (of(|filter| filter.phone_end = Some("33".into())), &[0, 1, 2]),
        (of(|filter| filter.phone_end = Some("4".into())), &[3]),
        (of(|filter| (filter.phone_end, filter.ticket) = (Some("44".into()), Some(TicketId(7)))), &[]),
        (of(|filter| filter.conversation = Some(key("bob"))), &[3]),
        (of(|filter| filter.account = Some(PHONE.account)), &[2]),
        (of(|filter| filter.account = Some(DESK.account)), &[0, 1, 3, 4]),
        (of(|filter| filter.dispatch = Some("d-in".into())), &[0]),
        (of(|filter| filter.dispatch = Some("d-2".into())), &[2]),
        (of(|filter| filter.dispatch = Some("d-3".into())), &[]),
        (of(|filter| (filter.state, filter.ticket) = (Some(StateName::Delivered), Some(TicketId(7)))), &[1, 2]),
        (of(|filter| filter.after = Some(EventId { epoch: 0, sequence: u64::MAX >> 16, sub: 0 })), &[]),
    ] {
        let page = store.deliveries(filter.clone()).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|delivery| delivery.id).collect();
        assert_eq!(found, wanted.iter().map(|n| ids[*n]).collect::<Vec<_>>(), "{filter:?}");
        let total = if filter.after.is_some() { ids.len() } else { wanted.len() };
        assert_eq!((page.total, page.more), (total as u64, false), "{filter:?}");
    }
}

pub(crate) async fn what_words_may_mean_is_found_with_what_became_of_it<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    three(&store).await;
    for (id, phone) in [("33", "+15555550555"), ("3300", "+15555553333")] {
        accept(&store, text_from(customer(id, phone, ("Thirty", "Three")), None, "Hello")).await;
    }
    let of_bob = accept(&store, phone_text(7, "out")).await;
    let shown = async |words: &str| {
        let found = find(&store, &meanings(words), 2).await.unwrap();
        let group = |group: &find::Group| {
            let people = group.people.iter().map(|person| (person.conversation.key.0.clone(), person.latest.len()));
            (group.by.name(), people.collect::<Vec<_>>(), group.deliveries.len(), group.total, group.more)
        };
        found.groups.iter().map(group).collect::<Vec<_>>()
    };
    let people = |people: &[(&str, usize)]| -> Vec<(String, usize)> {
        people.iter().map(|(key, latest)| ((*key).into(), *latest)).collect()
    };
    assert_eq!(
        shown("33").await,
        [
            ("phone", people(&[("Bob", 2), ("3300", 1)]), 0, 3, true),
            // 3300 is shown already.
            ("id", people(&[("33", 1)]), 0, 2, false),
        ]
    );
    let newer_than_texts = accept(&store, note(7, "It could not be delivered.")).await;
    assert!(newer_than_texts > of_bob);
    assert_eq!(shown("#7").await, [("ticket", people(&[("Bob", 2)]), 0, 1, false)], "a note is no text");
    assert_eq!(shown(&of_bob.to_string()).await, [("event", people(&[("Bob", 2)]), 1, 1, false)]);
    assert!(shown("nobody at all").await.is_empty());
}

pub(crate) async fn a_person_is_shown_with_what_needs_somebody_and_the_latest_texts<B: Home>() {
    let (_backend, store) = fresh::<B>().await;
    three(&store).await;
    let mut ids = Vec::new();
    for words in ["dead", "set aside", "delivered", "delivered", "delivered", "waiting"] {
        let id = accept(&store, phone_text(7, words)).await;
        let claimed = claim(&store, PHONE, at(1)).await;
        assert_eq!(claimed.work[0].delivery.id, id);
        let moved = match words {
            "dead" => Transition::GiveUp { cause: "400".into() },
            "set aside" => Transition::Lose { since: at(1), look_at: at(1), cause: "no answer".into() },
            "waiting" => Transition::Retry { due_at: at(9), cause: "503".into() },
            _ => Transition::Deliver { receipt: "r".into() },
        };
        store.record(&claimed, all(&claimed, &moved), at(1)).await.unwrap();
        if words == "set aside" {
            let looked = claim(&store, PHONE, at(1)).await;
            let aside = Transition::SetAside { cause: "not seen".into() };
            store.record(&looked, all(&looked, &aside), at(1)).await.unwrap();
        }
        accept(&store, note(7, words)).await;
        ids.push(id);
    }
    let found = find(&store, &meanings("#7"), 2).await.unwrap();
    let latest: Vec<_> = found.groups[0].people[0].latest.iter().map(|delivery| delivery.id).collect();
    assert_eq!(latest, [0, 1, 5, 4, 3].map(|n| ids[n]), "what is dead, unconfirmed, waiting, then the latest texts");
}
