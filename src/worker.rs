//! The worker: wakes, claims the head of a lane, takes the next steps at the vendors, records what came of it. Beside
//! that, it asks Zendesk now and then for replies of which no webhook told, and drops what is old from the store.
//!
//! It never sees an incoming request. What is owed is decided by [`crate::domain::plan`], what an outcome means by
//! [`crate::domain::retry`]; the worker only carries out and writes down. Everything that one claim taught is recorded
//! in one commit, so a crash at any instant leaves either all of it or a lease that ends in a look.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug_span, error, info, info_span, warn};
use url::Url;

use crate::clients::braze::Braze;
use crate::clients::media::MediaClient;
use crate::clients::zendesk::Zendesk;
use crate::clients::{Attempt, Failure};
use crate::clock::Clock;
use crate::domain::alarm::{Left, Notice};
use crate::domain::cause;
use crate::domain::conversation::{Change, ConversationKey};
use crate::domain::delivery::{LEASE, Outcome, State, Transition};
use crate::domain::event::{Destination, Event, EventId, EventKind};
use crate::domain::plan::UserMatch;
use crate::domain::retry::{OnUnconfirmed, RetryPolicy, decide};
use crate::domain::text::RecipeMessage;
use crate::failpoint;
use crate::mapping::{Context, Mappings, Name};
use crate::store::{Claim, Store, StoreError, Verdict};
use crate::telemetry::{Metrics, Readiness};

use completion::Completion;

mod alarm;
mod catch_up;
mod claims;
mod completion;
mod confirm;
mod context;
mod facts_kept;
mod health;
mod identify;
mod in_force;
mod inbound;
mod janitor;
mod merged;
mod notes;
mod observed;
mod outbound;
mod owed;
mod personal;
mod replies;
mod requester;
mod supervisor;
mod tell;
mod theirs;
mod uploads;

pub use alarm::{AlarmBook, AlarmOptions, Alarmist};
pub use completion::Completions;
pub use facts_kept::KeptFacts;
pub use health::Pauses;
pub use in_force::MappingsInForce;
pub use janitor::Retention;
pub use observed::ObservedTransport;
pub use owed::StaffSeen;
pub use requester::InTheMaking;
pub use supervisor::{Loop, Supervisor};
pub use uploads::KeptUploads;

/// How long all calls of one claim together may take: less than its lease, so that nobody else works on the lane while
/// this is still calling.
const ATTEMPT_DEADLINE: Duration = LEASE.saturating_sub(Duration::from_secs(30));

/// The worker's settings.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// How a customer is looked for among Zendesk's users, in order.
    pub requester_match: Vec<UserMatch>,
    /// The custom user field that holds Braze's external id.
    pub user_field: String,
    /// How long a solved ticket is reopened rather than replaced.
    pub reopen: Duration,
    /// The campaign that sends an agent's reply.
    pub agent_reply_campaign: String,
    /// The campaign that sends the closing text, if one is to be sent.
    pub ticket_solved_campaign: Option<String>,
    /// When nobody can tell whether a text went out.
    pub on_unconfirmed: OnUnconfirmed,
    /// What drop-in campaigns get as `msg_body`.
    pub recipe_message: RecipeMessage,
    /// Whether typographic characters are replaced so that more texts fit the short alphabet.
    pub gsm7: bool,
    /// When set, Braze is asked for the customer's state in this subscription group before each text.
    pub subscription_group: Option<String>,
    /// When to try again, and when to look.
    pub retry: RetryPolicy,
    /// How often to look for what webhooks did not bring; `None` for never.
    pub catch_up: Option<Duration>,
    /// How Zendesk reaches us: its webhooks that post there are ours. Without it, its log of them is not read.
    pub public_url: Option<Url>,
    /// How long settled deliveries and dedupe keys are kept in the store.
    pub retention: Retention,
}

