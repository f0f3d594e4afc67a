//! Clients: the link of a user to a phone, asked for by the API, pending until the channel confirms it.
//!
//! `client:add` (pending) is followed by `client:update` (`matched`, then `confirmed`), or by `client:remove` where the link
//! fails. A number that another user has is taken from them, which is `client:remove` (`theft`) on that user.

use serde_json::{Value, json};

use super::api::{Outcome, Refusal, needed, ok};
use super::app::Inner;
use super::model::{Client, State, Status, extend};
use super::options::Linking;

/// The channels that a link can be asked for.
const LINKED: [&str; 3] = ["messagebird", "twilio", "whatsapp"];

impl Inner {
    pub(super) fn create_client(&self, state: &mut State, user: &str, body: &Value) -> Outcome {
        let (criteria, confirmation, target) = (&body["matchCriteria"], &body["confirmation"], &body["target"]);
        let (kind, integration) = (needed(criteria, "type")?, needed(criteria, "integrationId")?);
        let how = needed(confirmation, "type")?;
        let conversation = needed(target, "conversationId")?;
        let person = number(needed(criteria, "phoneNumber")?)?;
        let is_kind = LINKED.contains(&kind) && state.integration(integration).is_some_and(|found| found.kind == kind);
        if !is_kind || !matches!(how, "immediate" | "userActivity" | "prompt") {
            return Err(Refusal::bad("Invalid matchCriteria or confirmation"));
        }
        if state.conversation(conversation).is_none_or(|found| found.user != user) {
            return Err(Refusal::absent("conversation_not_found", "Conversation"));
        }
        let is_same = |client: &Client| {
            (client.user.as_str(), client.integration.as_str(), client.person.as_str()) == (user, integration, &person)
        };
        if state.clients.iter().any(is_same) {
            return Err(Refusal::bad("The user has a client of this channel and number"));
        }
        let id = self.id();
        state.clients.push(Client {
            id: id.clone(),
            kind: kind.to_owned(),
            integration: integration.to_owned(),
            user: user.to_owned(),
            conversation: conversation.to_owned(),
            person,
            status: Status::Pending,
            linked_at: None,
            seen_at: None,
            awaits_activity: how != "immediate",
            made_at: self.clock.now(),
        });
        let shown = state.client(&id).map(|client| state.shown_client(client));
        self.tell_of_client(state, "client:add", &id, json!({"reason": "channelLinking"}));
        if how == "immediate" {
            match state.linking {
                Linking::Confirms => self.confirm(state, &id),
                Linking::Waits => {}
                Linking::Fails => self.fail_link(state, &id),
            }
        }
        ok(201, &json!({ "client": shown }))
    }

    /// The channel has found the phone of a pending link, and confirms it.
    pub(super) fn confirm(&self, state: &mut State, id: &str) {
        let Some(client) = state.client(id).filter(|client| client.status == Status::Pending) else { return };
        let (integration, person, now) = (client.integration.clone(), client.person.clone(), self.clock.now());
        if let Some(old) = state.linked(&integration, &person).map(|old| old.id.clone()) {
            self.tell_of_client(state, "client:remove", &old, json!({"reason": "theft"}));
            state.clients.retain(|client| client.id != old);
        }
        self.tell_of_client(state, "client:update", id, json!({"reason": "matched"}));
        if let Some(client) = state.client_mut(id) {
            (client.status, client.linked_at) = (Status::Active, Some(now));
        }
        self.tell_of_client(state, "client:update", id, json!({"reason": "confirmed"}));
    }

    /// A pending link comes to nothing. The form of the error is not documented.
    pub(super) fn fail_link(&self, state: &mut State, id: &str) {
        let error = json!({"code": "not_found", "message": "no such number, with words that may name +15550123456"});
        self.tell_of_client(state, "client:remove", id, json!({"reason": "linkFailed", "error": error}));
        state.clients.retain(|client| client.id != id);
    }

    /// Blocks a client or unblocks it, as its person does at the channel.
    pub(super) fn block(&self, state: &mut State, id: &str, is_blocked: bool) {
        let Some(client) = state.client_mut(id) else { return };
        client.status = if is_blocked { Status::Blocked } else { Status::Active };
        let reason = if is_blocked { "blocked" } else { "unblocked" };
        self.tell_of_client(state, "client:update", id, json!({ "reason": reason }));
    }

    pub(super) fn remove_client(&self, state: &mut State, user: &str, id: &str) -> Outcome {
        if state.client(id).is_none_or(|client| client.user != user) {
            return Err(Refusal::absent("client_not_found", "Client"));
        }
        self.tell_of_client(state, "client:remove", id, json!({"reason": "api"}));
        state.clients.retain(|client| client.id != id);
        ok(200, &json!({}))
    }

    /// Tells of a client. The conversation comes with it but for a removal by the API.
    fn tell_of_client(&self, state: &mut State, kind: &str, id: &str, more: Value) {
        let Some(client) = state.client(id) else { return };
        let mut payload = json!({
            "user": state.shown_user(&client.user),
            "client": state.shown_client(client),
            "source": {"type": "api"},
        });
        if more["reason"] != "api" {
            payload["conversation"] = state.truncated(&client.conversation);
        }
        extend(&mut payload, more);
        self.emit(state, kind, payload);
    }
}

/// A number as people type it: with its `+`, and gaps of spaces and dashes.
fn number(typed: &str) -> Result<String, Refusal> {
    let number: String = typed.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let digits = number.strip_prefix('+').unwrap_or_default();
    if (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(number);
    }
    Err(Refusal::bad("phoneNumber must contain the + prefix and the country code"))
}
