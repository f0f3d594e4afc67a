//! The words for the webhooks of a Bird account in a look at an installation. Pure.

use super::remedies;
use crate::vendors::checkup::Sender;

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
