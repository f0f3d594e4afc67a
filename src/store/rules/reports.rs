//! A carrier's reports: as they are kept until their fate is known, and their effect on the delivery that they are about.
//!
//! Nothing here finds the delivery of a report, which the worker does.

use jiff::{SignedDuration, Timestamp};

use super::acts::is_held;
use super::moves::apply;
use crate::domain::conversation::{Change, ConversationKey};
use crate::domain::delivery::{Delivery, State, Transition};
use crate::domain::lanes::Position;
use crate::domain::receipt::{self, Kept, Report, TakenIn};
use crate::store::IllegalMove;

/// How long the webhook of a text may still come that was taken in from a report: a carrier repeats a webhook for a day.
const WEBHOOK_MAY_COME: SignedDuration = SignedDuration::from_hours(24);

/// A report as it is first kept.
pub(in crate::store) fn kept(number: u64, report: Report, now: Timestamp) -> Kept {
    Kept { number, taken_at: now, due_at: Some(report.weighed_from(now)), taken_in: None, report }
}

/// The effect of a report on its delivery.
pub(in crate::store) struct Bound {
    /// The delivery with the report.
    pub(in crate::store) after: Delivery,
    /// Whether the agent is to be told.
    pub(in crate::store) tells: bool,
    /// The change that the conversation learns from it.
    pub(in crate::store) taught: Option<Change>,
}

/// Writes a report of this part, of so many, into its delivery. A delivery in doubt is looked at again at once when all its
/// parts are known to be out, unless a worker is at it: `held` are those of its lane on which one works.
pub(in crate::store) fn bound(
    before: &Delivery,
    (part, of): (u32, u32),
    report: &Report,
    held: &[Position],
    now: Timestamp,
) -> Result<Bound, IllegalMove> {
    let mut after = before.clone();
    let tells = after.add_report(part, report);
    let is_in_doubt = matches!(after.state, State::Unconfirmed { .. });
    if is_in_doubt && after.parts_sent >= of && !is_held(after.id, held) {
        let cause = "its carrier reports that it went out".to_owned();
        apply(&mut after, Transition::LookAgain { look_at: now, counts: false, cause }, now)?;
    }
    let taught = receipt::taught(report, part, &after.receipts, after.first_sent_at).filter(|_| tells);
    Ok(Bound { after, tells, taught })
}

/// A report of a send whose name `told` has just brought, to be weighed again at once; `None` for one that does not wait,
/// or waits for a webhook.
pub(in crate::store) fn weighed_again(other: &Kept, told: &Kept, now: Timestamp) -> Option<Kept> {
    let waits = other.taken_in.is_none() && other.due_at.is_none_or(|at| at > now);
    (waits && other.number != told.number).then(|| Kept { due_at: Some(now), ..other.clone() })
}

/// A report after a text was taken in from it: it stays for as long as the webhook of the text may still come.
pub(in crate::store) fn taken_in(kept: &Kept, text: TakenIn, now: Timestamp) -> Kept {
    let due_at = Some(now.saturating_add(WEBHOOK_MAY_COME).unwrap_or(Timestamp::MAX));
    Kept { due_at, taken_in: Some(text), ..kept.clone() }
}

