//! Acceptance: the words by which an event may be an echo.
//!
//! The order of the questions at acceptance (a duplicate, an echo, a text that was taken in, no room) is the backend's.

use crate::domain::event::EventKind;

/// The words by which an event may be an echo of the bridge's own. Only a text without a comment's number may: a comment is
/// recognised by its number.
pub(in crate::store) fn may_echo(event: &EventKind) -> Option<&str> {
    match event {
        EventKind::PhoneText(text) if text.comment_id.is_none() => Some(&text.text),
        EventKind::PhoneText(_)
        | EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::Template(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::CommentId;
    use crate::store::contract::{phone_text, text};

    #[test]
    fn only_a_text_without_a_comments_number_may_be_an_echo() {
        let mut texted = phone_text(7, "Hello");
        assert_eq!(may_echo(&texted.kind), Some("Hello"));
        let EventKind::PhoneText(reply) = &mut texted.kind else { panic!("{texted:?}") };
        reply.comment_id = Some(CommentId(5));
        assert_eq!(may_echo(&texted.kind), None);
        assert_eq!(may_echo(&text("ada", "Hello").kind), None);
    }
}
