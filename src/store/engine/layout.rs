//! How records lie in the one tree: keys, values, and the cutting of long values.
//!
//! | key | value |
//! |---|---|
//! | `e` position | a long event, written once |
//! | `p` position | the delivery while it holds a lane, with its event if that is short |
//! | `h` position | the same after it settled ("history") |
//! | `v` position | the vendor's answers to the failed attempts of the delivery there |
//! | `d` position | the dedupe keys of the event there and of some after it, in order: whose, since when, the digest |
//! | `c` conversation key | the conversation |
//! | `t` ticket number; `T` account, 0, ticket number for further desks | the key of the conversation that the ticket belongs, or once belonged, to |
//! | `a` kind, digest | a customer's name: the key of the customer's first conversation |
//! | `x` number, part | a part of a long value |
//! | `r` place | a report of the carrier's whose fate is not known yet |
//! | `o` number | an order of the operator's, for the audit |
//! | `m` `opened` sequence | the epoch of the opening that gave out the sequences from there on, and when it began |
//! | `m` word | the first unused number, pauses, the account of webhooks, home, lost time; a backend adds words |
//!
//! Numbers are big-endian, so that keys sort as numbers do.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::domain::account::{AccountId, Ends};
use crate::domain::address::{Identity, Scheme};
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::Delivery;
use crate::domain::event::{DedupeKey, TicketId, TicketRef};
use crate::domain::lanes::Position;
use crate::store::StoreError;
use crate::store::engine::bytes::Bytes;

/// The longest value that is kept whole. sled keeps 16 entries on a page and puts pages over 128 KiB into files of
/// their own that it never syncs; 4 KiB stays clear of that.
pub(in crate::store) const VALUE_BYTES_MAX: usize = 4096;

/// The longest value at all: four times the largest body that intake lets in, so it is a fault and not a message.
pub(in crate::store) const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The room that a record begins with, which nearly every text and conversation stays in: to grow costs a copy.
const RECORD_BYTES: usize = 1024;

/// Half of a SHA-256.
pub(in crate::store) type Digest = [u8; 16];

/// The most dedupe keys of one event: intake gives at most three. All keys of an event fit in one record.
pub(in crate::store) const DEDUPE_KEYS_MAX: usize = 16;

/// The length of a dedupe key in its record.
const REMEMBERED_BYTES: usize = 32;

/// The most dedupe keys in one record, so that it is never longer than [`VALUE_BYTES_MAX`].
pub(in crate::store) const REMEMBERED_MAX: usize = (VALUE_BYTES_MAX - 1) / REMEMBERED_BYTES;

/// The first byte of a value that is the record.
const WHOLE: u8 = 0;
/// The first byte of a value that names the record's parts.
const PARTS: u8 = 1;

/// The first byte of a value that holds the length of a delivery, the delivery, and its event.
const JOINT: u8 = 2;

/// The longest event that is kept with its delivery. A key of its own costs the writer more than writing these few
/// bytes again with each of the two or three moves that a delivery makes; a longer event would cost more than the key.
pub(in crate::store) const JOINT_EVENT_BYTES_MAX: usize = 1024;

/// The one epoch of a store that was last opened by a version without an epoch for each opening.
pub(in crate::store) const META_EPOCH: &[u8] = b"mepoch";
/// The identity of the store's home at its last opening ([`super::recovery::Home`]).
pub(in crate::store) const META_HOME: &[u8] = b"mhome";
/// The epochs of the marks that the last opening found in the directory, four bytes each.
pub(in crate::store) const META_MARKS: &[u8] = b"mmarks";
/// The span of time missing from the store ([`crate::store::LostTime`]).
pub(in crate::store) const META_LOST: &[u8] = b"mlost";
/// Since when the clock was not set ([`crate::store::Queue::time_was_set`]): seconds since 1970.
pub(in crate::store) const META_TIME: &[u8] = b"mtime";
/// When the clock was last seen to run on: the next number at that time, and seconds since 1970.
pub(in crate::store) const META_ALIVE: &[u8] = b"malive";
/// Since when dates tell ages, in seconds since 1970: no wait counts from before then.
pub(in crate::store) const META_AGES: &[u8] = b"mages";
/// The account of incoming webhooks ([`crate::store::Control::keep_arrivals`]).
pub(in crate::store) const META_ARRIVALS: &[u8] = b"marrivals";
/// The first carrier of each desk ([`crate::store::Control::keep_homes`]).
pub(in crate::store) const META_HOMES: &[u8] = b"mfirst";
/// The prefix of the openings' keys.
pub(in crate::store) const OPENED: &[u8] = b"mopened ";
/// The beginning of the keys of pauses.
pub(in crate::store) const PAUSE: &[u8] = b"mpause ";
pub(in crate::store) const META_NEXT: &[u8] = b"mnext";

