//! The worker: wakes, claims the head of a lane, takes the next steps at the vendors and records the outcome. Beside
//! that, it asks desks at intervals for replies that no webhook told of, and drops old records from the store.
//!
//! It never sees an incoming request. [`crate::policy`] decides the next step and [`crate::domain::retry`] the next
//! state; the worker carries out and writes down. Everything that one claim taught is recorded in one commit, so
//! a crash at any instant leaves either all of it, or a lease that ends in a look for the effect.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug_span, error, info, info_span, warn};
use url::Url;

use crate::clock::Clock;
use crate::domain::account::{AccountId, End, Ends};
use crate::domain::alarm::{Left, Notice};
use crate::domain::delivery::{LEASE, Outcome, State, Transition};
use crate::domain::event::{EventId, EventKind};
use crate::domain::kind::Confirmed;
use crate::domain::line::Lines;
use crate::domain::retry::{OnUnconfirmed, RetryPolicy, decide};
use crate::domain::text::RecipeMessage;
use crate::domain::user_match::UserMatch;
use crate::failpoint;
use crate::mapping::{Context, Name};
use crate::ports::{Carrier, Desk, Failure};
use crate::store::{Claim, Store, StoreError, Verdict};
use crate::telemetry::{Metrics, Readiness};
use crate::vendors::http::Attempt;

mod alarm;
mod answered_twice;
mod begun;
mod catch_up;
mod claimed;
mod claims;
mod context;
mod crew;
mod health;
mod in_force;
mod janitor;
mod line;
mod missed_texts;
mod notes;
mod observed;
mod outcome;
mod pauses;
mod personal;
mod receipts;
mod report;
mod retention;
mod steps;
mod supervisor;
mod talks;

pub use alarm::{AlarmOptions, AlarmQueue, Notifier};
use begun::Uncounted;
use claimed::not_arrived;
pub use crew::Crew;
pub use in_force::MappingsInForce;
pub use observed::ObservedTransport;
use outcome::outcome;
pub use pauses::Pauses;
use report::Report;
pub use retention::Retention;
use steps::inbound::completion::Completion;
pub use steps::inbound::completion::Completions;
pub use steps::inbound::facts_kept::KeptFacts;
pub use steps::inbound::in_the_making::InTheMaking;
pub use steps::inbound::uploads::Pictures;
pub use steps::outbound::staff_seen::StaffSeen;
pub use supervisor::{Loop, Supervisor};

/// How long all calls of one claim together may take: less than its lease, so that the lane has only one claim at
/// work.
const ATTEMPT_DEADLINE: Duration = LEASE.saturating_sub(Duration::from_secs(30));

/// The worker's settings.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The ways to look for a customer among the desk's users, in order.
    pub requester_match: Vec<UserMatch>,
    /// How long after its solution a ticket is reopened rather than replaced.
    pub reopen: Duration,
    /// The fate of a text that neither an answer nor a look has confirmed.
    pub on_unconfirmed: OnUnconfirmed,
    /// The form of `msg_body` for drop-in campaigns.
    pub recipe_message: RecipeMessage,
    /// Whether typographic characters are replaced so that more texts fit the short alphabet.
    pub gsm7: bool,
    /// The subscription group of the default line, in which the carrier is asked for the customer's state before each
    /// text. With `None`, it is asked on no line.
    pub subscription_group: Option<String>,
    /// The times of retries and of looks.
    pub retry: RetryPolicy,
    /// The time between two looks for replies that no webhook brought; `None` for no looks.
    pub catch_up: Option<Duration>,
    /// The bridge's own address: webhooks of a desk that post there are ours. Without it, the desk's log of them is
    /// not read.
    pub public_url: Option<Url>,
    /// Whether customers' texts are taken in that the carrier reports and of which no webhook came.
    pub currents_backfill: bool,
}

/// The worker with everything that it works with.
pub struct Worker {
    /// The source of claims and the record of their results.
    pub store: Arc<dyn Store>,
    /// The accounts between which conversations run.
    pub ends: Ends,
    /// The desk on whose tickets the agents answer.
    pub desk: Arc<dyn Desk>,
    /// Calls to the carrier.
    pub carrier: Arc<dyn Carrier>,
    /// Calls to every carrier: the customer behind a ticket of this desk may be another one's.
    pub carriers: Arc<BTreeMap<AccountId, Arc<dyn Carrier>>>,
    /// Customers' pictures, with the copies that postponed texts have at the desk.
    pub pictures: Pictures,
    /// The lines of every carrier.
    pub lines: Arc<Lines>,
    /// The mappings that make request bodies.
    pub mappings: Arc<MappingsInForce>,
    /// Settings.
    pub options: WorkerOptions,
    /// The time.
    pub clock: Clock,
    /// Numbers for the operator.
    pub metrics: Arc<Metrics>,
    /// The troubles that the operator sees.
    pub readiness: Arc<Readiness>,
    /// The vendors that refuse us.
    pub pauses: Arc<Pauses>,
    /// The facts that postponed texts had found.
    pub facts: KeptFacts,
    /// The notices for the operator.
    pub alarms: Arc<AlarmQueue>,
    /// The knowledge about the desk's users.
    pub users: KnownUsers,
}

