//! The kept pictures of a store with one writer: their index in memory, their bound, and the form of their files.
//!
//! A file is written beside the writer. The writer reserves its place while the text needs it, and takes the place back
//! when a commit has ended the text; a file that is finished after that finds its place gone and is removed. So no
//! order of the two leaves a picture without a text. The writer only takes places: their files are removed beside it
//! ([`Album::remove_left`]), because one step of expiry may end many texts. Nothing here opens a file: that is the
//! medium's ([`Files`]).
//!
//! A file's first line holds the digest of the rest, so that a damaged file is told from a whole one.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::domain::event::{Event, EventId};
use crate::domain::kind::KindName;
use crate::domain::lanes::Position;

use crate::store::engine::disk::Disk;
use crate::store::engine::tree::Look;
use crate::store::engine::{layout, lists, sweep};
use crate::store::lock::lock;
use crate::store::{Keeping, Picture, PictureId, Pictured, StoreError, StoreLimits};

/// The part of the free space above the floor that pictures may take, with the space that they have: 1 in this many.
/// Texts need a thousandth of a picture's room, so the rest lasts for long.
const SHARE: u64 = 4;

/// The files of the pictures on a medium.
pub(in crate::store) trait Files: Send + Sync {
    /// All whole files, with their lengths. Unfinished ones are removed.
    fn list(&self) -> io::Result<Vec<(PictureId, u64)>>;
    /// Writes a file, of two parts, durably. An error leaves no file.
    fn write(&self, id: PictureId, head: &[u8], body: &[u8]) -> io::Result<()>;
    /// A whole file.
    fn read(&self, id: PictureId) -> io::Result<Vec<u8>>;
    /// Removes a file. The removal of a file that is not there is none.
    fn remove(&self, id: PictureId) -> io::Result<()>;
}

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    name: String,
    #[serde(rename = "type")]
    content_type: String,
    bytes: usize,
    /// The digest of the file behind this line, in hexadecimal digits; a version before wrote none.
    #[serde(default)]
    sha256: Option<String>,
}

/// The kept pictures.
pub(in crate::store) struct Album {
    files: Box<dyn Files>,
    disk: Disk,
    floor_bytes: u64,
    bytes_max: u64,
    index: Mutex<Index>,
    /// The pictures whose files are to be removed.
    left: Mutex<Vec<PictureId>>,
    /// Held during a removal, so that a second caller waits for the files that the first has in hand.
    removing: Mutex<()>,
}

#[derive(Default)]
struct Index {
    places: BTreeMap<PictureId, Place>,
    bytes: u64,
}

#[derive(Clone, Copy)]
struct Place {
    bytes: u64,
    /// Whether the file is there. Until then the place is reserved.
    is_whole: bool,
}

/// A place whose file is not written yet. It is given back when this is dropped.
pub(in crate::store) struct Reserved {
    album: Arc<Album>,
    id: PictureId,
}

impl Album {
    /// The album on these files. Removes the pictures of texts that need them no more.
    pub(in crate::store) fn open(
        files: Box<dyn Files>,
        limits: &StoreLimits,
        disk: Disk,
        needs: impl Fn(EventId) -> Result<bool, StoreError>,
    ) -> Result<Self, StoreError> {
        let (mut index, mut needless) = (Index::default(), Vec::new());
        // The bridge goes on without pictures that it cannot see.
        let found = files.list().unwrap_or_else(|error| {
            warn!(%error, "picture.not_listed: the kept pictures cannot be read");
            Vec::new()
        });
        for (id, bytes) in found {
            match needs(id.text)? {
                true => index.put(id, Place { bytes, is_whole: true }),
                false => needless.push(id),
            }
        }
        let (floor_bytes, bytes_max) = (limits.disk_floor_bytes, limits.pictures_bytes);
        let (index, left, removing) = (Mutex::new(index), Mutex::default(), Mutex::default());
        let album = Self { files, disk, floor_bytes, bytes_max, index, left, removing };
        needless.into_iter().for_each(|id| album.remove(id));
        Ok(album)
    }

    /// [`crate::store::Album::has_room_for_picture`].
    pub(in crate::store) fn has_room_for(&self, bytes: u64) -> bool {
        self.has_room_beside(self.bytes(), bytes)
    }

    fn has_room_beside(&self, kept: u64, bytes: u64) -> bool {
        let free = self.disk.free().unwrap_or(0).saturating_sub(self.floor_bytes);
        let share = free.saturating_add(kept) / SHARE;
        kept.saturating_add(bytes) <= share.min(self.bytes_max)
    }

    /// [`crate::store::Album::picture_bytes`].
    pub(in crate::store) fn bytes_of(&self, id: PictureId) -> Option<u64> {
        self.lock().places.get(&id).filter(|place| place.is_whole).map(|place| place.bytes)
    }

