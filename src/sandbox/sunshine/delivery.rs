//! The way of a message from the app to a phone, and the events that tell of it, late and in no order.
//!
//! The API has answered before any of this is decided: a message outside of WhatsApp's window, and a template that is not
//! there, are refused here. The reason of a channel stands below `underlyingError`, which the published description does
//! not mention, and users of the first generation report.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::app::Inner;
use super::model::{Client, State, Status, stamp};
use super::options::{End, Text};

/// How long after a customer's message WhatsApp takes free text.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// A message on its way to a client.
pub(super) struct Sending<'a> {
    /// The message, or the notification.
    pub(super) id: &'a str,
    pub(super) conversation: &'a str,
    pub(super) client: &'a str,
    pub(super) content: &'a Value,
    pub(super) metadata: &'a Value,
    pub(super) is_notification: bool,
}

/// A step of a delivery.
#[derive(Clone, Debug)]
enum Told {
    /// The channel took it.
    Channel,
    /// It is on the handset.
    User,
    /// It was not delivered.
    Failure(Value),
}

impl Inner {
    /// Sends a message to its client. Of a client that is not linked yet nothing is documented: nothing comes of it.
    pub(super) fn deliver(&self, state: &mut State, sending: &Sending<'_>) {
        let Some(client) = state.client(sending.client).filter(|client| client.status != Status::Pending) else {
            return;
        };
        let kind = client.kind.clone();
        let late = |code| vec![Told::Channel, Told::Failure(error(&kind, code))];
        let steps = match (self.refusal(state, client, sending.content), state.end.clone()) {
            (Some(refusal), _) => vec![Told::Failure(refusal)],
            (None, End::Arrives) => vec![Told::Channel, Told::User],
            (None, End::Taken) => vec![Told::Channel],
            (None, End::Fails(code)) => vec![Told::Failure(error(&kind, code))],
            (None, End::FailsLate(code)) => late(code),
            (None, End::Silent) => Vec::new(),
        };
        let arrives = !steps.iter().any(|step| matches!(step, Told::Failure(_)));
        if arrives {
            let text = Text {
                id: sending.id.to_owned(),
                conversation: sending.conversation.to_owned(),
                integration: client.integration.clone(),
                to: client.person.clone(),
                words: state.words(&client.integration, sending.content),
                template: sending.content["template"]["name"].as_str().map(str::to_owned),
                metadata: sending.metadata.clone(),
                at: self.clock.now(),
            };
            state.texts.push(text);
        }
        for step in steps {
            self.tell(state, sending, &step);
        }
    }

    /// A channel refuses a message that it took before.
    pub(super) fn fail_later(&self, state: &mut State, id: &str, code: u32) {
        let Some(text) = state.texts.iter().find(|text| text.id == id).cloned() else { return };
        let Some(client) = state.linked(&text.integration, &text.to) else { return };
        let (client, error) = (client.id.clone(), error(&client.kind, code));
        let is_notification = !state.messages.iter().any(|message| message.id == id);
        let sending = Sending {
            id,
            conversation: &text.conversation,
            client: &client,
            content: &Value::Null,
            metadata: &Value::Null,
            is_notification,
        };
        self.tell(state, &sending, &Told::Failure(error));
        state.texts.retain(|text| text.id != id);
    }

    /// The channel's refusal of a message.
    fn refusal(&self, state: &State, client: &Client, content: &Value) -> Option<Value> {
        let pair = (client.integration.clone(), client.person.clone());
        let is_chat = client.kind == "whatsapp";
        let is_open = || {
            let is_fresh = |heard: &jiff::Timestamp| self.clock.now().duration_since(*heard) < WINDOW;
            state.heard.get(&pair).is_some_and(is_fresh)
        };
        match content["type"].as_str().unwrap_or_default() {
            _ if client.status == Status::Blocked => Some(json!({"code": "blocked", "message": "The user is blocked"})),
            _ if state.stopped.contains(&pair) => Some(error(&client.kind, 21610)),
            "template" if is_chat => {
                state.unfit(&client.integration, &content["template"]).map(|code| error("whatsapp", code))
            }
            "template" | "form" => Some(json!({"code": "bad_request", "message": "The channel takes no such message"})),
            _ if is_chat && !is_open() => Some(error("whatsapp", 131_047)),
            _ => None,
        }
    }

    fn tell(&self, state: &mut State, sending: &Sending<'_>, step: &Told) {
        let Some(client) = state.client(sending.client) else { return };
        let (word, is_final, error) = match step {
            Told::Channel => ("channel", false, Value::Null),
            Told::User => ("user", true, Value::Null),
            Told::Failure(error) => ("failure", true, error.clone()),
        };
        let mut payload = match sending.is_notification {
            false => json!({
                "user": state.shown_user(&client.user),
                "conversation": state.truncated(sending.conversation),
                "message": {"id": sending.id},
                "destination": {"type": client.kind, "integrationId": client.integration},
                "externalMessages": [{"id": format!("SM{}", sending.id)}],
            }),
            // Seen without the plus.
            true => json!({
                "destination": {"type": client.kind, "integrationId": client.integration,
                    "destinationId": client.person.trim_start_matches('+')},
                "notification": {"_id": sending.id},
                "matchResult": {"appUser": {"_id": client.user, "conversationStarted": true},
                    "conversation": {"_id": sending.conversation}},
            }),
        };
        if sending.is_notification && state.repeats_metadata && sending.metadata.is_object() {
            payload["metadata"] = sending.metadata.clone();
        }
        payload["isFinalEvent"] = is_final.into();
        if !error.is_null() {
            payload["error"] = error;
        }
        let kind = if sending.is_notification { "notification:delivery" } else { "conversation:message:delivery" };
        self.emit(state, &format!("{kind}:{word}"), payload);
    }

    /// A customer has read a conversation.
    pub(super) fn read(&self, state: &mut State, client: &str) {
        let Some(client) = state.client(client) else { return };
        let payload = json!({
            "conversation": state.truncated(&client.conversation),
            "activity": {
                "type": "conversation:read",
                "author": {"type": "user", "userId": client.user, "user": state.shown_user(&client.user)},
                "source": state.source(client, None),
            },
        });
        self.emit(state, "conversation:read", payload);
    }
}

impl State {
    /// The words that a phone shows of a content.
    fn words(&self, integration: &str, content: &Value) -> String {
        let text = content["text"].as_str().unwrap_or_default();
        match content["type"].as_str().unwrap_or_default() {
            "text" => text.to_owned(),
            "image" | "file" => {
                let address = content["mediaUrl"].as_str().unwrap_or_default();
                if text.is_empty() { address.to_owned() } else { format!("{address} {text}") }
            }
            "template" => self.rendered(integration, &content["template"]),
            other => format!("[{other}]"),
        }
    }

    /// The origin of something that a customer did, at a time by their channel's clock.
    pub(super) fn source(&self, client: &Client, at: Option<(&str, jiff::Timestamp)>) -> Value {
        let mut source =
            json!({"type": client.kind, "integrationId": client.integration, "client": self.shown_client(client)});
        if let Some((id, at)) = at {
            source["originalMessageId"] = id.into();
            source["originalMessageTimestamp"] = stamp(at).into();
        }
        source
    }
}

/// A provider's code as the events carry it. The words beside it may name a person.
fn error(kind: &str, code: u32) -> Value {
    match kind {
        "whatsapp" => json!({"code": "uncategorized_error",
            "underlyingError": {"errors": [{"code": code, "title": "words that may name +15550123456"}]}}),
        _ => {
            json!({"code": "uncategorized_error", "message": format!("Error {code}: words that may name +15550123456")})
        }
    }
}
