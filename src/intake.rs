//! The values and the readers that all webhooks share: the raw webhook, the proof of its sender ([`signature`]), forms,
//! hand-typed JSON, and the result of reading.
//!
//! Pure: it never stores, answers or logs. A body from a verified sender that cannot be read is kept whole for the
//! operator ([`Intake::Quarantined`]), with a cause that quotes none of it. The shapes of the bodies stand with their
//! vendors, whose folders implement [`Source`].

pub(crate) mod fields;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod lenient_json;
mod reading;
mod senders;
pub mod signature;
mod source;
mod webhook;

pub(crate) use self::reading::Stop;
pub use self::reading::{Batch, Entry, Intake, Reading};
pub use self::senders::{Sender, Senders, no_line};
pub(crate) use self::source::EVENT_MAX_BYTES;
pub use self::source::{Credential, Posted, Seal, Source, kept, kept_whole, read};
pub use self::webhook::{RawWebhook, Refusal, public_address};
