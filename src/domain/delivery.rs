//! The state of a delivery, and the one function that changes it.
//!
//! A delivery is the duty to apply one event at the other side. [`apply`] is total: it is used live and when a store
//! is opened after a crash, and a move that makes no sense is an error that names both sides, never a guess.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::conversation::ConversationKey;
use crate::domain::event::{Destination, EventId};

mod dispatch;
mod outcome;
mod past;

pub use dispatch::{dispatch_in, receipt_of};
pub use outcome::Outcome;
pub use past::{Happened, PAST_MAX, Past};

/// How long a claim may work before it counts as lost. The worker ends its calls half a minute before, however many
/// they are, so a lease runs out only when the worker is gone or the store cannot be written.
pub const LEASE: Duration = Duration::from_secs(300);

/// The receipt of a delivery that an operator has settled ([`Transition::Settle`]).
pub const SETTLED: &str = "settled by an operator, who found that it arrived";

/// Where a delivery stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum State {
    /// Nothing has been tried.
    Pending,
    /// A worker is calling. Written down before the call, so that a crash leaves a trace.
    Sending {
        /// 1 for the first.
        attempt: u32,
        /// After this the worker is taken for dead.
        lease_until: Timestamp,
    },
    /// Refused before any effect; to be tried again.
    Waiting {
        /// Attempts made.
        attempt: u32,
        /// When.
        due_at: Timestamp,
        /// Why.
        cause: String,
        /// It waits for a rate budget, so what queues up behind it may be merged with it.
        for_budget: bool,
    },
    /// The call may have had its effect: look before doing it again.
    Unconfirmed {
        /// Attempts made.
        attempt: u32,
        /// When the answer was lost.
        since: Timestamp,
        /// When to look next; `None` when it was set aside for the operator and holds nobody up.
        look_at: Option<Timestamp>,
        /// Looks made.
        looks: u32,
        /// Why.
        cause: String,
    },
    /// The other side has it.
    Delivered {
        /// What the other side called it.
        receipt: String,
    },
    /// Rightly not done.
    Skipped {
        /// Why.
        reason: String,
    },
    /// Given up; somebody has been told.
    Dead {
        /// Why.
        cause: String,
    },
    /// An unreadable body, kept for the operator.
    Quarantined {
        /// What was wrong with it.
        cause: String,
    },
}

impl State {
    /// The word for the state, as lists, metrics and the contract use it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending { .. } => "sending",
            Self::Waiting { .. } => "waiting",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Delivered { .. } => "delivered",
            Self::Skipped { .. } => "skipped",
            Self::Dead { .. } => "dead",
            Self::Quarantined { .. } => "quarantined",
        }
    }

    /// Every state word, in the order of a delivery's life.
    pub const NAMES: [&str; 8] =
        ["pending", "sending", "waiting", "unconfirmed", "delivered", "skipped", "dead", "quarantined"];

    /// Whether later deliveries of the lane must wait for this one.
    #[must_use]
    pub fn holds_lane(&self) -> bool {
        match self {
            Self::Pending | Self::Sending { .. } | Self::Waiting { .. } => true,
            Self::Unconfirmed { look_at, .. } => look_at.is_some(),
            Self::Delivered { .. } | Self::Skipped { .. } | Self::Dead { .. } | Self::Quarantined { .. } => false,
        }
    }

    /// Whether it was set aside for the operator: its fate is unknown, and nothing looks for it any more.
    #[must_use]
    pub fn is_set_aside(&self) -> bool {
        matches!(self, Self::Unconfirmed { look_at: None, .. })
    }

    /// Whether nothing more will happen by itself.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.holds_lane()
    }

    /// When a worker should next take it; `None` while somebody works on it or when it is settled.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Pending => Some(Timestamp::MIN),
            Self::Waiting { due_at, .. } => Some(*due_at),
            Self::Unconfirmed { look_at, .. } => *look_at,
            Self::Sending { .. }
            | Self::Delivered { .. }
            | Self::Skipped { .. }
            | Self::Dead { .. }
            | Self::Quarantined { .. } => None,
        }
    }

    /// Attempts made so far, where the state still knows.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Sending { attempt, .. } | Self::Waiting { attempt, .. } | Self::Unconfirmed { attempt, .. } => {
                *attempt
            }
            Self::Pending
            | Self::Delivered { .. }
            | Self::Skipped { .. }
            | Self::Dead { .. }
            | Self::Quarantined { .. } => 0,
        }
    }

    /// Why it stands where it stands, in words; empty while there is nothing to explain.
    #[must_use]
    pub fn cause(&self) -> &str {
        match self {
            Self::Pending | Self::Sending { .. } => "",
            Self::Waiting { cause, .. }
            | Self::Unconfirmed { cause, .. }
            | Self::Dead { cause }
            | Self::Quarantined { cause } => cause,
            Self::Delivered { receipt } => receipt,
            Self::Skipped { reason } => reason,
        }
    }
}

