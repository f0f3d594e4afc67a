//! Notes to agents stay true, are written once, and keep no customer waiting.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tandem::domain::account::Ends;
use tandem::domain::event::{Event, EventKind, TicketId};
use tandem::domain::note::{Note, Says, Tells};
use tandem::mapping::{Mappings, Name};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Control, Inbox, StoreLimits};

use crate::process::shipped;
use crate::support::{TestBridge, answer, json as body_of};

const SEND: &str = "/campaigns/trigger/send";

fn refused() -> FaultKind {
    FaultKind::Status { code: 400, headers: Vec::new(), body: json!({"message": "Bad Request"}).to_string() }
}

fn of<'a>(deliveries: &'a [Value], kind: &str, state: &str) -> Vec<&'a Value> {
    deliveries.iter().filter(|delivery| delivery["kind"] == kind && delivery["state"] == state).collect()
}

async fn redrive(bridge: &TestBridge, id: &Value) {
    let url = format!("{}/api/deliveries/{}/redrive", bridge.operator, id.as_str().unwrap());
    let (status, body) = answer(bridge.http.post(url)).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_note_that_waited_is_not_written_about_a_reply_that_has_arrived_meanwhile() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", FaultKind::status(503)).times(u32::MAX));
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()));
    bridge.sandbox.zendesk.agent_reply(ticket, "Here you are");
    let deliveries = bridge
        .until_deliveries("the note refused", |all| {
            of(all, "note", "waiting").iter().any(|note| note["attempts"].as_u64() > Some(0))
        })
        .await;
    redrive(&bridge, &of(&deliveries, "phone_text", "dead")[0]["id"]).await;
    bridge.until("the reply", |bridge| bridge.texts() == ["Here you are"]).await;
    bridge.sandbox.zendesk.clear_faults();
    let deliveries = bridge.settled().await;
    assert_eq!(bridge.notes(ticket), [""; 0], "it would not be true any more");
    assert_eq!(of(&deliveries, "note", "skipped").len(), 2, "the note, and the one that would have taken it back");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_note_that_was_written_is_followed_by_one_that_says_that_the_reply_has_arrived_now() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()).times(2));
    let comment = bridge.sandbox.zendesk.agent_reply(ticket, "Here you are");
    let not = format!("Your reply (comment {comment}) was not texted to the customer: Braze answered 400 Bad Request.");
    for times in 1..=2 {
        let deliveries = bridge.settled().await;
        let notes = bridge.notes(ticket);
        assert!(notes.len() == times && notes.iter().all(|note| note.starts_with(&not)), "{notes:?}");
        redrive(&bridge, &of(&deliveries, "phone_text", "dead")[0]["id"]).await;
    }
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Here you are"]);
    let now = format!("Your reply (comment {comment}) has been texted to the customer now.");
    let notes = bridge.notes(ticket);
    assert!(notes.len() == 3 && notes[1].starts_with(&not) && notes[2] == now, "{notes:?}");
    bridge.finish(0).await;
}

#[tokio::test]
async fn all_that_died_on_a_ticket_is_told_together_and_the_customer_does_not_wait_for_it() {
    let bridge = TestBridge::start().await;
    bridge.sandbox.zendesk.enforce_limits(true);
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", FaultKind::status(503)).times(u32::MAX));
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()).times(u32::MAX));
    let comments: Vec<u64> =
        (0..40).map(|number| bridge.sandbox.zendesk.agent_reply(ticket, &format!("reply {number}"))).collect();
    bridge.until_deliveries("all of them dead", |all| of(all, "phone_text", "dead").len() == comments.len()).await;
    bridge.sandbox.phone.text(&customer, "Are you there?");
    bridge.sandbox.zendesk.clear_faults();
    bridge.settled().await;
    let written = bridge.comments(ticket);
    assert!(written.contains(&"Are you there?".to_owned()));
    let notes = bridge.notes(ticket);
    assert!(notes.len() <= 2, "one that was tried before all had died, and one for the rest: {notes:?}");
    let all = notes.join("\n");
    for comment in comments {
        let named = format!("Your reply (comment {comment}) was not texted");
        assert_eq!(all.matches(&named).count(), 1, "{comment} in {all}");
    }
    assert_eq!(all.matches("What you can do").count(), notes.len(), "once for all that it helps against: {all}");
    bridge.finish(40).await;
}