/// The knowledge about one desk's users, which all workers at that desk share.
#[derive(Clone, Debug, Default)]
pub struct KnownUsers {
    /// The carrier whose customers' ids stand there as they are; with `None`, every carrier's do.
    pub home: Option<AccountId>,
    /// The users who are, or lately were, staff.
    pub staff: Arc<StaffSeen>,
    /// The customers who are being looked for, or made users, at this moment.
    pub in_the_making: Arc<InTheMaking>,
    /// The users who lack data that the carrier has.
    pub completions: Arc<Completions>,
}

impl Worker {
    /// Carries out one claim and records its outcome.
    async fn work(&self, claim: Claim, uncounted: Uncounted) {
        let Some(head) = claim.work.first() else { return };
        let (id, kind) = (head.delivery.id, head.event.kind.name().word());
        let parent_id = head.delivery.parent.map(tracing::field::display);
        let span = info_span!("delivery", event_id = %id, kind, parent_id, outcome = Empty);
        async {
            log_claim(&claim);
            failpoint::reach("worker.claimed");
            // A panic may come after a call, so the effect is looked for before the call is made again.
            let heard = Attempt::of_claim(personal::of(&claim), uncounted.need(), uncounted);
            let work = AssertUnwindSafe(self.weighed(&claim, &heard)).catch_unwind();
            let attempt = tokio::time::timeout(ATTEMPT_DEADLINE, work);
            let unknown = |cause: &str| Report::of(Outcome::Lose { cause: cause.to_owned() });
            let mut report = match attempt.await {
                Ok(Ok(report)) => report,
                Ok(Err(_)) => unknown("the bridge's own code failed in the middle"),
                Err(_) => unknown("the calls together took too long"),
            };
            failpoint::reach("worker.called");
            let now = self.clock.now();
            self.metrics.attempt(claim.route.account, report.outcome.name());
            if matches!(report.outcome, Outcome::Deliver { .. }) {
                self.count_texts(&claim);
            }
            self.note_health(&claim, &report.outcome, now);
            let (outcome, why) = (report.outcome.name(), report.outcome.why().to_owned());
            let went_well = matches!(report.outcome, Outcome::Deliver { .. } | Outcome::Skip { .. });
            let completion = report.completion.take().filter(|_| went_well);
            let answer = heard.refused().filter(|_| is_failure(&report.outcome));
            let verdict = Verdict { answer, ..self.judge(&claim, report, now) };
            let notices: Vec<Notice> = verdict.moves.iter().filter_map(|(id, to)| notice(&claim, *id, to)).collect();
            let recorded = self.store.record(&claim, verdict, now).await;
            failpoint::reach("worker.recorded");
            if recorded.is_ok() {
                completion.into_iter().for_each(|completion| self.users.completions.add(completion));
                notices.into_iter().for_each(|notice| self.alarms.note(notice, now));
            }
            match recorded {
                Ok(()) if went_well => info!(outcome, texts = claim.work.len(), "delivery.{outcome}: {id}: {why}"),
                Ok(()) => warn!(outcome, texts = claim.work.len(), "delivery.{outcome}: {id}: {why}"),
                Err(StoreError::StaleClaim(_)) => warn!("delivery.stale: {id} took longer than its lease"),
                Err(error) => error!(%error, "delivery.not_recorded: {id} will be looked for after a restart"),
            }
            // For the trace; the log lines above carry the outcome already.
            Span::current().record("outcome", outcome);
        }
        .instrument(span)
        .await;
    }

    /// Carries out the effect of the head's kind, or looks for it where it may have happened.
    async fn attempt(&self, claim: &Claim) -> Report {
        let Some(head) = claim.work.first() else {
            return Report::of(Outcome::Skip { reason: "an empty claim".to_owned() });
        };
        let (mut learnt, mut completion) = (Verdict::default(), None);
        if let Some(outcome) = self.known_to_be_out(claim, &mut learnt) {
            return Report { outcome, learnt, completion };
        }
        let is_in_doubt = matches!(head.delivery.state, State::Unconfirmed { .. });
        let result = match head.delivery.kind.traits().confirmed {
            Confirmed::OnTheTicket if is_in_doubt => self.look_at_desk(claim, &mut learnt).await,
            Confirmed::AtTheCarrier if is_in_doubt => self.look_at_carrier(claim, &mut learnt).await,
            Confirmed::OnTheTicket | Confirmed::AtTheCarrier | Confirmed::ByDoingItAgain | Confirmed::Never => {
                self.act(claim, &head.event.kind, &mut learnt, &mut completion).await
            }
        };
        let mut outcome = result.unwrap_or_else(|outcome| outcome);
        if let Outcome::Deliver { receipt } = &mut outcome
            && head.event.kind.is_caught_up()
        {
            receipt.push_str(", caught up");
        }
        Report { outcome, learnt, completion }
    }

