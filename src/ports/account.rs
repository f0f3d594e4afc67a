//! The side of an account that says whether it can be called now. Never calls the vendor.

use std::sync::MutexGuard;

use crate::domain::breaker::Breaker;
use crate::domain::lanes::{Gates, Need};

/// One access to one vendor, with the rate budget and the breaker of that access.
pub trait Account: Send + Sync {
    /// The vendor's name, for texts that people read.
    fn vendor(&self) -> &'static str;

    /// How much work with each of these needs the rate budget lets begin now, for `most` heads at most.
    fn gates(&self, needs: &[Need], most: usize) -> Gates;

    /// The breaker of the vendor's answers, locked.
    fn breaker(&self) -> MutexGuard<'_, Breaker>;
}
