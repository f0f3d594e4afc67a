//! The numbers that `GET /metrics` shows.
//!
//! Names follow OpenMetrics: counters end in `_total`, and a metric with a unit carries it in its name. Every number
//! whose labels are known beforehand is on the page from the start, at 0, so that an alarm on it can begin and end.
//! Never takes a label from a request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::domain::account::{AccountId, Direction, Ends};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use self::labels::{At, Attempt, Call, Endpoint, Fate, GivenUp, LineText, Reason, Refused, Result, State, Task, What};
use super::distribution::{Distribution, Shown};
use super::exposition;
use super::samples::Tallies;
use crate::domain::receipt::Reported;

mod labels;

/// The reasons for answering a webhook with 503, as labels.
const UNAVAILABLE: [&str; 7] = ["backlog", "disk", "in_hand", "stopping", "store_away", "store_failed", "store_slow"];

/// What becomes of a carrier's reports, as labels.
const REPORTS: [&str; 10] =
    ["new", "repeated", "foreign", "bound", "unbound", "paired", "taken_in", "unsubscribed", "learnt", "over"];

/// The results of fetching pictures of texts that wait, as labels.
const PICTURES: [&str; 4] = ["kept", "failed", "refused", "no_room"];

/// All metrics of one bridge. Cheap to update from any thread.
///
/// Labels come from fixed words of the program, never from a request, so that no sender can make the page grow.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    started: Gauge<f64, AtomicU64>,
    accepted: Family<Endpoint, Counter>,
    duplicates: Family<Endpoint, Counter>,
    ignored: Family<Endpoint, Counter>,
    quarantined: Family<Endpoint, Counter>,
    refused: Family<Refused, Counter>,
    last_accepted: Family<Endpoint, Gauge<f64, AtomicU64>>,
    unavailable: Family<Reason, Counter>,
    attempts: Family<Attempt, Counter>,
    line_texts: Family<LineText, Counter>,
    webhooks_given_up: Family<GivenUp, Counter>,
    deliveries: Family<State, Gauge>,
    oldest_unsettled: Gauge<f64, AtomicU64>,
    clock_off: Gauge<f64, AtomicU64>,
    backlog_max: Gauge,
    calls: Family<Call, Histogram, fn() -> Histogram>,
    reports: Family<Fate, Counter>,
    reports_unbound: Family<At, Gauge>,
    receipts: Family<What, Counter>,
    budget_waits: Family<At, Counter>,
    budget_wait: Family<At, Counter<f64, AtomicU64>>,
    paused: Family<At, Gauge>,
    unreachable: Family<At, Gauge>,
    paused_by_operator: Family<At, Gauge>,
    commit: Shown,
    commit_requests: Shown,
    alarms: Family<Result, Counter>,
    loop_restarts: Family<Task, Counter>,
    pictures: Family<Result, Counter>,
    pictures_kept: Gauge,
    reloads: Family<Result, Counter>,
    // The sums without labels, for [`Tallies`].
    taken_in: Counter,
    done: Counter,
    troubled: Counter,
}

