//! Being seen: one id leads through the log from a webhook to its outcome and back.

use std::collections::BTreeSet;

use serde_json::Value;
use tandem::sandbox::server::{Fault, FaultKind};

use crate::process::Bridge;

/// A line of the log.
struct Line(Value);

impl Line {
    /// The event that it is about.
    fn id(&self) -> Option<&str> {
        self.0["event_id"].as_str().or_else(|| self.0["span"]["event_id"].as_str())
    }

    /// The event that gave rise to that.
    fn parent(&self) -> Option<&str> {
        self.0["span"]["parent_id"].as_str()
    }

    fn says(&self, words: &str) -> bool {
        self.0["message"].as_str().unwrap().contains(words)
    }
}

/// The beginnings of what the log says of one event, in order.
fn story(log: &[Line], id: &str) -> Vec<String> {
    let about = log.iter().filter(|line| line.id() == Some(id));
    about.map(|line| line.0["message"].as_str().unwrap().split(" evt_").next().unwrap().to_owned()).collect()
}

/// The only event that the log names as born of this one.
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
    let log = bridge.host.logged().into_iter().map(|line| Line(serde_json::from_str(&line).unwrap()));
    let log: Vec<Line> = log.collect();

    // Forwards: from the customer's text to the ticket.
    let accepted = |endpoint: &str| {
        let line = log.iter().find(|line| line.says("webhook accepted") && line.0["endpoint"] == endpoint);
        line.unwrap().id().unwrap()
    };
    let text = accepted("braze");
    let told = story(&log, text);
    assert_eq!((told[0].as_str(), told[1].as_str()), ("webhook accepted as", "delivery.claimed:"), "{told:#?}");
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
