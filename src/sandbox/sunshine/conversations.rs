//! Conversations with their participant, their list of messages, and the activities of the business.

use serde_json::{Value, json};

use super::super::server::Request;
use super::api::{Outcome, Paging, Refusal, listed, needed, ok};
use super::app::Inner;
use super::model::{Conversation, Message, State, extend};
use super::users::{find, named};

impl Inner {
    pub(super) fn conversations(
        &self,
        state: &mut State,
        request: &Request,
        method: &str,
        path: &[&str],
        body: &Value,
    ) -> Outcome {
        match (method, path) {
            ("POST", []) => self.create_conversation(state, body),
            ("GET", []) => self.list_conversations(state, request),
            (method, [id, rest @ ..]) => {
                if state.conversation(id).is_none() {
                    // The list of messages has words of its own for it.
                    let is_list = matches!((method, rest), ("GET", ["messages"]));
                    return Err(if is_list { Refusal::absent("not_found", "Resource") } else { absent() });
                }
                match (method, rest) {
                    ("GET" | "PATCH", []) => {
                        if method == "PATCH" {
                            change(state, id, body);
                        }
                        ok(
                            200,
                            &json!({"conversation": state.conversation(id).map(|found| state.shown_conversation(found))}),
                        )
                    }
                    ("DELETE", []) => self.remove_conversation(state, id),
                    ("GET", ["participants"]) => self.participants(state, request, id),
                    ("POST", ["join" | "leave"]) => {
                        Err(Refusal::bad("Only sdkGroup conversations can be joined or left"))
                    }
                    ("POST", ["messages"]) => self.post_message(state, id, body),
                    ("GET", ["messages"]) => self.list_messages(state, request, id),
                    ("DELETE", ["messages"]) => {
                        state.messages.retain(|message| message.conversation != *id);
                        ok(200, &json!({}))
                    }
                    ("DELETE", ["messages", message]) => {
                        state.messages.retain(|found| found.id != *message);
                        ok(200, &json!({}))
                    }
                    ("POST", ["activity"]) => self.activity(state, id, body),
                    ("POST", [control @ ("passControl" | "offerControl" | "acceptControl" | "releaseControl")]) => {
                        self.control(state, id, control, body)
                    }
                    _ => Err(Refusal::absent("not_found", "Resource")),
                }
            }
            _ => Err(Refusal::absent("not_found", "Resource")),
        }
    }

    fn create_conversation(&self, state: &mut State, body: &Value) -> Outcome {
        if needed(body, "type")? != "personal" {
            return Err(Refusal::bad("the sandbox has personal conversations only"));
        }
        let user = match body["participants"].as_array().map(Vec::as_slice) {
            Some([participant]) => named(state, participant)?,
            Some(_) | None => return Err(Refusal::bad("A personal conversation has exactly one participant")),
        };
        let id = self.add_conversation(state, &user, "none");
        change(state, &id, body);
        ok(201, &json!({"conversation": state.conversation(&id).map(|found| state.shown_conversation(found))}))
    }

    /// A new conversation, and the event that tells of it; gives the id.
    pub(super) fn add_conversation(&self, state: &mut State, user: &str, reason: &str) -> String {
        let (id, now) = (self.id(), self.clock.now());
        let is_default = !state.conversations.iter().any(|conversation| conversation.user == user);
        state.conversations.push(Conversation {
            id: id.clone(),
            user: user.to_owned(),
            is_default,
            metadata: json!({}),
            fields: json!({}),
            created_at: now,
            updated_at: now,
            read_at: None,
            active: None,
            pending: None,
        });
        let payload = json!({
            "conversation": state.truncated(&id),
            "creationReason": reason,
            "source": {"type": "api"},
            "user": state.shown_user(user),
        });
        self.emit(state, "conversation:create", payload);
        id
    }

