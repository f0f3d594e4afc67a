//! Named points at which a test build can be told to die, or to leave a step out, so that a test can put a crash
//! exactly between two steps of ours.
//!
//! The environment of a *test build* names one point with [`crate::config::fail_point`], `TANDEM_FAILPOINT=store.committed:3`:
//! there the process kills itself with SIGKILL when it gets there for the third time. `catch_up:panic` panics there, the
//! first time. `log.sync:omit` leaves that step out instead; it shows that a harness notices.
//!
//! All of it stands behind `debug_assertions`. The tests run the very binary that `cargo test` builds anyway, so there
//! is no second build, which a cargo feature would cost; and a release binary has none of it: there [`reach`] is empty,
//! and the variable is a key that nobody knows, at which the start is refused. So it cannot be switched on by accident
//! where it matters. A point never decides anything, and costs a debug build one look at a cell.

#[cfg(debug_assertions)]
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

/// What is to happen, once in the life of the process.
#[cfg(debug_assertions)]
#[derive(Debug)]
pub struct FailPoint {
    name: String,
    deed: Deed,
}

#[cfg(debug_assertions)]
#[derive(Debug)]
enum Deed {
    /// The process dies when it has got there so often.
    Die(AtomicU32),
    /// The task that gets there first panics.
    Panic(AtomicBool),
    /// The step is left out.
    Omit,
}

#[cfg(debug_assertions)]
static ARMED: OnceLock<FailPoint> = OnceLock::new();

#[cfg(debug_assertions)]
impl FailPoint {
    /// Reads `NAME:COUNT`, `NAME:panic` or `NAME:omit`; `None` when it is none of them.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (name, what) = text.split_once(':')?;
        let deed = match what {
            "omit" => Deed::Omit,
            "panic" => Deed::Panic(AtomicBool::new(false)),
            count => Deed::Die(AtomicU32::new(count.parse().ok().filter(|n| *n > 0)?)),
        };
        Some(Self { name: name.to_owned(), deed })
    }

    /// From now on it is waited for. The first one counts.
    pub fn arm(self) {
        ARMED.get_or_init(|| self);
    }
}

/// This is the named point: a test build that was told so dies or panics here.
///
/// # Panics
/// Where a test build was told so.
#[cfg(debug_assertions)]
pub fn reach(name: &'static str) {
    let Some(armed) = ARMED.get().filter(|armed| armed.name == name) else { return };
    match &armed.deed {
        Deed::Die(left) if left.fetch_sub(1, Ordering::SeqCst) == 1 => {
            // As `kill -9` does it: the signal shows that it was neither a panic nor an abort.
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).ok();
            std::process::abort();
        }
        Deed::Panic(was_reached) if !was_reached.swap(true, Ordering::SeqCst) => {
            std::panic::panic_any("planted by a fail point")
        }
        Deed::Die(_) | Deed::Panic(_) | Deed::Omit => {}
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
    ARMED.get().is_some_and(|armed| armed.name == name && matches!(armed.deed, Deed::Omit))
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
    fn only_a_name_with_a_count_or_a_word_is_one() {
        let read = |text| FailPoint::read(text).unwrap();
        assert!(matches!(read("store.committed:3"), FailPoint { name, deed: Deed::Die(left) }
            if name == "store.committed" && left.load(Ordering::SeqCst) == 3));
        assert!(matches!(read("log.sync:omit"), FailPoint { name, deed: Deed::Omit } if name == "log.sync"));
        assert!(matches!(read("catch_up:panic"), FailPoint { name, deed: Deed::Panic(_) } if name == "catch_up"));
        for text in ["", "store.committed", "store.committed:", "store.committed:0", "store.committed:-1", "a:b"] {
            assert!(FailPoint::read(text).is_none(), "{text:?}");
        }
    }
}
