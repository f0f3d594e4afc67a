//! `/webhooks/zendesk`. The bytes are the body.

use tandem::domain::event::{DedupeKey, EventKind};
use tandem::intake::Intake;

use super::intake;

/// The rules for every reading; and only an event of Zendesk's comes out of it, recognised by its call and, where a comment
/// rang, by the comment.
pub fn check(data: &[u8]) {
    let Some(read) = intake::checked("/webhooks/zendesk", data) else { panic!("no door") };
    let (Intake::Event { dedupe, .. } | Intake::Quarantined { dedupe, .. }) = &read else { return };
    assert!(matches!(dedupe.first(), Some(DedupeKey::SignedRequest(_))), "one call must be known again");
    let Intake::Event { event, .. } = &read else { return };
    let comment = match &event.kind {
        EventKind::AgentReply(reply) => reply.comment_id.map(|id| DedupeKey::Comment(reply.ticket_id, id)),
        EventKind::PhoneText(_) | EventKind::TicketSolved(_) | EventKind::TicketReopened(_) => None,
        other @ (EventKind::CustomerText(_)
        | EventKind::Template(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_)) => {
            panic!("Zendesk caused a {}", other.name())
        }
    };
    assert_eq!(dedupe.get(1..), Some(comment.as_slice()));
}
