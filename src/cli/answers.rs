//! `tandem deliveries show ID --answers`: prints a vendor's answers for people. It never asks the bridge.

use std::io::Write;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::failure::Failure;
use super::options::Form;
use super::streams::{items, plain, print_json};
use super::table::{cell, printable};

/// Prints the answers, oldest first, each with its body below it.
pub(super) fn show(answers: &Value, form: Form, zone: &TimeZone, output: &mut impl Write) -> Result<(), Failure> {
    if form.json {
        return print_json(output, answers);
    }
    let items = items(answers);
    if let Some(older) = answers["older"].as_u64().filter(|older| *older > 0) {
        writeln!(output, "{older} older answers are not kept\n")?;
    }
    for item in items {
        let content_type = item["content_type"].as_str().map(printable).unwrap_or_default();
        let times = item["times"].as_u64().filter(|times| *times > 1);
        let times = times.map(|times| format!("  {times} times, the last of them then")).unwrap_or_default();
        let (at, call, status) = (cell(&item["at"], zone), plain(&item["call"]), plain(&item["status"]));
        writeln!(output, "{}", format!("{at}  {call}  {status}  {content_type}{times}").trim_end())?;
        let body = item["body"].as_str().unwrap_or_default();
        for line in body.lines() {
            writeln!(output, "  {}", printable(line))?;
        }
        let length = item["length"].as_u64().unwrap_or_default();
        if body.is_empty() {
            writeln!(output, "  (no body)")?;
        } else if length > u64::try_from(body.len()).unwrap_or(u64::MAX) {
            writeln!(output, "  (the body had {length} bytes)")?;
        }
        writeln!(output)?;
    }
    if items.is_empty() {
        writeln!(output, "No failed attempt was answered.")?;
    }
    Ok(())
}
