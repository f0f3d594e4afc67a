//! The state of a delivery, and the one function that changes it.
//!
//! One fate has one word on its way from a call to the history:
//!
//! | fate | failure of the call | outcome of the claim | move | state | history |
//! |---|---|---|---|---|---|
//! | it arrived | | `Deliver` | `Deliver` | `Delivered` | |
//! | rightly not done | | `Skip` | `Skip` | `Skipped` | |
//! | refused before any effect, tried again | `Retry` | `Retry` | `Retry` | `Waiting` | `Retried` |
//! | no attempt was made | `Postpone` | `Postpone` | `Postpone` | `Waiting` | `Postponed` |
//! | the vendor refuses the bridge | `Pause` | `Pause` | `Postpone` | `Waiting` | `Postponed` |
//! | the vendor refuses the object of the call | `Forbid` | `Forbid` | `Retry` | `Waiting` | `Retried` |
//! | the answer was lost | `Lose` | `Lose` | `Lose` | `Unconfirmed` | `Lost` |
//! | a look did not see the effect | | `NotSeen` | `LookAgain` | `Unconfirmed` | `NotSeen` |
//! | an operator is to judge | | `SetAside` | `SetAside` | `Unconfirmed`, without a next look | `SetAside` |
//! | it will never be taken | `GiveUp` | `GiveUp` | `GiveUp` | `Dead` | `GivenUp` |
//!
//! A refused object is weighed first ([`crate::domain::refusals`]) and may end as `GiveUp` or `Pause`. `Retry` ends as
//! `GiveUp` when the tries are used up. Words in records, metrics, logs and answers stay as they were when these names
//! change.
//!
//! A delivery is the duty to apply one event at the other side. [`apply`] is total, because it serves live moves and
//! the opening of a store after a crash alike. An impossible move is an error that names the state and the move.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::account::{AccountId, Direction, Ends, Route};
use crate::domain::conversation::ConversationKey;
use crate::domain::event::EventId;
use crate::domain::kind::KindName;
use crate::domain::parts::Cut;
use crate::domain::receipt::Receipt;

mod dispatch;
mod history;
mod outcome;
mod reported;
mod state_name;
mod transition;

pub use dispatch::{dispatch_in, receipt_of};
use history::Told;
pub use history::{Fate, HISTORY_MAX, HistoryEntry};
pub use outcome::Outcome;
pub use state_name::{Shelf, StateName, UnknownState};
pub use transition::Transition;

/// How long a claim may work before it counts as lost. The worker ends all its calls half a minute before, so a lease
/// runs out only when the worker is gone or the store cannot be written.
pub const LEASE: Duration = Duration::from_secs(300);

/// The receipt of a delivery that an operator has settled ([`Transition::Settle`]).
pub const SETTLED: &str = "settled by an operator, who found that it arrived";

/// The state of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum State {
    /// No attempt has been made.
    Pending,
    /// A worker is calling. Recorded before the call, so that a crash leaves a trace.
    Sending {
        /// 1 for the first.
        attempt: u32,
        /// The end of the lease; after it the worker counts as dead.
        lease_until: Timestamp,
    },
    /// Refused before any effect; to be tried again.
    Waiting {
        /// Attempts made.
        attempt: u32,
        /// When to try again.
        due_at: Timestamp,
        /// Why it waits.
        cause: String,
        /// Whether it waits for a rate budget; texts that queue up behind it may then be merged with it.
        for_budget: bool,
    },
    /// The call may have had its effect: look before doing it again.
    Unconfirmed {
        /// Attempts made.
        attempt: u32,
        /// When the answer was lost.
        since: Timestamp,
        /// When to look next; `None` when it was set aside for the operator, so that later deliveries go.
        look_at: Option<Timestamp>,
        /// Looks made so far.
        looks: u32,
        /// Why.
        cause: String,
    },
    /// The other side has it.
    Delivered {
        /// The other side's name for it.
        receipt: String,
    },
    /// There was nothing to do.
    Skipped {
        /// Why.
        reason: String,
    },
    /// Given up, with a note to the agent and a dead letter for the operator.
    Dead {
        /// Why.
        cause: String,
    },
    /// An unreadable body, kept for the operator.
    Quarantined {
        /// The reason why it is unreadable.
        cause: String,
    },
}

