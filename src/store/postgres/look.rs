//! For reading records by their keys, one after the other, on a thread that may block: the look of the engine's lists and sweeps.
//!
//! Each kind of record has a table of its own, so the first byte of a key names the table. A look sees committed rows, each
//! page of them as of its own moment. It never writes, takes no lock and holds no transaction open.

use std::cell::RefCell;

use tokio::runtime::Handle;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::domain::lanes::Position;
use crate::store::StoreError;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::layout::{self, Remembered};
use crate::store::engine::tree::{Entries, Look};

use super::columns;
use super::connect::Client;
use super::halt::Halt;
use super::statement::Tables;

#[cfg(test)]
mod tests;

/// The rows that are read at once: as many as a step of a sweep finds at most.
const ROWS_MAX: i64 = 256;

/// An entry of the tree: a key of the layout, and its record.
type Entry = (Bytes, Bytes);

/// A look through this connection.
pub(super) struct PgLook {
    client: Client,
    tables: Tables,
    runtime: Handle,
    /// A delivery that waits has no settled record, and the other way round. A list asks for both: they are read at one moment,
    /// and the second answer is kept for the call that follows.
    beside: RefCell<Option<(Bytes, Option<Bytes>)>>,
}

/// A table of records.
#[derive(Clone, Copy)]
struct Table {
    prefix: u8,
    name: &'static str,
    key: &'static str,
    record: &'static str,
    form: Form,
}

/// How a table keeps the keys of its records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The key itself.
    Whole,
    /// The bytes behind the prefix.
    Rest,
    /// The number behind the prefix.
    Number,
    /// The number behind the prefix, without its lowest 16 bits, which are 0.
    Sequence,
    /// As [`Form::Number`], with a row for each dedupe key that the record holds.
    Digests,
}

/// A bound of a range, as a value of a table's key. `None` lies behind every row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Bytes(Vec<u8>),
    Number(i64),
}

fn table_of(key: &[u8]) -> Option<Table> {
    let prefix = *key.first()?;
    let (name, key, record, form) = match prefix {
        b'm' => ("tandem.meta", "at", "value", Form::Whole),
        layout::TICKET | layout::SCOPED_TICKET | layout::IDENTITY => ("tandem.name", "at", "conversation", Form::Whole),
        layout::CONVERSATION => ("tandem.conversation", "key", "record", Form::Rest),
        layout::PENDING => ("tandem.waiting", "position", "record", Form::Number),
        layout::HISTORY => ("tandem.settled", "position", "record", Form::Number),
        layout::EVENT => ("tandem.event", "position", "record", Form::Number),
        layout::ANSWERS => ("tandem.answer", "position", "record", Form::Number),
        layout::AUDIT => ("tandem.audit", "number", "record", Form::Number),
        layout::REPORT => ("tandem.report", "number", "record", Form::Sequence),
        layout::DEDUPE => ("tandem.seen", "position", "digest", Form::Digests),
        _ => return None,
    };
    Some(Table { prefix, name, key, record, form })
}

impl Table {
    /// The first key of this table that is not less than a key of the layout; `None` when there can be none.
    fn bound(self, at: &[u8]) -> Option<Bound> {
        match self.form {
            Form::Whole => Some(Bound::Bytes(at.to_vec())),
            Form::Rest => Some(Bound::Bytes(at.get(1..).unwrap_or_default().to_vec())),
            Form::Number | Form::Digests => Some(Bound::Number(number_from(at)?)),
            Form::Sequence => Some(Bound::Number(number_from(at)?.checked_add(0xffff)? >> 16)),
        }
    }

    /// The key of this very row; `None` when the table can have no such row.
    fn exact(self, key: &[u8]) -> Option<Bound> {
        let is_possible = match self.form {
            Form::Whole | Form::Rest => true,
            Form::Number | Form::Digests => key.len() == 9,
            Form::Sequence => key.len() == 9 && key.ends_with(&[0, 0]),
        };
        if is_possible { self.bound(key) } else { None }
    }