    /// [`crate::store::Album::pictures_bytes`].
    pub(in crate::store) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Reserves a place, or answers at once. Only the writer asks, and only for a text that needs the picture.
    pub(in crate::store) fn reserve(self: &Arc<Self>, id: PictureId, bytes: u64) -> Result<Reserved, Keeping> {
        let mut index = self.lock();
        if index.places.contains_key(&id) {
            return Err(Keeping::Safe);
        }
        if !self.has_room_beside(index.bytes, bytes) {
            return Err(Keeping::NoRoom);
        }
        index.put(id, Place { bytes, is_whole: false });
        Ok(Reserved { album: Arc::clone(self), id })
    }

    /// [`crate::store::Album::picture`].
    pub(in crate::store) fn picture(&self, id: PictureId) -> Result<Option<Picture>, StoreError> {
        match self.files.read(id) {
            Ok(file) => read(file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Drops the pictures of these texts, and tells whether files are left to remove ([`Album::remove_left`]).
    pub(in crate::store) fn drop_of(&self, texts: &[EventId]) -> bool {
        let theirs: Vec<PictureId> = texts.iter().flat_map(|text| self.lock().take_of(*text)).collect();
        let is_any = !theirs.is_empty();
        lock(&self.left).extend(theirs);
        is_any
    }

    /// Removes the files of dropped pictures; on return none is left of those that were dropped before the call. A file
    /// that cannot be removed, or is not before the process dies, goes when the store is opened.
    pub(in crate::store) fn remove_left(&self) {
        let _one_at_a_time = lock(&self.removing);
        while let Some(id) = self.next_left() {
            self.remove(id);
        }
    }

    fn next_left(&self) -> Option<PictureId> {
        lock(&self.left).pop()
    }

    fn remove(&self, id: PictureId) {
        if let Err(error) = self.files.remove(id) {
            warn!(%error, "picture.not_removed: a picture of {} stays on the disk until the next start", id.text);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }
}

impl Index {
    fn put(&mut self, id: PictureId, place: Place) {
        let before = self.places.insert(id, place).map_or(0, |before| before.bytes);
        self.bytes = self.bytes.saturating_sub(before).saturating_add(place.bytes);
    }

    fn take(&mut self, id: PictureId) {
        let bytes = self.places.remove(&id).map_or(0, |place| place.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn take_of(&mut self, text: EventId) -> Vec<PictureId> {
        let (first, last) = (PictureId { text, number: 0 }, PictureId { text, number: u16::MAX });
        let theirs: Vec<PictureId> = self.places.range(first..=last).map(|(id, _)| *id).collect();
        theirs.iter().for_each(|id| self.take(*id));
        theirs
    }
}

impl Reserved {
    /// Writes the file.
    pub(in crate::store) fn fill(self, file: &Encoded) -> Result<Keeping, StoreError> {
        self.album.files.write(self.id, &file.head, &file.body).map_err(failed)?;
        if let Some(place) = self.album.lock().places.get_mut(&self.id) {
            place.is_whole = true;
            return Ok(Keeping::Safe);
        }
        self.album.remove(self.id);
        Ok(Keeping::TooLate)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut index = self.album.lock();
        if index.places.get(&self.id).is_some_and(|place| !place.is_whole) {
            index.take(self.id);
        }
    }
}

/// A picture in the form of its file.
pub(in crate::store) struct Encoded {
    head: Vec<u8>,
    body: bytes::Bytes,
}

impl Encoded {
    pub(in crate::store) fn new(picture: Picture) -> Result<Self, StoreError> {
        let Picture { file_name: name, content_type, bytes: body } = picture;
        let sha256 = Some(digest(&body));
        let head = serde_json::to_vec(&Head { name, content_type, bytes: body.len(), sha256 });
        let mut head = head.map_err(|error| StoreError::Failed(format!("a picture's head: {error}")))?;
        head.push(b'\n');
        Ok(Self { head, body })
    }

    pub(in crate::store) fn len(&self) -> u64 {
        u64::try_from(self.head.len() + self.body.len()).unwrap_or(u64::MAX)
    }
}

fn read(file: Vec<u8>) -> Result<Picture, StoreError> {
    let damaged = || StoreError::Failed("the file of a kept picture is damaged".to_owned());
    let end = file.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let head: Head = file.get(..end).and_then(|head| serde_json::from_slice(head).ok()).ok_or_else(damaged)?;
    let bytes = bytes::Bytes::from(file).slice(end + 1..);
    if bytes.len() != head.bytes || head.sha256.is_some_and(|sha256| sha256 != digest(&bytes)) {
        return Err(damaged());
    }
    Ok(Picture { file_name: head.name, content_type: head.content_type, bytes })
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(error: io::Error) -> StoreError {
    StoreError::Failed(format!("a picture's file: {error}"))
}

/// The waiting texts with links to pictures behind this position.
pub(in crate::store) fn pictured(look: &dyn Look, after: Option<Position>) -> Result<Pictured, StoreError> {
    let mut texts = Vec::new();
    let mut last = after;
    let step = sweep::through(look, layout::PENDING, after, |position, record| {
        last = Some(position);
        let fields: sweep::SweepFields = layout::decode("delivery", record)?;
        if fields.kind != KindName::CustomerText || !has_pictures(look, position, record)? {
            return Ok(false);
        }
        texts.push((fields.id, fields.kind.route(fields.ends).account));
        Ok(true)
    })?;
    Ok(Pictured { texts, next: last.map(|position| position.0), more: step.up_to.is_some() })
}

fn has_pictures(look: &dyn Look, position: Position, record: &[u8]) -> Result<bool, StoreError> {
    let event: Event = match layout::event_in(record) {
        Some(event) => layout::decode("event", event)?,
        None => {
            let at = layout::at_position(layout::EVENT, position);
            let event = look.get(&at)?.map(|value| lists::whole(look, &at, value)).transpose()?.flatten();
            // It went while it was looked for.
            let Some(event) = event else { return Ok(false) };
            layout::decode("event", &event)?
        }
    };
    Ok(event.kind.has_pictures())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of a medium that can fail.
    #[derive(Clone, Default)]
    struct Fake {
        files: Arc<Mutex<BTreeMap<PictureId, Vec<u8>>>>,
        fails: Arc<std::sync::atomic::AtomicBool>,
    }

    impl Files for Fake {
        fn list(&self) -> io::Result<Vec<(PictureId, u64)>> {
            let files = self.files.lock().unwrap();
            Ok(files.iter().map(|(id, file)| (*id, file.len() as u64)).collect())
        }

        fn write(&self, id: PictureId, head: &[u8], body: &[u8]) -> io::Result<()> {
            if self.fails.load(std::sync::atomic::Ordering::SeqCst) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.files.lock().unwrap().insert(id, [head, body].concat());
            Ok(())
        }

        fn read(&self, id: PictureId) -> io::Result<Vec<u8>> {
            self.files.lock().unwrap().get(&id).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn remove(&self, id: PictureId) -> io::Result<()> {
            self.files.lock().unwrap().remove(&id);
            Ok(())
        }
    }

    fn album() -> (Fake, Arc<Album>) {
        let files = Fake::default();
        let album = opened(&files, true);
        (files, album)
    }

    /// The album on these files, of texts that all need their pictures, or none.
    fn opened(files: &Fake, needs: bool) -> Arc<Album> {
        let disk = Disk::measured_by(|| Ok(u64::MAX));
        let album = Album::open(Box::new(files.clone()), &StoreLimits::default(), disk, |_| Ok(needs)).unwrap();
        Arc::new(album)
    }

    fn has_file(files: &Fake) -> bool {
        !files.files.lock().unwrap().is_empty()
    }

    /// An album with one kept picture.
    fn with_one() -> (Fake, Arc<Album>) {
        let (files, album) = album();
        let file = encoded();
        assert_eq!(album.reserve(ID, file.len()).ok().unwrap().fill(&file), Ok(Keeping::Safe));
        (files, album)
    }

    fn encoded() -> Encoded {
        let bytes = bytes::Bytes::from_static(b"picture");
        let picture = Picture { file_name: "a.png".into(), content_type: "image/png".into(), bytes };
        Encoded::new(picture).unwrap()
    }

    const ID: PictureId = PictureId { text: EventId { epoch: 1, sequence: 2, sub: 0 }, number: 3 };

    #[test]
    fn a_text_that_ends_while_its_picture_is_written_leaves_no_file() {
        let (files, album) = album();
        let file = encoded();
        let place = album.reserve(ID, file.len()).ok().unwrap();
        assert_eq!((album.bytes_of(ID), album.bytes()), (None, file.len()), "reserved and not there yet");
        assert_eq!(album.reserve(ID, file.len()).err(), Some(Keeping::Safe), "another call is at it");
        album.drop_of(&[ID.text]);
        album.remove_left();
        assert_eq!(place.fill(&file), Ok(Keeping::TooLate));
        assert_eq!((files.files.lock().unwrap().len(), album.bytes()), (0, 0));
    }

    #[test]
    fn a_place_that_is_not_filled_is_given_back() {
        let (files, album) = album();
        let file = encoded();
        drop(album.reserve(ID, file.len()).ok().unwrap());
        assert_eq!(album.bytes(), 0, "the caller went away");
        files.fails.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(album.reserve(ID, file.len()).ok().unwrap().fill(&file).is_err());
        assert_eq!((album.bytes(), album.bytes_of(ID)), (0, None));
        files.fails.store(false, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(album.reserve(ID, file.len()).ok().unwrap().fill(&file), Ok(Keeping::Safe));
        assert_eq!((album.bytes(), album.bytes_of(ID)), (file.len(), Some(file.len())));
    }

    #[test]
    fn the_writer_takes_the_places_of_ended_texts_and_removes_no_file_itself() {
        let (files, album) = with_one();
        assert!(!album.drop_of(&[EventId { sequence: 9, ..ID.text }]), "it has no picture");
        assert!(album.drop_of(&[ID.text]));
        assert_eq!((album.bytes_of(ID), album.bytes()), (None, 0), "no caller sees it from now on");
        assert!(has_file(&files), "its file is removed beside the writer");
        album.remove_left();
        assert!(!has_file(&files));
        assert!(!album.drop_of(&[ID.text]));
    }

    #[test]
    fn a_file_that_a_kill_has_left_behind_goes_when_the_store_is_opened() {
        let (files, album) = with_one();
        album.drop_of(&[ID.text]);
        drop(album);
        assert_eq!(opened(&files, true).bytes_of(ID), Some(encoded().len()), "a text that needs it has it again");
        let album = opened(&files, false);
        assert_eq!((has_file(&files), album.bytes_of(ID), album.bytes()), (false, None, 0));
    }

    #[test]
    fn a_caller_who_removes_files_returns_once_those_in_another_callers_hand_are_gone() {
        let (files, album) = with_one();
        album.drop_of(&[ID.text]);
        // Another caller has taken the picture from the list and is about to remove its file.
        let in_hand = album.removing.lock().unwrap();
        let taken = album.next_left().unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        let second = std::thread::spawn({
            let album = Arc::clone(&album);
            move || {
                album.remove_left();
                done.send(()).unwrap();
            }
        });
        assert!(is_done.recv_timeout(std::time::Duration::from_millis(100)).is_err(), "it waits for the first");
        album.remove(taken);
        drop(in_hand);
        second.join().unwrap();
        assert!(!has_file(&files));
    }

    #[test]
    fn pictures_take_a_quarter_of_the_room_above_the_floor_and_never_more_than_their_bound() {
        let limits = StoreLimits { disk_floor_bytes: 1_000, pictures_bytes: 500, ..StoreLimits::default() };
        for (free, kept, fits) in
            [(900, 0, 0), (1_000, 0, 0), (1_400, 0, 100), (1_400, 100, 25), (9_000, 0, 500), (9_000, 100, 400)]
        {
            let disk = Disk::measured_by(move || Ok(free));
            let album = Album::open(Box::new(Fake::default()), &limits, disk, |_| Ok(true)).unwrap();
            let has_room = |bytes| album.has_room_beside(kept, bytes);
            assert!(has_room(fits) && !has_room(fits + 1), "{free} free, {kept} kept");
        }
    }

    #[test]
    fn a_picture_takes_the_room_of_its_whole_file_and_none_is_read_where_there_is_none() {
        let (files, album) = album();
        assert_eq!(album.picture(ID), Ok(None));
        let file = encoded();
        assert_eq!(album.reserve(ID, file.len()).ok().unwrap().fill(&file), Ok(Keeping::Safe));
        assert_eq!(album.bytes(), files.files.lock().unwrap()[&ID].len() as u64);
    }

    #[test]
    fn a_damaged_file_is_never_taken_for_the_picture() {
        let (files, album) = with_one();
        let whole = files.files.lock().unwrap()[&ID].clone();
        let end = whole.len() - 1;
        let body = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let read = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut file = whole.clone();
            change(&mut file);
            files.files.lock().unwrap().insert(ID, file);
            album.picture(ID)
        };
        assert_eq!(read(&|_| ()).unwrap().unwrap().bytes, &b"picture"[..]);
        let is_damaged = |change: &dyn Fn(&mut Vec<u8>)| matches!(read(change), Err(StoreError::Failed(_)));
        assert!(is_damaged(&|file| file[end] ^= 1), "another byte");
        assert!(is_damaged(&|file| file.truncate(end)), "too short");
        assert!(is_damaged(&|file| file.push(0)), "too long");
        assert!(is_damaged(&|file| file.clear()), "empty");
        assert!(is_damaged(&|file| file[0] = b'x'), "no head");
        let of_before = |file: &mut Vec<u8>| {
            file.splice(..body, *b"{\"name\":\"a.png\",\"type\":\"image/png\",\"bytes\":7}\n");
        };
        assert_eq!(read(&of_before).unwrap().unwrap().bytes, &b"picture"[..], "a version before wrote no digest");
    }
}
