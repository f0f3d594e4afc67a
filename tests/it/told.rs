//! Nothing fails silently: a message that does not reach the phone is told on the ticket, once, in plain words, to the
//! agent only. A customer who has opted out is not texted.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::braze::SendAnswer;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::{NewTicket, TicketStatus, User};

use crate::support::{DEADLINE, TestBridge, answer};

const SEND: &str = "/campaigns/trigger/send";

fn refused(code: u16) -> FaultKind {
    FaultKind::Status { code, headers: Vec::new(), body: json!({"message": "Bad Request"}).to_string() }
}

fn kinds<'a>(deliveries: &'a [Value], state: &str) -> Vec<&'a str> {
    let found = deliveries.iter().filter(|delivery| delivery["state"] == state);
    found.map(|delivery| delivery["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_kind_of_dead_text_is_told_once_and_to_the_agent_only() {
    type Break = fn(&TestBridge, u64);
    let reply: Break = |bridge, ticket| {
        bridge.sandbox.zendesk.agent_reply(ticket, "Hi");
    };
    let cases: [(&str, Break, Break, &str, &str); 5] = [
        (
            "refused",
            |bridge, _| bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused(400))),
            reply,
            "was not texted to the customer: Braze answered 400 Bad Request.",
            "write it again in other words",
        ),
        (
            "problems",
            |bridge, _| {
                bridge.sandbox.braze.script_send(SendAnswer::Errors { errors: vec![json!("x")], delivered: false });
            },
            reply,
            "was not texted to the customer: Braze answered 201 and accepted but reported problems.",
            "ask the customer whether it arrived",
        ),
        (
            "closing",
            |bridge, _| bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused(400))),
            |bridge, ticket| bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved),
            "The closing text was not sent to the customer: Braze answered 400 Bad Request.",
            "the operators have to mend it",
        ),
        (
            "comments",
            |bridge, _| bridge.sandbox.zendesk.fail(Fault::on("GET", "/comments", refused(400))),
            reply,
            "was not texted to the customer: Zendesk answered 400.",
            "ask the operators",
        ),
        (
            "half",
            |bridge, _| {
                bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::Delay(std::time::Duration::ZERO)));
                bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused(400)));
            },
            |bridge, ticket| {
                bridge.sandbox.zendesk.agent_reply(ticket, &"half ".repeat(500));
            },
            "was texted to the customer; the rest was not: Braze answered 400 Bad Request.",
            "write it again in other words",
        ),
    ];
    for (name, breaks, acts, words, advice) in cases {
        let bridge = TestBridge::start().await;
        bridge.sandbox.zendesk.fire_on_api_writes(true);
        let (ticket, _) = bridge.talking("ada").await;
        let texts = bridge.texts().len();
        breaks(&bridge, ticket);
        acts(&bridge, ticket);
        let deliveries = bridge.settled().await;
        assert_eq!(kinds(&deliveries, "dead").len(), 1, "{name}");
        let dead = deliveries.iter().find(|delivery| delivery["state"] == "dead").unwrap()["id"].as_str().unwrap();
        let notes = bridge.notes(ticket);
        assert_eq!(notes.len(), 1, "{name}: {notes:?}");
        let (said, can_do) = notes[0].split_once("What you can do: ").unwrap_or_else(|| panic!("{name}: {notes:?}"));
        assert!(can_do.contains(advice) && can_do.contains(dead), "{name}, {dead}: {can_do}");
        assert!(said.contains(words), "the cause stands before it: {said}");
        assert_eq!(bridge.texts().len() - texts, usize::from(name == "half"), "{name}");
        // A note is by the bridge, not by the customer, and changes nothing else on the ticket.
        let ticket = bridge.sandbox.zendesk.ticket(ticket).unwrap();
        let note = ticket.comments.iter().find(|comment| !comment.public).unwrap();
        assert_eq!(note.author_id, bridge.sandbox.zendesk.api_user_id(), "{name}");
        assert_eq!(ticket.status == TicketStatus::Solved, name == "closing");
        bridge.finish(1).await;
    }
}

#[tokio::test]
async fn a_note_names_the_comment_so_that_the_agent_knows_which() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused(400)));
    let comment = bridge.sandbox.zendesk.agent_reply(ticket, "one");
    bridge.sandbox.zendesk.agent_reply(ticket, "two");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["two"], "a dead letter lets the later ones pass");
    let told =
        format!("Your reply (comment {comment}) was not texted to the customer: Braze answered 400 Bad Request.");
    let notes = bridge.notes(ticket);
    assert!(notes.len() == 1 && notes[0].starts_with(&told), "{notes:?}");
    bridge.finish(1).await;
}

