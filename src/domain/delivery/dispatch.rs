//! Braze's dispatch ids, by which a text is known there: the one that a customer's text came in with, and those that the
//! parts of a reply went out with.

use super::{Delivery, State};
use crate::domain::event::DedupeKey;

/// The longest dispatch id that is kept with its delivery; Braze's have 32 characters.
const DISPATCH_BYTES_MAX: usize = 128;

/// What the receipt of a text begins with, before the dispatch ids of its parts.
const DISPATCH: &str = "dispatch ";

/// What stands in a receipt for a part whose dispatch id Braze did not tell.
const QUEUED: &str = "queued";

/// The dispatch that an event came in with, of what tells it from others; one that is too long to be Braze's is not kept.
#[must_use]
pub fn dispatch_in(dedupe: &[DedupeKey]) -> Option<String> {
    let dispatch = dedupe.iter().find_map(|key| match key {
        DedupeKey::BrazeDispatch { dispatch, .. } => Some(dispatch),
        DedupeKey::ZendeskInvocation(_) | DedupeKey::ZendeskComment(..) | DedupeKey::ZendeskRequest(_) => None,
    });
    dispatch.filter(|id| id.len() <= DISPATCH_BYTES_MAX).cloned()
}

/// The receipt of a text, of the dispatch ids that Braze answered its parts with.
#[must_use]
pub fn receipt_of(parts: &[Option<String>]) -> String {
    let ids: Vec<&str> = parts.iter().map(|id| id.as_deref().unwrap_or(QUEUED)).collect();
    format!("{DISPATCH}{}", ids.join(", "))
}

impl Delivery {
    /// Braze's dispatch ids that are known of it: the one that brought it in, or those that its parts went out with.
    pub fn dispatches(&self) -> impl Iterator<Item = &str> {
        let receipt = match &self.state {
            State::Delivered { receipt } => receipt.strip_prefix(DISPATCH),
            State::Pending
            | State::Sending { .. }
            | State::Waiting { .. }
            | State::Unconfirmed { .. }
            | State::Skipped { .. }
            | State::Dead { .. }
            | State::Quarantined { .. } => None,
        };
        let sent = receipt.into_iter().flat_map(|ids| ids.split(", ")).filter(|id| *id != QUEUED);
        self.dispatch.as_deref().into_iter().chain(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::tests::pending;

    #[test]
    fn a_text_is_known_by_every_dispatch_of_its_parts() {
        let delivered = |receipt: String| Delivery { state: State::Delivered { receipt }, ..pending() };
        let parts = ["a1", "b2"].map(|id| Some(id.to_owned()));
        for (receipt, known) in [
            (receipt_of(&parts), &["a1", "b2"][..]),
            (receipt_of(&[None, Some("b2".into())]), &["b2"]),
            (receipt_of(&[None]), &[]),
            ("ticket 7, comment 9".into(), &[]),
            ("seen on the customer's profile".into(), &[]),
        ] {
            assert_eq!(delivered(receipt.clone()).dispatches().collect::<Vec<_>>(), known, "{receipt}");
        }
        let came = Delivery { dispatch: Some("c3".into()), ..delivered("ticket 7".into()) };
        assert_eq!(came.dispatches().collect::<Vec<_>>(), ["c3"]);
    }
}
