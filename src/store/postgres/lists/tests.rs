//! The lists of a database against the index of an embedded store, both filled with the same rows.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::ConversationKey;
use crate::domain::event::Customer;
use crate::store::engine::index::{Brief, Entry, Index};
use crate::store::engine::people::Person;
use crate::store::postgres::testing::Database;

impl Database {
    async fn insert(&self, table: &str, entry: &Entry) {
        let Entry { position, brief, conversation, dispatches } = entry;
        let position = columns::place(*position);
        let (more, more_values) = match table {
            "waiting" => (", direction, track, accepted_at, goes_first", ", 0, 0, 0, false"),
            _ => ("", ""),
        };
        let sql = format!(
            "insert into tandem.{table} (position, conversation, account, digest, state, second, is_doorbell, is_set_aside,
            is_note, record{more}) values ($1, '', $2, $3, $4, $5, $6, $7, $8, ''{more_values})"
        );
        let values: [(&(dyn ToSql + Sync), Type); 8] = [
            (&position, Type::INT8),
            (&brief.account.name(), Type::TEXT),
            (&columns::bits(*conversation), Type::INT8),
            (&state_column(brief.state), Type::INT2),
            (&i64::from(brief.second), Type::INT8),
            (&brief.is_doorbell, Type::BOOL),
            (&brief.is_set_aside, Type::BOOL),
            (&brief.is_note, Type::BOOL),
        ];
        self.execute(&sql, &values).await;
        for dispatch in dispatches {
            let values: [(&(dyn ToSql + Sync), Type); 2] =
                [(&columns::bits(*dispatch), Type::INT8), (&position, Type::INT8)];
            self.execute("insert into tandem.dispatch values ($1, $2)", &values).await;
        }
    }

    /// A conversation, with a record where its customer is known.
    async fn know(&self, index: &Index, key: &str, person: Option<&Person>) {
        let digest = index.digest(key);
        let small = person.map(|person| person.small().as_bytes());
        let phone = person.and_then(|person| Some(person.phone()?.to_string()));
        let values: [(&(dyn ToSql + Sync), Type); 7] = [
            (&key.as_bytes(), Type::BYTEA),
            (&columns::bits(digest), Type::INT8),
            (&person.map(|_| b"record".as_slice()), Type::BYTEA),
            (&small, Type::BYTEA),
            (&phone, Type::TEXT),
            (&person.and_then(Person::user), Type::TEXT),
            (&index.newest_of(digest).map(columns::place), Type::INT8),
        ];
        let sql = "insert into tandem.conversation (key, digest, record, small, phone, customer, newest)
            values ($1, $2, $3, $4, $5::numeric, $6, $7)";
        self.execute(sql, &values).await;
        for word in person.into_iter().flat_map(Person::words) {
            let values: [(&(dyn ToSql + Sync), Type); 2] =
                [(&word.as_slice(), Type::BYTEA), (&key.as_bytes(), Type::BYTEA)];
            self.execute("insert into tandem.word values ($1, $2) on conflict do nothing", &values).await;
        }
    }
}

fn accounts() -> [AccountId; 4] {
    [Ends::FIRST.desk, Ends::FIRST.carrier, "bird".parse().unwrap(), "second-desk".parse().unwrap()]
}

fn one_of<T: Clone>(rng: &mut StdRng, all: &[T]) -> T {
    all[rng.random_range(0..all.len())].clone()
}

/// A position of some hundred, so that filters meet their ends.
fn position(rng: &mut StdRng) -> Position {
    Position((rng.random_range(1..400_u64) << 16) | rng.random_range(0..2_u64))
}

const START: u32 = 1_700_000_000;

fn entry(rng: &mut StdRng, index: &Index, position: Position) -> Entry {
    let second = START + u32::try_from(position.0 >> 16).unwrap() * 10 + rng.random_range(0..30);
    let is_note = rng.random_bool(0.2);
    let brief = Brief {
        second,
        state: one_of(rng, &StateName::ALL),
        account: one_of(rng, &accounts()),
        is_doorbell: !is_note && rng.random_bool(0.3),
        is_set_aside: rng.random_bool(0.1),
        is_note,
    };
    let conversation = index.digest(&format!("Customer-{}", rng.random_range(0..12)));
    let dispatches = (0..rng.random_range(0..3)).map(|_| index.digest(one_of(rng, &["d1", "d2", "d3", "d4"])));
    let mut dispatches: Vec<u64> = dispatches.collect();
    dispatches.sort_unstable();
    dispatches.dedup();
    Entry { position, brief, conversation, dispatches }
}

