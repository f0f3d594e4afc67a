//! Dispatch ids, the names of a text at the carrier: one for a customer's text that came in, one for each part of a
//! reply that went out.

use super::{Delivery, State};
use crate::domain::event::DedupeKey;

/// The longest dispatch id that is kept with its delivery; known ones have 32 characters.
const DISPATCH_BYTES_MAX: usize = 128;

/// The beginning of a text's receipt; the dispatch ids of its parts follow.
const DISPATCH: &str = "dispatch ";

/// Stands in a receipt for a part whose dispatch id the carrier did not tell.
const QUEUED: &str = "queued";

/// The dispatch among an event's dedupe keys. One that is too long to be a carrier's is left out.
#[must_use]
pub fn dispatch_in(dedupe: &[DedupeKey]) -> Option<String> {
    let dispatch = dedupe.iter().find_map(|key| match key {
        DedupeKey::Dispatch { dispatch, .. } => Some(dispatch),
        DedupeKey::Invocation(_)
        | DedupeKey::Comment(..)
        | DedupeKey::SignedRequest(_)
        | DedupeKey::CarrierReport(_) => None,
    });
    dispatch.filter(|id| id.len() <= DISPATCH_BYTES_MAX).cloned()
}

/// The receipt of a text, from the dispatch ids with which the carrier answered its parts.
#[must_use]
pub fn receipt_of(parts: &[Option<String>]) -> String {
    let ids: Vec<&str> = parts.iter().map(|id| id.as_deref().unwrap_or(QUEUED)).collect();
    format!("{DISPATCH}{}", ids.join(", "))
}

impl Delivery {
    /// The known dispatch ids of this delivery: the one that brought it in, and those of the parts that went out, by
    /// the answers to the sends and by later reports.
    pub fn dispatches(&self) -> impl Iterator<Item = &str> {
        let reported = self.receipts.iter().filter_map(|receipt| receipt.dispatch.as_deref());
        self.dispatch.as_deref().into_iter().chain(self.answered_parts().flatten()).chain(reported)
    }

    /// The dispatch ids with which the carrier answered the parts of the last attempt, in order.
    pub(super) fn answered_parts(&self) -> impl Iterator<Item = Option<&str>> {
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
        receipt.into_iter().flat_map(|ids| ids.split(", ")).map(|id| (id != QUEUED).then_some(id))
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
            ("the carrier shows its receipt".into(), &[]),
        ] {
            assert_eq!(delivered(receipt.clone()).dispatches().collect::<Vec<_>>(), known, "{receipt}");
        }
        let came = Delivery { dispatch: Some("c3".into()), ..delivered("ticket 7".into()) };
        assert_eq!(came.dispatches().collect::<Vec<_>>(), ["c3"]);
    }
}