#[tokio::test]
async fn what_is_given_up_after_a_day_is_told() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::status(500)).times(u32::MAX));
    bridge.sandbox.zendesk.agent_reply(ticket, "never");
    for hours in [23, 2] {
        let tries = bridge.sends().len() as u64;
        let has_waited =
            |delivery: &Value| delivery["state"] == "waiting" && delivery["attempts"].as_u64() > Some(tries);
        bridge.until_deliveries("another try", |deliveries| deliveries.iter().any(has_waited)).await;
        assert_eq!(bridge.notes(ticket), [""; 0]);
        bridge.clock.advance(SignedDuration::from_hours(hours));
    }
    bridge.settled().await;
    let notes = bridge.notes(ticket);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("given up after") && notes[0].contains("Braze answered 500."), "{notes:?}");
    assert!(notes[0].contains("write it again if it still helps"), "{notes:?}");
    bridge.finish(1).await;
}

#[tokio::test]
async fn a_note_that_fails_makes_no_note() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", refused(400)).times(u32::MAX));
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused(400)));
    bridge.sandbox.zendesk.agent_reply(ticket, "Hi");
    let deliveries = bridge.settled().await;
    let mut dead = kinds(&deliveries, "dead");
    dead.sort_unstable();
    assert_eq!(dead, ["note", "phone_text"]);
    let puts = || bridge.sandbox.zendesk.calls().iter().filter(|call| call.method == "PUT").count();
    assert_eq!(puts(), 1);
    bridge.clock.advance(SignedDuration::from_hours(48));
    bridge.settled().await;
    assert_eq!(puts(), 1);
    bridge.finish(2).await;
}

#[tokio::test]
async fn a_note_is_written_once_though_its_answer_is_lost() {
    for what in [FaultKind::LoseAnswer, FaultKind::LoseRequest, FaultKind::status(503), FaultKind::status(409)] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", what.clone()));
        bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused(400)));
        bridge.sandbox.zendesk.agent_reply(ticket, "Hi");
        bridge.settled().await;
        assert_eq!(bridge.notes(ticket).len(), 1, "{what:?}");
        bridge.finish(1).await;
    }
}

#[tokio::test]
async fn a_requester_whom_braze_does_not_know_is_told_on_their_ticket() {
    let bridge = TestBridge::start().await;
    let requester_id = bridge.sandbox.zendesk.add_user(User { name: "Nobody".to_owned(), ..User::default() });
    let ticket = bridge.sandbox.zendesk.add_ticket(NewTicket {
        requester_id,
        description: "A call".to_owned(),
        tags: vec!["sms".to_owned()],
        ..NewTicket::default()
    });
    bridge.sandbox.zendesk.agent_reply(ticket, "Hi");
    bridge.settled().await;
    let notes = bridge.notes(ticket);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("the requester has no Braze user id: fill the external id of the user in Zendesk"));
    assert_eq!(bridge.sends().len(), 0);
    bridge.finish(1).await;
}

#[tokio::test]
async fn a_customer_who_opted_out_is_not_texted_until_they_opt_in() {
    let bridge = TestBridge::start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.sandbox.phone.text(&customer, "STOP");
    bridge.settled().await;
    let noted = bridge.notes(ticket);
    assert_eq!(noted.len(), 1, "the keyword itself");
    let comment = bridge.sandbox.zendesk.agent_reply(ticket, "unwanted");
    bridge.settled().await;
    let told =
        format!("Your reply (comment {comment}) was not texted to the customer: the customer has opted out of texts.");
    let notes = bridge.notes(ticket);
    assert!(notes.len() == 2 && notes[0] == noted[0] && notes[1].starts_with(&told), "{notes:?}");
    assert!(notes[1].contains("by texting START"), "{notes:?}");
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
    assert_eq!(bridge.notes(ticket).len(), 2, "the closing text alone is not worth a word");
    assert_eq!(bridge.sends().len(), 0);

    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Open);
    bridge.sandbox.phone.text(&customer, "START");
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(ticket, "welcome back");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["welcome back"], "and what was dead stays so");
    bridge.finish(1).await;
}

