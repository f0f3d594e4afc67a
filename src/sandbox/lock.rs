//! Locking the sandbox's states. It never fails.

/// A poisoned lock means that a test failed elsewhere; its state is still whole.
pub(super) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
