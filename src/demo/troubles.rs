//! The faults that the demo page's switches inject. They break the vendors and the network, never the bridge, and
//! each in a way that the vendors document or any network knows.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::sandbox::Sandbox;
use crate::sandbox::server::{Fault, FaultKind};

/// The switches that are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Troubles {
    /// Zendesk's API answers 503 to everything.
    pub(super) zendesk_down: bool,
    /// Both vendors carry out every write, and its answer is lost.
    pub(super) answers_lost: bool,
    /// Both vendors send every webhook twice.
    pub(super) twice: bool,
    /// Both vendors answer call after call with 429, in squalls.
    pub(super) storm: bool,
    /// Braze refuses every text for good.
    pub(super) texts_refused: bool,
    /// Braze sends every text, loses its answer, and shows the receipt after the last look.
    pub(super) receipts_late: bool,
}

/// A switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trouble {
    ZendeskDown,
    AnswersLost,
    Twice,
    Storm,
    TextsRefused,
    ReceiptsLate,
}

/// The calls that write a message at a vendor: method and path.
const WRITES: [(&str, &str); 2] = [("POST", "/api/v2/tickets"), ("PUT", "/api/v2/tickets")];
const SENDS: (&str, &str) = ("POST", "/campaigns/trigger/send");

/// How Braze refuses a text that no phone can get.
const REFUSAL: &str = r#"{"message":"The phone number is a landline"}"#;

/// The delay of late receipts: longer than a demo.
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// A storm comes in squalls: [`REFUSED`] calls are refused, and the next [`CALM`] are not. A message takes up to
/// eight calls that must all succeed one after the other, so a calm has more than that.
const REFUSED: u32 = 3;
const CALM: u32 = 10;

/// The squalls of a storm: more than a visitor watches.
const SQUALLS: usize = 500;

impl Troubles {
    /// The same with one switch moved.
    pub(super) fn with(mut self, trouble: Trouble, on: bool) -> Self {
        let switch = match trouble {
            Trouble::ZendeskDown => &mut self.zendesk_down,
            Trouble::AnswersLost => &mut self.answers_lost,
            Trouble::Twice => &mut self.twice,
            Trouble::Storm => &mut self.storm,
            Trouble::TextsRefused => &mut self.texts_refused,
            Trouble::ReceiptsLate => &mut self.receipts_late,
        };
        *switch = on;
        self
    }

    /// Injects the faults of the switches that are on, and clears all others. Of several faults that strike a call,
    /// the first given does.
    pub(super) fn apply(self, sandbox: &Sandbox) {
        let (zendesk, braze) = (&sandbox.zendesk, &sandbox.braze);
        zendesk.clear_faults();
        braze.clear_faults();
        let for_ever = |(method, path): (&str, &str), what| Fault::on(method, path, what).times(u32::MAX);
        if self.zendesk_down {
            zendesk.fail(for_ever(("", "/"), FaultKind::status(503)));
        }
        if self.storm {
            for _ in 0..SQUALLS {
                let squall = [(FaultKind::retry_after(429, 1), REFUSED), (FaultKind::Delay(Duration::ZERO), CALM)];
                for (what, times) in squall {
                    zendesk.fail(Fault::on("", "/api/", what.clone()).times(times));
                    braze.fail(Fault::on("", "/", what).times(times));
                }
            }
        }
        if self.texts_refused {
            let refusal = FaultKind::Status { code: 400, headers: Vec::new(), body: REFUSAL.to_owned() };
            braze.fail(for_ever(SENDS, refusal));
        }
        if self.answers_lost {
            WRITES.into_iter().for_each(|write| zendesk.fail(for_ever(write, FaultKind::LoseAnswer)));
        }
        if self.answers_lost || self.receipts_late {
            braze.fail(for_ever(SENDS, FaultKind::LoseAnswer));
        }
        braze.set_attribute_lag(if self.receipts_late { LATE } else { SignedDuration::ZERO });
        zendesk.duplicate_webhooks(self.twice);
    }
}
