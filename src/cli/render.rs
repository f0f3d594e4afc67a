//! `tandem render`: shows the request that a mapping makes of an event, and the words of notes to agents. It never
//! sends one.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::check::load_mappings;
use super::failure::Failure;
use super::mappings::named;
use super::options::{ConfigFile, Form};
use super::streams::{print_json, read_input};
use crate::config::{self, reference};
use crate::domain::event::{Event, Unreadable};
use crate::intake::{Intake, Senders};
use crate::mapping::{self, Context, File, Mappings, Misfit, Name, Supposed};
use crate::vendors::sources::{self, FirstAccounts};

/// Far more than the largest event that the bridge accepts.
const EVENT_MAX_BYTES: u64 = 1024 * 1024;

/// The arguments.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// The name of the mapping, such as agent_reply; notes for the words of notes to agents in the configured
    /// language, notes.fr for another.
    mapping: String,
    /// The event to make the request of: a JSON file with the fields that the mapping may use (`tandem mappings show
    /// MAPPING
    /// --sample` prints one), or the body of a webhook as Zendesk or Braze posts it; - reads it from standard input.
    /// Without it, the mapping's own sample.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    form: Form,
}

impl Render {
    pub(super) fn run(self, input: &mut impl Read, output: &mut impl Write) -> Result<(), Failure> {
        let file = self.file.config.as_deref();
        let keys = config::mapping_keys(file)?;
        let which = named(&self.mapping, &keys)?;
        let mapping_files = config::glimpse(file)?.mapping_files;
        let mappings =
            load_mappings(mapping_files.as_ref()).map_err(|faults| Failure::Configuration(faults.to_string()))?;
        let name = match which {
            File::Mapping(name) => name,
            File::Words(language) => return self.words(mappings, &language, output),
        };
        let mappings = mappings.in_language(&keys.language);
        let mappings = mappings.map_err(|error| Failure::Configuration(format!("notes.language {error}")))?;
        let mut context = match &self.event {
            None => mapping::sample(name).map_err(|fault| Failure::Failed(fault.to_string()))?,
            Some(file) => read_event(name, file, input)?,
        };
        mappings.word(&mut context).map_err(Failure::Failed)?;
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

    /// Prints the words of notes for one of each code, of each kind of cause and of each advice.
    fn words(self, mappings: Mappings, language: &str, output: &mut impl Write) -> Result<(), Failure> {
        if self.event.is_some() {
            let what = "--event is for mappings: tandem render failure_note --event FILE words the note of an event";
            return Err(Failure::Usage(what.to_owned()));
        }
        let mappings = mappings.in_language(language);
        let words = mappings.map_err(|error| Failure::Usage(format!("the language {error}")))?.words();
        if self.form.json {
            let mut tables = json!({});
            for (table, key, text) in words {
                tables[table][key] = text.into();
            }
            return print_json(output, &tables);
        }
        let mut shown = "";
        for (table, key, text) in words {
            if table != shown {
                writeln!(output, "{}[{table}]", if shown.is_empty() { "" } else { "\n" })?;
                shown = table;
            }
            writeln!(output, "{key}: {text}")?;
        }
        Ok(())
    }
}

/// The context of an event's file, as yet without the words of its note.
fn read_event(name: Name, file: &Path, input: &mut impl Read) -> Result<Context, Failure> {
    let shown = file.display();
    let bytes = if file.as_os_str() == "-" {
        read_input(input, EVENT_MAX_BYTES, "the event")?
    } else {
        let mut file =
            std::fs::File::open(file).map_err(|error| Failure::Failed(format!("{shown} cannot be read: {error}")))?;
        read_input(&mut file, EVENT_MAX_BYTES, "the event")?
    };
    let text = config::text_of(&bytes).map_err(|what| Failure::Failed(format!("{shown} cannot be read: {what}")))?;
    let is_no_event = |what: &dyn std::fmt::Display| Failure::Failed(format!("{shown} is not an event: {what}"));
    let misfit = |misfit: Misfit| Failure::Failed(misfit.to_string());
    match serde_json::from_str::<Context>(text) {
        Ok(context) => {
            Misfit::check(name, &context.event.kind).map_err(misfit)?;
            Ok(context)
        }
        Err(error) if is_meant_as_context(text) => Err(is_no_event(&error)),
        Err(_) => {
            let sample = mapping::sample(name).map_err(|fault| Failure::Failed(fault.to_string()))?;
            let path = sources::likely_path(text.as_bytes());
            let event = read_webhook(text, path, &sample).map_err(|what| is_no_event(&what))?;
            let supposed = mapping::suppose(name, sample, &event).map_err(misfit)?;
            say_what_is_supposed(path, &event, &supposed);
            Ok(supposed.context)
        }
    }
}

/// Whether a file that is no valid context has the form of one: its parts are tables, while a webhook's `event` is a
/// word.
fn is_meant_as_context(text: &str) -> bool {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    ["event", "customer", "message", "recipient"].iter().any(|part| value[*part].is_object())
}

/// The event that the bridge would make of a body posted to this path.
fn read_webhook(text: &str, path: &str, sample: &Context) -> Result<Event, String> {
    let user_field = reference::find("zendesk.user_field").and_then(|key| key.default).unwrap_or_default();
    let first = FirstAccounts { user_field: user_field.to_owned(), ..FirstAccounts::default() };
    let body = Unreadable {
        path: path.to_owned(),
        method: "POST".to_owned(),
        content_type: None,
        body: STANDARD.encode(text),
    };
    match Senders::from(first).reread(&body, sample.event.received_at) {
        Intake::Event { event, .. } => Ok(event),
        Intake::Reports(_) => {
            Err(format!("posted to {path}, it would be reports of texts, of which no request is made"))
        }
        Intake::Ignored { reason } => Err(format!("posted to {path}, it would be ignored: {reason}")),
        Intake::Quarantined { cause, .. } => Err(format!("posted to {path}, it would be quarantined: {cause}")),
        Intake::Refused { why } => Err(why.to_string()),
    }
}

/// Tells on standard error how the file was read, and which parts of the request are the sample's.
fn say_what_is_supposed(path: &str, event: &Event, supposed: &Supposed) {
    // The request is good also where standard error is closed.
    drop(writeln!(
        std::io::stderr(),
        "tandem: read as a webhook to {path} ({}). From the sample, because only Zendesk, Braze or a running bridge knows \
         it: {}",
        event.kind.name(),
        supposed.sampled.join(", ")
    ));
}
