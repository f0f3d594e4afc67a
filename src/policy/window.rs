//! The outbound plan on a channel with a window: free text goes only for some time after the customer's last message, and
//! behind that a template asks them to write again.
//!
//! Pure. [`course`] decides for the text at the head of its lane; the texts behind it wait for that one.
//!
//! | the window | the line | the customer, since they last wrote | an agent's text |
//! |---|---|---|---|
//! | none on this channel, or open | | | goes |
//! | shut | has no template | | ends |
//! | shut | has a template | was not asked to write again | the template goes first, and the text waits |
//! | shut | | was to be asked, and the template failed before this text came | the same, once more |
//! | shut | | was to be asked, and the template failed since this text came | ends |
//! | shut | | was asked, and the ticket was solved since | ends, unless the solution came with it |
//! | shut | | was asked, and the text has waited for as long as the line says | ends |
//! | shut | | was asked | waits |
//!
//! The template is an event of its own ([`crate::domain::event::EventKind::Template`]), owed in the same commit that puts the
//! text off. It goes before everything else in its lane, so that the text keeps its place, its id and its parts.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::account::Direction;
use crate::domain::cause;
use crate::domain::conversation::{Stand, Window};
use crate::domain::delivery::{Delivery, Fate, Transition};
use crate::domain::ids::TicketId;
use crate::domain::line::Line;
use crate::domain::retry::later;

/// How long a text waits at most until it is weighed again. An answer has it weighed at once, so this only bounds how late
/// its end is told.
const WEIGHED_EVERY: Duration = Duration::from_secs(3600);

/// The facts of a text that decide its course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Since when it is owed.
    pub since: Timestamp,
    /// The ticket it was written on.
    pub ticket: Option<TicketId>,
}

/// The course of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It goes.
    Send,
    /// The template goes first.
    Ask,
    /// It waits until this time at most.
    Wait(Timestamp),
    /// Its ticket was solved since the customer was asked: it ends, or waits like others if the solution came with it.
    Solved(Timestamp),
    /// It ends, for this cause.
    End(&'static str),
}

/// Decides the course of a text on this line.
#[must_use]
pub fn course(line: &Line, window: &Window, text: Text, now: Timestamp) -> Course {
    if window.is_open(line, now) {
        return Course::Send;
    }
    if line.forms.template.is_none() {
        return Course::End(cause::NO_TEMPLATE);
    }
    let Some(asked) = &window.asked else { return Course::Ask };
    if asked.stand == Stand::Failed {
        return if text.since <= asked.at { Course::End(cause::TEMPLATE_NOT_SENT) } else { Course::Ask };
    }
    let deadline = later(text.since, line.template_wait);
    if deadline <= now {
        return Course::End(cause::NOT_ANSWERED);
    }
    let until = deadline.min(later(now, WEIGHED_EVERY));
    let is_over = asked.solved.is_some_and(|(ticket, at)| Some(ticket) == text.ticket && text.since <= at);
    if is_over { Course::Solved(until) } else { Course::Wait(until) }
}

/// Since when a text is owed: its acceptance, or the last time that an operator put it back.
#[must_use]
pub fn owed_since(delivery: &Delivery) -> Timestamp {
    let put_back = delivery.history.iter().rfind(|entry| entry.what == Fate::Redriven);
    put_back.map_or(delivery.accepted_at, |entry| entry.at.max(delivery.accepted_at))
}

/// Whether the text has waited for an answer since it is owed, so that its agent knows.
#[must_use]
pub fn has_waited(delivery: &Delivery) -> bool {
    let since = delivery.history.iter().rev().take_while(|entry| entry.what != Fate::Redriven);
    since.into_iter().any(|entry| entry.cause == cause::WAITS_FOR_ANSWER)
}

/// Since when a text is tried: its acceptance, or the answer that it waited for. A text behind one that waited is tried
/// from its first attempt on, because it came to none before.
#[must_use]
pub fn tried_from(window: &Window, delivery: &Delivery) -> Timestamp {
    let goes_out = delivery.kind.traits().direction == Direction::ToCustomer;
    let Some(heard_at) = window.heard_at.filter(|_| goes_out) else { return delivery.accepted_at };
    let first = delivery.first_sent_at.filter(|_| !has_waited(delivery));
    delivery.accepted_at.max(first.unwrap_or(heard_at))
}

