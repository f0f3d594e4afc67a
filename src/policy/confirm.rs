//! The confirming policy: the meaning of a look for a message in doubt. Pure; never looks itself.
//!
//! A send leaves a receipt at the carrier: the delivery's id, with the number of the part where there are several. The next
//! send on the same line takes its place.
//!
//! | the look sees | the message |
//! |---|---|
//! | the receipt of the last part | has arrived |
//! | the receipt of an earlier part | goes on behind that part; with texts held, only behind the next one |
//! | a later message's receipt in its place | cannot be told any more |
//! | none of these | is looked for again, and after the last look cannot be told |
//!
//! A message of which nothing can be told is sent again, or left to the operator where texts are held.

use jiff::Timestamp;

use crate::domain::cause;
use crate::domain::delivery::{Delivery, Outcome, State};
use crate::domain::event::EventId;
use crate::domain::outgoing::Part;
use crate::domain::retry::{OnUnconfirmed, RetryPolicy};

/// The result of a look at the carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The whole message is out.
    Whole,
    /// The message is out up to this part, and the rest can go.
    UpTo(u32),
    /// A later message has taken the place of the receipt.
    Replaced,
    /// No receipt, or one behind which nothing can go.
    Nothing,
}

/// The sight of a message that goes in `parts`, given the receipts at the carrier and the one that is newest on its line.
/// `is_later` tells whether a delivery was, or may have been, accepted later than this one.
#[must_use]
pub fn sight<'r>(
    delivery: &Delivery,
    parts: u32,
    receipts: impl Iterator<Item = &'r str> + Clone,
    newest: Option<&str>,
    on_unconfirmed: OnUnconfirmed,
    is_later: impl Fn(EventId) -> bool,
) -> Sight {
    let is_out = |number: &u32| {
        let receipt = Part { id: delivery.id, number: *number, of: parts }.receipt();
        receipts.clone().any(|known| known == receipt)
    };
    match (1..=parts).rev().find(is_out) {
        Some(part) if part == parts => Sight::Whole,
        // More parts are out than was known, so the rest can go at once. Otherwise the part in doubt is the next one.
        Some(part) if may_go_on_behind(part, delivery.parts_sent, on_unconfirmed) => Sight::UpTo(part),
        None if newest.and_then(delivery_of).is_some_and(is_later) => Sight::Replaced,
        Some(_) | None => Sight::Nothing,
    }
}

/// The delivery whose receipt this is.
fn delivery_of(receipt: &str) -> Option<EventId> {
    receipt.split('.').next()?.parse().ok()
}

/// Whether the parts behind a seen one can be sent. With `hold`, parts go one at a time: where the seen part is the
/// next after the known ones, the later ones are unsent. Any other seen part is of an attempt before that setting,
/// which may have sent more.
fn may_go_on_behind(seen: u32, known: u32, on_unconfirmed: OnUnconfirmed) -> bool {
    match on_unconfirmed {
        OnUnconfirmed::Resend => seen > known,
        OnUnconfirmed::Hold => seen == known.saturating_add(1),
    }
}

/// The outcome of this sight; `None` where the message has arrived.
#[must_use]
pub fn outcome(
    sight: Sight,
    parts: u32,
    state: &State,
    on_unconfirmed: OnUnconfirmed,
    retry: &RetryPolicy,
    now: Timestamp,
) -> Option<Outcome> {
    match sight {
        Sight::Whole => None,
        Sight::UpTo(part) => Some(Outcome::NotSeen { cause: format!("part {part} of {parts} is out"), look_at: None }),
        Sight::Replaced => Some(cannot_be_told(on_unconfirmed, cause::RECEIPT_REPLACED.to_owned())),
        Sight::Nothing => {
            let missing = "the carrier shows no receipt of it";
            let outcome = not_seen(state, missing, retry, now);
            Some(if let Outcome::NotSeen { cause, look_at: None } = outcome {
                cannot_be_told(on_unconfirmed, cause)
            } else {
                outcome
            })
        }
    }
}

/// The outcome of a message whose fate no look can tell.
#[must_use]
pub fn cannot_be_told(on_unconfirmed: OnUnconfirmed, cause: String) -> Outcome {
    match on_unconfirmed {
        OnUnconfirmed::Resend => Outcome::NotSeen { cause, look_at: None },
        OnUnconfirmed::Hold => Outcome::SetAside { cause },
    }
}

