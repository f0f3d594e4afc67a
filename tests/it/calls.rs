//! The bridge's calls under Zendesk's rate limit, counted on the embedded Zendesk; and that it saves no call at the cost
//! of a reply.

use jiff::SignedDuration;
use tandem::sandbox::zendesk::TicketStatus;

use crate::support::{DEADLINE, QUIET, TestBridge};

const SEARCH: &str = "GET /api/v2/search";

/// The calls to Zendesk's API so far, those for tokens apart.
fn spent(bridge: &TestBridge) -> Vec<String> {
    let calls = bridge.sandbox.zendesk.calls().into_iter().filter(|call| call.path.starts_with("/api/"));
    calls.map(|call| format!("{} {}", call.method, call.path)).collect()
}

/// Lets this many minutes of silence go by, in which the bridge looks at least `looks` times, and returns its calls.
async fn silence(bridge: &TestBridge, minutes: usize, looks: usize) -> Vec<String> {
    let before = spent(bridge).len();
    let searches = |bridge: &TestBridge| spent(bridge)[before..].iter().filter(|call| *call == SEARCH).count();
    for _ in 0..minutes {
        bridge.clock.advance(SignedDuration::from_mins(1));
        // Time for a look, which holds no delivery that could be waited for.
        bridge.sandbox.wait_until(QUIET, || false).await;
        bridge.settled().await;
    }
    bridge.until("the looks", |bridge| searches(bridge) >= looks).await;
    bridge.settled().await;
    spent(bridge).split_off(before)
}

/// The calls that are made until everything has settled.
async fn spent_on(bridge: &TestBridge, what: impl FnOnce(&TestBridge)) -> Vec<String> {
    let before = spent(bridge).len();
    what(bridge);
    bridge.settled().await;
    spent(bridge).split_off(before)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_texts_and_five_replies_cost_the_catch_up_no_reading() {
    let bridge = TestBridge::start_with("catch_up_minutes = 5", "").await;
    for number in 0..10 {
        let (ticket, _) = bridge.talking(&format!("c{number}")).await;
        if number % 2 == 0 {
            bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello yourself</p>");
        }
    }
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 5);
    let spent = silence(&bridge, 17, 3).await;
    assert!(spent.len() <= 12, "{} calls: {spent:#?}", spent.len());
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_conversations_that_changed_lately_leave_the_catch_up_at_rest() {
    let bridge = TestBridge::start_with("catch_up_minutes = 1", "").await;
    for number in 0..100 {
        let customer = bridge.customer(&format!("c{number}"));
        bridge.sandbox.phone.text(&customer, "Hello");
    }
    bridge.settled().await;
    for ticket in bridge.sandbox.zendesk.tickets() {
        bridge.sandbox.zendesk.agent_reply(ticket.id, "<p>Hello yourself</p>");
    }
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 100);
    let spent = silence(&bridge, 8, 6).await;
    let looks = spent.iter().filter(|call| *call == SEARCH).count();
    assert!(spent.len() <= 5 * looks, "{} calls in {looks} looks: {spent:#?}", spent.len());
    bridge.finish(0).await;
}

