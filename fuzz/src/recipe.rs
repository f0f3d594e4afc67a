//! The drop-in endpoints for the published recipe. The first line is the path, the rest the body.

use tandem::domain::event::{EventKind, TicketId};
use tandem::domain::inbound::Door;
use tandem::intake::{Intake, Senders};

use super::intake;

/// The rules for every reading; and each door lets through its own kind of event and no other.
pub fn check(data: &[u8]) {
    let line_end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (path, body) = data.split_at(line_end);
    let path = String::from_utf8_lossy(path);
    let Some(Intake::Event { event, dedupe }) = intake::checked(&path, body.get(1..).unwrap_or_default()) else {
        return;
    };
    let raw = path.split('?').next().unwrap();
    let door = Senders::from(intake::options()).at(raw).unwrap().door;
    match (door, &event.kind) {
        (Door::RecipeSend, EventKind::PhoneText(text)) => assert!(text.recipe.is_some() && dedupe.len() == 1),
        (Door::RecipeNewTicket, EventKind::CustomerText(text)) => {
            assert!(text.customer.external_id.is_some() && text.ticket_id.is_none() && dedupe.is_empty());
        }
        (Door::RecipeAppend, EventKind::CustomerText(text)) => {
            assert!(text.customer.external_id.is_none() && dedupe.is_empty());
            // Where the path is plainly a number, it is that ticket.
            if let Ok(id) = door.open_part(raw).unwrap().trim_end_matches(".json").parse() {
                assert_eq!(text.ticket_id, Some(TicketId(id)));
            }
        }
        (Door::Desk | Door::Carrier, _) => {}
        (door, kind) => panic!("a {} came in by {door:?}", kind.name()),
    }
}
