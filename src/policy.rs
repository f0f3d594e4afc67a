//! The next step of a message, from the facts known so far: [`inbound`] for a customer's text, [`outbound`] for a message
//! to the phone with [`window`] for its channel's window, and [`confirm`] for a message in doubt. [`owed`] says which comments
//! of a ticket become such messages, [`merges`] which ones a merge left, [`taking_up`] what a ticket teaches the conversation
//! of its customer, and [`reports`] how a carrier's reports change one.
//!
//! Pure: each policy is a function over values, so the worker takes a step, adds its result to the facts and asks again.
//! Nothing here reads a clock or calls, and no policy knows a vendor.

pub mod confirm;
pub mod inbound;
pub mod merges;
pub mod outbound;
pub mod owed;
pub mod reports;
pub mod taking_up;
pub mod window;
