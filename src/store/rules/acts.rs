//! An operator's acts: the records after a move, the pauses, and the acts for the audit.
//!
//! Never chooses the deliveries of an act; [`super::groups::together`] says which ones move with another.

use jiff::Timestamp;

use super::moves::apply;
use crate::domain::account::AccountId;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Arrived, Delivery, Transition};
use crate::domain::event::EventId;
use crate::domain::lanes::Position;
use crate::domain::operator::{Act, Moved, Order, Pause, PauseTerms};
use crate::store::IllegalMove;

fn refused(id: EventId, reason: &str) -> IllegalMove {
    IllegalMove { id, reason: reason.to_owned() }
}

/// Whether a worker works on this delivery; `held` are those of its lane on which one does.
pub(in crate::store) fn is_held(id: EventId, held: &[Position]) -> bool {
    held.contains(&Position::of(id))
}

/// Refuses an act on a delivery that a worker holds.
pub(in crate::store) fn at_rest(id: EventId, held: &[Position]) -> Result<(), IllegalMove> {
    if is_held(id, held) { Err(refused(id, "a worker is on it; try again in a moment")) } else { Ok(()) }
}

/// Refuses a move that is not an operator's.
pub(in crate::store) fn is_operators(id: EventId, transition: &Transition) -> Result<(), IllegalMove> {
    match transition {
        Transition::Redrive | Transition::Discard { .. } | Transition::ReadAgain { .. } => Ok(()),
        Transition::Claim { .. }
        | Transition::Deliver { .. }
        | Transition::Skip { .. }
        | Transition::Retry { .. }
        | Transition::Postpone { .. }
        | Transition::Lose { .. }
        | Transition::Doubt { .. }
        | Transition::LookAgain { .. }
        | Transition::SetAside { .. }
        | Transition::GiveUp { .. }
        | Transition::Settle { .. } => Err(refused(id, "only redrive, reading again and discard are the operator's")),
    }
}

/// A delivery that is dropped, or whose body was read again.
pub(in crate::store) fn moved(
    before: &Delivery,
    transition: Transition,
    now: Timestamp,
) -> Result<Delivery, IllegalMove> {
    let mut after = before.clone();
    apply(&mut after, transition, now)?;
    Ok(after)
}

/// A delivery that goes back to its lane, at its old position, in the conversation that it belongs to by now.
pub(in crate::store) fn redriven(
    before: &Delivery,
    home: ConversationKey,
    now: Timestamp,
) -> Result<Delivery, IllegalMove> {
    Ok(Delivery { conversation: home, ..moved(before, Transition::Redrive, now)? })
}

/// A delivery that an operator has found to have arrived, or how much of it.
pub(in crate::store) fn settled(
    before: &Delivery,
    arrived: Arrived,
    home: ConversationKey,
    now: Timestamp,
) -> Result<Delivery, IllegalMove> {
    let transition = before.settling(arrived).map_err(|reason| IllegalMove { id: before.id, reason })?;
    Ok(Delivery { conversation: home, ..moved(before, transition, now)? })
}

/// The act of a move for the audit, which counts reading a body again as redriving it.
pub(in crate::store) fn act_of(transition: &Transition, moved: Moved) -> Act {
    let is_redrive = matches!(transition, Transition::Redrive | Transition::ReadAgain { .. });
    if is_redrive { Act::Redrive(moved) } else { Act::Discard(moved) }
}