#[tokio::test]
async fn an_opt_out_holds_while_zendesk_is_down() {
    let bridge = TestBridge::start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "", FaultKind::status(503)).times(6));
    bridge.sandbox.phone.text(&customer, "one more thing");
    bridge.sandbox.phone.text(&customer, "STOP");
    assert!(bridge.sandbox.wait_until(DEADLINE, || bridge.sandbox.braze.is_idle()).await);
    bridge.sandbox.zendesk.agent_reply(ticket, "unwanted");
    let deliveries = bridge.until_deliveries("the reply dead", |all| kinds(all, "dead") == ["phone_text"]).await;
    let waiting =
        deliveries.iter().filter(|delivery| delivery["kind"] == "customer_text" && delivery["state"] != "delivered");
    assert_eq!(waiting.count(), 2, "neither the text nor the keyword has reached Zendesk yet");
    bridge.settled().await;
    assert_eq!(bridge.sends().len(), 0);
    bridge.finish(1).await;
}

#[tokio::test]
async fn an_opt_out_holds_on_tickets_that_the_bridge_does_not_know() {
    let bodies = |ticket: u64, comment: u64| {
        [
            json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment}),
            json!({"event": "agent_reply", "ticket_id": ticket, "text": "unwanted"}),
            json!({"event": "ticket_solved", "ticket_id": ticket}),
        ]
    };
    for number in 0..3 {
        let bridge = TestBridge::start().await;
        let (first, customer) = bridge.talking("ada").await;
        bridge.sandbox.phone.text(&customer, "STOP");
        bridge.settled().await;
        let requester_id = bridge.sandbox.zendesk.ticket(first).unwrap().requester_id;
        let tags = vec!["sms".to_owned()];
        let ticket = bridge.sandbox.zendesk.add_ticket(NewTicket { requester_id, tags, ..NewTicket::default() });
        bridge.sandbox.zendesk.pause_webhooks();
        let comment = bridge.sandbox.zendesk.agent_reply(ticket, "unwanted");
        let body = &bodies(ticket, comment)[number];
        assert_eq!(bridge.zendesk_webhook(&body.to_string()).await.1["status"], "accepted");
        bridge.settled().await;
        assert_eq!(bridge.sends().len(), 0, "{body}");
        let is_reply = body["event"] == "agent_reply";
        assert_eq!(bridge.notes(ticket).len(), usize::from(is_reply), "{body}");
        bridge.finish(usize::from(is_reply)).await;
    }
}

#[tokio::test]
async fn an_opt_out_holds_for_a_customer_who_got_a_name_later() {
    let bridge = TestBridge::start().await;
    for text in ["Hello", "STOP"] {
        let category = if text == "STOP" { "opt_out" } else { "other" };
        let mut body = json!({"braze_id": "65f1c0ffee", "text": text, "category": category, "dispatch": text});
        if text == "STOP" {
            body["external_id"] = "ada".into();
        }
        let request = bridge.as_braze(reqwest::Method::POST, "/webhooks/braze", &body.to_string());
        let (status, answer) = answer(request.header("Content-Type", "application/json")).await;
        assert_eq!((status, &answer["status"]), (202, &json!("accepted")));
        bridge.settled().await;
    }
    let ada = User { name: "Ada".to_owned(), external_id: Some("ada".to_owned()), ..User::default() };
    let requester_id = bridge.sandbox.zendesk.add_user(ada);
    let tags = vec!["sms".to_owned()];
    let ticket = bridge.sandbox.zendesk.add_ticket(NewTicket { requester_id, tags, ..NewTicket::default() });
    bridge.sandbox.zendesk.agent_reply(ticket, "unwanted");
    bridge.settled().await;
    assert_eq!(bridge.sends().len(), 0);
    assert_eq!(bridge.conversations().await.len(), 1, "it is the same conversation");
    assert_eq!(bridge.notes(ticket).len(), 1);
    bridge.finish(1).await;
}

#[tokio::test]
async fn braze_is_asked_for_the_subscription_only_where_a_group_is_named() {
    let group = SandboxOptions::default().subscription_group;
    for (option, texts, dead) in [(format!("subscription_group = \"{group}\""), 1, 1), (String::new(), 1, 0)] {
        let bridge = TestBridge::start_with("", &option).await;
        let (ticket, customer) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.agent_reply(ticket, "wanted");
        bridge.settled().await;
        // A marketer does this: no keyword, no webhook.
        bridge.sandbox.braze.set_opted_out(&customer, true);
        bridge.sandbox.zendesk.agent_reply(ticket, "unwanted");
        bridge.settled().await;
        assert_eq!(bridge.texts().len(), texts, "{option}");
        assert_eq!(bridge.notes(ticket).len(), dead, "{option}");
        let asked = bridge.sandbox.braze.calls().iter().filter(|call| call.path == "/subscription/status/get").count();
        assert_eq!(asked, if dead == 1 { 2 } else { 0 }, "{option}");
        bridge.finish(dead).await;
    }
}
