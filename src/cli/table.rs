//! Lists for people: columns that line up, and nothing in them that could steer a terminal.

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// A cell is cut after this many characters; `--json` and `show` have the whole.
const CELL_MAX_CHARS: usize = 80;

/// Prints the named fields of each object under a line of headings, and every time in it as [`time`] does.
pub(super) fn print(
    output: &mut impl Write,
    columns: &[&str],
    items: &[Value],
    zone: &TimeZone,
) -> std::io::Result<()> {
    let headings = columns.iter().map(|name| name.replace('_', " ").to_uppercase()).collect();
    let rows = items.iter().map(|item| columns.iter().map(|name| cell(&item[*name], zone)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(headings).chain(rows).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for row in rows {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(output, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

/// A time to the second, in this zone, with how far that is from UTC.
pub(super) fn time(at: Timestamp, zone: &TimeZone) -> String {
    let shown = at.to_zoned(zone.clone());
    let form = if shown.offset().is_zero() { "%Y-%m-%d %H:%M:%SZ" } else { "%Y-%m-%d %H:%M:%S%:z" };
    shown.strftime(form).to_string()
}

/// A value as it stands in a list.
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

/// The text without control characters: names and causes come from outside, and an escape sequence in one of them
/// would be obeyed by the operator's terminal.
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
