//! The next step of a message, from the facts known so far: [`inbound`] for a customer's text, [`window`] for a text on a
//! channel with a window.
//!
//! Pure: each policy is a function over values, so the worker takes a step, adds its result to the facts and asks again.
//! Nothing here reads a clock or calls, and no policy knows a vendor.

pub mod inbound;
pub mod window;
