//! The one integration-test binary: whatever needs the whole crate, its sources or its dependencies at once.
//!
//! One binary, so that it links once. What can be tested inside a module is tested there.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod bad_input;
mod catch_up;
mod dependencies;
mod layering;
mod openapi;
mod operator;
mod recipe;
mod support;
mod webhooks;
