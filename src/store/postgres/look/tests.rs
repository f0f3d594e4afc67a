//! A look at a database against a map with the same entries.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::store::postgres::testing::Database;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn key(prefix: u8, rest: &[u8]) -> Vec<u8> {
    [&[prefix], rest].concat()
}

fn bytes(rng: &mut StdRng, length: usize) -> Vec<u8> {
    (0..rng.random_range(0..=length)).map(|_| *[0, 1, b'a', b'z', 255].get(rng.random_range(0..5)).unwrap()).collect()
}

/// Numbers close together, far apart, and around the carries of their bytes.
fn number(rng: &mut StdRng) -> u64 {
    match rng.random_range(0..4_u8) {
        0 => rng.random_range(0..600),
        1 => rng.random_range(0xff00..0x1_0100),
        2 => rng.random_range(1..300) << 16,
        3.. => rng.random_range(0..1 << 62),
    }
}

async fn fill(rng: &mut StdRng, database: &Database) -> Model {
    let mut model = Model::new();
    for _ in 0..400 {
        let record = bytes(rng, 40);
        let rest = bytes(rng, 6);
        for prefix in *b"mtTa" {
            let at = key(prefix, &rest);
            let table = if prefix == b'm' { "meta" } else { "name" };
            let sql = format!("insert into tandem.{table} values ($1, $2) on conflict do nothing");
            database.execute(&sql, &[(&at, Type::BYTEA), (&record, Type::BYTEA)]).await;
            model.entry(at).or_insert(record.clone());
        }
        let kept = rng.random_bool(0.8).then_some(&record);
        let sql = "insert into tandem.conversation (key, digest, record) values ($1, 0, $2) on conflict (key) do update
            set record = excluded.record";
        database.execute(sql, &[(&rest, Type::BYTEA), (&kept, Type::BYTEA)]).await;
        match kept {
            Some(kept) => model.insert(key(b'c', &rest), kept.clone()),
            None => model.remove(&key(b'c', &rest)),
        };
        let number = number(rng);
        let column = number.cast_signed();
        for (prefix, table, sql) in [
            (b'p', "waiting", "(position, conversation, direction, track, account, accepted_at, goes_first, digest, state, second,
                is_doorbell, is_set_aside, is_note, record) values ($1, '', 0, 0, '', 0, false, 0, 0, 0, false, false, false, $2)"),
            (b'h', "settled", "values ($1, '', '', 0, 0, 0, false, false, false, $2)"),
            (b'e', "event", "values ($1, $2)"),
            (b'v', "answer", "values ($1, $2)"),
            (b'o', "audit", "values ($1, $2)"),
        ] {
            if rng.random_bool(0.6) {
                let sql = format!("insert into tandem.{table} {sql} on conflict do nothing");
                database.execute(&sql, &[(&column, Type::INT8), (&record, Type::BYTEA)]).await;
                model.entry(key(prefix, &number.to_be_bytes())).or_insert(record.clone());
            }
        }
        let report = number >> 16;
        let sql = "insert into tandem.report (number, carrier, record) values ($1, '', $2) on conflict do nothing";
        database.execute(sql, &[(&report.cast_signed(), Type::INT8), (&record, Type::BYTEA)]).await;
        model.entry(key(b'r', &(report << 16).to_be_bytes())).or_insert(record);
    }
    remember(rng, database, &mut model).await;
    model
}

async fn remember(rng: &mut StdRng, database: &Database, model: &mut Model) {
    for _ in 0..350 {
        let position = Position(number(rng));
        let at = key(b'd', &position.0.to_be_bytes());
        if model.contains_key(&at) {
            continue;
        }
        let since = rng.random_range(0..9);
        let digests = std::iter::repeat_with(|| rng.random::<layout::Digest>());
        let mut known: Vec<Remembered> = digests.take(3).map(|digest| Remembered { position, since, digest }).collect();
        for one in &known {
            let sql = "insert into tandem.seen values ($1, $2, $3)";
            let digest = one.digest.as_slice();
            let place = columns::place(position);
            database.execute(sql, &[(&digest, Type::BYTEA), (&place, Type::INT8), (&since, Type::INT8)]).await;
        }
        known.sort_unstable_by_key(|one| one.digest);
        model.insert(at, layout::remembered(&known).to_vec());
    }
}

