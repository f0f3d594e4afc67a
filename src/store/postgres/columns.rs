//! How values stand in columns: numbers without a sign, times, names of accounts, and the small numbers of enums. Only reading
//! and writing of values; no statement stands here.

use jiff::Timestamp;

use crate::domain::account::{AccountId, Direction};
use crate::domain::conversation::ConversationKey;
use crate::domain::kind::Track;
use crate::domain::lanes::{LaneName, Need, Position};
use crate::store::StoreError;

/// A number of 64 bits in a column that has a sign: the same bits.
pub(super) fn bits(number: u64) -> i64 {
    number.cast_signed()
}

/// The number in such a column.
pub(super) fn number(column: i64) -> u64 {
    column.cast_unsigned()
}

/// A position as a column.
pub(super) fn place(position: Position) -> i64 {
    bits(position.0)
}

/// The position in a column.
pub(super) fn position(column: i64) -> Position {
    Position(number(column))
}

/// The time in a column of microseconds.
pub(super) fn time(column: i64) -> Timestamp {
    Timestamp::from_microsecond(column).unwrap_or(if column < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The account that a column names.
pub(super) fn account(column: &str) -> Result<AccountId, StoreError> {
    column.parse().map_err(|_| not_ours("an account"))
}

/// The column of a direction.
pub(super) fn direction(direction: Direction) -> i16 {
    match direction {
        Direction::ToDesk => 0,
        Direction::ToCustomer => 1,
    }
}

/// The column of a track.
pub(super) fn track(track: Track) -> i16 {
    match track {
        Track::Texts => 0,
        Track::Notes => 1,
    }
}

/// The direction in a column.
pub(super) fn direction_in(column: i16) -> Result<Direction, StoreError> {
    match column {
        0 => Ok(Direction::ToDesk),
        1 => Ok(Direction::ToCustomer),
        _ => Err(not_ours("a direction")),
    }
}

/// The lane that these columns name.
pub(super) fn lane(conversation: &ConversationKey, columns: (i16, i16)) -> Result<LaneName, StoreError> {
    let track = match columns.1 {
        0 => Track::Texts,
        1 => Track::Notes,
        _ => return Err(not_ours("a track")),
    };
    Ok(LaneName { direction: direction_in(columns.0)?, track, conversation: conversation.clone() })
}

/// The column of a need.
pub(super) fn need(need: Need) -> i16 {
    let at = Need::ALL.iter().position(|one| *one == need).unwrap_or(0);
    i16::try_from(at).unwrap_or(0)
}

/// The need in a column.
pub(super) fn need_in(column: i16) -> Result<Need, StoreError> {
    let at = usize::try_from(column).ok().and_then(|at| Need::ALL.get(at).copied());
    at.ok_or_else(|| not_ours("a need"))
}

/// The key in a column.
pub(super) fn key(column: &[u8]) -> ConversationKey {
    ConversationKey(String::from_utf8_lossy(column).into_owned())
}

/// The error for a column that no version of tandem has written so.
pub(super) fn not_ours(what: &str) -> StoreError {
    StoreError::Failed(format!("a column holds {what} that this version of tandem does not know"))
}
