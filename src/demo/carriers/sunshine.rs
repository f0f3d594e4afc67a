//! A handset on an embedded Sunshine Conversations, which carries SMS over an integration.

use std::io;
use std::time::Duration;

use tokio::sync::watch;

use super::super::handset::{About, Handset, NUMBER, Picture, Settings, Shown, is_stop_or_start};
use crate::clock::Clock;
use crate::sandbox::sender::Attempt;
use crate::sandbox::server::Fault;
use crate::sandbox::sunshine::{SMS, Sunshine, SunshineOptions};

const ABOUT: About = About {
    carrier: "Sunshine Conversations",
    attempts_max: 5,
    takes_pictures: true,
    has_closing: false,
    can_hide_receipts: false,
    send: ("POST", "/messages"),
    refusal: (400, r#"{"errors":[{"code":"bad_request","title":"The phone number is a landline"}]}"#),
};

pub(super) struct OnSunshine {
    sunshine: Sunshine,
}

impl OnSunshine {
    pub(super) async fn start(retry_spacing: Duration, clock: Clock) -> io::Result<Self> {
        let options = SunshineOptions { retry_spacing, ..SunshineOptions::default() };
        Ok(Self { sunshine: Sunshine::start(options, clock).await? })
    }
}

impl Handset for OnSunshine {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn settings(&self, holds: bool) -> Settings {
        let SunshineOptions { account, app_id, key_id, secret, webhook_secret, .. } = SunshineOptions::default();
        let url = self.sunshine.url();
        let on_unconfirmed = if holds { "hold" } else { "resend" };
        let tables = format!(
            r#"
[accounts.{account}]
vendor = "sunshine"
url = "{url}"
app_id = "{app_id}"
key_id = "{key_id}"
on_unconfirmed = "{on_unconfirmed}"
[[lines]]
name = "sms"
carrier = "{account}"
address = "{SMS}"
"#
        );
        let secrets = vec![
            ("TANDEM_ACCOUNTS__SUNSHINE__SECRET", secret),
            ("TANDEM_ACCOUNTS__SUNSHINE__WEBHOOK_SECRETS", webhook_secret),
        ];
        Settings { tables, secrets }
    }

    fn connect(&self, bridge: &str) {
        self.sunshine.connect(bridge);
    }

    fn text(&self, words: &str, picture: Option<&Picture>) -> Option<String> {
        let id = match picture {
            Some(picture) => self.sunshine.picture(SMS, NUMBER, picture.media_type, &picture.bytes, words),
            None => self.sunshine.text(SMS, NUMBER, words),
        };
        // STOP and START stay with the provider of the number, and make no message.
        (!id.is_empty()).then_some(id)
    }

    fn media(&self) -> String {
        format!("{}/attachments/", self.sunshine.url())
    }

    fn is_keyword(&self, words: &str) -> bool {
        is_stop_or_start(words)
    }

    fn is_opted_out(&self) -> bool {
        self.sunshine.is_stopped(SMS, NUMBER)
    }

    fn repeat(&self, id: &str) {
        self.sunshine.repeat_webhooks(id);
    }

    fn attempts(&self, id: &str) -> Vec<Attempt> {
        self.sunshine.attempts_about(id)
    }

    fn texts(&self) -> Vec<Shown> {
        self.sunshine.texts().into_iter().map(|text| Shown { words: text.words, at: text.at }).collect()
    }

    fn is_idle(&self) -> bool {
        self.sunshine.is_idle()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.sunshine.changes()
    }

    fn fail(&self, fault: Fault) {
        self.sunshine.fail(fault);
    }

    fn clear_faults(&self) {
        self.sunshine.clear_faults();
    }
}
