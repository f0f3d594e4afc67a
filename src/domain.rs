//! Messages, conversations and deliveries, and every rule about them.
//!
//! Pure values and functions. Nothing here reads a clock, a file or a socket, nothing is async, and nothing knows a
//! vendor's JSON. The time comes in as an argument.

pub mod access;
pub mod account;
pub mod account_table;
pub mod address;
pub mod alarm;
pub mod answer;
pub mod arrival;
pub mod breaker;
pub mod budget;
pub mod cause;
pub mod comment;
pub mod conversation;
pub mod delivery;
pub mod event;
pub mod find;
pub mod ids;
pub mod inbound;
pub mod kind;
pub mod lanes;
pub mod line;
pub mod note;
pub mod operator;
pub mod outgoing;
pub mod parts;
pub mod phone;
pub mod reading;
pub mod receipt;
pub mod refusals;
pub mod remedy;
pub mod retry;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod ticket;
pub mod user_match;
