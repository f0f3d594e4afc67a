//! The history of a run, a line for each step, in virtual time. The same seed writes the same lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use tokio::time::Instant;

/// The lines of one run, and the number of faults of each kind.
#[derive(Debug)]
pub(crate) struct Trace {
    started: Instant,
    /// `None` where they have no reader.
    lines: Option<Mutex<String>>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl Trace {
    pub(crate) fn new(kept: bool) -> Self {
        Self { started: Instant::now(), lines: kept.then(Mutex::default), counts: Mutex::default() }
    }

    /// Adds a line.
    pub(crate) fn say(&self, line: impl FnOnce() -> String) {
        let Some(lines) = &self.lines else { return };
        let passed = self.started.elapsed();
        let (seconds, millis) = (passed.as_secs(), passed.subsec_millis());
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let mut lines = lines.lock().unwrap();
        writeln!(lines, "{hours:02}:{minutes:02}:{:02}.{millis:03} {}", seconds % 60, line()).unwrap();
    }

    /// Counts something.
    pub(crate) fn count(&self, what: &'static str) {
        *self.counts.lock().unwrap().entry(what).or_default() += 1;
    }

    /// Counts a fault, and writes its line.
    pub(crate) fn fault(&self, what: &'static str, on: impl FnOnce() -> String) {
        self.count(what);
        self.say(|| format!("  ! {what}: {}", on()));
    }

    pub(crate) fn lines(&self) -> String {
        self.lines.as_ref().map(|lines| lines.lock().unwrap().clone()).unwrap_or_default()
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap().clone()
    }
}
