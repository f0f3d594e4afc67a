//! The statements that write a plan. Each table has one for its rows and one for those that go, however many there are.

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::domain::lanes::{LaneName, Position};

use super::columns;
use super::halt::Halt;
use super::save::{self, Plan};
use super::scene::LaneRow;
use super::statement::Tables;
use super::values::{Value, Write, bytes, flags, longs, places, shorts, some_bytes, some_longs, texts};

mod deliveries;

/// Writes a plan in the open transaction of this client, as the bridge of this number whose transaction this is.
pub(super) async fn write(
    client: &Client,
    tables: &Tables,
    plan: &Plan,
    (bridge, number): (i32, i64),
) -> Result<(), Halt> {
    let mut writes = Vec::new();
    conversations(plan, &mut writes);
    names(plan, &mut writes);
    lanes(plan, bridge, &mut writes);
    deliveries::write(plan, &mut writes);
    deliveries::by_position(plan, &mut writes);
    dedupe(plan, &mut writes);
    reports(plan, &mut writes);
    rest(plan, &mut writes);
    newest(plan, &mut writes);
    let answers = try_join_all(writes.iter().map(|write| answer(client, tables, write)));
    let signed = async {
        let sql = "update tandem.bridge set written = $2 where id = $1 returning id";
        let rows = tables.rows(client, sql, &[(&bridge, Type::INT4), (&number, Type::INT8)]).await?;
        if rows.is_empty() { Err(Halt::Gone) } else { Ok(()) }
    };
    let (_, ()) = futures_util::future::try_join(answers, signed).await?;
    Ok(())
}

fn answer<'a>(client: &'a Client, tables: &'a Tables, write: &'a Write) -> BoxFuture<'a, Result<(), Halt>> {
    async move {
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            write.values.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect();
        let rows: Vec<Row> = tables.rows(client, write.sql, &values).await?;
        match write.must_be {
            Some(must_be) if rows.len() != must_be => Err(Halt::Raced),
            Some(_) | None => Ok(()),
        }
    }
    .boxed()
}

fn conversations(plan: &Plan, writes: &mut Vec<Write>) {
    if !plan.begun.is_empty() {
        let keys = plan.begun.iter().map(|key| key.0.clone().into_bytes()).collect();
        let digests = plan.begun.iter().map(|key| digest_of(&key.0)).collect();
        writes.push(Write {
            sql: "insert into tandem.conversation (key, digest) select * from unnest($1, $2)
                on conflict do nothing returning 1",
            values: vec![bytes(keys), longs(digests)],
            must_be: Some(plan.begun.len()),
        });
    }
    if !plan.conversations.is_empty() {
        let all = &plan.conversations;
        let person = || all.values().map(|after| after.as_ref().map(|(_, person)| person));
        writes.push(Write {
            sql: "update tandem.conversation c set record = x.record, small = x.small, phone = x.phone::numeric, customer = x.customer
                from unnest($1, $2, $3, $4, $5) x(key, record, small, phone, customer) where c.key = x.key",
            values: vec![
                bytes(all.keys().map(|key| key.0.clone().into_bytes()).collect()),
                some_bytes(all.values().map(|after| after.as_ref().map(|(record, _)| record.to_vec())).collect()),
                some_bytes(person().map(|person| person.map(|person| person.small().as_bytes().to_vec())).collect()),
                (Box::new(person().map(|person| Some(person?.phone()?.to_string())).collect::<Vec<_>>()), Type::TEXT_ARRAY),
                (Box::new(person().map(|person| Some(person?.user()?.to_owned())).collect::<Vec<_>>()), Type::TEXT_ARRAY),
            ],
            must_be: None,
        });
        words(plan, writes);
    }
    if !plan.empty.is_empty() {
        writes.push(Write {
            sql: "delete from tandem.conversation where key = any($1)",
            values: vec![bytes(plan.empty.iter().map(|key| key.0.clone().into_bytes()).collect())],
            must_be: None,
        });
    }
}