/// Buckets from a local answer to the time-out of a call.
fn call_seconds() -> Histogram {
    Histogram::new([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            started: Gauge::default(),
            accepted: Family::default(),
            duplicates: Family::default(),
            ignored: Family::default(),
            quarantined: Family::default(),
            refused: Family::default(),
            last_accepted: Family::default(),
            unavailable: Family::default(),
            attempts: Family::default(),
            line_texts: Family::default(),
            webhooks_given_up: Family::default(),
            deliveries: Family::default(),
            oldest_unsettled: Gauge::default(),
            clock_off: Gauge::default(),
            backlog_max: Gauge::default(),
            calls: Family::new_with_constructor(call_seconds),
            reports: Family::default(),
            reports_unbound: Family::default(),
            receipts: Family::default(),
            budget_waits: Family::default(),
            budget_wait: Family::default(),
            paused: Family::default(),
            unreachable: Family::default(),
            paused_by_operator: Family::default(),
            commit: Shown::default(),
            commit_requests: Shown::default(),
            alarms: Family::default(),
            loop_restarts: Family::default(),
            pictures: Family::default(),
            pictures_kept: Gauge::default(),
            reloads: Family::default(),
            taken_in: Counter::default(),
            done: Counter::default(),
            troubled: Counter::default(),
        };
        metrics.register();
        UNAVAILABLE.into_iter().for_each(|reason| drop(metrics.unavailable.get_or_create(&Reason { reason })));
        Ends::FIRST.accounts().into_iter().for_each(|account| metrics.account_may_be_called(account));
        metrics.account_may_report(Ends::FIRST.carrier);
        ["sent", "failed"].into_iter().for_each(|result| drop(metrics.alarms.get_or_create(&Result { result })));
        PICTURES.into_iter().for_each(|result| drop(metrics.pictures.get_or_create(&Result { result })));
        ["taken", "refused"].into_iter().for_each(|result| drop(metrics.reloads.get_or_create(&Result { result })));
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        // Prometheus' own name, which all programs share.
        let help = "When the bridge started, in seconds since 1970";
        self.registry.register_with_unit("process_start_time", help, Unit::Seconds, self.started.clone());
        let registry = self.registry.sub_registry_with_prefix("tandem");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What is running", build);
        registry.register("accepted", "Webhooks taken in as new events", self.accepted.clone());
        registry.register("duplicates", "Webhooks that repeated an earlier one", self.duplicates.clone());
        registry.register("ignored", "Authentic webhooks with nothing to do", self.ignored.clone());
        registry.register("quarantined", "Authentic webhooks that could not be read", self.quarantined.clone());
        registry.register("refused", "Webhooks that were not taken, by cause", self.refused.clone());
        let help = "When the last webhook became an event, in seconds since 1970; absent where none ever did";
        registry.register_with_unit("last_accepted_timestamp", help, Unit::Seconds, self.last_accepted.clone());
        registry.register("unavailable", "Webhooks answered with 503, by reason", self.unavailable.clone());
        registry.register("attempts", "Attempts to deliver, by outcome", self.attempts.clone());
        registry.register("line_texts", "Texts that were delivered, by line and direction", self.line_texts.clone());
        registry.register(
            "webhooks_given_up",
            "Webhooks that Zendesk's log says it gave up on, by its word",
            self.webhooks_given_up.clone(),
        );
        registry.register("deliveries", "Deliveries by state", self.deliveries.clone());
        let help = "Age of the oldest delivery that still holds a lane; the number to alarm on";
        registry.register_with_unit("oldest_unsettled", help, Unit::Seconds, self.oldest_unsettled.clone());
        let help = "How far the machine's clock is ahead of the time that is believed; negative where it is behind";
        registry.register_with_unit("clock_off", help, Unit::Seconds, self.clock_off.clone());
        let help = "How many deliveries may wait before webhooks are turned away";
        registry.register("backlog_limit", help, self.backlog_max.clone());
        let help = "How long calls to a vendor took, by the class of the answer";
        registry.register_with_unit("call", help, Unit::Seconds, self.calls.clone());
        let help = "A carrier's reports, by what became of them";
        registry.register("reports", help, self.reports.clone());
        let help = "Reports that are kept and of which no delivery is known";
        registry.register("reports_unbound", help, self.reports_unbound.clone());
        let help = "Reports that were found to be about a delivery, by what they tell";
        registry.register("receipts", help, self.receipts.clone());
        registry.register("budget_waits", "Waits for a rate budget", self.budget_waits.clone());
        let help = "Time for which calls and lanes were put off for a rate budget";
        registry.register_with_unit("budget_wait", help, Unit::Seconds, self.budget_wait.clone());
        registry.register("destination_paused", "1 while a vendor refuses us and is held", self.paused.clone());
        let help = "1 while a vendor does not answer and is only asked whether it does";
        registry.register("destination_unreachable", help, self.unreachable.clone());
        let help = "1 while the operator keeps a vendor from being called";
        registry.register("destination_paused_by_operator", help, self.paused_by_operator.clone());
        let help = "How long synced commits of the store took";
        registry.register_with_unit("store_commit", help, Unit::Seconds, self.commit.clone());
        let help = "How many requests one commit answered";
        registry.register("store_commit_requests", help, self.commit_requests.clone());
        registry.register("alarms", "Alarms posted to the alarm receiver, by result", self.alarms.clone());
        let help = "Loops of the bridge that ended before the stop and were started again";
        registry.register("loop_restarts", help, self.loop_restarts.clone());
        let help = "Pictures of texts that wait, by the result of fetching them";
        registry.register("pictures", help, self.pictures.clone());
        let help = "The length of the pictures that are kept until their texts are written";
        registry.register_with_unit("pictures_kept", help, Unit::Bytes, self.pictures_kept.clone());
        registry.register("config_reloads", "Configurations read again, by result", self.reloads.clone());
    }

    /// Sets the time of the bridge's start.
    pub fn set_started(&self, at: Timestamp) {
        self.started.set(at.as_duration().as_secs_f64());
    }

    /// Counts a webhook that became an event.
    pub fn accepted(&self, endpoint: &'static str) {
        self.accepted.get_or_create(&Endpoint { endpoint }).inc();
        self.taken_in.inc();
    }

    /// Counts a webhook that repeated an earlier one.
    pub fn duplicate(&self, endpoint: &'static str) {
        self.duplicates.get_or_create(&Endpoint { endpoint }).inc();
    }

    /// Counts an authentic webhook with nothing to do.
    pub fn ignored(&self, endpoint: &'static str) {
        self.ignored.get_or_create(&Endpoint { endpoint }).inc();
    }

    /// Counts an authentic webhook that could not be read and was kept.
    pub fn quarantined(&self, endpoint: &'static str) {
        self.quarantined.get_or_create(&Endpoint { endpoint }).inc();
    }

    /// Counts a refused webhook.
    pub fn refused(&self, endpoint: &'static str, cause: &'static str) {
        self.refused.get_or_create(&Refused { endpoint, cause }).inc();
    }

    /// Sets the time at which an endpoint's last webhook became an event.
    pub fn set_last_accepted(&self, endpoint: &'static str, at: Timestamp) {
        self.last_accepted.get_or_create(&Endpoint { endpoint }).set(at.as_duration().as_secs_f64());
    }

    /// Counts a webhook that was answered with 503.
    pub fn unavailable(&self, reason: &'static str) {
        self.unavailable.get_or_create(&Reason { reason }).inc();
    }

    /// Counts an attempt to deliver with this outcome ([`crate::domain::delivery::Outcome::name`]).
    pub fn attempt(&self, account: AccountId, outcome: &'static str) {
        self.attempts.get_or_create(&Attempt { destination: account.name(), outcome }).inc();
        match outcome {
            "done" => drop(self.done.inc()),
            "retry" | "reject" | "unknown" | "pause" => drop(self.troubled.inc()),
            _ => {}
        }
    }

    /// Shows the numbers of a line of the configuration from the start on, as zero.
    pub fn line_may_carry(&self, line: &str) {
        for direction in Direction::ALL.map(Direction::word) {
            drop(self.line_texts.get_or_create(&LineText { line: line.to_owned(), direction }));
        }
    }

    /// Counts texts that were delivered on a line of the configuration.
    pub fn texts_delivered(&self, line: &str, direction: Direction, many: u64) {
        let label = LineText { line: line.to_owned(), direction: direction.word() };
        self.line_texts.get_or_create(&label).inc_by(many);
    }

    /// The counts since the start, without labels.
    #[must_use]
    pub fn tallies(&self) -> Tallies {
        Tallies { accepted: self.taken_in.get(), delivered: self.done.get(), troubled: self.troubled.get() }
    }

    /// Counts a call to a vendor with its duration; `status` is `None` when no whole answer came.
    pub fn called(&self, account: AccountId, status: Option<u16>, took: Duration) {
        let answer = match status {
            None => "none",
            Some(429) => "429",
            Some(100..=199) => "1xx",
            Some(200..=299) => "2xx",
            Some(300..=399) => "3xx",
            Some(400..=499) => "4xx",
            Some(_) => "5xx",
        };
        self.calls.get_or_create(&Call { destination: account.name(), answer }).observe(took.as_secs_f64());
    }

    /// Counts a wait of a call or a lane for a rate budget.
    pub fn waited_for_budget(&self, account: AccountId, wait: Duration) {
        let at = At { destination: account.name() };
        self.budget_waits.get_or_create(&at).inc();
        self.budget_wait.get_or_create(&at).inc_by(wait.as_secs_f64());
    }

    /// A batch of a carrier's reports was taken in.
    pub fn reports_taken(&self, carrier: AccountId, new: u64, repeated: u64, foreign: u64) {
        for (fate, count) in [("new", new), ("repeated", repeated), ("foreign", foreign)] {
            self.reports.get_or_create(&Fate { destination: carrier.name(), fate }).inc_by(count);
        }
    }

    /// A report found its fate: one of the words behind the first three of [`REPORTS`].
    pub fn report_weighed(&self, carrier: AccountId, fate: &'static str) {
        self.reports.get_or_create(&Fate { destination: carrier.name(), fate }).inc();
    }

    /// A report was found to be about a delivery.
    pub fn receipt(&self, carrier: AccountId, what: &'static str) {
        self.receipts.get_or_create(&What { destination: carrier.name(), what }).inc();
    }

    /// How many reports of each carrier are kept of which no delivery is known.
    pub fn set_unbound(&self, unbound: &BTreeMap<AccountId, u64>) {
        for (carrier, many) in unbound {
            let at = At { destination: carrier.name() };
            self.reports_unbound.get_or_create(&at).set(i64::try_from(*many).unwrap_or(i64::MAX));
        }
    }

    /// Shows this word of Zendesk's for a lost webhook at 0, so that an alarm sees the first one.
    pub fn webhooks_may_be_given_up(&self, status: &'static str) {
        drop(self.webhooks_given_up.get_or_create(&GivenUp { status }));
    }

    /// Counts a webhook that Zendesk's log shows as given up. The word is Zendesk's, of a fixed list.
    pub fn webhook_given_up(&self, status: &'static str) {
        self.webhooks_given_up.get_or_create(&GivenUp { status }).inc();
    }

    /// Sets whether a vendor does not answer.
    pub fn set_unreachable(&self, account: AccountId, unreachable: bool) {
        self.unreachable.get_or_create(&At { destination: account.name() }).set(i64::from(unreachable));
    }

    /// Sets whether a destination is held.
    pub fn set_paused(&self, account: AccountId, paused: bool) {
        self.paused.get_or_create(&At { destination: account.name() }).set(i64::from(paused));
    }

    /// Counts a posted alarm: taken by its receiver, or failed.
    pub fn alarm(&self, sent: bool) {
        self.alarms.get_or_create(&Result { result: if sent { "sent" } else { "failed" } }).inc();
    }

    /// Shows the restarts of the loop of this name at 0, so that an alarm sees the first one.
    pub fn loop_may_be_restarted(&self, name: &str) {
        drop(self.loop_restarts.get_or_create(&Task { r#loop: name.to_owned() }));
    }

    /// Counts a restart of the loop of this name, which ended before the stop.
    pub fn loop_restarted(&self, name: &str) {
        self.loop_restarts.get_or_create(&Task { r#loop: name.to_owned() }).inc();
    }

    /// Counts a picture of a text that waits: one of [`PICTURES`].
    pub fn picture(&self, result: &'static str) {
        self.pictures.get_or_create(&Result { result }).inc();
    }

    /// Sets the length of all kept pictures.
    pub fn set_pictures_kept(&self, bytes: u64) {
        self.pictures_kept.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Counts a reload of the configuration: taken, or refused as a whole.
    pub fn reloaded(&self, taken: bool) {
        self.reloads.get_or_create(&Result { result: if taken { "taken" } else { "refused" } }).inc();
    }

    /// Shows the numbers of an account from the start on, as zero.
    pub fn account_may_be_called(&self, account: AccountId) {
        let destination = account.name();
        drop(self.budget_waits.get_or_create(&At { destination }));
        drop(self.budget_wait.get_or_create(&At { destination }));
        drop(self.paused.get_or_create(&At { destination }));
        drop(self.unreachable.get_or_create(&At { destination }));
    }

    /// Shows the numbers of a carrier's reports from the start on, as zero.
    pub fn account_may_report(&self, carrier: AccountId) {
        let destination = carrier.name();
        REPORTS.into_iter().for_each(|fate| drop(self.reports.get_or_create(&Fate { destination, fate })));
        Reported::NAMES.into_iter().for_each(|what| drop(self.receipts.get_or_create(&What { destination, what })));
        drop(self.reports_unbound.get_or_create(&At { destination }));
    }

    /// Sets whether the operator has paused a destination.
    pub fn set_paused_by_operator(&self, account: AccountId, paused: bool) {
        self.paused_by_operator.get_or_create(&At { destination: account.name() }).set(i64::from(paused));
    }

    /// Sets the number of deliveries in each state, and the age of the oldest unsettled one (zero when there is none).
    pub fn set_deliveries(&self, by_state: impl IntoIterator<Item = (&'static str, u64)>, oldest: Duration) {
        for (state, count) in by_state {
            self.deliveries.get_or_create(&State { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.oldest_unsettled.set(oldest.as_secs_f64());
    }

    /// Sets how far the machine's clock is ahead of the bridge's time; negative where it is behind.
    pub fn set_clock_off(&self, by: SignedDuration) {
        self.clock_off.set(by.as_secs_f64());
    }

    /// Sets the number of deliveries that may wait.
    pub fn set_backlog_max(&self, backlog_max: u64) {
        self.backlog_max.set(i64::try_from(backlog_max).unwrap_or(i64::MAX));
    }

    /// Sets the distributions of the store's commits since it was opened: their seconds, and the requests that each
    /// answered.
    pub fn set_commits(&self, seconds: Distribution, requests: Distribution) {
        self.commit.set(seconds);
        self.commit_requests.set(requests);
    }

    /// The page, in OpenMetrics ([`exposition::OPENMETRICS`]).
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = String::new();
        match encode(&mut page, &self.registry) {
            Ok(()) => page,
            // Writing into a String does not fail. If a metric ever refuses, half a page would mislead.
            Err(fmt::Error) => String::new(),
        }
    }

    /// The page in the classic text format ([`exposition::CLASSIC`]).
    #[must_use]
    pub fn render_classic(&self) -> String {
        exposition::classic(&self.render())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_on_the_page_under_its_name() {
        let metrics = Metrics::default();
        metrics.set_started(Timestamp::from_second(1_700_000_000).unwrap());
        metrics.accepted("zendesk");
        metrics.accepted("zendesk");
        metrics.duplicate("braze");
        metrics.ignored("braze");
        metrics.quarantined("recipe_send");
        metrics.refused("zendesk", "signature");
        metrics.set_last_accepted("braze", Timestamp::from_second(1_700_000_000).unwrap());
        metrics.unavailable("disk");
        metrics.attempt(Ends::FIRST.desk, "done");
        metrics.called(Ends::FIRST.desk, Some(201), Duration::from_millis(30));
        metrics.called(Ends::FIRST.desk, None, Duration::from_secs(26));
        metrics.waited_for_budget(Ends::FIRST.carrier, Duration::from_millis(2500));
        metrics.webhook_given_up("circuit broken");
        metrics.set_paused(Ends::FIRST.carrier, true);
        metrics.set_unreachable(Ends::FIRST.desk, true);
        metrics.set_paused_by_operator(Ends::FIRST.desk, true);
        metrics.alarm(true);
        metrics.loop_may_be_restarted("janitor");
        metrics.loop_restarted("catch_up");
        metrics.picture("no_room");
        metrics.set_pictures_kept(4096);
        metrics.reloaded(false);
        metrics.set_deliveries([("pending", 3), ("dead", 0)], Duration::from_millis(1500));
        let seconds = Distribution { buckets: vec![(0.001, 2), (f64::INFINITY, 1)], sum: 0.25 };
        let requests = Distribution { buckets: vec![(1.0, 1), (16.0, 2), (f64::INFINITY, 0)], sum: 17.0 };
        metrics.set_commits(seconds, requests);
        let page = metrics.render();
        for line in [
            "process_start_time_seconds 1700000000.0",
            concat!("tandem_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "tandem_accepted_total{endpoint=\"zendesk\"} 2",
            "tandem_duplicates_total{endpoint=\"braze\"} 1",
            "tandem_ignored_total{endpoint=\"braze\"} 1",
            "tandem_quarantined_total{endpoint=\"recipe_send\"} 1",
            "tandem_refused_total{endpoint=\"zendesk\",cause=\"signature\"} 1",
            "tandem_last_accepted_timestamp_seconds{endpoint=\"braze\"} 1700000000.0",
            "tandem_unavailable_total{reason=\"disk\"} 1",
            "tandem_unavailable_total{reason=\"backlog\"} 0",
            "tandem_attempts_total{destination=\"zendesk\",outcome=\"done\"} 1",
            "tandem_call_seconds_bucket{le=\"0.025\",destination=\"zendesk\",answer=\"2xx\"} 0",
            "tandem_call_seconds_bucket{le=\"0.05\",destination=\"zendesk\",answer=\"2xx\"} 1",
            "tandem_call_seconds_count{destination=\"zendesk\",answer=\"none\"} 1",
            "tandem_budget_waits_total{destination=\"braze\"} 1",
            "tandem_budget_wait_seconds_total{destination=\"braze\"} 2.5",
            "tandem_webhooks_given_up_total{status=\"circuit broken\"} 1",
            "tandem_destination_paused{destination=\"braze\"} 1",
            "tandem_destination_paused{destination=\"zendesk\"} 0",
            "tandem_destination_unreachable{destination=\"braze\"} 0",
            "tandem_destination_unreachable{destination=\"zendesk\"} 1",
            "tandem_destination_paused_by_operator{destination=\"zendesk\"} 1",
            "tandem_alarms_total{result=\"sent\"} 1",
            "tandem_loop_restarts_total{loop=\"catch_up\"} 1",
            "tandem_loop_restarts_total{loop=\"janitor\"} 0",
            "tandem_pictures_total{result=\"no_room\"} 1",
            "tandem_pictures_total{result=\"kept\"} 0",
            "tandem_pictures_kept_bytes 4096",
            "tandem_config_reloads_total{result=\"refused\"} 1",
            "tandem_deliveries{state=\"pending\"} 3",
            "tandem_deliveries{state=\"dead\"} 0",
            "tandem_oldest_unsettled_seconds 1.5",
            "tandem_store_commit_seconds_bucket{le=\"+Inf\"} 3",
            "tandem_store_commit_seconds_sum 0.25",
            "tandem_store_commit_requests_bucket{le=\"16.0\"} 3",
            "tandem_store_commit_requests_sum 17.0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not on the page:\n{page}");
        }
        assert!(page.ends_with("# EOF\n"), "{page}");
    }

    #[test]
    fn each_carriers_reports_are_counted_apart_from_the_start_on() {
        let metrics = Metrics::default();
        metrics.reports_taken(Ends::FIRST.carrier, 3, 2, 1);
        let further: AccountId = "canada".parse().unwrap();
        metrics.account_may_report(further);
        metrics.report_weighed(further, "unbound");
        metrics.receipt(further, "delivered");
        metrics.set_unbound(&BTreeMap::from([(Ends::FIRST.carrier, 0), (further, 4)]));
        let page = metrics.render();
        for line in [
            "tandem_reports_total{destination=\"braze\",fate=\"new\"} 3",
            "tandem_reports_total{destination=\"braze\",fate=\"unbound\"} 0",
            "tandem_reports_total{destination=\"canada\",fate=\"new\"} 0",
            "tandem_reports_total{destination=\"canada\",fate=\"unbound\"} 1",
            "tandem_receipts_total{destination=\"braze\",what=\"delivered\"} 0",
            "tandem_receipts_total{destination=\"canada\",what=\"delivered\"} 1",
            "tandem_reports_unbound{destination=\"braze\"} 0",
            "tandem_reports_unbound{destination=\"canada\"} 4",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not on the page:\n{page}");
        }
    }

    #[test]
    fn the_sums_are_of_what_is_on_the_page() {
        let metrics = Metrics::default();
        metrics.accepted("zendesk");
        metrics.accepted("braze");
        for outcome in ["done", "retry", "reject", "unknown", "pause", "skip", "postpone", "not_seen"] {
            metrics.attempt(Ends::FIRST.carrier, outcome);
        }
        assert_eq!(metrics.tallies(), Tallies { accepted: 2, delivered: 1, troubled: 4 });
    }

    #[test]
    fn nothing_is_global() {
        let (busy, idle) = (Metrics::default(), Metrics::default());
        busy.unavailable("disk");
        assert!(busy.render().contains("tandem_unavailable_total{reason=\"disk\"} 1"));
        assert!(idle.render().contains("tandem_unavailable_total{reason=\"disk\"} 0"));
    }

    #[test]
    fn a_pause_ends() {
        let metrics = Metrics::default();
        metrics.set_paused(Ends::FIRST.carrier, true);
        metrics.set_paused(Ends::FIRST.carrier, false);
        assert!(metrics.render().contains("tandem_destination_paused{destination=\"braze\"} 0"));
    }
}
