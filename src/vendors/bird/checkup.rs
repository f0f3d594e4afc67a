//! The words for the webhooks of a Bird account and for the templates of its lines, in a look at an installation. Pure.

use super::remedies;
use super::templates::{Fit, NAME_ANOTHER};
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
pub fn template(line: &Line, slug: &str, read: Result<Fit, Failure>) -> Finding {
    let what = what(line);
    match read {
        Ok(Fit::Goes) => Finding::new(SIDE, &what, State::Good, format!("{slug} is in service, and has no places")),
        Ok(Fit::InAnotherLanguage(cause)) => {
            Finding::new(SIDE, &what, State::Note, format!("{cause}; Bird decides whether it goes in another one"))
        }
        Ok(Fit::Never(cause)) | Err(Failure::GiveUp { cause }) => {
            Finding::wrong(SIDE, &what, cause, format!("Have it approved in Bird, or {NAME_ANOTHER}"))
        }
        Err(Failure::Forbid { status: 403, .. }) => {
            let said = "not looked at: the API key may not read templates, for which it needs whatsapp_management:read";
            Finding::new(SIDE, &what, State::Unknown, said)
        }
        Err(failure) => Finding::not_looked_at(SIDE, &what, failure.cause()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::line::Forms;

    #[test]
    fn a_template_is_wrong_that_never_goes_and_one_in_another_language_is_left_to_bird() {
        let line = Line::default_of(Ends::FIRST, Forms::default());
        let cause = || "why".to_owned();
        for (read, state) in [
            (Ok(Fit::Goes), State::Good),
            (Ok(Fit::Never(cause())), State::Wrong),
            (Ok(Fit::InAnotherLanguage(cause())), State::Note),
            (Err(Failure::GiveUp { cause: cause() }), State::Wrong),
            (Err(Failure::NotFound { cause: cause() }), State::Unknown),
        ] {
            let said = format!("{read:?}");
            assert_eq!(template(&line, "a_slug", read).state, state, "{said}");
        }
    }
}
