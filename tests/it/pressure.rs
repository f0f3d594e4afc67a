//! Under pressure: order under faults, one conversation's trouble, spent budgets, a Zendesk that refuses the bridge.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tandem::sandbox::server::{Call, Fault, FaultKind};

use crate::inbound::{end, say, ticket_of, tickets_of};
use crate::support::{DEADLINE, TestBridge, json as read_json};

const MANY: u32 = u32::MAX;

/// The statuses as Zendesk writes them.
fn refusal(code: u16) -> FaultKind {
    let body = match code {
        401 => json!({"error": "Couldn't authenticate you"}),
        _ => json!({"error": "Forbidden", "description": "You do not have access to this page."}),
    };
    FaultKind::Status { code, headers: Vec::new(), body: body.to_string() }
}

fn calls(bridge: &TestBridge, method: &str, path: &str) -> Vec<Call> {
    let calls = bridge.sandbox.zendesk.calls();
    calls.into_iter().filter(|call| call.method == method && call.path.contains(path)).collect()
}

/// The customer's lines on a ticket, in order, across all comments.
fn lines(bridge: &TestBridge, ticket: u64) -> Vec<String> {
    let comments = bridge.comments(ticket);
    let lines = comments.iter().flat_map(|comment| comment.lines());
    lines.filter(|line| !line.starts_with('[')).map(str::to_owned).collect()
}

/// Ten customers, each with a ticket; Braze ids by ticket number.
async fn ten(bridge: &TestBridge) -> BTreeMap<u64, String> {
    let mut customers = BTreeMap::new();
    for number in 0..10 {
        let id = format!("c{number}");
        let customer = bridge.customer(&id);
        say(bridge, &customer, "first").await;
        customers.insert(ticket_of(bridge, &id).id, customer);
    }
    customers
}

async fn readiness(bridge: &TestBridge) -> String {
    let response = bridge.http.get(format!("{}/readyz", bridge.public)).send().await.unwrap();
    read_json(response).await.to_string()
}

#[tokio::test]
async fn the_order_of_thirty_texts_holds_whatever_goes_wrong() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    let mut expected = Vec::new();
    let mut struck = 0;
    for number in 0..30 {
        let kinds = [
            FaultKind::LoseAnswer,
            FaultKind::LoseRequest,
            FaultKind::status(409),
            FaultKind::retry_after(429, 7),
            FaultKind::status(503),
            FaultKind::status(504),
        ];
        let what = kinds[bridge.clock.draw_u32() as usize % kinds.len()].clone();
        let method = ["POST", "PUT", "PUT", "GET"][bridge.clock.draw_u32() as usize % 4];
        bridge.sandbox.zendesk.fail(Fault::on(method, "/api/v2/", what));
        struck += 1;
        let text = format!("text {number}");
        bridge.sandbox.phone.text(&customer, &text);
        expected.push(text);
        // Some come in a burst, some after a pause, so that one text never meets all faults: each loss makes the looks for
        // it slower.
        if number % 4 == 3 || bridge.clock.draw_u32() % 3 == 0 {
            bridge.settled().await;
        }
    }
    bridge.settled().await;
    assert_eq!(lines(&bridge, ticket_of(&bridge, "c1").id), expected);
    let failed = bridge.sandbox.zendesk.calls().iter().filter(|call| call.status != Some(200)).count();
    assert!(failed > struck / 2, "the faults struck: {failed} of {struck}");
    end(bridge, 0).await;
}

