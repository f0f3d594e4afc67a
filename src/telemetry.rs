//! Logs, metrics, and traces where they are built in.
//!
//! Lines may hold event ids, kinds, states, counts, durations, causes, names of files and addresses of listeners. Lines
//! and labels never hold the text of a message, a whole phone number, a name, an e-mail address, a token, a secret or a
//! signature. Personal data and secrets show nothing in their `Debug` form ([`crate::domain::event`], `secrecy`), so
//! log a value with `%` only where its `Display` is known to be harmless. The part that handles an event logs it, once.
//!
//! An event can be followed by its id: `event_id` of the line that takes the webhook in, `span.event_id` of every line
//! about its delivery, down to the single call, and `span.parent_id` of its follow-ups. The same spans become its trace
//! ([`Traces`]).
//!
//! Metrics are an ordinary value and never global, so every test has its own.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{fmt, registry};

mod distribution;
mod ear;
pub mod exposition;
mod metrics;
mod readiness;
mod samples;
#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "telemetry/no_traces.rs"]
mod traces;

pub use distribution::Distribution;
use ear::Ear;
pub use ear::TracesError;
pub use metrics::Metrics;
pub use readiness::{Readiness, Since, Trouble};
pub use samples::{SAMPLE_EVERY, SAMPLES_MAX, Sample, Samples, Tallies};
pub use traces::{EXPORT_TIMEOUT, Traces};

/// Logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The filter cannot be read.
    #[error("RUST_LOG is not a log filter: {0}; write it like info or tandem=debug")]
    Filter(#[from] ParseError),
    /// Logs were set up before.
    #[error("logs are set up already")]
    Already,
}

/// Starts logging to stderr: one JSON object a line when stderr is not a terminal, and lines for people when it is. A
/// panic becomes a log line as well, without a formatted message, which may hold personal data. Spans go to `traces`,
/// whether or not the filter logs them.
///
/// `filter` is the value of `RUST_LOG` ([`crate::config::log_filter`]).
///
/// # Errors
/// [`LogsError`]; nothing has changed then.
pub fn init_logs(filter: &str, traces: &Traces) -> Result<(), LogsError> {
    let filter: Targets = filter.parse()?;
    // A line that cannot be written is lost: the reader of stderr may be gone, and a complaint on stderr would panic.
    let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let lines: Ear = if std::io::stderr().is_terminal() {
        lines.with_filter(filter).boxed()
    } else {
        let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
        lines.with_filter(filter).boxed()
    };
    let ears: Vec<Ear> = std::iter::once(lines).chain(traces.ear()).collect();
    tracing::subscriber::set_global_default(registry().with(ears)).map_err(|_| LogsError::Already)?;
    std::panic::set_hook(Box::new(log_panic));
    traces.announce();
    Ok(())
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    // A literal message is part of the source; a formatted one may hold a customer's words.
    let message = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("a formatted message, not shown");
    tracing::error!(place, message_literal = message, "panic at {place}");
}
