//! The operator's orders: many deliveries moved at once, a customer forgotten, a destination paused, and the audit of it.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tandem::clock::Clock;
use tandem::domain::account::{End, Ends};
use tandem::domain::delivery::{StateName, Transition};
use tandem::domain::event::{AgentReply, CommentId, Event, EventKind, TicketId};
use tandem::http::{OperatorState, operator_router};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Archive, Control, Inbox, Queue, Store, StoreLimits, Terms, Verdict};
use tandem::telemetry::{Metrics, Readiness};

use crate::process::{Bridge, Said, assert_discreet, run, tandem};
use crate::support::{TestBridge, answer, start_of_time};
use crate::webhooks::{assert_accepted, braze_post, form, intake_options, quiet_bridge, untouched};

async fn get(bridge: &TestBridge, path: &str) -> Value {
    let (status, body) = answer(bridge.http.get(format!("{}{path}", bridge.operator))).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn post(bridge: &TestBridge, path: &str) -> (u16, Value) {
    answer(bridge.http.post(format!("{}{path}", bridge.operator)).header("X-Tandem-By", "ada")).await
}

// ------------------------------------------------------------------------------------------------------------- many

/// How many, on how many tickets. A bench has the figure for 100,000.
const MANY: u64 = 20_000;
const TICKETS: u64 = 500;

/// Fills the store with [`MANY`] dead doorbells, each ticket's in the order of their comments.
async fn with_dead_letters(store: &SledStore) {
    let now = start_of_time();
    for comment in 0..MANY / TICKETS {
        let accepted = (1..=TICKETS).map(|ticket| {
            let reply = AgentReply {
                ticket_id: TicketId(ticket),
                comment_id: Some(CommentId(comment)),
                external_user_id: None,
                requester_id: None,
                caught_up: None,
            };
            let event = Event { received_at: now, kind: EventKind::AgentReply(reply) };
            store.accept(event, Ends::FIRST.into(), Vec::new(), now)
        });
        assert!(join_all(accepted).await.iter().all(Result::is_ok));
    }
    let kill = Transition::GiveUp { cause: "422 from Zendesk".into() };
    loop {
        let claims = store
            .claim(Ends::FIRST.routes()[1], now, Terms::merging(1), usize::try_from(TICKETS).unwrap())
            .await
            .unwrap();
        if claims.is_empty() {
            return;
        }
        let recorded = claims.iter().map(|claim| {
            let moves = vec![(claim.work[0].delivery.id, kill.clone())];
            store.record(claim, Verdict { moves, ..Verdict::default() }, now)
        });
        join_all(recorded).await.into_iter().for_each(Result::unwrap);
    }
}

/// The address of the operator's router over a store without a worker.
pub(crate) async fn operator_over(store: Arc<dyn Store>) -> String {
    let router = operator_router(OperatorState {
        store,
        intake: intake_options(),
        clock: Clock::manual(start_of_time(), 3),
        metrics: Arc::new(Metrics::default()),
        inbound: untouched(),
        readiness: Arc::new(Readiness::default()),
        roster: tokio::sync::watch::channel(Arc::default()).1,
        console: Default::default(),
        accounts: Arc::new([(Ends::FIRST.desk, End::Desk), (Ends::FIRST.carrier, End::Carrier)].into()),
        lines: Arc::default(),
        gsm7: Arc::default(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_dead_letters_go_back_each_lane_in_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let store = SledStore::open(directory.path(), StoreLimits::default(), 7, start_of_time()).await.unwrap();
    with_dead_letters(&store).await;
    let store = Arc::new(store);
    let url = operator_over(Arc::<SledStore>::clone(&store)).await;
    let said = run(tandem(&["deliveries", "redrive", "--dead", "--by", "ada", "--json", "--url", &url])).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json(), json!({ "total": MANY, "moved": MANY, "refused": 0, "reasons": [] }));
    let told: Vec<&str> = said.err.lines().collect();
    assert!(told.len() == 1 && told[0].ends_with("of 20000 put back"), "a line now and then: {told:?}");

    let counts = store.counts();
    assert_eq!((counts.of(StateName::Dead), counts.of(StateName::Pending)), (0, MANY));
    let mut last = vec![None; 1 + usize::try_from(TICKETS).unwrap()];
    let mut seen = 0;
    loop {
        let claims = store
            .claim(Ends::FIRST.routes()[1], start_of_time(), Terms::merging(1), usize::try_from(TICKETS).unwrap())
            .await
            .unwrap();
        if claims.is_empty() {
            break;
        }
        let recorded = claims.iter().map(|claim| {
            let EventKind::AgentReply(reply) = &claim.work[0].event.kind else { panic!("a doorbell") };
            let last = &mut last[usize::try_from(reply.ticket_id.0).unwrap()];
            assert!(*last < reply.comment_id, "ticket {} is out of order", reply.ticket_id);
            *last = reply.comment_id;
            seen += 1;
            let moves = vec![(claim.work[0].delivery.id, Transition::Deliver { receipt: "r".into() })];
            store.record(claim, Verdict { moves, ..Verdict::default() }, start_of_time())
        });
        join_all(recorded).await.into_iter().for_each(Result::unwrap);
    }
    assert_eq!(seen, MANY, "each once");
    let audit = run(tandem(&["audit", "--json", "--url", &url])).await.json();
    assert_eq!((&audit["total"], &audit["items"][0]["count"]), (&json!(1), &json!(MANY)), "one order: {audit}");
    store.close().await;
}

#[tokio::test]
async fn a_doorbell_waits_for_the_desk_and_its_text_for_the_carrier() {
    let bridge = quiet_bridge().await;
    let ada = bridge.customer("ada");
    bridge.sandbox.phone.text(&ada, "hello");
    bridge.settled().await;
    let ticket = bridge.sandbox.zendesk.tickets()[0].id;
    let of = |all: &[Value], kind: &str, state: &str, account: &str| {
        let is_it = |one: &&Value| one["kind"] == kind && one["state"] == state && one["destination"] == account;
        all.iter().filter(is_it).count()
    };
    post(&bridge, "/api/destinations/braze/pause").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>one</p>");
    bridge
        .until_deliveries("the reply was read, and its text waits", |all| {
            of(all, "agent_reply", "delivered", "zendesk") == 1 && of(all, "phone_text", "pending", "braze") == 1
        })
        .await;
    post(&bridge, "/api/destinations/zendesk/pause").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>two</p>");
    let waits = |all: &[Value]| of(all, "agent_reply", "pending", "zendesk") == 1;
    bridge.until_deliveries("the doorbell waits", waits).await;
    post(&bridge, "/api/destinations/braze/resume").await;
    bridge.until("the first text", |bridge| bridge.texts() == ["one"]).await;
    assert!(waits(&bridge.until_deliveries("it still waits", waits).await));
    post(&bridge, "/api/destinations/zendesk/resume").await;
    bridge.until("both in order", |bridge| bridge.texts() == ["one", "two"]).await;
    bridge.settled().await;
}

#[tokio::test]
async fn dead_letters_arrive_in_order_once_their_cause_is_gone() {
    let bridge = quiet_bridge().await;
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::status(422)).times(6));
    for (customer, words) in [("ada", "one"), ("bob", "first"), ("ada", "two"), ("bob", "second"), ("ada", "three")] {
        let body = form(&[("external_id", customer), ("text", words)]);
        assert_accepted(&answer(braze_post(&bridge, &body)).await);
    }
    bridge.settled().await;
    bridge.sandbox.zendesk.clear_faults();
    let (status, step) = post(&bridge, "/api/deliveries/redrive?state=dead").await;
    assert_eq!((status, &step["moved"], &step["refused"], &step["next"]), (200, &json!(5), &json!([]), &Value::Null));
    bridge.settled().await;
    let of = |customer: &str| {
        let tickets = bridge.sandbox.zendesk.tickets();
        let ticket = tickets.into_iter().find(|ticket| ticket.external_id.as_deref() == Some(customer)).unwrap();
        bridge.comments(ticket.id)
    };
    assert_eq!(
        (of("ada"), of("bob")),
        (vec!["one".into(), "two".into(), "three".into()], vec!["first".into(), "second".into()])
    );
    bridge.finish(0).await;
}

#[tokio::test]
async fn unreadable_bodies_are_read_again_all_at_once_when_they_can_be() {
    let mut bridge = quiet_bridge().await;
    // A team whose user field has another name than the configuration says.
    let body = |field: &str, words: &str| {
        json!({"ticket": {"comment": {"body": words}, "requester": {"user_fields": {field: "ada"}}}}).to_string()
    };
    for body in [body("loyalty_id", "one"), body("other_id", "never"), body("loyalty_id", "two")] {
        answer(bridge.as_braze(reqwest::Method::POST, "/api/v2/tickets.json", &body)).await;
    }
    bridge.restart_with(|settings| settings.replace("[zendesk]", "[zendesk]\nuser_field = \"loyalty_id\"")).await;
    let (status, step) = post(&bridge, "/api/deliveries/redrive?state=quarantined").await;
    assert_eq!((status, &step["moved"]), (200, &json!(2)), "{step}");
    let refused = step["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 1, "{step}");
    assert!(refused[0]["reason"].as_str().unwrap().contains("still cannot be read"), "{step}");
    bridge.settled().await;
    assert_eq!(bridge.comments(1), ["one", "two"], "in the order in which they came");
    let audit = get(&bridge, "/api/audit").await;
    assert_eq!((&audit["items"][0]["action"], &audit["total"]), (&json!("redrive"), &json!(1)), "{audit}");
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_order_over_many_that_makes_no_sense_moves_nothing() {
    let bridge = quiet_bridge().await;
    answer(braze_post(&bridge, "nonsense")).await;
    for (path, body) in [
        ("/api/deliveries/redrive", ""),
        ("/api/deliveries/redrive?state=delivered", ""),
        ("/api/deliveries/redrive?state=pending", ""),
        ("/api/deliveries/redrive?state=quarantined&accepted_by=yesterday", ""),
        ("/api/deliveries/redrive?states=quarantined", ""),
        ("/api/deliveries/discard?state=quarantined", ""),
        ("/api/deliveries/discard?state=sending", r#"{"reason":"x"}"#),
        ("/api/deliveries/discard", r#"{"reason":"x"}"#),
        ("/api/conversation/forget", ""),
        ("/api/audit?after=x", ""),
    ] {
        let method = if path.contains("audit") { reqwest::Method::GET } else { reqwest::Method::POST };
        let request = bridge.http.request(method, format!("{}{path}", bridge.operator)).body(body.to_owned());
        let (status, said) = answer(request).await;
        assert_eq!((status, said["error"].is_string()), (400, true), "{path}: {said}");
    }
    for by in ["Ada Lovelace", "ada@acme.com", "+15555550101", ""] {
        let url = format!("{}/api/destinations/braze/pause", bridge.operator);
        let (status, said) = answer(bridge.http.post(url).header("X-Tandem-By", by)).await;
        assert_eq!(status, 400, "{by}: {said}");
    }
    let (status, body) = post(&bridge, "/api/destinations/twilio/pause").await;
    let problem = body["error"].as_str().unwrap();
    assert!(status == 404 && problem.ends_with("there are zendesk, braze"), "{status}: {body}");
    assert_eq!(post(&bridge, "/api/conversation/forget?key=nobody").await.0, 404);
    assert_eq!(get(&bridge, "/api/audit").await, json!({ "items": [], "total": 0, "next": null }));
    assert_eq!(get(&bridge, "/api/deliveries?state=quarantined").await["total"], 1);
    bridge.finish(0).await;
}

// ------------------------------------------------------------------------------------------------------------ pause

#[tokio::test]
async fn a_paused_destination_gets_no_call_and_loses_nothing_also_over_a_restart() {
    let mut bridge = TestBridge::start_with("catch_up_minutes = 1", "").await;
    let (ticket, customer) = bridge.talking("ada").await;
    let (status, paused) = post(&bridge, "/api/destinations/zendesk/pause").await;
    assert_eq!((status, &paused["paused"], &paused["by"]), (200, &json!(true), &json!("ada")), "{paused}");
    let before = bridge.sandbox.zendesk.calls().len();

    bridge.sandbox.phone.text(&customer, "Are you there?");
    // Both lanes need Zendesk: the reply has to be read from the ticket.
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Here I am</p>");
    for _ in 0..2 {
        // One that was claimed just before the pause is put back without a call.
        let is_at_rest = |one: &&Value| one["settled_at"].is_null() && one["state"] != "sending";
        let both = |all: &[Value]| all.iter().filter(is_at_rest).count() == 2;
        let waiting = bridge.until_deliveries("both taken in", both).await;
        // Some rounds of the catch-up, too.
        bridge.clock.advance(jiff::SignedDuration::from_mins(10));
        bridge.sandbox.wait_until(std::time::Duration::from_millis(50), || false).await;
        assert_eq!(bridge.sandbox.zendesk.calls().len(), before, "no call");
        for delivery in waiting.iter().filter(|delivery| delivery["settled_at"].is_null()) {
            assert_eq!(delivery["attempts"], 0, "{delivery}");
        }
        let ready = answer(bridge.http.get(format!("{}/readyz", bridge.public))).await;
        assert_eq!((ready.0, &ready.1["status"]), (200, &json!("ready")), "webhooks are taken all the while");
        let note = ready.1["notes"][0].as_str().unwrap().to_owned();
        assert!(note.starts_with("zendesk: paused by the operator since 2026-11-21T"), "{note}");
        let page = bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap().text().await.unwrap();
        for line in [
            "tandem_destination_paused_by_operator{destination=\"zendesk\"} 1",
            "tandem_destination_paused_by_operator{destination=\"braze\"} 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not on the page:\n{page}");
        }
        bridge.stop().await;
        bridge.run().await;
    }
    let (status, resumed) = post(&bridge, "/api/destinations/zendesk/resume").await;
    assert_eq!((status, &resumed["paused"]), (200, &json!(false)));
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Here I am"]);
    assert_eq!(
        bridge.comments(ticket)[1..].len(),
        2,
        "the text, and the agent's own reply: {:?}",
        bridge.comments(ticket)
    );
    let audit = get(&bridge, "/api/audit?limit=1").await;
    assert_eq!(
        (&audit["items"][0]["action"], &audit["items"][0]["destination"]),
        (&json!("resume"), &json!("zendesk"))
    );
    let next = audit["next"].as_str().unwrap();
    let rest = get(&bridge, &format!("/api/audit?after={next}")).await;
    assert_eq!(
        (&rest["items"][0]["action"], &rest["total"], &rest["next"]),
        (&json!("pause"), &json!(2), &Value::Null)
    );
    bridge.finish(0).await;
}

/// The end of a pause comes by the bridge's own clock, while it runs and while it does not.
#[tokio::test]
async fn a_pause_ends_by_itself_at_its_time_also_when_the_bridge_was_down() {
    for is_down in [false, true] {
        let mut bridge = quiet_bridge().await;
        let (ticket, _) = bridge.talking("ada").await;
        let until = bridge.clock.now() + jiff::SignedDuration::from_hours(2);
        let body = json!({ "reason": "the campaign is being changed", "until": until }).to_string();
        let url = format!("{}/api/destinations/braze/pause", bridge.operator);
        let (status, paused) = answer(bridge.http.post(&url).body(body.clone())).await;
        assert_eq!((status, &paused["until"]), (200, &json!(until)), "{paused}");
        assert_eq!(paused["reason"], "the campaign is being changed");
        let (_, endless) = answer(bridge.http.post(&url)).await;
        let reason = &paused["reason"];
        assert_eq!(
            (&endless["until"], &endless["reason"]),
            (&Value::Null, reason),
            "a body left out takes the end away"
        );
        let (_, again) = answer(bridge.http.post(&url).body(body)).await;
        assert_eq!(again, paused, "and the first order gives it back");
        for body in [
            json!({ "until": "2020-01-01T00:00:00Z" }),
            json!({ "until": "tonight" }),
            json!({ "unitl": until }),
            json!({ "reason": "x".repeat(201) }),
        ] {
            assert_eq!(answer(bridge.http.post(&url).body(body.to_string())).await.0, 400, "{body}");
        }
        bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello</p>");
        bridge
            .until_deliveries("the reply waits", |deliveries| {
                deliveries.iter().any(|delivery| delivery["settled_at"].is_null())
            })
            .await;
        let page = bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("tandem_destination_paused_by_operator{destination=\"braze\"} 1"), "{page}");
        if is_down {
            bridge.stop().await;
        }
        assert_eq!(bridge.texts(), Vec::<String>::new(), "it is paused");
        bridge.clock.advance(jiff::SignedDuration::from_hours(3));
        if is_down {
            bridge.run().await;
        }
        bridge.settled().await;
        assert_eq!(bridge.texts(), ["Hello"]);
        let audit = get(&bridge, "/api/audit?limit=1").await;
        let newest = &audit["items"][0];
        assert_eq!((&newest["action"], &newest["access"]), (&json!("resume"), &json!("bridge")), "{audit}");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn resuming_does_not_make_a_vendor_let_the_bridge_in() {
    let bridge = quiet_bridge().await;
    let (ticket, _) = bridge.talking("ada").await;
    post(&bridge, "/api/destinations/braze/pause").await;
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::status(401)).times(2));
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello</p>");
    bridge.until("the webhook answered", |bridge| bridge.sandbox.zendesk.is_idle()).await;
    assert!(bridge.sends().is_empty(), "it is paused");
    post(&bridge, "/api/destinations/braze/resume").await;
    bridge.until("a refused text", |bridge| !bridge.sends().is_empty()).await;
    let refused = bridge
        .until_deliveries("the text put back", |deliveries| {
            deliveries.iter().any(|delivery| delivery["kind"] == "phone_text" && delivery["state"] == "waiting")
        })
        .await;
    assert!(refused.iter().all(|delivery| delivery["state"] != "dead"));
    // The operator's own pause over the vendor's refusal, and away again: the refusal stands.
    for action in ["pause", "resume"] {
        let (_, standing) = post(&bridge, &format!("/api/destinations/braze/{action}")).await;
        assert!(standing["refused"].as_str().unwrap().starts_with("Braze answered "), "{action}: {standing}");
    }
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello"]);
    let standing = get(&bridge, "/api/destinations").await;
    let held = |name: &str| {
        json!({
            "destination": name, "paused": false, "since": null, "by": null, "reason": null, "until": null, "refused": null,
        })
    };
    assert_eq!(standing, json!({ "items": [held("zendesk"), held("braze")], "total": 2, "next": null }));
    bridge.finish(0).await;
}

// ----------------------------------------------------------------------------------------------------------- forget

#[tokio::test]
async fn who_was_forgotten_and_texts_again_is_new_to_the_bridge_and_known_to_zendesk() {
    let bridge = quiet_bridge().await;
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.talking("bob").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello yourself</p>");
    bridge.settled().await;
    post(&bridge, "/api/destinations/zendesk/pause").await;
    bridge.sandbox.phone.text(&customer, "Never mind");
    bridge.until("the webhook answered", |bridge| bridge.sandbox.braze.is_idle()).await;
    let (status, forgotten) = post(&bridge, "/api/conversation/forget?key=ada").await;
    assert_eq!((status, &forgotten["complete"], &forgotten["waiting"]), (200, &json!(true), &json!(1)), "{forgotten}");
    post(&bridge, "/api/destinations/zendesk/resume").await;
    bridge.settled().await;
    assert!(bridge.comments(ticket).iter().all(|comment| comment != "Never mind"), "what waited is not sent");
    let known: Vec<_> = bridge.conversations().await.into_iter().map(|known| known["key"].clone()).collect();
    assert_eq!(known, ["bob"]);
    assert!(bridge.deliveries("").await.iter().all(|delivery| delivery["conversation"] == "bob"));

    bridge.sandbox.phone.text(&customer, "Hello again");
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket).last().map(String::as_str), Some("Hello again"), "found by its external id");
    bridge.finish(0).await;
}

// --------------------------------------------------------------------------------------------------------- commands

fn ok(said: Said) -> Said {
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_pauses_drops_forgets_and_reads_who_did_what() {
    let bridge = Bridge::start().await;
    let customer = bridge.customer("ada-lovelace");
    bridge.text(&customer, "Where is my engine?").await;
    bridge.settled().await;
    let pause = ["destinations", "pause", "zendesk", "--by", "grace"];
    let unsaid = bridge.host.ask(&pause).await;
    assert!(unsaid.code == 2 && unsaid.err.contains("--reason"), "{unsaid:?}");
    let over = bridge.host.ask(&[&pause[..], &["--reason", "x", "--until", "2020-01-01T00:00:00Z"]].concat()).await;
    assert!(over.code == 2 && over.err.contains("must lie ahead"), "{over:?}");
    let why = "maintenance, asked for by Lord Byron";
    let paused = ok(bridge.host.ask(&[&pause[..], &["--reason", why]].concat()).await).out;
    assert!(paused.starts_with("zendesk is paused since 20") && paused.ends_with("until it is resumed"), "{paused}");
    let paused = ok(bridge
        .host
        .ask(&[&pause[..], &["--reason", why, "--until", "2099-01-15T09:30:00Z", "--utc"]].concat())
        .await)
    .out;
    let since = paused.strip_prefix("zendesk is paused since ").unwrap();
    let (since, until) = since.split_once(", until ").unwrap();
    assert_eq!((since.len(), until), ("2099-01-15 09:30:00Z".len(), "2099-01-15 09:30:00Z"), "{paused}");
    let paused = ok(bridge.host.ask(&[&pause[..], &["--reason", why, "--until", "2h"]].concat()).await).out;
    assert!(paused.contains(", until 20"), "{paused}");
    let listed = ok(bridge.host.ask(&["destinations", "list"]).await).out;
    assert!(listed.contains("zendesk") && listed.contains("2 of 2 shown") && listed.contains(why), "{listed}");
    for words in ["One thing more", "And another"] {
        bridge.text(&customer, words).await;
    }
    let drop_all = ["deliveries", "discard", "--state", "pending", "--reason", "told by phone", "--by", "grace"];
    let dropped = ok(bridge.host.ask(&drop_all).await).out;
    assert_eq!(dropped, "2 dropped of 2");
    let nothing = ok(bridge.host.ask(&["deliveries", "redrive", "--dead", "--json"]).await).json();
    assert_eq!(nothing, json!({ "total": 0, "moved": 0, "refused": 0, "reasons": [] }));

    let forgotten = ok(bridge.host.ask(&["conversations", "forget", "ada-lovelace", "--by", "grace"]).await).out;
    assert!(forgotten.contains("      3  deliveries that were over erased"), "{forgotten}");
    assert!(forgotten.contains("What this does not reach:"), "{forgotten}");
    let again = bridge.host.ask(&["conversations", "forget", "ada-lovelace"]).await;
    assert_eq!((again.code, again.out.as_str()), (1, ""), "{again:?}");
    assert_eq!(ok(bridge.host.ask(&["destinations", "resume", "zendesk"]).await).out, "zendesk is not paused");

    let audit = ok(bridge.host.ask(&["audit", "--json"]).await).json();
    let done: Vec<_> = audit["items"].as_array().unwrap().iter().map(|item| (&item["action"], &item["by"])).collect();
    let (grace, nobody) = (json!("grace"), Value::Null);
    let [resume, forget, discard, pause] = ["resume", "forget", "discard", "pause"].map(Value::from);
    assert_eq!(
        done,
        [
            (&resume, &nobody),
            (&forget, &grace),
            (&discard, &grace),
            (&pause, &grace),
            (&pause, &grace),
            (&pause, &grace)
        ]
    );
    assert!(audit["items"][3]["until"].is_string() && audit["items"][5]["until"].is_null(), "{audit}");
    assert_eq!(audit["items"][2]["count"], 2);
    let table = ok(bridge.host.ask(&["audit", "--limit", "1"]).await).out;
    assert!(table.contains("loopback") && table.contains("1 of 6 shown") && table.contains("more: --after"), "{table}");

    let logged = bridge.host.logged().join("\n");
    for line in ["operator: pause zendesk: done", "operator: discard all pending: 2 moved", "operator: forget sha256:"]
    {
        assert!(logged.contains(line), "{line} is not in the log:\n{logged}");
    }
    for personal in ["ada-lovelace", "told by phone", "Byron"] {
        assert!(!logged.contains(personal) && !audit.to_string().contains(personal), "{personal}: {logged}\n{audit}");
    }
    assert_discreet(&audit.to_string(), &bridge.sandbox);
    bridge.finish(0).await;
}