#[tokio::test]
async fn one_conversation_whose_calls_always_fail_delays_no_other_and_is_given_up_after_a_day() {
    let bridge = TestBridge::start().await;
    let customers = ten(&bridge).await;
    let (broken, _) = customers.iter().nth(2).unwrap();
    bridge
        .sandbox
        .zendesk
        .fail(Fault::on("PUT", &format!("/api/v2/tickets/{broken}"), FaultKind::status(503)).times(MANY));
    for round in ["second", "third"] {
        for customer in customers.values() {
            bridge.sandbox.phone.text(customer, round);
        }
    }
    // Time stands still: no other conversation waits for it.
    let before = bridge.clock.now();
    let done = |ticket: &u64| *ticket == *broken || bridge.comments(*ticket).len() == 3;
    assert!(bridge.sandbox.wait_until(DEADLINE, || customers.keys().all(done)).await, "somebody waits");
    assert_eq!(bridge.clock.now(), before);
    assert_eq!(bridge.comments(*broken), ["first"]);

    bridge
        .until("it is tried again", |bridge| {
            calls(bridge, "PUT", "/api/v2/tickets").iter().filter(|call| call.status == Some(503)).count() >= 5
        })
        .await;
    bridge.clock.advance(SignedDuration::from_hours(24));
    let dead = |all: &[Value]| all.iter().any(|one| one["state"] == "dead");
    let all = bridge.until_deliveries("it is given up", dead).await;
    let dead = all.iter().find(|one| one["state"] == "dead").unwrap();
    assert!(dead["cause"].as_str().unwrap().contains("given up"), "{dead}");
    bridge.sandbox.zendesk.clear_faults();
    bridge.settled().await;
    let told = bridge.sandbox.zendesk.ticket(*broken).unwrap();
    let notes: Vec<_> = told.comments.iter().filter(|comment| !comment.public).collect();
    let dead = bridge.deliveries("state=dead").await.len();
    assert!(dead >= 1 && notes.len() == dead, "each dead text is told: {notes:#?}");
    assert!(notes.iter().all(|note| note.plain_body.contains("could not be added")), "{notes:#?}");
    end(bridge, dead).await;
}

/// A customer on whose ticket all updates of these ten minutes are spent: 31 texts stand there. The ticket and the Braze id.
async fn spent(bridge: &TestBridge, texts: &[String]) -> (u64, String) {
    bridge.sandbox.zendesk.enforce_limits(true);
    let customer = bridge.customer("c1");
    for text in &texts[..31] {
        say(bridge, &customer, text).await;
    }
    let ticket = ticket_of(bridge, "c1").id;
    assert_eq!(bridge.comments(ticket), texts[..31], "idleness makes no batches");
    (ticket, customer)
}

/// The customer texts these, and each is in the store before the next comes, a second later.
async fn text_each(bridge: &TestBridge, customer: &str, texts: &[String]) {
    for text in texts {
        bridge.sandbox.phone.text(customer, text);
        bridge.until("it is taken", |bridge| bridge.sandbox.braze.is_idle()).await;
        bridge.clock.advance(SignedDuration::from_secs(1));
    }
}

/// Waits until `count` deliveries wait for their ticket's budget.
async fn wait_for_budget(bridge: &TestBridge, count: usize) {
    let wait = |all: &[Value]| all.iter().filter(|one| one["state"] == "waiting").count() == count;
    bridge.until_deliveries("they wait for the budget", wait).await;
}

/// Every text is written in order, once; those that waited are in comments of so many texts each.
async fn assert_written(bridge: &TestBridge, ticket: u64, texts: &[String], waited_in: &[usize]) {
    bridge.clock.advance(SignedDuration::from_mins(9));
    bridge.settled().await;
    assert_eq!(lines(bridge, ticket), texts, "all, in order, once");
    let shown = bridge.sandbox.zendesk.ticket(ticket).unwrap();
    let marked = shown.comments[31..].iter().map(|one| one.metadata["custom"]["tandem"].as_array().map_or(0, Vec::len));
    assert_eq!(marked.collect::<Vec<_>>(), waited_in, "each comment is marked with every text in it");
    let merged: Vec<&str> = shown.comments[31..].iter().flat_map(|comment| comment.plain_body.lines()).collect();
    for pair in merged.chunks(2) {
        let time = pair[0].strip_prefix("[12:").and_then(|time| time.strip_suffix(" UTC]"));
        assert!(time.is_some_and(|time| time.len() == 5), "each with its time: {pair:?}");
    }
    let times: Vec<&str> = merged.iter().step_by(2).copied().collect();
    assert!(times.is_sorted() && times.first() != times.last(), "its own: {times:?}");
    assert!(calls(bridge, "PUT", "/api/v2/tickets").iter().all(|call| call.status == Some(200)), "none was refused");
}