/// A key as it stands, a beginning of it, or one right behind it.
fn around(rng: &mut StdRng, model: &Model, prefix: u8) -> Vec<u8> {
    let theirs: Vec<&Vec<u8>> = model.range(vec![prefix]..vec![prefix + 1]).map(|(key, _)| key).collect();
    let mut key = theirs[rng.random_range(0..theirs.len())].clone();
    match rng.random_range(0..6_u8) {
        0 => key.truncate(1.max(rng.random_range(0..=key.len()))),
        1 => key.push(0),
        2 => key = self::key(prefix, &number(rng).to_be_bytes()),
        3 => key = self::key(prefix, &bytes(rng, 10)),
        4.. => {}
    }
    key
}

fn check(look: &PgLook, model: &Model, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let plain = |(key, value): Entry| (key.to_vec(), value.to_vec());
    for prefix in *b"mtTacphevdor" {
        let whole: Vec<_> = look.with_prefix(&[prefix]).map(|entry| plain(entry.unwrap())).collect();
        let expected: Vec<_> =
            model.range(vec![prefix]..vec![prefix + 1]).map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(whole, expected, "all of {}", char::from(prefix));
        for _ in 0..60 {
            let (from, mut to) = (around(&mut rng, model, prefix), around(&mut rng, model, prefix));
            if rng.random_bool(0.3) {
                to = vec![prefix + 1];
            }
            let at = look.get(&from).unwrap().map(|value| value.to_vec());
            assert_eq!(at, model.get(&from).cloned(), "{from:?}");
            let expected: Vec<_> = match from <= to {
                true => model.range(from.clone()..to.clone()).map(|(k, v)| (k.clone(), v.clone())).collect(),
                false => Vec::new(),
            };
            assert_eq!(look.last(&from, &to).unwrap().map(plain), expected.last().cloned(), "{from:?} {to:?}");
            let found: Vec<_> = look.range(&from, &to).map(|entry| plain(entry.unwrap())).collect();
            assert_eq!(found, expected, "{from:?} {to:?}");
        }
    }
    for nowhere in [&b""[..], b"x", b"x\0\0", b"\xff", b"p", b"p\xff\xff\xff\xff\xff\xff\xff\xff"] {
        assert_eq!(look.get(nowhere).unwrap(), None);
    }
    assert_eq!(look.range(b"x", b"y").count(), 0);
}

#[tokio::test]
async fn a_look_sees_the_entries_of_an_ordered_map() {
    for seed in 0..2 {
        let database = Database::new().await;
        let model = fill(&mut StdRng::seed_from_u64(seed), &database).await;
        let look = PgLook::new(database.client().await, database.tables.clone(), Handle::current());
        tokio::task::spawn_blocking(move || check(&look, &model, seed)).await.unwrap();
    }
}

#[tokio::test]
async fn a_delivery_that_settles_while_it_is_looked_for_is_seen_once() {
    let database = Database::new().await;
    let sql = "insert into tandem.settled values (7, '', '', 0, 0, 0, false, false, false, 'before')";
    database.execute(sql, &[]).await;
    let look = PgLook::new(database.client().await, database.tables.clone(), Handle::current());
    let at = |prefix| layout::at_position(prefix, Position(7));
    let (waiting, settled, again) = tokio::task::spawn_blocking(move || {
        let waiting = look.get(&at(layout::PENDING)).unwrap();
        look.runtime.block_on(look.client.batch_execute(&look.tables.sql("delete from tandem.settled"))).unwrap();
        let settled = look.get(&at(layout::HISTORY)).unwrap();
        (waiting, settled, look.get(&at(layout::HISTORY)).unwrap())
    })
    .await
    .unwrap();
    assert_eq!((waiting, settled, again), (None, Some(Bytes::from(b"before")), None));
}