impl State {
    /// The name of the state.
    #[must_use]
    pub fn name(&self) -> StateName {
        match self {
            Self::Pending => StateName::Pending,
            Self::Sending { .. } => StateName::Sending,
            Self::Waiting { .. } => StateName::Waiting,
            Self::Unconfirmed { .. } => StateName::Unconfirmed,
            Self::Delivered { .. } => StateName::Delivered,
            Self::Skipped { .. } => StateName::Skipped,
            Self::Dead { .. } => StateName::Dead,
            Self::Quarantined { .. } => StateName::Quarantined,
        }
    }

    /// Whether later deliveries of the lane must wait for this one.
    #[must_use]
    pub fn holds_lane(&self) -> bool {
        match self {
            Self::Pending | Self::Sending { .. } | Self::Waiting { .. } => true,
            Self::Unconfirmed { look_at, .. } => look_at.is_some(),
            Self::Delivered { .. } | Self::Skipped { .. } | Self::Dead { .. } | Self::Quarantined { .. } => false,
        }
    }

    /// Whether it was set aside for the operator: its fate is unknown, and the worker has stopped looking.
    #[must_use]
    pub fn is_set_aside(&self) -> bool {
        matches!(self, Self::Unconfirmed { look_at: None, .. })
    }

    /// Whether only an operator can move it on.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.holds_lane()
    }

    /// Whether its event will never be applied any more, not even by an operator's order.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self {
            Self::Delivered { .. } | Self::Skipped { .. } => true,
            Self::Pending
            | Self::Sending { .. }
            | Self::Waiting { .. }
            | Self::Unconfirmed { .. }
            | Self::Dead { .. }
            | Self::Quarantined { .. } => false,
        }
    }

    /// When a worker should next take it; `None` while one works on it and once it is settled.
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

    /// The cause, the receipt or the reason of the state; empty where the state has none.
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

/// A move that is impossible from that state.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delivery that is {state} cannot {transition}")]
pub struct Illegal {
    /// The state.
    pub state: StateName,
    /// The move's name.
    pub transition: &'static str,
}

/// The state after a move.
///
/// # Errors
/// [`Illegal`] when the move is impossible from `state`.
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
        // Before and during an attempt it may turn out that there is nothing to do, or no way to do it.
        (S::Pending | S::Sending { .. } | S::Waiting { .. } | S::Unconfirmed { .. }, T::Skip { reason }) => {
            Ok(S::Skipped { reason })
        }
        (S::Pending | S::Sending { .. } | S::Waiting { .. } | S::Unconfirmed { .. }, T::GiveUp { cause }) => {
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
        // The operator moves only deliveries that are settled, in doubt or waiting for their time.
        (S::Dead { .. } | S::Waiting { .. } | S::Unconfirmed { .. }, T::Redrive) => Ok(S::Pending),
        (
            S::Pending | S::Waiting { .. } | S::Unconfirmed { .. } | S::Dead { .. } | S::Quarantined { .. },
            T::Discard { reason },
        ) => Ok(S::Skipped { reason }),
        (S::Quarantined { .. }, T::ReadAgain { reason }) => Ok(S::Skipped { reason }),
        // The parts behind those that are out were not sent. They go when its lane comes to it.
        (S::Unconfirmed { .. }, T::Settle { out, of }) if out < of => Ok(S::Pending),
        (S::Unconfirmed { .. }, T::Settle { .. }) => Ok(S::Delivered { receipt: SETTLED.to_owned() }),
        _ => illegal(),
    }
}

