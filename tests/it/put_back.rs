//! A store that was put back from a backup: no message is taken for one of the time after the backup, which it does not
//! know.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use serde_json::Value;
use tandem::sandbox::server::{Fault, FaultKind};

use crate::support::{TestBridge, json};

/// Copies a directory with its contents.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Stops the bridge, keeps a copy of its store, and starts it again.
async fn back_up(bridge: &mut TestBridge) {
    bridge.stop().await;
    let directory = bridge.directory.path();
    copy(&directory.join("store"), &directory.join("backup"));
    bridge.run().await;
}

/// Stops the bridge, puts the copy in the place of its store, and starts it again.
async fn put_back(bridge: &mut TestBridge) {
    bridge.stop().await;
    let directory = bridge.directory.path();
    fs::remove_dir_all(directory.join("store")).unwrap();
    copy(&directory.join("backup"), &directory.join("store"));
    bridge.run().await;
}

async fn say(bridge: &TestBridge, customer: &str, words: &str) {
    bridge.sandbox.phone.text(customer, words);
    bridge.settled().await;
}

fn tickets_of(bridge: &TestBridge, external_id: &str) -> Vec<u64> {
    let tickets = bridge.sandbox.zendesk.tickets().into_iter();
    tickets.filter(|ticket| ticket.external_id.as_deref() == Some(external_id)).map(|ticket| ticket.id).collect()
}

async fn notes(bridge: &TestBridge) -> Vec<String> {
    let ready = json(bridge.http.get(format!("{}/readyz", bridge.public)).send().await.unwrap()).await;
    let notes = ready["notes"].as_array().unwrap().iter();
    notes.map(|note| note.as_str().unwrap().to_owned()).filter(|note| note.starts_with("store: ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_never_taken_for_one_of_the_lost_time() {
    let mut bridge = TestBridge::start().await;
    let (ada_ticket, ada) = bridge.talking("ada").await;
    back_up(&mut bridge).await;
    let xen = bridge.customer("xen");
    say(&bridge, &xen, "Xen's first").await;
    say(&bridge, &ada, "Ada's second").await;
    let lost: Vec<Value> = bridge.deliveries("").await.iter().map(|delivery| delivery["id"].clone()).collect();
    put_back(&mut bridge).await;

    // The second attempt looks for the first one's mark, and must not find that of a text of the lost time.
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", FaultKind::status(503)));
    say(&bridge, &ada, "Ada's third").await;
    assert_eq!(bridge.comments(ada_ticket), ["Hello", "Ada's second", "Ada's third"]);
    // A first text opens a ticket under its id, which must not be one under which a ticket was opened.
    let bob = bridge.customer("bob");
    say(&bridge, &bob, "Bob's first").await;
    let bobs = tickets_of(&bridge, "bob");
    assert_eq!(bobs.len(), 1);
    assert_eq!(bridge.comments(bobs[0]), ["Bob's first"]);
    // A conversation of the lost time goes on on its ticket.
    say(&bridge, &xen, "Xen's second").await;
    let xens = tickets_of(&bridge, "xen");
    assert_eq!(xens.len(), 1);
    assert_eq!(bridge.comments(xens[0]), ["Xen's first", "Xen's second"]);

    let known = bridge.deliveries("").await;
    let fresh = known.iter().filter(|delivery| delivery["accepted_at"].as_str() > known[0]["accepted_at"].as_str());
    assert!(fresh.clone().count() >= 3 && fresh.into_iter().all(|delivery| !lost.contains(&delivery["id"])));
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_in_the_backup_is_looked_for_before_it_is_sent_again() {
    let mut bridge = TestBridge::start().await;
    let (ticket, ada) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", FaultKind::status(503)).times(u32::MAX));
    bridge.sandbox.braze.fail(Fault::on("", "/campaigns", FaultKind::status(503)).times(u32::MAX));
    bridge.sandbox.phone.text(&ada, "Where is it?");
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>On its way</p>");
    let both_wait = |all: &[Value]| all.iter().filter(|one| one["state"] == "waiting").count() == 2;
    bridge.until_deliveries("both wait", both_wait).await;
    back_up(&mut bridge).await;
    bridge.sandbox.zendesk.clear_faults();
    bridge.sandbox.braze.clear_faults();
    bridge.settled().await;
    put_back(&mut bridge).await;

    let told = notes(&bridge).await;
    assert!(told.len() == 1 && told[0].contains("put back from a backup"), "{told:?}");
    assert!(told[0].contains("2 deliveries") && told[0].contains("looked for"), "{told:?}");
    let deliveries = bridge.settled().await;
    assert_eq!(bridge.comments(ticket), ["Hello", "On its way", "Where is it?"], "each once");
    assert_eq!(bridge.texts(), ["On its way"], "each once");
    let receipts: Vec<&str> = deliveries.iter().filter_map(|one| one["receipt"].as_str()).collect();
    assert!(receipts.contains(&"the carrier shows its receipt"), "{receipts:?}");
    // It is told once, and not at every start.
    bridge.stop().await;
    bridge.run().await;
    assert_eq!(notes(&bridge).await, [""; 0]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_in_the_backup_and_was_never_sent_arrives() {
    let mut bridge = TestBridge::start().await;
    let (ticket, ada) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", FaultKind::status(503)).times(u32::MAX));
    for words in ["one", "two"] {
        bridge.sandbox.phone.text(&ada, words);
        bridge.until("it is taken", |bridge| bridge.sandbox.braze.is_idle()).await;
    }
    back_up(&mut bridge).await;
    put_back(&mut bridge).await;
    bridge.sandbox.zendesk.clear_faults();
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket), ["Hello", "one", "two"]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_hold_a_reply_of_the_lost_time_is_for_the_operator_to_send_and_one_since_is_sent() {
    for (mode, texts) in [("hold", vec!["lost", "since"]), ("resend", vec!["lost", "lost", "since"])] {
        let mut bridge = TestBridge::start_with("", &format!("on_unconfirmed = \"{mode}\"")).await;
        let (ticket, _) = bridge.talking("ada").await;
        back_up(&mut bridge).await;
        bridge.sandbox.zendesk.agent_reply(ticket, "lost");
        bridge.settled().await;
        assert_eq!(bridge.texts(), ["lost"]);
        put_back(&mut bridge).await;
        // The note shows that the store has been opened.
        assert_eq!(notes(&bridge).await.len(), 1);
        bridge.clock.advance(SignedDuration::from_secs(1));
        bridge.sandbox.zendesk.agent_reply(ticket, "since");
        bridge.until("the one since", |bridge| bridge.texts().last().is_some_and(|text| text == "since")).await;
        assert_eq!(bridge.texts(), texts, "{mode}");
        if mode == "resend" {
            bridge.finish(0).await;
            continue;
        }
        bridge.until("the agent told", |bridge| bridge.notes(ticket).len() == 1).await;
        assert!(bridge.notes(ticket)[0].contains("may or may not have arrived"), "{:?}", bridge.notes(ticket));
        let held = bridge.deliveries("state=unconfirmed").await;
        assert!(held.len() == 1 && held[0]["due_at"].is_null(), "{held:#?}");
        // The operator has asked the customer: it never came.
        let redrive = format!("{}/api/deliveries/{}/redrive", bridge.operator, held[0]["id"].as_str().unwrap());
        assert_eq!(bridge.http.post(redrive).send().await.unwrap().status(), 200);
        bridge.settled().await;
        assert_eq!(bridge.texts(), ["lost", "since", "lost"]);
        bridge.finish(0).await;
    }
}
