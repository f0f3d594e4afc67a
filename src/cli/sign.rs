//! `tandem sign`: the headers that a vendor would put on a test webhook.

use std::io::{Read, Write};

use clap::Subcommand;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;

use super::failure::Failure;
use super::options::Form;
use super::streams::{print_json, read_input};
use crate::clock::Clock;
use crate::vendors::zendesk::signature::zendesk_signature;

/// More than the bridge accepts, so that the refusal of a body that is too large can be tried as well.
const BODY_MAX_BYTES: u64 = 1024 * 1024;

/// The arguments.
#[derive(Debug, Subcommand)]
pub(super) enum Sign {
    /// Reads a body from standard input and prints Zendesk's two signature headers for it. The body must then be sent
    /// exactly as it was read, to the last byte.
    #[command(after_help = "Example:\n  tandem sign zendesk --secret \"$SECRET\" < body.json > headers.txt\n  \
        curl -H @headers.txt --data-binary @body.json http://127.0.0.1:8080/webhooks/zendesk")]
    Zendesk {
        /// The webhook's signing secret, as Zendesk shows it.
        #[arg(long, value_name = "S")]
        secret: SecretString,
        /// The signature's timestamp, such as 2026-11-21T12:00:00Z. Without it, now.
        #[arg(long, value_name = "T", value_parser = read_timestamp)]
        timestamp: Option<String>,
        #[command(flatten)]
        form: Form,
    },
}

/// Keeps the text: a signature is made over it, letter by letter.
fn read_timestamp(text: &str) -> Result<String, &'static str> {
    let read = text.parse::<Timestamp>().map(|_| text.to_owned());
    read.map_err(|_| "a timestamp is a date, a time and an offset, such as 2026-11-21T12:00:00Z")
}

impl Sign {
    pub(super) fn run(self, input: &mut impl Read, output: &mut impl Write) -> Result<(), Failure> {
        let Self::Zendesk { secret, timestamp, form } = self;
        let body = read_input(input, BODY_MAX_BYTES, "the body")?;
        // Zendesk writes whole seconds.
        let timestamp = timestamp.unwrap_or_else(|| Clock::system().now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let signature = zendesk_signature(&secret, &timestamp, &body);
        let headers =
            [("X-Zendesk-Webhook-Signature", signature), ("X-Zendesk-Webhook-Signature-Timestamp", timestamp)];
        if form.json {
            let object: serde_json::Map<_, _> =
                headers.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            return print_json(output, &object.into());
        }
        for (name, value) in headers {
            writeln!(output, "{name}: {value}")?;
        }
        Ok(())
    }
}
