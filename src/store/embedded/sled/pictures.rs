//! The folder beside sled's files in which each kept picture is a file.
//!
//! A picture is written to a draft, synced, renamed, and the folder synced, so a file under its own name is whole. A
//! removal is not synced: a file that a power cut brings back is dropped when the store is opened. A file's name is the
//! text's id and the link's number and tells nothing of the customer; other files in the folder are left alone. Only
//! this user can read any of it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use tracing::warn;

use crate::store::PictureId;
use crate::store::embedded::sled::directory::{Directory, sync_directory};
use crate::store::engine::album::Files;

/// The folder's name in the store's directory.
pub(super) const FOLDER: &str = "pictures";

/// The ending of a file that is not whole yet.
const DRAFT: &str = ".new";

/// The pictures of a store. It does not keep the store's directory locked.
pub(super) struct Folder(Weak<Directory>);

impl Folder {
    pub(super) fn of(directory: &Arc<Directory>) -> Self {
        Self(Arc::downgrade(directory))
    }

    /// The folder's path, while the directory is the one that was opened.
    fn path(&self) -> io::Result<PathBuf> {
        let directory = self.0.upgrade().ok_or_else(|| io::Error::other("the store is closed"))?;
        directory.prove()?;
        Ok(directory.path().join(FOLDER))
    }
}

impl Files for Folder {
    fn list(&self) -> io::Result<Vec<(PictureId, u64)>> {
        let entries = match fs::read_dir(self.path()?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(id) = id_in(name) {
                // A file whose length cannot be read is dropped or kept as any other, and only its room is not counted.
                found.push((id, entry.metadata().map_or(0, |about| about.len())));
            } else if name.strip_suffix(DRAFT).is_some_and(|name| id_in(name).is_some())
                && let Err(error) = fs::remove_file(entry.path())
            {
                warn!(%error, "picture.not_removed: a draft stays on the disk until the next start");
            }
        }
        Ok(found)
    }

    fn write(&self, id: PictureId, head: &[u8], body: &[u8]) -> io::Result<()> {
        let folder = self.path()?;
        make(&folder)?;
        let draft = folder.join(name_of(id) + DRAFT);
        let written = write_whole(&draft, head, body)
            .and_then(|()| self.path())
            .and_then(|folder| fs::rename(&draft, folder.join(name_of(id))))
            .and_then(|()| sync_directory(&folder));
        if written.is_err() {
            // The first error tells the cause.
            fs::remove_file(&draft).ok();
            self.remove(id).ok();
        }
        written
    }

    fn read(&self, id: PictureId) -> io::Result<Vec<u8>> {
        fs::read(self.path()?.join(name_of(id)))
    }

    fn remove(&self, id: PictureId) -> io::Result<()> {
        match fs::remove_file(self.path()?.join(name_of(id))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Makes the folder, durably, where it is not there.
fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => folder.parent().map_or(Ok(()), sync_directory),
    }
}

fn write_whole(path: &Path, head: &[u8], body: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(head)?;
    file.write_all(body)?;
    file.sync_all()
}

fn name_of(id: PictureId) -> String {
    format!("{}.{}", id.text, id.number)
}

fn id_in(name: &str) -> Option<PictureId> {
    let (text, number) = name.split_once('.')?;
    let id = PictureId { text: text.parse().ok()?, number: number.parse().ok()? };
    // One picture has one name.
    (name_of(id) == name).then_some(id)
}
