//! Deliveries whose call may have happened without a record of it: the lease ended, the bridge stopped, or the store was
//! put back from a backup.
//!
//! Each is looked for before it is tried again. Nothing here decides what a look has seen.

use jiff::{SignedDuration, Timestamp};

use super::moves::{apply, lose};
use crate::domain::cause::PUT_BACK;
use crate::domain::delivery::{Delivery, State, Transition};
use crate::store::IllegalMove;

/// A delivery whose lease has ended; `None` where no call was made under it.
pub(in crate::store) fn lease_ended(delivery: &Delivery, now: Timestamp) -> Result<Option<Delivery>, IllegalMove> {
    if !matches!(delivery.state, State::Sending { .. }) {
        return Ok(None);
    }
    let mut after = delivery.clone();
    lose(&mut after, now, "the worker did not come back in time")?;
    Ok(Some(after))
}

/// A delivery that was being sent when the bridge stopped; `None` for any other. Its answer was lost between the
/// beginning of the lease, which lasts for `lease`, and `now`, so it counts as lost at the beginning.
pub(in crate::store) fn bridge_stopped(
    delivery: &Delivery,
    lease: SignedDuration,
    now: Timestamp,
) -> Result<Option<Delivery>, IllegalMove> {
    let State::Sending { lease_until, .. } = delivery.state else { return Ok(None) };
    let began = lease_until.saturating_sub(lease).unwrap_or(now).min(now);
    let mut after = delivery.clone();
    lose(&mut after, now, "the bridge stopped while calling")?;
    if let State::Unconfirmed { since, .. } = &mut after.state {
        *since = began;
    }
    Ok(Some(after))
}

/// A waiting delivery of a store that was put back from a backup; `None` where it only reads, and is done again.
pub(in crate::store) fn put_back(delivery: &Delivery, now: Timestamp) -> Result<Option<Delivery>, IllegalMove> {
    if delivery.only_reads() {
        return Ok(None);
    }
    let mut after = delivery.clone();
    apply(&mut after, Transition::Doubt { look_at: now, cause: PUT_BACK.to_owned() }, now)?;
    Ok(Some(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind::KindName;
    use crate::store::rules::testing::{at, delivery, looked_for, sending, set_aside, waiting};

    fn since(delivery: Option<Delivery>) -> Option<(Timestamp, Option<Timestamp>)> {
        let state = delivery?.state;
        let State::Unconfirmed { since, look_at, .. } = state else { panic!("{state:?}") };
        Some((since, look_at))
    }

    #[test]
    fn only_a_delivery_that_was_being_sent_is_lost_with_its_lease() {
        for other in [State::Pending, waiting(1, 9), looked_for(9)] {
            assert_eq!(lease_ended(&delivery(1, other.clone()), at(50)), Ok(None));
            assert_eq!(bridge_stopped(&delivery(1, other), SignedDuration::from_secs(30), at(50)), Ok(None));
        }
        let held = delivery(1, sending(40));
        assert_eq!(since(lease_ended(&held, at(50)).unwrap()), Some((at(50), Some(at(50)))));
    }

    #[test]
    fn an_answer_that_a_stop_has_lost_counts_from_the_beginning_of_the_lease_and_never_from_the_future() {
        let stopped =
            |now| since(bridge_stopped(&delivery(1, sending(40)), SignedDuration::from_secs(30), at(now)).unwrap());
        assert_eq!(stopped(50), Some((at(10), Some(at(50)))));
        assert_eq!(stopped(5), Some((at(5), Some(at(5)))), "the clock went back");
    }

    #[test]
    fn after_a_backup_all_is_doubted_that_is_more_than_reading() {
        for state in [State::Pending, waiting(0, 9), looked_for(9)] {
            assert_eq!(since(put_back(&delivery(1, state), at(50)).unwrap()), Some((at(50), Some(at(50)))));
        }
        let doorbell = Delivery { kind: KindName::AgentReply, ..delivery(1, State::Pending) };
        assert_eq!(put_back(&doorbell, at(50)), Ok(None));
        assert!(put_back(&set_aside(1), at(50)).is_err(), "it holds no lane");
    }
}
