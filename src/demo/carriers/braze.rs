//! A handset on the sandbox's Braze.

use jiff::SignedDuration;
use tokio::sync::watch;

use super::super::handset::{About, Handset, NUMBER, Picture, Settings, Shown};
use crate::sandbox::braze::{Braze, Profile};
use crate::sandbox::phone::Phone;
use crate::sandbox::sender::Attempt;
use crate::sandbox::server::Fault;
use crate::sandbox::{Sandbox, SandboxOptions};

/// The delay of hidden receipts: longer than a demo.
const HIDDEN_FOR: SignedDuration = SignedDuration::from_hours(24);

const ABOUT: About = About {
    carrier: "Braze",
    attempts_max: 6,
    takes_pictures: true,
    has_closing: true,
    can_hide_receipts: true,
    send: ("POST", "/campaigns/trigger/send"),
    refusal: (400, r#"{"message":"The phone number is a landline"}"#),
};

pub(super) struct OnBraze {
    braze: Braze,
    phone: Phone,
    /// The customer's Braze id.
    customer: String,
    changes: watch::Receiver<u64>,
}

impl OnBraze {
    pub(super) fn new(sandbox: &Sandbox) -> Self {
        let customer = sandbox.braze.add_profile(Profile {
            external_id: Some("customer-1815".to_owned()),
            phone: Some(NUMBER.to_owned()),
            first_name: Some("Ada".to_owned()),
            last_name: Some("Lovelace".to_owned()),
            ..Profile::default()
        });
        Self { braze: sandbox.braze.clone(), phone: sandbox.phone.clone(), customer, changes: sandbox.changes() }
    }
}

impl Handset for OnBraze {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn settings(&self, holds: bool) -> Settings {
        // By default the looks for a lost answer are minutes apart, which is too long for a visitor. An opt-out may
        // wait behind a text that Zendesk does not take, so Braze is asked for the customer's state before each text.
        let group = SandboxOptions::default().subscription_group;
        let hold = if holds { "\non_unconfirmed = \"hold\"" } else { "" };
        let more = format!("confirm_after_seconds = [2, 4]\nsubscription_group = \"{group}\"{hold}");
        settings(self.braze.url(), &more)
    }

    fn connect(&self, _bridge: &str) {
        // The sandbox connects its own vendors.
    }

    fn text(&self, words: &str, picture: Option<&Picture>) -> Option<String> {
        let add = |picture: &Picture| self.braze.add_media(&picture.name, picture.media_type, &picture.bytes);
        let picture = picture.map(add);
        let media: Vec<&str> = picture.as_deref().into_iter().collect();
        self.phone.text_with_media(&self.customer, words, &media)
    }

    fn media(&self) -> String {
        format!("{}/media/", self.braze.url())
    }

    fn is_keyword(&self, words: &str) -> bool {
        matches!(self.phone.category(words).as_str(), "opt_in" | "opt_out" | "help")
    }

    fn is_opted_out(&self) -> bool {
        self.braze.profile(&self.customer).is_some_and(|profile| profile.opted_out)
    }

    fn repeat(&self, id: &str) {
        self.phone.repeat(id);
    }

    fn attempts(&self, id: &str) -> Vec<Attempt> {
        self.braze.attempts_of(id)
    }

    fn texts(&self) -> Vec<Shown> {
        self.braze.texts().into_iter().map(|text| Shown { words: text.body, at: text.at }).collect()
    }

    fn is_idle(&self) -> bool {
        self.braze.is_idle()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    fn fail(&self, fault: Fault) {
        self.braze.fail(fault);
    }

    fn clear_faults(&self) {
        self.braze.clear_faults();
    }

    fn hide_receipts(&self, hidden: bool) {
        self.braze.set_attribute_lag(if hidden { HIDDEN_FOR } else { SignedDuration::ZERO });
    }
}

pub(super) fn settings(url: &str, more: &str) -> Settings {
    let SandboxOptions { campaign_agent_reply, campaign_ticket_solved, braze_api_key, braze_webhook_token, .. } =
        SandboxOptions::default();
    let tables = format!(
        r#"
[braze]
url = "{url}"
{more}
[braze.campaigns]
agent_reply = "{campaign_agent_reply}"
ticket_solved = "{campaign_ticket_solved}"
"#
    );
    let secrets = vec![("TANDEM_BRAZE__API_KEY", braze_api_key), ("TANDEM_BRAZE__WEBHOOK_TOKENS", braze_webhook_token)];
    Settings { tables, secrets }
}
