//! The free space on the store's medium. It never decides what may still be written.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::store::StoreError;
use crate::store::lock::lock;

/// How long a measured amount of free space is believed. At the fastest rate of acceptance a second costs some tens of
/// megabytes, a fraction of the floor.
const DISK_AGE_MAX: Duration = Duration::from_secs(1);

const MIB: u64 = 1024 * 1024;

/// How many bytes are free on the store's medium.
#[derive(Clone)]
pub(in crate::store) struct Disk(Arc<dyn Fn() -> Result<u64, StoreError> + Send + Sync>);

impl Disk {
    /// The disk of this path, measured at most once a second for all callers, if `proof` finds the path to be the same.
    /// A disk that cannot be measured counts as full: it is in trouble.
    pub(in crate::store) fn of(
        path: &Path,
        proof: impl Fn() -> Result<(), StoreError> + Send + Sync + 'static,
    ) -> Self {
        let path = path.to_owned();
        let last: Mutex<Option<(Instant, Result<u64, StoreError>)>> = Mutex::default();
        Self::measured_by(move || {
            let mut last = lock(&last);
            match &*last {
                Some((at, free)) if at.elapsed() < DISK_AGE_MAX => free.clone(),
                _ => {
                    let free = proof().map(|()| free_bytes(&path).unwrap_or(0));
                    *last = Some((Instant::now(), free.clone()));
                    free
                }
            }
        })
    }

    /// A medium that knows its own free space.
    pub(in crate::store) fn measured_by(free: impl Fn() -> Result<u64, StoreError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(free))
    }

    /// The number of free bytes; `None` where the path is another one by now.
    pub(in crate::store) fn free(&self) -> Option<u64> {
        (self.0)().ok()
    }

    /// Whether at least the floor is free.
    pub(in crate::store) fn check(&self, floor_bytes: u64) -> Result<(), StoreError> {
        let free = (self.0)()?;
        if free < floor_bytes {
            return Err(StoreError::DiskLow { free_mib: free / MIB, floor_mib: floor_bytes / MIB });
        }
        Ok(())
    }
}

/// The bytes that an ordinary user may still write on this disk.
pub(in crate::store) fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
