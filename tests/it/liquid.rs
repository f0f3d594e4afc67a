//! The table of the cookbook: every construct of Liquid, with the results of Ruby's Liquid and of tandem.
//!
//! tandem's column is always tried here, on mappings loaded as an operator's are. Ruby's column is from Ruby's Liquid
//! 5.4.0, and is tried wherever that is installed (`tests/install-liquid`), also by continuous integration.
//! `RENEW=1 cargo test --test it liquid` writes the table anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tandem::mapping::{self, Mappings, Name};

use crate::process::shipped;

mod table;

use table::{GROUPS, Row};

const PAGE: &str = "docs/mappings.md";

/// Where the table begins; it runs to the end of the page.
const HEADING: &str = "## Liquid, side by side\n";

/// The rows of one mapping file: it may have 16 KiB.
const ROWS_AT_ONCE: usize = 40;

fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|(_, rows)| rows.iter())
}

/// The shipped reply with these templates as more trigger properties, each behind a bracket so that it makes a text.
fn load(templates: &[&str]) -> Result<Mappings, mapping::Faults> {
    let mut text = mapping::shipped(Name::AgentReply).to_owned();
    for (index, template) in templates.iter().enumerate() {
        writeln!(text, "x{index} = {}", toml::Value::String(format!("[{template}"))).unwrap();
    }
    Mappings::load(&BTreeMap::from([("agent_reply.toml".to_owned(), text)]))
}

#[test]
fn what_is_taken_makes_the_right_text_and_the_rest_is_refused_with_a_remedy() {
    let taken: Vec<&Row> = rows().filter(|row| row.refusal.is_none()).collect();
    let sample = mapping::sample(Name::AgentReply).unwrap();
    for chunk in taken.chunks(ROWS_AT_ONCE) {
        let templates: Vec<&str> = chunk.iter().map(|row| row.template).collect();
        let mappings = load(&templates).unwrap_or_else(|faults| panic!("{faults}"));
        let body = mappings.render(Name::AgentReply, &sample).unwrap();
        for (index, row) in chunk.iter().enumerate() {
            let made = body.pointer(&format!("/recipients/0/trigger_properties/x{index}")).and_then(Value::as_str);
            let right = row.ruby.unwrap_or_else(|error| panic!("{}: Ruby refuses: {error}", row.template));
            assert_eq!(made, Some(format!("[{right}").as_str()), "{}", row.template);
        }
    }
    for row in rows() {
        let Some(refusal) = row.refusal else { continue };
        let faults =
            load(&[row.template]).err().unwrap_or_else(|| panic!("{} is not refused", row.template)).to_string();
        assert!(faults.contains(refusal), "{}\n  said {faults}\n  not  {refusal}", row.template);
    }
}

#[test]
#[ignore = "needs Ruby's liquid, which tests/install-liquid installs"]
fn the_right_texts_are_those_of_ruby() {
    let values = serde_json::to_value(mapping::sample(Name::AgentReply).unwrap()).unwrap();
    let mut ruby = Command::new("ruby")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/liquid.rb"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/install-liquid installs ruby");
    let lines: Vec<String> = rows().map(|row| format!("{}\n", json!([format!("[{}", row.template), values]))).collect();
    ruby.stdin.take().unwrap().write_all(lines.concat().as_bytes()).unwrap();
    let output = ruby.wait_with_output().unwrap();
    let answers: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), lines.len(), "Ruby's liquid did not answer; see what it says above");
    let mut wrong = String::new();
    for (row, answer) in rows().zip(&answers) {
        let right = match row.ruby {
            Ok(text) => json!({ "made": format!("[{text}") }),
            Err(error) => json!({ "refused": error }),
        };
        if answer != &right {
            writeln!(wrong, "{}\n  Ruby {answer}\n  not  {right}", row.template).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_cookbook_shows_the_table() {
    let page = shipped(PAGE);
    let (above, _) = page.split_once(HEADING).expect("the heading of the table");
    let made = format!("{above}{HEADING}{}", shown());
    if std::env::var_os("RENEW").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE), &made).unwrap();
    }
    assert!(
        shipped(PAGE) == made,
        "{PAGE} is not what the tests say; write it anew with: RENEW=1 cargo test --test it liquid"
    );
}

const INTRODUCTION: &str = "
Ruby's Liquid, version 5.4.0, is the reference: a construct that tandem takes means the same there, and `tandem check` refuses all
others with the spelling to use instead. The values are those of [`agent_reply.json`](../mappings/agent_reply.json), where
`event.channel` and `ticket.subject` are `null` and `message.media` is an empty list; ↵ stands for a line break. A test renders
every row with both. `blank` is Rails' word, and means the same here.
";

fn shown() -> String {
    let mut shown = INTRODUCTION.to_owned();
    for (title, rows) in GROUPS {
        write!(shown, "\n### {title}\n\n| template | Ruby's Liquid | tandem |\n|---|---|---|\n").unwrap();
        for row in *rows {
            let ruby = match row.ruby {
                Ok("") => "nothing".to_owned(),
                Ok(text) => code(text),
                Err(error) => format!("error: {}", error.trim_start_matches("Liquid error: ")),
            };
            let tandem = row.refusal.map_or("the same".to_owned(), |refusal| format!("refused: {}", cell(refusal)));
            writeln!(shown, "| {} | {} | {tandem} |", code(row.template), cell(&ruby)).unwrap();
        }
    }
    shown
}

/// A cell of a table cannot hold bars.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// In code, a bar is escaped once.
fn code(text: &str) -> String {
    let fence = if text.contains('`') { "``" } else { "`" };
    let pad = if text.starts_with([' ', '`']) || text.ends_with([' ', '`']) { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('\n', "↵")).replace('|', "\\|")
}
