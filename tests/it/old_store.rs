//! A store that an earlier version wrote: it opens, keeps what it knows, and goes on.
//!
//! `tests/fixtures/store-format-1` was made by the version before ids had an epoch for each opening, through the store's
//! own calls, and left as it lay when the process ended. In it are conversations of ada (ticket 1), blaise (2) and cleo
//! (3); a dead reply to ada; one to blaise that was set aside; a group of three texts of cleo's; two texts of blaise's
//! that wait, the second too long for one value; one of ada's in doubt; one of drew's in hand; an unreadable body; and
//! Braze is paused.

use std::path::Path;

use serde_json::Value;
use tandem::domain::account::Ends;
use tandem::domain::event::{DedupeKey, Event, EventKind, TicketId};
use tandem::domain::note::{Note, Says, Tells};
use tandem::sandbox::zendesk::{NewTicket, User};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Accepted, DeliveryFilter, Store, StoreLimits};

use crate::put_back::copy;
use crate::support::{TestBridge, answer, start_of_time};

/// Every id that was given out, and how its delivery stood.
const KNOWN: [(&str, &str); 13] = [
    ("evt_0c616ade0000000000010000", "delivered"),
    ("evt_0c616ade0000000000020000", "delivered"),
    ("evt_0c616ade0000000000030000", "delivered"),
    ("evt_0c616ade0000000000040000", "dead"),
    ("evt_0c616ade0000000000050000", "unconfirmed"),
    ("evt_0c616ade0000000000060000", "waiting"),
    ("evt_0c616ade0000000000070000", "waiting"),
    ("evt_0c616ade0000000000080000", "waiting"),
    ("evt_0c616ade0000000000090000", "waiting"),
    ("evt_0c616ade00000000000a0000", "pending"),
    ("evt_0c616ade00000000000c0000", "unconfirmed"),
    ("evt_0c616ade00000000000d0000", "quarantined"),
    // In hand then, and looked for now.
    ("evt_0c616ade00000000000f0000", "unconfirmed"),
];

fn fixture(to: &Path) {
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-format-1"), to);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_names_what_it_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    fixture(&path);
    // Opened twice: the second opening finds the records that the first has converted.
    for epoch in [7, 8] {
        let store = SledStore::open(&path, StoreLimits::default(), epoch, start_of_time()).await.unwrap();
        assert_eq!(store.lost_time(), None, "where an old store lay is not known, so it is no backup");
        let all = store.deliveries(DeliveryFilter { limit: 100, ..DeliveryFilter::default() }).await.unwrap().items;
        let found: Vec<_> = all.iter().map(|one| (one.id.to_string(), one.state.name())).collect();
        let old: Vec<_> = found.iter().filter(|(id, _)| id.starts_with("evt_0c616ade")).cloned().collect();
        assert_eq!(old, KNOWN.map(|(id, state)| (id.to_owned(), state)));
        for one in &all {
            let (delivery, _) = store.delivery(one.id).await.unwrap().expect("it is found by its id");
            assert_eq!(delivery, *one);
        }
        let key = DedupeKey::BrazeDispatch { campaign: "c".into(), dispatch: "hello ada".into(), customer: "u".into() };
        let note = Note { ticket_id: TicketId(1), says: Says::Words { text: "anything".into() }, tells: Tells::Fact };
        let event = Event { received_at: start_of_time(), kind: EventKind::Note(note) };
        let again = store.accept(event.clone(), Ends::FIRST, vec![key], start_of_time()).await;
        assert_eq!(again, Ok(Accepted::Duplicate(all[0].id)), "and so do the dedupe keys");
        let Ok(Accepted::New(fresh)) = store.accept(event, Ends::FIRST, Vec::new(), start_of_time()).await else {
            panic!("new")
        };
        assert_eq!(fresh.epoch, epoch);
        assert!(store.may_be_later(fresh, all[0].id) && !store.may_be_later(all[0].id, fresh));
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_go_on_and_dead_letters_are_redriven() {
    let mut bridge = TestBridge::start().await;
    bridge.stop().await;
    for (name, number) in [("ada", 1), ("blaise", 2), ("cleo", 3)] {
        bridge.customer(name);
        let user = User { name: "Ada".into(), external_id: Some(name.into()), ..User::default() };
        let requester_id = bridge.sandbox.zendesk.add_user(user);
        let tags = vec!["sms".into()];
        let external_id = Some(name.into());
        let ticket = NewTicket { requester_id, tags, external_id, ..NewTicket::default() };
        assert_eq!(bridge.sandbox.zendesk.add_ticket(ticket), number);
    }
    let drew = bridge.customer("drew");
    let store = bridge.directory.path().join("store");
    std::fs::remove_dir_all(&store).unwrap();
    fixture(&store);
    bridge.run().await;

    let (_, account) = answer(bridge.http.get(format!("{}/api/inbound", bridge.operator))).await;
    let texts = &account["endpoints"][1];
    assert_eq!((&texts["endpoint"], texts["accepted"]["last"].is_string()), (&Value::from("braze"), true), "{account}");
    let resume = format!("{}/api/destinations/braze/resume", bridge.operator);
    assert_eq!(answer(bridge.http.post(resume)).await.0, 200);
    for (id, _) in KNOWN.iter().filter(|(_, state)| *state == "dead") {
        let redrive = format!("{}/api/deliveries/{id}/redrive", bridge.operator);
        assert_eq!(answer(bridge.http.post(redrive)).await.0, 200);
    }
    let is_open = |one: &Value| {
        let is_set_aside = one["id"] == "evt_0c616ade0000000000050000";
        !is_set_aside && ["pending", "sending", "waiting", "unconfirmed"].iter().any(|state| one["state"] == *state)
    };
    let all = bridge.until_deliveries("everything else", |all| !all.iter().any(is_open)).await;
    let of = |state: &str| all.iter().filter(|one| one["state"] == state).count();
    assert_eq!((of("dead"), of("quarantined"), of("unconfirmed")), (0, 1, 1), "{all:#?}");

    let words = |ticket: u64| bridge.comments(ticket).into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    assert_eq!(words(1), ["in doubt"]);
    let cleos = words(3);
    assert!(cleos.len() == 1, "a group goes out as one: {cleos:?}");
    assert!(["one", "two", "three"].iter().all(|text| cleos[0].contains(text)), "{cleos:?}");
    let blaises = words(2);
    assert!(blaises.len() == 2 && blaises[0] == "waits" && blaises[1].starts_with("long xxx"), "{blaises:?}");
    assert_eq!(bridge.texts(), ["refused then"]);
    bridge.sandbox.phone.text(&drew, "and then?");
    bridge
        .until("drew's conversation goes on", |bridge| {
            bridge.sandbox.zendesk.tickets().iter().any(|ticket| {
                let words: Vec<_> = ticket.comments.iter().map(|comment| comment.plain_body.as_str()).collect();
                words == ["in hand", "and then?"]
            })
        })
        .await;
    bridge.stop().await;
}
