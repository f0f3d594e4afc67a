//! The contract's pictures for stores in this process: files beside the records.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::lanes::Position;
use crate::store::engine::album::{self, Album, Encoded};
use crate::store::engine::backend::Backend;
use crate::store::engine::core::Core;
use crate::store::{Keeping, Picture, PictureId, Pictured, StoreError};

/// A store that keeps pictures in files.
pub(super) trait InFiles: Backend {
    /// Its pictures.
    fn album(&self) -> &Arc<Album>;
}

#[async_trait]
impl<B: InFiles> crate::store::Album for B {
    async fn pictured(&self, after: Option<u64>) -> Result<Pictured, StoreError> {
        self.read(move |look| album::pictured(look, after.map(Position))).await
    }

    async fn pictures_came(&self) {
        self.shared().pictures().notified().await;
    }

    async fn keep_picture(&self, id: PictureId, picture: Picture) -> Result<Keeping, StoreError> {
        let file = Encoded::new(picture)?;
        let (album, bytes) = (Arc::clone(self.album()), file.len());
        // The writer tells whether the text needs it, and no commit that ends the text comes in between.
        let reserve = move |core: &Core| {
            let is_needed = core.needs_pictures(id.text)?;
            Ok(if is_needed { album.reserve(id, bytes) } else { Err(Keeping::TooLate) })
        };
        self.read_named(reserve, move |_, place| place.map_or_else(Ok, |place| place.fill(&file))).await
    }

    async fn picture(&self, id: PictureId) -> Result<Option<Picture>, StoreError> {
        let album = Arc::clone(self.album());
        match album.bytes_of(id) {
            Some(_) => self.read(move |_| album.picture(id)).await,
            None => Ok(None),
        }
    }

    fn picture_bytes(&self, id: PictureId) -> Option<u64> {
        self.album().bytes_of(id)
    }

    fn has_room_for_picture(&self, bytes: u64) -> bool {
        self.album().has_room_for(bytes)
    }

    fn pictures_bytes(&self) -> u64 {
        self.album().bytes()
    }
}
