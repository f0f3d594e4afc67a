//! The ports: the bridge's side of every account that it calls, in words that name no vendor.
//!
//! The worker calls accounts through ports only, and one folder a vendor implements them. A call that fails says the
//! caller's next step ([`Failure`]). A port never does I/O itself, and never chooses a ticket, a customer or a text.

mod carrier;
mod failure;

pub use carrier::{Carrier, RECEIPT, Sent};
pub use failure::Failure;
