//! Notifications, of the first generation: a message to a number, whose user and conversation are found or made.
//!
//! Nothing can be read back of a notification, and two equal calls are two messages. `notification:*` events tell of it, in
//! the first generation's words, and name its conversation.

use serde_json::{Value, json};

use super::super::text;
use super::api::{Outcome, Refusal, field, needed, ok};
use super::app::Inner;
use super::delivery::Sending;
use super::model::{State, stamp};

/// The channels that notifications go over.
const CHANNELS: [&str; 3] = ["messagebird", "twilio", "whatsapp"];

impl Inner {
    pub(super) fn notify(&self, state: &mut State, body: &Value) -> Outcome {
        let (to, message) = (&body["destination"], &body["message"]);
        let (integration, destination) = (needed(to, "integrationId")?, needed(to, "destinationId")?);
        if body["author"]["role"] != "appMaker" {
            return Err(Refusal::bad("author.role should be appMaker"));
        }
        let kind = state.integration(integration).map(|found| found.kind.clone());
        let Some(kind) = kind.filter(|kind| CHANNELS.contains(&kind.as_str())) else {
            return Err(Refusal::bad("Integration not found"));
        };
        let schema = &body["messageSchema"];
        let is_template = needed(message, "type")? == "template";
        if !(schema.is_null() || (schema == "whatsapp" && kind == "whatsapp")) || (is_template && schema.is_null()) {
            return Err(Refusal::bad("Invalid messageSchema"));
        }
        if !is_template && field(message, "text").or_else(|| field(message, "mediaUrl")).is_none() {
            return Err(Refusal::bad("message should have required property 'text'"));
        }
        let person = person(state, &kind, destination)?;
        let id = self.notification_id();
        let told = json!({"notification": {"_id": id}});
        if state.unmatched.contains(&person) {
            let payload = json!({
                "destination": {"type": kind, "integrationId": integration, "destinationId": destination.trim_start_matches('+')},
                "notification": {"_id": id},
                "isFinalEvent": true,
                "error": {"code": "not_found", "message": "words that may name +15550123456"},
            });
            self.emit(state, "notification:match:failure", payload);
            return ok(201, &told);
        }
        let client = match state.linked(integration, &person).map(|client| client.id.clone()) {
            Some(client) => client,
            None => self.meet(state, (integration, &kind, &person), "notification"),
        };
        let Some(conversation) = state.client(&client).map(|client| client.conversation.clone()) else {
            return Err(Refusal::absent("not_found", "Client"));
        };
        let recent = json!({"id": id, "received": stamp(self.clock.now()), "author": {"type": "business"}, "content": message,
            "source": {"type": "api:notifications"}});
        state.recent.entry(conversation.clone()).or_default().push(recent);
        let sending = Sending {
            id: &id,
            conversation: &conversation,
            client: &client,
            content: message,
            metadata: &body["metadata"],
            is_notification: true,
        };
        self.deliver(state, &sending);
        ok(201, &told)
    }

    /// Notifications have ids in the form of a UUID.
    fn notification_id(&self) -> String {
        let digits = text::random_hex(&self.clock, 32);
        let part = |start: usize, end: usize| digits.get(start..end).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }
}

/// The person whom a destination means: a number with its `+`, or on WhatsApp an id of WhatsApp's own.
fn person(state: &State, kind: &str, destination: &str) -> Result<String, Refusal> {
    let digits = destination.strip_prefix('+').unwrap_or_default();
    let is_number = (4..=17).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_own = kind == "whatsapp" && destination.as_bytes().get(2) == Some(&b'.');
    let known = state.named.iter().find(|(_, own)| *own == destination).map(|(number, _)| number.clone());
    match (known, is_number || is_own) {
        (Some(number), _) => Ok(number),
        (None, true) => Ok(destination.to_owned()),
        (None, false) => Err(Refusal::bad("Invalid destinationId")),
    }
}
