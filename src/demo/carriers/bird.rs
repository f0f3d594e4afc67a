//! A handset on an embedded Bird, which carries SMS.

use std::io;
use std::time::Duration;

use tokio::sync::watch;

use super::super::handset::{About, Handset, NUMBER, Picture, Settings, Shown, is_stop_or_start};
use crate::clock::Clock;
use crate::sandbox::bird::{Bird, BirdOptions};
use crate::sandbox::sender::Attempt;
use crate::sandbox::server::Fault;

const ABOUT: About = About {
    carrier: "Bird",
    attempts_max: 6,
    takes_pictures: false,
    has_closing: false,
    can_hide_receipts: false,
    send: ("POST", "/v1/sms/messages"),
    refusal: (422, r#"{"error":{"type":"validation_error","code":"E02001","name":"SMSInvalidRecipient"}}"#),
};

pub(super) struct OnBird {
    bird: Bird,
    /// The number that the customer writes to.
    line: String,
}

impl OnBird {
    pub(super) async fn start(retry_spacing: Duration, clock: Clock) -> io::Result<Self> {
        let options = BirdOptions { retry_spacing, ..BirdOptions::default() };
        let line = options.senders.first().cloned().unwrap_or_default();
        Ok(Self { bird: Bird::start(options, clock).await?, line })
    }
}

impl Handset for OnBird {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn settings(&self, holds: bool) -> Settings {
        let BirdOptions { account, api_key, signing_secret, .. } = BirdOptions::default();
        let (url, line) = (self.bird.url(), &self.line);
        let on_unconfirmed = if holds { "hold" } else { "resend" };
        let tables = format!(
            r#"
[accounts.{account}]
vendor = "bird"
url = "{url}"
sender = "{line}"
on_unconfirmed = "{on_unconfirmed}"
"#
        );
        let secrets = vec![
            ("TANDEM_ACCOUNTS__BIRD__API_KEY", api_key),
            ("TANDEM_ACCOUNTS__BIRD__SIGNING_SECRETS", signing_secret),
        ];
        Settings { tables, secrets }
    }

    fn connect(&self, bridge: &str) {
        self.bird.connect(bridge);
    }

    fn text(&self, words: &str, _picture: Option<&Picture>) -> Option<String> {
        Some(self.bird.text(NUMBER, &self.line, words))
    }

    fn media(&self) -> String {
        format!("{}/", self.bird.url())
    }

    fn is_keyword(&self, words: &str) -> bool {
        is_stop_or_start(words)
    }

    fn is_opted_out(&self) -> bool {
        self.bird.is_suppressed(&self.line, NUMBER)
    }

    fn repeat(&self, id: &str) {
        self.bird.repeat_webhook(id);
    }

    fn attempts(&self, id: &str) -> Vec<Attempt> {
        self.bird.attempts_of(id)
    }

    fn texts(&self) -> Vec<Shown> {
        self.bird.texts().into_iter().map(|text| Shown { words: text.text, at: text.at }).collect()
    }

    fn is_idle(&self) -> bool {
        self.bird.is_idle()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.bird.changes()
    }

    fn fail(&self, fault: Fault) {
        self.bird.fail(fault);
    }

    fn clear_faults(&self) {
        self.bird.clear_faults();
    }
}