/// A move from one state to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// A worker takes it.
    Claim {
        /// Until when it is theirs.
        lease_until: Timestamp,
    },
    /// It is done.
    Deliver {
        /// What the other side called it.
        receipt: String,
    },
    /// It is rightly not done.
    Skip {
        /// Why.
        reason: String,
    },
    /// To be tried again; the attempt counts.
    Retry {
        /// When.
        due_at: Timestamp,
        /// Why.
        cause: String,
    },
    /// To be tried again; the attempt does not count, because no call was made or none was listened to.
    Postpone {
        /// When.
        due_at: Timestamp,
        /// Why.
        cause: String,
        /// Whether a rate budget was the reason.
        for_budget: bool,
    },
    /// The answer was lost (also: the worker was).
    Lose {
        /// When it was lost.
        since: Timestamp,
        /// When to look for the effect.
        look_at: Timestamp,
        /// Why.
        cause: String,
    },
    /// It may have been delivered in a time that the store does not know of.
    Doubt {
        /// When to look for the effect.
        look_at: Timestamp,
        /// Why.
        cause: String,
    },
    /// Looked and saw nothing yet.
    LookAgain {
        /// When to look next.
        look_at: Timestamp,
        /// Whether the look happened at all (a look that failed does not count).
        counts: bool,
        /// What it said.
        cause: String,
    },
    /// Leave it unconfirmed for the operator; later ones go.
    SetAside {
        /// Why.
        cause: String,
    },
    /// Give up.
    Kill {
        /// Why.
        cause: String,
    },
    /// The operator puts it back.
    Redrive,
    /// The operator has had a kept body read again, and what it says is an event of its own.
    ReadAgain {
        /// What came of it.
        reason: String,
    },
    /// The operator has found that it arrived, or so much of it.
    Settle {
        /// How many of its parts are out, as the operator has found.
        out: u32,
        /// Of how many.
        of: u32,
    },
    /// The operator drops it.
    Discard {
        /// Why, in the operator's words.
        reason: String,
    },
}

/// A move that makes no sense from that state.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delivery that is {state} cannot {transition}")]
pub struct Illegal {
    /// The state's word.
    pub state: &'static str,
    /// The move's word.
    pub transition: &'static str,
}

/// The state after a move.
///
/// # Errors
/// [`Illegal`] when the move makes no sense from `state`; nothing has changed then.
pub fn apply(state: &State, transition: Transition) -> Result<State, Illegal> {
    use State as S;
    use Transition as T;
    let word = transition.name();
    let illegal = || Err(Illegal { state: state.name(), transition: word });
    let attempt = state.attempts();
    match (state, transition) {
        (S::Pending | S::Waiting { .. }, T::Claim { lease_until }) => {
            Ok(S::Sending { attempt: attempt + 1, lease_until })
        }
        // Before and while something is tried, it may still turn out that there is nothing to do or no way to do it.
        (S::Pending | S::Sending { .. } | S::Waiting { .. } | S::Unconfirmed { .. }, T::Skip { reason }) => {
            Ok(S::Skipped { reason })
        }
        (S::Pending | S::Sending { .. } | S::Waiting { .. } | S::Unconfirmed { .. }, T::Kill { cause }) => {
            Ok(S::Dead { cause })
        }
        (S::Sending { .. } | S::Unconfirmed { .. }, T::Deliver { receipt }) => Ok(S::Delivered { receipt }),
        (S::Sending { .. } | S::Unconfirmed { .. }, T::Retry { due_at, cause }) => {
            Ok(S::Waiting { attempt, due_at, cause, for_budget: false })
        }
        (S::Sending { .. }, T::Postpone { due_at, cause, for_budget }) => {
            Ok(S::Waiting { attempt: attempt.saturating_sub(1), due_at, cause, for_budget })
        }
        (S::Sending { .. } | S::Unconfirmed { .. }, T::Lose { since, look_at, cause }) => {
            Ok(S::Unconfirmed { attempt, since, look_at: Some(look_at), looks: 0, cause })
        }
        (_, T::Doubt { look_at, cause }) if state.holds_lane() => {
            Ok(S::Unconfirmed { attempt, since: look_at, look_at: Some(look_at), looks: 0, cause })
        }
        (S::Unconfirmed { since, looks, .. }, T::LookAgain { look_at, counts, cause }) => Ok(S::Unconfirmed {
            attempt,
            since: *since,
            look_at: Some(look_at),
            looks: looks + u32::from(counts),
            cause,
        }),
        (S::Unconfirmed { since, looks, .. }, T::SetAside { cause }) => {
            Ok(S::Unconfirmed { attempt, since: *since, look_at: None, looks: *looks, cause })
        }
        // The operator moves only what would not move by itself, or what waits for its time.
        (S::Dead { .. } | S::Waiting { .. } | S::Unconfirmed { .. }, T::Redrive) => Ok(S::Pending),
        (
            S::Pending | S::Waiting { .. } | S::Unconfirmed { .. } | S::Dead { .. } | S::Quarantined { .. },
            T::Discard { reason },
        ) => Ok(S::Skipped { reason }),
        (S::Quarantined { .. }, T::ReadAgain { reason }) => Ok(S::Skipped { reason }),
        // The parts behind those that are out were not sent: they go when its lane comes to it.
        (S::Unconfirmed { .. }, T::Settle { out, of }) if out < of => Ok(S::Pending),
        (S::Unconfirmed { .. }, T::Settle { .. }) => Ok(S::Delivered { receipt: SETTLED.to_owned() }),
        _ => illegal(),
    }
}

