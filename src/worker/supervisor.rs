//! Keeps the bridge's loops running. A loop that ends before the stop, by a panic or by a return, is counted, logged
//! and started again. Readiness is red until the loop has run for a while.
//!
//! The supervisor knows nothing of a loop's work, and takes no other loop along: deliveries to one vendor go on while
//! those to the other start again. A restart loses the loop's own variables, so they hold only values that the loop
//! can find again.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::clock::Clock;
use crate::domain::account::{AccountId, Direction, Ends, Route};
use crate::failpoint;
use crate::telemetry::{Metrics, Readiness};

/// The wait before the first restart. It doubles with each loop that ended before it stood.
const WAIT: Duration = Duration::from_secs(1);

/// The longest wait before a restart.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How long a restarted loop has to run until it stands.
const STANDS_AFTER: Duration = Duration::from_secs(5);

/// One of the bridge's loops: a task that runs from the start to the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// Hands out the deliveries of one route.
    Claims(Route),
    /// Drops old records from the store.
    Janitor,
    /// Looks at one desk for replies that no webhook brought.
    CatchUp(AccountId),
    /// Looks at one carrier for texts that no webhook brought.
    MissedTexts(AccountId),
    /// Looks at who else answers one carrier's customers.
    Responders(AccountId),
    /// Completes the users of one desk.
    Completions(AccountId),
    /// Weighs the carrier's reports.
    Reports,
    /// Posts alarms to the operator's receiver.
    Alarms,
    /// Compares the machine's clock with the vendors'.
    Timekeeping,
    /// Takes the samples of the console's plots.
    Samples,
    /// Keeps the account of webhooks in the store.
    Arrivals,
    /// Looks for deliveries of accounts that are not configured.
    Accounts,
    /// Fetches the pictures of texts that wait.
    Pictures,
}

impl Loop {
    /// All loops of a bridge between these pairs of accounts.
    pub fn all(pairs: &BTreeSet<Ends>) -> impl Iterator<Item = Self> {
        let routes: BTreeSet<Route> = pairs.iter().flat_map(|ends| ends.routes()).collect();
        let desks: BTreeSet<AccountId> = pairs.iter().map(|ends| ends.desk).collect();
        let of_desks = desks.into_iter().flat_map(|desk| [Self::CatchUp(desk), Self::Completions(desk)]);
        let carriers: BTreeSet<AccountId> = pairs.iter().map(|ends| ends.carrier).collect();
        let of_carriers =
            carriers.into_iter().flat_map(|carrier| [Self::MissedTexts(carrier), Self::Responders(carrier)]);
        let others = [
            Self::Janitor,
            Self::Reports,
            Self::Alarms,
            Self::Timekeeping,
            Self::Samples,
            Self::Arrivals,
            Self::Accounts,
            Self::Pictures,
        ];
        routes.into_iter().map(Self::Claims).chain(of_desks).chain(of_carriers).chain(others)
    }

    /// Its name in logs, metrics and fail points.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Claims(Route { direction: Direction::ToDesk, account }) => format!("to_desk_{account}").into(),
            Self::Claims(Route { direction: Direction::ToCustomer, account }) => {
                format!("to_customer_{account}").into()
            }
            Self::Janitor => "janitor".into(),
            Self::CatchUp(desk) => of_account("catch_up", desk),
            Self::MissedTexts(carrier) => of_account("missed_texts", carrier),
            Self::Responders(carrier) => of_account("responders", carrier),
            Self::Completions(desk) => of_account("completions", desk),
            Self::Reports => "reports".into(),
            Self::Alarms => "alarms".into(),
            Self::Timekeeping => "timekeeping".into(),
            Self::Samples => "samples".into(),
            Self::Arrivals => "arrivals".into(),
            Self::Accounts => "accounts".into(),
            Self::Pictures => "pictures".into(),
        }
    }

    /// The work that stands still while the loop does not run.
    fn work(self) -> Cow<'static, str> {
        match self {
            Self::Claims(Route { direction: Direction::ToDesk, account }) => {
                format!("texts and notes to {account}").into()
            }
            Self::Claims(Route { direction: Direction::ToCustomer, account }) => {
                format!("replies by way of {account}").into()
            }
            Self::Janitor => "the clean-up of the store".into(),
            Self::CatchUp(desk) if desk.is_first() => "replies that no webhook brought".into(),
            Self::CatchUp(desk) => format!("replies that no webhook of {desk} brought").into(),
            Self::MissedTexts(carrier) => format!("texts that no webhook of {carrier} brought").into(),
            Self::Responders(carrier) => format!("the look at who else answers on {carrier}").into(),
            Self::Completions(desk) => format!("the completion of users at {desk}").into(),
            Self::Reports => "delivery receipts".into(),
            Self::Alarms => "alarms".into(),
            Self::Timekeeping => "the check of the clock".into(),
            Self::Samples => "the samples of the console's plots".into(),
            Self::Arrivals => "the account of webhooks".into(),
            Self::Accounts => "the look for accounts that are not configured".into(),
            Self::Pictures => "the pictures of texts that wait".into(),
        }
    }
}

