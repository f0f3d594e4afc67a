//! The pictures that a bridge knows to be in a shared store, with their lengths: its own at once, and those that others kept
//! within a second. It never holds a picture.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio_postgres::Client;

use crate::domain::event::EventId;
use crate::store::PictureId;
use crate::store::lock::lock;

use super::columns;
use super::halt::Halt;
use super::statement::Tables;

/// The pictures that are known to be there, with their lengths.
#[derive(Default)]
pub(super) struct Pictures(Mutex<BTreeMap<PictureId, u64>>);

impl Pictures {
    /// Reads which pictures there are.
    pub(super) async fn refresh(&self, client: &Client, tables: &Tables) -> Result<(), Halt> {
        let rows = tables.rows(client, "select text, epoch, number, size from tandem.picture", &[]).await?;
        let mut known = BTreeMap::new();
        for row in &rows {
            let epoch: i64 = row.try_get(1)?;
            let number: i32 = row.try_get(2)?;
            let text = columns::position(row.try_get(0)?).id(u32::try_from(epoch).unwrap_or(u32::MAX));
            let id = PictureId { text, number: u16::try_from(number).unwrap_or(u16::MAX) };
            known.insert(id, columns::number(row.try_get(3)?));
        }
        *lock(&self.0) = known;
        Ok(())
    }

    /// Forgets the pictures of these texts, which a commit has ended.
    pub(super) fn drop_of(&self, texts: &[EventId]) {
        lock(&self.0).retain(|id, _| !texts.contains(&id.text));
    }

    /// Notes one more.
    pub(super) fn put(&self, id: PictureId, bytes: u64) {
        lock(&self.0).insert(id, bytes);
    }

    /// The length of one.
    pub(super) fn bytes_of(&self, id: PictureId) -> Option<u64> {
        lock(&self.0).get(&id).copied()
    }

    /// The length of all.
    pub(super) fn bytes(&self) -> u64 {
        lock(&self.0).values().sum()
    }
}