/// What the worker works with.
pub struct Worker {
    /// Where work comes from and results go.
    pub store: Arc<dyn Store>,
    /// Calls to Zendesk.
    pub zendesk: Zendesk,
    /// Calls to Braze.
    pub braze: Braze,
    /// Fetches customers' pictures.
    pub media: MediaClient,
    /// Makes request bodies.
    pub mappings: Arc<MappingsInForce>,
    /// Settings.
    pub options: WorkerOptions,
    /// The time.
    pub clock: Clock,
    /// Numbers for the operator.
    pub metrics: Arc<Metrics>,
    /// What the operator should see.
    pub readiness: Arc<Readiness>,
    /// Which vendors refuse us.
    pub pauses: Pauses,
    /// What postponed texts had found out.
    pub facts: KeptFacts,
    /// Pictures that were copied to Zendesk for texts that were put off.
    pub uploads: KeptUploads,
    /// Who is, or was lately, staff at Zendesk.
    pub staff: StaffSeen,
    /// What the operator is to be called for.
    pub alarms: Arc<AlarmBook>,
    /// The customers who are being looked for, or made users, just now.
    pub in_the_making: InTheMaking,
    /// Users in Zendesk who lack what Braze knows of them.
    pub completions: Completions,
}

/// What one claim came to and taught.
#[derive(Debug)]
struct Report {
    outcome: Outcome,
    learnt: Learnt,
}

/// What was learnt on the way, whatever the outcome.
#[derive(Debug, Default)]
struct Learnt {
    changes: Vec<Change>,
    instead: Vec<Event>,
    /// What is owed besides, at the end of its own lane.
    besides: Vec<Event>,
    belongs_to: Option<ConversationKey>,
    parts_sent: Option<u32>,
    /// Which of the claimed deliveries are rightly not done, though others are, and why.
    dropped: Vec<(EventId, String)>,
    /// Of which deliveries a note has just said that they did not arrive.
    noted: Vec<EventId>,
    /// What the customer's user in Zendesk lacks, to be written once the text is there.
    completion: Option<Completion>,
}

