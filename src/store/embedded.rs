//! For stores inside this process: one engine with one writer, on two media.
//!
//! [`engine`] serves every request of the contract; [`sled`] makes it durable on a disk, and [`memory`] plays a disk
//! that can fail. Nothing here speaks to another process.

mod engine;
mod lock;
pub mod memory;
pub mod sled;