fn wanted(rng: &mut StdRng, index: &Index) -> Wanted {
    let digest = |rng: &mut StdRng| index.digest(&format!("Customer-{}", rng.random_range(0..14)));
    let whose = rng.random_bool(0.4).then(|| {
        let mut whose: Vec<u64> = (0..rng.random_range(0..4)).map(|_| digest(rng)).collect();
        whose.sort_unstable();
        whose.dedup();
        whose
    });
    let time = |rng: &mut StdRng| {
        let at = Timestamp::from_second(i64::from(START) + rng.random_range(-100..4_200)).unwrap();
        rng.random_bool(0.3).then_some(at)
    };
    let after = match rng.random_range(0..12_u8) {
        0..5 => None,
        5 => Some(Position(u64::MAX)),
        6 => Some(Position(0)),
        7.. => Some(position(rng)),
    };
    Wanted {
        state: rng.random_bool(0.4).then(|| one_of(rng, &StateName::ALL)),
        whose,
        account: rng.random_bool(0.3).then(|| one_of(rng, &accounts())),
        dispatch: rng.random_bool(0.2).then(|| index.digest(one_of(rng, &["d1", "d2", "d3", "d5"]))),
        since: time(rng),
        until: time(rng),
        hide_doorbells: rng.random_bool(0.3),
        set_aside: rng.random_bool(0.2).then(|| rng.random()),
        hide_notes: rng.random_bool(0.3),
        newest_first: rng.random(),
        after,
        limit: one_of(rng, &[0, 1, 3, 20, 1_000, usize::MAX]),
    }
}

#[tokio::test]
async fn a_list_names_the_deliveries_that_the_index_names() {
    for seed in 0..3 {
        let (mut rng, database, mut index) = (StdRng::seed_from_u64(seed), Database::new().await, Index::shared());
        for _ in 0..300 {
            let position = position(&mut rng);
            let entry = entry(&mut rng, &index, position);
            if index.list(&all()).positions.contains(&position) {
                continue;
            }
            index.insert(&entry);
            database.insert(if rng.random() { "waiting" } else { "settled" }, &entry).await;
        }
        let client = database.client().await;
        let mut empty = 0;
        for _ in 0..400 {
            let wanted = wanted(&mut rng, &index);
            let listed = listed(&client, &database.tables, &wanted).await.unwrap();
            assert_eq!(listed, index.list(&wanted), "{wanted:?}");
            empty += u32::from(listed.total == 0);
        }
        assert!((20..300).contains(&empty), "{empty} filters want nothing");
        drop(client);
    }
}

/// The filter that wants every delivery.
fn all() -> Wanted {
    Wanted {
        state: None,
        whose: None,
        account: None,
        dispatch: None,
        since: None,
        until: None,
        hide_doorbells: false,
        set_aside: None,
        hide_notes: false,
        newest_first: false,
        after: None,
        limit: usize::MAX,
    }
}

#[tokio::test]
async fn a_count_has_a_bound() {
    let database = Database::new().await;
    let sql = "insert into tandem.settled select n, '', 'zendesk', 1, 4, 1, false, false, false, '' from generate_series(1, 12000) n";
    database.execute(sql, &[]).await;
    let client = database.client().await;
    let of_one = Wanted { whose: Some(vec![1]), limit: 2, newest_first: true, ..all() };
    for wanted in [of_one, Wanted { limit: 2, newest_first: true, ..all() }] {
        let listed = listed(&client, &database.tables, &wanted).await.unwrap();
        let positions = vec![Position(12_000), Position(11_999)];
        assert_eq!(listed, Listed { positions, total: COUNTED_MAX as u64, more: true });
    }
    let every = listed(&client, &database.tables, &all()).await.unwrap();
    assert_eq!((every.positions.len(), every.more), (12_000, false));
    assert_eq!(every.total, COUNTED_MAX as u64);
    drop(client);
}

/// A customer with some of the fields that searches read.
fn customer(rng: &mut StdRng) -> Customer {
    let first = ["Ada", "Zoë", "Bartholomäus-Maria", "Łukasz", "Adele Ada", "田中", "Wolfeschlegelsteinhausenberger"];
    let last = ["King Noel", "O’Brien", "Adams", "Ørsted"];
    let number = rng.random_range(0..1_000);
    Customer {
        phone: rng.random_bool(0.7).then(|| one_of(rng, &[format!("+1 555 555 {number:04}"), format!("{number}")])),
        first_name: rng.random_bool(0.8).then(|| one_of(rng, &first).to_owned()),
        last_name: rng.random_bool(0.5).then(|| one_of(rng, &last).to_owned()),
        thread: rng.random_bool(0.5).then(|| "talk".to_owned()),
        carrier_id: rng.random_bool(0.7).then(|| one_of(rng, &["u1", "u2", "U2"]).to_owned()),
        ..Customer::default()
    }
}

fn search(rng: &mut StdRng) -> Search {
    let words =
        ["ada", "ad", "a", "zoe", "king", "noel", "obrien", "wolfeschlegelste", "wolfeschlegelsteinhausen", "田", ""];
    match rng.random_range(0..8_u8) {
        0 | 1 => {
            let number = rng.random_range(0..1_000).to_string();
            let end = one_of(
                rng,
                &[number.clone(), format!("0{number}"), "55".into(), String::new(), format!("+1555555{number}")],
            );
            Search::PhoneEnd(end)
        }
        2 | 3 => {
            let number = rng.random_range(0..100);
            let words = [
                format!("customer-{number}"),
                format!("CUSTOMER-{number}"),
                "Ümit".into(),
                "\0".into(),
                "c".into(),
                String::new(),
            ];
            Search::Key(one_of(rng, &words))
        }
        4 => Search::Name(vec![one_of(rng, &words).to_owned()]),
        5.. => Search::Name((0..rng.random_range(0..4)).map(|_| one_of(rng, &words).to_owned()).collect()),
    }
}