/// The stored record of a delivery, beside its event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event's id.
    pub id: EventId,
    /// The event's kind, so that lists need not read the event.
    pub kind: KindName,
    /// The conversation whose lane it waits in.
    pub conversation: ConversationKey,
    /// The accounts of its conversation.
    #[serde(default, skip_serializing_if = "Ends::are_first")]
    pub ends: Ends,
    /// The account to which an unreadable body was posted; `None` for every other kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted_to: Option<AccountId>,
    /// When the event was accepted.
    pub accepted_at: Timestamp,
    /// Its state.
    pub state: State,
    /// Attempts made; kept when it is settled, and counted from one again after a redrive.
    pub attempts: u32,
    /// When a worker first claimed it; no call can have been made before. A redrive keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_at: Option<Timestamp>,
    /// How many parts of a long text are known to be out. They are never sent again, not even after a redrive.
    pub parts_sent: u32,
    /// The cut of a text to the phone, from before a part of it can be out until none is or may be. It stays, whatever line
    /// the customer writes on meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Whether an attempt was in doubt once. A look that sees nothing does not end this, because a part may show after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_in_doubt: bool,
    /// The talk for which it was last claimed, or the name in its place, behind those of attempts before it that may have arrived.
    /// Empty before the first claim, with a carrier that keeps no talks, and where an earlier version of tandem sent it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<String>,
    /// Whether a note about its failure stands on the ticket, or may stand there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub noted: bool,
    /// The delivery whose comment carries this text as well, when texts were merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<EventId>,
    /// The delivery that caused this one: the doorbell of a text to the phone, or the subject of a note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<EventId>,
    /// The carrier's dispatch that brought the event in; `None` where an earlier version of tandem accepted the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<String>,
    /// When it settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
    /// Its history, oldest first; empty where it was delivered at once. At most [`HISTORY_MAX`] entries are kept, the newest among them.
    #[serde(rename = "past", default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// The carrier's reports of it since, part by part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<Receipt>,
}

impl Delivery {
    /// The last time that it was refused or put off with no attempt in doubt, or given up and put back by an operator; `None`
    /// for one to which neither has happened. It is read from the record, so that a restart gives the same.
    #[must_use]
    pub fn refused_at(&self) -> Option<Timestamp> {
        Told::of(&self.history).refused
    }

    /// Since when an attempt may be in doubt, no earlier than it was made: one whose answer was lost, or was that it may be tried
    /// again. `None` where there is none since an operator put it back.
    #[must_use]
    pub fn doubted_since(&self) -> Option<Timestamp> {
        Told::of(&self.history).doubted
    }

    /// A delivery as it is first recorded: pending in its lane, or quarantined and settled at once.
    #[must_use]
    pub fn accepted(
        id: EventId,
        kind: KindName,
        (conversation, ends): (ConversationKey, Ends),
        accepted_at: Timestamp,
        state: State,
    ) -> Self {
        Self {
            id,
            kind,
            conversation,
            ends,
            posted_to: None,
            accepted_at,
            settled_at: state.is_settled().then_some(accepted_at),
            state,
            attempts: 0,
            first_sent_at: None,
            parts_sent: 0,
            cut: None,
            was_in_doubt: false,
            threads: Vec::new(),
            noted: false,
            merged_into: None,
            parent: None,
            dispatch: None,
            history: Vec::new(),
            receipts: Vec::new(),
        }
    }

    /// An attempt goes out in this talk. Those of before count on while one of them may have arrived, and where a part has.
    pub fn goes_out_in(&mut self, thread: &str) {
        if !self.was_in_doubt && self.parts_sent == 0 {
            self.threads.clear();
        }
        // Where an earlier version's attempt in doubt went, the record never tells.
        let is_told = !self.was_in_doubt || !self.threads.is_empty();
        if is_told && !self.threads.iter().any(|known| known == thread) {
            self.threads.push(thread.to_owned());
        }
    }

    /// Moves the delivery on and keeps its records in step with its state.
    ///
    /// # Errors
    /// [`Illegal`] when the move is impossible; the delivery is unchanged then.
    pub fn apply(&mut self, transition: Transition, now: Timestamp) -> Result<(), Illegal> {
        let redriven = matches!(transition, Transition::Redrive);
        let is_in_doubt = |state: &State| matches!(state, State::Unconfirmed { .. });
        // A record that an earlier version wrote tells of a doubt by its state and its history.
        let tells_of_doubt = |entry: &HistoryEntry| matches!(entry.what, Fate::Lost | Fate::NotSeen | Fate::SetAside);
        self.was_in_doubt |= is_in_doubt(&self.state) || self.history.iter().any(tells_of_doubt);
        let found_out = if let Transition::Settle { out, .. } = transition { Some(out) } else { None };
        let entry = HistoryEntry::of(&transition, now);
        self.state = apply(&self.state, transition)?;
        self.was_in_doubt |= is_in_doubt(&self.state);
        entry.into_iter().for_each(|entry| entry.join(&mut self.history));
        if matches!(self.state, State::Sending { .. } | State::Waiting { .. } | State::Unconfirmed { .. }) {
            self.attempts = self.state.attempts();
        }
        if redriven {
            // A redriven text is no longer part of a merged comment. Its parts that are out stay out.
            self.merged_into = None;
        }
        if self.kind.traits().direction == Direction::ToCustomer {
            self.parts_sent = found_out.unwrap_or(self.parts_sent);
        }
        // Neither a look nor an operator can tell of an attempt in doubt that no part of it is out.
        let may_be_out = self.parts_sent > 0 || self.was_in_doubt;
        if matches!(self.state, State::Pending | State::Waiting { .. }) && !may_be_out {
            self.cut = None;
        }
        self.settled_at = self.state.is_settled().then_some(now);
        Ok(())
    }

