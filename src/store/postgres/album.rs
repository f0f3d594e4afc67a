//! The contract's pictures in a shared store: a row each, for all bridges.
//!
//! A picture is written only while its text needs it. Its transaction keeps the text's row as it is, so that the commit that ends
//! the text comes after it and removes the picture; no order of the two leaves a picture without a text. One picture is written
//! at a time, of all bridges, because the room for them is counted in that transaction. The calls that cannot wait answer from
//! memory ([`super::pictures`]). Nothing here changes a delivery.

use async_trait::async_trait;
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

use crate::domain::delivery::Delivery;
use crate::domain::event::EventId;
use crate::domain::lanes::Position;
use crate::store::engine::backend::Backend as _;
use crate::store::engine::{album, layout};
use crate::store::{Album, Keeping, Picture, PictureId, Pictured, StoreError};

use super::common::Common;
use super::connect::Connections;
use super::halt::Halt;
use super::pictures::Pictures;
use super::statement::Tables;
use super::{PostgresStore, columns};

#[cfg(test)]
mod tests;

/// How often a text is looked for on both shelves. A text that an operator puts back while it is looked for is on neither.
const LOOKS_MAX: usize = 2;

/// The table of pictures, which may take so many bytes together.
struct Table<'a> {
    connections: &'a Connections,
    tables: &'a Tables,
    bytes_max: u64,
}

impl<'a> Table<'a> {
    fn of(common: &'a Common) -> Self {
        Self { connections: &common.connections, tables: &common.tables, bytes_max: common.pictures_bytes }
    }

    /// [`Album::keep_picture`].
    async fn keep(&self, pictures: &Pictures, id: PictureId, picture: &Picture) -> Result<Keeping, Halt> {
        let _one_at_a_time = pictures.writing.lock().await;
        match self.write(id, picture).await? {
            Ok(size) => {
                pictures.put(id, size);
                Ok(Keeping::Safe)
            }
            Err(why) => Ok(why),
        }
    }

    /// [`Album::picture`].
    async fn picture(&self, pictures: &Pictures, id: PictureId) -> Result<Option<Picture>, Halt> {
        let picture = self.read(id).await?;
        if picture.is_none() {
            pictures.miss(id);
        }
        Ok(picture)
    }

    /// Writes a picture, and gives its size; or says why there is none.
    async fn write(&self, id: PictureId, picture: &Picture) -> Result<Result<u64, Keeping>, Halt> {
        let mut client = self.connections.get().await?;
        // A caller that goes away leaves no transaction open: it is rolled back when this is dropped.
        let transaction = client.transaction().await?;
        let kept = match self.is_needed(&transaction, id.text).await? {
            true => self.insert(&transaction, id, picture).await?,
            false => Err(Keeping::TooLate),
        };
        transaction.commit().await?;
        Ok(kept)
    }

    /// Whether a text needs its pictures, as long as the transaction lasts: a text that waits ends when its row goes, and one that
    /// has settled when its row changes. Before the text's row, the transaction waits for the others that write pictures, because
    /// with the row it would delay the text.
    async fn is_needed(&self, transaction: &Transaction<'_>, text: EventId) -> Result<bool, Halt> {
        let turn = format!("tandem pictures of {}", self.tables.name());
        let sql = "select pg_advisory_xact_lock(hashtext($1))";
        transaction.query_typed(sql, &[(&turn, Type::TEXT)]).await?;
        let position = columns::place(Position::of(text));
        for _ in 0..LOOKS_MAX {
            for sql in [
                "select record from tandem.waiting where position = $1 for key share",
                "select record from tandem.settled where position = $1 for share",
            ] {
                let rows = transaction.query_typed(&self.tables.sql(sql), &[(&position, Type::INT8)]).await?;
                if let Some(row) = rows.first() {
                    let delivery: Delivery = layout::decode("delivery", row.try_get(0)?)?;
                    return Ok(delivery.id == text && !delivery.state.is_over());
                }
            }
        }
        Ok(false)
    }

