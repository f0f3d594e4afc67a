//! For lists and searches: a filter becomes the positions of one page, and a search the keys of conversations, by the columns
//! beside the records.
//!
//! A statement names rows and never reads a record. The rows are those that the index of an embedded store
//! ([`crate::store::engine::index`], [`crate::store::engine::people`]) would name. Nothing here writes.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::domain::delivery::StateName;
use crate::domain::find::Search;
use crate::domain::lanes::Position;
use crate::store::engine::index::{self, COUNTED_MAX, Listed, Wanted};
use crate::store::engine::{people, tree};

use super::columns;
use super::halt::Halt;
use super::statement::Tables;

#[cfg(test)]
pub(super) mod tests;

/// The tables of deliveries. A delivery stands in one of them.
const DELIVERIES: [&str; 2] = ["tandem.waiting", "tandem.settled"];

/// The values of a statement in the making.
#[derive(Default)]
struct Values<'a>(Vec<(Box<dyn ToSql + Sync + Send + 'a>, Type)>);

impl<'a> Values<'a> {
    /// Adds a value, and gives its name in the statement.
    fn add(&mut self, value: impl ToSql + Sync + Send + 'a, kind: Type) -> String {
        self.0.push((Box::new(value), kind));
        format!("${}", self.0.len())
    }

    async fn rows(&self, client: &Client, tables: &Tables, statement: &str) -> Result<Vec<Row>, Halt> {
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            self.0.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect();
        tables.rows(client, statement, &values).await
    }
}

/// A page of the wanted deliveries, and the number on all pages: as [`crate::store::engine::index::Index::list`] gives them,
/// but for totals. The index counts some without a bound. Here all stop at [`COUNTED_MAX`], because a count reads its rows.
pub(super) async fn listed(client: &Client, tables: &Tables, wanted: &Wanted) -> Result<Listed, Halt> {
    if wanted.whose.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Listed::default());
    }
    let mut positions = page(client, tables, wanted).await?;
    let more = positions.len() > wanted.limit;
    positions.truncate(wanted.limit);
    // A first page that is the last one is all.
    let total = if wanted.after.is_none() && !more && positions.len() <= COUNTED_MAX {
        positions.len()
    } else {
        total(client, tables, wanted).await?
    };
    Ok(Listed { positions, total: u64::try_from(total).unwrap_or(u64::MAX), more })
}

/// The positions of a page, and of one delivery more.
async fn page(client: &Client, tables: &Tables, wanted: &Wanted) -> Result<Vec<Position>, Halt> {
    let mut values = Values::default();
    let mut wants = conditions(wanted, &mut values);
    let (order, behind) = if wanted.newest_first { ("desc", "<") } else { ("asc", ">") };
    if let Some(after) = wanted.after {
        let after = values.add(in_order(after), Type::INT8);
        wants.push_str(&format!(" and t.position {behind} {after}"));
    }
    let limit = values.add(many(wanted.limit.saturating_add(1)), Type::INT8);
    // Each table gives its own page in the order of an index.
    let [waiting, settled] = DELIVERIES.map(|table| {
        let from = from(table, wanted);
        format!("(select t.position from {from} where {wants} order by t.position {order} limit {limit})")
    });
    let statement = format!("{waiting} union all {settled} order by position {order} limit {limit}");
    let rows = values.rows(client, tables, &statement).await?;
    rows.iter().map(|row| Ok(columns::position(row.try_get(0)?))).collect()
}

/// The number of all wanted deliveries, at most [`COUNTED_MAX`].
async fn total(client: &Client, tables: &Tables, wanted: &Wanted) -> Result<usize, Halt> {
    let mut values = Values::default();
    let wants = conditions(wanted, &mut values);
    let limit = values.add(many(COUNTED_MAX), Type::INT8);
    let [waiting, settled] =
        DELIVERIES.map(|table| format!("(select 1 from {} where {wants} limit {limit})", from(table, wanted)));
    let statement = format!("select count(*) from ({waiting} union all {settled} limit {limit}) counted");
    let rows = values.rows(client, tables, &statement).await?;
    let total: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    Ok(usize::try_from(total).unwrap_or(0))
}

