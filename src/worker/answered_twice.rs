//! The look at who else answers a carrier's customers, and the texts that wait meanwhile. Where the carrier's own platform would
//! open a second ticket for each text, the account's texts stay in the store, in order, until a later look finds the bridge
//! alone. Never changes who answers, and holds up no other account.
//!
//! A look that fails tells nothing: texts that wait go on waiting, and those that go go on. Before the first look has
//! succeeded, a text waits for a minute at most.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::domain::account::{AccountId, Direction};
use crate::domain::alarm::Notice;
use crate::domain::delivery::State;
use crate::domain::event::EventKind;
use crate::domain::line::Lines;
use crate::domain::retry::later;
use crate::ports::{Carrier, Failure};
use crate::store::Claim;
use crate::telemetry::{Readiness, Trouble};

use super::{AlarmQueue, Worker};

/// The time between two looks.
const EVERY: Duration = Duration::from_secs(300);

/// The time between two looks while texts wait, and how long a waiting text is left alone.
const WHILE_HELD: Duration = Duration::from_secs(60);

/// The time between two looks at first, until one succeeds.
const AT_FIRST: Duration = Duration::from_secs(10);

/// How many of the first looks may fail before texts go on.
const FIRST_LOOKS: u32 = 6;

/// How long a text waits before it asks again whether the first look is over.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// The carriers whose texts wait.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<BTreeMap<AccountId, Standing>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// No look is over yet.
    NotLooked,
    /// Another responder opens tickets as well, for this reason.
    Twice(String),
}

impl Held {
    /// Those of these carriers' texts wait for a first look whose platforms may answer.
    pub(super) fn until_looked<'a>(workers: impl Iterator<Item = &'a Arc<Worker>>) -> Self {
        let may_answer = workers.filter(|worker| worker.carrier.responders().is_some());
        Self(Mutex::new(may_answer.map(|worker| (worker.ends.carrier, Standing::NotLooked)).collect()))
    }

    /// The reason why the customer's text of a claim has to wait, and until when.
    pub(super) fn back(&self, claim: &Claim, now: Timestamp) -> Option<(String, Timestamp)> {
        let head = claim.work.first()?;
        let is_text =
            claim.route.direction == Direction::ToDesk && matches!(head.event.kind, EventKind::CustomerText(_));
        // A text that may be on its ticket is looked for first.
        if !is_text || matches!(head.delivery.state, State::Unconfirmed { .. }) {
            return None;
        }
        match self.lock().get(&claim.ends.carrier)? {
            Standing::NotLooked => {
                Some(("nothing is known yet of other responders".to_owned(), later(now, FIRST_LOOK)))
            }
            Standing::Twice(cause) => Some((cause.clone(), later(now, WHILE_HELD))),
        }
    }

    /// Changes the standing of a carrier; gives the one before.
    fn set(&self, carrier: AccountId, standing: Option<Standing>) -> Option<Standing> {
        match standing {
            Some(standing) => self.lock().insert(carrier, standing),
            None => self.lock().remove(&carrier),
        }
    }

    fn standing(&self, carrier: AccountId) -> Option<Standing> {
        self.lock().get(&carrier).cloned()
    }

    /// Every change is one insertion or removal, so a poisoned lock still holds a whole map.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<AccountId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The looks at one carrier's responders.
pub(super) struct Looks<'a> {
    carrier: Arc<dyn Carrier>,
    account: AccountId,
    lines: Arc<Lines>,
    clock: Clock,
    readiness: Arc<Readiness>,
    alarms: Arc<AlarmQueue>,
    held: &'a Held,
}

impl<'a> Looks<'a> {
    /// The looks at the carrier of this worker.
    pub(super) fn of(lead: &Worker, held: &'a Held) -> Self {
        Self {
            carrier: Arc::clone(&lead.carrier),
            account: lead.ends.carrier,
            lines: Arc::clone(&lead.lines),
            clock: lead.clock.clone(),
            readiness: Arc::clone(&lead.readiness),
            alarms: Arc::clone(&lead.alarms),
            held,
        }
    }

    /// Looks at once, and then at intervals, until `stop`.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        let Some(responders) = self.carrier.responders() else { return stop.cancelled().await };
        let (mut told, mut first_looks) = (String::new(), 0..FIRST_LOOKS);
        while !stop.is_cancelled() {
            let look = responders.second_ticket(self.account, &self.lines);
            let Some(found) = stop.run_until_cancelled(look).await else { return };
            let is_last = first_looks.next().is_none();
            self.note(found, is_last, &mut told, self.clock.now());
            let wait = match self.held.standing(self.account) {
                Some(Standing::NotLooked) => AT_FIRST,
                Some(Standing::Twice(_)) => WHILE_HELD,
                None => EVERY,
            };
            let _ = stop.run_until_cancelled(self.clock.sleep(wait)).await;
        }
    }

    /// Takes note of a look. Where the first ones fail, texts wait for the last of them, because they may have waited before a
    /// restart. `told` is the cause of the last failure that is in the log.
    fn note(&self, found: Result<Option<String>, Failure>, is_last: bool, told: &mut String, now: Timestamp) {
        let account = self.account;
        if found.is_ok() {
            told.clear();
        }
        match found {
            Ok(Some(cause)) => {
                let before = self.held.set(account, Some(Standing::Twice(cause.clone())));
                if !matches!(before, Some(Standing::Twice(_))) {
                    warn!(
                        destination = account.name(),
                        "responders.second_ticket: {cause}; its texts wait in the store"
                    );
                    self.alarms.note(Notice::AnsweredTwice { account, cause: cause.clone() }, now);
                }
                self.readiness.set_trouble(account, Trouble::AnsweredTwice, cause, now);
            }
            Ok(None) => {
                if let Some(Standing::Twice(_)) = self.held.set(account, None) {
                    info!(destination = account.name(), "responders.alone: no other opens tickets; its texts go on");
                    self.alarms.note(Notice::AnsweredAlone { account }, now);
                    self.readiness.clear_trouble(account, Trouble::AnsweredTwice);
                }
            }
            Err(failure) => {
                let cause = failure.cause();
                // An operator's pause, or a spent budget, is no failure.
                if !matches!(failure, Failure::Postpone { .. }) && cause != told {
                    warn!(destination = account.name(), "responders.not_seen: {cause}; it is looked again");
                    cause.clone_into(told);
                }
                if is_last && self.held.standing(account) == Some(Standing::NotLooked) {
                    self.held.set(account, None);
                }
            }
        }
    }
}
