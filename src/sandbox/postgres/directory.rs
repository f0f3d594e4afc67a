//! The directory of a server, and its removal in every case.
//!
//! A shell waits beside this process for the end of a pipe. The pipe ends when the directory is dropped, and also when this
//! process ends without dropping anything: with a server in a `static`, or by `kill -9`. The shell then waits for the server's
//! end and removes the directory. Where even the shell was killed, the next start removes the directory.
//!
//! It never removes a directory with a living owner or a living server.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::programs::Programs;

/// How the name of every directory begins.
const PREFIX: &str = "tandem-postgres-";

/// The file that its owner holds locked. The kernel opens the lock when the owner ends.
const OWNER: &str = "owner";

/// Waits for the end of standard input, then for the server's end but no longer than 10 s, and removes the directory.
const REMOVAL: &str = r#"
read -r line
lock="$1/data/postmaster.pid"
tries=0
while [ "$tries" -lt 200 ] && pid=$(head -n 1 "$lock") && [ -e "/proc/$pid" ]; do
    sleep 0.05
    tries=$((tries + 1))
done
rm -rf "$1"
"#;

/// The directory of a server; it is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    remover: Child,
    _owner: File,
}

impl Directory {
    /// Creates one among the temporary files.
    pub(super) fn create(programs: &Programs) -> Result<Self, String> {
        let (path, owner) = create_locked()?;
        let told = |error| format!("{}: {error}", path.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", REMOVAL, "sh"]).arg(&path).current_dir("/").process_group(0);
        // The caller's output must not stay open in the shell.
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let remover = shell.spawn().map_err(told)?;
        let directory = Self { path, remover, _owner: owner };
        programs.hand_over(&directory.path)?;
        Ok(directory)
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The cluster.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The server's log.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Writes a file that only the server's account can read.
    pub(super) fn keep(&self, name: &str, text: &str, programs: &Programs) -> Result<PathBuf, String> {
        let path = self.path.join(name);
        let told = |error| format!("{}: {error}", path.display());
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path).map_err(told)?;
        file.write_all(text.as_bytes()).map_err(told)?;
        programs.hand_over(&path)?;
        Ok(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.remover.stdin.take());
        // The removal cannot be saved when it fails; the next start tries again.
        self.remover.wait().ok();
    }
}

/// A directory of a new name, with its locked file.
fn create_locked() -> Result<(PathBuf, File), String> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    for number in 0_u32.. {
        let path = std::env::temp_dir().join(format!("{PREFIX}{}-{number}", std::process::id()));
        let told = |error| format!("{}: {error}", path.display());
        match builder.create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            created => created.map_err(told)?,
        }
        let owner = File::create_new(path.join(OWNER)).map_err(told)?;
        // Another process may look at the file before it is locked; that process then removes the directory.
        if owner.try_lock().is_ok() {
            return Ok((path, owner));
        }
    }
    Err("every name for a directory is taken".to_owned())
}

/// Removes the directories whose owner and server are gone. A directory that cannot be removed stays for another start.
pub(super) fn remove_stale(programs: &Programs) {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
            && entry.metadata().is_ok_and(|found| found.is_dir() && programs.owns(found.uid()));
        if is_ours && is_stale(&entry.path()) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// Whether nothing that lives needs the directory.
fn is_stale(path: &Path) -> bool {
    let is_left = File::open(path.join(OWNER)).is_ok_and(|owner| owner.try_lock().is_ok());
    let lock = std::fs::read_to_string(path.join("data/postmaster.pid")).unwrap_or_default();
    let runs = lock.lines().next().is_some_and(|pid| Path::new("/proc").join(pid.trim()).exists());
    is_left && !runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_goes_with_its_owner_and_no_sooner() {
        if super::super::is_skipped() {
            return;
        }
        let programs = Programs::find().unwrap();
        let directory = Directory::create(&programs).unwrap();
        let path = directory.path().to_owned();
        assert!(!is_stale(&path), "its owner lives");
        remove_stale(&programs);
        assert!(path.exists());
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_without_an_owner_is_stale_unless_its_server_lives() {
        // Elsewhere, because a server that another test starts removes what is stale. Its owner's file was never locked, because
        // a program that another test starts may hold a copy of a lock for a moment.
        let home = tempfile::tempdir().unwrap();
        let path = home.path();
        let owner = File::create_new(path.join(OWNER)).unwrap();
        std::fs::create_dir(path.join("data")).unwrap();
        let lock = path.join("data/postmaster.pid");
        std::fs::write(&lock, format!("{}\n/somewhere\n", std::process::id())).unwrap();
        assert!(!is_stale(path), "its server lives");
        // No process has this number: the kernel gives none above 2^22.
        std::fs::write(&lock, "4194305\n/somewhere\n").unwrap();
        assert!(is_stale(path));
        owner.try_lock().unwrap();
        assert!(!is_stale(path), "its owner lives");
    }
}
