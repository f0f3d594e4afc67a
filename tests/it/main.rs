//! The one integration-test binary: whatever needs the whole crate, its sources or its dependencies at once.
//!
//! One binary, so that it links once. What can be tested inside a module is tested there.

mod dependencies;
mod layering;
mod openapi;
mod outbound;
mod outbound_once;
mod support;
mod told;