pub(in crate::store) const EVENT: u8 = b'e';
pub(in crate::store) const PENDING: u8 = b'p';
pub(in crate::store) const HISTORY: u8 = b'h';
pub(in crate::store) const ANSWERS: u8 = b'v';
pub(in crate::store) const DEDUPE: u8 = b'd';
pub(in crate::store) const CONVERSATION: u8 = b'c';
pub(in crate::store) const TICKET: u8 = b't';
pub(in crate::store) const SCOPED_TICKET: u8 = b'T';
pub(in crate::store) const IDENTITY: u8 = b'a';
pub(in crate::store) const PART: u8 = b'x';
pub(in crate::store) const AUDIT: u8 = b'o';
pub(in crate::store) const REPORT: u8 = b'r';

/// The key of a record that belongs to a position.
pub(in crate::store) fn at_position(prefix: u8, position: Position) -> Bytes {
    let mut key = [prefix; 9];
    key[1..].copy_from_slice(&position.0.to_be_bytes());
    Bytes::from(&key)
}

/// The position in such a key.
pub(in crate::store) fn position_of(key: &[u8]) -> Option<Position> {
    let digits: [u8; 8] = key.get(1..9)?.try_into().ok()?;
    Some(Position(u64::from_be_bytes(digits)))
}

/// The prefixes whose keys tell the used numbers.
pub(in crate::store) const POSITIONED: [u8; 4] = [EVENT, PENDING, HISTORY, REPORT];

pub(in crate::store) fn conversation(key: &ConversationKey) -> Bytes {
    prefixed(CONVERSATION, key.0.as_bytes())
}

pub(in crate::store) fn ticket(ticket: TicketRef) -> Bytes {
    let number = ticket.id.0.to_be_bytes();
    if ticket.account.is_first() {
        return prefixed(TICKET, &number);
    }
    prefixed(SCOPED_TICKET, &[ticket.account.name().as_bytes(), &[0], &number].concat())
}

/// The ticket of such a key; `None` for every other key.
pub(in crate::store) fn ticket_in(key: &[u8]) -> Option<TicketRef> {
    let (prefix, rest) = key.split_first()?;
    let (name, number) = rest.split_last_chunk::<8>()?;
    let account = match (*prefix, name) {
        (TICKET, []) => Ends::FIRST.desk,
        (SCOPED_TICKET, [name @ .., 0]) => std::str::from_utf8(name).ok()?.parse().ok()?,
        _ => return None,
    };
    Some(TicketRef { account, id: TicketId(u64::from_be_bytes(*number)) })
}

/// Names are digested, because a name is any text of any length and is never read back.
pub(in crate::store) fn identity(identity: &Identity) -> Bytes {
    let kind = match (identity.scheme, identity.account.is_first()) {
        (Scheme::External, true) => b'e',
        (Scheme::Carrier, true) => b'b',
        (Scheme::External, false) => b'E',
        (Scheme::Carrier, false) => b'B',
    };
    let mut key = [IDENTITY; 18];
    key[1] = kind;
    key[2..].copy_from_slice(&digest(identity.account.scoped(&identity.value).as_bytes()));
    Bytes::from(&key)
}

