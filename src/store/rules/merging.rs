//! Which deliveries of a lane go out as one: texts in one comment, notes in one internal comment.
//!
//! It never changes a delivery and never reads one. [`super::groups`] keeps those that were found.

use crate::domain::delivery::{Delivery, State};
use crate::domain::event::{Event, EventKind, PICTURES_MAX, TicketFields, TicketId};

/// The most text in one merged comment: half of a comment's limit, so that the lines between always fit.
const MERGED_BYTES_MAX: usize = 32 * 1024;

/// The most notes in one: a page to read, and their ids fit the metadata of one update.
const NOTES_MERGED_MAX: usize = 50;

/// The most notes of one conversation searched for mergeable ones.
pub(in crate::store) const NOTES_LOOKED_THROUGH_MAX: usize = 4 * NOTES_MERGED_MAX;

/// The most texts counted behind a head: more than any ticket takes in its period.
pub(in crate::store) const COUNTED_MAX: usize = 64;

/// Whether the head of a lane takes the texts behind it along: it waited for a budget, or its ticket's budget is short
/// for all waiting texts. A head that was tried before may have left a trace under its own words, so it goes alone.
pub(in crate::store) fn takes_others_along(head: &Delivery, is_short: impl FnOnce() -> bool) -> bool {
    matches!(head.state, State::Waiting { attempt: 0, for_budget: true, .. }) || (is_fresh(head) && is_short())
}

/// Whether no attempt was made for a text, and none was put off.
fn is_fresh(delivery: &Delivery) -> bool {
    delivery.state == State::Pending && delivery.first_sent_at.is_none()
}

/// Whether no attempt was made for a note; it may have been put off.
fn is_untried(delivery: &Delivery) -> bool {
    matches!(delivery.state, State::Pending | State::Waiting { attempt: 0, .. }) && delivery.attempts == 0
}

/// The ticket of a note, and the text it adds to a merged one; `None` for any other event.
fn note_bytes(event: &Event) -> Option<(TicketId, usize)> {
    let EventKind::Note(note) = &event.kind else { return None };
    Some((note.ticket_id, note.bytes()))
}

/// The text and the pictures that it adds to a merged comment; `None` for an event that must stand alone.
fn mergeable(event: &Event) -> Option<(usize, usize)> {
    match &event.kind {
        EventKind::CustomerText(text)
            if text.keyword.is_none() && text.ticket_id.is_none() && text.fields == TicketFields::default() =>
        {
            Some((text.text.len() + text.media.iter().map(String::len).sum::<usize>(), text.media.len()))
        }
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::PhoneText(_)
        | EventKind::Template(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => None,
    }
}

/// The answer about the next delivery behind a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Next {
    /// It goes out with the head.
    Joins,
    /// It stays, and the one behind it may join.
    Stays,
    /// It stays, and so do all behind it.
    Ends,
}

/// The texts of one comment, as far as they are gathered.
pub(in crate::store) struct Comment {
    bytes: usize,
    pictures: usize,
}

impl Comment {
    /// Begins with the head's event; `None` where that must stand alone.
    pub(in crate::store) fn begin(head: &Event) -> Option<Self> {
        mergeable(head).map(|(bytes, pictures)| Self { bytes, pictures })
    }

    /// Whether the next text goes into the comment. Texts keep their order, so none goes past one that stays. A picture
    /// that the comment has no room for would be dropped with its text, so such a text begins the next comment.
    pub(in crate::store) fn next(&mut self, delivery: &Delivery, event: &Event) -> Next {
        let Some((more, pictures)) = mergeable(event).filter(|_| is_fresh(delivery)) else { return Next::Ends };
        (self.bytes, self.pictures) = (self.bytes + more, self.pictures + pictures);
        let fits = self.bytes <= MERGED_BYTES_MAX && (pictures == 0 || self.pictures <= PICTURES_MAX);
        if fits { Next::Joins } else { Next::Ends }
    }
}

