//! Histograms that another part of the bridge keeps, as the metrics show them. Nothing here counts a value.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// A histogram that another part of the bridge keeps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The upper bound of each bucket, ascending, and the number of values in it and in no lower one. The last bound is
    /// [`f64::INFINITY`].
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all values.
    pub sum: f64,
}

/// The shown values of such a histogram.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown(Arc<Mutex<Distribution>>);

impl Shown {
    pub(super) fn set(&self, distribution: Distribution) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = distribution;
    }
}

impl EncodeMetric for Shown {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = shown.buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(shown.sum, count, &shown.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
