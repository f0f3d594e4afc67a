//! Sunshine Conversations' limits: the pools, the calls that draw on them, and the pace of texts. Never counts a call:
//! [`crate::domain::budget`] does.
//!
//! No figures are published, and no answer tells of any. The pace of texts begins with the account's own setting. A refusal
//! halves it, and texts that are taken raise it again, one step at a time, up to the setting.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use crate::domain::budget::{Call, CallKind, Draw, Limits, Pool, Told};
use crate::domain::lanes::Need;

const SECOND: Duration = Duration::from_secs(1);

/// How many texts in a row are taken before the pace rises by one a second.
const TAKEN_BEFORE_A_RISE: u32 = 100;

pub(super) static SENDS: Pool = Pool::new("texts", 5, SECOND);

/// Enough for one look through a long talk at once.
static READS: Pool = Pool::new("reads", 600, Duration::from_secs(60));

/// As many looks for missed texts a second as an account's texts by itself. They leave reads for other uses.
static LOOKS: Pool = Pool::new("looks for texts", 5, SECOND);

/// All limits of an app.
pub(super) static LIMITS: Limits = Limits { pools: &[&SENDS, &READS, &LOOKS], needs };

fn needs(need: Need) -> &'static [Draw] {
    match need {
        Need::Text => const { &[Draw::on(&SENDS)] },
        Need::Nothing | Need::KnownTicket | Need::NewTicket | Need::Note | Need::Comments => &[],
    }
}

/// A message in a conversation.
pub(super) const SEND: Call =
    Call { key: None, kind: &CallKind { name: "send", draws: &[Draw::on(&SENDS)], refusal_holds: &SENDS, told: None } };

/// A read.
pub(super) const READ: Call =
    Call { key: None, kind: &CallKind { name: "read", draws: &[Draw::on(&READS)], refusal_holds: &READS, told: None } };

/// A change of a user, of a conversation or of the link to a phone.
pub(super) const WRITE: Call = Call {
    key: None,
    kind: &CallKind { name: "write", draws: &[Draw::on(&READS)], refusal_holds: &READS, told: None },
};

/// A look for texts in a talk that may have none.
pub(super) const LOOK: Call = Call {
    key: None,
    kind: &CallKind {
        name: "look",
        draws: &[Draw::on(&LOOKS), Draw::on_three_quarters_of(&READS)],
        refusal_holds: &LOOKS,
        told: None,
    },
};

/// No header tells of a limit.
pub(super) fn told(_headers: &HeaderMap, _call: Call, _now: Timestamp) -> Vec<Told> {
    Vec::new()
}

/// The pace of texts, in texts a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    most: u32,
    now: u32,
    taken: u32,
}

impl Pace {
    pub(super) fn new(most: u32) -> Self {
        Self { most, now: most, taken: 0 }
    }

    /// Texts a second.
    pub(super) fn a_second(self) -> u32 {
        self.now
    }

    /// The same after a text that was too many.
    pub(super) fn refused(self) -> Self {
        Self { now: (self.now / 2).max(1), taken: 0, ..self }
    }

    /// The same after a text that was taken.
    pub(super) fn taken(self) -> Self {
        match self.taken + 1 {
            TAKEN_BEFORE_A_RISE => Self { now: (self.now + 1).min(self.most), taken: 0, ..self },
            taken => Self { taken, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_halves_the_pace_and_texts_that_are_taken_raise_it_to_the_setting_and_no_further() {
        let mut pace = Pace::new(5);
        let mut after = |refused: bool, times: u32| {
            (0..times).for_each(|_| pace = if refused { pace.refused() } else { pace.taken() });
            pace.a_second()
        };
        assert_eq!(after(false, 1_000), 5);
        assert_eq!((after(true, 1), after(true, 1), after(true, 5)), (2, 1, 1));
        assert_eq!((after(false, 99), after(false, 1), after(false, 99)), (1, 2, 2));
        assert_eq!((after(true, 1), after(false, 99), after(false, 301)), (1, 1, 5));
    }
}
