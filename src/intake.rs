//! The values and the readers that all webhooks share: the raw webhook, the proof of its sender ([`signature`]), forms,
//! hand-typed JSON, and the result of reading.
//!
//! Pure: it never stores, answers or logs. A body from a verified sender that cannot be read is kept whole for the
//! operator ([`Intake::Quarantined`]), with a cause that quotes none of it. The shapes of the bodies stand with their
//! vendors ([`crate::vendors::sources`]).

pub(crate) mod fields;
pub(crate) mod form;
pub(crate) mod lenient_json;
mod reading;
mod senders;
pub mod signature;
mod webhook;

pub use self::reading::Intake;
pub(crate) use self::reading::{Reading, Stop};
pub use self::senders::Senders;
pub use self::webhook::{CurrentsOptions, IntakeOptions, RawWebhook, Refusal, public_address};
