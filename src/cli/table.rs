//! Lists for people: columns that line up, without characters that could steer a terminal.

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// The characters after which a cell is cut; `--json` and `show` have the whole.
const CELL_MAX_CHARS: usize = 80;

/// A list that is printed part by part, under one line of headings.
pub(super) struct Table<'a> {
    columns: &'a [&'a str],
    /// For each column, the characters of its widest cell so far.
    widths: Vec<usize>,
    zone: TimeZone,
    is_headed: bool,
}

impl<'a> Table<'a> {
    /// A table of these fields of each object. Its times have the form of [`time`].
    pub(super) fn new(columns: &'a [&'a str], zone: &TimeZone) -> Self {
        Self { columns, widths: vec![0; columns.len()], zone: zone.clone(), is_headed: false }
    }

    /// The same, with room for `chars` characters in this column.
    pub(super) fn with_room(mut self, column: &str, chars: usize) -> Self {
        for (known, width) in self.columns.iter().zip(&mut self.widths) {
            *width = if *known == column { chars } else { *width };
        }
        self
    }

    /// Prints one part of the list. Earlier parts stand, so a wider cell moves only later rows.
    pub(super) fn print(&mut self, items: &[Value], output: &mut impl Write) -> std::io::Result<()> {
        let headings = self.columns.iter().map(|name| name.replace('_', " ").to_uppercase()).collect();
        let headings = (!self.is_headed).then_some(headings);
        self.is_headed = true;
        let rows = items.iter().map(|item| self.columns.iter().map(|name| cell(&item[*name], &self.zone)).collect());
        let rows: Vec<Vec<String>> = headings.into_iter().chain(rows).collect();
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in rows {
            let line: Vec<String> =
                row.iter().zip(&self.widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(output, "{}", line.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// Prints a whole list.
pub(super) fn print(
    output: &mut impl Write,
    columns: &[&str],
    items: &[Value],
    zone: &TimeZone,
) -> std::io::Result<()> {
    Table::new(columns, zone).print(items, output)
}

/// A time to the second, in this zone, with the zone's offset from UTC.
pub(super) fn time(at: Timestamp, zone: &TimeZone) -> String {
    let shown = at.to_zoned(zone.clone());
    let form = if shown.offset().is_zero() { "%Y-%m-%d %H:%M:%SZ" } else { "%Y-%m-%d %H:%M:%S%:z" };
    shown.strftime(form).to_string()
}

/// A value as a cell of a list.
pub(super) fn cell(value: &Value, zone: &TimeZone) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.parse().map_or_else(|_| printable(text), |at| time(at, zone)),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    if text.chars().count() <= CELL_MAX_CHARS {
        return text;
    }
    text.chars().take(CELL_MAX_CHARS - 1).chain(['…']).collect()
}

/// The text without control characters. Names and causes come from outside, and the operator's terminal would obey an
/// escape sequence in one of them.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_line_up_and_steer_no_terminal() {
        let items = [
            json!({ "key": "a\u{1b}[2J", "ticket_id": 35, "extra": 1 }),
            json!({ "key": "longer-key", "ticket_id": null }),
            json!({ "key": "x".repeat(100) , "ticket_id": 1 }),
        ];
        let mut output = Vec::new();
        print(&mut output, &["ticket_id", "key"], &items, &TimeZone::UTC).unwrap();
        let cut = format!("{}…", "x".repeat(79));
        let expected = format!("TICKET ID  KEY\n35         a\u{fffd}[2J\n-          longer-key\n1          {cut}\n");
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }

    #[test]
    fn what_comes_later_lines_up_under_the_same_headings() {
        let columns = ["state", "kind", "cause"];
        let mut table = Table::new(&columns, &TimeZone::UTC).with_room("state", 9);
        let mut output = Vec::new();
        for items in [
            &[json!({ "state": "dead", "kind": "a" })][..],
            &[],
            &[json!({ "state": "delivered", "kind": "longer", "cause": "x" }), json!({ "state": "dead", "kind": "b" })],
        ] {
            table.print(items, &mut output).unwrap();
        }
        let expected = "STATE      KIND  CAUSE\ndead       a     -\ndelivered  longer  x\ndead       b       -\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }

    #[test]
    fn times_are_shown_to_the_second_where_the_reader_is() {
        let at = json!("2026-11-29T23:30:46.128166846Z");
        let india = TimeZone::fixed(Offset::from_seconds(5 * 3600 + 1800).unwrap());
        for (zone, shown) in [(TimeZone::UTC, "2026-11-29 23:30:46Z"), (india, "2026-11-30 05:00:46+05:30")] {
            assert_eq!(cell(&at, &zone), shown);
        }
        for text in ["evt_5f3a09c100000000002a0000", "2026-11-29", "20261129"] {
            assert_eq!(cell(&json!(text), &TimeZone::UTC), text);
        }
    }
}