/// How the request stands after a worker's move of its template; `None` where that does not change. The store knows how it
/// stands after an operator's.
#[must_use]
pub fn stand_after(transition: &Transition) -> Option<Stand> {
    match transition {
        Transition::Deliver { .. } => Some(Stand::Sent),
        Transition::GiveUp { .. } => Some(Stand::Failed),
        Transition::Claim { .. }
        | Transition::Skip { .. }
        | Transition::Retry { .. }
        | Transition::Postpone { .. }
        | Transition::Lose { .. }
        | Transition::Doubt { .. }
        | Transition::LookAgain { .. }
        | Transition::SetAside { .. }
        | Transition::Redrive
        | Transition::ReadAgain { .. }
        | Transition::Settle { .. }
        | Transition::Discard { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::conversation::Asked;
    use crate::domain::delivery::HistoryEntry;
    use crate::domain::delivery::tests::pending;
    use crate::domain::kind::KindName;
    use crate::domain::line::{Channel, Forms, TicketSettings};

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn line(channel: Channel, template: Option<&str>) -> Line {
        Line {
            name: "line".into(),
            ends: Ends::FIRST,
            channel,
            address: Some("group".into()),
            forms: Forms { template: template.map(str::to_owned), ..Forms::default() },
            sms_fallback: true,
            window: Duration::from_secs(1430 * 60),
            template_wait: Duration::from_secs(7 * 86_400),
            tickets: TicketSettings::default(),
            agent_language: None,
        }
    }

    /// The course, at the end of the second day, of a text that came one hour after the customer was asked.
    fn course_of(window: &Window, now: i64) -> Course {
        let text = Text { since: at(DAY + HOUR), ticket: Some(TicketId(7)) };
        course(&line(Channel::Whatsapp, Some("template")), window, text, at(now))
    }

    fn asked(stand: Stand, changed: i64, solved: Option<(u64, i64)>) -> Window {
        let solved = solved.map(|(ticket, second)| (TicketId(ticket), at(second)));
        Window { heard_at: Some(at(0)), asked: Some(Asked { at: at(changed), stand, solved }) }
    }

    #[test]
    fn free_text_goes_while_the_window_is_open_and_on_channels_without_one() {
        let text = Text { since: at(0), ticket: None };
        let heard = Window { heard_at: Some(at(0)), asked: None };
        let end = 1430 * 60;
        for (channel, window, now, expected) in [
            (Channel::Sms, Window::default(), 9 * DAY, Course::Send),
            (Channel::Rcs, Window::default(), 9 * DAY, Course::Send),
            (Channel::Whatsapp, heard.clone(), end - 1, Course::Send),
            (Channel::Whatsapp, heard.clone(), end, Course::Ask),
            (Channel::Whatsapp, Window::default(), 0, Course::Ask),
        ] {
            assert_eq!(course(&line(channel, Some("t")), &window, text, at(now)), expected, "{channel} {now}");
        }
        let without = course(&line(Channel::Whatsapp, None), &heard, text, at(end));
        assert_eq!(without, Course::End(cause::NO_TEMPLATE));
    }

    #[test]
    fn a_text_waits_for_the_answer_until_its_time_is_over() {
        let deadline = DAY + HOUR + 7 * DAY;
        for stand in [Stand::Owed, Stand::Sent] {
            let window = asked(stand, DAY, None);
            assert_eq!(course_of(&window, 2 * DAY), Course::Wait(at(2 * DAY + HOUR)));
            assert_eq!(course_of(&window, deadline - 60), Course::Wait(at(deadline)));
            assert_eq!(course_of(&window, deadline), Course::End(cause::NOT_ANSWERED));
        }
        let mut window = asked(Stand::Sent, DAY, None);
        window.heard(at(2 * DAY));
        assert_eq!((course_of(&window, 2 * DAY), window.asked), (Course::Send, None));
    }

    #[test]
    fn a_message_that_is_told_late_opens_its_own_window_and_answers_no_later_request() {
        let mut window = Window::default();
        window.heard(at(HOUR));
        window.heard(at(0));
        assert_eq!(window.heard_at, Some(at(HOUR)), "an earlier message is no news");
        window.ask(at(2 * DAY));
        window.heard(at(DAY));
        assert_eq!(window.heard_at, Some(at(DAY)));
        assert_eq!(course_of(&window, 2 * DAY), Course::Wait(at(2 * DAY + HOUR)), "the customer was asked since");
        window.asked(Stand::Sent, at(2 * DAY + 5));
        window.heard(at(2 * DAY + 3));
        assert_eq!((course_of(&window, 2 * DAY + 5), window.asked), (Course::Send, None), "an answer to the request");
    }

    #[test]
    fn a_text_behind_one_that_waited_is_not_old_by_the_time_that_it_is_tried() {
        let mut text = pending();
        let window = Window { heard_at: Some(at(3 * DAY)), asked: None };
        assert_eq!(tried_from(&window, &text), at(3 * DAY), "it is tried now that the customer has answered");
        text.first_sent_at = Some(at(3 * DAY + 60));
        let later = Window { heard_at: Some(at(5 * DAY)), asked: None };
        assert_eq!(tried_from(&later, &text), at(3 * DAY + 60), "a later message makes it no younger");
        assert_eq!(tried_from(&Window::default(), &text), at(0), "without a window, age counts from acceptance");
        text.kind = KindName::CustomerText;
        assert_eq!(tried_from(&window, &text), at(0), "a text to the desk waits for nobody's answer");
    }

    #[test]
    fn a_solution_ends_the_texts_that_were_written_before_it_on_that_ticket() {
        for (solved, expected) in [
            ((7, DAY + 2 * HOUR), Course::Solved(at(2 * DAY + HOUR))),
            ((7, DAY + HOUR), Course::Solved(at(2 * DAY + HOUR))),
            ((7, DAY), Course::Wait(at(2 * DAY + HOUR))),
            ((8, DAY + 2 * HOUR), Course::Wait(at(2 * DAY + HOUR))),
        ] {
            assert_eq!(course_of(&asked(Stand::Sent, DAY, Some(solved)), 2 * DAY), expected, "{solved:?}");
        }
        let mut window = Window { heard_at: Some(at(DAY)), asked: None };
        window.shut(at(DAY - 1));
        assert_eq!(window.heard_at, Some(at(DAY)), "the customer has written since");
        window.shut(at(DAY));
        assert_eq!(window.heard_at, None);
        let mut window = Window::default();
        window.solved(TicketId(7), at(0));
        window.asked(Stand::Sent, at(0));
        assert!(window.is_unknown(), "nothing waits");
    }

    fn entry(what: Fate, second: i64, cause: &str) -> HistoryEntry {
        HistoryEntry { at: at(second), what, cause: cause.to_owned() }
    }

    #[test]
    fn a_text_is_owed_since_it_was_last_put_back_and_never_from_before_its_acceptance() {
        let redriven = |second| entry(Fate::Redriven, second, "");
        for (history, since) in [
            (vec![], DAY),
            (vec![entry(Fate::GivenUp, 2 * DAY, "422")], DAY),
            (vec![redriven(2 * DAY), entry(Fate::GivenUp, 3 * DAY, "422"), redriven(4 * DAY)], 4 * DAY),
            (vec![redriven(HOUR)], DAY),
        ] {
            let text = Delivery { accepted_at: at(DAY), history, ..pending() };
            assert_eq!(owed_since(&text), at(since), "{:?}", text.history);
        }
    }

    #[test]
    fn a_text_has_waited_where_it_was_put_off_for_the_answer_since_it_is_owed() {
        let waited = || entry(Fate::Postponed, DAY, cause::WAITS_FOR_ANSWER);
        for (history, has) in [
            (vec![], false),
            (vec![waited()], true),
            (vec![waited(), entry(Fate::Retried, 2 * DAY, "503")], true),
            (vec![entry(Fate::Postponed, DAY, "the budget is used up")], false),
            (vec![waited(), entry(Fate::Redriven, 2 * DAY, "")], false),
        ] {
            let text = Delivery { history, ..pending() };
            assert_eq!(has_waited(&text), has, "{:?}", text.history);
        }
        let sent = Delivery { history: vec![waited()], first_sent_at: Some(at(DAY)), ..pending() };
        let window = Window { heard_at: Some(at(3 * DAY)), asked: None };
        assert_eq!(tried_from(&window, &sent), at(3 * DAY), "it is tried from the answer on");
        let younger = Delivery { accepted_at: at(4 * DAY), ..pending() };
        assert_eq!(tried_from(&window, &younger), at(4 * DAY), "the message came before it");
    }

    #[test]
    fn only_the_arrival_and_the_end_of_a_template_change_how_its_request_stands() {
        let (time, word) = (at(9), || "x".to_owned());
        assert_eq!(stand_after(&Transition::Deliver { receipt: word() }), Some(Stand::Sent));
        assert_eq!(stand_after(&Transition::GiveUp { cause: word() }), Some(Stand::Failed));
        for other in [
            Transition::Claim { lease_until: time },
            Transition::Skip { reason: word() },
            Transition::Retry { due_at: time, cause: word() },
            Transition::Postpone { due_at: time, cause: word(), for_budget: false },
            Transition::Lose { since: time, look_at: time, cause: word() },
            Transition::Doubt { look_at: time, cause: word() },
            Transition::LookAgain { look_at: time, counts: true, cause: word() },
            Transition::SetAside { cause: word() },
            Transition::Redrive,
            Transition::ReadAgain { reason: word() },
            Transition::Settle { out: 1, of: 1 },
            Transition::Discard { reason: word() },
        ] {
            assert_eq!(stand_after(&other), None, "{other:?}");
        }
    }

    #[test]
    fn a_template_that_failed_ends_what_waits_and_a_later_text_asks_again() {
        assert_eq!(course_of(&asked(Stand::Failed, DAY + HOUR, None), 2 * DAY), Course::End(cause::TEMPLATE_NOT_SENT));
        assert_eq!(course_of(&asked(Stand::Failed, DAY, None), 2 * DAY), Course::Ask);
    }
}