#[tokio::test]
async fn a_note_waits_for_what_dies_behind_it() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()).times(u32::MAX));
    bridge.sandbox.zendesk.pause_webhooks();
    let comments: Vec<u64> =
        (0..8).map(|number| bridge.sandbox.zendesk.agent_reply(ticket, &format!("reply {number}"))).collect();
    bridge.sandbox.zendesk.resume_webhooks();
    bridge.settled().await;
    let notes = bridge.notes(ticket);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    for comment in comments {
        assert_eq!(notes[0].matches(&format!("(comment {comment})")).count(), 1, "{comment} in {}", notes[0]);
    }
    bridge.finish(8).await;
}

#[tokio::test]
async fn a_customers_text_goes_before_all_notes_of_all_others() {
    let bridge = TestBridge::start().await;
    let mut tickets = Vec::new();
    for number in 0..30 {
        tickets.push(bridge.talking(&format!("customer-{number}")).await);
    }
    let (free, customer) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.enforce_limits(true);
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()).times(u32::MAX));
    // A delivery that holds a place among the notes waits for its answer until the clock moves.
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", FaultKind::status(503)).times(30));
    for (ticket, _) in &tickets {
        bridge.sandbox.zendesk.agent_reply(*ticket, "Hello");
    }
    bridge.until_deliveries("all of them dead", |all| of(all, "phone_text", "dead").len() == tickets.len()).await;
    let notes = || tickets.iter().map(|(ticket, _)| bridge.notes(*ticket).len()).sum::<usize>();
    bridge.until("the first notes", |_| notes() > 0).await;
    bridge.sandbox.phone.text(&customer, "What about me?");
    bridge.until("the text", |bridge| bridge.comments(free).len() == 2).await;
    assert!(notes() <= 25, "{} of 30 notes in the minute before it", notes());
    bridge.settled().await;
    assert_eq!(notes(), 30, "each of them is told in the end");
    bridge.finish(30).await;
}

#[tokio::test]
async fn a_note_that_the_version_before_has_stored_is_written_as_it_is() {
    let mut bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.stop().await;
    let path = bridge.directory.path().join("store");
    let store = SledStore::open(&path, StoreLimits::default(), 9, bridge.clock.now()).await.unwrap();
    // The tests of domain::note hold its form in the store.
    let text = "Your reply (comment 7) was not texted to the customer: {{ cause }} & more.";
    let note = Note { ticket_id: TicketId(ticket), says: Says::Words { text: text.into() }, tells: Tells::Fact };
    let event = Event { received_at: bridge.clock.now(), kind: EventKind::Note(note) };
    store.accept(event, Ends::FIRST.into(), Vec::new(), bridge.clock.now()).await.unwrap();
    store.close().await;
    drop(store);
    bridge.run().await;
    bridge.settled().await;
    let notes = bridge.notes(ticket);
    assert!(
        notes.len() == 1 && notes[0].starts_with("Your reply (comment 7) was not texted to the customer: {"),
        "{notes:?}"
    );
    assert!(notes[0].ends_with("& more."), "{notes:?}");
    bridge.finish(0).await;
}

/// The body that an operator's own mapping makes of a note, by its code and its fields.
#[tokio::test]
async fn a_mapping_is_given_the_code_of_a_note_and_its_fields() {
    let mapping = shipped("mappings/failure_note.toml").replace(
        "[body.ticket.comment]",
        "[body.ticket]\npriority = \"{% if note.codes contains 'reply_not_texted' %}urgent{% endif %}\"\n\n[body.ticket.comment]",
    );
    let mapping = mapping.replace(
        "{{ note.html }}",
        "{{ note.html }} [{{ note.code }}, {{ note.fields.kind }}, {{ note.fields.comment }}]",
    );
    let mappings = Mappings::load(&BTreeMap::from([("failure_note.toml".to_owned(), mapping)])).unwrap();
    let sample = tandem::mapping::sample(Name::FailureNote).unwrap();
    let body = mappings.render(Name::FailureNote, &sample).unwrap();
    assert_eq!(body["ticket"]["priority"], "urgent");
    assert!(
        body["ticket"]["comment"]["html_body"].as_str().unwrap().ends_with("[reply_not_texted, refused, 4711]"),
        "{body}"
    );

    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()));
    let comment = bridge.sandbox.zendesk.agent_reply(ticket, "Here you are");
    let deliveries = bridge.settled().await;
    let note = of(&deliveries, "note", "delivered")[0]["id"].as_str().unwrap().to_owned();
    let shown =
        body_of(bridge.http.get(format!("{}/api/deliveries/{note}", bridge.operator)).send().await.unwrap()).await;
    let event = &shown["event"];
    let dead = of(&deliveries, "phone_text", "dead")[0]["id"].clone();
    assert_eq!(
        (&event["code"], &event["comment"], &event["event"]),
        (&"reply_not_texted".into(), &comment.into(), &dead),
        "{shown}"
    );
    bridge.finish(1).await;
}
