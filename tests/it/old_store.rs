//! Stores of earlier versions: each opens with all its records, and its conversations go on.
//!
//! The build of a version made each fixture through the store's own calls and then ended, without closing the store.
//!
//! `tests/fixtures/store-format-1` is of the version before ids had an epoch for each opening. In it are conversations
//! of ada (ticket 1), blaise (2) and cleo (3); a dead reply to ada; one to blaise that was set aside; a group of three
//! texts of cleo's; two texts of blaise's that wait, the second too long for one value; one of ada's in doubt; one of
//! drew's in hand; an unreadable body; and Braze is paused.
//!
//! `tests/fixtures/store-format-3` is of the version before accounts, and lacks the record of its own place, because a
//! copy with that record counts as put back from a backup. In it are conversations of ada on two lines (tickets 1 and
//! 2), blaise (3) and cleo (4); doorbells, filed under the carrier: an answered one and a waiting one of blaise's, a
//! dead one of ada's, two without an attempt; a dead reply to blaise with two answers of the vendor; one to cleo that
//! was set aside; a group of three texts of cleo's; a text of ada's in doubt; one of drew's in hand; notes as codes; a
//! discarded reply; an unreadable body; and Zendesk is paused with a reason and an end.

use std::path::Path;

use serde_json::{Value, json};
use tandem::domain::account::Ends;
use tandem::domain::event::{DedupeKey, Event, EventKind, TicketId};
use tandem::domain::note::{Note, Says, Tells};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::zendesk::{Comment, NewTicket, User};
use tandem::store::embedded::sled::{OpenError, SledStore};
use tandem::store::{Accepted, Archive, Control, DeliveryFilter, Inbox, Queue, StoreLimits};

use crate::put_back::copy;
use crate::support::{TestBridge, answer, list, start_of_time};

/// A store of an earlier version, and the facts that a later version must find in it.
struct Old {
    /// Its directory among the fixtures.
    name: &'static str,
    /// Every id that was given out, the account that its delivery calls, and the state after an opening.
    known: &'static [(&'static str, &'static str, &'static str)],
    /// The vendor's answers that are kept: of a delivery, how many.
    answers: &'static [(&'static str, usize)],
    /// The operators' acts, newest first.
    acts: &'static [&'static str],
    /// The tickets, from number 1 on: the customer, and the key of the conversation.
    tickets: &'static [(&'static str, &'static str)],
    /// The replies that stand on the tickets and that doorbells rang for.
    replies: &'static [(u64, &'static str)],
    /// The standing of the paused account.
    paused: Paused,
    /// The reply that was set aside and waits for an operator.
    set_aside: &'static str,
    /// The customers' words that go to the tickets.
    words: &'static [(u64, &'static [&'static str])],
    /// The texts that go to the phones.
    texts: &'static [&'static str],
}

struct Paused {
    account: &'static str,
    by: Option<&'static str>,
    reason: Option<&'static str>,
    until: Option<&'static str>,
}

const FORMAT_1: Old = Old {
    name: "store-format-1",
    known: &[
        ("evt_0c616ade0000000000010000", "zendesk", "delivered"),
        ("evt_0c616ade0000000000020000", "zendesk", "delivered"),
        ("evt_0c616ade0000000000030000", "zendesk", "delivered"),
        ("evt_0c616ade0000000000040000", "braze", "dead"),
        ("evt_0c616ade0000000000050000", "braze", "unconfirmed"),
        ("evt_0c616ade0000000000060000", "zendesk", "waiting"),
        ("evt_0c616ade0000000000070000", "zendesk", "waiting"),
        ("evt_0c616ade0000000000080000", "zendesk", "waiting"),
        ("evt_0c616ade0000000000090000", "zendesk", "waiting"),
        ("evt_0c616ade00000000000a0000", "zendesk", "pending"),
        ("evt_0c616ade00000000000c0000", "zendesk", "unconfirmed"),
        ("evt_0c616ade00000000000d0000", "braze", "quarantined"),
        // In hand then, and looked for now.
        ("evt_0c616ade00000000000f0000", "zendesk", "unconfirmed"),
    ],
    answers: &[],
    acts: &["pause"],
    tickets: &[("ada", "ada"), ("blaise", "blaise"), ("cleo", "cleo")],
    replies: &[],
    paused: Paused { account: "braze", by: Some("grace"), reason: None, until: None },
    set_aside: "evt_0c616ade0000000000050000",
    words: &[(1, &["in doubt"]), (2, &["waits", "long xxx"]), (3, &["one", "two", "three"])],
    texts: &["refused then"],
};