/// The outcome of a look that saw nothing: it is looked for again, as long as looks are left.
#[must_use]
pub fn not_seen(state: &State, cause: &str, retry: &RetryPolicy, now: Timestamp) -> Outcome {
    let looks = if let State::Unconfirmed { looks, .. } = state { *looks } else { 0 };
    let look_at = retry.next_look(state.attempts(), looks.saturating_add(1), now);
    Outcome::NotSeen { cause: cause.to_owned(), look_at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::ConversationKey;
    use crate::domain::kind::KindName;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn id(sequence: u64) -> EventId {
        EventId { epoch: 1, sequence, sub: 0 }
    }

    /// A text in doubt, of which so many parts are known to be out.
    fn in_doubt(parts_sent: u32, looks: u32) -> Delivery {
        let state = State::Unconfirmed { since: at(0), look_at: Some(at(5)), attempt: 1, looks, cause: "lost".into() };
        let home = (ConversationKey("ada".into()), Ends::FIRST);
        let accepted = Delivery::accepted(id(2), KindName::PhoneText, home, at(0), state);
        Delivery { attempts: 1, parts_sent, ..accepted }
    }

    #[test]
    fn a_receipt_tells_how_far_a_text_came() {
        use OnUnconfirmed::{Hold, Resend};
        let [earlier, mine, later] = [1, 2, 9].map(|sequence| id(sequence).to_string());
        let part = |number| Part { id: id(2), number, of: 3 }.receipt();
        for (parts, known, receipts, on_unconfirmed, expected) in [
            (1, 0, vec![mine.clone()], Resend, Sight::Whole),
            (1, 0, vec![later.clone(), mine], Resend, Sight::Whole),
            (3, 0, vec![part(3)], Hold, Sight::Whole),
            (3, 0, vec![part(1)], Resend, Sight::UpTo(1)),
            (3, 0, vec![part(2)], Resend, Sight::UpTo(2)),
            (3, 1, vec![part(1)], Resend, Sight::Nothing),
            (3, 0, vec![part(1)], Hold, Sight::UpTo(1)),
            (3, 0, vec![part(2)], Hold, Sight::Nothing),
            (3, 1, vec![part(2)], Hold, Sight::UpTo(2)),
            (1, 0, vec![later], Resend, Sight::Replaced),
            (1, 0, vec![earlier], Resend, Sight::Nothing),
            (1, 0, vec!["by hand".into()], Resend, Sight::Nothing),
            (1, 0, vec![], Resend, Sight::Nothing),
        ] {
            let delivery = in_doubt(known, 0);
            let newest = receipts.first().map(String::as_str);
            let all = receipts.iter().map(String::as_str);
            let sight = sight(&delivery, parts, all, newest, on_unconfirmed, |id| id.sequence > 2);
            assert_eq!(sight, expected, "{parts} {known} {receipts:?} {on_unconfirmed:?}");
        }
    }

    #[test]
    fn a_text_is_looked_for_until_the_last_look_and_then_goes_again_or_to_the_operator() {
        use OnUnconfirmed::{Hold, Resend};
        let missing = "the carrier shows no receipt of it".to_owned();
        let again = |cause: String, look_at| Some(Outcome::NotSeen { cause, look_at });
        let aside = |cause: String| Some(Outcome::SetAside { cause });
        for (seen, looks, on_unconfirmed, expected) in [
            (Sight::Whole, 0, Hold, None),
            (Sight::UpTo(1), 0, Hold, again("part 1 of 3 is out".into(), None)),
            (Sight::Nothing, 0, Hold, again(missing.clone(), Some(at(110)))),
            (Sight::Nothing, 1, Resend, again(missing.clone(), None)),
            (Sight::Nothing, 1, Hold, aside(missing)),
            (Sight::Replaced, 0, Resend, again(cause::RECEIPT_REPLACED.into(), None)),
            (Sight::Replaced, 0, Hold, aside(cause::RECEIPT_REPLACED.into())),
        ] {
            let state = in_doubt(0, looks).state;
            let outcome = outcome(seen, 3, &state, on_unconfirmed, &RetryPolicy::default(), at(100));
            assert_eq!(outcome, expected, "{seen:?} {looks} {on_unconfirmed:?}");
        }
    }
}
