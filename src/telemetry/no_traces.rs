//! The stand-in for traces in a build without them. Never sends anything, and warns where the environment asks for
//! traces.

use std::time::Duration;

use crate::clock::Clock;

use super::ear::{Ear, TracesError};

/// The time for an export, which this build never makes.
pub const EXPORT_TIMEOUT: Duration = Duration::from_secs(1);

/// No traces.
#[derive(Debug)]
pub struct Traces {
    wanted: bool,
}

impl Traces {
    /// No traces, and no warning.
    #[must_use]
    pub fn off() -> Self {
        Self { wanted: false }
    }

    /// Takes the arguments of the real traces, and sends nothing.
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

    /// Does nothing, because no span was kept.
    pub fn finish(self) {}
}