/// The newest delivery of each conversation that one came to, or has left.
fn newest(plan: &Plan, writes: &mut Vec<Write>) {
    if !plan.newest.is_empty() {
        writes.push(Write {
            sql: "update tandem.conversation c set newest = x.newest from unnest($1, $2) x(key, newest)
                where c.key = x.key and (c.newest is null or c.newest < x.newest)",
            values: vec![
                bytes(plan.newest.keys().map(|key| key.0.clone().into_bytes()).collect()),
                longs(places(plan.newest.values())),
            ],
            must_be: None,
        });
    }
    let left: Vec<Vec<u8>> = plan.left.iter().map(|key| key.0.clone().into_bytes()).collect();
    if !left.is_empty() {
        writes.push(Write {
            sql: "update tandem.conversation c set newest = greatest(
                    (select max(position) from tandem.waiting where digest = c.digest),
                    (select max(position) from tandem.settled where digest = c.digest))
                where key = any($1) and newest is not null
                and not exists (select 1 from tandem.waiting w where w.position = c.newest)
                and not exists (select 1 from tandem.settled s where s.position = c.newest)",
            values: vec![bytes(left)],
            must_be: None,
        });
    }
}

/// The words of the names of the changed conversations.
fn words(plan: &Plan, writes: &mut Vec<Write>) {
    let all = &plan.conversations;
    let (mut words, mut theirs) = (Vec::new(), Vec::new());
    for (key, after) in all {
        for word in after.iter().flat_map(|(_, person)| person.words()) {
            words.push(word.to_vec());
            theirs.push(key.0.clone().into_bytes());
        }
    }
    writes.push(Write {
        sql: "delete from tandem.word w where w.conversation = any($1)
            and not exists (select 1 from unnest($2, $3) x(word, conversation) where x.word = w.word and x.conversation = w.conversation)",
        values: vec![
            bytes(all.keys().map(|key| key.0.clone().into_bytes()).collect()),
            bytes(words.clone()),
            bytes(theirs.clone()),
        ],
        must_be: None,
    });
    if !words.is_empty() {
        writes.push(Write {
            sql: "insert into tandem.word select * from unnest($1, $2) on conflict do nothing",
            values: vec![bytes(words), bytes(theirs)],
            must_be: None,
        });
    }
}

