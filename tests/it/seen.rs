//! Being seen: one id leads through the log from a webhook to its outcome and back, and every number in the book is
//! on the page and moves.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::inbound::say;
use crate::process::{Bridge, shipped};
use crate::support::{DEADLINE, TestBridge, answer, json, settings};

/// A line of the log.
struct Line(Value);

impl Line {
    /// The event that it is about.
    fn id(&self) -> Option<&str> {
        self.0["event_id"].as_str().or_else(|| self.0["span"]["event_id"].as_str())
    }

    /// The event that caused that one.
    fn parent(&self) -> Option<&str> {
        self.0["span"]["parent_id"].as_str()
    }

    fn says(&self, words: &str) -> bool {
        self.0["message"].as_str().unwrap().contains(words)
    }
}

fn log_of(bridge: &Bridge) -> Vec<Line> {
    bridge.host.logged().into_iter().map(|line| Line(serde_json::from_str(&line).unwrap())).collect()
}

/// The claims in the log without a line about their outcome.
fn unfinished(log: &[Line]) -> usize {
    let is_outcome = |line: &&Line| line.says("delivery.") && line.0["outcome"].is_string();
    let claimed = log.iter().filter(|line| line.says("delivery.claimed:")).count();
    claimed.saturating_sub(log.iter().filter(is_outcome).count())
}

/// The beginnings of the log's lines about one event, in order.
fn story(log: &[Line], id: &str) -> Vec<String> {
    let about = log.iter().filter(|line| line.id() == Some(id));
    about.map(|line| line.0["message"].as_str().unwrap().split(" evt_").next().unwrap().to_owned()).collect()
}

/// The only event that the log names as caused by this one.
fn child<'a>(log: &'a [Line], parent: &str) -> &'a str {
    let born: BTreeSet<&str> = log.iter().filter(|l| l.parent() == Some(parent)).filter_map(Line::id).collect();
    assert_eq!(born.len(), 1, "{born:?}");
    born.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_leads_through_the_log_from_the_webhook_to_the_outcome_and_back() {
    let bridge = Bridge::start().await;
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Where is my engine?").await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.settled().await;
    let refused = FaultKind::Status { code: 400, headers: Vec::new(), body: "{}".to_owned() };
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", refused));
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>It left the house today.</p>");
    let deliveries = bridge.settled().await;
    // An outcome is logged once it is recorded, so the last one may still be on its way.
    bridge.until("every claim's outcome in the log", || unfinished(&log_of(&bridge)) == 0).await;
    let log = log_of(&bridge);

    // Forwards: from the customer's text to the ticket.
    let accepted = |endpoint: &str| {
        let line = log.iter().find(|line| line.says("webhook accepted") && line.0["endpoint"] == endpoint);
        line.unwrap().id().unwrap()
    };
    let text = accepted("braze");
    let told = story(&log, text);
    // The answer and the claim follow on the same commit, each in a task of its own.
    let first: BTreeSet<&str> = told.iter().take(2).map(String::as_str).collect();
    assert_eq!(first, BTreeSet::from(["webhook accepted as", "delivery.claimed:"]), "{told:#?}");
    assert!(told.contains(&"call.answered: zendesk POST /api/v2/tickets: 201".to_owned()), "{told:#?}");
    assert!(told.last().unwrap().starts_with("delivery.done:"), "{told:#?}");
    let call = log.iter().find(|line| line.says("POST /api/v2/tickets")).unwrap();
    for (field, value) in [("method", "POST"), ("path", "/api/v2/tickets"), ("vendor", "zendesk")] {
        assert_eq!(call.0[field], value);
    }
    assert!(call.0["status"] == 201 && call.0["duration_ms"].is_u64(), "{}", call.0);

    // From the agent's reply over its text to the phone to the note that tells of its end.
    let doorbell = accepted("zendesk");
    let read = format!("call.answered: zendesk GET /api/v2/tickets/{ticket}/comments: 200");
    assert!(story(&log, doorbell).contains(&read), "{:#?}", story(&log, doorbell));
    let reply = child(&log, doorbell);
    let told = story(&log, reply);
    assert!(told.contains(&"call.answered: braze POST /campaigns/trigger/send: 400".to_owned()), "{told:#?}");
    assert!(told.last().unwrap().starts_with("delivery.reject:"), "{told:#?}");
    let note = child(&log, reply);
    assert!(story(&log, note).last().unwrap().starts_with("delivery.done:"), "{:#?}", story(&log, note));

    // Backwards, from the last outcome to the webhook; the operator's list says the same.
    let parent = |id: &str| log.iter().find(|line| line.id() == Some(id)).unwrap().parent();
    assert_eq!((parent(note), parent(reply), parent(doorbell)), (Some(reply), Some(doorbell), None));
    let listed = deliveries.iter().find(|delivery| delivery["id"] == note).unwrap();
    assert_eq!(listed["parent"], reply);
    bridge.finish(1).await;
}

