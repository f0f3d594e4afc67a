//! Users: made, found by either id, changed and removed. Nothing finds one by their number.

use serde_json::{Value, json};

use super::super::server::Request;
use super::api::{Outcome, Refusal, field, listed, ok};
use super::app::Inner;
use super::model::{Client, State, User};

impl Inner {
    pub(super) fn users(
        &self,
        state: &mut State,
        request: &Request,
        method: &str,
        path: &[&str],
        body: &Value,
    ) -> Outcome {
        match (method, path) {
            ("POST", []) => self.create_user(state, body),
            // Identities are those of signed-in users, of whom the sandbox has none.
            ("GET", []) => match request.param("filter[identities.email]") {
                Some(_) => ok(200, &json!({"users": []})),
                None => Err(Refusal::bad("Invalid query parameters")),
            },
            (method, [id, rest @ ..]) => {
                let id = find(state, id)?;
                match (method, rest) {
                    ("GET", []) => ok(200, &json!({"user": state.shown_user(&id)})),
                    ("PATCH", []) => change(state, &id, body),
                    ("DELETE", []) => self.remove_user(state, &id),
                    ("DELETE", ["personalinformation"]) => {
                        let none = json!({"profile": {}, "metadata": {}});
                        change(state, &id, &none)
                    }
                    ("POST", ["clients"]) => self.create_client(state, &id, body),
                    ("GET", ["clients"]) => {
                        let now = self.clock.now();
                        let is_listed =
                            |found: &&Client| found.user == id && now.duration_since(found.made_at) >= state.lag;
                        let theirs = state.clients.iter().filter(is_listed);
                        let clients: Vec<Value> = theirs.map(|client| state.shown_client(client)).collect();
                        self.page(request, &listed("clients"), &clients)
                    }
                    ("DELETE", ["clients", client]) => self.remove_client(state, &id, client),
                    _ => Err(Refusal::absent("not_found", "Resource")),
                }
            }
            _ => Err(Refusal::absent("not_found", "Resource")),
        }
    }

    fn create_user(&self, state: &mut State, body: &Value) -> Outcome {
        let external_id = field(body, "externalId");
        let is_taken = |user: &User| external_id.is_some() && user.external_id.as_deref() == external_id;
        if state.users.iter().any(is_taken) {
            return Err(Refusal::new(409, "conflict", "User already exists"));
        }
        if external_id.is_some_and(|id| id.chars().count() > 1024) {
            return Err(Refusal::bad("externalId should NOT be longer than 1024 characters"));
        }
        let id = self.add_user(state, external_id);
        change(state, &id, body)?;
        ok(201, &json!({"user": state.shown_user(&id)}))
    }

    /// A new user; gives the id.
    pub(super) fn add_user(&self, state: &mut State, external_id: Option<&str>) -> String {
        let id = self.id();
        state.users.push(User {
            id: id.clone(),
            external_id: external_id.map(str::to_owned),
            signed_up_at: Value::Null,
            profile: json!({}),
            metadata: json!({}),
        });
        id
    }

    pub(super) fn remove_user(&self, state: &mut State, id: &str) -> Outcome {
        let mut shown = state.shown_user(id);
        if let Some(user) = shown.as_object_mut() {
            user.retain(|name, _| matches!(name.as_str(), "id" | "authenticated" | "externalId"));
        }
        let theirs = state.conversations.iter().filter(|conversation| conversation.user == id);
        let theirs: Vec<String> = theirs.map(|conversation| conversation.id.clone()).collect();
        self.emit(state, "user:remove", json!({ "user": shown }));
        state.users.retain(|user| user.id != id);
        state.clients.retain(|client| client.user != id);
        for conversation in theirs {
            self.drop_conversation(state, &conversation);
        }
        ok(200, &json!({}))
    }
}

/// The user with this id of either kind.
pub(super) fn find(state: &State, id: &str) -> Result<String, Refusal> {
    let is_meant = |user: &&User| user.id == id || user.external_id.as_deref() == Some(id);
    let found = state.users.iter().find(is_meant).map(|user| user.id.clone());
    found.ok_or_else(|| Refusal::absent("user_not_found", "User"))
}

/// The user whom an object names by `userId` or by `userExternalId`.
pub(super) fn named(state: &State, named: &Value) -> Result<String, Refusal> {
    let id = field(named, "userId").or_else(|| field(named, "userExternalId"));
    find(state, id.ok_or_else(|| Refusal::bad("should have required property 'userId'"))?)
}

fn change(state: &mut State, id: &str, body: &Value) -> Outcome {
    if let Some(user) = state.users.iter_mut().find(|user| user.id == id) {
        let fields =
            [("profile", &mut user.profile), ("metadata", &mut user.metadata), ("signedUpAt", &mut user.signed_up_at)];
        for (name, value) in fields {
            if !body[name].is_null() {
                *value = body[name].clone();
            }
        }
    }
    ok(200, &json!({"user": state.shown_user(id)}))
}
