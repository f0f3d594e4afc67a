//! Named points at which a test build can be told to die, to panic or to leave a step out, so that a test can put a
//! crash exactly between two steps of the bridge.
//!
//! The environment of a *test build* names one point ([`crate::config::fail_point`]).
//! `TANDEM_FAILPOINT=store.committed:3` kills the process with SIGKILL at the third pass of that point.
//! `catch_up:panic` panics at the first pass. `log.sync:omit` leaves that step out, which shows that a harness notices.
//!
//! All of it stands behind `debug_assertions`, because the tests run the binary that `cargo test` builds anyway, and a
//! cargo feature would need a second build. In a release build [`reach`] is empty, and the start refuses the variable
//! as an unknown key, so a fail point cannot be switched on by accident. Never decides anything, and costs a debug
//! build one read of a cell.

#[cfg(debug_assertions)]
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

/// A point and the deed at it.
#[cfg(debug_assertions)]
#[derive(Debug)]
pub struct FailPoint {
    name: String,
    deed: Deed,
}

#[cfg(debug_assertions)]
#[derive(Debug)]
enum Deed {
    /// The process dies at this pass of the point.
    Die(AtomicU32),
    /// The task that reaches the point first panics.
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

    /// Arms the point. Only the first armed one counts.
    pub fn arm(self) {
        ARMED.get_or_init(|| self);
    }
}

/// Marks the named point. A test build that has armed it dies or panics here.
///
/// # Panics
/// In a test build that has armed it so.
#[cfg(debug_assertions)]
pub fn reach(name: &str) {
    let Some(armed) = ARMED.get().filter(|armed| armed.name == name) else { return };
    match &armed.deed {
        Deed::Die(left) if left.fetch_sub(1, Ordering::SeqCst) == 1 => {
            // As `kill -9` does, so that the signal tells the deed from a panic or an abort.
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).ok();
            std::process::abort();
        }
        Deed::Panic(was_reached) if !was_reached.swap(true, Ordering::SeqCst) => {
            std::panic::panic_any("planted by a fail point")
        }
        Deed::Die(_) | Deed::Panic(_) | Deed::Omit => {}
    }
}

/// Marks the named point, without effect in this build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reach(_name: &str) {}

/// Whether a test build was told to leave this step out.
#[cfg(debug_assertions)]
#[must_use]
pub fn omits(name: &'static str) -> bool {
    ARMED.get().is_some_and(|armed| armed.name == name && matches!(armed.deed, Deed::Omit))
}

/// Whether to leave this step out: never in this build.
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
