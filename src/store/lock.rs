//! Locking the values that an embedded store shares between its writer and its callers. It never fails.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Each of these values is changed in one step, so it is good even after a panic.
pub(super) fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