impl Worker {
    /// Works until `stop`, then lets what is running finish. Whoever waits for this sets the deadline: what is
    /// dropped in the middle is found again as unconfirmed.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let (tasks, supervisor) = (TaskTracker::new(), self.supervisor());
        let catch_up = async {
            if let Some(every) = self.options.catch_up {
                supervisor.keep(Loop::CatchUp, &stop, || self.catch_up(every, &stop)).await;
            }
        };
        tokio::join!(
            self.hand_out(Destination::Zendesk, &supervisor, &stop, &tasks),
            self.hand_out(Destination::Braze, &supervisor, &stop, &tasks),
            supervisor.keep(Loop::Janitor, &stop, || self.keep_house(&stop)),
            catch_up,
            supervisor.keep(Loop::Completions, &stop, || self.complete_users(&stop)),
        );
        tasks.close();
        tasks.wait().await;
    }

    /// What keeps the loops of this worker's bridge running.
    pub fn supervisor(&self) -> Supervisor {
        Supervisor {
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
            readiness: Arc::clone(&self.readiness),
        }
    }

    /// Carries out one claim and records what came of it, whatever that is.
    async fn work(&self, claim: Claim) {
        let Some(head) = claim.work.first() else { return };
        let (id, kind) = (head.delivery.id, head.event.kind.name());
        let parent_id = head.delivery.parent.map(tracing::field::display);
        let span = info_span!("delivery", event_id = %id, kind, parent_id, outcome = Empty);
        async {
            log_claim(&claim);
            failpoint::reach("worker.claimed");
            // Whatever panics may have called before it did, so the effect is looked for before it is tried again.
            let heard = Attempt::new(personal::of(&claim));
            let work = AssertUnwindSafe(self.weighed(&claim, &heard)).catch_unwind();
            let attempt = tokio::time::timeout(ATTEMPT_DEADLINE, work);
            let unknown = |cause: &str| Report {
                outcome: Outcome::Unknown { cause: cause.to_owned() },
                learnt: Learnt::default(),
            };
            let report = match attempt.await {
                Ok(Ok(report)) => report,
                Ok(Err(_)) => unknown("the bridge's own code failed in the middle"),
                Err(_) => unknown("the calls together took too long"),
            };
            failpoint::reach("worker.called");
            let now = self.clock.now();
            self.metrics.attempt(claim.destination, report.outcome.name());
            self.note_health(&claim, &report.outcome, now);
            let (outcome, why) = (report.outcome.name(), report.outcome.why().to_owned());
            let went_well = matches!(report.outcome, Outcome::Done { .. } | Outcome::Skip { .. });
            let completion = report.learnt.completion.clone().filter(|_| went_well);
            let answer = heard.refused().filter(|_| is_failure(&report.outcome));
            let verdict = Verdict { answer, ..self.judge(&claim, report, now) };
            let notices: Vec<Notice> = verdict.moves.iter().filter_map(|(id, to)| notice(&claim, *id, to)).collect();
            let recorded = self.store.record(&claim, verdict, now).await;
            failpoint::reach("worker.recorded");
            if recorded.is_ok() {
                completion.into_iter().for_each(|completion| self.completions.add(completion));
                notices.into_iter().for_each(|notice| self.alarms.note(notice, now));
            }
            match recorded {
                Ok(()) if went_well => info!(outcome, texts = claim.work.len(), "delivery.{outcome}: {id}: {why}"),
                Ok(()) => warn!(outcome, texts = claim.work.len(), "delivery.{outcome}: {id}: {why}"),
                Err(StoreError::StaleClaim(_)) => warn!("delivery.stale: {id} took longer than its lease"),
                Err(error) => error!(%error, "delivery.not_recorded: {id} will be looked for after a restart"),
            }
            // For its trace; the lines above have it already.
            Span::current().record("outcome", outcome);
        }
        .instrument(span)
        .await;
    }

    /// Does, or looks for, what the kind of the event asks for.
    async fn attempt(&self, claim: &Claim) -> Report {
        let mut learnt = Learnt::default();
        let Some(head) = claim.work.first() else {
            return Report { outcome: Outcome::Skip { reason: "an empty claim".to_owned() }, learnt };
        };
        let looking = matches!(head.delivery.state, State::Unconfirmed { .. });
        let result = match (&head.event.kind, looking) {
            (EventKind::CustomerText(_) | EventKind::Note(_), true) => self.look_at_zendesk(claim, &mut learnt).await,
            (EventKind::PhoneText(_) | EventKind::TicketSolved(_), true) => {
                self.look_at_braze(claim, &mut learnt).await
            }
            (EventKind::CustomerText(text), false) => self.write_texts(claim, text, &mut learnt).await,
            (EventKind::Note(note), false) => self.write_notes(claim, note, &mut learnt).await,
            // These read and record only: there is no effect to look for, so they are done again.
            (EventKind::AgentReply(reply), _) => self.read_replies(claim, reply, &mut learnt).await,
            (EventKind::PhoneText(text), false) => self.send_text(claim, text, &mut learnt).await,
            (EventKind::TicketSolved(change), false) => self.send_closing_text(claim, change, &mut learnt).await,
            (EventKind::TicketReopened(change), _) => Ok(Self::note_reopened(claim, change, &mut learnt)),
            (EventKind::Unreadable(_), _) => {
                Ok(Outcome::Reject { cause: "an unreadable body cannot be delivered".to_owned() })
            }
        };
        let mut outcome = result.unwrap_or_else(|outcome| outcome);
        if let Outcome::Done { receipt } = &mut outcome
            && head.event.kind.is_caught_up()
        {
            receipt.push_str(", caught up");
        }
        Report { outcome, learnt }
    }

    /// Turns a report into what is written down: the same move for every merged delivery but those that were dropped,
    /// and a word to the agent about whatever ends without having arrived, or arrives after all.
    fn judge(&self, claim: &Claim, report: Report, now: Timestamp) -> Verdict {
        let Report { outcome, learnt } = report;
        let Some(head) = claim.work.first() else { return Verdict::default() };
        let age = self.clock.age(head.delivery.accepted_at.max(claim.not_before));
        let transition = decide(&head.delivery, outcome, age, now, &self.options.retry, self.clock.draw());
        let besides = if let Transition::Kill { cause } = &transition {
            notes::undelivered(claim, &learnt, cause, now)
        } else if let Transition::SetAside { cause } = &transition {
            notes::unconfirmed(claim, cause, now)
        } else if let Transition::Deliver { .. } = &transition {
            notes::arrived(claim, now)
        } else {
            None
        };
        // A note that was set aside may stand on the ticket, so what it tells of is told of again when it arrives.
        let may_stand = matches!(transition, Transition::SetAside { .. });
        let noted = if may_stand { tell::not_arrived(claim.work.iter()) } else { learnt.noted };
        let move_of = |id: EventId| {
            let dropped = learnt.dropped.iter().find(|(dropped, _)| *dropped == id);
            dropped.map_or_else(|| transition.clone(), |(_, reason)| Transition::Skip { reason: reason.clone() })
        };
        Verdict {
            moves: claim.work.iter().map(|work| (work.delivery.id, move_of(work.delivery.id))).collect(),
            noted,
            parts_sent: learnt.parts_sent,
            answer: None,
            changes: learnt.changes,
            instead: learnt.instead,
            besides: learnt.besides.into_iter().chain(besides).collect(),
            belongs_to: learnt.belongs_to,
        }
    }

    /// What a failed call means for the delivery. A refusal of an object is weighed when the attempt is over
    /// ([`Worker::weigh`]).
    fn outcome(&self, failure: Failure, destination: Destination) -> Outcome {
        match failure {
            Failure::Retry { cause, after } | Failure::Broke { cause, after } => Outcome::Retry { cause, after },
            Failure::Changed { cause } => Outcome::Retry { cause, after: None },
            Failure::TooLong { cause } => Outcome::Retry { cause, after: None },
            Failure::Unknown { cause } => Outcome::Unknown { cause },
            Failure::Postpone { cause, until, for_budget } => Outcome::Postpone { cause, until, for_budget },
            Failure::Refused { cause, .. } => Outcome::Pause { destination, cause },
            Failure::Forbidden { cause, object, .. } => Outcome::Forbid { destination, object, cause },
            // The ticket was made from another body under our key: look for it.
            Failure::IdempotencyMismatch { cause } => Outcome::Unknown { cause },
            Failure::Reject { cause } | Failure::Closed { cause } | Failure::NotFound { cause } => {
                Outcome::Reject { cause }
            }
        }
    }

    fn render(&self, mapping: Name, context: &Context) -> Result<serde_json::Value, Outcome> {
        render(&self.mappings.current(), mapping, context)
    }
}

