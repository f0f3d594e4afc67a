//! For texts that wait for their customer's answer: which of them are due when it comes, which template they wait for, and
//! how its request stands once an operator has ended it.
//!
//! Nothing here tells whether a text may go: it is only weighed again at once.

use jiff::Timestamp;

use crate::domain::account::Direction;
use crate::domain::conversation::{Asked, Change, Conversation, Stand, Window};
use crate::domain::delivery::{Delivery, State};
use crate::domain::kind::KindName;
use crate::domain::lanes::Position;

/// Whether the delivery goes to the customer and waits for a later time than `now`.
pub(in crate::store) fn is_put_off(delivery: &Delivery, now: Timestamp) -> bool {
    let State::Waiting { due_at, for_budget: false, .. } = &delivery.state else { return false };
    delivery.kind.traits().direction == Direction::ToCustomer && *due_at > now
}

/// Makes a delivery that is put off due.
pub(in crate::store) fn put_forward(delivery: &mut Delivery, now: Timestamp) {
    if is_put_off(delivery, now)
        && let State::Waiting { due_at, .. } = &mut delivery.state
    {
        *due_at = now;
    }
}

/// The text at the head of its lane before and after it is made due, because its customer's window has changed; `None`
/// where it does not wait for that. Where a worker holds the lane, the verdict is weighed again by itself
/// ([`super::claims::decided`]). `lane` reads the lane in order; an operator's move may just have ended the first ones.
///
/// # Errors
/// The errors of `lane`.
pub(in crate::store) fn head_put_forward<E>(
    held: &[Position],
    lane: impl IntoIterator<Item = Result<Delivery, E>>,
    now: Timestamp,
) -> Result<Option<(Delivery, Delivery)>, E> {
    if !held.is_empty() {
        return Ok(None);
    }
    let is_head = |found: &Result<Delivery, E>| found.as_ref().map_or(true, |delivery| delivery.state.holds_lane());
    let Some(before) = lane.into_iter().find(is_head).transpose()? else { return Ok(None) };
    let mut after = before.clone();
    put_forward(&mut after, now);
    Ok((after != before).then_some((before, after)))
}

/// The change of its conversation once an operator has ended a delivery: no text waits for the template any longer. `None`
/// for any other delivery, and where no text waits for it.
pub(in crate::store) fn request_ended(known: &Conversation, ended: &Delivery, stand: Stand) -> Option<Change> {
    (ended.kind == KindName::Template && is_awaited(&known.window, ended)).then_some(Change::AskStands(stand))
}

/// Whether texts wait for this template. Otherwise its request is answered or over, and another one may be under way.
fn is_awaited(window: &Window, template: &Delivery) -> bool {
    // A template is accepted in the commit that asks for it.
    let is_of_it = |asked: &Asked| asked.stand == Stand::Owed && asked.at <= template.accepted_at;
    window.asked.as_ref().is_some_and(is_of_it)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::domain::account::Ends;
    use crate::store::rules::testing::{at, delivery, id, looked_for, waiting};

    fn for_budget(due_at: i64) -> State {
        State::Waiting { attempt: 0, due_at: at(due_at), cause: "full".into(), for_budget: true }
    }

    #[test]
    fn a_text_to_the_customer_is_put_off_that_waits_for_a_later_time_and_for_no_budget() {
        let of_kind = |kind, state| Delivery { kind, ..delivery(1, state) };
        for (text, is_later) in [
            (delivery(1, waiting(0, 10)), true),
            (delivery(1, waiting(0, 9)), false),
            (delivery(1, for_budget(10)), false),
            (delivery(1, looked_for(10)), false),
            (delivery(1, State::Pending), false),
            (of_kind(KindName::AgentReply, waiting(0, 10)), true),
            (of_kind(KindName::CustomerText, waiting(0, 10)), false),
            (of_kind(KindName::Note, waiting(0, 10)), false),
        ] {
            assert_eq!(is_put_off(&text, at(9)), is_later, "{text:?}");
            let mut forward = text.clone();
            put_forward(&mut forward, at(9));
            assert_eq!(forward.state.due_at(), if is_later { Some(at(9)) } else { text.state.due_at() });
        }
    }

    #[test]
    fn only_the_first_text_that_is_in_the_lane_is_made_due_and_none_in_a_workers_hands() {
        let waits = |sequence| delivery(sequence, waiting(1, 50));
        let ended = delivery(1, State::Skipped { reason: "dropped".into() });
        let forward = |held: &[Position], lane: Vec<Delivery>| {
            let lane = lane.into_iter().map(Ok::<_, Infallible>);
            let made = head_put_forward(held, lane, at(9)).unwrap();
            made.map(|(before, after)| (before.id, before.state.due_at(), after.state.due_at()))
        };
        let made_due = |sequence| Some((id(sequence), Some(at(50)), Some(at(9))));
        assert_eq!(forward(&[], vec![waits(1), waits(2)]), made_due(1));
        assert_eq!(forward(&[], vec![ended.clone(), waits(2)]), made_due(2));
        assert_eq!(forward(&[], vec![delivery(1, looked_for(50)), waits(2)]), None, "the head waits for no answer");
        assert_eq!(forward(&[Position::of(id(1))], vec![waits(1)]), None, "a worker holds it");
        assert_eq!(forward(&[], vec![ended]), None);
        assert!(head_put_forward(&[], [Err("unreadable"), Ok(waits(2))], at(9)).is_err());
    }

    #[test]
    fn an_ended_template_ends_the_request_that_it_was_accepted_for() {
        let accepted =
            |second| Delivery { kind: KindName::Template, accepted_at: at(second), ..delivery(1, State::Pending) };
        let asked = |stand| {
            let mut known = Conversation::new(accepted(0).conversation, Ends::FIRST, at(0));
            known.window.asked = Some(Asked { at: at(5), stand, solved: None });
            known
        };
        let ends = |stand, template: &Delivery| request_ended(&asked(stand), template, Stand::Failed).is_some();
        assert!(ends(Stand::Owed, &accepted(5)), "a template is accepted in the commit that asks for it");
        assert!(ends(Stand::Owed, &accepted(6)));
        assert!(!ends(Stand::Owed, &accepted(4)), "the customer was asked again since");
        assert!(!ends(Stand::Sent, &accepted(5)), "it is over");
        assert!(!ends(Stand::Owed, &Delivery { kind: KindName::PhoneText, ..accepted(5) }), "a text");
        let unasked = Conversation { window: Window::default(), ..asked(Stand::Owed) };
        assert_eq!(request_ended(&unasked, &accepted(5), Stand::Failed), None);
        let change = request_ended(&asked(Stand::Owed), &accepted(5), Stand::Sent);
        assert_eq!(change, Some(Change::AskStands(Stand::Sent)));
    }
}
