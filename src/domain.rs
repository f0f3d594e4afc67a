//! What a message, a conversation and a delivery are, and every rule about them.
//!
//! Pure values and functions: nothing here reads a clock, a file or a socket, nothing is async, and nothing knows
//! what a vendor's JSON looks like. Whoever needs the time gives it as an argument.

pub mod access;
pub mod address;
pub mod alarm;
pub mod answer;
pub mod arrival;
pub mod breaker;
pub mod budget;
pub mod cause;
pub mod conversation;
pub mod delivery;
pub mod event;
pub mod find;
pub mod inbound;
pub mod lanes;
pub mod note;
pub mod operator;
pub mod parts;
pub mod phone;
pub mod plan;
pub mod reading;
pub mod refusals;
pub mod remedy;
pub mod retry;
pub mod text;
