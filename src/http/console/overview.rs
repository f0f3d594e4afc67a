//! The first page: the troubles that need the operator, the deliveries by state, the speed, and the vendors' limits.
//! Never calls a vendor.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::destinations::Paused;
use super::inbound::Inbound;
use super::meant::NEEDY;
use super::needs::{Begun, Facts, Need, Vendor, needs};
use super::page::{self, Section, Shell, html, sentence};
use super::plot::{self, Plot};
use super::session::Visitor;
use super::view::{self, Held, Moment, grouped, moment};
use crate::domain::account::{AccountId, End};
use crate::domain::budget::{Level, a_period};
use crate::domain::delivery::{Delivery, StateName};
use crate::http::OperatorState;
use crate::http::console::Allowance;
use crate::http::health;
use crate::http::operator::Query;
use crate::store::{Counts, DeliveryFilter, StoreError};
use crate::telemetry::Trouble;

/// The number of deliveries in one state.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Count {
    state: StateName,
    tone: &'static str,
    shown: String,
    /// The meaning of the state, in a few words.
    means: &'static str,
    /// The list of exactly the counted deliveries, with answered doorbells, which other lists leave out.
    href: String,
}

/// One destination.
pub(super) struct Line {
    name: &'static str,
    vendor: String,
    /// The operator's pause.
    paused: Option<Paused>,
    /// The vendor's trouble and its cause; both empty while it takes calls.
    trouble: &'static str,
    cause: String,
    budgets: Vec<Budget>,
}

/// The calls that a vendor still allows under one limit.
struct Budget {
    name: &'static str,
    /// The calls left, in words.
    left: String,
    /// The calls left, in per cent.
    percent: u32,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    shell: Shell,
    needs: Vec<Need>,
    is_ready: bool,
    counts: Vec<Count>,
    oldest: Option<Moment>,
    plots: Vec<Plot>,
    lines: Vec<Line>,
    commits: Commits,
    inbound: Inbound,
}

/// The speed of the store's commits.
#[derive(Debug, PartialEq, Eq)]
struct Commits {
    count: String,
    /// The mean duration of a commit; empty before the first.
    mean: String,
    /// The mean number of requests that a commit answered.
    together: String,
}