    /// The first bound behind a row.
    fn behind(self, key: &Bytes) -> Option<Bound> {
        match self.bound(key)? {
            Bound::Bytes(mut bytes) => {
                bytes.push(0);
                Some(Bound::Bytes(bytes))
            }
            Bound::Number(number) => Some(Bound::Number(number.checked_add(1)?)),
        }
    }

    /// The statement for the rows between two bounds, in order or against it.
    fn between(self, has_end: bool, order: &str) -> String {
        let Self { name, key, record, .. } = self;
        let end = if has_end { format!(" and {key} < $2") } else { String::new() };
        let limit = if has_end { "$3" } else { "$2" };
        match self.form {
            Form::Digests => format!(
                "select position, array_agg(digest order by digest), array_agg(since order by digest) from {name}
                where position >= $1{end} group by position order by position {order} limit {limit}"
            ),
            // A conversation that has deliveries only has no record.
            Form::Rest => format!(
                "select {key}, {record} from {name} where {key} >= $1{end} and {record} is not null
                order by {key} {order} limit {limit}"
            ),
            Form::Whole | Form::Number | Form::Sequence => format!(
                "select {key}, {record} from {name} where {key} >= $1{end} order by {key} {order} limit {limit}"
            ),
        }
    }

    /// The entry of a row.
    fn entry(self, row: &Row) -> Result<Entry, Halt> {
        let key = match self.form {
            Form::Whole => row.try_get::<_, &[u8]>(0)?.into(),
            Form::Rest => Bytes::from([&[self.prefix], row.try_get::<_, &[u8]>(0)?].concat()),
            Form::Number | Form::Digests => layout::at_position(self.prefix, columns::position(row.try_get(0)?)),
            Form::Sequence => {
                layout::at_position(self.prefix, Position(columns::number(row.try_get(0)?).wrapping_shl(16)))
            }
        };
        let record = match self.form {
            Form::Whole | Form::Rest | Form::Number | Form::Sequence => row.try_get::<_, &[u8]>(1)?.into(),
            Form::Digests => digests(row)?,
        };
        Ok((key, record))
    }
}

/// The record of the dedupe keys of one position.
fn digests(row: &Row) -> Result<Bytes, Halt> {
    let position = columns::position(row.try_get(0)?);
    let (digests, times): (Vec<&[u8]>, Vec<i64>) = (row.try_get(1)?, row.try_get(2)?);
    let known = digests.into_iter().zip(times).map(|(digest, since)| {
        let digest = digest.try_into().map_err(|_| columns::not_ours("a digest"))?;
        Ok(Remembered { position, since, digest })
    });
    Ok(layout::remembered(&known.collect::<Result<Vec<_>, StoreError>>()?))
}

/// The least number whose eight bytes, behind a prefix, are not less than a key. No row has a number that large that its sign
/// would matter, so such a one stands for the end of all.
fn number_from(key: &[u8]) -> Option<i64> {
    let rest = key.get(1..).unwrap_or_default();
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(rest) {
        *to = *from;
    }
    let number = i64::try_from(u64::from_be_bytes(bytes)).ok()?;
    // A key with more bytes lies behind the one that it begins with.
    if rest.len() > bytes.len() { number.checked_add(1) } else { Some(number) }
}

impl PgLook {
    /// A look through this connection, on the threads of this runtime that may block.
    pub(super) fn new(client: Client, tables: Tables, runtime: Handle) -> Self {
        Self { client, tables, runtime, beside: RefCell::default() }
    }

