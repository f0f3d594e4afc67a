//! The statements for deliveries, and for the records that lie under a number. They only fill in values.

use std::collections::BTreeMap;

use crate::domain::lanes::Position;
use crate::store::engine::bytes::Bytes;

use crate::store::postgres::columns;
use crate::store::postgres::save::{self, Plan};
use crate::store::postgres::values::{Value, Write, bytes, flags, longs, places, shorts, some_longs, texts};

/// The rows of deliveries, waiting and settled.
pub(super) fn write(plan: &Plan, writes: &mut Vec<Write>) {
    let gone = |all: &BTreeMap<Position, Option<save::Row>>| {
        places(all.iter().filter(|(_, row)| row.is_none()).map(|(at, _)| at))
    };
    for (all, sql) in [
        (&plan.waiting, "delete from tandem.waiting where position = any($1)"),
        (&plan.settled, "delete from tandem.settled where position = any($1)"),
    ] {
        let gone = gone(all);
        if !gone.is_empty() {
            writes.push(Write { sql, values: vec![longs(gone)], must_be: None });
        }
    }
    waiting(plan, writes);
    let rows: Vec<&save::Row> = plan.settled.values().flatten().collect();
    if !rows.is_empty() {
        writes.push(Write {
            sql: "insert into tandem.settled (position, conversation, account, digest, state, second, is_doorbell, is_set_aside, is_note, record)
                select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                on conflict (position) do update set conversation = excluded.conversation, account = excluded.account,
                    digest = excluded.digest, state = excluded.state, is_set_aside = excluded.is_set_aside, record = excluded.record",
            values: listed(&rows),
            must_be: None,
        });
    }
}

/// The columns that both tables of deliveries have.
fn listed(rows: &[&save::Row]) -> Vec<Value> {
    let brief = || rows.iter().map(|row| row.indexed.brief);
    vec![
        longs(places(rows.iter().map(|row| &row.position))),
        bytes(rows.iter().map(|row| row.delivery.conversation.0.clone().into_bytes()).collect()),
        texts(brief().map(|brief| brief.account.name().to_owned()).collect()),
        longs(rows.iter().map(|row| columns::bits(row.indexed.conversation)).collect()),
        shorts(brief().map(|brief| i16::try_from(brief.state.index()).unwrap_or(i16::MAX)).collect()),
        longs(brief().map(|brief| i64::from(brief.second)).collect()),
        flags(brief().map(|brief| brief.is_doorbell).collect()),
        flags(brief().map(|brief| brief.is_set_aside).collect()),
        flags(brief().map(|brief| brief.is_note).collect()),
        bytes(rows.iter().map(|row| row.record.to_vec()).collect()),
    ]
}

fn waiting(plan: &Plan, writes: &mut Vec<Write>) {
    let rows: Vec<&save::Row> = plan.waiting.values().flatten().collect();
    if rows.is_empty() {
        return;
    }
    let lanes: Vec<_> = rows.iter().map(|row| save::lane_columns(&row.delivery)).collect();
    let mut values = listed(&rows);
    values.extend([
        shorts(lanes.iter().map(|(name, _)| columns::direction(name.direction)).collect()),
        shorts(lanes.iter().map(|(name, _)| columns::track(name.track)).collect()),
        longs(lanes.iter().map(|(_, entry)| entry.accepted_at.as_microsecond()).collect()),
        some_longs(
            lanes
                .iter()
                .map(|(_, entry)| (entry.due_at != jiff::Timestamp::MIN).then(|| entry.due_at.as_microsecond()))
                .collect(),
        ),
        flags(lanes.iter().map(|(_, entry)| entry.goes_first).collect()),
        some_longs(
            rows.iter().map(|row| row.delivery.merged_into.map(|head| columns::place(Position::of(head)))).collect(),
        ),
    ]);
    writes.push(Write {
        sql: "insert into tandem.waiting (position, conversation, account, digest, state, second, is_doorbell, is_set_aside, is_note, record,
                direction, track, accepted_at, due_at, goes_first, leader)
            select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
            on conflict (position) do update set conversation = excluded.conversation, account = excluded.account,
                digest = excluded.digest, state = excluded.state, is_set_aside = excluded.is_set_aside, record = excluded.record,
                due_at = excluded.due_at, goes_first = excluded.goes_first, leader = excluded.leader",
        values,
        must_be: None,
    });
}

/// Long events, vendors' answers and the audit.
pub(super) fn by_position(plan: &Plan, writes: &mut Vec<Write>) {
    for (all, put, drop) in [
        (
            &plan.events,
            "insert into tandem.event select * from unnest($1, $2) on conflict (position) do update set record = excluded.record",
            "delete from tandem.event where position = any($1)",
        ),
        (
            &plan.answers,
            "insert into tandem.answer select * from unnest($1, $2) on conflict (position) do update set record = excluded.record",
            "delete from tandem.answer where position = any($1)",
        ),
    ] {
        keyed(all.iter().map(|(at, record)| (columns::place(*at), record.as_ref())), (put, drop), writes);
    }
    keyed(
        plan.audit.iter().map(|(number, record)| (columns::bits(*number), record.as_ref())),
        (
            "insert into tandem.audit select * from unnest($1, $2) on conflict (number) do update set record = excluded.record",
            "delete from tandem.audit where number = any($1)",
        ),
        writes,
    );
}

fn keyed<'a>(
    all: impl Iterator<Item = (i64, Option<&'a Bytes>)>,
    (put, drop): (&'static str, &'static str),
    writes: &mut Vec<Write>,
) {
    let (mut kept, mut records, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (at, record) in all {
        match record {
            Some(record) => {
                kept.push(at);
                records.push(record.to_vec());
            }
            None => gone.push(at),
        }
    }
    if !gone.is_empty() {
        writes.push(Write { sql: drop, values: vec![longs(gone)], must_be: None });
    }
    if !kept.is_empty() {
        writes.push(Write { sql: put, values: vec![longs(kept), bytes(records)], must_be: None });
    }
}
