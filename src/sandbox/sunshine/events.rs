//! Events, and the webhooks that carry them: several in a body of the second generation, one in a body of the first.
//!
//! Nothing is signed. The secret of a webhook goes with each of its calls, the same in all of them.

use http::Method;
use serde_json::{Value, json};

use super::super::sender::{Seal, Webhook};
use super::app::Inner;
use super::model::{Event, Hook, State, Version, extend, stamp};

/// Events that come by themselves, because the channel makes them later.
const LATER: &str = "conversation:message:delivery:";

/// The events of the first generation.
const FIRST: &str = "notification:";

/// The parts of a payload that hold a user, and a source.
const USERS: [&str; 3] = ["/user", "/message/author/user", "/activity/author/user"];
const SOURCES: [&str; 3] = ["/source", "/message/source", "/activity/source"];

/// The fields of a user that every webhook gets.
const USER_FIELDS: [&str; 5] = ["id", "authenticated", "externalId", "zendeskId", "brandId"];

impl Inner {
    /// Tells every webhook that hears such events.
    pub(super) fn emit(&self, state: &mut State, kind: &str, payload: Value) {
        let event = Event { id: self.id(), kind: kind.to_owned(), at: self.clock.now(), payload };
        let hearing = state.hooks.iter().filter(|hook| state.hears(hook, &event));
        let told: Vec<(String, Event)> = hearing.map(|hook| (hook.id.clone(), event.clone())).collect();
        state.pending.extend(told);
    }

    /// Posts the events of one act: one body for each webhook, and for each result of a delivery one of its own, unless all
    /// are to come in one.
    pub(super) fn post(&self, state: &mut State, in_one: bool) {
        let pending = std::mem::take(&mut state.pending);
        for hook in &state.hooks {
            let events = pending.iter().filter(|(id, _)| *id == hook.id).map(|(_, event)| event);
            let (alone, joined): (Vec<&Event>, Vec<&Event>) = match hook.version {
                Version::First => events.partition(|_| true),
                Version::Second => events.partition(|event| !in_one && event.kind.starts_with(LATER)),
            };
            let bodies = std::iter::once(joined).chain(alone.into_iter().map(|event| vec![event]));
            for events in bodies.filter(|events| !events.is_empty()) {
                self.send(hook, &events);
            }
        }
    }

    fn send(&self, hook: &Hook, events: &[&Event]) {
        let body = match (hook.version, events) {
            (Version::First, [event, ..]) => self.first_body(event),
            (Version::First, []) | (Version::Second, _) => {
                let events: Vec<Value> = events.iter().map(|event| told(event, hook)).collect();
                json!({"app": {"id": self.options.app_id}, "webhook": {"id": hook.id, "version": "v2"}, "events": events})
            }
        };
        let id = self.id();
        self.sender.send(Webhook {
            method: Method::POST,
            path: hook.target.clone(),
            content_type: "application/json".to_owned(),
            body: body.to_string(),
            // Order is not promised: no body waits for another.
            lane: id.clone(),
            seal: Seal::Header { name: "x-api-key", value: hook.secret.clone() },
            id,
        });
    }

    /// The body of the first generation. It has no id of the event, and the time in seconds.
    fn first_body(&self, event: &Event) -> Value {
        let mut body = json!({"trigger": event.kind, "version": "v1.1", "app": {"_id": self.options.app_id},
            "timestamp": event.at.as_second()});
        extend(&mut body, event.payload.clone());
        body
    }
}

impl State {
    /// Whether a webhook hears an event. A member of the switchboard that wants no events on standby hears those of
    /// conversations in its own control, and every change of control.
    fn hears(&self, hook: &Hook, event: &Event) -> bool {
        let is_first = event.kind.starts_with(FIRST);
        if is_first != (hook.version == Version::First) || !hook.triggers.contains(&event.kind) {
            return false;
        }
        let Some(board) = self.switchboard.as_ref().filter(|board| board.enabled) else { return true };
        let Some(member) = board.members.iter().find(|member| member.integration == hook.integration) else {
            return true;
        };
        let conversation = event.payload["conversation"]["id"].as_str().and_then(|id| self.conversation(id));
        let active = conversation.and_then(|conversation| conversation.active.as_deref());
        let is_control = event.kind.starts_with("switchboard:");
        member.on_standby || is_control || active.is_none_or(|active| active == member.id)
    }
}

/// An event as a webhook gets it, with the parts that it asked for.
fn told(event: &Event, hook: &Hook) -> Value {
    let mut payload = event.payload.clone();
    let users = USERS.iter().filter(|_| !hook.full_user);
    for pointer in users {
        if let Some(Value::Object(user)) = payload.pointer_mut(pointer) {
            user.retain(|name, _| USER_FIELDS.contains(&name.as_str()));
        }
    }
    for pointer in SOURCES.iter().filter(|_| !hook.full_source) {
        if let Some(Value::Object(source)) = payload.pointer_mut(pointer) {
            source.remove("client");
        }
    }
    json!({"id": event.id, "type": event.kind, "createdAt": stamp(event.at), "payload": payload})
}
