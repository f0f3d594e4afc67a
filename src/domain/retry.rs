//! When to try again, and the move of a delivery that follows from an outcome.
//!
//! Pure: the time and the random draw are arguments. Waits begin at 1 s and double up to 5 min, each drawn between half
//! of it and all of it. A vendor's hint is kept where it is longer, up to an hour. A day after acceptance the delivery
//! is given up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::account::Direction;
use crate::domain::cause::{GIVEN_UP, WITHOUT_ANSWER};
use crate::domain::delivery::{Delivery, Outcome, State, Transition};

/// The way to treat a text that may or may not have gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnconfirmed {
    /// Send it again: better twice than never.
    Resend,
    /// Leave it to the operator: better late than twice.
    Hold,
}

/// How often and how long a delivery is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first wait.
    pub base: Duration,
    /// The longest wait of the bridge's own choosing: how late it may notice that a vendor is back.
    pub cap: Duration,
    /// The longest wait that a vendor may ask for. The longest windows of vendors are an hour long.
    pub hint_max: Duration,
    /// The age since acceptance at which a delivery is given up. A night's outage must fit in; a text that is a day
    /// late would confuse more than help.
    pub give_up_after: Duration,
    /// The fewest attempts before a delivery is given up, so that one that waited a day behind a pause, or was
    /// redriven, does not die of its first busy answer.
    pub attempts_min: u32,
    /// How long a vendor that refuses the bridge is left alone. The contract allows 60 s at most.
    pub pause: Duration,
    /// When to look for the effect of a call whose answer was lost, counted from the loss. Never empty. Each further
    /// loss of the same delivery makes the times four times as long, because an effect that is slow to show must not be
    /// sent again and again.
    pub confirm_after: Vec<Duration>,
    /// The most times that a text to the phone is sent when every answer is lost. Then it is set aside for the
    /// operator, because each send may have reached the phone.
    pub sends_unanswered_max: u32,
}

/// The longest that a look is put off, because its lane waits meanwhile.
const LOOK_AFTER_MAX: Duration = Duration::from_secs(900);

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(300),
            hint_max: Duration::from_secs(3600),
            give_up_after: Duration::from_secs(24 * 3600),
            attempts_min: 5,
            pause: Duration::from_secs(30),
            confirm_after: vec![Duration::from_secs(5), Duration::from_secs(15)],
            sends_unanswered_max: 5,
        }
    }
}

impl RetryPolicy {
    /// How long to wait after the given attempt (1 for the first); `None` when it has been tried long enough.
    ///
    /// `draw` is a random number from 0 to 1; `age` is the time since acceptance.
    #[must_use]
    pub fn wait(&self, attempt: u32, hint: Option<Duration>, age: Duration, draw: f64) -> Option<Duration> {
        if self.is_over(attempt, age) {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(31);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        let drawn = longest.mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0);
        Some(hint.map_or(drawn, |hint| drawn.max(hint.min(self.hint_max))))
    }

    /// Whether a delivery of this age, after so many attempts, was tried long enough.
    fn is_over(&self, attempts: u32, age: Duration) -> bool {
        age >= self.give_up_after && attempts >= self.attempts_min
    }

    /// When to look for the effect of this attempt (1 for the first) again, after `looks` looks in vain; `None` after
    /// the last.
    #[must_use]
    pub fn next_look(&self, attempt: u32, looks: u32, now: Timestamp) -> Option<Timestamp> {
        let place = usize::try_from(looks).unwrap_or(usize::MAX);
        let slower = 4_u32.saturating_pow(attempt.saturating_sub(1).min(8));
        let after = |place: usize| self.confirm_after.get(place).map(|after| after.saturating_mul(slower));
        let before = place.checked_sub(1).and_then(after).unwrap_or_default();
        Some(later(now, after(place)?.saturating_sub(before).min(LOOK_AFTER_MAX)))
    }
}