    fn rows(&self, statement: &str, values: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>, StoreError> {
        Ok(self.runtime.block_on(self.tables.rows(&self.client, statement, values))?)
    }

    /// The first entries between these bounds, in order or against it.
    fn page(
        &self,
        table: Table,
        from: &Bound,
        to: Option<&Bound>,
        (order, limit): (&str, i64),
    ) -> Result<Vec<Entry>, StoreError> {
        if to.is_some_and(|to| to <= from) {
            return Ok(Vec::new());
        }
        let mut values = vec![value(from)];
        values.extend(to.map(value));
        values.push((&limit, Type::INT8));
        let rows = self.rows(&table.between(to.is_some(), order), &values)?;
        rows.iter().map(|row| Ok(table.entry(row)?)).collect()
    }

    /// The bounds of a range in its table; `None` when it is empty.
    fn bounds(from: &[u8], to: &[u8]) -> Option<(Table, Bound, Option<Bound>)> {
        let table = table_of(from)?;
        let from_bound = table.bound(from)?;
        let end = match (to.first() == Some(&table.prefix), table.form) {
            (true, _) => table.bound(to),
            // Several prefixes lie in such a table.
            (false, Form::Whole) => Some(Bound::Bytes(vec![table.prefix + 1])),
            (false, _) => None,
        };
        (from < to).then_some((table, from_bound, end))
    }

    /// The delivery of this position, waiting or settled, as of one moment.
    fn delivery(&self, key: &[u8], position: i64) -> Result<Option<Bytes>, StoreError> {
        let sql = "select true, record from tandem.waiting where position = $1
            union all select false, record from tandem.settled where position = $1";
        let read = |row: &Row| Ok::<(bool, Bytes), Halt>((row.try_get(0)?, row.try_get::<_, &[u8]>(1)?.into()));
        let (mut waiting, mut settled) = (None, None);
        for row in &self.rows(sql, &[(&position, Type::INT8)])? {
            let (is_waiting, record) = read(row)?;
            *(if is_waiting { &mut waiting } else { &mut settled }) = Some(record);
        }
        let position = columns::position(position);
        let is_waiting = key.first() == Some(&layout::PENDING);
        let (wanted, prefix, other) =
            if is_waiting { (waiting, layout::HISTORY, settled) } else { (settled, layout::PENDING, waiting) };
        self.beside.replace(Some((layout::at_position(prefix, position), other)));
        Ok(wanted)
    }
}

fn value(bound: &Bound) -> (&(dyn ToSql + Sync), Type) {
    match bound {
        Bound::Bytes(bytes) => (bytes, Type::BYTEA),
        Bound::Number(number) => (number, Type::INT8),
    }
}

impl Look for PgLook {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if let Some((at, record)) = self.beside.take()
            && *at == *key
        {
            return Ok(record);
        }
        let Some(table) = table_of(key) else { return Ok(None) };
        let Some(bound) = table.exact(key) else { return Ok(None) };
        if let (layout::PENDING | layout::HISTORY, Bound::Number(position)) = (table.prefix, &bound) {
            return self.delivery(key, *position);
        }
        let Some(behind) = table.behind(&key.into()) else { return Ok(None) };
        let found = self.page(table, &bound, Some(&behind), ("asc", 1))?;
        Ok(found.into_iter().next().map(|(_, record)| record))
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Entries<'_> {
        match Self::bounds(from, to) {
            Some((table, from, to)) => {
                let page = Vec::new().into_iter();
                Box::new(Pages { look: self, table, next: Some(from), to, page })
            }
            None => Box::new(std::iter::empty()),
        }
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>, StoreError> {
        let Some((table, from, to)) = Self::bounds(from, to) else { return Ok(None) };
        Ok(self.page(table, &from, to.as_ref(), ("desc", 1))?.into_iter().next())
    }
}

/// The entries of a range, read page by page.
struct Pages<'a> {
    look: &'a PgLook,
    table: Table,
    /// Where the next page begins; `None` when there is none.
    next: Option<Bound>,
    to: Option<Bound>,
    page: std::vec::IntoIter<Entry>,
}

impl Iterator for Pages<'_> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.page.next() {
            return Some(Ok(entry));
        }
        let from = self.next.take()?;
        match self.look.page(self.table, &from, self.to.as_ref(), ("asc", ROWS_MAX)) {
            Ok(page) => {
                let is_full = i64::try_from(page.len()).is_ok_and(|rows| rows == ROWS_MAX);
                self.next = page.last().filter(|_| is_full).and_then(|(key, _)| self.table.behind(key));
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }
}