impl Transition {
    /// The words for the move: "a delivery that is … cannot …".
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "be claimed",
            Self::Deliver { .. } => "be delivered",
            Self::Skip { .. } => "be skipped",
            Self::Retry { .. } => "be retried",
            Self::Postpone { .. } => "be postponed",
            Self::Lose { .. } => "lose its answer",
            Self::Doubt { .. } => "be doubted",
            Self::LookAgain { .. } => "be looked for",
            Self::SetAside { .. } => "be set aside",
            Self::Kill { .. } => "be given up",
            Self::Redrive => "be redriven",
            Self::ReadAgain { .. } => "be read again",
            Self::Settle { .. } => "be settled",
            Self::Discard { .. } => "be discarded",
        }
    }
}

/// The stored record of a delivery, beside its event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event's id.
    pub id: EventId,
    /// The event's kind, so that lists need not read the event.
    pub kind: String,
    /// The conversation whose lane it waits in.
    pub conversation: ConversationKey,
    /// Which of the two lanes.
    pub destination: Destination,
    /// When the event was accepted.
    pub accepted_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Attempts made, still known when it is settled; counted from one again after a redrive.
    pub attempts: u32,
    /// When a worker first took it in hand; before that, no call can have been made for it. Stays after a redrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_at: Option<Timestamp>,
    /// How many parts of a long text are known to be out; they are never sent again, also after a redrive.
    pub parts_sent: u32,
    /// Whether a note that says it did not arrive stands on the ticket, or may stand there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub noted: bool,
    /// The delivery whose comment carries this text as well, when texts were merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<EventId>,
    /// The delivery that gave rise to this one: the doorbell of a text to the phone, or what a note tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<EventId>,
    /// Braze's dispatch that brought the event in; `None` of one that an earlier version of tandem accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<String>,
    /// When it settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
    /// What came of it before, oldest first; none where it was delivered at once. The newest [`PAST_MAX`] are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Past>,
}

impl Delivery {
    /// Moves the delivery on, keeping its bookkeeping in step with its state.
    ///
    /// # Errors
    /// [`Illegal`] when the move makes no sense; nothing has changed then.
    pub fn apply(&mut self, transition: Transition, now: Timestamp) -> Result<(), Illegal> {
        let redriven = matches!(transition, Transition::Redrive);
        let found_out = if let Transition::Settle { out, .. } = transition { Some(out) } else { None };
        let past = Past::of(&transition, now);
        self.state = apply(&self.state, transition)?;
        past.into_iter().for_each(|past| past.join(&mut self.past));
        if matches!(self.state, State::Sending { .. } | State::Waiting { .. } | State::Unconfirmed { .. }) {
            self.attempts = self.state.attempts();
        }
        if redriven {
            // What was merged is on its own again; a part that is known to be out stays out.
            self.merged_into = None;
        }
        if self.destination == Destination::Braze {
            self.parts_sent = found_out.unwrap_or(self.parts_sent);
        }
        self.settled_at = self.state.is_settled().then_some(now);
        Ok(())
    }

