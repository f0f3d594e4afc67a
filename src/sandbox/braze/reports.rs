//! For the state of Braze Currents in the sandbox. It makes no event itself.

use serde_json::Value;

/// The events so far; none is made before Currents is turned on.
#[derive(Default)]
pub(super) struct Currents {
    pub(super) is_on: bool,
    pub(super) passes_marks_on: bool,
    pub(super) events: Vec<Value>,
}

impl Currents {
    /// The tag before the text of each campaign.
    pub(super) fn tag(&self) -> &'static str {
        if self.passes_marks_on {
            "{% message_extras :key tandem :value {{api_trigger_properties.${tandem}}} %}"
        } else {
            ""
        }
    }
}
