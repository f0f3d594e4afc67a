//! The store's side for customers' pictures: the files behind the links of a text, kept until the text is written.
//!
//! A link may be dead by the time that a paused or unreachable desk takes the text, so the worker fetches the pictures
//! of a text that waits and keeps them here. A kept picture belongs to one text. It goes in the step in which the text
//! is delivered, dropped, forgotten or expired; a text that was given up keeps its pictures, because an operator may
//! put it back. Its file is removed soon after, beside all other calls, and before the answer where a customer is
//! forgotten. A store that is opened drops every picture whose text needs it no more, so a crash between two steps
//! leaves none behind.
//!
//! Pictures are a convenience: the store takes texts whatever happens here. A lack of room, or a fault of one file,
//! costs a picture and never a text, and no call here changes a delivery or the health of the store.

use async_trait::async_trait;
use bytes::Bytes;

use super::error::StoreError;
use crate::domain::account::AccountId;
use crate::domain::event::EventId;

/// A picture, or another file, that a customer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its name for the desk.
    pub file_name: String,
    /// Its type, without parameters.
    pub content_type: String,
    /// The file.
    pub bytes: Bytes,
}

/// The place of a picture: the text, and the number of its link there, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PictureId {
    /// The text's event.
    pub text: EventId,
    /// The number of the link.
    pub number: u16,
}

/// The result of [`Album::keep_picture`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// The picture is on the disk, synced.
    Safe,
    /// There is no room. Nothing was written.
    NoRoom,
    /// The text needs it no more, or is gone. Nothing is left of the picture.
    TooLate,
}

/// Waiting texts with links to pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pictured {
    /// The texts, each with the account that takes it, in the order of acceptance.
    pub texts: Vec<(EventId, AccountId)>,
    /// Where the next look begins.
    pub next: Option<u64>,
    /// Whether more may follow now. Otherwise the next look finds only texts that were accepted since.
    pub more: bool,
}

/// Keeps customers' pictures. See [`super::Store`] for the promises of every call.
#[async_trait]
pub trait Album: Send + Sync + 'static {
    /// Waiting texts with links to pictures, behind the place where an earlier look ended: a few hundred at most, and
    /// perhaps none although more follow. Every waiting text is read once, however often a caller looks, and no other
    /// call is delayed.
    async fn pictured(&self, after: Option<u64>) -> Result<Pictured, StoreError>;

    /// Waits until a text with links to pictures may have been accepted. As [`super::Queue::changed`], for one caller
    /// at a time.
    async fn pictures_came(&self);

    /// Keeps a picture of a text, durably on return. A picture that is kept already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where the file cannot be written. The store goes on, and nothing is left of the picture.
    async fn keep_picture(&self, id: PictureId, picture: Picture) -> Result<Keeping, StoreError>;

    /// A kept picture.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where the file cannot be read or is damaged. The store goes on.
    async fn picture(&self, id: PictureId) -> Result<Option<Picture>, StoreError>;

    /// The length of a kept picture's file; `None` where the picture is not kept.
    fn picture_bytes(&self, id: PictureId) -> Option<u64>;

    /// Whether a picture of this length would be kept.
    fn has_room_for_picture(&self, bytes: u64) -> bool;

    /// The length of all kept pictures.
    fn pictures_bytes(&self) -> u64;
}
