//! Traces: one for each event, at a real collector. A collector that does not work does no harm.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Told;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use prost::Message;
use tandem::sandbox::server::{Fault, FaultKind};
use tokio::net::TcpListener;

use crate::process::{Bridge, assert_discreet};

/// A collector with the bodies that it received.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
    /// Its address, and the collector itself.
    async fn start() -> (String, Self) {
        let collector = Self::default();
        let take = async |State(collector): State<Self>, body: Bytes| collector.0.lock().unwrap().push(body);
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        (url, collector)
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.0.lock().unwrap().iter().map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let resources = self.requests().into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// The names under which spans were sent.
    fn services(&self) -> BTreeSet<String> {
        let resources = self.requests().into_iter().flat_map(|request| request.resource_spans);
        resources.filter_map(|resource| told(&resource.resource?.attributes, "service.name")).collect()
    }

    /// All bodies, as text.
    fn text(&self) -> String {
        self.0.lock().unwrap().iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect()
    }
}

fn told(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    let value = attribute.value.clone()?.value?;
    if let Told::StringValue(text) = value {
        return Some(text);
    }
    let Told::IntValue(number) = value else { panic!("{key} is told as {value:?}") };
    Some(number.to_string())
}

/// One trace, by its root.
struct Trace {
    root: Span,
    rest: Vec<Span>,
}

/// Every trace, in the order of its root, and the attempts at notes, which no webhook brought.
fn traces(spans: Vec<Span>) -> (Vec<Trace>, Vec<Span>) {
    let (notes, spans): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(|span| span.name == "delivery note");
    let of_note = |span: &Span| notes.iter().any(|note| note.trace_id == span.trace_id);
    let spans: Vec<Span> = spans.into_iter().filter(|span| !of_note(span)).collect();
    let (mut roots, rest): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(|span| span.parent_span_id.is_empty());
    roots.sort_by_key(|root| root.start_time_unix_nano);
    let of = |root: &Span| rest.iter().filter(|span| span.trace_id == root.trace_id).cloned().collect();
    let traces: Vec<Trace> = roots.iter().map(|root| Trace { root: root.clone(), rest: of(root) }).collect();
    let placed: usize = traces.iter().map(|trace| trace.rest.len()).sum();
    assert_eq!(placed, rest.len(), "every other span is in exactly one trace that has a root");
    (traces, notes)
}

impl Trace {
    /// The spans of this name, in order.
    fn named(&self, name: &str) -> Vec<&Span> {
        let mut found: Vec<&Span> = self.rest.iter().filter(|span| span.name == name).collect();
        found.sort_by_key(|span| span.start_time_unix_nano);
        assert!(!found.is_empty(), "no {name} among {:?}", self.rest.iter().map(|span| &span.name).collect::<Vec<_>>());
        found
    }
}

/// The spans' values of this attribute.
fn all(spans: &[&Span], key: &str) -> Vec<String> {
    spans.iter().map(|span| told(&span.attributes, key).unwrap_or_default()).collect()
}

fn has_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

