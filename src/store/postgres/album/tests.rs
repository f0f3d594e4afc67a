//! Pictures of two bridges on one database.

use jiff::Timestamp;

use super::*;
use crate::domain::account::Ends;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::State;
use crate::domain::kind::KindName;
use crate::store::postgres::pictures;
use crate::store::postgres::testing::Database;

fn text(sequence: u64) -> EventId {
    EventId { epoch: u32::MAX, sequence, sub: 0 }
}

fn of(sequence: u64, number: u16) -> PictureId {
    PictureId { text: text(sequence), number }
}

fn picture(length: usize) -> Picture {
    let bytes = vec![7; length].into();
    Picture { file_name: "door\0.png".into(), content_type: "image/png".into(), bytes }
}

fn record(id: EventId, state: State) -> Vec<u8> {
    let whose = (ConversationKey("a".into()), Ends::FIRST);
    let delivery = Delivery::accepted(id, KindName::CustomerText, whose, Timestamp::UNIX_EPOCH, state);
    layout::encode_delivery(&delivery, None).unwrap()
}

fn delivered() -> State {
    State::Skipped { reason: "done".into() }
}

const WAITING: &str =
    "insert into tandem.waiting (position, conversation, direction, track, account, accepted_at, goes_first,
    digest, state, second, is_doorbell, is_set_aside, is_note, record)
    values ($1, '', 0, 0, '', 0, false, 0, 0, 0, false, false, false, $2)";
const SETTLED: &str = "insert into tandem.settled values ($1, '', '', 0, 0, 0, false, false, false, $2)";

async fn put(database: &Database, sql: &str, id: EventId, state: State) {
    let values: [(&(dyn ToSql + Sync), Type); 2] =
        [(&columns::place(Position::of(id)), Type::INT8), (&record(id, state), Type::BYTEA)];
    database.execute(sql, &values).await;
}

fn table(database: &Database, bytes_max: u64) -> Table<'_> {
    Table { connections: &database.connections, tables: &database.tables, bytes_max }
}

#[tokio::test]
async fn a_picture_is_kept_once_and_seen_by_the_other_bridge() {
    let database = Database::new().await;
    let (table, one, other) = (table(&database, 1_000), Pictures::default(), Pictures::default());
    put(&database, WAITING, text(1), State::Pending).await;
    assert_eq!(table.keep(&one, of(1, 0), &picture(600)).await, Ok(Keeping::Safe));
    assert_eq!((one.bytes_of(of(1, 0)), other.bytes_of(of(1, 0))), (Some(600), None));
    assert_eq!(table.keep(&other, of(1, 0), &picture(5_000)).await, Ok(Keeping::Safe), "it is kept already");
    assert_eq!((other.bytes_of(of(1, 0)), other.bytes()), (Some(600), 600));
    assert_eq!(table.keep(&other, of(1, 1), &picture(401)).await, Ok(Keeping::NoRoom));
    assert_eq!(table.keep(&other, of(1, 1), &picture(400)).await, Ok(Keeping::Safe));
    one.refresh(&*database.client().await, &database.tables).await.unwrap();
    assert_eq!((one.bytes_of(of(1, 1)), one.bytes()), (Some(400), 1_000));
    let read = table.picture(&one, of(1, 1)).await.unwrap().unwrap();
    assert_eq!((read.file_name.as_str(), read.bytes), ("door\u{fffd}.png", picture(400).bytes));

    database.execute("delete from tandem.picture where number = 1", &[]).await;
    assert_eq!(table.picture(&one, of(1, 1)).await, Ok(None));
    assert_eq!((one.bytes_of(of(1, 1)), one.bytes(), other.bytes()), (None, 600, 1_000));
    one.drop_of(&[text(1), text(2)]);
    other.refresh(&*database.client().await, &database.tables).await.unwrap();
    assert_eq!((one.bytes(), other.bytes()), (0, 600));
}