const FORMAT_3: Old = Old {
    name: "store-format-3",
    known: &[
        ("evt_07cfd0c90000000000010000", "zendesk", "delivered"),
        ("evt_07cfd0c90000000000020000", "zendesk", "delivered"),
        ("evt_07cfd0c90000000000030000", "zendesk", "delivered"),
        ("evt_07cfd0c90000000000040000", "zendesk", "delivered"),
        // Doorbells, filed under `braze` then.
        ("evt_07cfd0c90000000000050000", "zendesk", "delivered"),
        ("evt_07cfd0c90000000000050001", "braze", "dead"),
        ("evt_07cfd0c90000000000060000", "zendesk", "delivered"),
        ("evt_07cfd0c90000000000080000", "zendesk", "dead"),
        ("evt_07cfd0c90000000000090000", "braze", "unconfirmed"),
        ("evt_07cfd0c900000000000a0000", "zendesk", "waiting"),
        ("evt_07cfd0c900000000000b0000", "zendesk", "waiting"),
        ("evt_07cfd0c900000000000c0000", "zendesk", "waiting"),
        ("evt_07cfd0c900000000000d0000", "zendesk", "waiting"),
        ("evt_07cfd0c900000000000e0000", "zendesk", "unconfirmed"),
        // In hand then, and looked for now.
        ("evt_07cfd0c900000000000f0000", "zendesk", "unconfirmed"),
        // Doorbells again.
        ("evt_07cfd0c90000000000100000", "zendesk", "waiting"),
        ("evt_07cfd0c90000000000110000", "zendesk", "pending"),
        ("evt_07cfd0c90000000000120000", "zendesk", "pending"),
        ("evt_07cfd0c90000000000130000", "braze", "skipped"),
        ("evt_07cfd0c90000000000150000", "zendesk", "pending"),
        ("evt_07cfd0c90000000000160000", "braze", "quarantined"),
    ],
    answers: &[
        ("evt_07cfd0c90000000000050001", 2),
        ("evt_07cfd0c90000000000080000", 1),
        ("evt_07cfd0c900000000000b0000", 1),
        ("evt_07cfd0c90000000000100000", 1),
    ],
    acts: &["pause", "discard", "reveal_answers"],
    tickets: &[("ada", "ada"), ("ada", "ada@line-2"), ("blaise", "blaise"), ("cleo", "cleo")],
    replies: &[(1, "to ada"), (2, "to ada's line 2"), (3, "to blaise"), (4, "to cleo")],
    paused: Paused {
        account: "zendesk",
        by: Some("gail"),
        reason: Some("agents move to a new instance"),
        until: Some("2026-11-22T06:00:00Z"),
    },
    set_aside: "evt_07cfd0c90000000000090000",
    words: &[(1, &["in doubt"]), (4, &["one", "two", "three"])],
    texts: &["refused then", "to ada", "to ada's line 2", "to blaise", "to cleo"],
};

impl Old {
    /// Puts a copy of the store there.
    fn put(&self, to: &Path) {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(self.name), to);
    }

    /// The dead letters of the store.
    fn dead(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().filter(|(_, _, state)| *state == "dead").map(|(id, _, _)| *id)
    }

    /// The start of every id that the store gave out.
    fn ids(&self) -> &'static str {
        &self.known[0].0[.."evt_00000000".len()]
    }
}

