//! The alarm receiver: the alarms that it gets, how often, and the bridge's patience when it does not answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::server::{Fault, FaultKind};
use tokio::net::TcpListener;

use crate::process::assert_discreet;
use crate::support::{TestBridge, settings};

/// An alarm receiver.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    /// The statuses to answer with; 200 when it is used up.
    statuses: Arc<Mutex<VecDeque<u16>>>,
    taken: Arc<Mutex<Vec<Post>>>,
}

/// A posted alarm with its `Authorization`.
struct Post {
    authorization: Option<String>,
    body: Value,
}

impl Receiver {
    pub(crate) async fn start(&self) -> String {
        async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
            let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let body = serde_json::from_slice(&body).unwrap();
            receiver.taken.lock().unwrap().push(Post { authorization, body });
            let status = receiver.statuses.lock().unwrap().pop_front();
            StatusCode::from_u16(status.unwrap_or(200)).unwrap()
        }
        let router = Router::new().route("/hook", post(take)).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?key=v", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    pub(crate) fn posts(&self) -> Vec<Value> {
        self.taken.lock().unwrap().iter().map(|post| post.body.clone()).collect()
    }
}

async fn bridge_with(receiver: &Receiver) -> TestBridge {
    let url = receiver.start().await;
    TestBridge::start_from(SandboxOptions::default(), |sandbox, options| {
        let settings = settings(sandbox, options, "", "", "");
        let console = "console_url = \"https://tandem.internal.example/\"";
        format!("{console}\n{settings}[alarm]\nurl = \"{url}\"\ntoken = \"a-token-of-the-receiver\"\n")
    })
    .await
}

/// Makes `replies` dead letters: replies that Braze refuses for good.
async fn die(bridge: &TestBridge, ticket: u64, replies: u32) {
    let refused = FaultKind::Status { code: 400, headers: Vec::new(), body: r#"{"message":"no"}"#.to_owned() };
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", refused).times(replies));
    for number in 0..replies {
        bridge.sandbox.zendesk.agent_reply(ticket, &format!("<p>A secret reply {number}</p>"));
    }
    let dead = |all: &[Value]| all.iter().filter(|one| one["state"] == "dead").count() == replies as usize;
    bridge.until_deliveries("dead", dead).await;
}

#[tokio::test]
async fn several_dead_letters_are_one_alarm_with_a_number_and_nothing_personal() {
    let receiver = Receiver::default();
    let bridge = bridge_with(&receiver).await;
    let (ticket, _) = bridge.talking("ada").await;
    die(&bridge, ticket, 7).await;
    bridge.until("an alarm", |_| !receiver.posts().is_empty()).await;
    bridge.settled().await;
    let posts = receiver.posts();
    // The first was due ten seconds after the first death; later deaths are in the next.
    let counted: u64 = posts.iter().map(|post| post["alarms"][0]["count"].as_u64().unwrap()).sum();
    assert!(posts.len() <= 2 && counted == 7, "{posts:#?}");
    let last = posts.last().unwrap();
    assert_eq!((&last["source"], &last["alarms"][0]["kind"]), (&json!("tandem"), &json!("dead")));
    let text = last["text"].as_str().unwrap();
    let page = last["console_url"].as_str().unwrap();
    assert!(text.starts_with("tandem: ") && text.ends_with(&format!(" {page}")), "{last}");
    assert!(page.starts_with("https://tandem.internal.example/console/deliveries"), "{last}");
    assert_eq!(last["alarms"][0]["ticket_ids"], json!([ticket]));
    let id = last["alarms"][0]["event_ids"].as_array().unwrap().last().unwrap();
    let dead = bridge.deliveries("state=dead").await;
    assert!(dead.iter().any(|delivery| delivery["id"] == *id), "{last}: {dead:#?}");
    assert_eq!(receiver.taken.lock().unwrap()[0].authorization.as_deref(), Some("Bearer a-token-of-the-receiver"));
    assert_discreet(&Value::from(posts).to_string(), &bridge.sandbox);
    bridge.finish(7).await;
}

#[tokio::test]
async fn a_receiver_that_does_not_listen_is_told_later_and_holds_nothing_up() {
    let receiver = Receiver::default();
    receiver.statuses.lock().unwrap().extend([500, 404, 503]);
    let bridge = bridge_with(&receiver).await;
    let (ticket, customer) = bridge.talking("ada").await;
    die(&bridge, ticket, 1).await;
    bridge.until("the first try", |_| !receiver.posts().is_empty()).await;
    bridge.sandbox.phone.text(&customer, "Are you there?");
    bridge.settled().await;
    bridge.until("the alarm taken", |_| receiver.posts().len() == 4).await;
    for post in receiver.posts() {
        assert_eq!((&post["alarms"][0]["kind"], &post["alarms"][0]["count"]), (&json!("dead"), &json!(1)), "{post}");
    }
    bridge.finish(1).await;
}

#[tokio::test]
async fn a_paused_destination_is_told_and_so_is_its_end() {
    let receiver = Receiver::default();
    let bridge = bridge_with(&receiver).await;
    let (ticket, _) = bridge.talking("ada").await;
    let refused = Fault::on("POST", "/campaigns/trigger/send", FaultKind::status(401)).times(5);
    bridge.sandbox.braze.fail(refused);
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>Hello</p>");
    let told = |kind: &'static str| {
        let receiver = receiver.clone();
        move |_: &TestBridge| {
            let alarms: Vec<Value> =
                receiver.posts().iter().flat_map(|post| post["alarms"].as_array().unwrap().clone()).collect();
            alarms.iter().any(|alarm| alarm["kind"] == kind && alarm["destination"] == "braze")
        }
    };
    bridge.until("the pause told", told("paused")).await;
    bridge.until("its end told", told("resumed")).await;
    assert_eq!(receiver.posts().len(), 2, "{:#?}", receiver.posts());
    bridge.finish(0).await;
}

#[tokio::test]
async fn after_a_restart_what_still_stands_is_told_once_more() {
    let receiver = Receiver::default();
    let mut bridge = bridge_with(&receiver).await;
    let (ticket, _) = bridge.talking("ada").await;
    die(&bridge, ticket, 2).await;
    bridge.until("an alarm", |_| !receiver.posts().is_empty()).await;
    bridge.settled().await;
    bridge.stop().await;
    receiver.taken.lock().unwrap().clear();
    bridge.run().await;
    bridge.until("what stands", |_| !receiver.posts().is_empty()).await;
    let started = bridge.clock.now();
    let passed = |bridge: &TestBridge| bridge.clock.now().duration_since(started).as_secs() > 180;
    bridge.until("three minutes", passed).await;
    let posts = receiver.posts();
    assert_eq!(posts.len(), 1, "{posts:#?}");
    assert_eq!(posts[0]["alarms"], json!([{"kind": "standing", "dead": 2, "set_aside": 0}]));
    bridge.finish(2).await;
}