/// A database and an index that know the same conversations: some without a delivery, some without a record.
async fn people(rng: &mut StdRng) -> (Database, Index, Vec<String>) {
    let (database, mut index) = (Database::new().await, Index::shared());
    let prefixes = ["Customer-", "customer-", "ümit ", "ÜMIT ", "\u{1f600}"];
    let mut keys: Vec<String> = (0..150).map(|n| format!("{}{n}", one_of(rng, &prefixes))).collect();
    keys.extend(["customer".into(), "Customer".into(), "\0".into()]);
    let mut persons = Vec::new();
    for key in &keys {
        let person = Person::new(&ConversationKey(key.clone()), Ends::FIRST, &customer(rng));
        let person = rng.random_bool(0.85).then_some(person);
        if let Some(person) = &person {
            index.know(None, Some(person.clone()));
        }
        persons.push(person);
    }
    for number in 0..200 {
        let mut entry = entry(rng, &index, Position((number + 1) << 16));
        entry.conversation = index.digest(&one_of(rng, &keys));
        index.insert(&entry);
        database.insert(if rng.random() { "waiting" } else { "settled" }, &entry).await;
    }
    for (key, person) in keys.iter().zip(&persons) {
        database.know(&index, key, person.as_ref()).await;
    }
    (database, index, keys)
}

#[tokio::test]
async fn a_search_finds_the_conversations_that_the_index_finds() {
    for seed in 0..3 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (database, index, _) = people(&mut rng).await;
        let client = database.client().await;
        let mut none = 0;
        for _ in 0..300 {
            let search = search(&mut rng);
            let all = found(&client, &database.tables, &search, COUNTED_MAX).await.unwrap();
            assert_eq!(all, index.people().find(&search, COUNTED_MAX), "{search:?}");
            none += u32::from(all.is_empty());
            let some = found(&client, &database.tables, &search, 3).await.unwrap();
            match &search {
                // The index takes any of them.
                Search::Name(words) if words.len() > 1 => {
                    assert_eq!(some.len(), all.len().min(3));
                    assert!(some.iter().all(|key| all.contains(key)));
                }
                Search::Event(_)
                | Search::Dispatch(_)
                | Search::Ticket(_)
                | Search::PhoneEnd(_)
                | Search::Key(_)
                | Search::Name(_) => {
                    assert_eq!(some, index.people().find(&search, 3), "{search:?}");
                }
            }
        }
        assert!((20..250).contains(&none), "{none} searches find nothing");
        for customer in ["u1", "u2", "U2", "u3", "", "u\0"] {
            let keys = user(&client, &database.tables, customer).await.unwrap();
            assert_eq!(keys, index.people().of_user(customer).cloned().collect::<Vec<_>>());
        }
        drop(client);
    }
}

#[tokio::test]
async fn conversations_come_by_their_newest_deliveries() {
    let mut rng = StdRng::seed_from_u64(7);
    let (database, index, keys) = people(&mut rng).await;
    let client = database.client().await;
    let afters = keys.iter().map(String::as_str).chain(["unknown", "zzz", ""]).map(Some).chain([None]);
    for after in afters {
        for many in [0, 1, 10, usize::MAX] {
            let found = newest(&client, &database.tables, after, many).await.unwrap();
            assert_eq!(found, index.keys(after).take(many).cloned().collect::<Vec<_>>(), "{after:?} {many}");
        }
    }
    let digests: Vec<u64> = keys.iter().map(|key| index.digest(key)).chain([0]).collect();
    let mut of = newest_of(&client, &database.tables, &digests).await.unwrap();
    let mut expected: Vec<_> = digests.iter().map(|digest| (*digest, index.newest_of(*digest))).collect();
    of.sort_unstable();
    expected.sort_unstable();
    assert_eq!(of, expected);
    assert_eq!(newest_of(&client, &database.tables, &[]).await, Ok(Vec::new()));
    drop(client);
}

#[tokio::test]
async fn joined_conversations_that_share_their_newest_delivery_both_come() {
    let database = Database::new().await;
    let sql = "insert into tandem.conversation (key, digest, record, newest)
        select convert_to('c' || n, 'utf8'), n, '', case when n < 4 then 9 end from generate_series(1, 5) n";
    database.execute(sql, &[]).await;
    let client = database.client().await;
    let mut all: Vec<Arc<str>> = Vec::new();
    loop {
        let page = newest(&client, &database.tables, all.last().map(|key| &**key), 1).await.unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    assert_eq!(all, ["c1", "c2", "c3", "c4", "c5"].map(Arc::from));
    drop(client);
}