/// The samples on the page, without their labels: each family's samples with the sum of their values.
async fn page(bridge: &TestBridge) -> (BTreeSet<String>, BTreeMap<String, f64>) {
    let page = json(bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap()).await;
    let page = page.as_str().unwrap().to_owned();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families = types.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let mut samples = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let name = name.split('{').next().unwrap().trim_end_matches("_count").to_owned();
        *samples.entry(name).or_insert(0.0) += value.parse::<f64>().unwrap();
    }
    (families, samples)
}

/// The names of metrics in the book.
fn documented() -> BTreeSet<String> {
    let explained = shipped("docs/metrics.md");
    let words = explained.split('`').filter(|word| word.starts_with("tandem_") || word.starts_with("process_"));
    let names = words.map(|word| word.split(['{', ' ']).next().unwrap().to_owned());
    names.filter(|name| !name.ends_with("tandem_")).collect()
}

/// Metrics that are set at the start, that the test reads on the way, or that move elsewhere only: by a store in trouble
/// (`webhooks`), a clock in trouble (`wrong_clock`), Zendesk's circuit breaker (`heal`), a vendor that does not answer
/// (`waiting`), a fault of the bridge's own (`loops`), the operator (`bulk`) or a customer's pictures (`pictures`).
const UNMOVED: [&str; 13] = [
    "process_start_time_seconds",
    "tandem_backlog_limit",
    "tandem_build_info",
    "tandem_clock_off_seconds",
    "tandem_destination_paused",
    "tandem_destination_paused_by_operator",
    "tandem_destination_unreachable",
    "tandem_loop_restarts_total",
    "tandem_oldest_unsettled_seconds",
    "tandem_pictures_kept_bytes",
    "tandem_pictures_total",
    "tandem_unavailable_total",
    "tandem_webhooks_given_up_total",
];

/// A reply that Currents reports as sent and delivered, and a report of a text that is not the bridge's.
async fn report_of_a_text(bridge: &TestBridge, ticket: u64) {
    bridge.sandbox.braze.turn_currents_on();
    bridge.sandbox.braze.pass_marks_on();
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Goodbye</p>");
    bridge.settled().await;
    let sent = bridge.sandbox.braze.events("sms.Send").remove(0);
    let delivered = bridge.sandbox.braze.event_after(&sent, "sms.Delivery", &json!({}));
    let other = json!({"dispatch_id": "ffffffffffffffffffffffffffffffff"});
    let unbound = bridge.sandbox.braze.event_after(&sent, "sms.Delivery", &other);
    bridge.sandbox.braze.send_batch(&[sent, delivered, unbound]);
    bridge.settled().await;
}

