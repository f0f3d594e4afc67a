//! `kill -9` at the worst moments: what was acknowledged arrives, once, in order, whole.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tandem::clock::Clock;
use tandem::sandbox::Sandbox;
use tandem::sandbox::sender::{Attempt, AttemptResult};
use tandem::sandbox::server::{Call, Fault, FaultKind};

use crate::oracle::{self, Conversation, Owed, Utterance};
use crate::process::{Bridge, Host, is_accepted, text, tickets_of, until};
use crate::support::start_of_time;

/// Kills in one storm.
const KILLS: usize = 10;

/// Conversations in one storm.
const CUSTOMERS: usize = 5;

/// What a customer writes at most, and at least. With the most, there is always more to happen than the kills wait for.
const TEXTS: std::ops::RangeInclusive<usize> = 4..=30;

/// Longer than any test: whoever waits for the answer is killed first.
const NEVER: FaultKind = FaultKind::Delay(Duration::from_secs(600));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_ten_times_while_webhooks_pour_in_it_loses_nothing_and_doubles_nothing() {
    let seed = Clock::system().draw_u32();
    println!("seed {seed}");
    let lots = Clock::manual(start_of_time(), seed.into());
    // Every start also looks for what webhooks did not bring, while they bring it.
    let mut bridge = Bridge::start_with("catch_up_minutes = 5", "info").await;
    let conversations = (1..=CUSTOMERS).map(|n| format!("customer-{n}")).map(|key| {
        let braze_id = bridge.customer(&key);
        Conversation { key, braze_id, ..Conversation::default() }
    });
    let conversations: Vec<Conversation> = conversations.collect();
    let numbers = AtomicUsize::new(0);
    let over = AtomicBool::new(false);
    let Bridge { sandbox, host, .. } = &mut bridge;
    let pouring = conversations.into_iter().map(|conversation| converse(sandbox, conversation, &numbers, &over));
    let killing = kill_again_and_again(sandbox, host, &lots, &over);
    let (mut conversations, ()) = tokio::join!(join_all(pouring), killing);

    // Zendesk does not repeat what it could not hand over; the next reply brings what went unheard.
    for conversation in &mut conversations {
        let heard = reply(&bridge.sandbox, conversation, &numbers, "This is the last word").await;
        assert!(heard, "the bridge is up, and did not take the webhook");
    }
    bridge.settled().await;
    let faults = oracle::faults(&bridge.sandbox, &conversations, 0);
    assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), CUSTOMERS, "seed {seed}");
    bridge.finish(0).await;
}

/// The customer texts and the agent replies, one after the other, until the killing is over.
async fn converse(
    sandbox: &Sandbox,
    mut conversation: Conversation,
    numbers: &AtomicUsize,
    over: &AtomicBool,
) -> Conversation {
    for n in 1..=*TEXTS.end() {
        if over.load(Ordering::SeqCst) && n > *TEXTS.start() {
            break;
        }
        let tag = oracle::tag(numbers.fetch_add(1, Ordering::SeqCst));
        let words = format!("{tag}{} asks \"{n}\" & more.\nSecond line of {n}: <b>bold</b>", conversation.key);
        text(sandbox, &conversation.braze_id, &words).await;
        conversation.texts.push(Utterance { words, ticket: 0, owed: Owed::Once });
        if n % 2 == 0 && !tickets_of(sandbox, &conversation.key).is_empty() {
            reply(sandbox, &mut conversation, numbers, "This is a reply").await;
        }
    }
    conversation
}

/// The agent replies; whether the bridge has taken the webhook.
async fn reply(sandbox: &Sandbox, conversation: &mut Conversation, numbers: &AtomicUsize, words: &str) -> bool {
    until(sandbox, "the ticket", || !tickets_of(sandbox, &conversation.key).is_empty()).await;
    let ticket = tickets_of(sandbox, &conversation.key)[0].id;
    let tag = oracle::tag(numbers.fetch_add(1, Ordering::SeqCst));
    let comment = sandbox.zendesk.agent_reply(ticket, &format!("{tag}{words},<br>with a 🚚 and \"quoted\"."));
    let words = format!("{tag}{words},\nwith a 🚚 and \"quoted\".");
    conversation.replies.push(Utterance { words, ticket, owed: Owed::Once });
    let names_it = format!("\"comment_id\": \"{comment}\"");
    let tried = || sandbox.zendesk.webhooks_delivered().into_iter().find(|attempt| attempt.body.contains(&names_it));
    until(sandbox, "the webhook of the reply", || tried().is_some()).await;
    tried().is_some_and(|attempt| is_accepted(&attempt.result))
}

