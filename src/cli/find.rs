//! `tandem find`: the state of the latest texts of the customers that an operator's words mean.
//!
//! The bridge decides the meaning of the words ([`crate::domain::find`]).

use std::io::Write;

use clap::Args;
use http::Method;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::failure::Failure;
use super::streams::{plain, print_json};
use super::table;
use super::way::Where;

/// `tandem find`
#[derive(Debug, Args)]
pub(super) struct Find {
    /// The end of a phone number (two digits are enough) or a whole one, a name, a customer's id, a ticket, an evt_…
    /// id, or a carrier's id of a text. Quote a # and blanks, or leave both out.
    #[arg(value_name = "WORDS", required = true)]
    words: Vec<String>,
    /// At most this many people of each meaning.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=50))]
    limit: u8,
    #[command(flatten)]
    bridge: Where,
}

/// The columns of a delivery.
const COLUMNS: [&str; 5] = ["accepted_at", "kind", "state", "cause", "id"];

impl Find {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        let (words, limit) = (self.words.join(" "), self.limit.to_string());
        let parameters = [("words", words.as_str()), ("limit", limit.as_str())];
        let found = self.bridge.find()?.ask(Method::GET, &["find"], &parameters, None)?;
        let groups = found["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
        if self.bridge.form.json {
            print_json(output, &found)?;
        } else {
            let zone = self.bridge.zone();
            for (number, group) in groups.iter().enumerate() {
                print_group(group, number == 0, &zone, output)?;
            }
        }
        let nothing = || Failure::Failed(format!("nothing is found by {:?}", table::printable(&words)));
        if groups.is_empty() { Err(nothing()) } else { Ok(()) }
    }
}

fn print_group(group: &Value, is_first: bool, zone: &TimeZone, output: &mut impl Write) -> Result<(), Failure> {
    if !is_first {
        writeln!(output)?;
    }
    let people = items(group, "people");
    let more = if group["more"] == true { ", newest first; --limit shows more" } else { "" };
    let (by, shown) = (plain(&group["by"]), people.len());
    writeln!(output, "By {by}: {shown} of {}{more}", group["total"])?;
    let named = items(group, "deliveries");
    if !named.is_empty() {
        print_deliveries(named, zone, output)?;
    }
    for person in people {
        writeln!(output, "\n{}", heading(person))?;
        print_deliveries(items(person, "latest"), zone, output)?;
    }
    Ok(())
}

/// One line about a customer.
fn heading(person: &Value) -> String {
    let mut words = vec![plain(&person["key"])];
    words.extend(person["phone_end"].as_str().map(table::printable));
    if person["ticket_id"].is_u64() {
        let (state, desk) = (plain(&person["ticket_state"]), plain(&person["desk"]));
        words.push(format!("ticket #{} ({state}) at {desk}", person["ticket_id"]));
    }
    words.extend(person["line_name"].as_str().map(|line| format!("line {}", table::printable(line))));
    words.extend((person["subscription"] == "out").then(|| "opted out".to_owned()));
    words.join("  ")
}

/// Prints deliveries. A delivery without a cause shows its receipt in that column.
fn print_deliveries(deliveries: &[Value], zone: &TimeZone, output: &mut impl Write) -> Result<(), Failure> {
    if deliveries.is_empty() {
        writeln!(output, "no delivery of this conversation is kept any more")?;
        return Ok(());
    }
    let with_cause = |delivery: &Value| {
        let mut delivery = delivery.clone();
        if delivery["cause"].is_null() {
            delivery["cause"] = delivery["receipt"].clone();
        }
        delivery
    };
    let deliveries: Vec<Value> = deliveries.iter().map(with_cause).collect();
    Ok(table::print(output, &COLUMNS, &deliveries, zone)?)
}

fn items<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map(Vec::as_slice).unwrap_or_default()
}