/// The pause of an account after an order to pause it on these terms, or to resume it, with the act for the audit. `None`
/// where the order changes nothing.
pub(in crate::store) fn paused(
    account: AccountId,
    before: Option<&Pause>,
    terms: Option<PauseTerms>,
    order: &Order,
) -> Option<(Option<Pause>, Act)> {
    let Some(terms) = terms else { return before.map(|_| (None, Act::Resume { account })) };
    let pause = match before {
        None => Pause::new(order, terms),
        Some(before) => before.changed(order, terms)?,
    };
    let until = pause.until;
    Some((Some(pause), Act::Pause { account, until }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::delivery::State;
    use crate::domain::kind::KindName;
    use crate::domain::operator::{Access, Operator};
    use crate::store::rules::testing::{at, delivery, id, sending, set_aside};

    fn held(sequence: u64) -> [Position; 1] {
        [Position::of(id(sequence))]
    }

    fn key(name: &str) -> ConversationKey {
        ConversationKey(name.into())
    }

    #[test]
    fn a_delivery_in_a_workers_hands_is_left_alone() {
        assert_eq!(at_rest(id(1), &[]), Ok(()));
        assert_eq!(at_rest(id(1), &held(2)), Ok(()), "one behind it in the lane");
        assert!(at_rest(id(1), &held(1)).unwrap_err().reason.contains("a worker is on it"));
    }

    #[test]
    fn an_operator_makes_no_move_of_a_worker() {
        let (time, word) = (at(9), || "x".to_owned());
        let theirs =
            [Transition::Redrive, Transition::Discard { reason: word() }, Transition::ReadAgain { reason: word() }];
        for theirs in theirs {
            assert_eq!(is_operators(id(1), &theirs), Ok(()), "{theirs:?}");
        }
        for other in [
            Transition::Claim { lease_until: time },
            Transition::Deliver { receipt: word() },
            Transition::Skip { reason: word() },
            Transition::Retry { due_at: time, cause: word() },
            Transition::Postpone { due_at: time, cause: word(), for_budget: false },
            Transition::Lose { since: time, look_at: time, cause: word() },
            Transition::Doubt { look_at: time, cause: word() },
            Transition::LookAgain { look_at: time, counts: true, cause: word() },
            Transition::SetAside { cause: word() },
            Transition::GiveUp { cause: word() },
            // It goes with a finding, which is weighed first.
            Transition::Settle { out: 1, of: 1 },
        ] {
            assert_eq!(is_operators(id(1), &other).map_err(|refused| refused.id), Err(id(1)), "{other:?}");
        }
    }

    #[test]
    fn the_audit_counts_a_body_that_is_read_again_as_redriven() {
        let moved = || Moved { count: 1, first: id(1), last: id(1) };
        let act = |transition: Transition| act_of(&transition, moved());
        assert_eq!(act(Transition::Redrive), Act::Redrive(moved()));
        assert_eq!(act(Transition::ReadAgain { reason: "x".into() }), Act::Redrive(moved()));
        assert_eq!(act(Transition::Discard { reason: "x".into() }), Act::Discard(moved()));
    }

    #[test]
    fn an_order_that_changes_nothing_about_a_pause_is_no_act() {
        let account = Ends::FIRST.carrier;
        let order = Order { operator: Operator::claiming(Access::Loopback, None), given_at: at(9), accepted_by: None };
        let terms = |until| Some(PauseTerms { reason: Some("outage".into()), until });
        let paused = |before: Option<&Pause>, terms| paused(account, before, terms, &order);
        let (begun, act) = paused(None, terms(None)).unwrap();
        let begun = begun.unwrap();
        assert_eq!((begun.since, &act), (at(9), &Act::Pause { account, until: None }));
        assert_eq!(paused(Some(&begun), terms(None)), None, "the same terms");
        let (changed, act) = paused(Some(&begun), terms(Some(at(50)))).unwrap();
        assert_eq!((changed.unwrap().until, act), (Some(at(50)), Act::Pause { account, until: Some(at(50)) }));
        assert_eq!(paused(Some(&begun), None), Some((None, Act::Resume { account })));
        assert_eq!(paused(None, None), None, "nothing is paused");
    }

    #[test]
    fn a_redriven_delivery_goes_home_and_is_in_no_group() {
        let dead = delivery(2, State::Dead { cause: "400".into() });
        let after = redriven(&Delivery { merged_into: Some(id(1)), ..dead }, key("home"), at(9)).unwrap();
        assert_eq!((after.state, after.conversation, after.merged_into), (State::Pending, key("home"), None));
        assert_eq!(redriven(&delivery(2, sending(9)), key("home"), at(9)).unwrap_err().id, id(2));
    }

    #[test]
    fn a_settled_delivery_goes_home_and_only_what_is_in_doubt_is_settled() {
        let after = settled(&set_aside(1), Arrived::WHOLE, key("home"), at(9)).unwrap();
        assert_eq!((after.state.name().word(), after.conversation), ("delivered", key("home")));
        let in_part = settled(&set_aside(1), Arrived { out: Some(1), of: 3 }, key("home"), at(9)).unwrap();
        assert_eq!((in_part.state, in_part.parts_sent), (State::Pending, 1));
        let doorbell = Delivery { kind: KindName::AgentReply, ..set_aside(1) };
        for other in [doorbell, delivery(1, State::Pending)] {
            assert_eq!(settled(&other, Arrived::WHOLE, key("home"), at(9)).unwrap_err().id, id(1));
        }
    }
}