/// The move of a delivery that follows from an outcome. `delivery` is as it stood before the claim. `age` is the time
/// since acceptance that a steady clock has witnessed, because two dates prove nothing where the clock was wrong
/// between them.
#[must_use]
pub fn decide(
    delivery: &Delivery,
    outcome: Outcome,
    age: Duration,
    now: Timestamp,
    policy: &RetryPolicy,
    draw: f64,
) -> Transition {
    // An unconfirmed delivery is claimed only to look for its effect, so a failure is one of the look.
    let looking = matches!(delivery.state, State::Unconfirmed { .. });
    let attempt = delivery.state.attempts().saturating_add(u32::from(!looking));
    let look_again = |look_at, cause| Transition::LookAgain { look_at, counts: false, cause };
    match outcome {
        Outcome::Deliver { receipt } => Transition::Deliver { receipt },
        Outcome::Skip { reason } => Transition::Skip { reason },
        Outcome::GiveUp { cause } => Transition::GiveUp { cause },
        Outcome::SetAside { cause } => Transition::SetAside { cause },
        Outcome::Forbid { cause, .. } => {
            decide(delivery, Outcome::Retry { cause, after: None }, age, now, policy, draw)
        }
        Outcome::Retry { cause, after } => match policy.wait(patience(delivery, attempt, now), after, age, draw) {
            Some(wait) if looking => look_again(later(now, wait), cause),
            Some(wait) => Transition::Retry { due_at: later(now, wait), cause },
            None if looking && !delivery.only_reads() => Transition::SetAside { cause },
            None => Transition::GiveUp { cause: gave_up(attempt, &cause) },
        },
        Outcome::Postpone { cause, until, .. } if looking => look_again(until, cause),
        Outcome::Postpone { cause, until, for_budget } => Transition::Postpone { due_at: until, cause, for_budget },
        Outcome::Pause { cause, .. } if looking => look_again(later(now, policy.pause), cause),
        Outcome::Pause { cause, .. } => {
            Transition::Postpone { due_at: later(now, policy.pause), cause, for_budget: false }
        }
        // A read has no effect to look for.
        Outcome::Lose { cause } if delivery.only_reads() => {
            decide(delivery, Outcome::Retry { cause, after: None }, age, now, policy, draw)
        }
        Outcome::Lose { cause } => {
            let first_look = policy.next_look(attempt, 0, now).unwrap_or(now);
            Transition::Lose { since: now, look_at: first_look, cause }
        }
        Outcome::NotSeen { cause, look_at: Some(look_at) } => Transition::LookAgain { look_at, counts: true, cause },
        Outcome::NotSeen { cause, look_at: None } if policy.is_over(attempt, age) => {
            Transition::GiveUp { cause: gave_up(attempt, &cause) }
        }
        Outcome::NotSeen { cause, look_at: None }
            if delivery.route().direction == Direction::ToCustomer && attempt >= policy.sends_unanswered_max =>
        {
            Transition::SetAside { cause: format!("sent {attempt} times {WITHOUT_ANSWER}; {cause}") }
        }
        Outcome::NotSeen { cause, look_at: None } => Transition::Retry { due_at: now, cause },
    }
}

/// The attempt number that chooses the wait after a failure. A failed look is no attempt, so its wait grows with the
/// time that the answer has been missing, and doubles as that does.
fn patience(delivery: &Delivery, attempt: u32, now: Timestamp) -> u32 {
    let State::Unconfirmed { since, .. } = &delivery.state else { return attempt };
    let missing = Duration::try_from(now.duration_since(*since)).unwrap_or_default();
    missing.as_secs().max(1).ilog2()
}

fn gave_up(attempts: u32, cause: &str) -> String {
    format!("{GIVEN_UP} {attempts} attempts: {cause}")
}

