//! `tandem render`: what a mapping makes of an event, without sending it.

use std::io::{Read, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::check::load_mappings;
use super::{ConfigFile, Failure, Form, print_json, read_input};
use crate::config;
use crate::mapping::{Context, Name};

/// Far more than the largest event that the bridge takes in.
const EVENT_MAX_BYTES: u64 = 1024 * 1024;

/// The arguments.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// The name of the mapping, such as agent_reply.
    mapping: String,
    /// A JSON file with the fields that the mapping may use; - reads it from standard input.
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    form: Form,
}

impl Render {
    pub(super) fn run(self, input: &mut impl Read, output: &mut impl Write) -> Result<(), Failure> {
        let name: Name = self.mapping.parse().map_err(|_| {
            let known: Vec<&str> = Name::ALL.into_iter().map(Name::as_str).collect();
            Failure::Usage(format!("there is no mapping {:?}; the mappings are: {}", self.mapping, known.join(", ")))
        })?;
        let context = self.read_event(input)?;
        let mapping_files = config::glimpse(self.file.config.as_deref())?.mapping_files;
        let mappings =
            load_mappings(mapping_files.as_ref()).map_err(|faults| Failure::Configuration(faults.to_string()))?;
        let body = mappings
            .render(name, &context)
            .map_err(|error| Failure::Failed(format!("{} cannot be rendered: {error}", name.as_str())))?;
        let line = mappings.request_line(name);
        if self.form.json {
            return print_json(output, &json!({ "method": line.method, "path": line.path, "body": body }));
        }
        writeln!(output, "{line}\n")?;
        print_json(output, &body)?;
        Ok(())
    }

    fn read_event(&self, input: &mut impl Read) -> Result<Context, Failure> {
        let shown = self.event.display();
        let bytes = if self.event.as_os_str() == "-" {
            read_input(input, EVENT_MAX_BYTES, "the event")?
        } else {
            let mut file = std::fs::File::open(&self.event)
                .map_err(|error| Failure::Failed(format!("{shown} cannot be read: {error}")))?;
            read_input(&mut file, EVENT_MAX_BYTES, "the event")?
        };
        let text =
            config::text_of(&bytes).map_err(|what| Failure::Failed(format!("{shown} cannot be read: {what}")))?;
        serde_json::from_str(text).map_err(|error| Failure::Failed(format!("{shown} is not an event: {error}")))
    }
}
