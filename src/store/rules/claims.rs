//! Claims and verdicts: the records of the claimed deliveries when a worker begins, and after it has decided.
//!
//! Never decides which lane is claimed: [`crate::domain::lanes`] does.

use jiff::Timestamp;

use super::moves::{apply, lose};
use super::window::{is_put_off, put_forward};
use crate::domain::account::Ends;
use crate::domain::conversation::{ConversationKey, Window};
use crate::domain::delivery::{Delivery, State, Transition};
use crate::domain::event::EventId;
use crate::domain::kind::{Confirmed, KindName};
use crate::domain::lanes::Position;
use crate::domain::parts::Cut;
use crate::store::IllegalMove;

/// A claimed delivery as it is recorded before the worker calls. `None` where nothing is recorded, because the worker
/// only looks. The `cut` of a text to the phone is recorded with it, because a call without an answer or a record may have
/// brought a part to the phone; and the `thread` of its conversation, because that may go on in another talk before the
/// fate of the call is known.
pub(in crate::store) fn started(
    before: &Delivery,
    head: EventId,
    lease_until: Timestamp,
    (cut, thread): (Cut, Option<&str>),
    now: Timestamp,
) -> Result<Option<Delivery>, IllegalMove> {
    if !matches!(before.state, State::Pending | State::Waiting { .. }) {
        return Ok(None);
    }
    let mut after = before.clone();
    apply(&mut after, Transition::Claim { lease_until }, now)?;
    after.first_sent_at.get_or_insert(now);
    if after.kind == KindName::PhoneText {
        after.cut.get_or_insert(cut);
    }
    if let Some(thread) = thread.filter(|_| after.kind.traits().confirmed == Confirmed::AtTheCarrier) {
        after.goes_out_in(thread);
    }
    after.merged_into = (before.id != head).then_some(head);
    Ok(Some(after))
}

/// The part of a verdict that is about the claimed deliveries.
pub(in crate::store) struct Decision {
    /// The move of each.
    pub(in crate::store) moves: Vec<(EventId, Transition)>,
    /// The number of parts of the first that are known to be out.
    pub(in crate::store) parts_sent: Option<u32>,
    /// The conversation that they belong to from now on, and its accounts.
    pub(in crate::store) home: (ConversationKey, Ends),
    /// The window that the worker decided by.
    pub(in crate::store) window: Window,
}

/// The claimed deliveries after the worker's decision, in the same order. A delivery without a move that was being sent
/// counts as lost. A wait that was decided by a window which has changed since ends at once; `window` reads the window
/// as it is, where that matters.
///
/// # Errors
/// [`IllegalMove`]; the errors of `window`.
pub(in crate::store) fn decided<E: From<IllegalMove>>(
    claimed: &[Delivery],
    decision: Decision,
    window: impl FnOnce() -> Result<Window, E>,
    now: Timestamp,
) -> Result<Vec<Delivery>, E> {
    let mut decided = claimed.to_vec();
    // Before the move, which drops the cut of a text without a part that is out.
    if let (Some(parts), Some(delivery)) = (decision.parts_sent, decided.first_mut()) {
        // A report may have told of more meanwhile.
        delivery.parts_sent = delivery.parts_sent.max(parts);
    }
    for (id, transition) in decision.moves {
        let delivery = decided.iter_mut().find(|delivery| delivery.id == id);
        let reason = "it is not part of this claim".to_owned();
        apply(delivery.ok_or(IllegalMove { id, reason })?, transition, now)?;
    }
    if decided.iter().any(|delivery| is_put_off(delivery, now)) && window()? != decision.window {
        decided.iter_mut().for_each(|delivery| put_forward(delivery, now));
    }
    for delivery in &mut decided {
        (delivery.conversation, delivery.ends) = decision.home.clone();
        if matches!(delivery.state, State::Sending { .. }) {
            lose(delivery, now, "the worker recorded no outcome")?;
        }
    }
    Ok(decided)
}

