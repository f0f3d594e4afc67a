//! Moves many deliveries at once: asks the bridge step by step, shows the progress and sums up the result.
//!
//! The bridge carries out one step a request and keeps only the steps that are done, so a command that is stopped can
//! be given again. Memory does not grow with the number of deliveries.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use http::Method;
use serde_json::{Value, json};

use super::client::Bridge;
use super::failure::Failure;
use super::options::Form;
use super::streams::print_json;
use super::table;
use crate::domain::delivery::StateName;

/// The most reasons that are told apart. A reason may name its delivery, so there may be as many as deliveries.
const REASONS_MAX: usize = 20;

/// The deliveries between two lines of progress, where the last line cannot be overwritten.
const LINE_EVERY: u64 = 10_000;

/// The deliveries to move, and the move.
pub(super) struct Bulk<'a> {
    /// The last word of the path: redrive or discard.
    pub(super) action: &'static str,
    /// The move as a participle, for the sentence about it.
    pub(super) participle: &'static str,
    pub(super) state: StateName,
    pub(super) conversation: Option<&'a str>,
    pub(super) body: Option<Value>,
}

/// The result so far.
#[derive(Default)]
struct Sum {
    total: u64,
    moved: u64,
    refused: u64,
    reasons: BTreeMap<String, Reason>,
}

/// Deliveries that could not be moved for one reason.
struct Reason {
    count: u64,
    first: String,
}

impl Bulk<'_> {
    /// Moves them all, and prints the result.
    pub(super) fn run(&self, bridge: &Bridge, form: Form, output: &mut impl Write) -> Result<(), Failure> {
        let (filter, limit) = (self.filter(), ("limit", "1"));
        let listed = [&filter[..], &[limit]].concat();
        let page = bridge.ask(Method::GET, &["deliveries"], &listed, None)?;
        let mut sum = Sum { total: page["total"].as_u64().unwrap_or_default(), ..Sum::default() };
        let mut progress = Progress::new();
        let (mut after, mut accepted_by) = (None::<String>, None::<String>);
        loop {
            let mut parameters = filter.clone();
            parameters.extend(after.as_deref().map(|after| ("after", after)));
            parameters.extend(accepted_by.as_deref().map(|time| ("accepted_by", time)));
            let step = bridge.ask(Method::POST, &["deliveries", self.action], &parameters, self.body.as_ref());
            // The moves so far stand, so they are told also when the next step fails.
            let step = step.inspect_err(|_| progress.end(self, &sum))?;
            sum.add(&step);
            progress.show(self, &sum);
            accepted_by = step["accepted_by"].as_str().map(str::to_owned);
            after = step["next"].as_str().map(str::to_owned);
            if after.is_none() {
                break;
            }
        }
        progress.clear();
        self.print(&sum, form, output)?;
        if sum.refused == 0 { Ok(()) } else { Err(Failure::Failed(format!("{} could not be moved", sum.refused))) }
    }

    fn filter(&self) -> Vec<(&str, &str)> {
        let mut filter = vec![("state", self.state.word())];
        filter.extend(self.conversation.map(|key| ("conversation", key)));
        filter
    }

    fn print(&self, sum: &Sum, form: Form, output: &mut impl Write) -> Result<(), Failure> {
        if form.json {
            let reasons: Vec<Value> = sum.reasons.iter().map(|(reason, of)| of.json(reason)).collect();
            let (total, moved) = (sum.total, sum.moved);
            return print_json(
                output,
                &json!({ "total": total, "moved": moved, "refused": sum.refused, "reasons": reasons }),
            );
        }
        writeln!(output, "{} {} of {}", sum.moved, self.participle, sum.total)?;
        for (reason, of) in &sum.reasons {
            writeln!(output, "{} not: {} (the first: {})", of.count, table::printable(reason), of.first)?;
        }
        Ok(())
    }
}

impl Sum {
    fn add(&mut self, step: &Value) {
        self.moved += step["moved"].as_u64().unwrap_or_default();
        for refused in step["refused"].as_array().into_iter().flatten() {
            self.refused += 1;
            let reason = refused["reason"].as_str().unwrap_or_default();
            let known = self.reasons.contains_key(reason) || self.reasons.len() < REASONS_MAX;
            let reason = if known { reason } else { "other reasons" };
            let first = || Reason { count: 0, first: refused["id"].as_str().unwrap_or_default().to_owned() };
            self.reasons.entry(reason.to_owned()).or_insert_with(first).count += 1;
        }
        // Deliveries may have entered this state since they were counted.
        self.total = self.total.max(self.moved + self.refused);
    }
}

impl Reason {
    fn json(&self, reason: &str) -> Value {
        json!({ "reason": reason, "count": self.count, "first": self.first })
    }
}

/// The progress on standard error: one line that is overwritten on a terminal, else a line now and then.
struct Progress {
    on_terminal: bool,
    told: u64,
}

impl Progress {
    fn new() -> Self {
        Self { on_terminal: std::io::stderr().is_terminal(), told: 0 }
    }

    fn show(&mut self, bulk: &Bulk<'_>, sum: &Sum) {
        let done = sum.moved + sum.refused;
        let line = format!("{} of {} {}", sum.moved, sum.total, bulk.participle);
        if self.on_terminal {
            tell(&format!("\r\x1b[K{line}"));
        } else if done >= self.told + LINE_EVERY {
            self.told = done;
            tell(&format!("{line}\n"));
        }
    }

    /// Clears the line before the result is printed.
    fn clear(&self) {
        if self.on_terminal {
            tell("\r\x1b[K");
        }
    }

    /// Tells the progress before a failure. Where nothing was moved, the failure alone is told.
    fn end(&self, bulk: &Bulk<'_>, sum: &Sum) {
        self.clear();
        if sum.moved + sum.refused == 0 {
            return;
        }
        tell(&format!("stopped: {} of {} {}; give the command again\n", sum.moved, sum.total, bulk.participle));
    }
}

/// Progress that cannot be printed does not stop the moves.
fn tell(words: &str) {
    let mut error = std::io::stderr();
    drop(error.write_all(words.as_bytes()).and_then(|()| error.flush()));
}
