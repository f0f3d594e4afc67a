//! The contract's pictures in a shared store: rows, written while their text needs them, and gone in the commit that ends the text.
//! Nothing here changes a delivery.

use async_trait::async_trait;
use tokio_postgres::types::{ToSql, Type};

use crate::domain::delivery::Delivery;
use crate::domain::lanes::Position;
use crate::store::engine::album;
use crate::store::engine::backend::Backend as _;
use crate::store::engine::layout;
use crate::store::{Album, Keeping, Picture, PictureId, Pictured, StoreError};

use super::PostgresStore;
use super::columns;
use super::common::Common;
use super::halt::Halt;

/// The columns that name a picture.
fn named(id: PictureId) -> (i64, i64, i32) {
    (columns::place(Position::of(id.text)), i64::from(id.text.epoch), i32::from(id.number))
}

async fn keep(common: &Common, id: PictureId, picture: &Picture) -> Result<Keeping, Halt> {
    let client = common.client().await?;
    client.batch_execute("begin").await?;
    let kept = keep_in(common, &client, id, picture).await;
    let end = if matches!(kept, Ok(Keeping::Safe)) { "commit" } else { "rollback" };
    client.batch_execute(end).await?;
    kept
}

async fn keep_in(
    common: &Common,
    client: &tokio_postgres::Client,
    id: PictureId,
    picture: &Picture,
) -> Result<Keeping, Halt> {
    let (text, epoch, number) = named(id);
    // The row is locked, so that no commit ends the text before this picture is there to go with it.
    for sql in [
        "select record from tandem.waiting where position = $1 for share",
        "select record from tandem.settled where position = $1 for share",
    ] {
        let rows = common.tables.rows(client, sql, &[(&text, Type::INT8)]).await?;
        let Some(row) = rows.first() else { continue };
        let delivery: Delivery = layout::decode("delivery", row.try_get(0)?)?;
        if delivery.id != id.text || delivery.state.is_over() {
            continue;
        }
        let size = i64::try_from(picture.bytes.len()).unwrap_or(i64::MAX);
        let most = i64::try_from(common.pictures_bytes).unwrap_or(i64::MAX);
        let sql = "insert into tandem.picture select $1, $2, $3, $4, $5, $6, $7
            where $7 + coalesce((select sum(size) from tandem.picture where not (text = $1 and epoch = $2 and number = $3)), 0) <= $8
            on conflict (text, epoch, number) do update set size = excluded.size returning 1";
        let values: [(&(dyn ToSql + Sync), Type); 8] = [
            (&text, Type::INT8),
            (&epoch, Type::INT8),
            (&number, Type::INT4),
            (&picture.file_name, Type::TEXT),
            (&picture.content_type, Type::TEXT),
            (&&*picture.bytes, Type::BYTEA),
            (&size, Type::INT8),
            (&most, Type::INT8),
        ];
        let rows = common.tables.rows(client, sql, &values).await?;
        return Ok(if rows.is_empty() { Keeping::NoRoom } else { Keeping::Safe });
    }
    Ok(Keeping::TooLate)
}

#[async_trait]
impl Album for PostgresStore {
    async fn pictured(&self, after: Option<u64>) -> Result<Pictured, StoreError> {
        self.read(move |look| album::pictured(look, after.map(Position))).await
    }

    async fn pictures_came(&self) {
        self.shared().pictures().notified().await;
    }

    async fn keep_picture(&self, id: PictureId, picture: Picture) -> Result<Keeping, StoreError> {
        self.shared().alive()?;
        let size = u64::try_from(picture.bytes.len()).unwrap_or(u64::MAX);
        let kept = keep(&self.common, id, &picture).await.map_err(StoreError::from)?;
        if kept == Keeping::Safe {
            self.common.pictures.put(id, size);
        }
        Ok(kept)
    }

    async fn picture(&self, id: PictureId) -> Result<Option<Picture>, StoreError> {
        self.shared().alive()?;
        let (text, epoch, number) = named(id);
        let read = async {
            let client = self.common.client().await?;
            let sql = "select file_name, content_type, bytes from tandem.picture where text = $1 and epoch = $2 and number = $3";
            let values: [(&(dyn ToSql + Sync), Type); 3] =
                [(&text, Type::INT8), (&epoch, Type::INT8), (&number, Type::INT4)];
            let rows = self.common.tables.rows(&client, sql, &values).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let bytes: Vec<u8> = row.try_get(2)?;
            Ok::<_, Halt>(Some(Picture {
                file_name: row.try_get(0)?,
                content_type: row.try_get(1)?,
                bytes: bytes.into(),
            }))
        };
        read.await.map_err(StoreError::from)
    }

    fn picture_bytes(&self, id: PictureId) -> Option<u64> {
        self.common.pictures.bytes_of(id)
    }

    fn has_room_for_picture(&self, bytes: u64) -> bool {
        self.common.pictures.bytes().saturating_add(bytes) <= self.common.pictures_bytes
    }

    fn pictures_bytes(&self) -> u64 {
        self.common.pictures.bytes()
    }
}