#[tokio::test]
async fn every_number_in_the_book_is_on_the_page_and_moves_when_its_event_happens() {
    let mut bridge = TestBridge::start_from(SandboxOptions::default(), |sandbox, options| {
        let tokens = format!("currents_tokens = [\"{}\"]", options.braze_currents_token);
        let settings = settings(sandbox, options, "", &tokens, "");
        // No server listens there: the alarm is tried, and fails.
        format!("{settings}[alarm]\nurl = \"http://127.0.0.1:9/\"\n")
    })
    .await;
    let (_, before) = page(&bridge).await;
    let customer = bridge.customer("ada");
    for number in 0..31 {
        say(&bridge, &customer, &format!("text {number}")).await;
    }
    let ticket = bridge.sandbox.zendesk.tickets()[0].id;
    // More than Zendesk takes for one ticket in ten minutes, so that the lane waits.
    for number in 31..34 {
        bridge.sandbox.phone.text(&customer, &format!("text {number}"));
    }
    let waits = |all: &[Value]| all.iter().any(|one| one["state"] == "waiting");
    bridge.until_deliveries("a lane that waits", waits).await;
    bridge.clock.advance(SignedDuration::from_mins(9));
    for (body, token) in [
        ("external_id=ada&text=Hi&dispatch=d1", SandboxOptions::default().braze_webhook_token),
        ("external_id=ada&text=Hi&dispatch=d1", SandboxOptions::default().braze_webhook_token),
        ("dispatch=dispatch_id_for_unsent_campaign", SandboxOptions::default().braze_webhook_token),
        ("nonsense", SandboxOptions::default().braze_webhook_token),
        ("nonsense", "wrong".to_owned()),
    ] {
        let request = bridge.http.post(format!("{}/webhooks/braze", bridge.public)).bearer_auth(token);
        answer(request.body(body)).await;
    }
    bridge.settled().await;
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::status(401)));
    let refused = FaultKind::Status { code: 400, headers: Vec::new(), body: "{}".to_owned() };
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello</p>");
    bridge
        .until_deliveries("refused", |all| {
            all.iter().any(|one| one["kind"] == "phone_text" && one["state"] == "waiting")
        })
        .await;
    let (_, paused) = page(&bridge).await;
    assert!(paused["tandem_destination_paused"] > 0.0 && paused["tandem_oldest_unsettled_seconds"] >= 0.0);
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", refused));
    bridge.clock.advance(SignedDuration::from_secs(5));
    let (_, waiting) = page(&bridge).await;
    assert!(waiting["tandem_oldest_unsettled_seconds"] > 0.0);
    bridge.settled().await;
    report_of_a_text(&bridge, ticket).await;
    bridge.clock.advance(SignedDuration::from_mins(11));
    for _ in 0..2 {
        bridge.reload_with(str::to_owned).await;
    }
    let failed = |samples: &BTreeMap<String, f64>| samples["tandem_alarms_total"] > 0.0;
    let (mut families, mut after) = page(&bridge).await;
    let started = tokio::time::Instant::now();
    let moves = ["tandem_receipts_total", "tandem_reports_unbound"];
    let bound = |samples: &BTreeMap<String, f64>| moves.iter().all(|name| samples[*name] > 0.0);
    while !failed(&after) || after["tandem_config_reloads_total"] < 2.0 || !bound(&after) {
        assert!(started.elapsed() < DEADLINE, "no alarm, no reload or no receipt: {after:#?}");
        bridge.clock.advance(SignedDuration::from_secs(1));
        (families, after) = page(&bridge).await;
    }
    assert_eq!(documented(), families, "the book's table and the page");
    for name in families.iter().filter(|name| !UNMOVED.contains(&name.as_str())) {
        let was = before.get(name).copied().unwrap_or(0.0);
        assert!(after[name] > was, "{name} does not move: {was} and {}", after[name]);
    }
    assert!(before["process_start_time_seconds"] > 1.7e9 && before["tandem_build_info"] == 1.0);
    bridge.stop().await;
}

/// The reader of the log may be gone; the bridge serves on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let bridge = Bridge::at_rest("catch_up_minutes = 0", "", "info", Duration::from_millis(200)).await;
    let mut serve = tokio::process::Command::from(bridge.host.serve());
    let mut serve = serve.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut log = BufReader::new(serve.stderr.take().unwrap()).lines();
    let started = loop {
        let line = log.next_line().await.unwrap().expect("it starts");
        if line.contains("tandem.started") {
            break serde_json::from_str::<Value>(&line).unwrap();
        }
    };
    drop(log);
    bridge.sandbox.connect(&format!("http://{}", started["public"].as_str().unwrap()));
    let ada = bridge.customer("ada");
    bridge.text(&ada, "is anybody there?").await;
    bridge.ticket_of("ada").await;
    assert_eq!(serve.try_wait().unwrap(), None, "it still runs");
}
