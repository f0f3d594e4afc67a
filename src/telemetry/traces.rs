//! Traces: one for each event, from its webhook to its outcome, sent to an OpenTelemetry collector over OTLP.
//!
//! | span | begins | fields | parent |
//! |---|---|---|---|
//! | `webhook` | with the request | endpoint, outcome | none: it is the root; a duplicate has the first webhook |
//! | `delivery` | with an attempt | kind, outcome | the webhook |
//! | `merged` | when a text goes along with another | | the webhook |
//! | `call` | with a call to a vendor | vendor, call, status | the attempt |
//!
//! A webhook and the attempts at its delivery are far apart, often in different processes, and share only the event's
//! id. So trace and root follow from that id ([`trace_of`], [`root_of`]), and the store keeps neither. Follow-ups in
//! the same lane differ from their event in `sub` only, and share its trace. A follow-up in another lane has a trace of
//! its own, and a link to its parent's.
//!
//! Never sends a log line, or any span or field that this file does not name. A span about no event (a refused webhook,
//! a look at Zendesk by the catch-up) has no trace. A slow or dead collector never holds up a message: spans wait in a
//! bounded queue, and are lost when it is full.

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, Key, KeyValue, Value};
use opentelemetry_otlp::WithHttpConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfig, BatchSpanProcessor, SpanData, SpanEvents, SpanExporter, SpanLinks, SpanProcessor,
};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::SpanRef;

use crate::clock::Clock;
use crate::domain::event::EventId;

use super::ear::{Ear, TracesError};

/// The time for one export: OpenTelemetry's own default.
pub const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time for the last spans at the end. With the 20 s of an orderly stop it stays within the 30 s after which a
/// container is killed.
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);

/// The shortest time between two log lines about a failing collector.
const COMPLAINT_SPACING: Duration = Duration::from_secs(60);

/// The spans that are sent.
const SPANS: [&str; 4] = ["webhook", "delivery", "merged", "call"];

/// The fields that are sent of them, besides the two ids. None holds personal data.
const FIELDS: [&str; 6] = ["endpoint", "outcome", "kind", "vendor", "call", "status"];

/// The sender of spans to the collector, if one is configured.
#[derive(Debug)]
pub struct Traces(Option<Started>);

#[derive(Debug)]
struct Started {
    queue: Arc<BatchSpanProcessor>,
    clock: Clock,
}

impl Traces {
    /// No traces.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Traces to the collector in `OTEL_EXPORTER_OTLP_ENDPOINT`. OpenTelemetry's library reads it and the other
    /// standard variables here. `client` makes the requests on `runtime`.
    ///
    /// # Errors
    /// [`TracesError`], when the variables cannot be used.
    pub fn start(client: reqwest::Client, runtime: Handle, clock: Clock) -> Result<Self, TracesError> {
        let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().with_http_client(client).build();
        let exporter = exporter.map_err(|error| TracesError(error.to_string()))?;
        let exporter = Exporter { inner: exporter, runtime, complained_at: Mutex::new(None) };
        let mut queue = BatchSpanProcessor::new(exporter, BatchConfig::default());
        queue.set_resource(&resource());
        Ok(Self(Some(Started { queue: Arc::new(queue), clock })))
    }

    pub(super) fn ear(&self) -> Option<Ear> {
        let Started { queue, clock } = self.0.as_ref()?;
        let is_sent = FilterFn::new(|span| span.is_span() && SPANS.contains(&span.name()));
        let sender = Sender {
            queue: Arc::clone(queue),
            scope: InstrumentationScope::builder("tandem").with_version(env!("CARGO_PKG_VERSION")).build(),
            clock: clock.clone(),
        };
        Some(sender.with_filter(is_sent.with_max_level_hint(LevelFilter::DEBUG)).boxed())
    }

    pub(super) fn announce(&self) {
        if self.0.is_some() {
            tracing::info!("traces.started: every event has a trace at the collector");
        }
    }

    /// Sends the remaining spans, and gives up after some seconds.
    pub fn finish(self) {
        if let Some(Started { queue, .. }) = self.0
            && let Err(error) = queue.shutdown_with_timeout(FINISH_TIMEOUT)
        {
            tracing::warn!(%error, "traces.not_finished: the last spans did not reach the collector");
        }
    }
}

/// The spans' resource: the attributes in `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, with `tandem` as the name
/// where they give none.
fn resource() -> Resource {
    let told = Resource::builder().build();
    let name = told.get(&Key::from_static_str("service.name"));
    if name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        return told;
    }
    Resource::builder().with_service_name("tandem").build()
}

/// The trace of an event, the same in every process that knows its id. Hashed, because samplers expect evenly spread
/// ids.
fn trace_of(event: EventId) -> TraceId {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hashed(event)[..16]);
    TraceId::from_bytes(bytes)
}

/// The root of that trace: the webhook that brought the event.
fn root_of(event: EventId) -> SpanId {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hashed(event)[16..24]);
    SpanId::from_bytes(bytes)
}

fn hashed(event: EventId) -> [u8; 32] {
    let first = EventId { sub: 0, ..event };
    Sha256::digest(first.to_string()).into()
}

