//! The words for the webhooks of a pack's account in a look at an installation. Pure.

use super::remedies;
use crate::vendors::checkup::Sender;

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
