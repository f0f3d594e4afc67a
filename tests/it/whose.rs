//! A ticket that is no longer the customer's: no reply goes to the wrong phone, and no text of a customer onto another's
//! ticket.

use serde_json::json;
use tandem::sandbox::server::{Call, Fault, FaultKind};
use tandem::sandbox::zendesk::{NewTicket, Role, User};

use crate::inbound::{end, say, ticket_of, tickets_of};
use crate::support::TestBridge;

/// Calls to Zendesk since, without the token's.
fn calls_since(bridge: &TestBridge, before: usize) -> Vec<String> {
    let calls = bridge.sandbox.zendesk.calls();
    let named = |call: &Call| format!("{} {}", call.method, call.path);
    calls.iter().skip(before).filter(|call| call.path != "/oauth/tokens").map(named).collect()
}

fn count(bridge: &TestBridge) -> usize {
    bridge.sandbox.zendesk.calls().len()
}

/// Two customers with a ticket each: the tickets, and the Braze id of the first.
async fn two_customers(bridge: &TestBridge) -> (u64, u64, String) {
    let (ada, customer) = bridge.talking("ada").await;
    let (bob, _) = bridge.talking("bob").await;
    (ada, bob, customer)
}

fn requester(bridge: &TestBridge, ticket: u64) -> u64 {
    bridge.sandbox.zendesk.ticket(ticket).unwrap().requester_id
}