#[tokio::test]
async fn when_a_tickets_updates_are_spent_waiting_texts_become_one_comment_in_order() {
    let bridge = TestBridge::start().await;
    let texts: Vec<String> = (0..45).map(|number| format!("text {number}")).collect();
    let (ticket, customer) = spent(&bridge, &texts).await;
    text_each(&bridge, &customer, &texts[31..32]).await;
    wait_for_budget(&bridge, 1).await;
    text_each(&bridge, &customer, &texts[32..]).await;
    assert_eq!(bridge.comments(ticket).len(), 31, "spent");
    assert_written(&bridge, ticket, &texts, &[14]).await;
    end(bridge, 0).await;
}

/// An attempt of theirs may have left its mark, so no other text joins them; a later one is a comment of its own.
#[tokio::test]
async fn texts_that_were_taken_in_hand_together_stay_together_and_alone() {
    let bridge = TestBridge::start().await;
    let texts: Vec<String> = (0..45).map(|number| format!("text {number}")).collect();
    let (ticket, customer) = spent(&bridge, &texts).await;
    let lever = |what: &str| bridge.http.post(format!("{}/api/destinations/zendesk/{what}", bridge.operator)).send();
    assert_eq!(lever("pause").await.unwrap().status(), 200);
    text_each(&bridge, &customer, &texts[31..34]).await;
    assert_eq!(lever("resume").await.unwrap().status(), 200);
    wait_for_budget(&bridge, 3).await;
    text_each(&bridge, &customer, &texts[34..]).await;
    assert_eq!(bridge.comments(ticket).len(), 31, "spent");
    assert_written(&bridge, ticket, &texts, &[3, 11]).await;
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_merged_comment_whose_answer_was_lost_is_not_written_twice() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    let texts: Vec<String> = (0..40).map(|number| format!("text {number}")).collect();
    for text in &texts[..31] {
        say(&bridge, &customer, text).await;
    }
    for text in &texts[31..] {
        bridge.sandbox.phone.text(&customer, text);
    }
    bridge.sandbox.wait_until(DEADLINE, || bridge.sandbox.braze.is_idle()).await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", FaultKind::LoseAnswer));
    bridge.clock.advance(SignedDuration::from_mins(9));
    bridge.settled().await;
    assert_eq!(lines(&bridge, ticket_of(&bridge, "c1").id), texts);
    assert_eq!(bridge.deliveries("state=delivered").await.len(), texts.len());
    end(bridge, 0).await;
}

#[tokio::test]
async fn users_are_saved_at_most_once_a_second() {
    let bridge = TestBridge::start().await;
    bridge.sandbox.zendesk.enforce_limits(true);
    for number in 0..10 {
        let customer = bridge.customer(&format!("c{number}"));
        bridge.sandbox.phone.text(&customer, "hello");
    }
    bridge.settled().await;
    for number in 0..10 {
        ticket_of(&bridge, &format!("c{number}"));
    }
    let saved = calls(&bridge, "POST", "/create_or_update");
    assert_eq!(saved.len(), 10);
    assert!(saved.iter().all(|call| call.status == Some(201)), "Zendesk had to refuse none");
    let apart = |pair: &[Call]| pair[1].at.duration_since(pair[0].at) >= SignedDuration::from_secs(1);
    assert!(saved.windows(2).all(apart), "{:?}", saved.iter().map(|call| call.at).collect::<Vec<_>>());
    let attempts: Vec<Value> = bridge.deliveries("").await.into_iter().map(|one| one["attempts"].clone()).collect();
    assert!(attempts.iter().all(|attempts| *attempts == 1), "waiting for a budget is no attempt: {attempts:?}");
    end(bridge, 0).await;
}

