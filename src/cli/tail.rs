//! `tandem deliveries tail`: follows a running bridge, also past its restarts.
//!
//! It polls the newest deliveries, and prints each when it is new and when its state has changed. It never remembers
//! more than a page of them.

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value;

use super::client::{Answer, Bridge};
use super::failure::Failure;
use super::lists::Which;
use super::streams::json_line;
use super::table::Table;
use super::way::Where;
use crate::domain::delivery::StateName;

/// The time between two polls.
const EVERY: Duration = Duration::from_secs(1);

/// The number of watched deliveries: the longest page of the API.
const WATCHED: &str = "500";

/// The most full pages of new deliveries in one look. The rest is left out, because it scrolls by unread.
const PAGES_MAX: usize = 20;

const COLUMNS: [&str; 7] = ["accepted_at", "id", "kind", "state", "conversation", "line_name", "cause"];

/// The characters of `ticket_reopened`.
const LONGEST_KIND: usize = 15;

/// The deliveries seen so far.
struct Tail {
    /// The last printed state of each of the newest.
    seen: HashMap<String, String>,
    /// The number to print of the first look; `None` after it, when all are printed.
    first: Option<usize>,
    /// Whether the bridge answered the last request.
    is_there: bool,
}

/// Follows until the process is ended.
pub(super) fn run(which: &Which, lines: usize, bridge: &Where, output: &mut impl Write) -> Result<(), Failure> {
    let found = bridge.find()?;
    let wanted = which.parameters()?;
    let mut tail = Tail { seen: HashMap::new(), first: Some(lines), is_there: true };
    let longest = StateName::ALL.into_iter().map(|state| state.word().len()).max().unwrap_or_default();
    let mut table = Table::new(&COLUMNS, &bridge.zone()).with_room("state", longest).with_room("kind", LONGEST_KIND);
    loop {
        let deliveries = tail.look(&found, &wanted)?;
        if bridge.form.json {
            for delivery in &deliveries {
                output.write_all(json_line(delivery).as_bytes())?;
            }
        } else {
            table.print(&deliveries, output)?;
        }
        output.flush()?;
        std::thread::sleep(EVERY);
    }
}

impl Tail {
    /// The deliveries to print after one look, oldest first.
    fn look(&mut self, bridge: &Bridge, wanted: &[(&str, String)]) -> Result<Vec<Value>, Failure> {
        let (mut newest, mut after) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let Some(page) = self.page(bridge, wanted, after.as_deref())? else { return Ok(Vec::new()) };
            let items = page["items"].as_array().cloned().unwrap_or_default();
            let meets =
                self.first.is_some() || items.iter().any(|delivery| self.seen.contains_key(text(delivery, "id")));
            newest.extend(items);
            after = page["next"].as_str().map(str::to_owned);
            if meets || after.is_none() {
                break;
            }
        }
        Ok(self.changed(newest))
    }

    /// The deliveries of the newest whose state differs from the printed one, oldest first.
    fn changed(&mut self, newest: Vec<Value>) -> Vec<Value> {
        let seen: HashMap<String, String> = newest
            .iter()
            .map(|delivery| (text(delivery, "id").to_owned(), text(delivery, "state").to_owned()))
            .collect();
        let before = std::mem::replace(&mut self.seen, seen);
        let is_new =
            |delivery: &Value| before.get(text(delivery, "id")).map(String::as_str) != Some(text(delivery, "state"));
        let limit = self.first.take().unwrap_or(usize::MAX);
        let mut changed: Vec<Value> = newest.into_iter().filter(is_new).take(limit).collect();
        changed.reverse();
        changed
    }

    /// A page, newest first; `None` while no bridge answers.
    fn page(
        &mut self,
        bridge: &Bridge,
        wanted: &[(&str, String)],
        after: Option<&str>,
    ) -> Result<Option<Value>, Failure> {
        let mut parameters: Vec<(&str, &str)> = wanted.iter().map(|(name, value)| (*name, value.as_str())).collect();
        parameters.extend([("newest", "true"), ("limit", WATCHED)]);
        parameters.extend(after.map(|after| ("after", after)));
        let trouble = match bridge.run(bridge.answer(Method::GET, &["deliveries"], &parameters, None)) {
            Ok(Answer { status: StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY, .. }) => {
                "the bridge is starting or stopping".to_owned()
            }
            Ok(answer) => {
                if !std::mem::replace(&mut self.is_there, true) {
                    say("the bridge is back")?;
                }
                return answer.good().map(Some);
            }
            Err(Failure::Failed(problem)) if self.first.is_none() => problem,
            Err(other) => return Err(other),
        };
        if std::mem::replace(&mut self.is_there, false) {
            say(&format!("{trouble}; waiting for it"))?;
        }
        Ok(None)
    }
}

fn say(words: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stderr(), "tandem: {words}")?)
}

fn text<'a>(delivery: &'a Value, field: &str) -> &'a str {
    delivery[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_delivery_is_printed_when_it_is_new_and_when_it_stands_otherwise() {
        let mut tail = Tail { seen: HashMap::new(), first: Some(1), is_there: true };
        let page = |known: &[(&str, &str)]| {
            known.iter().map(|(id, state)| json!({ "id": id, "state": state })).collect::<Vec<_>>()
        };
        for (newest, printed) in [
            (&[("c", "pending"), ("b", "dead"), ("a", "pending")][..], &[("c", "pending")][..]),
            (&[("c", "pending"), ("b", "dead"), ("a", "delivered")], &[("a", "delivered")]),
            (&[("d", "pending"), ("c", "sending"), ("b", "dead")], &[("c", "sending"), ("d", "pending")]),
            (&[("d", "pending"), ("c", "sending"), ("b", "dead")], &[]),
        ] {
            assert_eq!(tail.changed(page(newest)), page(printed), "{newest:?}");
        }
    }
}