/// The notes of one internal comment, as far as they are gathered.
pub(in crate::store) struct Notes {
    ticket: TicketId,
    bytes: usize,
    count: usize,
}

impl Notes {
    /// Begins with the head; `None` where it was tried before, because its trace has its own words.
    pub(in crate::store) fn begin(head: &Delivery, event: &Event) -> Option<Self> {
        let (ticket, bytes) = note_bytes(event).filter(|_| is_untried(head))?;
        Some(Self { ticket, bytes, count: 1 })
    }

    /// Counts a note that goes with the head in any case.
    pub(in crate::store) fn add(&mut self, event: &Event) {
        self.bytes += note_bytes(event).map_or(0, |(_, bytes)| bytes);
        self.count += 1;
    }

    /// Whether the next note goes along; `is_alone` where it is in no group. Notes about one ticket keep their order.
    pub(in crate::store) fn next(&mut self, delivery: &Delivery, event: &Event, is_alone: bool) -> Next {
        let fits = is_alone && delivery.merged_into.is_none() && is_untried(delivery);
        let Some((about, more)) = note_bytes(event).filter(|_| fits) else { return Next::Stays };
        if about != self.ticket {
            return Next::Stays;
        }
        if self.count >= NOTES_MERGED_MAX || self.bytes + more > MERGED_BYTES_MAX {
            return Next::Ends;
        }
        (self.bytes, self.count) = (self.bytes + more, self.count + 1);
        Next::Joins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::Keyword;
    use crate::domain::event::CustomerText;
    use crate::store::contract::{doorbell, note, text};
    use crate::store::rules::testing::{at, delivery, looked_for, waiting};

    fn for_budget(attempt: u32) -> State {
        State::Waiting { attempt, due_at: at(9), cause: "full".into(), for_budget: true }
    }

    #[test]
    fn a_head_takes_others_along_where_a_budget_is_short_and_no_trace_of_it_exists() {
        for (state, short, takes) in [
            (for_budget(0), false, true),
            (for_budget(1), true, false),
            (State::Pending, true, true),
            (State::Pending, false, false),
            (waiting(0, 9), true, false),
            (looked_for(9), true, false),
        ] {
            assert_eq!(takes_others_along(&delivery(1, state.clone()), || short), takes, "{state:?} {short}");
        }
        let redriven = Delivery { first_sent_at: Some(at(1)), ..delivery(1, State::Pending) };
        assert!(!takes_others_along(&redriven, || true));
    }

    #[test]
    fn texts_join_in_their_order_up_to_the_bound() {
        let head = text("ada", "one");
        let fresh = delivery(2, State::Pending);
        let next = |delivery: &Delivery, event: &Event| Comment::begin(&head).unwrap().next(delivery, event);
        assert_eq!(next(&fresh, &head), Next::Joins);
        assert_eq!(next(&delivery(2, waiting(0, 9)), &head), Next::Ends, "it was put off");
        assert_eq!(next(&fresh, &doorbell(7)), Next::Ends);
        assert!(Comment::begin(&doorbell(7)).is_none());
        assert_eq!(next(&Delivery { first_sent_at: Some(at(1)), ..fresh.clone() }, &head), Next::Ends, "redriven");
        let mut comment = Comment::begin(&head).unwrap();
        let long = text("ada", &"x".repeat(MERGED_BYTES_MAX - 3));
        assert_eq!((comment.next(&fresh, &long), comment.next(&fresh, &head)), (Next::Joins, Next::Ends));
    }

    #[test]
    fn a_text_with_an_effect_of_its_own_stands_alone_and_pictures_take_room() {
        let with = |change: fn(&mut CustomerText)| {
            let mut event = text("ada", "one");
            let EventKind::CustomerText(text) = &mut event.kind else { panic!("{event:?}") };
            change(text);
            event
        };
        assert!(Comment::begin(&with(|text| text.media = vec!["https://a.example/1.jpg".into()])).is_some());
        for alone in [
            with(|text| text.keyword = Some(Keyword::OptOut)),
            with(|text| text.ticket_id = Some(TicketId(7))),
            with(|text| text.fields.subject = Some("Order".into())),
        ] {
            assert!(Comment::begin(&alone).is_none(), "{alone:?}");
        }
        let mut comment = Comment::begin(&text("ada", "one")).unwrap();
        let pictures = with(|text| text.media = vec!["x".repeat(MERGED_BYTES_MAX - 6)]);
        let fresh = delivery(2, State::Pending);
        assert_eq!(comment.next(&fresh, &pictures), Next::Joins);
        assert_eq!(comment.next(&fresh, &text("ada", "1")), Next::Ends);
    }

    #[test]
    fn a_comment_takes_as_many_pictures_as_are_copied_and_texts_without_any_besides() {
        let fresh = delivery(2, State::Pending);
        let with = |many: usize| {
            let mut event = text("ada", "look");
            if let EventKind::CustomerText(text) = &mut event.kind {
                text.media = vec!["https://a.b/c.png".into(); many];
            }
            event
        };
        for (head, next, joins) in [
            (0, PICTURES_MAX, Next::Joins),
            (1, PICTURES_MAX - 1, Next::Joins),
            (1, PICTURES_MAX, Next::Ends),
            (PICTURES_MAX + 1, 0, Next::Joins),
            (PICTURES_MAX + 1, 1, Next::Ends),
        ] {
            let mut comment = Comment::begin(&with(head)).unwrap();
            assert_eq!(comment.next(&fresh, &with(next)), joins, "{head} and {next}");
        }
    }

    #[test]
    fn notes_join_past_those_of_other_tickets_and_past_those_that_were_tried() {
        let (head, fresh) = (note(7, "one"), delivery(2, State::Pending));
        let begun = || Notes::begin(&fresh, &head).unwrap();
        assert_eq!(begun().next(&fresh, &head, true), Next::Joins);
        assert_eq!(begun().next(&delivery(2, waiting(0, 9)), &head, true), Next::Joins, "it was put off");
        assert_eq!(begun().next(&fresh, &note(8, "one"), true), Next::Stays);
        assert_eq!(begun().next(&delivery(2, waiting(1, 9)), &head, true), Next::Stays);
        assert_eq!(begun().next(&fresh, &head, false), Next::Stays, "it leads others");
        let led = Delivery { merged_into: Some(fresh.id), ..fresh.clone() };
        assert_eq!(begun().next(&led, &head, true), Next::Stays);
        assert!(Notes::begin(&delivery(1, waiting(1, 9)), &head).is_none(), "its trace has its own words");
        let put_back = Delivery { attempts: 1, ..fresh.clone() };
        assert!(Notes::begin(&put_back, &head).is_none(), "redriven after an attempt");
    }

    #[test]
    fn notes_are_as_many_as_a_page_holds() {
        let (one, fresh) = (note(7, "one"), delivery(2, State::Pending));
        let mut many = Notes::begin(&fresh, &one).unwrap();
        many.add(&one);
        let joined = (0..NOTES_MERGED_MAX).take_while(|_| many.next(&fresh, &one, true) == Next::Joins).count();
        assert_eq!(joined, NOTES_MERGED_MAX - 2);
        let mut long = Notes::begin(&fresh, &one).unwrap();
        let rest = "x".repeat(MERGED_BYTES_MAX - 3);
        assert_eq!(long.next(&fresh, &note(8, &rest), true), Next::Stays, "another ticket's note takes no room");
        assert_eq!(long.next(&fresh, &note(7, &rest), true), Next::Joins);
        assert_eq!(long.next(&fresh, &one, true), Next::Ends);
        let mut led = Notes::begin(&fresh, &one).unwrap();
        led.add(&note(7, &rest));
        assert_eq!(led.next(&fresh, &one, true), Next::Ends, "a note that goes along in any case takes room");
    }
}
