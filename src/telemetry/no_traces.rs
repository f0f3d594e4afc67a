//! What stands in for traces in a build without them. It never sends anything, and says so when it is asked to.

use std::time::Duration;

use crate::clock::Clock;

use super::{Ear, TracesError};

/// Nothing is sent, so nothing takes time.
pub const EXPORT_TIMEOUT: Duration = Duration::from_secs(1);

/// No traces.
#[derive(Debug)]
pub struct Traces {
    wanted: bool,
}

impl Traces {
    /// Nobody asked for any.
    #[must_use]
    pub fn off() -> Self {
        Self { wanted: false }
    }

    /// Takes what the real ones need, and sends nothing.
    ///
    /// # Errors
    /// Never.
    pub fn start(_: reqwest::Client, _: tokio::runtime::Handle, _: Clock) -> Result<Self, TracesError> {
        Ok(Self { wanted: true })
    }

    pub(super) fn ear(&self) -> Option<Ear> {
        None
    }

    pub(super) fn announce(&self) {
        if self.wanted {
            tracing::warn!(
                "traces.missing: the environment names an OpenTelemetry collector, and this build sends no traces; build it \
                 with --features otel"
            );
        }
    }

    /// Nothing is left to send.
    pub fn finish(self) {}
}
