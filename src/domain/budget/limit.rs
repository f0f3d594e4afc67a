//! A limit in words: how many calls of which kind in which time, and until when no further one may go. Pure.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// A limit, as operators read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The most calls in a period.
    pub calls: u32,
    /// The calls that count, as a plural.
    pub counted: &'static str,
    /// The period.
    pub period: Duration,
    /// Whether the vendor has refused a call for it (429). Otherwise the bridge's own count or an answer's numbers hold
    /// calls back.
    pub is_refusal: bool,
}

impl Limit {
    /// Why calls to this vendor wait.
    #[must_use]
    pub fn said(&self, vendor: &str) -> String {
        if self.is_refusal {
            format!("{vendor} answered 429")
        } else {
            format!("{vendor}'s limit of {self} is reached")
        }
    }
}

/// As in `30 updates of one ticket in 10 minutes`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = self.counted;
        let counted = if self.calls == 1 { many.strip_suffix('s').unwrap_or(many) } else { many };
        write!(f, "{} {counted} {}", self.calls, a_period(self.period))
    }
}

/// A period in words, as they follow the counted calls: `a minute`, `in 10 minutes`.
#[must_use]
pub fn a_period(period: Duration) -> String {
    match period.as_secs() {
        1 => "a second".to_owned(),
        60 => "a minute".to_owned(),
        3600 => "an hour".to_owned(),
        seconds if seconds % 60 == 0 => format!("in {} minutes", seconds / 60),
        seconds => format!("in {seconds} s"),
    }
}

/// A limit that holds calls back now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The limit.
    pub limit: Limit,
    /// When the next call may go.
    pub until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_in_words() {
        let limit =
            |calls, counted, seconds| Limit { calls, counted, period: Duration::from_secs(seconds), is_refusal: false };
        for (limit, told) in [
            (limit(30, "updates of one ticket", 600), "30 updates of one ticket in 10 minutes"),
            (limit(10, "notes on one ticket", 600), "10 notes on one ticket in 10 minutes"),
            (limit(5, "saves of one user", 60), "5 saves of one user a minute"),
            (limit(700, "calls", 60), "700 calls a minute"),
            (limit(100, "ticket updates", 60), "100 ticket updates a minute"),
            (limit(1, "user saves", 1), "1 user save a second"),
            (limit(250_000, "texts", 3600), "250000 texts an hour"),
        ] {
            assert_eq!(limit.to_string(), told);
            assert_eq!(limit.said("Desk"), format!("Desk's limit of {told} is reached"));
            assert_eq!(Limit { is_refusal: true, ..limit }.said("Desk"), "Desk answered 429");
        }
    }
}