/// The digests of dedupe keys; JSON keeps the parts of a key apart.
pub(in crate::store) fn dedupe_digests(keys: &[DedupeKey], ends: Ends) -> Result<Vec<Digest>, StoreError> {
    if keys.len() > DEDUPE_KEYS_MAX {
        return Err(StoreError::Failed(format!("an event with more than {DEDUPE_KEYS_MAX} dedupe keys")));
    }
    let digest = |key: &DedupeKey| {
        let account = ends.at(key.end());
        let bytes = if account.is_first() { serde_json::to_vec(key) } else { serde_json::to_vec(&(account, key)) };
        Ok(digest(&bytes.map_err(|error| broken("dedupe key", &error))?))
    };
    keys.iter().map(digest).collect()
}

/// The key of an order of the operator's.
pub(in crate::store) fn audit(number: u64) -> Bytes {
    prefixed(AUDIT, &number.to_be_bytes())
}

/// The key of a destination's pause.
pub(in crate::store) fn pause(account: AccountId) -> Bytes {
    Bytes::from([PAUSE, account.name().as_bytes()].concat())
}

/// The key of an opening that gave out sequences from this one on.
pub(in crate::store) fn opened(first: u64) -> Bytes {
    let mut key = OPENED.to_vec();
    key.extend_from_slice(&first.to_be_bytes());
    Bytes::from(key)
}

pub(in crate::store) fn part(number: u64, index: u16) -> Bytes {
    let mut key = [PART; 11];
    key[1..9].copy_from_slice(&number.to_be_bytes());
    key[9..].copy_from_slice(&index.to_be_bytes());
    Bytes::from(&key)
}

/// Eight bytes of a SHA-256, for texts whose match is only a first sign.
pub(in crate::store) fn short_digest(text: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest(text.as_bytes());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Half of a SHA-256. No two texts share 128 bits by accident, and a sender who forged a match would only drop its own
/// message.
fn digest(bytes: &[u8]) -> Digest {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(bytes)[..16]);
    half
}

fn prefixed(prefix: u8, rest: &[u8]) -> Bytes {
    let mut key = Vec::with_capacity(1 + rest.len());
    key.push(prefix);
    key.extend_from_slice(rest);
    Bytes::from(key)
}

/// A dedupe key on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Remembered {
    /// The event it came with.
    pub(in crate::store) position: Position,
    /// When the event was accepted, in seconds since 1970.
    pub(in crate::store) since: i64,
    /// The key's digest.
    pub(in crate::store) digest: Digest,
}

impl Remembered {
    /// When the event was accepted.
    pub(in crate::store) fn dated(&self) -> Timestamp {
        Timestamp::from_second(self.since).unwrap_or(Timestamp::MIN)
    }
}

/// One record of dedupe keys.
pub(in crate::store) fn remembered(known: &[Remembered]) -> Bytes {
    let mut value = Vec::with_capacity(1 + known.len() * REMEMBERED_BYTES);
    value.push(WHOLE);
    for known in known {
        value.extend_from_slice(&known.position.0.to_be_bytes());
        value.extend_from_slice(&known.since.to_be_bytes());
        value.extend_from_slice(&known.digest);
    }
    Bytes::from(value)
}

/// The dedupe keys in such a record; `None` when it is not one.
pub(in crate::store) fn read_remembered(value: &[u8]) -> Option<Vec<Remembered>> {
    let (known, rest) = value.strip_prefix(&[WHOLE])?.as_chunks::<REMEMBERED_BYTES>();
    let read = |bytes: &[u8; REMEMBERED_BYTES]| {
        let (position, rest) = bytes.split_first_chunk::<8>()?;
        let (since, digest) = rest.split_first_chunk::<8>()?;
        let (position, since) = (Position(u64::from_be_bytes(*position)), i64::from_be_bytes(*since));
        Some(Remembered { position, since, digest: digest.try_into().ok()? })
    };
    if known.is_empty() || !rest.is_empty() {
        return None;
    }
    known.iter().map(read).collect()
}