    /// Whether the delivery only reads and records, so that nothing of it can have arrived: it is done again without a
    /// look, and never set aside or settled.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        ["agent_reply", "ticket_reopened"].contains(&self.kind.as_str())
    }

    /// The move of an operator who has found that it arrived.
    ///
    /// # Errors
    /// Why what was found cannot be, in words that name what to do instead.
    pub fn settling(&self, arrived: Arrived) -> Result<Transition, String> {
        if self.only_reads() {
            return Err(format!(
                "a delivery of the kind {} only reads, so nothing of it can have arrived: redrive it, and it is done \
                 again",
                self.kind
            ));
        }
        let (known, of) = (self.parts_sent, arrived.of.max(1));
        let out = arrived.out.unwrap_or_else(|| known.saturating_add(1).min(of));
        if matches!(self.state, State::Unconfirmed { .. }) && arrived.out.is_some() && (out <= known || out > of) {
            let reason = if known == 0 {
                format!("it has {of} {}: say how many of them arrived, or redrive it where none did", parts(of))
            } else {
                format!("{known} of its {of} parts are known to be out: say more than that, or redrive it for the rest")
            };
            return Err(reason);
        }
        Ok(Transition::Settle { out, of })
    }
}

/// What an operator has found of a delivery of unknown fate: how much of it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// How many of its parts are out in all; `None` for those that are known to be and the one behind them, which is the
    /// one in doubt.
    pub out: Option<u32>,
    /// Of how many.
    pub of: u32,
}

impl Arrived {
    /// A delivery in one part.
    pub const WHOLE: Self = Self { out: None, of: 1 };
}

