//! A ticket that has all the comments it takes: the customer's next text reaches agents on a new one.

use std::fs;

use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::{Ticket, TicketStatus};

use crate::inbound::{end, say, tickets_of};
use crate::support::TestBridge;

/// The customer's newest ticket, which took over from `full`, and its comments.
fn successor(bridge: &TestBridge, full: u64) -> (Ticket, Vec<String>) {
    let tickets = tickets_of(bridge, "ada");
    let newest = tickets.iter().max_by_key(|ticket| ticket.id).unwrap().clone();
    let subject = newest.subject.clone().unwrap_or_default();
    assert!(subject.ends_with(&format!("(previously #{full})")), "{subject}");
    assert_eq!(newest.requester_id, bridge.sandbox.zendesk.ticket(full).unwrap().requester_id);
    let comments = bridge.comments(newest.id);
    (newest, comments)
}

fn calls_after(bridge: &TestBridge, before: usize) -> Vec<String> {
    let calls = bridge.sandbox.zendesk.calls();
    calls[before..].iter().map(|call| format!("{} {}", call.method, call.path)).collect()
}

#[tokio::test]
async fn a_text_for_a_full_ticket_opens_one_that_names_it_and_the_conversation_goes_on_there() {
    let bridge = TestBridge::start().await;
    let (full, ada) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fill(full, 1);
    say(&bridge, &ada, "the last that has room").await;
    assert_eq!(bridge.comments(full).last().unwrap(), "the last that has room");
    let before = bridge.sandbox.zendesk.calls().len();
    say(&bridge, &ada, "one too many").await;
    let (new, comments) = successor(&bridge, full);
    assert_eq!(comments, ["one too many"]);
    let expected = [
        format!("PUT /api/v2/tickets/{full}"),
        format!("GET /api/v2/tickets/{full}"),
        "GET /api/v2/tickets".to_owned(),
        "POST /api/v2/tickets".to_owned(),
    ];
    assert_eq!(calls_after(&bridge, before), expected);

    let before = bridge.sandbox.zendesk.calls().len();
    say(&bridge, &ada, "and on").await;
    assert_eq!(bridge.comments(new.id), ["one too many", "and on"]);
    assert_eq!(calls_after(&bridge, before), [format!("PUT /api/v2/tickets/{}", new.id)]);
    bridge.sandbox.zendesk.agent_reply(new.id, "An answer there");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["An answer there"]);
    assert_eq!(tickets_of(&bridge, "ada").len(), 2);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_full_ticket_leads_to_one_new_one_whatever_goes_wrong_on_the_way() {
    let faults = [
        ("POST", "/api/v2/tickets", FaultKind::LoseAnswer),
        ("POST", "/api/v2/tickets", FaultKind::status(503)),
        ("GET", "/api/v2/tickets/", FaultKind::status(503)),
        ("PUT", "/api/v2/tickets/", FaultKind::LoseAnswer),
    ];
    for (method, path, what) in faults {
        let shown = format!("{method} {what:?}");
        let bridge = TestBridge::start().await;
        let (full, ada) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.fill(full, 0);
        bridge.sandbox.zendesk.fail(Fault::on(method, path, what));
        say(&bridge, &ada, "one too many").await;
        assert_eq!(tickets_of(&bridge, "ada").len(), 2, "{shown}");
        assert_eq!(successor(&bridge, full).1, ["one too many"], "{shown}");
        end(bridge, 0).await;
    }
}

#[tokio::test]
async fn a_full_ticket_that_is_found_by_its_key_is_left_for_a_new_one() {
    let mut bridge = TestBridge::start().await;
    let (full, ada) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fill(full, 0);
    bridge.stop().await;
    fs::remove_dir_all(bridge.directory.path().join("store")).unwrap();
    bridge.run().await;
    say(&bridge, &ada, "one too many").await;
    let (new, comments) = successor(&bridge, full);
    assert_eq!(comments, ["one too many"]);
    // Where the new one is solved for long, the full one is the only unsolved ticket of the customer's.
    bridge.sandbox.zendesk.set_status(new.id, TicketStatus::Closed);
    bridge.settled().await;
    say(&bridge, &ada, "after all that").await;
    let newest = tickets_of(&bridge, "ada").iter().map(|ticket| ticket.id).max().unwrap();
    assert!(newest > new.id, "a third ticket");
    assert_eq!(bridge.comments(newest), ["after all that"]);
    end(bridge, 0).await;
}

#[tokio::test]
async fn who_asks_for_help_on_a_full_ticket_is_read_by_an_agent() {
    let bridge = TestBridge::start().await;
    let (full, ada) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fill(full, 0);
    say(&bridge, &ada, "HELP").await;
    assert_eq!(successor(&bridge, full).1, ["HELP"]);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_ticket_with_room_that_refuses_a_comment_is_not_left() {
    let bridge = TestBridge::start().await;
    let (ticket, ada) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fill(ticket, 1);
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", FaultKind::status(422)).times(2));
    say(&bridge, &ada, "refused").await;
    assert_eq!(tickets_of(&bridge, "ada").len(), 1);
    assert!(bridge.notes(ticket).last().unwrap().contains("could not be added"), "{:?}", bridge.notes(ticket).last());
    end(bridge, 1).await;
}