/// The rows that a list looks through: of a dispatch its own, because it has few, and otherwise all.
fn from(table: &str, wanted: &Wanted) -> String {
    match wanted.dispatch {
        Some(_) => format!("tandem.dispatch d join {table} t on t.position = d.position"),
        None => format!("{table} t"),
    }
}

/// The conditions of a filter, but for the place where the page begins.
fn conditions(wanted: &Wanted, values: &mut Values<'_>) -> String {
    let mut all = vec!["true".to_owned()];
    if let Some(dispatch) = wanted.dispatch {
        all.push(format!("d.dispatch = {}", values.add(columns::bits(dispatch), Type::INT8)));
    }
    match wanted.whose.as_deref() {
        // One digest leaves the rows in the order of the index.
        Some([one]) => all.push(format!("t.digest = {}", values.add(columns::bits(*one), Type::INT8))),
        Some(several) => {
            let several: Vec<i64> = several.iter().map(|one| columns::bits(*one)).collect();
            all.push(format!("t.digest = any({})", values.add(several, Type::INT8_ARRAY)));
        }
        None => {}
    }
    if let Some(state) = wanted.state {
        all.push(format!("t.state = {}", values.add(state_column(state), Type::INT2)));
    }
    if let Some(account) = wanted.account {
        all.push(format!("t.account = {}", values.add(account.name(), Type::TEXT)));
    }
    let second = |at: Timestamp| i64::from(index::second(at));
    if let Some(since) = wanted.since {
        all.push(format!("t.second >= {}", values.add(second(since), Type::INT8)));
    }
    if let Some(until) = wanted.until {
        all.push(format!("t.second < {}", values.add(second(until), Type::INT8)));
    }
    if wanted.hide_doorbells {
        let answered =
            [StateName::Delivered, StateName::Skipped].map(|state| values.add(state_column(state), Type::INT2));
        all.push(format!("not (t.is_doorbell and t.state in ({}))", answered.join(", ")));
    }
    if let Some(set_aside) = wanted.set_aside {
        all.push(format!("t.is_set_aside = {}", values.add(set_aside, Type::BOOL)));
    }
    if wanted.hide_notes {
        all.push("not t.is_note".to_owned());
    }
    all.join(" and ")
}

/// The column of a state.
fn state_column(state: StateName) -> i16 {
    i16::try_from(state.index()).unwrap_or(i16::MAX)
}