/// Names and tickets. One that was not there when it was read must not be there now either.
fn names(plan: &Plan, writes: &mut Vec<Write>) {
    let put = |is_unknown: bool| {
        let names = plan.names.iter().filter(move |(at, _)| plan.unknown.contains(*at) == is_unknown);
        names.filter_map(|(at, value)| Some((at.to_vec(), value.as_ref()?.to_vec()))).unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let (at, keys) = put(true);
    if !at.is_empty() {
        let must_be = Some(at.len());
        writes.push(Write {
            sql: "insert into tandem.name as n select * from unnest($1, $2) x(at, conversation)
                on conflict (at) do update set conversation = excluded.conversation where n.conversation = excluded.conversation
                returning 1",
            values: vec![bytes(at), bytes(keys)],
            must_be,
        });
    }
    let (at, keys) = put(false);
    if !at.is_empty() {
        writes.push(Write {
            sql: "insert into tandem.name select * from unnest($1, $2)
                on conflict (at) do update set conversation = excluded.conversation",
            values: vec![bytes(at), bytes(keys)],
            must_be: None,
        });
    }
    let gone: Vec<Vec<u8>> =
        plan.names.iter().filter(|(_, value)| value.is_none()).map(|(at, _)| at.to_vec()).collect();
    if !gone.is_empty() {
        writes.push(Write {
            sql: "delete from tandem.name where at = any($1)",
            values: vec![bytes(gone)],
            must_be: None,
        });
    }
}

fn lanes(plan: &Plan, bridge: i32, writes: &mut Vec<Write>) {
    let gone: Vec<&LaneName> = plan.lanes.iter().filter(|(_, row)| row.is_none()).map(|(name, _)| name).collect();
    if !gone.is_empty() {
        writes.push(Write {
            sql: "delete from tandem.lane l using unnest($1, $2, $3) x(conversation, direction, track)
                where l.conversation = x.conversation and l.direction = x.direction and l.track = x.track",
            values: names_of(&gone),
            must_be: None,
        });
    }
    let (names, rows): (Vec<&LaneName>, Vec<&LaneRow>) =
        plan.lanes.iter().filter_map(|(name, row)| Some((name, row.as_ref()?))).unzip();
    if names.is_empty() {
        return;
    }
    let lease = || rows.iter().map(|row| row.lease.as_ref());
    let mut values = names_of(&names);
    values.extend([
        texts(rows.iter().map(|row| row.account.name().to_owned()).collect()),
        some_longs(rows.iter().map(|row| row.head.map(columns::place)).collect()),
        some_longs(rows.iter().map(|row| row.ready_at).collect()),
        flags(rows.iter().map(|row| row.is_timed).collect()),
        some_longs(rows.iter().map(|row| row.oldest).collect()),
        (Box::new(rows.iter().map(|row| row.apart.map(columns::need)).collect::<Vec<_>>()), Type::INT2_ARRAY),
        some_longs(lease().map(|lease| lease.map(|lease| columns::bits(lease.fence))).collect()),
        some_longs(lease().map(|lease| lease.map(|lease| super::load::steady(lease.until))).collect()),
        // An array of arrays must be square, so the held positions travel as text.
        (
            Box::new(lease().map(|lease| lease.map(|lease| array(&lease.positions))).collect::<Vec<_>>()),
            Type::TEXT_ARRAY,
        ),
        (Box::new(bridge), Type::INT4),
    ]);
    writes.push(Write {
        sql: "insert into tandem.lane as l (conversation, direction, track, account, head, ready_at, is_timed, oldest, apart, fence, until, held, bridge)
            select x.c, x.d, x.t, x.a, x.h, x.r, x.i, x.o, x.n, x.f, x.u, x.p::bigint[], case when x.f is null then null else $13 end
            from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) x(c, d, t, a, h, r, i, o, n, f, u, p)
            on conflict (conversation, direction, track) do update set
                account = excluded.account, head = excluded.head, ready_at = excluded.ready_at, is_timed = excluded.is_timed,
                oldest = excluded.oldest, apart = excluded.apart, fence = excluded.fence, until = excluded.until, held = excluded.held,
                bridge = case when l.fence = excluded.fence then l.bridge else excluded.bridge end",
        values,
        must_be: None,
    });
}

fn array(positions: &[Position]) -> String {
    let all: Vec<String> = positions.iter().map(|at| columns::place(*at).to_string()).collect();
    format!("{{{}}}", all.join(","))
}

fn names_of(names: &[&LaneName]) -> Vec<Value> {
    vec![
        bytes(names.iter().map(|name| name.conversation.0.clone().into_bytes()).collect()),
        shorts(names.iter().map(|name| columns::direction(name.direction)).collect()),
        shorts(names.iter().map(|name| columns::track(name.track)).collect()),
    ]
}