/// The positions of as many events in the place of this one: the same sequence, the subs behind the last used one.
///
/// # Errors
/// [`IllegalMove`] when there are no more subs.
pub(in crate::store) fn in_place_of(head: EventId, last: Position, many: usize) -> Result<Vec<Position>, IllegalMove> {
    let place = Position::of(head).0 & !0xffff;
    let reason = || IllegalMove { id: head, reason: "too many events took the place of one".to_owned() };
    let sub = |more: usize| {
        let sub = u16::try_from(more).ok().and_then(|more| last.sub().checked_add(more));
        sub.map(|sub| Position(place | u64::from(sub))).ok_or_else(reason)
    };
    (1..=many).map(sub).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::delivery::{Fate, HistoryEntry};
    use crate::store::rules::testing::{at, delivery, id, looked_for, sending, waiting};

    const CUT: Cut = Cut::Segments { gsm7: false };

    fn decision(moves: &[(u64, Transition)]) -> Decision {
        Decision {
            moves: moves.iter().map(|(sequence, transition)| (id(*sequence), transition.clone())).collect(),
            parts_sent: None,
            home: (ConversationKey("home".into()), others()),
            window: Window::default(),
        }
    }

    /// The accounts of another desk and another carrier.
    fn others() -> Ends {
        Ends { desk: Ends::FIRST.carrier, carrier: Ends::FIRST.desk }
    }

    fn unread() -> Result<Window, IllegalMove> {
        panic!("no window matters here")
    }

    #[test]
    fn the_first_cut_of_a_text_is_recorded_before_the_call_and_stays_while_a_part_may_be_out() {
        let (first, second) = (Cut::Segments { gsm7: true }, Cut::Segments { gsm7: false });
        let begun = |before: &Delivery, cut| started(before, before.id, at(90), (cut, None), at(9)).unwrap().unwrap();
        let moved = |before: &Delivery, parts_sent, transition: Transition| {
            let decision = Decision { parts_sent, ..decision(&[(1, transition)]) };
            decided(std::slice::from_ref(before), decision, || Ok::<_, IllegalMove>(Window::default()), at(9))
                .unwrap()
                .remove(0)
        };
        let retry = || Transition::Retry { due_at: at(20), cause: "503".into() };
        let lose = || Transition::Lose { since: at(9), look_at: at(20), cause: "no answer".into() };
        let sent = begun(&delivery(1, State::Pending), first);
        assert_eq!(sent.cut, Some(first));
        let in_doubt = moved(&sent, None, lose());
        assert_eq!(in_doubt.cut, Some(first));
        assert_eq!(moved(&in_doubt, None, Transition::Redrive).cut, Some(first), "the operator cannot tell either");
        for (again, cut, why) in [
            (moved(&sent, Some(1), retry()), first, "a part is out"),
            (moved(&in_doubt, Some(1), retry()), first, "a look has seen a part"),
            (moved(&sent, None, retry()), second, "it was refused as a whole"),
            (moved(&in_doubt, None, retry()), first, "the last look saw nothing, and a part may show later"),
            (
                moved(&begun(&moved(&in_doubt, None, Transition::Redrive), second), None, retry()),
                first,
                "a refusal after the doubt",
            ),
            (
                moved(&moved(&in_doubt, None, Transition::GiveUp { cause: "old".into() }), None, Transition::Redrive),
                first,
                "given up in doubt",
            ),
            (
                moved(&moved(&sent, None, Transition::GiveUp { cause: "422".into() }), None, Transition::Redrive),
                second,
                "dead",
            ),
        ] {
            assert_eq!(begun(&again, second).cut, Some(cut), "{why}");
        }
        let other = Delivery { kind: KindName::Template, ..delivery(1, State::Pending) };
        assert_eq!(begun(&other, first).cut, None, "it goes whole");
    }

    /// A text to the phone, and the parts of it that have reached the carrier, each under the cut that it went by.
    struct Sent {
        delivery: Delivery,
        out: Vec<(u32, Cut)>,
    }

    impl Sent {
        /// One step of a run; one that is impossible now is passed over.
        fn step(&mut self, step: u8, now_cut: Cut) {
            let cause = || "cause".to_owned();
            let retry = || Transition::Retry { due_at: at(9), cause: cause() };
            let lose = || Transition::Lose { since: at(9), look_at: at(9), cause: cause() };
            let next = self.delivery.parts_sent + 1;
            let seen = self.out.iter().map(|(part, _)| *part).max();
            match (&self.delivery.state, step) {
                (State::Pending | State::Waiting { .. }, 0..=3) => {
                    self.delivery =
                        started(&self.delivery, self.delivery.id, at(90), (now_cut, None), at(9)).unwrap().unwrap();
                }
                (State::Sending { .. }, 0) => self.moved(None, retry()),
                (State::Sending { .. }, 1) => {
                    self.moved(None, Transition::Postpone { due_at: at(9), cause: cause(), for_budget: false });
                }
                (State::Sending { .. }, 2) => self.moved(None, lose()),
                (State::Sending { .. }, 3) => {
                    self.goes(next);
                    self.moved(None, lose());
                }
                (State::Sending { .. }, 4) => {
                    self.goes(next);
                    self.moved(Some(next), retry());
                }
                (State::Sending { .. }, 5) => {
                    self.goes(next);
                    self.goes(next + 1);
                    self.moved(Some(next), lose());
                }
                (State::Sending { .. } | State::Unconfirmed { .. }, 6) => {
                    self.moved(None, Transition::GiveUp { cause: cause() });
                }
                // A list may lag, so a look may see nothing of that which is out.
                (State::Unconfirmed { .. }, 0 | 1) => self.moved(None, retry()),
                (State::Unconfirmed { .. }, 2) => self.moved(seen, retry()),
                (State::Unconfirmed { .. }, 3) => self.moved(None, Transition::SetAside { cause: cause() }),
                (State::Unconfirmed { .. }, 4) if seen >= Some(next) => {
                    self.moved(None, Transition::Settle { out: seen.unwrap(), of: 9 });
                }
                (State::Unconfirmed { .. } | State::Waiting { .. } | State::Dead { .. }, 5) => {
                    self.moved(None, Transition::Redrive);
                }
                (_, _) => {}
            }
        }

        fn goes(&mut self, part: u32) {
            self.out.push((part, self.delivery.cut.unwrap()));
        }

        fn moved(&mut self, parts_sent: Option<u32>, transition: Transition) {
            let decision = Decision { parts_sent, ..decision(&[(1, transition)]) };
            let window = || Ok::<_, IllegalMove>(Window::default());
            let claimed = std::slice::from_ref(&self.delivery);
            self.delivery = decided(claimed, decision, window, at(9)).unwrap().remove(0);
        }
    }

    proptest! {
        /// In every run of moves, no part goes, and none is counted as out, under a cut other than that of the parts that are
        /// out already: of two cuts, the part of one number is not the same words.
        #[test]
        fn no_part_goes_or_counts_under_another_cut_than_the_parts_that_are_out(
            steps in proptest::collection::vec((0..7_u8, any::<bool>()), 0..40),
        ) {
            let mut sent = Sent { delivery: delivery(1, State::Pending), out: Vec::new() };
            for (step, gsm7) in steps {
                sent.step(step, Cut::Segments { gsm7 });
                let is_another = sent.out.iter().any(|(_, cut)| Some(*cut) != sent.delivery.cut);
                prop_assert!(!is_another, "{:?} {:?} {:?}", sent.delivery.state, sent.delivery.cut, sent.out);
            }
        }
    }

    #[test]
    fn a_record_of_before_tells_of_a_doubt_by_its_history() {
        let (first, second) = (Cut::Characters { max: 4096, formats: true }, Cut::Segments { gsm7: false });
        let mut dead = Delivery { cut: Some(first), ..delivery(1, State::Dead { cause: "given up".into() }) };
        for (what, kept) in
            [(Fate::Lost, first), (Fate::NotSeen, first), (Fate::SetAside, first), (Fate::Retried, second)]
        {
            dead.history = vec![HistoryEntry { at: at(5), what, cause: "c".into() }];
            let mut again = dead.clone();
            again.apply(Transition::Redrive, at(8)).unwrap();
            let again = started(&again, id(1), at(90), (second, None), at(9)).unwrap().unwrap();
            assert_eq!(again.cut, Some(kept), "{what:?}");
        }
    }

    #[test]
    fn the_talk_of_an_attempt_is_recorded_with_it_behind_those_of_attempts_in_doubt() {
        let begun = |before: &Delivery, thread| started(before, id(1), at(90), (CUT, Some(thread)), at(9)).unwrap();
        let again = |before: &Delivery, was_in_doubt, thread| {
            let before = Delivery { state: waiting(1, 20), was_in_doubt, ..before.clone() };
            begun(&before, thread).unwrap().threads
        };
        for kind in KindName::ALL {
            let text = Delivery { kind, ..delivery(1, State::Pending) };
            let is_sent = matches!(kind, KindName::PhoneText | KindName::Template | KindName::TicketSolved);
            let told =
                |talks: &[&str]| talks.iter().filter(|_| is_sent).map(|talk| (*talk).to_owned()).collect::<Vec<_>>();
            let first = begun(&text, "c1").unwrap();
            assert_eq!(first.threads, told(&["c1"]), "{kind}");
            assert_eq!(again(&first, false, "c2"), told(&["c2"]), "{kind}: the first one was refused");
            assert_eq!(again(&first, true, "c2"), told(&["c1", "c2"]), "{kind}: the first one may have arrived");
            let in_part = Delivery { parts_sent: 1, ..first.clone() };
            assert_eq!(
                again(&in_part, false, "c2"),
                told(&["c1", "c2"]),
                "{kind}: a part of the first one has arrived"
            );
            assert_eq!(again(&first, true, "c1"), told(&["c1"]), "{kind}");
            assert_eq!(again(&text, true, "c2"), told(&[]), "{kind}: where the first one went is not known");
            assert_eq!(begun(&Delivery { state: looked_for(9), ..first }, "c2"), None, "{kind}: a look");
        }
    }

    #[test]
    fn the_first_call_is_dated_once_and_a_look_changes_nothing() {
        let first = started(&delivery(2, State::Pending), id(1), at(90), (CUT, None), at(9)).unwrap().unwrap();
        assert_eq!(first.state, State::Sending { attempt: 1, lease_until: at(90) });
        assert_eq!((first.first_sent_at, first.merged_into), (Some(at(9)), Some(id(1))));
        let again = Delivery { state: waiting(1, 20), ..first };
        let again = started(&again, id(2), at(120), (CUT, None), at(30)).unwrap().unwrap();
        assert_eq!((again.first_sent_at, again.merged_into, again.attempts), (Some(at(9)), None, 2));
        assert_eq!(started(&delivery(1, looked_for(9)), id(1), at(90), (CUT, None), at(9)), Ok(None));
    }

    #[test]
    fn a_claimed_delivery_without_an_outcome_is_lost_and_all_go_home() {
        let claimed = [delivery(1, sending(90)), delivery(2, sending(90)), delivery(3, looked_for(9))];
        let delivered = Transition::Deliver { receipt: "r".into() };
        let decided = decided(&claimed, decision(&[(1, delivered)]), unread, at(9)).unwrap();
        let states: Vec<&str> = decided.iter().map(|delivery| delivery.state.name().word()).collect();
        assert_eq!(states, ["delivered", "unconfirmed", "unconfirmed"]);
        assert_eq!(decided[1].state.cause(), "the worker recorded no outcome");
        assert_eq!(decided[2].state, claimed[2].state, "a look that told nothing");
        assert!(decided.iter().all(|delivery| delivery.conversation.0 == "home" && delivery.ends == others()));
    }

    #[test]
    fn a_verdict_moves_no_other_delivery_and_makes_no_impossible_move() {
        let claimed = [delivery(1, sending(90))];
        let skip = Transition::Skip { reason: "x".into() };
        assert_eq!(decided(&claimed, decision(&[(7, skip)]), unread, at(9)).unwrap_err().id, id(7));
        assert_eq!(decided(&claimed, decision(&[(1, Transition::Redrive)]), unread, at(9)).unwrap_err().id, id(1));
    }

    #[test]
    fn parts_that_are_out_are_never_taken_back() {
        let claimed = [Delivery { parts_sent: 2, ..delivery(1, sending(90)) }];
        for (told, out) in [(None, 2), (Some(1), 2), (Some(3), 3)] {
            let decision = Decision { parts_sent: told, ..decision(&[]) };
            assert_eq!(decided(&claimed, decision, unread, at(9)).unwrap()[0].parts_sent, out);
        }
    }

    #[test]
    fn a_wait_is_weighed_again_when_the_window_is_another_by_now() {
        let claimed = [delivery(1, sending(90))];
        let put_off = Transition::Postpone { due_at: at(500), cause: "window".into(), for_budget: false };
        let opened = Window { heard_at: Some(at(8)), ..Window::default() };
        for (stands, due_at) in [(Window::default(), at(500)), (opened, at(9))] {
            let read = || Ok::<_, IllegalMove>(stands);
            let decided = decided(&claimed, decision(&[(1, put_off.clone())]), read, at(9)).unwrap();
            assert_eq!(decided[0].state.due_at(), Some(due_at));
        }
    }

    #[test]
    fn all_that_a_verdict_puts_off_are_weighed_again_although_others_are_done() {
        let claimed = [1, 2, 3].map(|sequence| delivery(sequence, sending(90)));
        let put_off = Transition::Postpone { due_at: at(500), cause: "window".into(), for_budget: false };
        let moves = [(1, Transition::Skip { reason: "x".into() }), (2, put_off.clone()), (3, put_off)];
        let read = || Ok::<_, IllegalMove>(Window { heard_at: Some(at(8)), ..Window::default() });
        let decided = decided(&claimed, decision(&moves), read, at(9)).unwrap();
        let due = decided.iter().map(|delivery| delivery.state.due_at()).collect::<Vec<_>>();
        assert_eq!(due, [None, Some(at(9)), Some(at(9))]);
    }

    #[test]
    fn events_take_the_place_of_one_behind_all_that_did_before() {
        let position = |sub: u64| Position((7 << 16) | sub);
        assert_eq!(in_place_of(id(7), position(0), 2), Ok(vec![position(1), position(2)]));
        assert_eq!(in_place_of(EventId { sub: 2, ..id(7) }, position(4), 1), Ok(vec![position(5)]));
        assert_eq!(in_place_of(id(7), position(65535), 0), Ok(Vec::new()));
        assert_eq!(in_place_of(id(7), position(65534), 2).unwrap_err().id, id(7));
    }
}