#[tokio::test]
async fn a_reply_on_a_ticket_that_is_another_customers_now_goes_to_nobody_and_the_agent_is_told() {
    let bridge = TestBridge::start().await;
    let (ada, bob, customer) = two_customers(&bridge).await;
    bridge.sandbox.zendesk.set_requester(ada, requester(&bridge, bob));
    let comment = bridge.sandbox.zendesk.agent_reply(ada, "<p>Dear Bob</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [] as [String; 0]);
    let [note] = bridge.notes(ada).try_into().unwrap();
    assert!(note.contains(&comment.to_string()) && note.contains("no longer the customer"), "{note}");
    let skipped = bridge.deliveries("state=skipped").await;
    assert!(skipped[0]["cause"].as_str().unwrap().contains("no longer the conversation's customer"), "{skipped:#?}");

    // Her next text goes to a ticket of her own, and the reply there to her.
    say(&bridge, &customer, "Still there?").await;
    let own = bridge.sandbox.zendesk.tickets().pop().unwrap();
    assert_ne!(own.id, ada);
    assert_eq!((own.external_id.as_deref(), bridge.comments(own.id)), (Some("ada"), vec!["Still there?".to_owned()]));
    bridge.sandbox.zendesk.agent_reply(own.id, "<p>Dear Ada</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Dear Ada"]);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_ticket_that_was_given_back_is_the_customers_again() {
    let bridge = TestBridge::start().await;
    let (ada, bob, customer) = two_customers(&bridge).await;
    let (hers, his) = (requester(&bridge, ada), requester(&bridge, bob));
    bridge.sandbox.zendesk.set_requester(ada, his);
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Dear Bob</p>");
    bridge.settled().await;
    bridge.sandbox.zendesk.set_requester(ada, hers);
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Dear Ada</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Dear Ada"], "and never what was meant for Bob");
    say(&bridge, &customer, "Thanks").await;
    assert_eq!(bridge.comments(ada).last().unwrap(), "Thanks");
    end(bridge, 0).await;
}

/// Replies before and after the change lie on the ticket when the first of them is read.
#[tokio::test]
async fn replies_from_before_the_change_reach_the_customer_and_those_after_it_do_not() {
    let bridge = TestBridge::start().await;
    let (ada, bob, _) = two_customers(&bridge).await;
    bridge.sandbox.zendesk.pause_webhooks();
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Dear Ada</p>");
    bridge.sandbox.zendesk.set_requester(ada, requester(&bridge, bob));
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Dear Bob</p>");
    bridge.sandbox.zendesk.resume_webhooks();
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Dear Ada"]);
    assert_eq!(bridge.notes(ada).len(), 1, "one word to the agent: {:?}", bridge.notes(ada));
    end(bridge, 0).await;
}

#[tokio::test]
async fn the_closing_text_of_a_ticket_that_is_another_customers_now_is_not_sent() {
    let bridge = TestBridge::start().await;
    let (ada, bob, _) = two_customers(&bridge).await;
    bridge.sandbox.zendesk.set_requester(ada, requester(&bridge, bob));
    bridge.sandbox.zendesk.set_status(ada, tandem::sandbox::zendesk::TicketStatus::Solved);
    bridge.settled().await;
    assert_eq!(bridge.texts(), [] as [String; 0]);
    end(bridge, 0).await;
}

/// Each body of before, which tells no requester, on a ticket that changed hands: one look at the ticket, and no text.
#[tokio::test]
async fn a_body_without_a_requester_costs_one_look_at_the_ticket() {
    for (changed, texts) in [(false, 1), (true, 0)] {
        let bridge = TestBridge::start().await;
        let (ada, bob, _) = two_customers(&bridge).await;
        bridge.sandbox.zendesk.pause_webhooks();
        if changed {
            bridge.sandbox.zendesk.set_requester(ada, requester(&bridge, bob));
        }
        let comment = bridge.sandbox.zendesk.agent_reply(ada, "<p>Hello</p>");
        drop(bridge.sandbox.zendesk.take_held_webhooks());
        let before = count(&bridge);
        let body = json!({"event": "agent_reply", "ticket_id": ada, "comment_id": comment.to_string()}).to_string();
        for _ in 0..2 {
            bridge.zendesk_webhook(&body).await;
        }
        bridge.settled().await;
        assert_eq!(bridge.texts().len(), texts, "changed: {changed}");
        let mut expected = vec![format!("GET /api/v2/tickets/{ada}/comments"), format!("GET /api/v2/tickets/{ada}")];
        expected.extend(changed.then(|| format!("PUT /api/v2/tickets/{ada}")));
        assert_eq!(calls_since(&bridge, before), expected, "changed: {changed}");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_body_that_names_the_customer_as_requester_costs_no_look_at_the_ticket() {
    let bridge = TestBridge::start().await;
    let (ada, _) = bridge.talking("ada").await;
    let before = count(&bridge);
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Hello</p>");
    bridge.settled().await;
    assert_eq!(
        (bridge.texts(), calls_since(&bridge, before)),
        (vec!["Hello".to_owned()], vec![format!("GET /api/v2/tickets/{ada}/comments")])
    );
    end(bridge, 0).await;
}

/// An agent merges the customer's user into another of theirs, who has the same phone: Zendesk gives them the ticket.
#[tokio::test]
async fn a_customer_whose_user_was_merged_into_another_of_theirs_goes_on() {
    let bridge = TestBridge::start().await;
    let (ada, customer) = bridge.talking("ada").await;
    let before = requester(&bridge, ada);
    let phone = bridge.sandbox.zendesk.users().into_iter().find(|user| user.id == before).unwrap().phone;
    let by_mail = User { name: "Ada L.".into(), email: Some("ada@example.com".into()), ..User::default() };
    let by_mail = bridge.sandbox.zendesk.add_user(by_mail);
    bridge.sandbox.zendesk.merge_users(before, by_mail);
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Dear Ada</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Dear Ada"], "the phone {phone:?} came along");
    say(&bridge, &customer, "Thanks").await;
    assert_eq!(bridge.comments(ada).last().unwrap(), "Thanks");
    assert_eq!(bridge.sandbox.zendesk.ticket(ada).unwrap().comments.last().unwrap().author_id, by_mail);
    assert_eq!(tickets_of(&bridge, "ada").len(), 1);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_ticket_that_became_staffs_is_texted_to_nobody() {
    let bridge = TestBridge::start().await;
    let (ada, _) = bridge.talking("ada").await;
    let colleague =
        User { name: "Carl".into(), role: Role::Agent, phone: Some("+15555550123".into()), ..User::default() };
    let colleague = bridge.sandbox.zendesk.add_user(colleague);
    bridge.sandbox.zendesk.set_requester(ada, colleague);
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Carl, have a look</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts(), [] as [String; 0]);
    assert_eq!(bridge.notes(ada).len(), 1);
    assert_eq!(ticket_of(&bridge, "ada").requester_id, colleague);
    end(bridge, 0).await;
}

/// Only the answer to the next text tells of a new requester.
#[tokio::test]
async fn a_ticket_that_changed_hands_unheard_takes_one_text_and_no_more() {
    let bridge = TestBridge::start().await;
    let (ada, bob, customer) = two_customers(&bridge).await;
    bridge.sandbox.zendesk.set_requester(ada, requester(&bridge, bob));
    say(&bridge, &customer, "second").await;
    assert_eq!(bridge.notes(ada).len(), 1, "the agent is told: {:?}", bridge.comments(ada));
    say(&bridge, &customer, "third").await;
    let own = bridge.sandbox.zendesk.tickets().pop().unwrap();
    assert_eq!((own.id != ada, bridge.comments(own.id)), (true, vec!["third".to_owned()]));
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_text_after_a_silence_goes_to_a_ticket_of_the_customers_own() {
    let bridge = TestBridge::start().await;
    let (ada, bob, customer) = two_customers(&bridge).await;
    bridge.sandbox.zendesk.set_requester(ada, requester(&bridge, bob));
    bridge.clock.advance(jiff::SignedDuration::from_mins(11));
    say(&bridge, &customer, "second").await;
    assert_eq!(bridge.comments(ada), ["Hello"], "nothing of hers is shown to Bob");
    let own = bridge.sandbox.zendesk.tickets().pop().unwrap();
    assert_eq!((own.external_id.as_deref(), bridge.comments(own.id)), (Some("ada"), vec!["second".to_owned()]));
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_keyword_leads_nobody_back_to_a_ticket_that_was_given_away() {
    let bridge = TestBridge::start().await;
    let (ada, bob, customer) = two_customers(&bridge).await;
    bridge.sandbox.zendesk.set_requester(ada, requester(&bridge, bob));
    // The answer to this one tells.
    say(&bridge, &customer, "Still there?").await;
    let before = bridge.notes(ada).len();
    for word in ["STOP", "START"] {
        say(&bridge, &customer, word).await;
    }
    say(&bridge, &customer, "And now?").await;
    assert_eq!(bridge.notes(ada).len(), before, "Bob's agents read nothing of hers: {:?}", bridge.notes(ada));
    let own = tickets_of(&bridge, "ada").into_iter().find(|ticket| ticket.id != ada).unwrap();
    assert_eq!(bridge.comments(own.id), ["And now?"]);
    end(bridge, 0).await;
}

/// No webhook told of any of it: the search finds the ticket with the requester that it has then.
#[tokio::test]
async fn a_missed_reply_goes_to_nobody_when_the_ticket_was_another_customers_as_it_was_written() {
    let bridge = TestBridge::start_with("catch_up_minutes = 5", "").await;
    let (ada, bob, _) = two_customers(&bridge).await;
    let (hers, his) = (requester(&bridge, ada), requester(&bridge, bob));
    bridge.sandbox.zendesk.open_circuit(true);
    bridge.sandbox.zendesk.set_requester(ada, his);
    let to_bob = bridge.sandbox.zendesk.agent_reply(ada, "<p>Dear Bob</p>");
    bridge.sandbox.zendesk.set_requester(ada, hers);
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Dear Ada</p>");
    bridge.until("the missed reply", |bridge| !bridge.texts().is_empty()).await;
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Dear Ada"]);
    let [note] = bridge.notes(ada).try_into().unwrap();
    assert!(note.contains(&to_bob.to_string()), "{note}");
    bridge.finish(0).await;
}

/// The answer to the opening was lost, so the bridge does not know the ticket's requester by itself.
#[tokio::test]
async fn a_ticket_that_changed_hands_before_the_bridge_knew_it_is_its_requesters() {
    let bridge = TestBridge::start().await;
    let (bobs, bob) = bridge.talking("bob").await;
    let ada = bridge.customer("ada");
    let zendesk = &bridge.sandbox.zendesk;
    zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::LoseAnswer));
    zendesk.fail(Fault::on("GET", "/api/v2/tickets", FaultKind::LoseAnswer).times(u32::MAX));
    bridge.sandbox.phone.text(&ada, "Hello").unwrap();
    bridge.until("the ticket", |bridge| bridge.sandbox.zendesk.tickets().len() == 2).await;
    let given = zendesk.tickets().pop().unwrap().id;
    zendesk.set_requester(given, requester(&bridge, bobs));
    zendesk.clear_faults();
    zendesk.agent_reply(given, "<p>Dear Bob</p>");
    bridge.settled().await;
    let texts = bridge.sandbox.braze.texts();
    assert_eq!(texts.iter().map(|text| (&*text.braze_id, &*text.body)).collect::<Vec<_>>(), [(&*bob, "Dear Bob")]);
    say(&bridge, &ada, "Anybody?").await;
    let own = tickets_of(&bridge, "ada").into_iter().find(|ticket| ticket.id != given).unwrap();
    assert_eq!(bridge.comments(own.id), ["Anybody?"]);
    end(bridge, 0).await;
}

/// An agent has made a user of their own for her, while the answer to the opening of her ticket was lost.
#[tokio::test]
async fn a_ticket_of_the_same_customer_as_another_user_is_kept_and_nothing_is_said() {
    let bridge = TestBridge::start().await;
    let ada = bridge.customer("ada");
    let zendesk = &bridge.sandbox.zendesk;
    zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::LoseAnswer));
    zendesk.fail(Fault::on("GET", "/api/v2/tickets", FaultKind::LoseAnswer).times(u32::MAX));
    bridge.sandbox.phone.text(&ada, "Hello").unwrap();
    bridge.until("the ticket", |bridge| !bridge.sandbox.zendesk.tickets().is_empty()).await;
    let opened = zendesk.tickets().pop().unwrap().id;
    let fields = json!({ "braze_external_id": "ada" }).as_object().unwrap().clone();
    let other = zendesk.add_user(User { name: "Ada L.".into(), user_fields: fields, ..User::default() });
    let tags = vec!["sms".to_owned()];
    let theirs = zendesk.add_ticket(NewTicket { requester_id: other, tags, ..NewTicket::default() });
    zendesk.clear_faults();
    zendesk.agent_reply(theirs, "<p>Can we help?</p>");
    bridge.settled().await;
    say(&bridge, &ada, "Indeed").await;
    assert_eq!(bridge.texts(), ["Can we help?"]);
    let notes = [opened, theirs].map(|ticket| bridge.notes(ticket));
    assert_eq!(notes, [[] as [String; 0], []], "both are hers");
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 2);
    end(bridge, 0).await;
}

/// The store is lost, and an agent has given Ada's ticket to Bob, whom the bridge does not know any more: the ticket's own
/// key still names Ada.
#[tokio::test]
async fn a_ticket_found_again_is_its_requesters_whatever_its_key_says() {
    let mut bridge = TestBridge::start().await;
    let (ada, bob, customer) = two_customers(&bridge).await;
    bridge.stop().await;
    std::fs::remove_dir_all(bridge.directory.path().join("store")).unwrap();
    bridge.sandbox.zendesk.set_requester(ada, requester(&bridge, bob));
    bridge.run().await;
    say(&bridge, &customer, "Still there?").await;
    let own = bridge.sandbox.zendesk.tickets().pop().unwrap();
    assert_eq!((own.id != ada, bridge.comments(own.id)), (true, vec!["Still there?".to_owned()]));
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Dear Bob</p>");
    bridge.settled().await;
    let sent: Vec<_> =
        bridge.sends().iter().map(|call| call.body["recipients"][0]["external_user_id"].clone()).collect();
    assert_eq!((bridge.texts(), sent), (vec!["Dear Bob".to_owned()], vec![json!("bob")]));
    end(bridge, 0).await;
}