/// Kills whenever so many more things have happened on the wire as the lot says, and every other time at the very moment
/// of the next acknowledgement.
async fn kill_again_and_again(sandbox: &Sandbox, host: &mut Host, lots: &Clock, over: &AtomicBool) {
    let happened = || {
        let calls = sandbox.zendesk.calls().len() + sandbox.braze.calls().len();
        calls + sandbox.zendesk.webhooks_delivered().len() + sandbox.braze.webhooks_delivered().len()
    };
    let acknowledged = || {
        let attempts = sandbox.zendesk.webhooks_delivered().into_iter().chain(sandbox.braze.webhooks_delivered());
        attempts.filter(|attempt| is_accepted(&attempt.result)).count()
    };
    for kill in 0..KILLS {
        let goal = happened() + 3 + lots.draw_u32() as usize % 20;
        until(sandbox, "enough to kill for", || happened() >= goal).await;
        if kill % 2 == 1 {
            let before = acknowledged();
            until(sandbox, "an acknowledgement", || acknowledged() > before).await;
        }
        host.kill();
        host.start(sandbox).await;
    }
    over.store(true, Ordering::SeqCst);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_accepting_and_before_delivering_it_delivers_after_the_next_start() {
    let mut bridge = Bridge::start().await;
    let (ada, bob) = (bridge.customer("ada"), bridge.customer("bob"));
    bridge.sandbox.zendesk.fail(Fault::on("", "", NEVER).times(u32::MAX));
    for (customer, words) in [(&ada, "first of ada"), (&bob, "first of bob"), (&ada, "second of ada")] {
        bridge.text(customer, words).await;
    }
    assert!(bridge.sandbox.zendesk.tickets().is_empty(), "nothing is delivered yet");
    bridge.kill_and_start().await;
    bridge.settled().await;
    for (key, words) in [("ada", &["first of ada", "second of ada"][..]), ("bob", &["first of bob"])] {
        let ticket = bridge.ticket_of(key).await;
        let comments = bridge.comments(ticket).join("\n");
        let lines: Vec<&str> = comments.lines().filter(|line| line.contains(" of ")).collect();
        assert_eq!(lines, words);
    }
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 2);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_rang_at_a_dead_bridge_is_found_by_the_next_start() {
    let mut bridge = Bridge::start_with("catch_up_minutes = 5", "info").await;
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Where is my engine?").await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.settled().await;
    bridge.host.kill();
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    let refused = |attempt: &Attempt| attempt.result == AttemptResult::Unreachable;
    let attempts = || bridge.sandbox.zendesk.webhooks_delivered();
    bridge.until("the refused webhook", || bridge.sandbox.zendesk.is_idle() && attempts().iter().any(refused)).await;
    bridge.host.start(&bridge.sandbox).await;
    bridge.until("the reply", || !bridge.texts_to(&ada).is_empty()).await;
    bridge.settled().await;
    assert_eq!(bridge.texts_to(&ada), ["It left today."]);
    bridge.finish(0).await;
}

/// What can become of a call whose maker is killed before it has written down the answer.
const FATES: [FaultKind; 3] = [NEVER, FaultKind::LoseAnswer, FaultKind::LoseRequest];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_opening_a_ticket_there_is_one_ticket_with_one_comment() {
    join_all(FATES.map(|fate| async {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", fate));
        bridge.text(&ada, "Where is my engine?").await;
        let made = |call: &Call| call.method == "POST" && call.path.contains("/api/v2/tickets");
        bridge.until("the call", || bridge.sandbox.zendesk.calls().iter().any(made)).await;
        bridge.kill_and_start().await;
        assert_ticket_reads(bridge, &ada, &["Where is my engine?"]).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_appending_a_comment_it_is_there_once() {
    join_all(FATES.map(|fate| async {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.text(&ada, "Where is my engine?").await;
        bridge.settled().await;
        bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets/", fate));
        bridge.text(&ada, "Are you there?").await;
        let made = |call: &Call| call.method == "PUT";
        bridge.until("the call", || bridge.sandbox.zendesk.calls().iter().any(made)).await;
        bridge.kill_and_start().await;
        assert_ticket_reads(bridge, &ada, &["Where is my engine?", "Are you there?"]).await;
    }))
    .await;
}

/// The one ticket reads so, and the next text goes there as well.
async fn assert_ticket_reads(bridge: Bridge, customer: &str, expected: &[&str]) {
    bridge.settled().await;
    let ticket = bridge.ticket_of("ada").await;
    assert_eq!(bridge.comments(ticket), expected);
    bridge.text(customer, "One more thing.").await;
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket), [expected, &["One more thing."]].concat());
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 1);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_texting_a_reply_it_reaches_the_phone_once() {
    join_all(FATES.map(|fate| async {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.text(&ada, "Where is my engine?").await;
        let ticket = bridge.ticket_of("ada").await;
        bridge.settled().await;
        bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", fate));
        bridge.sandbox.zendesk.agent_reply(ticket, "On its way.<br>Honestly.");
        bridge.until("the call", || sends(&bridge.sandbox) > 0).await;
        bridge.kill_and_start().await;
        bridge.settled().await;
        assert_eq!(bridge.texts_to(&ada), ["On its way.\nHonestly."]);
        bridge.sandbox.zendesk.agent_reply(ticket, "It left.");
        bridge.until("the next reply", || bridge.texts_to(&ada).len() > 1).await;
        bridge.settled().await;
        assert_eq!(bridge.texts_to(&ada), ["On its way.\nHonestly.", "It left."]);
        bridge.finish(0).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_two_parts_of_a_long_reply_each_part_arrives_once() {
    join_all(FATES.map(|fate| async {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.text(&ada, "Tell me everything.").await;
        let ticket = bridge.ticket_of("ada").await;
        bridge.settled().await;
        let words: Vec<String> = (1..=400).map(|n| format!("word{n:03}")).collect();
        for fate in [FaultKind::Delay(Duration::ZERO), fate] {
            bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", fate));
        }
        bridge.sandbox.zendesk.agent_reply(ticket, &words.join(" "));
        bridge.until("the second call", || sends(&bridge.sandbox) == 2).await;
        bridge.kill_and_start().await;
        bridge.settled().await;
        let parts = bridge.texts_to(&ada);
        assert!(parts.len() >= 2, "{parts:?}");
        let arrived = parts.join(" ");
        let arrived: Vec<&str> = arrived.split_whitespace().filter(|word| word.starts_with("word")).collect();
        assert_eq!(arrived, words);
        bridge.finish(0).await;
    }))
    .await;
}

fn sends(sandbox: &Sandbox) -> usize {
    sandbox.braze.calls().iter().filter(|call| call.path == "/campaigns/trigger/send").count()
}
