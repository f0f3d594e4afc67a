//! Right and wrong things about a pack's account, by the answers that were read. Pure.

use jiff::Timestamp;

use super::remedies;
use crate::domain::account_table::AccountTable;
use crate::ports::Failure;
use crate::vendors::checkup::{Line, Sender, State, unreached};

/// The side of the findings.
const SIDE: &str = "Pack";

/// Its webhooks.
pub const SENDER: Sender = Sender {
    side: SIDE,
    what: "inbound texts",
    remedies: remedies::REMEDIES,
    never: "the webhook may not have been made at the vendor",
    remedy: |of| format!("Have the vendor post to {} and text the number", of.webhooks()),
    name_never: "no customer may have written so",
    // One webhook brings every word.
    expected: &["other"],
};

/// The finding of the first call about the credential and the host. Without a probe, the answer shows only that there is one.
#[must_use]
pub fn key(of: AccountTable, first: &Result<Option<Timestamp>, Failure>, host: &str, has_probe: bool) -> Line {
    match first {
        Ok(_) if has_probe => {
            Line::new(SIDE, "key", State::Good, format!("{host} knows it; only a text shows whether it may send"))
        }
        Ok(_) => {
            let said =
                format!("{host} answers; the pack names no probe, so that only a text shows whether it knows the key");
            Line::new(SIDE, "key", State::Unknown, said)
        }
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