/// Equal for a text that was taken in and for the one of its webhook.
pub(in crate::store) fn words_of(key: &ConversationKey, text: &str) -> String {
    format!("{}\n{}", key.0, text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::event::Customer;
    use crate::domain::receipt::{Failure, Mark, Reported};
    use crate::store::rules::testing::{at, delivery, id, looked_for, sending, set_aside};

    fn report(what: Reported) -> Report {
        Report {
            id: "1".into(),
            at: at(5),
            customer: Customer::default(),
            campaign: None,
            dispatch: Some("a".into()),
            line: None,
            carrier: Ends::FIRST.carrier,
            what,
        }
    }

    fn sent(part: u32) -> Report {
        report(Reported::Sent { mark: Some(Mark { id: id(1), part }) })
    }

    #[test]
    fn a_text_in_doubt_is_looked_at_again_once_all_its_parts_are_known_to_be_out() {
        let (doubted, held) = (delivery(1, looked_for(90)), [Position::of(id(1))]);
        for (text, part, of, held, look_at) in [
            (&doubted, 1, 1, &[][..], Some(at(9))),
            (&doubted, 2, 2, &[][..], Some(at(9))),
            (&doubted, 1, 2, &[][..], Some(at(90))),
            (&doubted, 1, 1, &held[..], Some(at(90))),
            (&doubted, 1, 1, &[Position::of(id(2))][..], Some(at(9))),
            (&set_aside(1), 1, 1, &[][..], Some(at(9))),
            (&delivery(1, sending(90)), 1, 1, &[][..], None),
            (&delivery(1, State::Delivered { receipt: "r".into() }), 1, 1, &[][..], None),
        ] {
            let bound = bound(text, (part, of), &sent(part), held, at(9)).unwrap();
            assert_eq!((bound.after.state.due_at(), bound.after.parts_sent), (look_at, part), "{text:?} {part}/{of}");
            assert_eq!((bound.after.receipts.len(), bound.tells, bound.taught), (1, false, None));
        }
    }

    #[test]
    fn a_failure_tells_and_teaches_once() {
        // The code for a window that is shut.
        let shut = Failure { code: Some("131047".into()), said: None, falls_back: false };
        let failed = report(Reported::Failed(shut));
        let text = Delivery { first_sent_at: Some(at(3)), ..delivery(1, State::Delivered { receipt: "r".into() }) };
        let first = bound(&text, (1, 1), &failed, &[], at(9)).unwrap();
        assert_eq!((first.tells, first.taught), (true, Some(Change::Shut(at(3)))));
        let again = bound(&first.after, (1, 1), &failed, &[], at(9)).unwrap();
        assert_eq!((again.tells, again.taught, again.after), (false, None, first.after));
    }

    #[test]
    fn reports_are_weighed_again_that_wait_for_the_name_of_a_send() {
        let waits = |number, due_at: Option<i64>| Kept {
            due_at: due_at.map(at),
            ..kept(number, report(Reported::Delivered), at(0))
        };
        let told = waits(1, Some(0));
        for (other, is_weighed) in [
            (waits(2, None), true),
            (waits(2, Some(10)), true),
            (waits(2, Some(9)), false),
            (waits(1, None), false),
            (
                taken_in(
                    &waits(2, None),
                    TakenIn { event: id(1), conversation: key("ada"), words: "ok".into() },
                    at(9),
                ),
                false,
            ),
        ] {
            let weighed = weighed_again(&other, &told, at(9));
            assert_eq!(weighed, is_weighed.then(|| Kept { due_at: Some(at(9)), ..other.clone() }), "{other:?}");
        }
    }

    fn key(name: &str) -> ConversationKey {
        ConversationKey(name.into())
    }

    #[test]
    fn a_report_is_kept_until_its_fate_is_known_and_while_the_webhook_of_its_text_may_come() {
        let first = kept(7, report(Reported::Unsubscribed), at(100));
        assert_eq!((first.number, first.taken_at, first.due_at), (7, at(100), Some(at(220))), "a keyword may come");
        let text = TakenIn { event: id(1), conversation: key("ada"), words: "ok".into() };
        let taken = taken_in(&first, text.clone(), at(200));
        assert_eq!((taken.due_at, taken.taken_in), (Some(at(200 + 24 * 3600)), Some(text)));
        assert_eq!((taken.number, taken.taken_at, taken.report), (7, at(100), first.report));
    }

    #[test]
    fn a_text_is_the_same_whatever_space_stands_around_it() {
        assert_eq!(words_of(&key("ada"), " ok\n"), words_of(&key("ada"), "ok"));
        assert_ne!(words_of(&key("ada"), "ok"), words_of(&key("bob"), "ok"));
        assert_ne!(words_of(&key("ada"), "o k"), words_of(&key("ada"), "ok"));
    }
}