#[tokio::test]
async fn only_a_text_that_may_still_be_written_keeps_pictures() {
    let database = Database::new().await;
    let (table, pictures) = (table(&database, 1_000), Pictures::default());
    put(&database, WAITING, text(1), State::Pending).await;
    put(&database, SETTLED, text(2), delivered()).await;
    let dead = State::Dead { cause: "422".into() };
    put(&database, SETTLED, text(3), dead).await;
    let elsewhere = EventId { epoch: 5, ..text(1) };
    for (id, kept) in [
        (of(1, u16::MAX), Keeping::Safe),
        (of(2, 0), Keeping::TooLate),
        (of(3, 0), Keeping::Safe),
        (of(4, 0), Keeping::TooLate),
        (PictureId { text: elsewhere, number: 0 }, Keeping::TooLate),
    ] {
        assert_eq!(table.keep(&pictures, id, &picture(9)).await, Ok(kept), "{id:?}");
        assert_eq!(pictures.bytes_of(id).is_some(), kept == Keeping::Safe);
    }
    let again = Pictures::default();
    again.refresh(&*database.client().await, &database.tables).await.unwrap();
    assert_eq!((again.bytes_of(of(1, u16::MAX)), again.bytes()), (Some(9), 18));
}

#[tokio::test]
async fn a_commit_that_ends_the_text_and_a_picture_that_comes_leave_none() {
    let database = Database::new().await;
    let table = table(&database, u64::MAX >> 1);
    let mut late = 0;
    for round in 0..40 {
        let (id, place) = (of(round, 0), columns::place(Position::of(text(round))));
        let (from, sql) = if round % 2 == 0 {
            put(&database, WAITING, id.text, State::Pending).await;
            ("delete from tandem.waiting where position = $1", Some(SETTLED))
        } else {
            put(&database, SETTLED, id.text, State::Quarantined { cause: "json".into() }).await;
            ("update tandem.settled set record = $2 where position = $1", None)
        };
        let end = async {
            let mut client = database.client().await;
            let transaction = client.transaction().await.unwrap();
            let tables = &database.tables;
            let record = record(id.text, delivered());
            let both: [(&(dyn ToSql + Sync), Type); 2] = [(&place, Type::INT8), (&record, Type::BYTEA)];
            let one = &both[..if sql.is_some() { 1 } else { 2 }];
            transaction.query_typed(&tables.sql(from), one).await.unwrap();
            if let Some(sql) = sql {
                transaction.query_typed(&tables.sql(sql), &both).await.unwrap();
            }
            let sql = "delete from tandem.picture where text = $1";
            transaction.query_typed(&tables.sql(sql), &both[..1]).await.unwrap();
            transaction.commit().await.unwrap();
        };
        let keep = async {
            for _ in 0..round / 2 {
                tokio::task::yield_now().await;
            }
            table.write(id, &picture(50_000)).await.unwrap()
        };
        let (kept, ()) = tokio::join!(keep, end);
        late += u32::from(kept.is_err());
        assert!(matches!(kept, Ok(50_000) | Err(Keeping::TooLate)), "{kept:?}");
        let client = database.client().await;
        assert_eq!(pictures::list(&client, &database.tables).await, Ok(Vec::new()), "round {round}: {kept:?}");
    }
    assert!((1..40).contains(&late), "{late} pictures came too late");
}

#[tokio::test]
async fn bridges_that_write_pictures_at_once_keep_to_the_bound() {
    let database = Database::new().await;
    let table = table(&database, 1_000);
    for sequence in 0..4 {
        put(&database, WAITING, text(sequence), State::Pending).await;
    }
    let bridges = [(); 4].map(|()| Pictures::default());
    let keeps = bridges.iter().zip(0..).map(|(bridge, sequence)| {
        let (id, table) = (of(sequence, 0), &table);
        async move { table.keep(bridge, id, &picture(400)).await.unwrap() }
    });
    let kept = futures_util::future::join_all(keeps.collect::<Vec<_>>()).await;
    assert_eq!(kept.iter().filter(|kept| **kept == Keeping::Safe).count(), 2, "{kept:?}");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_lock() {
    let database = Database::new().await;
    let (table, pictures) = (table(&database, 1_000), Pictures::default());
    put(&database, WAITING, text(1), State::Pending).await;
    let mut blocking = database.client().await;
    let transaction = blocking.transaction().await.unwrap();
    transaction.batch_execute(&database.tables.sql("select record from tandem.waiting for update")).await.unwrap();
    let soon = std::time::Duration::from_millis(200);
    let given_up = tokio::time::timeout(soon, table.keep(&pictures, of(1, 0), &picture(9))).await;
    assert!(given_up.is_err());
    transaction.commit().await.unwrap();
    assert_eq!(table.keep(&pictures, of(1, 0), &picture(9)).await, Ok(Keeping::Safe));
}