async fn every_id_names_what_it_named(old: &Old) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    old.put(&path);
    // Opened twice: the second opening finds the records that the first has converted.
    for epoch in [7, 8] {
        let store = SledStore::open(&path, StoreLimits::default(), epoch, start_of_time()).await.unwrap();
        assert_eq!(store.lost_time(), None, "where an old store lay is not known, so it is no backup");
        let all = store.deliveries(DeliveryFilter { limit: 100, ..DeliveryFilter::default() }).await.unwrap().items;
        let found: Vec<_> =
            all.iter().map(|one| (one.id.to_string(), one.route().account.name(), one.state.name().word())).collect();
        let known: Vec<_> = found.iter().filter(|(id, _, _)| id.starts_with(old.ids())).cloned().collect();
        let then: Vec<_> = old.known.iter().map(|(id, account, state)| ((*id).to_owned(), *account, *state)).collect();
        assert_eq!(known, then, "{}", old.name);
        for one in &all {
            let (delivery, _) = store.delivery(one.id).await.unwrap().expect("it is found by its id");
            assert_eq!(delivery, *one);
            let kept = old.answers.iter().find(|(id, _)| *id == one.id.to_string()).map_or(0, |(_, kept)| *kept);
            assert_eq!(store.answers(one.id).await.unwrap().kept.len(), kept, "{}", one.id);
        }
        let audit = store.audit(None, 100).await.unwrap().items;
        assert_eq!(audit.iter().map(|entry| entry.act.name()).collect::<Vec<_>>(), old.acts);
        let key = DedupeKey::Dispatch { campaign: "c".into(), dispatch: "hello ada".into(), customer: "u".into() };
        let note = Note { ticket_id: TicketId(1), says: Says::Words { text: "anything".into() }, tells: Tells::Fact };
        let event = Event { received_at: start_of_time(), kind: EventKind::Note(note) };
        let again = store.accept(event.clone(), Ends::FIRST.into(), vec![key], start_of_time()).await;
        assert_eq!(again, Ok(Accepted::Duplicate(all[0].id)), "and so do the dedupe keys");
        let Ok(Accepted::New(fresh)) = store.accept(event, Ends::FIRST.into(), Vec::new(), start_of_time()).await
        else {
            panic!("new")
        };
        assert_eq!(fresh.epoch, epoch);
        assert!(store.may_be_later(fresh, all[0].id) && !store.may_be_later(all[0].id, fresh));
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_of_format_1_names_what_it_named() {
    every_id_names_what_it_named(&FORMAT_1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_of_format_3_names_what_it_named_and_doorbells_wait_for_the_desk() {
    every_id_names_what_it_named(&FORMAT_3).await;
}

/// A bridge between vendors that know the customers and tickets, on a copy of the store.
async fn start_on(old: &Old) -> TestBridge {
    // Texts come in on the line that the customers wrote to before.
    let options = SandboxOptions { subscription_group: "line-1".into(), ..SandboxOptions::default() };
    let mut bridge = TestBridge::start_in(options, "", "", "").await;
    bridge.stop().await;
    let mut users = std::collections::BTreeMap::new();
    for (number, (name, key)) in (1..).zip(old.tickets) {
        let requester_id = *users.entry(*name).or_insert_with(|| {
            bridge.customer(name);
            let external_id = Some((*name).into());
            bridge.sandbox.zendesk.add_user(User { name: "Ada".into(), external_id, ..User::default() })
        });
        let (tags, external_id) = (vec!["sms".into()], Some((*key).into()));
        let ticket = NewTicket { requester_id, tags, external_id, ..NewTicket::default() };
        assert_eq!(bridge.sandbox.zendesk.add_ticket(ticket), number);
    }
    // The store holds the doorbells of these replies already.
    bridge.sandbox.zendesk.pause_webhooks();
    for (ticket, words) in old.replies {
        bridge.sandbox.zendesk.agent_reply(*ticket, words);
    }
    assert_eq!(bridge.sandbox.zendesk.take_held_webhooks().len(), old.replies.len());
    bridge.sandbox.zendesk.resume_webhooks();
    let store = bridge.directory.path().join("store");
    std::fs::remove_dir_all(&store).unwrap();
    old.put(&store);
    bridge.run().await;
    bridge
}

/// The pause is as it was given, and the operator ends it.
async fn resume(bridge: &TestBridge, old: &Old) {
    let paused = &old.paused;
    let standing = list(&bridge.http, &bridge.operator, "/api/destinations", "").await;
    let standing = standing.into_iter().find(|one| one["destination"] == paused.account).unwrap();
    let found = ["paused", "by", "reason", "until"].map(|name| standing[name].clone());
    assert_eq!(found, [json!(true), json!(paused.by), json!(paused.reason), json!(paused.until)], "{standing}");
    let resume = format!("{}/api/destinations/{}/resume", bridge.operator, paused.account);
    assert_eq!(answer(bridge.http.post(resume)).await.0, 200);
}

async fn conversations_go_on_and_dead_letters_are_redriven(old: &Old) {
    let mut bridge = start_on(old).await;
    let drew = bridge.customer("drew");
    let (_, account) = answer(bridge.http.get(format!("{}/api/inbound", bridge.operator))).await;
    let texts = &account["endpoints"][1];
    assert_eq!((&texts["endpoint"], texts["accepted"]["last"].is_string()), (&Value::from("braze"), true), "{account}");
    resume(&bridge, old).await;
    for id in old.dead() {
        let redrive = format!("{}/api/deliveries/{id}/redrive", bridge.operator);
        assert_eq!(answer(bridge.http.post(redrive)).await.0, 200);
    }
    let is_open = |one: &Value| {
        let is_set_aside = one["id"] == old.set_aside;
        !is_set_aside && ["pending", "sending", "waiting", "unconfirmed"].iter().any(|state| one["state"] == *state)
    };
    let all = bridge.until_deliveries("everything else", |all| !all.iter().any(is_open)).await;
    let of = |state: &str| all.iter().filter(|one| one["state"] == state).count();
    assert_eq!((of("dead"), of("quarantined"), of("unconfirmed")), (0, 1, 1), "{all:#?}");

    for (number, words) in old.words {
        let ticket = bridge.sandbox.zendesk.ticket(*number).unwrap();
        let is_customers = |comment: &&Comment| {
            comment.public && comment.author_id == ticket.requester_id && !comment.plain_body.is_empty()
        };
        let said: Vec<_> =
            ticket.comments.iter().filter(is_customers).map(|comment| comment.plain_body.as_str()).collect();
        // Texts that wait for a budget go out as one comment.
        let one = said.join("\n");
        let places: Vec<_> = words.iter().map(|word| one.find(word)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "ticket {number}: {said:?}");
    }
    let mut texts = bridge.texts();
    texts.sort();
    assert_eq!(texts, old.texts);
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

#[tokio::test(flavor = "multi_thread")]
async fn conversations_of_format_1_go_on_and_dead_letters_are_redriven() {
    conversations_go_on_and_dead_letters_are_redriven(&FORMAT_1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_of_format_3_go_on_and_dead_letters_are_redriven() {
    conversations_go_on_and_dead_letters_are_redriven(&FORMAT_3).await;
}

/// The own format of a store that this build makes, as its stamp says it.
const STAMP: &str = "tandem store, format 4\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_later_version_is_refused_with_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let open = || SledStore::open(&path, StoreLimits::default(), 7, start_of_time());
    open().await.unwrap().close().await;
    assert_eq!(std::fs::read_to_string(path.join("tandem.store")).unwrap(), STAMP);

    let current = std::fs::read_to_string(path.join("current")).unwrap();
    let db = sled::open(path.join(current.trim())).unwrap();
    assert_eq!(db.insert("mformat", &5_u32.to_be_bytes()).unwrap().unwrap().as_ref(), 4_u32.to_be_bytes());
    db.flush().unwrap();
    drop(db);
    let Err(error) = open().await else { panic!("a store of format 5 was opened") };
    assert!(matches!(error, OpenError::Format { found: 5, .. }), "{error}");
    let words = "was written by a later version of tandem (format 5); start that version";
    assert!(error.to_string().ends_with(words), "{error}");
}
