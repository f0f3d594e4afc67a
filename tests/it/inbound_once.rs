//! Exactly once, from the phone to the ticket: for every fate of a call, its effect is there once in the end.
//!
//! The three calls with an effect (a ticket opened, a comment added, a user made) each meet every way in which a call
//! goes wrong, and a bridge that is stopped between the call and its record.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tandem::sandbox::server::{Call, Fault, FaultKind};
use tandem::sandbox::zendesk::{NewTicket, TicketStatus};

use crate::inbound::{end, post, say, ticket_of};
use crate::support::TestBridge;

/// The calls with an effect: method, a part of the path that no other call of the method has.
const EFFECTS: [(&str, &str); 3] =
    [("POST", "/api/v2/tickets"), ("PUT", "/api/v2/tickets/"), ("POST", "/api/v2/users/create_or_update")];

fn calls(bridge: &TestBridge, (method, path): (&str, &str)) -> Vec<Call> {
    let calls = bridge.sandbox.zendesk.calls();
    calls.into_iter().filter(|call| call.method == method && call.path.starts_with(path)).collect()
}

fn processed(bridge: &TestBridge, effect: (&str, &str)) -> usize {
    calls(bridge, effect).iter().filter(|call| call.processed).count()
}

/// One conversation of two texts, one ticket, one user.
fn once(bridge: &TestBridge, id: &str, what: &str) {
    let ticket = ticket_of(bridge, id);
    assert_eq!(bridge.comments(ticket.id), ["first", "second"], "{what}");
    let users = bridge.sandbox.zendesk.users();
    let same = users.iter().filter(|user| user.external_id.as_deref() == Some(id)).count();
    assert_eq!(same, 1, "{what}: users {users:#?}");
}

