//! The drop-in endpoints for the published recipe. The first line is the path, the rest the body.

use tandem::domain::event::{EventKind, TicketId};
use tandem::intake::{Endpoint, Intake};

use super::intake;

/// The rules for every reading; and each door lets through its own kind of event and no other.
pub fn check(data: &[u8]) {
    let line_end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (path, body) = data.split_at(line_end);
    let path = String::from_utf8_lossy(path);
    let Some(Intake::Event { event, dedupe }) = intake::checked(&path, body.get(1..).unwrap_or_default()) else {
        return;
    };
    match (Endpoint::of_path(&path).unwrap(), &event.kind) {
        (Endpoint::RecipeSend, EventKind::PhoneText(text)) => assert!(text.recipe.is_some() && dedupe.len() == 1),
        (Endpoint::RecipeNewTicket, EventKind::CustomerText(text)) => {
            assert!(text.customer.external_id.is_some() && text.ticket_id.is_none() && dedupe.is_empty());
        }
        (Endpoint::RecipeAppend { ticket }, EventKind::CustomerText(text)) => {
            assert!(text.customer.external_id.is_none() && dedupe.is_empty());
            // Where the path is plainly a number, it is that ticket.
            if let Ok(id) = ticket.trim_end_matches(".json").parse() {
                assert_eq!(text.ticket_id, Some(TicketId(id)));
            }
        }
        (Endpoint::Zendesk | Endpoint::Braze, _) => {}
        (endpoint, kind) => panic!("a {} came in by {endpoint:?}", kind.name()),
    }
}
