//! The input and the output of commands: bounded reading, and JSON that no terminal obeys. It never opens a stream.

use std::io::{Read, Write};

use serde_json::Value;

use super::failure::Failure;
use super::table;

/// Prints a value as JSON, with every control character escaped: serde_json leaves DEL and the ones above it as they
/// are, and some terminals obey those.
pub(super) fn print_json(output: &mut impl Write, value: &Value) -> Result<(), Failure> {
    output.write_all(escaped(&format!("{value:#}\n")).as_bytes())?;
    Ok(())
}

/// A value as one line of JSON, with control characters escaped likewise.
pub(super) fn json_line(value: &Value) -> String {
    let mut text = escaped(&value.to_string());
    text.push('\n');
    text
}

fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' => text.push('\n'),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

/// Reads everything, up to a limit in bytes.
pub(super) fn read_input(input: &mut impl Read, max_bytes: u64, what: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    input.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(Failure::Failed(format!("{what} is longer than {max_bytes} bytes")));
    }
    Ok(bytes)
}

pub(super) fn items(page: &Value) -> &[Value] {
    page["items"].as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), table::printable)
}
