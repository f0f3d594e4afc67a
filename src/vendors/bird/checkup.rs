//! The words for the webhooks of a Bird account and for the templates of its lines, in a look at an installation. Pure.

use super::remedies;
use super::templates::NAME_ANOTHER;
use crate::domain::line::Line;
use crate::ports::Failure;
use crate::vendors::checkup::{Line as Finding, Sender, State};

/// The side of the findings.
const SIDE: &str = "Bird";

/// Its webhooks.
pub const SENDER: Sender = Sender {
    side: SIDE,
    what: "inbound texts",
    remedies: remedies::REMEDIES,
    never: "the webhook may not have been made, or Bird has paused it after failures",
    remedy: |of| format!("Make or resume it in Bird for {} and text the number", of.webhooks()),
    name_never: "no customer may have written so",
    // One webhook brings every word.
    expected: &["other"],
};

/// Whether the template of a line can go as it is, by its read.
#[must_use]
pub fn template(line: &Line, slug: &str, read: Result<Option<String>, Failure>) -> Finding {
    let what = what(line);
    match read {
        Ok(None) => Finding::new(SIDE, &what, State::Good, format!("{slug} is in service, and has no places")),
        Err(Failure::Forbid { status: 403, .. }) => {
            let said = "not looked at: the API key may not read templates, for which it needs whatsapp_management:read";
            Finding::new(SIDE, &what, State::Unknown, said)
        }
        Ok(Some(cause)) => Finding::wrong(SIDE, &what, cause, format!("Have it approved in Bird, or {NAME_ANOTHER}")),
        // Bird may have another language to send it in.
        Err(Failure::GiveUp { cause }) => {
            Finding::new(SIDE, &what, State::Note, format!("{cause}; Bird decides whether it goes"))
        }
        Err(failure) => Finding::not_looked_at(SIDE, &what, &failure.cause()),
    }
}

/// The finding about the template of a line where the account's key is not good.
#[must_use]
pub fn template_behind_the_key(line: &Line) -> Finding {
    Finding::not_looked_at(SIDE, &what(line), "the key is not good here")
}

fn what(line: &Line) -> String {
    format!("template of line {}", line.name)
}
