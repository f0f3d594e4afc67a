//! The numbers that `GET /metrics` shows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::domain::event::Destination;

/// All metrics of one bridge. Cheap to update from any thread.
///
/// Labels come from fixed words of the program, never from a request: nobody outside can make the page grow.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    accepted: Family<Endpoint, Counter>,
    duplicates: Family<Endpoint, Counter>,
    ignored: Family<Endpoint, Counter>,
    quarantined: Family<Endpoint, Counter>,
    refused: Family<Cause, Counter>,
    unavailable: Counter,
    attempts: Family<Attempt, Counter>,
    webhooks_given_up: Family<GivenUp, Counter>,
    deliveries: Family<State, Gauge>,
    oldest_unsettled_seconds: Gauge<f64, AtomicU64>,
    paused: Family<Paused, Gauge>,
    commits: Counter,
    commit_requests: Counter,
    commit_seconds: Counter<f64, AtomicU64>,
    slowest_commit_seconds: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Endpoint {
    endpoint: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Attempt {
    destination: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct GivenUp {
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Paused {
    destination: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("tandem"),
            accepted: Family::default(),
            duplicates: Family::default(),
            ignored: Family::default(),
            quarantined: Family::default(),
            refused: Family::default(),
            unavailable: Counter::default(),
            attempts: Family::default(),
            webhooks_given_up: Family::default(),
            deliveries: Family::default(),
            oldest_unsettled_seconds: Gauge::default(),
            paused: Family::default(),
            commits: Counter::default(),
            commit_requests: Counter::default(),
            commit_seconds: Counter::default(),
            slowest_commit_seconds: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("accepted", "Webhooks taken in as new events", self.accepted.clone());
        registry.register("duplicates", "Webhooks that repeated an earlier one", self.duplicates.clone());
        registry.register("ignored", "Authentic webhooks with nothing to do", self.ignored.clone());
        registry.register("quarantined", "Authentic webhooks that could not be read", self.quarantined.clone());
        registry.register("refused", "Webhooks that were not taken, by cause", self.refused.clone());
        registry.register("unavailable", "Webhooks answered with 503", self.unavailable.clone());
        registry.register("attempts", "Attempts to deliver, by outcome", self.attempts.clone());
        registry.register(
            "webhooks_given_up",
            "Webhooks that Zendesk's log says it gave up on, by its word",
            self.webhooks_given_up.clone(),
        );
        registry.register("deliveries", "Deliveries by state", self.deliveries.clone());
        registry.register(
            "oldest_unsettled_seconds",
            "Age of the oldest delivery that still holds a lane; the number to alarm on",
            self.oldest_unsettled_seconds.clone(),
        );
        registry.register("destination_paused", "1 while a vendor refuses us and is held", self.paused.clone());
        registry.register("store_commits", "Synced commits of the store", self.commits.clone());
        registry.register(
            "store_commit_requests",
            "Requests that these commits answered",
            self.commit_requests.clone(),
        );
        registry.register("store_commit_seconds", "Time spent in writing and syncing", self.commit_seconds.clone());
        registry.register(
            "store_slowest_commit_seconds",
            "The slowest commit since this page was last read",
            self.slowest_commit_seconds.clone(),
        );
    }

    /// A webhook became an event.
    pub fn accepted(&self, endpoint: &'static str) {
        self.accepted.get_or_create(&Endpoint { endpoint }).inc();
    }

    /// A webhook repeated an earlier one.
    pub fn duplicate(&self, endpoint: &'static str) {
        self.duplicates.get_or_create(&Endpoint { endpoint }).inc();
    }

    /// An authentic webhook had nothing for us to do.
    pub fn ignored(&self, endpoint: &'static str) {
        self.ignored.get_or_create(&Endpoint { endpoint }).inc();
    }

    /// An authentic webhook could not be read and was kept.
    pub fn quarantined(&self, endpoint: &'static str) {
        self.quarantined.get_or_create(&Endpoint { endpoint }).inc();
    }

    /// A webhook was refused.
    pub fn refused(&self, cause: &'static str) {
        self.refused.get_or_create(&Cause { cause }).inc();
    }

    /// A webhook was answered with 503.
    pub fn unavailable(&self) {
        self.unavailable.inc();
    }

    /// An attempt to deliver came to this outcome ([`crate::domain::delivery::Outcome::name`]).
    pub fn attempt(&self, destination: Destination, outcome: &'static str) {
        self.attempts.get_or_create(&Attempt { destination: destination.name(), outcome }).inc();
    }

    /// Zendesk's log says that it gave up on a webhook; the word is Zendesk's, of a fixed list.
    pub fn webhook_given_up(&self, status: &'static str) {
        self.webhooks_given_up.get_or_create(&GivenUp { status }).inc();
    }

    /// Notes that a destination is held, or no longer.
    pub fn set_paused(&self, destination: Destination, paused: bool) {
        self.paused.get_or_create(&Paused { destination: destination.name() }).set(i64::from(paused));
    }

    /// How many deliveries stand in which state, and how old the oldest unsettled one is (zero when there is none).
    pub fn set_deliveries(&self, by_state: impl IntoIterator<Item = (&'static str, u64)>, oldest: Duration) {
        for (state, count) in by_state {
            self.deliveries.get_or_create(&State { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.oldest_unsettled_seconds.set(oldest.as_secs_f64());
    }

    /// How the store's commits went since it was opened: their number, the requests that they answered, the time that
    /// they took together, and the slowest of late.
    pub fn set_commits(&self, commits: u64, requests: u64, busy: Duration, slowest: Duration) {
        self.commits.inner().store(commits, Ordering::Relaxed);
        self.commit_requests.inner().store(requests, Ordering::Relaxed);
        self.commit_seconds.inner().store(busy.as_secs_f64().to_bits(), Ordering::Relaxed);
        self.slowest_commit_seconds.set(slowest.as_secs_f64());
    }

    /// The page, in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = String::new();
        match encode(&mut page, &self.registry) {
            Ok(()) => page,
            // Writing into a String does not fail; should a metric ever refuse, half a page would be misleading.
            Err(std::fmt::Error) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_on_the_page_under_its_name() {
        let metrics = Metrics::default();
        metrics.accepted("zendesk");
        metrics.accepted("zendesk");
        metrics.duplicate("braze");
        metrics.ignored("braze");
        metrics.quarantined("recipe_send");
        metrics.refused("signature");
        metrics.unavailable();
        metrics.attempt(Destination::Zendesk, "done");
        metrics.webhook_given_up("circuit broken");
        metrics.set_paused(Destination::Braze, true);
        metrics.set_deliveries([("pending", 3), ("dead", 0)], Duration::from_millis(1500));
        metrics.set_commits(3, 17, Duration::from_millis(250), Duration::from_millis(125));
        let page = metrics.render();
        for line in [
            "tandem_accepted_total{endpoint=\"zendesk\"} 2",
            "tandem_duplicates_total{endpoint=\"braze\"} 1",
            "tandem_ignored_total{endpoint=\"braze\"} 1",
            "tandem_quarantined_total{endpoint=\"recipe_send\"} 1",
            "tandem_refused_total{cause=\"signature\"} 1",
            "tandem_unavailable_total 1",
            "tandem_attempts_total{destination=\"zendesk\",outcome=\"done\"} 1",
            "tandem_webhooks_given_up_total{status=\"circuit broken\"} 1",
            "tandem_destination_paused{destination=\"braze\"} 1",
            "tandem_deliveries{state=\"pending\"} 3",
            "tandem_deliveries{state=\"dead\"} 0",
            "tandem_oldest_unsettled_seconds 1.5",
            "tandem_store_commits_total 3",
            "tandem_store_commit_requests_total 17",
            "tandem_store_commit_seconds_total 0.25",
            "tandem_store_slowest_commit_seconds 0.125",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not on the page:\n{page}");
        }
    }

    #[test]
    fn nothing_is_global() {
        let (busy, idle) = (Metrics::default(), Metrics::default());
        busy.unavailable();
        assert!(busy.render().contains("tandem_unavailable_total 1"));
        assert!(idle.render().contains("tandem_unavailable_total 0"));
    }

    #[test]
    fn a_pause_ends() {
        let metrics = Metrics::default();
        metrics.set_paused(Destination::Braze, true);
        metrics.set_paused(Destination::Braze, false);
        assert!(metrics.render().contains("tandem_destination_paused{destination=\"braze\"} 0"));
    }
}