    /// Does the work of a kind.
    async fn act(
        &self,
        claim: &Claim,
        kind: &EventKind,
        learnt: &mut Verdict,
        lacking: &mut Option<Completion>,
    ) -> Result<Outcome, Outcome> {
        match kind {
            EventKind::CustomerText(text) => self.write_texts(claim, text, learnt, lacking).await,
            EventKind::Note(note) => self.write_notes(claim, note, learnt).await,
            EventKind::AgentReply(reply) => self.replies().read(claim, reply, learnt).await,
            EventKind::PhoneText(_) | EventKind::Template(_) | EventKind::TicketSolved(_) => {
                self.send_message(claim, learnt).await
            }
            EventKind::TicketReopened(change) => Ok(Self::note_reopened(claim, change, learnt)),
            EventKind::Unreadable(_) => {
                Ok(Outcome::GiveUp { cause: "an unreadable body cannot be delivered".to_owned() })
            }
        }
    }

    /// Turns a report into a verdict: one move for all merged deliveries but the dropped ones, and a note for the
    /// agent about every delivery that ends without having arrived, or that arrives after all.
    fn judge(&self, claim: &Claim, report: Report, now: Timestamp) -> Verdict {
        let Report { outcome, learnt: mut verdict, .. } = report;
        let Some(head) = claim.work.first() else { return Verdict::default() };
        let age = self.clock.age(claimed::tried_from(claim).max(claim.not_before));
        let transition = decide(&head.delivery, outcome, age, now, &self.options.retry, self.clock.draw());
        verdict.changes.extend(claimed::taught(claim, &transition));
        let besides = if let Transition::GiveUp { cause } = &transition {
            notes::undelivered(claim, &verdict, cause, now)
        } else if let Transition::SetAside { cause } = &transition {
            notes::unconfirmed(claim, cause, now)
        } else if let Transition::Deliver { .. } = &transition {
            notes::arrived(claim, now)
        } else {
            None
        };
        // A note that was set aside may stand on the ticket, so the arrival of its delivery is told as well.
        if matches!(transition, Transition::SetAside { .. }) {
            verdict.noted = not_arrived(claim.work.iter());
        }
        verdict.besides.extend(besides);
        let dropped: Vec<EventId> = verdict.moves.iter().map(|(id, _)| *id).collect();
        let others = claim.work.iter().map(|work| work.delivery.id).filter(|id| !dropped.contains(id));
        verdict.moves.extend(others.map(|id| (id, transition.clone())));
        verdict
    }

    /// The outcome of a failed call to one end.
    fn outcome(&self, failure: Failure, end: End) -> Outcome {
        outcome(failure, self.ends.at(end))
    }

    fn render(&self, mapping: Name, context: &Context) -> Result<serde_json::Value, Outcome> {
        in_force::render(&self.mappings.current(), mapping, context)
    }
}

/// Whether an attempt did not have its effect, or a look did not find it.
fn is_failure(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Retry { .. }
        | Outcome::GiveUp { .. }
        | Outcome::Lose { .. }
        | Outcome::NotSeen { .. }
        | Outcome::SetAside { .. }
        | Outcome::Forbid { .. }
        | Outcome::Pause { .. } => true,
        Outcome::Deliver { .. } | Outcome::Skip { .. } | Outcome::Postpone { .. } => false,
    }
}

/// The notice for the operator, where the transition calls for one.
fn notice(claim: &Claim, id: EventId, transition: &Transition) -> Option<Notice> {
    let left = |cause: &String| {
        let event = claim.work.iter().find(|work| work.delivery.id == id).map(|work| &work.event);
        let known = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
        let ticket = event.and_then(|event| event.kind.ticket_id()).or_else(|| known.map(|ticket| ticket.id));
        Left { id, ticket, cause: cause.clone() }
    };
    if let Transition::GiveUp { cause } = transition {
        Some(Notice::Dead(left(cause)))
    } else if let Transition::SetAside { cause } = transition {
        Some(Notice::SetAside(left(cause)))
    } else {
        None
    }
}

/// Logs a claim: the head, to which this span belongs, and by their own ids the deliveries that are merged into it.
fn log_claim(claim: &Claim) {
    let Some((head, others)) = claim.work.split_first() else { return };
    let (id, attempt) = (head.delivery.id, head.delivery.attempts.saturating_add(1));
    let looking = matches!(head.delivery.state, State::Unconfirmed { .. });
    info!(attempt, looking, texts = claim.work.len(), "delivery.claimed: {id}");
    for other in others {
        info!(merged_id = %other.delivery.id, "delivery.merged: {} goes with {id}", other.delivery.id);
        // A span of its own, so that the trace of a merged delivery leads to the head's.
        drop(debug_span!("merged", event_id = %other.delivery.id, parent_id = %id));
    }
}