fn parts(count: u32) -> &'static str {
    if count == 1 { "part" } else { "parts" }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn word() -> String {
        "x".to_owned()
    }

    fn states() -> Vec<State> {
        vec![
            State::Pending,
            State::Sending { attempt: 2, lease_until: at(9) },
            State::Waiting { attempt: 2, due_at: at(9), cause: word(), for_budget: false },
            State::Unconfirmed { attempt: 2, since: at(1), look_at: Some(at(9)), looks: 1, cause: word() },
            State::Delivered { receipt: word() },
            State::Skipped { reason: word() },
            State::Dead { cause: word() },
            State::Quarantined { cause: word() },
        ]
    }

    fn transitions() -> Vec<Transition> {
        vec![
            Transition::Claim { lease_until: at(20) },
            Transition::Deliver { receipt: word() },
            Transition::Skip { reason: word() },
            Transition::Retry { due_at: at(20), cause: word() },
            Transition::Postpone { due_at: at(20), cause: word(), for_budget: true },
            Transition::Lose { since: at(5), look_at: at(20), cause: word() },
            Transition::LookAgain { look_at: at(20), counts: true, cause: word() },
            Transition::SetAside { cause: word() },
            Transition::Kill { cause: word() },
            Transition::Redrive,
            Transition::Discard { reason: word() },
            Transition::ReadAgain { reason: word() },
            Transition::Settle { out: 1, of: 1 },
        ]
    }

    #[test]
    fn how_much_arrived_must_be_more_than_is_known_and_no_more_than_there_is() {
        let doubtful = |parts_sent| Delivery { state: states()[3].clone(), parts_sent, ..pending() };
        let moved = |known, out, of| doubtful(known).settling(Arrived { out, of });
        assert_eq!(doubtful(0).settling(Arrived::WHOLE), Ok(Transition::Settle { out: 1, of: 1 }));
        assert_eq!(moved(1, None, 3), Ok(Transition::Settle { out: 2, of: 3 }));
        assert_eq!(moved(2, None, 3), Ok(Transition::Settle { out: 3, of: 3 }), "the last one");
        assert_eq!(moved(3, None, 3), Ok(Transition::Settle { out: 3, of: 3 }), "cut anew, in fewer parts");
        for (known, out) in [(0, 0), (0, 4), (1, 1), (1, 0), (2, 4)] {
            let refused = moved(known, Some(out), 3).unwrap_err();
            assert!(refused.contains("redrive it"), "{known} {out}: {refused}");
        }
        // Where nothing is in doubt, the state is the reason.
        assert!(pending().settling(Arrived { out: Some(9), of: 3 }).is_ok());
    }

    pub(super) fn pending() -> Delivery {
        Delivery {
            id: EventId { epoch: 1, sequence: 1, sub: 0 },
            kind: "phone_text".into(),
            conversation: ConversationKey("c".into()),
            destination: Destination::Braze,
            accepted_at: at(0),
            state: State::Pending,
            attempts: 0,
            first_sent_at: None,
            parts_sent: 0,
            noted: false,
            merged_into: None,
            parent: None,
            settled_at: None,
            past: Vec::new(),
            dispatch: None,
        }
    }

    /// Every pair of state and move, so that a new one of either must be thought about.
    #[test]
    fn every_move_from_every_state() {
        let table = [
            // claim, deliver, skip, retry, postpone, lose, look again, set aside, kill, redrive, discard, read again, settle
            ("pending", "sending - skipped - - - - - dead - skipped - -"),
            ("sending", "- delivered skipped waiting waiting unconfirmed - - dead - - - -"),
            ("waiting", "sending - skipped - - - - - dead pending skipped - -"),
            (
                "unconfirmed",
                "- delivered skipped waiting - unconfirmed unconfirmed unconfirmed dead pending skipped - delivered",
            ),
            ("delivered", "- - - - - - - - - - - - -"),
            ("skipped", "- - - - - - - - - - - - -"),
            ("dead", "- - - - - - - - - pending skipped - -"),
            ("quarantined", "- - - - - - - - - - skipped skipped -"),
        ];
        for (state, (name, row)) in states().iter().zip(table) {
            assert_eq!(state.name(), name);
            let words: Vec<&str> = row.split(' ').collect();
            assert_eq!(words.len(), transitions().len());
            for (transition, expected) in transitions().into_iter().zip(words) {
                let shown = format!("{name}: {transition:?}");
                let next = apply(state, transition).map(|next| next.name()).unwrap_or("-");
                assert_eq!(next, expected, "{shown}");
            }
        }
    }

    #[test]
    fn attempts_count_calls_and_nothing_else() {
        let mut state = State::Pending;
        let mut step = |transition| {
            state = apply(&state, transition).unwrap();
            state.attempts()
        };
        assert_eq!(step(Transition::Claim { lease_until: at(9) }), 1);
        assert_eq!(step(Transition::Retry { due_at: at(9), cause: word() }), 1);
        assert_eq!(step(Transition::Claim { lease_until: at(9) }), 2);
        assert_eq!(
            step(Transition::Postpone { due_at: at(9), cause: word(), for_budget: true }),
            1,
            "no call was made"
        );
        assert_eq!(step(Transition::Claim { lease_until: at(9) }), 2);
        assert_eq!(step(Transition::Lose { since: at(9), look_at: at(9), cause: word() }), 2);
        assert_eq!(step(Transition::LookAgain { look_at: at(9), counts: true, cause: word() }), 2, "a look is no call");
    }

    #[test]
    fn what_was_set_aside_holds_nobody_up() {
        let looking = &states()[3];
        assert!(looking.holds_lane());
        let aside = apply(looking, Transition::SetAside { cause: word() }).unwrap();
        assert!(!aside.holds_lane() && aside.due_at().is_none());
    }

    proptest! {
        /// Whatever happens, nothing leaves a settled state but by the operator's hand, and an illegal move changes
        /// nothing.
        #[test]
        fn settled_is_settled(moves in proptest::collection::vec(0..13_usize, 0..40)) {
            let mut state = State::Pending;
            for index in moves {
                let transition = transitions().swap_remove(index);
                let by_hand = matches!(transition, Transition::Redrive | Transition::Discard { .. });
                let before = state.clone();
                match apply(&state, transition) {
                    Ok(next) => state = next,
                    Err(illegal) => prop_assert_eq!(illegal.state, before.name()),
                }
                let was_final = matches!(before, State::Delivered { .. } | State::Skipped { .. } | State::Dead { .. });
                if was_final && !by_hand {
                    prop_assert_eq!(&state, &before);
                }
                prop_assert_eq!(State::NAMES.contains(&state.name()), true);
            }
        }

        /// What the lists, the schedule and the operator read off a delivery never contradict one another, whatever
        /// happened to it; and what was delivered or rightly skipped stays so, also by the operator's hand.
        #[test]
        fn a_delivery_never_contradicts_itself(moves in proptest::collection::vec((0..13_usize, 0..1000_i64), 0..60)) {
            let mut delivery = pending();
            for (index, second) in moves {
                let before = delivery.clone();
                let moved = delivery.apply(transitions().swap_remove(index), at(second)).is_ok();
                let state = &delivery.state;
                if !moved || matches!(before.state, State::Delivered { .. } | State::Skipped { .. }) {
                    prop_assert_eq!(&delivery, &before);
                }
                if moved {
                    prop_assert_eq!(delivery.settled_at, state.is_settled().then_some(at(second)));
                }
                prop_assert_eq!(state.holds_lane(), !state.is_settled());
                // Whatever holds up its lane is either in somebody's hands or has a time at which somebody takes it.
                let in_hand = matches!(state, State::Sending { .. });
                prop_assert_eq!(state.holds_lane(), in_hand || state.due_at().is_some());
                prop_assert!(state.attempts() <= before.state.attempts() + 1);
                prop_assert!(delivery.attempts >= state.attempts());
            }
        }
    }
}