/// Two customers text while Zendesk refuses the bridge, and both texts are written once it does not any more.
async fn while_refused(bridge: &TestBridge, refuse: impl Fn(), accept: impl Fn()) {
    let (one, two) = (bridge.customer("c1"), bridge.customer("c2"));
    say(bridge, &one, "first").await;
    say(bridge, &two, "first").await;
    refuse();
    bridge.sandbox.phone.text(&one, "second");
    let refused = |bridge: &TestBridge| bridge.sandbox.zendesk.calls().iter().any(|call| call.status == Some(401));
    bridge.until("refused", refused).await;
    let paused = |all: &[Value]| all.iter().any(|one| one["state"] == "waiting");
    bridge.until_deliveries("waiting", paused).await;
    bridge.sandbox.phone.text(&two, "second");
    bridge.until("webhooks answered", |bridge| bridge.sandbox.braze.is_idle()).await;
    assert!(readiness(bridge).await.contains("zendesk: refuses the bridge"), "{}", readiness(bridge).await);

    // Ten minutes of refusals give no text up, and Zendesk gets few calls meanwhile.
    let before = bridge.sandbox.zendesk.calls().len();
    let started = bridge.clock.now();
    let passed = |bridge: &TestBridge| bridge.clock.now().duration_since(started) > SignedDuration::from_mins(10);
    bridge.until("ten minutes", passed).await;
    let tried: Vec<Timestamp> = bridge.sandbox.zendesk.calls()[before..].iter().map(|call| call.at).collect();
    assert!((10..=44).contains(&tried.len()), "tried again within a minute each time, and no storm: {}", tried.len());
    let minute = SignedDuration::from_secs(60);
    assert!(tried.windows(2).all(|pair| pair[1].duration_since(pair[0]) <= minute), "{tried:?}");
    for delivery in bridge.deliveries("").await {
        assert!(delivery["attempts"].as_u64().unwrap() <= 1, "nothing counts as an attempt: {delivery}");
    }
    // One that is being sent counts as tried until its answer is known.
    let waiting = bridge.deliveries("").await.into_iter().filter(|one| one["state"] == "waiting");
    assert!(waiting.map(|one| one["attempts"].clone()).all(|attempts| attempts == 0), "nothing counts as an attempt");

    accept();
    let accepted_at = bridge.clock.now();
    bridge
        .until("it flows again", |bridge| ["c1", "c2"].iter().all(|key| ticket_of(bridge, key).comments.len() == 2))
        .await;
    let took = bridge.clock.now().duration_since(accepted_at);
    assert!(took <= minute, "{took}");
    bridge.settled().await;
    assert!(!readiness(bridge).await.contains("zendesk: refuses the bridge"), "{}", readiness(bridge).await);
}

