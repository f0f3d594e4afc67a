//! For stores inside this process: the engine with one writer, on two media.
//!
//! [`sled`] makes [`super::engine`] durable on a disk, and [`memory`] plays a disk that can fail. Nothing here speaks to
//! another process.

pub mod memory;
mod pictures;
pub mod sled;
