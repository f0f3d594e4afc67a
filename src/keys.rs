//! The machine of typed configuration keys: a table of keys is declared once, and reading, showing and reloading of it follow
//! from the declaration. The configuration and the folders of the vendors declare their tables with it. Never names a key, and
//! never reads a file or the environment.
//!
//! | part | holds |
//! |---|---|
//! | [`table`] | the declaration of a table, and what follows from it |
//! | [`key`], [`shapes`] | one key: its rules, default and words |
//! | [`kind`], [`value`] | the kinds of values, and the reading of one |
//! | [`book`], [`fault`] | the values that were given, and the faults in them |
//! | [`spelling`] | the name that a mistyped one was meant to be |

pub(crate) mod book;
pub mod fault;
pub mod key;
pub mod kind;
pub mod shapes;
pub(crate) mod spelling;
pub(crate) mod table;
pub(crate) mod value;
