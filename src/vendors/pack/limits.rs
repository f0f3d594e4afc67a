//! The budgets of a pack's account. A vendor's own figures are not known, so that the pools begin with more than a bridge needs: a
//! 429 holds texts, and no answer is read for more.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use crate::domain::budget::{Call, CallKind, Draw, Limits, Pool, Told};
use crate::domain::lanes::Need;

const MINUTE: Duration = Duration::from_secs(60);

static SENDS: Pool = Pool::new("texts", 30_000, MINUTE);

static READS: Pool = Pool::new("reads", 3_000, MINUTE);

/// All limits of an account.
pub(super) static LIMITS: Limits = Limits { pools: &[&SENDS, &READS], needs };

fn needs(need: Need) -> &'static [Draw] {
    match need {
        Need::Text => const { &[Draw::on(&SENDS)] },
        Need::Nothing | Need::KnownTicket | Need::NewTicket | Need::Note | Need::Comments => &[],
    }
}

/// A text to one customer.
pub(super) const SEND: Call =
    Call { key: None, kind: &CallKind { name: "send", draws: &[Draw::on(&SENDS)], refusal_holds: &SENDS, told: None } };

/// A look whether the account is let in.
pub(super) const READ: Call =
    Call { key: None, kind: &CallKind { name: "read", draws: &[Draw::on(&READS)], refusal_holds: &READS, told: None } };

/// No header of an answer is read for limits.
pub(super) fn told(_headers: &HeaderMap, _call: Call, _now: Timestamp) -> Vec<Told> {
    Vec::new()
}
