//! The values of a statement, column by column. They are owned, because a statement's answer is waited for beside others.

use tokio_postgres::types::{ToSql, Type};

use crate::domain::lanes::Position;

use super::columns;

/// A value of a statement, owned until the statement is answered.
pub(super) type Value = (Box<dyn ToSql + Sync + Send>, Type);

/// A statement with its values.
pub(super) struct Write {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Value>,
    /// How many rows it must return: fewer mean that another transaction wrote one of them first.
    pub(super) must_be: Option<usize>,
}

pub(super) fn texts(all: Vec<String>) -> Value {
    (Box::new(all), Type::TEXT_ARRAY)
}

pub(super) fn bytes(all: Vec<Vec<u8>>) -> Value {
    (Box::new(all), Type::BYTEA_ARRAY)
}

pub(super) fn some_bytes(all: Vec<Option<Vec<u8>>>) -> Value {
    (Box::new(all), Type::BYTEA_ARRAY)
}

pub(super) fn longs(all: Vec<i64>) -> Value {
    (Box::new(all), Type::INT8_ARRAY)
}

pub(super) fn some_longs(all: Vec<Option<i64>>) -> Value {
    (Box::new(all), Type::INT8_ARRAY)
}

pub(super) fn shorts(all: Vec<i16>) -> Value {
    (Box::new(all), Type::INT2_ARRAY)
}

pub(super) fn flags(all: Vec<bool>) -> Value {
    (Box::new(all), Type::BOOL_ARRAY)
}

pub(super) fn places<'a>(all: impl IntoIterator<Item = &'a Position>) -> Vec<i64> {
    all.into_iter().map(|at| columns::place(*at)).collect()
}