/// A bridge that sends its traces there.
async fn bridge(collector: &str) -> Bridge {
    // The level turns down the log only, not the traces.
    let mut bridge = Bridge::at_rest("", "confirm_after_seconds = [1, 2]", "warn", Duration::from_millis(200)).await;
    // The start is told from a line at this level.
    bridge.host.environment.insert("RUST_LOG", "warn,tandem::serve=info".to_owned());
    bridge.host.environment.insert("OTEL_EXPORTER_OTLP_ENDPOINT", collector.to_owned());
    bridge.host.start(&bridge.sandbox).await;
    bridge
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_leads_from_a_webhook_through_its_attempts_to_every_call() {
    let (url, collector) = Collector::start().await;
    let mut bridge = bridge(&url).await;
    let ada = bridge.customer("ada");
    // So that there are two attempts.
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::status(503)));
    let dispatch = bridge.sandbox.phone.text(&ada, "Where is my engine?").unwrap();
    let ticket = bridge.ticket_of("ada").await;
    bridge.settled().await;
    assert!(bridge.sandbox.phone.repeat(&dispatch));
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>It left the house today.</p>");
    bridge.settled().await;
    assert_eq!(bridge.texts_to(&ada), ["It left the house today."]);
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::status(400)));
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>You will love it dearly.</p>");
    bridge.settled().await;
    assert_eq!(bridge.host.stop().await, 0);

    assert_eq!(collector.services(), BTreeSet::from(["tandem".to_owned()]));
    let (traces, notes) = traces(collector.spans());
    let roots: Vec<&str> = traces.iter().map(|trace| trace.root.name.as_str()).collect();
    assert_eq!(roots, ["webhook braze", "webhook zendesk", "webhook zendesk"]);
    let ids: BTreeSet<&Vec<u8>> = traces.iter().map(|trace| &trace.root.trace_id).collect();
    assert_eq!(ids.len(), 3);

    // The customer's text: two attempts, and a duplicate that is no second root.
    let [text, reply, refused] = &traces[..] else { panic!("three traces") };
    let attempts = text.named("delivery customer_text");
    assert_eq!(all(&attempts, "outcome"), ["retry", "done"]);
    let again = text.named("webhook braze");
    assert_eq!(all(&again, "outcome"), ["duplicate"]);
    assert!(attempts.iter().chain(&again).all(|span| span.parent_span_id == text.root.span_id));
    let opening = text.named("zendesk POST /api/v2/tickets");
    assert_eq!(all(&opening, "status"), ["503", "201"]);
    assert_eq!(opening.iter().map(|call| has_failed(call)).collect::<Vec<_>>(), [true, false]);
    for (call, attempt) in opening.iter().zip(&attempts) {
        assert_eq!(call.parent_span_id, attempt.span_id);
    }
    let ids = all(&text.rest.iter().collect::<Vec<_>>(), "event_id");
    assert!(ids.iter().all(|id| Some(id) == told(&text.root.attributes, "event_id").as_ref()), "{ids:?}");

    // A reply: the doorbell, and the text that takes its place.
    reply.named("delivery agent_reply");
    reply.named("zendesk GET /api/v2/tickets/{id}/comments");
    assert_eq!(all(&reply.named("delivery phone_text"), "outcome"), ["done"]);
    assert_eq!(all(&reply.named("braze POST /campaigns/trigger/send"), "status"), ["201"]);

    // One that Braze refuses: the note to the agent has a trace of its own, without a webhook, and leads back.
    assert_eq!(all(&refused.named("delivery phone_text"), "outcome"), ["reject"]);
    let [note] = &notes[..] else { panic!("one note: {notes:#?}") };
    assert_eq!(note.links.len(), 1);
    assert_eq!((&note.links[0].trace_id, &note.links[0].span_id), (&refused.root.trace_id, &refused.root.span_id));

    // No reader of it learns names or words.
    assert_discreet(&collector.text(), &bridge.sandbox);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_gone_or_mute_holds_nothing_up_and_is_not_complained_about_for_ever() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let [mute_url, gone_url] = [&mute, &gone].map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    drop(gone);
    tokio::join!(everything_arrives_without(&mute_url), everything_arrives_without(&gone_url));
}

/// Asserts that all texts arrive while this collector takes no traces, and that one line of the log says so.
async fn everything_arrives_without(collector: &str) {
    let mut bridge = bridge(collector).await;
    let ada = bridge.customer("ada");
    for text in ["Where is my engine?", "And my order?", "Hello?"] {
        bridge.text(&ada, text).await;
    }
    bridge.settled().await;
    let ticket = bridge.ticket_of("ada").await;
    assert_eq!(bridge.comments(ticket).len(), 3);
    assert_eq!(bridge.host.stop().await, 0);
    let log = bridge.host.logged();
    let complaints = log.iter().filter(|line| line.contains("traces.not_")).count();
    assert_eq!(complaints, 1, "{log:#?}");
}