    /// Writes a picture whose text needs it, unless it is kept already.
    async fn insert(
        &self,
        transaction: &Transaction<'_>,
        id: PictureId,
        picture: &Picture,
    ) -> Result<Result<u64, Keeping>, Halt> {
        let (text, epoch, number) = columns_of(id);
        let sql = "select (select size from tandem.picture where text = $1 and epoch = $2 and number = $3),
            (select coalesce(sum(size), 0)::bigint from tandem.picture)";
        let name: [(&(dyn ToSql + Sync), Type); 3] = [(&text, Type::INT8), (&epoch, Type::INT8), (&number, Type::INT4)];
        let row = transaction.query_typed_one(&self.tables.sql(sql), &name).await?;
        let kept: Option<i64> = row.try_get(0)?;
        if let Some(size) = kept {
            return Ok(Ok(columns::number(size)));
        }
        let size = u64::try_from(picture.bytes.len()).unwrap_or(u64::MAX);
        if columns::number(row.try_get(1)?).saturating_add(size) > self.bytes_max {
            return Ok(Err(Keeping::NoRoom));
        }
        let (file_name, content_type) = (without_nul(&picture.file_name), without_nul(&picture.content_type));
        let sql = "insert into tandem.picture (text, epoch, number, file_name, content_type, bytes, size)
            values ($1, $2, $3, $4, $5, $6, $7)";
        let [text, epoch, number] = name;
        let values = [
            text,
            epoch,
            number,
            (&file_name, Type::TEXT),
            (&content_type, Type::TEXT),
            (&&*picture.bytes, Type::BYTEA),
            (&columns::bits(size), Type::INT8),
        ];
        transaction.query_typed(&self.tables.sql(sql), &values).await?;
        Ok(Ok(size))
    }

    /// A kept picture.
    async fn read(&self, id: PictureId) -> Result<Option<Picture>, Halt> {
        let (text, epoch, number) = columns_of(id);
        let sql = "select file_name, content_type, bytes from tandem.picture
            where text = $1 and epoch = $2 and number = $3";
        let client = self.connections.get().await?;
        let values: [(&(dyn ToSql + Sync), Type); 3] =
            [(&text, Type::INT8), (&epoch, Type::INT8), (&number, Type::INT4)];
        let rows = self.tables.rows(&client, sql, &values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let bytes: Vec<u8> = row.try_get(2)?;
        Ok(Some(Picture { file_name: row.try_get(0)?, content_type: row.try_get(1)?, bytes: bytes.into() }))
    }
}

/// The columns of a picture's name.
fn columns_of(id: PictureId) -> (i64, i64, i32) {
    (columns::place(Position::of(id.text)), i64::from(id.text.epoch), i32::from(id.number))
}

/// A text for a column, which takes no NUL.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[async_trait]
impl Album for PostgresStore {
    async fn pictured(&self, after: Option<u64>) -> Result<Pictured, StoreError> {
        Box::pin(self.read(move |look| album::pictured(look, after.map(Position)))).await
    }

    async fn pictures_came(&self) {
        self.shared().pictures().notified().await;
    }

    async fn keep_picture(&self, id: PictureId, picture: Picture) -> Result<Keeping, StoreError> {
        self.shared().alive()?;
        Ok(Table::of(&self.common).keep(&self.common.pictures, id, &picture).await?)
    }

    async fn picture(&self, id: PictureId) -> Result<Option<Picture>, StoreError> {
        self.shared().alive()?;
        Ok(Table::of(&self.common).picture(&self.common.pictures, id).await?)
    }

    fn picture_bytes(&self, id: PictureId) -> Option<u64> {
        self.common.pictures.bytes_of(id)
    }

    fn has_room_for_picture(&self, bytes: u64) -> bool {
        self.pictures_bytes().saturating_add(bytes) <= self.common.pictures_bytes
    }

    fn pictures_bytes(&self) -> u64 {
        self.common.pictures.bytes()
    }
}
