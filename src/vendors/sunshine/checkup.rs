//! Right and wrong things about a Sunshine Conversations account, by the answers that were read. Pure.

use jiff::Timestamp;

use super::remedies;
use crate::domain::account_table::AccountTable;
use crate::ports::Failure;
use crate::vendors::checkup::{Line, Sender, State, unreached};

/// The side of the findings.
const SIDE: &str = "Sunshine Conversations";

/// Its webhooks.
pub const SENDER: Sender = Sender {
    side: SIDE,
    what: "inbound texts",
    remedies: remedies::REMEDIES,
    never: "the custom integration may not have been made, or its webhook posts elsewhere",
    remedy: |of| format!("Make the custom integration with a webhook for {} and text the number", of.webhooks()),
    name_never: "no customer may have written so",
    // One webhook brings every word.
    expected: &["other"],
};

/// The finding of the first call about the key, the app and the host.
#[must_use]
pub fn key(of: AccountTable, first: &Result<Option<Timestamp>, Failure>, host: &str) -> Line {
    match first {
        Ok(_) => Line::new(SIDE, "key", State::Good, format!("{host} knows it, and the app")),
        Err(failure @ (Failure::Pause { .. } | Failure::Forbid { .. } | Failure::GiveUp { .. })) => {
            let remedy = (remedies::REMEDIES.of_refusal)(of, failure.cause());
            Line::wrong(SIDE, "key", failure.cause(), remedy)
        }
        Err(failure) => {
            let remedy = unreached(failure, &of.key("url"), || remedies::of_silence(of));
            Line::wrong(SIDE, "key", failure.cause(), remedy)
        }
    }
}