/// Dedupe keys, none of which another transaction may have written first, and the vendors' names of sends.
fn dedupe(plan: &Plan, writes: &mut Vec<Write>) {
    if !plan.unlearnt.is_empty() {
        writes.push(Write {
            sql: "delete from tandem.seen where position = any($1)",
            values: vec![longs(places(&plan.unlearnt))],
            must_be: None,
        });
    }
    if !plan.seen.is_empty() {
        let mut seen = plan.seen.clone();
        seen.sort_unstable();
        writes.push(Write {
            sql: "insert into tandem.seen select * from unnest($1, $2, $3) on conflict do nothing returning 1",
            values: vec![
                bytes(seen.iter().map(|(digest, ..)| digest.to_vec()).collect()),
                longs(places(seen.iter().map(|(_, at, _)| at))),
                longs(seen.iter().map(|(.., since)| *since).collect()),
            ],
            must_be: Some(seen.len()),
        });
    }
    let (gone, dispatches) = plan.dispatches();
    if !gone.is_empty() {
        writes.push(Write {
            sql: "delete from tandem.dispatch where position = any($1)",
            values: vec![longs(places(&gone))],
            must_be: None,
        });
    }
    if !dispatches.is_empty() {
        writes.push(Write {
            sql: "insert into tandem.dispatch select * from unnest($1, $2) on conflict do nothing",
            values: vec![
                longs(dispatches.iter().map(|(dispatch, _)| columns::bits(*dispatch)).collect()),
                longs(places(dispatches.iter().map(|(_, at)| at))),
            ],
            must_be: None,
        });
    }
}

fn reports(plan: &Plan, writes: &mut Vec<Write>) {
    let gone: Vec<i64> =
        plan.reports.iter().filter(|(_, after)| after.is_none()).map(|(number, _)| columns::bits(*number)).collect();
    if !gone.is_empty() {
        writes.push(Write {
            sql: "delete from tandem.report where number = any($1)",
            values: vec![longs(gone)],
            must_be: None,
        });
    }
    let kept: Vec<_> = plan.reports.values().flatten().collect();
    if kept.is_empty() {
        return;
    }
    let digest = |name: &Option<String>| name.as_deref().map(digest_of);
    writes.push(Write {
        sql: "insert into tandem.report select * from unnest($1, $2, $3, $4, $5, $6)
            on conflict (number) do update set due_at = excluded.due_at, dispatch = excluded.dispatch, words = excluded.words,
                record = excluded.record",
        values: vec![
            longs(kept.iter().map(|(_, kept)| columns::bits(kept.number)).collect()),
            texts(kept.iter().map(|(_, kept)| kept.report.carrier.name().to_owned()).collect()),
            some_longs(kept.iter().map(|(_, kept)| Some(kept.due_at?.as_microsecond())).collect()),
            some_longs(kept.iter().map(|(_, kept)| digest(&kept.report.dispatch)).collect()),
            some_longs(kept.iter().map(|(_, kept)| save::words_of(kept).map(|words| digest_of(&words))).collect()),
            bytes(kept.iter().map(|(record, _)| record.to_vec()).collect()),
        ],
        must_be: None,
    });
}

/// The store's own values, and the pictures of texts that need none any more.
fn rest(plan: &Plan, writes: &mut Vec<Write>) {
    let gone: Vec<Vec<u8>> = plan.meta.iter().filter(|(_, value)| value.is_none()).map(|(at, _)| at.to_vec()).collect();
    if !gone.is_empty() {
        writes.push(Write {
            sql: "delete from tandem.meta where at = any($1)",
            values: vec![bytes(gone)],
            must_be: None,
        });
    }
    let (at, values): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
        plan.meta.iter().filter_map(|(at, value)| Some((at.to_vec(), value.as_ref()?.to_vec()))).unzip();
    if !at.is_empty() {
        writes.push(Write {
            sql: "insert into tandem.meta select * from unnest($1, $2) on conflict (at) do update set value = excluded.value",
            values: vec![bytes(at), bytes(values)],
            must_be: None,
        });
    }
    if !plan.over.is_empty() {
        writes.push(Write {
            sql: "delete from tandem.picture where text = any($1)",
            values: vec![longs(plan.over.iter().map(|id| columns::place(Position::of(*id))).collect())],
            must_be: None,
        });
    }
}

fn digest_of(text: &str) -> i64 {
    columns::bits(crate::store::engine::layout::short_digest(text))
}