/// `at` plus a wait, capped at the end of time.
#[must_use]
pub fn later(at: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| at.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// `at` less an age, capped at the beginning of time.
#[must_use]
pub fn before(at: Timestamp, age: Duration) -> Timestamp {
    at.checked_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::ConversationKey;
    use crate::domain::event::EventId;
    use crate::domain::kind::KindName;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn delivery(state: State) -> Delivery {
        let id = EventId { epoch: 1, sequence: 1, sub: 0 };
        let (attempts, home) = (state.attempts(), (ConversationKey("c".into()), Ends::FIRST));
        let accepted = Delivery::accepted(id, KindName::PhoneText, home, at(0), state);
        Delivery { attempts, settled_at: None, ..accepted }
    }

    fn waiting(attempt: u32) -> State {
        State::Waiting { attempt, due_at: at(0), cause: "x".into(), for_budget: false }
    }

    fn unconfirmed(looks: u32) -> State {
        State::Unconfirmed { attempt: 2, since: at(0), look_at: Some(at(0)), looks, cause: "x".into() }
    }

    proptest! {
        #[test]
        fn waits_stay_within_bounds(
            attempt in any::<u32>(),
            hint in proptest::option::of(any::<u64>()),
            age in 0..200_000_u64,
            draw in any::<f64>(),
        ) {
            let policy = RetryPolicy::default();
            let wait = policy.wait(attempt, hint.map(Duration::from_secs), Duration::from_secs(age), draw);
            prop_assert_eq!(wait.is_none(), Duration::from_secs(age) >= DAY && attempt >= policy.attempts_min);
            if let Some(wait) = wait {
                prop_assert!(wait >= policy.base / 2 && wait <= policy.hint_max);
                match hint.map(Duration::from_secs) {
                    Some(hint) => prop_assert!(wait >= hint.min(policy.hint_max) && wait <= hint.max(policy.cap)),
                    None => prop_assert!(wait <= policy.cap),
                }
            }
        }

        /// Every outcome at every time asks for a move that the claim allows, and puts nothing off into the past or for
        /// longer than a vendor may ask.
        #[test]
        fn every_outcome_is_a_move_that_a_claim_allows(
            looks in proptest::option::of(0..9_u32),
            attempt in 0..2000_u32,
            pick in 0..9_usize,
            second in 0..200_000_i64,
            hint in proptest::option::of(any::<u64>()),
            draw in 0.0..1.0_f64,
        ) {
            let (policy, now, cause) = (RetryPolicy::default(), at(second), "x".to_owned());
            let outcome = [
                Outcome::Deliver { receipt: cause.clone() },
                Outcome::Skip { reason: cause.clone() },
                Outcome::Retry { cause: cause.clone(), after: hint.map(Duration::from_secs) },
                Outcome::Postpone { cause: cause.clone(), until: later(now, policy.cap), for_budget: true },
                Outcome::GiveUp { cause: cause.clone() },
                Outcome::Lose { cause: cause.clone() },
                Outcome::NotSeen { cause: cause.clone(), look_at: Some(later(now, policy.cap)) },
                Outcome::NotSeen { cause: cause.clone(), look_at: None },
                Outcome::Pause { account: Ends::FIRST.carrier, cause },
            ].into_iter().nth(pick).unwrap();
            // A look happens only where an answer was lost.
            let looking = looks.is_some() || matches!(outcome, Outcome::NotSeen { .. });
            let before = if looking { unconfirmed(looks.unwrap_or(0)) } else { waiting(attempt) };
            let mut claimed = delivery(before.clone());
            if !looking {
                claimed.apply(Transition::Claim { lease_until: later(now, policy.cap) }, now).unwrap();
            }
            let age = Duration::try_from(now.duration_since(at(0))).unwrap_or_default();
            let transition = decide(&delivery(before), outcome, age, now, &policy, draw);
            let shown = format!("{transition:?}");
            prop_assert!(claimed.apply(transition, now).is_ok(), "{}", shown);
            if let Some(due) = claimed.state.due_at() {
                prop_assert!(due >= now && due <= later(now, policy.hint_max), "{}", shown);
            }
        }

        #[test]
        fn waits_grow_until_the_cap(attempt in 1..40_u32, draw in 0.0..1.0_f64) {
            let policy = RetryPolicy::default();
            let wait = |attempt| policy.wait(attempt, None, Duration::ZERO, draw).unwrap();
            prop_assert!(wait(attempt + 1) >= wait(attempt));
        }
    }

    #[test]
    fn a_hint_is_kept_when_it_is_longer_and_clamped_when_it_is_absurd() {
        let policy = RetryPolicy::default();
        let wait = |hint| policy.wait(1, Some(Duration::from_secs(hint)), Duration::ZERO, 1.0).unwrap();
        assert_eq!(wait(0), Duration::from_secs(1));
        assert_eq!(wait(42), Duration::from_secs(42));
        assert_eq!(wait(u64::MAX), Duration::from_secs(3600));
    }

    #[test]
    fn looks_come_at_their_times_and_end() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.next_look(1, 0, at(100)), Some(at(105)), "5 s after the loss");
        assert_eq!(policy.next_look(1, 1, at(105)), Some(at(115)), "15 s after the loss");
        assert_eq!(policy.next_look(1, 2, at(115)), None);
        assert_eq!(policy.next_look(3, 0, at(100)), Some(at(180)), "80 s after the third loss");
        assert_eq!(policy.next_look(u32::MAX, 0, at(100)), Some(at(1000)), "never put off for longer than 15 min");
    }

    #[test]
    fn an_outcome_names_the_next_state() {
        let policy = RetryPolicy::default();
        let cause = || "why".to_owned();
        let decide = |state, outcome| decide(&delivery(state), outcome, Duration::from_secs(10), at(10), &policy, 1.0);
        let retry = || Outcome::Retry { cause: cause(), after: None };
        let pause = || Outcome::Pause { account: Ends::FIRST.carrier, cause: cause() };
        let cases = [
            (State::Pending, retry(), Transition::Retry { due_at: at(11), cause: cause() }),
            (waiting(3), retry(), Transition::Retry { due_at: at(18), cause: cause() }),
            (State::Pending, pause(), Transition::Postpone { due_at: at(40), cause: cause(), for_budget: false }),
            (
                State::Pending,
                Outcome::Lose { cause: cause() },
                Transition::Lose { since: at(10), look_at: at(15), cause: cause() },
            ),
            (State::Pending, Outcome::GiveUp { cause: cause() }, Transition::GiveUp { cause: cause() }),
            // A look that fails takes nothing from the state: it may still have been delivered.
            (unconfirmed(1), retry(), Transition::LookAgain { look_at: at(14), counts: false, cause: cause() }),
            (unconfirmed(1), pause(), Transition::LookAgain { look_at: at(40), counts: false, cause: cause() }),
            (
                unconfirmed(1),
                Outcome::NotSeen { cause: cause(), look_at: None },
                Transition::Retry { due_at: at(10), cause: cause() },
            ),
        ];
        for (state, outcome, expected) in cases {
            let shown = format!("{state:?} {outcome:?}");
            assert_eq!(decide(state, outcome), expected, "{shown}");
        }
    }

    #[test]
    fn a_text_whose_answers_are_all_lost_is_set_aside_after_five_and_a_comment_never() {
        let policy = RetryPolicy::default();
        let not_seen = || Outcome::NotSeen { cause: "not there".into(), look_at: None };
        let state = |attempt| State::Unconfirmed {
            attempt,
            since: at(0),
            look_at: Some(at(0)),
            looks: 1,
            cause: String::new(),
        };
        let decide = |delivery: &Delivery| decide(delivery, not_seen(), Duration::from_secs(10), at(10), &policy, 0.5);
        assert!(matches!(decide(&delivery(state(4))), Transition::Retry { .. }));
        assert!(matches!(decide(&delivery(state(5))), Transition::SetAside { .. }));
        // A look at the desk is certain, so nothing is guessed there.
        let comment = Delivery { kind: KindName::CustomerText, ..delivery(state(5)) };
        assert!(matches!(decide(&comment), Transition::Retry { .. }));
    }

    #[test]
    fn what_only_reads_is_done_again_and_in_the_end_given_up_never_set_aside() {
        let (policy, late) = (RetryPolicy::default(), at(24 * 3600));
        for kind in [KindName::AgentReply, KindName::TicketReopened] {
            let doubtful = Delivery { kind, ..delivery(unconfirmed(0)) };
            let retry = || Outcome::Retry { cause: "down".into(), after: None };
            let unknown = || Outcome::Lose { cause: "down".into() };
            for outcome in [retry(), unknown()] {
                let soon = decide(&doubtful, outcome, Duration::from_secs(10), at(10), &policy, 1.0);
                let again = Transition::LookAgain { look_at: at(14), counts: false, cause: "down".into() };
                assert_eq!(soon, again, "{kind}");
            }
            let tired =
                State::Unconfirmed { attempt: 5, since: at(0), look_at: Some(at(0)), looks: 0, cause: "x".into() };
            for outcome in [retry(), unknown()] {
                let doubtful = Delivery { state: tired.clone(), ..doubtful.clone() };
                let over = decide(&doubtful, outcome, DAY, late, &policy, 0.0);
                assert_eq!(over, Transition::GiveUp { cause: "given up after 5 attempts: down".into() }, "{kind}");
            }
            let sending = Delivery { state: waiting(1), ..doubtful.clone() };
            let lost = decide(&sending, unknown(), Duration::from_secs(10), at(10), &policy, 1.0);
            assert_eq!(lost, Transition::Retry { due_at: at(12), cause: "down".into() }, "{kind}");
        }
    }

    #[test]
    fn after_a_day_it_is_given_up_and_never_guessed() {
        let policy = RetryPolicy::default();
        let late = at(24 * 3600);
        let retry = || Outcome::Retry { cause: "down".into(), after: None };
        let killed = decide(&delivery(waiting(300)), retry(), DAY, late, &policy, 0.0);
        assert_eq!(killed, Transition::GiveUp { cause: "given up after 301 attempts: down".into() });
        for (tried, over) in [(0, false), (3, false), (4, true)] {
            let state = if tried == 0 { State::Pending } else { waiting(tried) };
            let decided = decide(&delivery(state), retry(), DAY, late, &policy, 0.0);
            assert_eq!(
                matches!(decided, Transition::GiveUp { .. }),
                over,
                "after a pause of a day, tried {tried} times"
            );
        }
        let set_aside = decide(&delivery(unconfirmed(0)), retry(), DAY, late, &policy, 0.0);
        assert_eq!(set_aside, Transition::SetAside { cause: "down".into() }, "nobody could look, so nobody knows");
    }
}