    fn list_conversations(&self, state: &State, request: &Request) -> Outcome {
        let user = match (request.param("filter[userId]"), request.param("filter[userExternalId]")) {
            (Some(id), None) | (None, Some(id)) => find(state, id)?,
            (Some(_), Some(_)) | (None, None) => return Err(Refusal::bad("Invalid query parameters")),
        };
        let now = self.clock.now();
        let is_listed = |found: &&Conversation| found.user == user && now.duration_since(found.created_at) >= state.lag;
        let theirs = state.conversations.iter().filter(is_listed);
        let shown: Vec<Value> = theirs.map(|conversation| state.shown_conversation(conversation)).collect();
        self.page(request, &listed("conversations"), &shown)
    }

    fn remove_conversation(&self, state: &mut State, id: &str) -> Outcome {
        if state.conversation(id).is_some_and(|conversation| conversation.is_default) {
            return Err(Refusal::bad(format!("Conversation {id} cannot be deleted because it is the default.")));
        }
        self.drop_conversation(state, id);
        ok(200, &json!({}))
    }

    pub(super) fn drop_conversation(&self, state: &mut State, id: &str) {
        let payload = json!({"conversation": state.truncated(id)});
        self.emit(state, "conversation:remove", payload);
        state.conversations.retain(|conversation| conversation.id != id);
        state.messages.retain(|message| message.conversation != id);
        state.clients.retain(|client| client.conversation != id);
    }

    /// The participant's id is not that of the user. The sandbox makes one of it.
    fn participants(&self, state: &State, request: &Request, id: &str) -> Outcome {
        let Some(user) = state.conversation(id).and_then(|found| state.user(&found.user)) else { return Err(absent()) };
        let attached = state.clients.iter().filter(|client| client.conversation == id);
        let clients: Vec<Value> = attached.map(|client| json!({"type": client.kind, "clientId": client.id})).collect();
        let participant: String = user.id.chars().rev().collect();
        let shown = json!({"id": participant, "userId": user.id, "userExternalId": user.external_id, "unreadCount": 0,
            "clientAssociations": clients, "lastRead": null});
        self.page(request, &listed("participants"), &[shown])
    }

    /// The newest page first, a hundred on each, the oldest of a page first. A message is listed a while after it came.
    fn list_messages(&self, state: &State, request: &Request, id: &str) -> Outcome {
        let now = self.clock.now();
        let is_listed =
            |message: &&Message| message.conversation == id && now.duration_since(message.received) >= state.lag;
        let shown: Vec<Value> = state.messages.iter().filter(is_listed).map(listed_message).collect();
        self.page(request, &Paging { name: "messages", size: 100, is_fixed: true, from_end: true }, &shown)
    }

    fn activity(&self, state: &mut State, id: &str, body: &Value) -> Outcome {
        needed(&body["author"], "type")?;
        let now = self.clock.now();
        if needed(body, "type")? == "conversation:read"
            && let Some(conversation) = state.conversation_mut(id)
        {
            conversation.read_at = Some(now);
        }
        ok(200, &json!({}))
    }
}

fn absent() -> Refusal {
    Refusal::absent("conversation_not_found", "Conversation")
}

/// Changes the fields that a body names. Whether the vendor merges metadata is not documented: here it is replaced.
fn change(state: &mut State, id: &str, body: &Value) {
    let Some(conversation) = state.conversation_mut(id) else { return };
    if body["metadata"].is_object() {
        conversation.metadata = body["metadata"].clone();
    }
    for name in ["displayName", "description", "iconUrl"] {
        if !body[name].is_null() {
            extend(&mut conversation.fields, json!({ name: body[name] }));
        }
    }
}

/// A message as the list has it: neither the client nor the whole user comes with it.
fn listed_message(message: &Message) -> Value {
    let mut shown = message.shown.clone();
    for (pointer, name) in [("/source", "client"), ("/author", "user")] {
        if let Some(Value::Object(fields)) = shown.pointer_mut(pointer) {
            fields.remove(name);
        }
    }
    shown
}