/// Whether Zendesk's count of a ticket's comments holds the internal ones is not documented; the embedded one counts them.
#[tokio::test(flavor = "multi_thread")]
async fn an_internal_note_that_was_read_costs_nothing_when_the_ticket_changes_again() {
    let bridge = TestBridge::start_with("catch_up_minutes = 5", "").await;
    let (ticket, customer) = bridge.talking("ada").await;
    let read = format!("GET /api/v2/tickets/{ticket}/comments");
    let _note = bridge.sandbox.zendesk.agent_note(ticket, "<p>between us</p>");
    assert!(silence(&bridge, 17, 3).await.contains(&read));
    // Looks that the clock of the test has hurried past one another.
    silence(&bridge, 17, 3).await;
    let spent = silence(&bridge, 17, 3).await;
    assert!(!spent.contains(&read), "{spent:#?}");
    bridge.sandbox.phone.text(&customer, "Still there?");
    bridge.settled().await;
    let spent = silence(&bridge, 17, 3).await;
    assert!(!spent.contains(&read), "{spent:#?}");
    bridge.sandbox.zendesk.open_circuit(true);
    let _reply = bridge.sandbox.zendesk.agent_reply(ticket, "<p>yes</p>");
    silence(&bridge, 6, 1).await;
    assert_eq!(bridge.texts(), ["yes"], "and a lost reply is still found");
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_written_beside_a_reply_whose_webhook_was_lost_does_not_hide_the_reply() {
    let bridge = TestBridge::start_with("catch_up_minutes = 5", "").await;
    bridge.sandbox.zendesk.close_log(403);
    let (ticket, customer) = bridge.talking("ada").await;
    silence(&bridge, 6, 1).await;
    bridge.sandbox.zendesk.open_circuit(true);
    let stands = |text: &'static str| {
        let bridge = &bridge;
        move || bridge.comments(ticket).iter().any(|comment| comment == text)
    };
    // All in one second, and the bridge's own write last.
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>before</p>");
    bridge.sandbox.phone.text(&customer, "one");
    assert!(bridge.sandbox.wait_until(DEADLINE, stands("one")).await);
    bridge.settled().await;
    silence(&bridge, 6, 1).await;
    assert_eq!(bridge.texts(), ["before"]);
    // The bridge's own write first.
    bridge.sandbox.phone.text(&customer, "two");
    assert!(bridge.sandbox.wait_until(DEADLINE, stands("two")).await);
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>after</p>");
    bridge.settled().await;
    silence(&bridge, 6, 1).await;
    assert_eq!(bridge.texts(), ["before", "after"]);
    // Seconds before, between two writes of the bridge.
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>between</p>");
    bridge.clock.advance(SignedDuration::from_secs(5));
    bridge.sandbox.phone.text(&customer, "three");
    bridge.settled().await;
    silence(&bridge, 6, 1).await;
    assert_eq!(bridge.texts(), ["before", "after", "between"]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_a_known_ticket_costs_one_call_also_after_ten_minutes_of_silence() {
    let bridge = TestBridge::start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    let write = format!("PUT /api/v2/tickets/{ticket}");
    let text = |words: &'static str| {
        let customer = customer.clone();
        move |bridge: &TestBridge| drop(bridge.sandbox.phone.text(&customer, words))
    };
    assert_eq!(spent_on(&bridge, text("at once")).await, [write.as_str()]);
    bridge.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(spent_on(&bridge, text("after our own text")).await, [write.as_str()]);
    let reply = |bridge: &TestBridge| {
        let _comment = bridge.sandbox.zendesk.agent_reply(ticket, "<p>yes</p>");
    };
    assert_eq!(spent_on(&bridge, reply).await, [format!("GET /api/v2/tickets/{ticket}/comments")]);
    bridge.clock.advance(SignedDuration::from_hours(30));
    assert_eq!(spent_on(&bridge, text("after a reply")).await, [write.as_str()]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_changed_in_silence_is_read_before_it_is_written_on() {
    let bridge = TestBridge::start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    let (write, read) = (format!("PUT /api/v2/tickets/{ticket}"), format!("GET /api/v2/tickets/{ticket}"));
    bridge.clock.advance(SignedDuration::from_mins(11));
    bridge.sandbox.zendesk.set_tags(ticket, &["sms", "vip"]);
    let text = |words: &'static str| {
        let customer = customer.clone();
        move |bridge: &TestBridge| drop(bridge.sandbox.phone.text(&customer, words))
    };
    let spent = spent_on(&bridge, text("still there?")).await;
    assert_eq!(spent, [write.clone(), read.clone(), write.clone()], "refused, read, written");
    assert_eq!(bridge.comments(ticket), ["Hello", "still there?"]);
    // The webhook of the solution carries no time, so the bridge reads the ticket first at once.
    bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    bridge.settled().await;
    bridge.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(spent_on(&bridge, text("one more thing")).await, [read, write]);
    assert_eq!(bridge.sandbox.zendesk.ticket(ticket).unwrap().status, TicketStatus::Open);
    bridge.finish(0).await;
}