/// Turns closed spans into OpenTelemetry's form.
struct Sender {
    queue: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
    clock: Clock,
}

/// The data of an open span.
struct Open {
    id: SpanId,
    started_at: SystemTime,
    event: Option<EventId>,
    parent: Option<EventId>,
    attributes: Vec<KeyValue>,
}

impl Open {
    fn says(&self, field: &str, value: &str) -> bool {
        self.attributes.iter().any(|told| told.key.as_str() == field && told.value.as_str() == value)
    }

    /// Whether the span is a call without a successful answer.
    fn is_failed_call(&self) -> bool {
        let status = self.attributes.iter().find(|told| told.key.as_str() == "status");
        !status.is_some_and(|status| matches!(status.value, Value::I64(200..=299)))
    }

    fn text(&self, field: &str) -> Cow<'_, str> {
        let told = self.attributes.iter().find(|told| told.key.as_str() == field);
        told.map_or(Cow::Borrowed(""), |told| told.value.as_str())
    }
}

impl Visit for Open {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if FIELDS.contains(&field.name()) {
            self.attributes.push(KeyValue::new(field.name(), i64::try_from(value).unwrap_or(i64::MAX)));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if FIELDS.contains(&field.name()) {
            self.attributes.push(KeyValue::new(field.name(), value.to_owned()));
        }
    }

    /// Reads the ids, which are recorded in this form.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let id = || format!("{value:?}").parse().ok();
        match field.name() {
            "event_id" => self.event = id(),
            "parent_id" => self.parent = id(),
            _ => {}
        }
    }
}

impl Layer<Registry> for Sender {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, Registry>) {
        let Some(span) = context.span(id) else { return };
        let id = u64::from(self.clock.draw_u32()) << 32 | u64::from(self.clock.draw_u32());
        let mut open = Open {
            id: SpanId::from(id),
            started_at: self.clock.now().into(),
            event: None,
            parent: None,
            attributes: Vec::new(),
        };
        attributes.record(&mut open);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, Registry>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, Registry>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        if let Some(place) = Place::of(&span, &open) {
            self.queue.on_end(self.closed(span.name(), open, place));
        }
    }
}

impl Sender {
    fn closed(&self, span: &'static str, open: Open, place: Place) -> SpanData {
        let (span_kind, name) = match span {
            "webhook" => (SpanKind::Server, format!("webhook {}", open.text("endpoint"))),
            "delivery" => (SpanKind::Consumer, format!("delivery {}", open.text("kind"))),
            "call" => (SpanKind::Client, format!("{} {}", open.text("vendor"), open.text("call"))),
            other => (SpanKind::Internal, other.to_owned()),
        };
        let status = if span == "call" && open.is_failed_call() { Status::error("") } else { Status::Unset };
        let mut links = SpanLinks::default();
        links.links.extend(open.parent.map(|parent| Link::with_context(context(trace_of(parent), root_of(parent)))));
        let mut attributes = open.attributes;
        attributes.push(KeyValue::new("event_id", place.event.to_string()));
        SpanData {
            span_context: context(trace_of(place.event), place.id),
            parent_span_id: place.below,
            // The parents of all other spans belong to other requests or processes.
            parent_span_is_remote: span != "call",
            span_kind,
            name: name.into(),
            start_time: open.started_at,
            end_time: self.clock.now().into(),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// The place of a span in its trace.
struct Place {
    event: EventId,
    id: SpanId,
    below: SpanId,
}

impl Place {
    /// `None` for a span about no event.
    fn of(span: &SpanRef<'_, Registry>, open: &Open) -> Option<Self> {
        match span.name() {
            "webhook" if open.says("outcome", "duplicate") => {
                open.event.map(|event| Self { event, id: open.id, below: root_of(event) })
            }
            "webhook" => open.event.map(|event| Self { event, id: root_of(event), below: SpanId::INVALID }),
            "call" => span
                .parent()?
                .extensions()
                .get::<Open>()
                .and_then(|attempt| attempt.event.map(|event| Self { event, id: open.id, below: attempt.id })),
            _ => open.event.map(|event| Self { event, id: open.id, below: root_of(event) }),
        }
    }
}

fn context(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE)
}

/// Carries batches of spans to the collector, from the queue's own thread.
#[derive(Debug)]
struct Exporter {
    inner: opentelemetry_otlp::SpanExporter,
    /// The runtime that the HTTP client needs, because the queue's thread has none.
    runtime: Handle,
    complained_at: Mutex<Option<Instant>>,
}

impl Exporter {
    /// Logs the failure, at most once in [`COMPLAINT_SPACING`].
    fn complain(&self, spans: usize, error: &dyn std::error::Error) {
        let mut complained_at = self.complained_at.lock().unwrap_or_else(PoisonError::into_inner);
        if complained_at.is_none_or(|at| at.elapsed() >= COMPLAINT_SPACING) {
            *complained_at = Some(Instant::now());
            tracing::warn!(spans, %error, "traces.not_sent: the collector took no spans, and these are lost: {error}");
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = TokioContext::new(self.inner.export(batch), self.runtime.clone()).await;
        if let Err(error) = &sent {
            self.complain(spans, error);
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