fn render(mappings: &Mappings, mapping: Name, context: &Context) -> Result<serde_json::Value, Outcome> {
    mappings.render(mapping, context).map_err(|error| Outcome::Reject {
        cause: format!("{} {mapping} cannot be rendered: {error}", cause::OF_MAPPING),
    })
}

/// Whether an attempt, or a look, did not come to what it was for.
fn is_failure(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Retry { .. }
        | Outcome::Reject { .. }
        | Outcome::Unknown { .. }
        | Outcome::NotSeen { .. }
        | Outcome::SetAside { .. }
        | Outcome::Forbid { .. }
        | Outcome::Pause { .. } => true,
        Outcome::Done { .. } | Outcome::Skip { .. } | Outcome::Postpone { .. } => false,
    }
}

/// What the operator is called for.
fn notice(claim: &Claim, id: EventId, transition: &Transition) -> Option<Notice> {
    let left = |cause: &String| {
        let event = claim.work.iter().find(|work| work.delivery.id == id).map(|work| &work.event);
        let known = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
        let ticket = event.and_then(|event| event.kind.ticket_id()).or_else(|| known.map(|ticket| ticket.id));
        Left { id, ticket, cause: cause.clone() }
    };
    if let Transition::Kill { cause } = transition {
        Some(Notice::Dead(left(cause)))
    } else if let Transition::SetAside { cause } = transition {
        Some(Notice::SetAside(left(cause)))
    } else {
        None
    }
}

/// Says what is taken in hand: the head, whose span this is, and by their own ids those that go along with it.
fn log_claim(claim: &Claim) {
    let Some((head, others)) = claim.work.split_first() else { return };
    let (id, attempt) = (head.delivery.id, head.delivery.attempts.saturating_add(1));
    let looking = matches!(head.delivery.state, State::Unconfirmed { .. });
    info!(attempt, looking, texts = claim.work.len(), "delivery.claimed: {id}");
    for other in others {
        info!(merged_id = %other.delivery.id, "delivery.merged: {} goes with {id}", other.delivery.id);
        // So that its trace tells where the rest of it is.
        drop(debug_span!("merged", event_id = %other.delivery.id, parent_id = %id));
    }
}
