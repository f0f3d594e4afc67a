//! The pictures that a bridge knows to be in a shared store, with their sizes: its own changes at once, and those of others within
//! a second. It never holds a picture, and writes none.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio_postgres::{Client, Row};

use crate::domain::event::EventId;
use crate::store::PictureId;
use crate::store::lock::lock;

use super::columns;
use super::halt::Halt;
use super::statement::Tables;

/// The pictures of all bridges, as this one knows them.
#[derive(Default)]
pub(super) struct Pictures {
    known: Mutex<Known>,
    /// Held while a picture is written, so that pictures take one connection of the pool at most.
    pub(super) writing: tokio::sync::Mutex<()>,
}

/// The pictures that this bridge knows of.
#[derive(Default)]
struct Known {
    sizes: BTreeMap<PictureId, u64>,
    bytes: u64,
    /// The own changes since the last look at all of them began: it may have come too early to see them.
    changes: Vec<(PictureId, Option<u64>)>,
}

impl Known {
    /// Notes a picture of this size, or that there is none.
    fn note(&mut self, id: PictureId, size: Option<u64>) {
        self.changes.push((id, size));
        self.set(id, size);
    }

    fn set(&mut self, id: PictureId, size: Option<u64>) {
        let before = match size {
            Some(size) => self.sizes.insert(id, size),
            None => self.sizes.remove(&id),
        };
        self.bytes = self.bytes.saturating_sub(before.unwrap_or(0)).saturating_add(size.unwrap_or(0));
    }

    fn replace(&mut self, found: Vec<(PictureId, u64)>) {
        let changes = std::mem::take(&mut self.changes);
        *self = Self::default();
        found.into_iter().for_each(|(id, size)| self.set(id, Some(size)));
        changes.into_iter().for_each(|(id, size)| self.set(id, size));
    }
}

impl Pictures {
    /// Looks at the pictures of all bridges. One caller at a time.
    pub(super) async fn refresh(&self, client: &Client, tables: &Tables) -> Result<(), Halt> {
        lock(&self.known).changes.clear();
        let found = list(client, tables).await?;
        lock(&self.known).replace(found);
        Ok(())
    }

    /// Notes a picture of this size.
    pub(super) fn put(&self, id: PictureId, size: u64) {
        lock(&self.known).note(id, Some(size));
    }

    /// Notes that a picture is not there.
    pub(super) fn miss(&self, id: PictureId) {
        lock(&self.known).note(id, None);
    }

    /// Follows a commit of this bridge that ended these texts and removed their pictures.
    pub(super) fn drop_of(&self, texts: &[EventId]) {
        let mut known = lock(&self.known);
        for text in texts {
            let (first, last) = (PictureId { text: *text, number: 0 }, PictureId { text: *text, number: u16::MAX });
            let theirs: Vec<PictureId> = known.sizes.range(first..=last).map(|(id, _)| *id).collect();
            theirs.into_iter().for_each(|id| known.note(id, None));
        }
    }

    /// The size of one.
    pub(super) fn bytes_of(&self, id: PictureId) -> Option<u64> {
        lock(&self.known).sizes.get(&id).copied()
    }

    /// The size of all.
    pub(super) fn bytes(&self) -> u64 {
        lock(&self.known).bytes
    }
}

/// All pictures that are there, with their sizes.
pub(super) async fn list(client: &Client, tables: &Tables) -> Result<Vec<(PictureId, u64)>, Halt> {
    let rows = tables.rows(client, "select text, epoch, number, size from tandem.picture", &[]).await?;
    let read = |row: &Row| {
        let (epoch, number): (i64, i32) = (row.try_get(1)?, row.try_get(2)?);
        let (Ok(epoch), Ok(number)) = (u32::try_from(epoch), u16::try_from(number)) else {
            return Err(columns::not_ours("a picture's name").into());
        };
        let text = columns::position(row.try_get(0)?).id(epoch);
        Ok((PictureId { text, number }, columns::number(row.try_get(3)?)))
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_changes_outlive_a_look_that_came_too_early_for_them() {
        let of = |sequence| PictureId { text: EventId { epoch: 1, sequence, sub: 0 }, number: 0 };
        let mut known = Known::default();
        known.note(of(1), Some(5));
        known.changes.clear();
        known.note(of(1), None);
        known.note(of(2), Some(7));
        known.replace(vec![(of(1), 5), (of(3), 1)]);
        assert_eq!(known.sizes, [(of(2), 7), (of(3), 1)].into());
        assert_eq!((known.bytes, known.changes.len()), (8, 0));
    }
}
