//! Named points at which a test build can be told to die, or to leave a step out, so that a test can put a crash
//! exactly between two steps of ours.
//!
//! The environment of a *test build* names one point with [`crate::config::fail_point`], `TANDEM_FAILPOINT=store.committed:3`:
//! there the process kills itself with SIGKILL when it gets there for the third time. `log.sync:omit` leaves that step
//! out instead; it shows that a harness notices.
//!
//! All of it stands behind `debug_assertions`. The tests run the very binary that `cargo test` builds anyway, so there
//! is no second build, which a cargo feature would cost; and a release binary has none of it: there [`reach`] is empty,
//! and the variable is a key that nobody knows, at which the start is refused. So it cannot be switched on by accident
//! where it matters. A point never decides anything, and costs a debug build one look at a cell.

#[cfg(debug_assertions)]
use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

/// What is to happen, once in the life of the process.
#[cfg(debug_assertions)]
#[derive(Debug)]
pub struct FailPoint {
    name: String,
    /// How often it is reached until the process dies; `None` when a step is to be left out.
    left: Option<AtomicU32>,
}

#[cfg(debug_assertions)]
static ARMED: OnceLock<FailPoint> = OnceLock::new();

#[cfg(debug_assertions)]
impl FailPoint {
    /// Reads `NAME:COUNT` or `NAME:omit`; `None` when it is neither.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (name, what) = text.split_once(':')?;
        let left = if what == "omit" { None } else { Some(AtomicU32::new(what.parse().ok().filter(|n| *n > 0)?)) };
        Some(Self { name: name.to_owned(), left })
    }

    /// From now on it is waited for. The first one counts.
    pub fn arm(self) {
        ARMED.get_or_init(|| self);
    }
}

/// This is the named point: a test build that was told so dies here.
#[cfg(debug_assertions)]
pub fn reach(name: &'static str) {
    let Some(armed) = ARMED.get().filter(|armed| armed.name == name) else { return };
    if armed.left.as_ref().is_some_and(|left| left.fetch_sub(1, Ordering::SeqCst) == 1) {
        // As `kill -9` does it; whoever looks at the signal sees that it was neither a panic nor an abort.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).ok();
        std::process::abort();
    }
}

/// This is the named point. Nothing happens in this build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reach(_name: &'static str) {}

/// Whether a test build was told to leave this step out.
#[cfg(debug_assertions)]
#[must_use]
pub fn omits(name: &'static str) -> bool {
    ARMED.get().is_some_and(|armed| armed.name == name && armed.left.is_none())
}

/// Whether to leave this step out. Never, in this build.
#[cfg(not(debug_assertions))]
#[inline(always)]
#[must_use]
pub fn omits(_name: &'static str) -> bool {
    false
}

#[cfg(debug_assertions)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_with_a_count_or_with_omit_is_one() {
        for (text, name, left) in
            [("store.committed:3", "store.committed", Some(3)), ("log.sync:omit", "log.sync", None)]
        {
            let read = FailPoint::read(text).unwrap();
            assert_eq!((read.name.as_str(), read.left.map(AtomicU32::into_inner)), (name, left));
        }
        for text in ["", "store.committed", "store.committed:", "store.committed:0", "store.committed:-1", "a:b"] {
            assert!(FailPoint::read(text).is_none(), "{text:?}");
        }
    }
}
