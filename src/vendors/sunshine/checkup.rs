//! The words for the webhooks of a Sunshine Conversations account in a look at an installation. Pure.

use super::remedies;
use crate::vendors::checkup::Sender;

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
