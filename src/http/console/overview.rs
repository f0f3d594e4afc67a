//! The first page: is it well, what waits, how fast it goes, and who is kept from being called.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, Uri};
use jiff::Timestamp;

use super::gate;
use super::inbound::Inbound;
use super::page::{Section, Shell, Trouble, html, see_other};
use super::plot::{self, Plot};
use super::session::Visitor;
use super::view::{self, Moment, grouped, moment};
use crate::domain::budget::Level;
use crate::domain::delivery::State as Standing;
use crate::domain::event::Destination;
use crate::domain::operator::Pause;
use crate::http::OperatorState;
use crate::http::health;
use crate::http::operator::Query;
use crate::http::operator::actions::{self, DESTINATIONS};
use crate::store::Counts;

/// How many deliveries stand in one state.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Count {
    state: &'static str,
    tone: &'static str,
    shown: String,
    /// What the state means, in a few words.
    means: &'static str,
}

/// One destination.
pub(super) struct Line {
    name: &'static str,
    vendor: &'static str,
    /// Since when and by whom the operator keeps it from being called.
    paused: Option<(Moment, String)>,
    /// Why the vendor refuses us; empty when it does not.
    refused: String,
    budgets: Vec<Budget>,
}

/// What a vendor still allows.
struct Budget {
    name: &'static str,
    /// How much is left, in words.
    left: String,
    /// How much is left, in parts of 100.
    percent: u32,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    shell: Shell,
    reasons: Vec<String>,
    notes: Vec<String>,
    counts: Vec<Count>,
    oldest: Option<Moment>,
    plots: Vec<Plot>,
    lines: Vec<Line>,
    commits: Commits,
    inbound: Inbound,
}

/// How the store's commits go.
#[derive(Debug, PartialEq, Eq)]
struct Commits {
    count: String,
    /// How long one took on average; empty before the first.
    mean: String,
    /// How many requests one answered on average.
    together: String,
}

/// `GET /console`.
pub(super) async fn show(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let done = Query::read(&uri, &["done"])?.take("done");
    let (now, counts) = (state.clock.now(), state.store.counts());
    let (reasons, notes) = health::told(state.store.as_ref(), &state.readiness);
    let options = &state.console.options;
    let line = |destination: Destination| {
        let levels = options.levels.as_ref().map(|levels| levels(destination)).unwrap_or_default();
        Line {
            budgets: levels.iter().map(|level| budget(level, now)).collect(),
            ..line(destination, state.store.paused(destination), state.readiness.note(destination.name()), now)
        }
    };
    let page = Overview {
        shell: Shell::new(&visitor, Section::Overview, "Overview").after(done.as_deref()),
        reasons,
        notes,
        oldest: counts.oldest_unsettled.map(|at| moment(at, now)),
        counts: by_state(&counts),
        plots: plot::plots(&options.samples.all()),
        lines: DESTINATIONS.map(line).into(),
        commits: commits(&counts),
        inbound: Inbound::of(&state.inbound.shown(), now),
    };
    Ok(html(StatusCode::OK, &page))
}

fn line(destination: Destination, pause: Option<Pause>, refused: Option<String>, now: Timestamp) -> Line {
    let by = |pause: &Pause| pause.operator.by.clone().unwrap_or_else(|| pause.operator.access.name().to_owned());
    Line {
        name: destination.name(),
        vendor: view::vendor(destination),
        paused: pause.map(|pause| (moment(pause.since, now), by(&pause))),
        refused: refused.unwrap_or_default(),
        budgets: Vec::new(),
    }
}

fn budget(level: &Level, now: Timestamp) -> Budget {
    let seconds = level.period.as_secs();
    let period = match seconds {
        1 => "a second".to_owned(),
        60 => "a minute".to_owned(),
        3600 => "an hour".to_owned(),
        _ => format!("in {seconds} s"),
    };
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
    Budget { name: level.pool.name(), left, percent, tone }
}

fn by_state(counts: &Counts) -> Vec<Count> {
    let count = |state: &'static str| {
        let number = counts.by_state.get(state).copied().unwrap_or(0);
        let tone = if number == 0 { "" } else { view::tone(state) };
        let means = match state {
            "pending" => "not tried yet",
            "sending" => "a call is under way",
            "waiting" => "tried, to be tried again",
            "unconfirmed" => "sent, and the answer was lost",
            "delivered" => "arrived at the other side",
            "skipped" => "rightly not sent",
            "dead" => "given up, the agent was told",
            _ => "could not be read",
        };
        Count { state, tone, shown: grouped(number), means }
    };
    Standing::NAMES.into_iter().map(count).collect()
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

/// `POST /console/destinations/{destination}/pause`.
pub(super) async fn pause(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    set_paused(&state, &visitor, &name, true).await
}

/// `POST /console/destinations/{destination}/resume`.
pub(super) async fn resume(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    set_paused(&state, &visitor, &name, false).await
}

async fn set_paused(state: &OperatorState, visitor: &Visitor, name: &str, paused: bool) -> Result<Response, Trouble> {
    let destination = actions::destination(name)?;
    actions::set_paused(state, destination, paused, &gate::order(state, visitor)).await?;
    Ok(see_other(if paused { "/console?done=paused" } else { "/console?done=resumed" }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::CommitStats;

    #[test]
    fn every_state_is_counted_and_only_what_is_there_is_coloured() {
        let counts = Counts { by_state: [("dead", 1200), ("waiting", 0)].into(), ..Counts::default() };
        let shown = by_state(&counts);
        assert_eq!(shown.len(), Standing::NAMES.len());
        let of = |state: &str| shown.iter().find(|count| count.state == state).map(|c| (c.shown.as_str(), c.tone));
        assert_eq!(of("dead"), Some(("1\u{202f}200", "bad")));
        assert_eq!((of("waiting"), of("pending")), (Some(("0", "")), Some(("0", ""))));
    }

    #[test]
    fn a_budget_says_how_much_is_left_and_when_there_is_more() {
        use crate::domain::budget::Pool;
        let level = |left, opens_at| Level {
            pool: Pool::ZendeskAccount,
            left,
            of: 700,
            period: Duration::from_secs(60),
            opens_at,
        };
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