#[tokio::test]
async fn a_zendesk_that_refuses_the_credentials_is_paused_and_everything_flows_when_it_does_not() {
    let bridge = TestBridge::start().await;
    let zendesk = &bridge.sandbox.zendesk;
    let refuse = || {
        let body = json!({"error": "invalid_client", "error_description": "Client authentication failed."}).to_string();
        let refused = FaultKind::Status { code: 401, headers: Vec::new(), body };
        zendesk.fail(Fault::on("POST", "/oauth/tokens", refused).times(MANY));
        zendesk.revoke_tokens();
    };
    while_refused(&bridge, refuse, || zendesk.clear_faults()).await;
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_zendesk_that_refuses_every_call_is_paused_and_everything_flows_when_it_does_not() {
    let bridge = TestBridge::start().await;
    let zendesk = &bridge.sandbox.zendesk;
    let refuse = || zendesk.fail(Fault::on("", "/api/v2/", refusal(401)).times(MANY));
    while_refused(&bridge, refuse, || zendesk.clear_faults()).await;
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_revoked_token_is_renewed_without_a_pause() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    say(&bridge, &customer, "first").await;
    bridge.sandbox.zendesk.revoke_tokens();
    let before = bridge.clock.now();
    bridge.sandbox.phone.text(&customer, "second");
    let written = || ticket_of(&bridge, "c1").comments.len() == 2;
    assert!(bridge.sandbox.wait_until(DEADLINE, written).await, "it waits");
    assert_eq!(bridge.clock.now(), before);
    assert_eq!(calls(&bridge, "POST", "/oauth/tokens").len(), 2);
    end(bridge, 0).await;
}

#[tokio::test]
async fn a_single_ticket_that_is_forbidden_does_not_hold_the_others() {
    let bridge = TestBridge::start().await;
    let customers = ten(&bridge).await;
    let (forbidden, _) = customers.iter().nth(2).unwrap();
    bridge.sandbox.zendesk.fail(Fault::on("PUT", &format!("/api/v2/tickets/{forbidden}"), refusal(403)).times(MANY));
    let started = bridge.clock.now();
    for round in ["second", "third"] {
        for customer in customers.values() {
            bridge.sandbox.phone.text(customer, round);
        }
    }
    let done = |ticket: &u64| *ticket == *forbidden || bridge.comments(*ticket).len() == 3;
    bridge.until("the others have their texts", |_| customers.keys().all(done)).await;
    let took = bridge.clock.now().duration_since(started);
    assert!(took <= SignedDuration::from_mins(3), "{took}");

    // Other texts go through, so the refusal is soon known to be this ticket's alone.
    let mut rounds = 0;
    while bridge.deliveries("state=dead").await.is_empty() {
        rounds += 1;
        assert!(rounds < 10, "it is never given up");
        bridge.sandbox.phone.text(customers.values().next().unwrap(), "more");
        let now = bridge.clock.now();
        let passed = |bridge: &TestBridge| bridge.clock.now().duration_since(now) > SignedDuration::from_secs(40);
        bridge.until("forty seconds", passed).await;
    }
    bridge.sandbox.zendesk.clear_faults();
    let dead = bridge.settled().await.iter().filter(|one| one["state"] == "dead").count();
    let told = bridge.sandbox.zendesk.ticket(*forbidden).unwrap();
    assert!(told.comments.iter().any(|comment| !comment.public && comment.plain_body.contains("403")), "{told:#?}");
    end(bridge, dead).await;
}

#[tokio::test]
async fn a_ticket_that_stays_forbidden_is_given_up_after_a_day_and_told() {
    let bridge = TestBridge::start().await;
    let customer = bridge.customer("c1");
    say(&bridge, &customer, "first").await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets/", refusal(403)).times(MANY));
    bridge.sandbox.phone.text(&customer, "second");
    bridge.until("refused a few times", |bridge| calls(bridge, "PUT", "/api/v2/tickets/").len() >= 3).await;
    assert!(bridge.deliveries("state=dead").await.is_empty(), "not at once: it may be the bridge that is refused");
    bridge.clock.advance(SignedDuration::from_hours(24));
    bridge.until_deliveries("given up", |all| all.iter().any(|one| one["state"] == "dead")).await;
    bridge.sandbox.zendesk.clear_faults();
    bridge.settled().await;
    let ticket = ticket_of(&bridge, "c1");
    let note = ticket.comments.last().unwrap();
    assert!(!note.public && note.plain_body.contains("could not be added"), "{note:#?}");
    say(&bridge, &customer, "third").await;
    assert_eq!(tickets_of(&bridge, "c1").len(), 1);
    assert_eq!(bridge.comments(ticket.id).last().unwrap(), "third");
    end(bridge, 1).await;
}