/// A position to compare with. A column holds no position that large that its sign would matter; an operator may name one.
fn in_order(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

fn many(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The keys of the conversations that a search means, sorted and each once: as
/// [`crate::store::engine::people::People::find`].
pub(super) async fn found(
    client: &Client,
    tables: &Tables,
    search: &Search,
    limit: usize,
) -> Result<Vec<Arc<str>>, Halt> {
    let mut values = Values::default();
    let statement = match search {
        Search::Event(_) | Search::Dispatch(_) | Search::Ticket(_) => return Ok(Vec::new()),
        Search::PhoneEnd(end) => {
            let (first, behind) = people::ending_with(end);
            let first = values.add(columns::bits(first), Type::INT8);
            let behind = values.add(columns::bits(behind), Type::INT8);
            format!(
                "select key from tandem.conversation where phone is not null and phone >= {first} and phone < {behind}
                order by phone, key"
            )
        }
        Search::Key(words) => {
            let begins = begins("small", words.to_lowercase().into_bytes(), &mut values);
            format!("select key from tandem.conversation where record is not null and {begins} order by small, key")
        }
        Search::Name(words) => match words.as_slice() {
            [] => return Ok(Vec::new()),
            [word] => {
                let begins = begins("word", word.clone().into_bytes(), &mut values);
                format!("select conversation from tandem.word where {begins} order by word, conversation")
            }
            [first, others @ ..] => by_name(first, others, &mut values),
        },
    };
    let limit = values.add(many(limit), Type::INT8);
    let rows = values.rows(client, tables, &format!("{statement} limit {limit}")).await?;
    let mut keys = keys(&rows)?;
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// The statement for the conversations whose name has a word that begins with each of these.
fn by_name(first: &str, others: &[String], values: &mut Values<'_>) -> String {
    let mut statement =
        format!("select distinct w.conversation from tandem.word w where {}", begins("w.word", first.into(), values));
    for other in others {
        let begins = begins("o.word", other.clone().into_bytes(), values);
        statement.push_str(&format!(
            " and exists (select 1 from tandem.word o where o.conversation = w.conversation and {begins})"
        ));
    }
    statement
}

/// The condition that a column of bytes begins with these.
fn begins(column: &str, bytes: Vec<u8>, values: &mut Values<'_>) -> String {
    let behind = tree::behind(&bytes);
    let from = values.add(bytes, Type::BYTEA);
    if behind.is_empty() {
        return format!("{column} >= {from}");
    }
    format!("{column} >= {from} and {column} < {}", values.add(behind, Type::BYTEA))
}

/// The keys of the conversations of the customer whom a carrier that keeps talks calls so, in order.
pub(super) async fn user(client: &Client, tables: &Tables, user: &str) -> Result<Vec<Arc<str>>, Halt> {
    // A column of text holds no NUL, and the database refuses one in a value.
    if user.contains('\0') {
        return Ok(Vec::new());
    }
    let sql = "select key from tandem.conversation where customer = $1 order by key";
    keys(&tables.rows(client, sql, &[(&user, Type::TEXT)]).await?)
}

/// The keys of conversations behind this one, and at most so many: from the one with the newest delivery to the one with the
/// oldest, then those without a delivery.
pub(super) async fn newest(
    client: &Client,
    tables: &Tables,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Arc<str>>, Halt> {
    let mut values = Values::default();
    let (mut ranked, mut idle) = ("true".to_owned(), "true".to_owned());
    if let Some(after) = after {
        let key = values.add(after.as_bytes(), Type::BYTEA);
        let sql = "select newest from tandem.conversation where key = $1";
        let rows = values.rows(client, tables, sql).await?;
        let newest: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?.flatten();
        match newest {
            // Two conversations that were joined may share their newest delivery.
            Some(newest) => {
                let newest = values.add(newest, Type::INT8);
                ranked = format!("newest <= {newest} and (newest < {newest} or key > {key})");
            }
            None => (ranked, idle) = ("false".to_owned(), format!("key > {key}")),
        }
    }
    let limit = values.add(many(limit), Type::INT8);
    let [ranked, idle] = [("is not null", ranked), ("is null", idle)].map(|(has, begins)| {
        format!(
            "(select key, newest from tandem.conversation where record is not null and newest {has} and {begins}
            order by newest desc nulls last, key limit {limit})"
        )
    });
    let statement = format!("{ranked} union all {idle} order by newest desc nulls last, key limit {limit}");
    keys(&values.rows(client, tables, &statement).await?)
}

/// The newest delivery of each conversation, by the digests of their keys.
pub(super) async fn newest_of(
    client: &Client,
    tables: &Tables,
    conversations: &[u64],
) -> Result<Vec<(u64, Option<Position>)>, Halt> {
    if conversations.is_empty() {
        return Ok(Vec::new());
    }
    let digests: Vec<i64> = conversations.iter().map(|digest| columns::bits(*digest)).collect();
    let sql = "select one, greatest(
            (select max(position) from tandem.waiting where digest = one),
            (select max(position) from tandem.settled where digest = one))
        from unnest($1) one";
    let rows = tables.rows(client, sql, &[(&digests, Type::INT8_ARRAY)]).await?;
    let read = |row: &Row| {
        let newest: Option<i64> = row.try_get(1)?;
        Ok((columns::number(row.try_get(0)?), newest.map(columns::position)))
    };
    rows.iter().map(read).collect()
}

fn keys(rows: &[Row]) -> Result<Vec<Arc<str>>, Halt> {
    rows.iter().map(|row| Ok(columns::key(row.try_get(0)?).0.into())).collect()
}