    /// Whether the delivery only reads and records, so that it leaves nothing to look for: it is done again without a
    /// look, and never set aside or settled by an operator.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        self.kind.only_reads()
    }

    /// The key of its conversation; `None` for an event that names neither customer nor ticket, such as an unreadable body.
    #[must_use]
    pub fn whose(&self) -> Option<&ConversationKey> {
        Some(&self.conversation).filter(|key| **key != ConversationKey::nobody())
    }

    /// Its way. An unreadable body is of the account that it was posted to, because its conversation is not known.
    #[must_use]
    pub fn route(&self) -> Route {
        let route = self.kind.route(self.ends);
        Route { account: self.posted_to.unwrap_or(route.account), ..route }
    }

    /// The move of an operator who has found that it arrived.
    ///
    /// # Errors
    /// Why the finding is impossible, in words that name the way out.
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

/// An operator's finding about a delivery of unknown fate: how much of it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// How many of its parts are out in all; `None` for the parts that are known to be out and the one in doubt, which
    /// is the next.
    pub out: Option<u32>,
    /// The number of its parts.
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
pub(crate) mod tests {
    use crate::domain::account::Ends;

    use super::*;
    use proptest::prelude::*;

    pub(super) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    pub(super) fn word() -> String {
        "x".to_owned()
    }

    pub(super) fn states() -> Vec<State> {
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
            Transition::GiveUp { cause: word() },
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
        // A pending delivery passes here, because `apply` refuses the move for its state.
        assert!(pending().settling(Arrived { out: Some(9), of: 3 }).is_ok());
    }

    pub(crate) fn pending() -> Delivery {
        let id = EventId { epoch: 1, sequence: 1, sub: 0 };
        let home = (ConversationKey("c".into()), Ends::FIRST);
        Delivery::accepted(id, KindName::PhoneText, home, at(0), State::Pending)
    }

    #[test]
    fn a_delivery_begins_in_its_lane_and_a_body_that_cannot_be_read_begins_settled() {
        let id = EventId { epoch: 1, sequence: 7, sub: 0 };
        let begun = |state| {
            let home = (ConversationKey("ada".into()), Ends::FIRST);
            Delivery::accepted(id, KindName::PhoneText, home, at(5), state)
        };
        let pending = begun(State::Pending);
        assert_eq!((pending.id, pending.accepted_at, pending.settled_at, pending.attempts), (id, at(5), None, 0));
        assert_eq!(begun(State::Quarantined { cause: "no JSON".into() }).settled_at, Some(at(5)));
    }

    /// Every pair of state and move, so that a new state or move needs a row or a column here.
    #[test]
    fn every_move_from_every_state() {
        let table = [
            // claim, deliver, skip, retry, postpone, lose, look again, set aside, kill, redrive, discard, read again,
            // settle
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
            assert_eq!(state.name().word(), name);
            let words: Vec<&str> = row.split(' ').collect();
            assert_eq!(words.len(), transitions().len());
            for (transition, expected) in transitions().into_iter().zip(words) {
                let shown = format!("{name}: {transition:?}");
                let next = apply(state, transition).map_or("-", |next| next.name().word());
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
        /// In every run of moves, only an operator's move leaves a settled state, and an illegal move changes nothing.
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
            }
        }

        /// After every run of moves, the views of a delivery for lists, schedule and operator agree with one another. A
        /// delivered or skipped delivery stays so, even against an operator's move.
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
                // A delivery that holds its lane is either leased or has a time at which a worker takes it.
                let in_hand = matches!(state, State::Sending { .. });
                prop_assert_eq!(state.holds_lane(), in_hand || state.due_at().is_some());
                prop_assert!(state.attempts() <= before.state.attempts() + 1);
                prop_assert!(delivery.attempts >= state.attempts());
            }
        }
    }
}
