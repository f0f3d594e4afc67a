//! The faults that the demo page's switches inject. They break the vendors and the network, never the bridge, and
//! each in a way that the vendors document or any network knows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::handset::Handset;
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
    /// The carrier refuses every text for good.
    pub(super) texts_refused: bool,
    /// The carrier sends every text, loses its answer, and shows the receipt after the last look.
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
    pub(super) fn apply(self, sandbox: &Sandbox, handset: &dyn Handset) {
        let (zendesk, about) = (&sandbox.zendesk, handset.about());
        zendesk.clear_faults();
        handset.clear_faults();
        let for_ever = |(method, path): (&str, &str), what| Fault::on(method, path, what).times(u32::MAX);
        if self.zendesk_down {
            zendesk.fail(for_ever(("", "/"), FaultKind::status(503)));
        }
        if self.storm {
            for _ in 0..SQUALLS {
                let squall = [(FaultKind::retry_after(429, 1), REFUSED), (FaultKind::Delay(Duration::ZERO), CALM)];
                for (what, times) in squall {
                    zendesk.fail(Fault::on("", "/api/", what.clone()).times(times));
                    handset.fail(Fault::on("", "/", what).times(times));
                }
            }
        }
        if self.texts_refused {
            let (code, body) = about.refusal;
            let refusal = FaultKind::Status { code, headers: Vec::new(), body: body.to_owned() };
            handset.fail(for_ever(about.send, refusal));
        }
        if self.answers_lost {
            WRITES.into_iter().for_each(|write| zendesk.fail(for_ever(write, FaultKind::LoseAnswer)));
        }
        if self.answers_lost || self.receipts_late {
            handset.fail(for_ever(about.send, FaultKind::LoseAnswer));
        }
        handset.hide_receipts(self.receipts_late);
        zendesk.duplicate_webhooks(self.twice);
    }
}