#[tokio::test]
async fn every_call_that_goes_wrong_has_its_effect_once() {
    for effect in EFFECTS {
        let bridge = TestBridge::start().await;
        for (name, what) in [
            ("lost-answer", FaultKind::LoseAnswer),
            ("lost-request", FaultKind::LoseRequest),
            ("409", FaultKind::status(409)),
            ("429", FaultKind::retry_after(429, 30)),
            ("500", FaultKind::status(500)),
            ("502", FaultKind::status(502)),
            ("503", FaultKind::retry_after(503, 20)),
            ("504", FaultKind::status(504)),
            ("500-after", FaultKind::StatusAfter(500)),
            ("503-after", FaultKind::StatusAfter(503)),
        ] {
            let customer = bridge.customer(name);
            let fault = Fault::on(effect.0, effect.1, what.clone()).times(2);
            // A comment is added by the second text only, so the first two kinds strike the first text.
            let struck_by = if effect.0 == "PUT" { "second" } else { "first" };
            for text in ["first", "second"] {
                if text == struck_by {
                    bridge.sandbox.zendesk.fail(fault.clone());
                }
                say(&bridge, &customer, text).await;
            }
            once(&bridge, name, &format!("{effect:?} {name}"));
        }
        let struck =
            calls(&bridge, effect).iter().filter(|call| call.status.is_none_or(|status| status >= 400)).count();
        assert!(struck >= 18, "the faults struck: {struck}");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_for_and_the_call_not_repeated() {
    for effect in EFFECTS[..2].iter().copied() {
        let bridge = TestBridge::start().await;
        let customer = bridge.customer("c1");
        if effect.0 == "PUT" {
            say(&bridge, &customer, "first").await;
        }
        bridge.sandbox.zendesk.fail(Fault::on(effect.0, effect.1, FaultKind::LoseAnswer));
        say(&bridge, &customer, if effect.0 == "PUT" { "second" } else { "first" }).await;
        assert_eq!(calls(&bridge, effect).len(), 1, "{effect:?}");
        assert!(calls(&bridge, ("GET", "/api/v2/tickets/")).iter().any(|call| call.path.ends_with("/audits")));
        if effect.0 == "POST" {
            say(&bridge, &customer, "second").await;
        }
        once(&bridge, "c1", "looked for");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_servers_hint_is_kept() {
    for (effect, code) in [(EFFECTS[0], 429), (EFFECTS[1], 429), (EFFECTS[0], 503), (EFFECTS[1], 503)] {
        let bridge = TestBridge::start().await;
        let customer = bridge.customer("c1");
        if effect.0 == "PUT" {
            say(&bridge, &customer, "first").await;
        }
        bridge.sandbox.zendesk.fail(Fault::on(effect.0, effect.1, FaultKind::retry_after(code, 47)));
        say(&bridge, &customer, "next").await;
        let [refused, taken] = calls(&bridge, effect).try_into().unwrap();
        let waited = taken.at.duration_since(refused.at);
        assert!(waited >= SignedDuration::from_secs(47), "{effect:?} {code}: {waited}");
        assert!(waited <= SignedDuration::from_secs(60), "{effect:?} {code}: {waited}");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_ticket_whose_idempotency_key_has_expired_is_found_by_its_external_id() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::LoseAnswer));
    bridge.sandbox.phone.text(&customer, "first");
    bridge.until("the ticket opened", |bridge| processed(bridge, EFFECTS[0]) == 1).await;
    bridge.sandbox.zendesk.fail(Fault::on("GET", "/api/v2/tickets", FaultKind::status(503)).times(u32::MAX));
    bridge.until_deliveries("nobody knows", |all| all.iter().any(|one| one["state"] == "unconfirmed")).await;
    let looked = calls(&bridge, ("GET", "/api/v2/tickets")).len();
    bridge.until("looked in vain", |bridge| calls(bridge, ("GET", "/api/v2/tickets")).len() > looked).await;
    bridge.clock.advance(SignedDuration::from_hours(3));
    bridge.sandbox.zendesk.clear_faults();
    say(&bridge, &customer, "second").await;
    once(&bridge, "c1", "three hours later");
    assert_eq!(calls(&bridge, EFFECTS[0]).len(), 1);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_ticket_that_the_list_does_not_show_yet_is_not_opened_again() {
    let bridge = TestBridge::start().await;
    bridge.sandbox.zendesk.set_lag(SignedDuration::from_mins(5), SignedDuration::from_mins(5));
    let customer = bridge.customer("c1");
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::LoseAnswer));
    say(&bridge, &customer, "first").await;
    say(&bridge, &customer, "second").await;
    once(&bridge, "c1", "the idempotency key stands in for the list");
    assert_eq!(calls(&bridge, EFFECTS[0]).len(), 2);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_ticket_whose_words_changed_meanwhile_is_not_opened_again_either() {
    let bridge = TestBridge::start().await;
    bridge.sandbox.zendesk.set_lag(SignedDuration::ZERO, SignedDuration::from_mins(2));
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::LoseAnswer));
    let first = json!({"external_id": "c1", "first_name": "Ada", "text": "first"}).to_string();
    let request = bridge.as_braze(reqwest::Method::POST, "/webhooks/braze", &first);
    request.header("Content-Type", "application/json").send().await.unwrap();
    bridge.until("the ticket opened", |bridge| processed(bridge, EFFECTS[0]) == 1).await;
    // Under the same key, but with a longer name in its subject: Zendesk refuses that.
    post(&bridge, &json!({"external_id": "c1", "last_name": "Lovelace", "text": "second"})).await;
    once(&bridge, "c1", "another name");
    let refused = calls(&bridge, EFFECTS[0]).iter().filter(|call| call.status == Some(400)).count();
    assert!(refused > 0, "the case came about");
    end(bridge, 0).await;
}

/// Texts, so that this call is made and the vendor does as asked but does not answer; then stops the bridge as hard
/// as a machine that loses its power, and starts it again `after` that.
async fn killed_in(effect: (&str, &str), after: SignedDuration) {
    let mut bridge = TestBridge::start().await;
    bridge.stop().await;
    bridge.run_apart().await;
    let customer = bridge.customer("c1");
    if effect.0 == "PUT" {
        say(&bridge, &customer, "first").await;
    }
    let before = processed(&bridge, effect);
    bridge.sandbox.zendesk.fail(Fault::on(effect.0, effect.1, FaultKind::Delay(Duration::from_secs(600))));
    bridge.sandbox.phone.text(&customer, if effect.0 == "PUT" { "second" } else { "first" });
    bridge.until("the call made", |bridge| processed(bridge, effect) > before).await;
    bridge.kill().await;
    bridge.clock.advance(after);
    bridge.run().await;
    bridge.settled().await;
    if effect.0 == "POST" {
        say(&bridge, &customer, "second").await;
    }
    once(&bridge, "c1", &format!("killed in {effect:?}, again after {after}"));
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_bridge_stopped_between_a_call_and_its_record_does_not_repeat_the_effect() {
    for effect in EFFECTS {
        for after in [SignedDuration::ZERO, SignedDuration::from_hours(3)] {
            killed_in(effect, after).await;
        }
    }
}

#[tokio::test]
async fn a_bridge_stopped_before_the_call_arrived_makes_it_again() {
    for effect in EFFECTS {
        let mut bridge = TestBridge::start().await;
        bridge.stop().await;
        bridge.run_apart().await;
        let customer = bridge.customer("c1");
        if effect.0 == "PUT" {
            say(&bridge, &customer, "first").await;
        }
        bridge.sandbox.zendesk.fail(Fault::on(effect.0, effect.1, FaultKind::LoseRequest));
        bridge.sandbox.phone.text(&customer, if effect.0 == "PUT" { "second" } else { "first" });
        let made = |call: &Call| !call.processed;
        bridge.until("the call lost", |bridge| calls(bridge, effect).iter().any(made)).await;
        bridge.kill().await;
        bridge.run().await;
        bridge.settled().await;
        if effect.0 == "POST" {
            say(&bridge, &customer, "second").await;
        }
        once(&bridge, "c1", &format!("{effect:?}"));
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_text_is_looked_for_where_it_was_written_though_the_conversation_has_gone_elsewhere_since() {
    let bridge = TestBridge::start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    // Only the bridge's own memory leads to the ticket now.
    let long = SignedDuration::from_hours(1);
    bridge.sandbox.zendesk.set_lag(long, long);
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets/", FaultKind::LoseAnswer));
    bridge.sandbox.zendesk.fail(Fault::on("GET", "/audits", FaultKind::status(503)).times(3));
    bridge.sandbox.phone.text(&customer, "And my order?");
    bridge.until("the comment", |bridge| bridge.comments(ticket).len() == 2).await;
    let requester_id = bridge.sandbox.zendesk.ticket(ticket).unwrap().requester_id;
    let tags = vec!["sms".to_owned()];
    let other = bridge.sandbox.zendesk.add_ticket(NewTicket { requester_id, tags, ..NewTicket::default() });
    bridge.sandbox.zendesk.agent_reply(other, "<p>We have news.</p>");
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket), ["Hello", "And my order?"]);
    assert_eq!(bridge.comments(other), ["", "We have news."]);
    end(bridge, 0).await;
}

/// Zendesk obeys the call and answers 503; before the next attempt an agent has begun another ticket, or closed this one.
#[tokio::test]
async fn a_text_that_stands_behind_an_error_is_found_wherever_the_conversation_has_gone() {
    for (effect, closes) in [(EFFECTS[0], false), (EFFECTS[1], true)] {
        let bridge = TestBridge::start_with("catch_up_minutes = 0", "").await;
        let zendesk = &bridge.sandbox.zendesk;
        let (first, customer) = bridge.talking("c1").await;
        let requester_id = ticket_of(&bridge, "c1").requester_id;
        if !closes {
            zendesk.set_status(first, TicketStatus::Closed);
            bridge.settled().await;
        }
        // The list by the conversation's key is behind.
        zendesk.set_lag(SignedDuration::ZERO, SignedDuration::from_mins(5));
        zendesk.fail(Fault::on(effect.0, effect.1, FaultKind::StatusAfter(503)));
        bridge.sandbox.phone.text(&customer, "Once").unwrap();
        let stands = |bridge: &TestBridge| {
            let tickets = bridge.sandbox.zendesk.tickets();
            let comments = tickets.iter().flat_map(|ticket| &ticket.comments);
            comments.filter(|comment| comment.plain_body == "Once").count()
        };
        bridge.until("the text", |bridge| stands(bridge) == 1).await;
        if closes {
            zendesk.set_status(first, TicketStatus::Closed);
        } else {
            let tags = vec!["sms".to_owned()];
            let other = zendesk.add_ticket(NewTicket { requester_id, tags, ..NewTicket::default() });
            zendesk.agent_reply(other, "<p>A word</p>");
        }
        bridge.settled().await;
        assert_eq!(stands(&bridge), 1, "{effect:?}");
        end(bridge, 0).await;
    }
}