/// A record as bytes, ready to be stored. Encoding costs the caller's time, not the writer's.
pub(in crate::store) fn encode<T: Serialize>(what: &'static str, record: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    bytes.push(WHOLE);
    serde_json::to_writer(&mut bytes, record).map_err(|error| broken(what, &error))?;
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(StoreError::Failed(format!("the {what} is longer than {RECORD_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// A delivery, and its event's record if that lies with it.
pub(in crate::store) fn encode_delivery(delivery: &Delivery, event: Option<&[u8]>) -> Result<Vec<u8>, StoreError> {
    let Some(event) = event else { return encode("delivery", delivery) };
    let mut bytes = Vec::with_capacity(512 + event.len());
    bytes.extend_from_slice(&[JOINT, 0, 0, 0, 0]);
    serde_json::to_writer(&mut bytes, delivery).map_err(|error| broken("delivery", &error))?;
    let length = u32::try_from(bytes.len() - 5).unwrap_or(u32::MAX);
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(event);
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(StoreError::Failed(format!("the delivery is longer than {RECORD_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// The event's record in a delivery's value; `None` when it lies under a key of its own.
pub(in crate::store) fn event_in(bytes: &[u8]) -> Option<&[u8]> {
    split_joint(bytes).map(|(_, event)| event)
}

fn split_joint(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.strip_prefix(&[JOINT])?.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The record in a value that was put together again ([`Parts`]); of a delivery with its event, the delivery.
pub(in crate::store) fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    let record = match split_joint(bytes) {
        Some((delivery, _)) => delivery,
        None => bytes.strip_prefix(&[WHOLE]).unwrap_or_default(),
    };
    serde_json::from_slice(record).map_err(|error| broken(what, &error))
}

/// serde's text may quote the record, which may be personal, so the error names only its kind and position.
fn broken(what: &'static str, error: &serde_json::Error) -> StoreError {
    StoreError::Failed(format!(
        "a {what} record is not as this version of tandem writes it ({:?} error at byte {})",
        error.classify(),
        error.column()
    ))
}

/// The numbers of a long value's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Parts {
    /// A number that was never used before, so that a reader never mixes two values.
    pub(in crate::store) number: u64,
    /// The number of parts.
    pub(in crate::store) count: u16,
}

impl Parts {
    /// Reads the reference to a long value; `None` when the value is whole.
    pub(in crate::store) fn read(value: &[u8]) -> Option<Self> {
        let rest = value.strip_prefix(&[PARTS])?;
        let number = u64::from_be_bytes(rest.get(..8)?.try_into().ok()?);
        let count = u16::from_be_bytes(rest.get(8..10)?.try_into().ok()?);
        Some(Self { number, count })
    }

    /// The reference to a long value.
    pub(in crate::store) fn value(self) -> Bytes {
        let mut value = [PARTS; 11];
        value[1..9].copy_from_slice(&self.number.to_be_bytes());
        value[9..].copy_from_slice(&self.count.to_be_bytes());
        Bytes::from(&value)
    }

    pub(in crate::store) fn keys(self) -> impl Iterator<Item = Bytes> {
        (0..self.count).map(move |index| part(self.number, index))
    }
}

/// Puts a value together: itself, or its parts fetched one by one. `None` when a part is missing, because the value was
/// replaced or dropped during the read.
pub(in crate::store) fn assemble<E>(
    value: Bytes,
    mut fetch: impl FnMut(&[u8]) -> Result<Option<Bytes>, E>,
) -> Result<Option<Bytes>, E> {
    let Some(parts) = Parts::read(&value) else { return Ok(Some(value)) };
    let mut whole = Vec::with_capacity(usize::from(parts.count) * VALUE_BYTES_MAX);
    for key in parts.keys() {
        let Some(part) = fetch(&key)? else { return Ok(None) };
        whole.extend_from_slice(&part);
    }
    Ok(Some(Bytes::from(whole)))
}
