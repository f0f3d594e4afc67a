//! How long the store keeps records that the worker needs no more. It never drops any.

use std::time::Duration;

/// How long records are kept after the worker needs them no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Settled deliveries and their texts: long enough to answer an operator's question about a message.
    pub settled: Duration,
    /// Dedupe keys: longer than any vendor repeats a webhook (a desk: minutes; a carrier: a day at the worst), and than
    /// any signature is accepted.
    pub dedupe: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { settled: Duration::from_secs(14 * 86_400), dedupe: Duration::from_secs(7 * 86_400) }
    }
}
