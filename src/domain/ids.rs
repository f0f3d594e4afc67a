//! Identifiers: the name of an event, and the vendors' numbers of tickets, comments and users.
//!
//! An identifier is a value. It never tells anything about its object.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::account::AccountId;

/// The name of one event, unique across stores and restarts: `evt_` and 24 lower-case hexadecimal digits.
///
/// It is also the idempotency key at the desk and the receipt at the carrier, so it must not recur when a store is wiped or
/// restored from a backup: `epoch` is drawn at random whenever a store is opened.
///
/// Ids of one store are ordered as its events were accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Drawn at random once per opening of the store.
    pub epoch: u32,
    /// The order of acceptance: grows with every event, with gaps, because the store numbers other records as well.
    /// 48 bits are kept.
    pub sequence: u64,
    /// 0 for an event from outside; 1, 2, … for the events that took its place in the same lane, in order.
    pub sub: u16,
}

impl Ord for EventId {
    fn cmp(&self, other: &Self) -> Ordering {
        let in_order = |id: &Self| (id.sequence, id.sub, id.epoch);
        in_order(self).cmp(&in_order(other))
    }
}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequence = self.sequence & 0xffff_ffff_ffff;
        let number = u128::from(self.epoch) << 64 | u128::from(sequence) << 16 | u128::from(self.sub);
        write!(f, "evt_{number:024x}")
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text was not an event id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an event id: expected `evt_` and 24 hexadecimal digits")]
pub struct NotAnEventId;

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let digits = text.strip_prefix("evt_").ok_or(NotAnEventId)?;
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digits.len() != 24 || !digits.bytes().all(is_hex) {
            return Err(NotAnEventId);
        }
        let number = |range: std::ops::Range<usize>| u64::from_str_radix(&digits[range], 16).map_err(|_| NotAnEventId);
        Ok(Self {
            epoch: number(0..8)?.try_into().map_err(|_| NotAnEventId)?,
            sequence: number(8..20)?,
            sub: number(20..24)?.try_into().map_err(|_| NotAnEventId)?,
        })
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A ticket's number at its desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketId(pub u64);

/// A ticket of one desk. Tickets of two desks may have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketRef {
    /// The desk.
    pub account: AccountId,
    /// The ticket's number there.
    pub id: TicketId,
}

/// A comment's number at its desk. Later comments have larger numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommentId(pub u64);

/// A user's number at its desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub u64);

macro_rules! display_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_number!(TicketId, CommentId, UserId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_id_survives_its_text_form() {
        let id = EventId { epoch: 0xdead_beef, sequence: 0x1234_5678_9abc, sub: 7 };
        assert_eq!(id.to_string(), "evt_deadbeef123456789abc0007");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn ids_are_ordered_as_they_were_given_out_also_across_openings() {
        let id = |epoch, sequence, sub| EventId { epoch, sequence, sub };
        assert!([id(9, 1, 0), id(9, 1, 2), id(3, 2, 0), id(7, 3, 0)].is_sorted());
    }

    #[test]
    fn what_is_not_an_event_id_is_refused() {
        let too_long = format!("evt_{}", "0".repeat(25));
        let not_ascii = format!("evt_{}", "é".repeat(12));
        for text in ["", "evt_", "evt_DEADBEEF123456789abc0007", "deadbeef123456789abc0007", &too_long, &not_ascii] {
            assert_eq!(text.parse::<EventId>(), Err(NotAnEventId), "{text}");
        }
    }
}
