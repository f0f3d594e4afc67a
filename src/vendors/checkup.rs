//! The form of the findings about an installation, and the findings that are made alike for every vendor. Pure. The
//! findings about one vendor's objects are in its own `checkup`.
//!
//! Each checked thing has one line, made of the records that were read. A line that depends on a wrong one is not
//! wrong itself: it was not looked at. No line ever holds a secret.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::http::tls::TlsFault;
use crate::domain::account_table::AccountTable;
use crate::domain::remedy::Remedies;
use crate::ports::Failure;

mod inbound;

pub use inbound::{Addresses, Sender, arrivals};

/// The most by which our clock may be off before it is called wrong: far above the time that an answer takes on its
/// way, far below the shortest sensible tolerance for signatures.
const SKEW_MAX: SignedDuration = SignedDuration::from_secs(60);

/// The state of a checked thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Good,
    /// Worth knowing, and nothing to mend.
    Note,
    /// To be mended.
    Wrong,
    /// Not looked at, because of something else.
    Unknown,
}

/// One checked thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The vendor, or the identity provider.
    pub side: &'static str,
    /// The thing.
    pub what: String,
    /// Its state.
    pub state: State,
    /// Its state in words.
    pub said: String,
    /// The remedy for a wrong thing: a sentence without its full stop.
    pub remedy: Option<String>,
}

impl Line {
    pub(super) fn new(side: &'static str, what: &str, state: State, said: impl Into<String>) -> Self {
        Self { side, what: what.to_owned(), state, said: said.into(), remedy: None }
    }

    pub(super) fn wrong(side: &'static str, what: &str, said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(side, what, State::Wrong, said) }
    }

    /// A thing that was not looked at.
    #[must_use]
    pub fn not_looked_at(side: &'static str, what: &str, because: &str) -> Self {
        Self::new(side, what, State::Unknown, format!("not looked at: {because}"))
    }
}

/// Whether the identity provider describes itself as the issuer that is configured.
#[must_use]
pub fn provider(found: &Result<(), String>) -> Line {
    match found {
        Ok(()) => Line::new("Identity provider", "issuer", State::Good, "it describes itself as oidc.issuer"),
        Err(why) => {
            let remedy = "Compare oidc.issuer with what the provider's description writes; sign-in with tokens goes on";
            Line::wrong("Identity provider", "issuer", why, remedy)
        }
    }
}

/// The remedy for a vendor that could not be reached at the address under this key. A fault of TLS has a more exact
/// one.
pub(super) fn unreached(failure: &Failure, url: &str, otherwise: impl FnOnce() -> String) -> String {
    TlsFault::told_in(failure.cause()).map_or_else(otherwise, |fault| fault.remedy(url))
}

/// The findings of the first call with an account's only key: `known` for a key that is good, and that of the clock, which is
/// compared in an answer to a good key alone.
pub(super) fn key_and_clock(
    side: &'static str,
    remedies: Remedies,
    of: AccountTable,
    first: Result<Option<Timestamp>, Failure>,
    known: Line,
    now: Timestamp,
    tolerance: Duration,
) -> Vec<Line> {
    let failure = match first {
        Ok(answered_at) => return vec![known, clock(side, now, answered_at, tolerance)],
        Err(failure) => failure,
    };
    let is_refused = matches!(failure, Failure::Pause { .. } | Failure::Forbid { .. } | Failure::GiveUp { .. });
    let remedy = match is_refused {
        true => (remedies.of_refusal)(of, failure.cause()),
        false => unreached(&failure, &of.key("url"), || (remedies.of_silence)(of)),
    };
    let key = Line::wrong(side, "key", failure.cause(), remedy);
    vec![key, Line::not_looked_at(side, "clock", "the key is not good here")]
}

/// Whether our clock agrees with a vendor's. The vendor dated its answer while the answer was on its way.
#[must_use]
pub fn clock(side: &'static str, now: Timestamp, answered_at: Option<Timestamp>, tolerance: Duration) -> Line {
    let Some(answered_at) = answered_at else {
        return Line::new(side, "clock", State::Unknown, "its answer has no readable date");
    };
    let ahead = now.duration_since(answered_at);
    let most = SKEW_MAX.min(SignedDuration::try_from(tolerance / 2).unwrap_or(SKEW_MAX));
    if ahead.abs() <= most {
        return Line::new(side, "clock", State::Good, "agrees with ours");
    }
    let (seconds, way) = (ahead.abs().as_secs(), if ahead.is_positive() { "ahead of" } else { "behind" });
    Line::wrong(
        side,
        "clock",
        format!("ours is {seconds} s {way} {side}'s; past {} s signatures are refused", tolerance.as_secs()),
        "Let this machine keep its time by NTP",
    )
}

#[cfg(test)]
mod tests;
