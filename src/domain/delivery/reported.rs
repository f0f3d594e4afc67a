//! For a carrier's reports about a delivery: the receipts that they add, and whether one may be about it.
//!
//! The state of a delivery is never moved here: a report adds a receipt, and at most says that parts are known to be out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Delivery, State};
use crate::domain::receipt::{Receipt, Report, Reported, WINDOW};

/// How many receipts one delivery keeps: more than a text has parts.
const RECEIPTS_MAX: usize = 64;

/// By how much the carrier's clock may be behind.
const BEHIND: Duration = Duration::from_secs(60);

impl Delivery {
    /// Adds a report about this part. Says whether the agent is to be told: at the first end that is no arrival, once for
    /// the whole text.
    ///
    /// A part that bears the bridge's own mark is known to be out, and so are those before it.
    pub fn add_report(&mut self, part: u32, report: &Report) -> bool {
        let was_told = self.receipts.iter().any(|receipt| receipt.failed.is_some() || receipt.held_back.is_some());
        if let Reported::Sent { mark: Some(mark) } = &report.what
            && mark.id == self.id
        {
            self.parts_sent = self.parts_sent.max(mark.part);
        }
        let is_it = |known: &Receipt| known.part == part && known.dispatch == report.dispatch;
        let position = self.receipts.iter().position(is_it).or_else(|| {
            // A report without a name for the send adds to the newest of the part.
            let nameless = report.dispatch.is_none();
            self.receipts.iter().rposition(|known| known.part == part && (nameless || known.dispatch.is_none()))
        });
        let position = match position {
            Some(position) => position,
            None if self.receipts.len() >= RECEIPTS_MAX => return false,
            None => {
                self.receipts.push(Receipt::new(part, report.dispatch.as_ref()));
                self.receipts.sort_by_key(|receipt| receipt.part);
                self.receipts.iter().rposition(is_it).unwrap_or_default()
            }
        };
        let Some(receipt) = self.receipts.get_mut(position) else { return false };
        if receipt.dispatch.is_none() {
            receipt.dispatch.clone_from(&report.dispatch);
        }
        receipt.take(report);
        receipt.has_failed() && !was_told
    }

    /// Whether a text of it may have gone out when the carrier says that one did: from its first attempt to some minutes
    /// after its last.
    #[must_use]
    pub fn may_have_sent_at(&self, reported_at: Timestamp, now: Timestamp) -> bool {
        let Some(first) = self.first_sent_at else { return false };
        let last = match &self.state {
            State::Unconfirmed { since, .. } => *since,
            State::Pending | State::Sending { .. } | State::Waiting { .. } => now,
            State::Delivered { .. } | State::Skipped { .. } | State::Dead { .. } | State::Quarantined { .. } => {
                self.settled_at.unwrap_or(first)
            }
        };
        let within = |length: Duration| SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
        let (since_first, since_last) =
            (reported_at.duration_since(first), reported_at.duration_since(last.max(first)));
        since_first >= -within(BEHIND) && since_last <= within(WINDOW)
    }

    /// The part that went out under this name of a send, as a report or the answer to the send told it.
    #[must_use]
    pub fn part_under(&self, dispatch: &str) -> Option<u32> {
        let reported = self.receipts.iter().find(|receipt| receipt.dispatch.as_deref() == Some(dispatch));
        if let Some(receipt) = reported {
            return Some(receipt.part);
        }
        // The last attempt sent the last parts.
        let answered: Vec<Option<&str>> = self.answered_parts().collect();
        let position = answered.iter().position(|known| *known == Some(dispatch))?;
        let behind = u32::try_from(answered.len() - position - 1).unwrap_or(u32::MAX);
        Some(self.parts_sent.max(1).saturating_sub(behind).max(1))
    }

    /// The part of which the next report without a mark tells: the first that no report has told of.
    #[must_use]
    pub fn next_reported_part(&self) -> u32 {
        let told = self.receipts.iter().filter(|receipt| receipt.dispatch.is_some()).map(|receipt| receipt.part);
        told.max().map_or(1, |part| part.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::delivery::receipt_of;
    use crate::domain::delivery::tests::pending;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn delivered(receipt: &str) -> Delivery {
        Delivery {
            state: State::Delivered { receipt: receipt.to_owned() },
            first_sent_at: Some(at(1000)),
            settled_at: Some(at(1010)),
            parts_sent: 1,
            ..pending()
        }
    }

    #[test]
    fn a_report_fits_from_the_send_to_ten_minutes_after_it() {
        for (reported, does_fit) in [(939, false), (940, true), (1000, true), (1610, true), (1611, false)] {
            let fits = delivered("queued").may_have_sent_at(at(reported), at(9000));
            assert_eq!(fits, does_fit, "{reported}");
        }
        assert!(!pending().may_have_sent_at(at(1000), at(1000)), "no call can have been made for it");
        let sending = Delivery { state: State::Sending { attempt: 1, lease_until: at(1300) }, ..delivered("") };
        assert!(sending.may_have_sent_at(at(1005), at(1005)));
        let lost = State::Unconfirmed { attempt: 1, since: at(2000), look_at: None, looks: 0, cause: String::new() };
        assert!(Delivery { state: lost, ..delivered("") }.may_have_sent_at(at(2600), at(9000)));
    }

    #[test]
    fn a_part_is_known_by_the_name_of_its_send() {
        let parts = ["a", "b", "c"].map(|name| Some(name.to_owned()));
        let whole = Delivery { parts_sent: 3, ..delivered(&receipt_of(&parts)) };
        assert_eq!(["a", "b", "c", "d"].map(|name| whole.part_under(name)), [Some(1), Some(2), Some(3), None]);
        let rest = Delivery { parts_sent: 3, ..delivered(&receipt_of(&[None, Some("c".into())])) };
        assert_eq!(["b", "c"].map(|name| rest.part_under(name)), [None, Some(3)]);
        let mut reported = delivered("queued");
        let sent = Report {
            id: "1".into(),
            at: at(1001),
            customer: Default::default(),
            campaign: None,
            dispatch: Some("z".into()),
            line: None,
            carrier: Ends::FIRST.carrier,
            what: Reported::Sent { mark: None },
        };
        assert_eq!(reported.next_reported_part(), 1);
        reported.add_report(1, &sent);
        assert_eq!((reported.part_under("z"), reported.next_reported_part()), (Some(1), 2));
    }
}