/// The name of an account's loop. That of a first account stands alone, as before there were several.
fn of_account(name: &'static str, account: AccountId) -> Cow<'static, str> {
    if account.is_first() { name.into() } else { format!("{name}_{account}").into() }
}

/// Starts loops and restarts them.
#[derive(Clone)]
pub struct Supervisor {
    /// The time.
    pub clock: Clock,
    /// Where restarts are counted.
    pub metrics: Arc<Metrics>,
    /// Red while a loop does not stand.
    pub readiness: Arc<Readiness>,
}

impl Supervisor {
    /// Runs a loop until `stop`. `start` begins it at once, and again after each end before the stop.
    pub async fn keep<F: Future<Output = ()>>(
        &self,
        watched: Loop,
        stop: &CancellationToken,
        mut start: impl FnMut() -> F,
    ) {
        let (name, work) = (watched.name(), watched.work());
        let mut failures = 0;
        loop {
            let run = async {
                failpoint::reach(&name);
                start().await;
            };
            let mut run = pin!(AssertUnwindSafe(run).catch_unwind());
            let mut ended = None;
            if failures > 0 {
                tokio::select! {
                    biased;
                    end = &mut run => ended = Some(end),
                    () = self.clock.sleep(STANDS_AFTER) => {
                        failures = 0;
                        self.readiness.clear_reason(&name);
                        info!("{name}.stands: the loop for {work} runs again");
                    }
                }
            }
            let ended = match ended {
                Some(ended) => ended,
                None => run.await,
            };
            if stop.is_cancelled() {
                return;
            }
            let how = if ended.is_err() { "panicked" } else { "ended" };
            let wait = WAIT.saturating_mul(1 << failures.min(6)).min(WAIT_MAX);
            failures += 1;
            self.metrics.loop_restarted(&name);
            self.readiness.set_reason(name.clone(), format!("the loop for {work} {how} and starts again"));
            error!(failures, "{name}.restarted: the loop for {work} {how}; it starts again in {wait:?}");
            if stop.run_until_cancelled(self.clock.sleep(wait)).await.is_none() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use jiff::SignedDuration;

    use super::*;

    fn supervisor() -> Supervisor {
        let clock = Clock::manual("2026-06-01T09:00:00Z".parse().unwrap(), 1);
        Supervisor { clock, metrics: Arc::default(), readiness: Arc::default() }
    }

    /// Goes on until all tasks wait.
    async fn quiet() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_loop_that_ends_is_red_is_started_again_and_is_green_once_it_stands() {
        let (supervisor, stop, starts) = (supervisor(), CancellationToken::new(), Arc::new(AtomicU32::new(0)));
        let kept = tokio::spawn({
            let (supervisor, stop, starts) = (supervisor.clone(), stop.clone(), Arc::clone(&starts));
            async move {
                let start = || {
                    let (stop, turn) = (stop.clone(), starts.fetch_add(1, Ordering::SeqCst));
                    async move {
                        match turn {
                            0 => panic!("planted"),
                            1 => {}
                            _ => stop.cancelled().await,
                        }
                    }
                };
                supervisor.keep(Loop::CatchUp(Ends::FIRST.desk), &stop, start).await;
            }
        });
        let reasons =
            |how: &str| vec![format!("catch_up: the loop for replies that no webhook brought {how} and starts again")];
        let pass = async |seconds| {
            supervisor.clock.advance(SignedDuration::from_secs(seconds));
            quiet().await;
        };
        quiet().await;
        assert_eq!((supervisor.readiness.reasons(), starts.load(Ordering::SeqCst)), (reasons("panicked"), 1));
        pass(1).await;
        assert_eq!((supervisor.readiness.reasons(), starts.load(Ordering::SeqCst)), (reasons("ended"), 2));
        pass(1).await;
        assert_eq!(starts.load(Ordering::SeqCst), 2, "the second wait is longer");
        pass(1).await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
        pass(4).await;
        assert_eq!(supervisor.readiness.reasons(), reasons("ended"), "it does not stand yet");
        pass(1).await;
        assert_eq!(supervisor.readiness.reasons(), Vec::<String>::new());
        let line = "tandem_loop_restarts_total{loop=\"catch_up\"} 2";
        assert!(supervisor.metrics.render().contains(line));
        stop.cancel();
        kept.await.unwrap();
        assert_eq!(starts.load(Ordering::SeqCst), 3, "an end at the stop is no fault");
    }

    #[tokio::test]
    async fn a_stop_ends_the_wait_for_a_restart() {
        let (supervisor, stop) = (supervisor(), CancellationToken::new());
        let kept = tokio::spawn({
            let (supervisor, stop) = (supervisor.clone(), stop.clone());
            async move { supervisor.keep(Loop::Janitor, &stop, || async {}).await }
        });
        quiet().await;
        assert_eq!(supervisor.readiness.reasons().len(), 1);
        stop.cancel();
        kept.await.unwrap();
    }
}
