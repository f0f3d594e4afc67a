//! The documentation says what is true.

pub(crate) mod page;