/// `GET /console`.
pub(super) async fn show(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, page::Trouble> {
    let done = Query::read(&uri, &["done"])?.take("done");
    let facts = facts(&state).await?;
    let line = |vendor: &Vendor| line(vendor, &allowance(&state, vendor.account).levels, facts.now);
    let page = Overview {
        shell: Shell::new(&visitor, Section::Overview, "Overview").after(done.as_deref()),
        needs: needs(&facts),
        is_ready: facts.reasons.is_empty(),
        oldest: facts.counts.oldest_unsettled.map(|at| moment(at, facts.now)),
        counts: by_state(&facts.counts),
        plots: plot::plots(&state.console.options.samples.all()),
        lines: facts.vendors.iter().map(line).collect(),
        commits: commits(&facts.counts),
        inbound: Inbound::of(&state.inbound.shown(), &state.intake.borrow(), facts.now),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Deliveries at most that are read of one state, to find those that were refused often and the time of the first. With
/// more of them the vendor itself is in the list, and the first is among the oldest.
const LOOKED_THROUGH_MAX: usize = 200;

/// The facts for the list of needs.
async fn facts(state: &OperatorState) -> Result<Facts, StoreError> {
    let counts = state.store.counts();
    let waiting = oldest(state, &counts, StateName::Waiting).await?;
    let vendor = |(account, end): (&AccountId, &End)| {
        let (account, end) = (*account, *end);
        let Allowance { reached, remedies, .. } = allowance(state, account);
        Vendor {
            account,
            end,
            refuses: state.readiness.trouble(account, Trouble::Refuses),
            unreachable: state.readiness.trouble(account, Trouble::Unreachable),
            answered_twice: state.readiness.trouble(account, Trouble::AnsweredTwice),
            paused: state.store.paused(account),
            reached,
            remedies,
        }
    };
    let begun = Begun::of(state, &counts).await?;
    let (reasons, _) = health::told(state.store.as_ref(), &state.readiness);
    Ok(Facts {
        now: state.clock.now(),
        reasons,
        remarks: state.readiness.remarks(),
        counts,
        vendors: state.accounts.iter().map(vendor).collect(),
        waiting,
        begun,
    })
}

/// The oldest deliveries in a state; the store is not asked where the numbers say that there are none.
async fn oldest(state: &OperatorState, counts: &Counts, name: StateName) -> Result<Vec<Delivery>, StoreError> {
    if counts.of(name) == 0 {
        return Ok(Vec::new());
    }
    let filter = DeliveryFilter { state: Some(name), limit: LOOKED_THROUGH_MAX, ..DeliveryFilter::default() };
    Ok(state.store.deliveries(filter).await?.items)
}

impl Begun {
    async fn of(state: &OperatorState, counts: &Counts) -> Result<Self, StoreError> {
        let mut begun = Self::default();
        for name in NEEDY {
            begun.take(&oldest(state, counts, name).await?);
        }
        Ok(begun)
    }
}

/// The reason why a delivery's vendor is not called; `None` if it is.
pub(super) fn held(state: &OperatorState, delivery: &Delivery) -> Option<Held> {
    let by = |account| {
        let is_in = |trouble| state.readiness.trouble(account, trouble).is_some();
        let vendor = view::vendor(account);
        match state.store.paused(account) {
            Some(_) => Some(Held { until: format!("when {vendor} is no longer paused"), is_pause: true }),
            None if is_in(Trouble::Refuses) => {
                Some(Held { until: format!("when {vendor} takes calls again"), is_pause: false })
            }
            None if is_in(Trouble::Unreachable) => {
                Some(Held { until: format!("when {vendor} answers again"), is_pause: false })
            }
            None => None,
        }
    };
    by(delivery.route().account)
}

fn allowance(state: &OperatorState, account: AccountId) -> Allowance {
    state.console.options.allowances.as_ref().map(|allowances| allowances(account)).unwrap_or_default()
}

fn line(vendor: &Vendor, levels: &[Level], now: Timestamp) -> Line {
    let troubles = [
        ("refuses the bridge", &vendor.refuses),
        ("gives no answer", &vendor.unreachable),
        ("texts wait", &vendor.answered_twice),
    ];
    let first = troubles.into_iter().find_map(|(trouble, since)| Some((trouble, since.as_ref()?)));
    let (trouble, since) = first.map_or(("", None), |(trouble, since)| (trouble, Some(since)));
    Line {
        name: vendor.account.name(),
        vendor: view::vendor(vendor.account),
        paused: vendor.paused.as_ref().map(|pause| Paused::of(pause, now)),
        trouble,
        cause: since.map(|since| sentence(&since.cause)).unwrap_or_default(),
        budgets: levels.iter().map(|level| budget(level, now)).collect(),
    }
}

fn budget(level: &Level, now: Timestamp) -> Budget {
    let period = a_period(level.period);
    let mut left = format!("{} of {} {period}", grouped(level.left.into()), grouped(level.of.into()));
    if let Some(at) = level.opens_at {
        left = format!("{left}, again {}", moment(at, now).ago);
    }
    let percent = (u64::from(level.left) * 100 / u64::from(level.of.max(1))).min(100);
    let percent = u32::try_from(percent).unwrap_or(100);
    let tone = match percent {
        0 => "bad",
        1..25 => "warn",
        _ => "good",
    };
    Budget { name: level.name, left, percent, tone }
}

/// Every state; first those that need the operator.
const STATES: [StateName; 8] = [
    StateName::Dead,
    StateName::Unconfirmed,
    StateName::Quarantined,
    StateName::Waiting,
    StateName::Sending,
    StateName::Pending,
    StateName::Delivered,
    StateName::Skipped,
];

fn by_state(counts: &Counts) -> Vec<Count> {
    let count = |state: StateName| {
        let number = counts.of(state);
        let tone = if number == 0 { "" } else { view::tone(state) };
        let means = match state {
            StateName::Pending => "not tried yet",
            StateName::Sending => "a call is under way",
            StateName::Waiting => "tried, to be tried again",
            StateName::Unconfirmed => "sent, and the answer was lost",
            StateName::Delivered => "arrived at the other side",
            StateName::Skipped => "rightly not sent",
            StateName::Dead => "given up, the agent was told",
            StateName::Quarantined => "could not be read",
        };
        let href = view::query("/console/deliveries", &[("state", state.word()), ("doorbells", "yes")]);
        Count { state, tone, shown: grouped(number), means, href }
    };
    STATES.map(count).into()
}

fn commits(counts: &Counts) -> Commits {
    let stats = &counts.commits;
    let commits = stats.commits();
    let mean = |total: f64| if commits == 0 { None } else { Some(total / commits as f64) };
    Commits {
        count: grouped(commits),
        mean: mean(stats.busy.as_secs_f64() * 1000.0).map(|ms| format!("{ms:.1} ms")).unwrap_or_default(),
        together: mean(stats.requests as f64).map(|many| format!("{many:.1}")).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::CommitStats;

    #[test]
    fn every_state_is_counted_and_only_what_is_there_is_coloured() {
        let counts =
            Counts { by_state: [(StateName::Dead, 1200), (StateName::Waiting, 0)].into(), ..Counts::default() };
        let shown = by_state(&counts);
        let mut states: Vec<StateName> = shown.iter().map(|count| count.state).collect();
        assert_eq!(states[..3], NEEDY, "what needs the operator stands first");
        states.sort_unstable();
        assert_eq!(states, StateName::ALL);
        let of = |state| shown.iter().find(|count| count.state == state).map(|c| (c.shown.as_str(), c.tone));
        assert_eq!(of(StateName::Dead), Some(("1\u{202f}200", "bad")));
        assert_eq!((of(StateName::Waiting), of(StateName::Pending)), (Some(("0", "")), Some(("0", ""))));
        let led_to = |state: StateName| format!("/console/deliveries?state={state}&doorbells=yes");
        assert!(shown.iter().all(|count| count.href == led_to(count.state)), "doorbells are counted: {shown:?}");
    }

    #[test]
    fn a_budget_says_how_much_is_left_and_when_there_is_more() {
        let level =
            |left, opens_at| Level { name: "all calls", left, of: 700, period: Duration::from_secs(60), opens_at };
        let now = crate::http::testing::noon();
        let soon = now.checked_add(jiff::SignedDuration::from_secs(9)).ok();
        for (level, left, percent, tone) in [
            (level(700, None), "700 of 700 a minute", 100, "good"),
            (level(100, None), "100 of 700 a minute", 14, "warn"),
            (level(0, soon), "0 of 700 a minute, again in 9 s", 0, "bad"),
        ] {
            let shown = budget(&level, now);
            assert_eq!((shown.left.as_str(), shown.percent, shown.tone), (left, percent, tone));
        }
    }

    #[test]
    fn commits_are_averaged_once_there_are_any() {
        assert_eq!(commits(&Counts::default()).mean, "");
        let mut stats = CommitStats { busy: Duration::from_millis(30), requests: 40, ..CommitStats::default() };
        stats.by_micros[2] = 20;
        let shown = commits(&Counts { commits: stats, ..Counts::default() });
        assert_eq!((shown.count.as_str(), shown.mean.as_str(), shown.together.as_str()), ("20", "1.5 ms", "2.0"));
    }
}
