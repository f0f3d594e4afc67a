//! Notifications: texts to a number of which no talk is known. The service finds or makes the talk by itself, and tells it in
//! an event. Never chooses such a text: the account's `first_contact` does.
//!
//! A notification leaves nothing that can be read back, and two equal calls are two texts. So a call of unknown effect is never
//! made again here, and no look is made for it.

use serde_json::{Value, json};

use crate::domain::budget::UserKey;
use crate::domain::cause;
use crate::domain::conversation::fingerprint;
use crate::domain::phone;
use crate::domain::receipt::Mark;
use crate::domain::refusals::Object;
use crate::ports::{Failure, FirstContact, Sent, Talk, Text};
use crate::vendors::http::exchange::{Effect, Request};
use crate::vendors::sunshine::client::Sunshine;
use crate::vendors::sunshine::{MARK, TICKET, limits};

/// Begins the name in the place of a talk's. No id of the service's has a colon.
const STAND_IN: &str = "number:";

/// The name in the place of a talk's, until the talk with a number on a line is known. Keys and logs hold no number, so it is a
/// digest. The service's events tell the number without its plus.
pub(super) fn stand_in(line: &str, number: &str) -> String {
    let digits = phone::digits(number);
    let mut words = [line, " ", &digits].concat();
    words.make_ascii_lowercase();
    [STAND_IN, &fingerprint(&words)].concat()
}

/// Whether the name stands in the place of a talk's.
pub(super) fn is_stand_in(thread: &str) -> bool {
    thread.starts_with(STAND_IN)
}

/// The name in the place of the talk with a person.
pub(super) fn stand_in_of(first: &FirstContact<'_>) -> Talk {
    let line = Some(first.line.to_owned());
    let thread = stand_in(first.line, first.number);
    Talk { thread, person: None, line, number: Some(first.number.to_owned()), heard_at: None }
}

impl Sunshine {
    /// Sends a text to the number behind a name in a talk's place.
    pub(super) async fn notify(&self, text: &Text<'_>, stand_in: &str, content: &Value) -> Result<Sent, Failure> {
        let refused = |cause: &str| Failure::GiveUp { cause: cause.to_owned() };
        let number = text.number.ok_or_else(|| refused(cause::NO_NUMBER))?;
        let line = text.line.ok_or_else(|| refused(cause::NO_FIRST_LINE))?;
        let mut metadata = json!({ MARK: Mark { id: text.part.id, part: text.part.number }.to_string() });
        if let Some(ticket) = text.ticket {
            metadata[TICKET] = json!(ticket.to_string());
        }
        let body = json!({
            "destination": {"integrationId": line, "destinationId": number},
            "author": {"role": "appMaker"},
            "message": content,
            "metadata": metadata,
        });
        let request = Request::post(limits::SEND, Effect::Lasting, self.first_path("/notifications"), &body)
            .about(Object::Recipient(UserKey::of(stand_in)));
        let (answer, json) = self.call(&request).await?;
        match json["notification"]["_id"].as_str().filter(|id| !id.is_empty()) {
            Some(id) => Ok(Sent { dispatch: Some(id.to_owned()) }),
            None => Err(self.exchange.unreadable(&request, &answer, "no id")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_name_on_each_line_however_it_is_written_and_the_name_does_not_hold_it() {
        let name = stand_in("i1", "+15550123456");
        assert_eq!(name, stand_in("i1", "1 (555) 012-3456"));
        assert_ne!(name, stand_in("i2", "+15550123456"));
        assert_ne!(name, stand_in("i1", "+15550123457"));
        assert!(is_stand_in(&name) && !name.contains("5550123456"), "{name}");
        assert!(!is_stand_in("5f0c00000000000000000001"));
    }
}
