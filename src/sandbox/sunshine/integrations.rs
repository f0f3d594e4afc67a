//! Integrations: the channels, and the custom ones with a webhook each; and the webhooks of both generations.

use serde_json::{Map, Value, json};

use super::super::server::Request;
use super::super::text;
use super::api::{Outcome, Refusal, field, listed, needed, ok};
use super::app::Inner;
use super::model::{Hook, Integration, Member, State, Version, extend};
use super::start::{FIRST_TRIGGERS, TRIGGERS};

/// The most webhooks of an app.
const WEBHOOKS_MAX: usize = 10;

/// The channels that take a responder of their own.
const CHANNELS: [&str; 3] = ["messagebird", "twilio", "whatsapp"];

impl Inner {
    pub(super) fn integrations(
        &self,
        state: &mut State,
        request: &Request,
        method: &str,
        path: &[&str],
        body: &Value,
    ) -> Outcome {
        match (method, path) {
            ("POST", []) => self.create_integration(state, body),
            ("GET", []) => {
                let types: Option<Vec<&str>> = request.param("filter[types]").map(|types| types.split(',').collect());
                let fits =
                    |found: &&Integration| types.as_ref().is_none_or(|types| types.contains(&found.kind.as_str()));
                let shown: Vec<Value> =
                    state.integrations.iter().filter(fits).map(|found| self.shown_integration(state, found)).collect();
                self.page(request, &listed("integrations"), &shown)
            }
            (method, [id, rest @ ..]) => {
                let found = state.integration(id).ok_or_else(absent)?;
                match (method, rest) {
                    ("GET", []) => ok(200, &json!({"integration": self.shown_integration(state, found)})),
                    ("PATCH", []) => self.change_integration(state, id, body),
                    ("DELETE", []) => {
                        state.integrations.retain(|integration| integration.id != *id);
                        state.hooks.retain(|hook| hook.integration != *id);
                        ok(200, &json!({}))
                    }
                    (method, ["webhooks", rest @ ..]) if found.kind == "custom" => {
                        self.webhooks(state, id, method, rest, body)
                    }
                    (_, ["webhooks", ..]) => Err(Refusal::new(403, "forbidden", "Forbidden")),
                    _ => Err(Refusal::absent("not_found", "Resource")),
                }
            }
            _ => Err(Refusal::absent("not_found", "Resource")),
        }
    }

    fn create_integration(&self, state: &mut State, body: &Value) -> Outcome {
        let kind = needed(body, "type")?;
        let mut fields: Map<String, Value> = body.as_object().cloned().unwrap_or_default();
        for secret in ["type", "webhooks", "authToken", "accessKey", "signingKey", "defaultResponderId"] {
            fields.remove(secret);
        }
        let id = self.id();
        match (kind, body["webhooks"].as_array().map(Vec::as_slice)) {
            ("custom", Some([webhook])) => drop(self.add_webhook(state, &id, Version::Second, webhook)?),
            ("custom", Some(_) | None) => {
                return Err(Refusal::bad("webhooks should NOT have fewer or more than 1 items"));
            }
            (kind, _) if CHANNELS.contains(&kind) => {}
            _ => return Err(Refusal::bad("Invalid integration type")),
        }
        state.integrations.push(Integration { id: id.clone(), kind: kind.to_owned(), fields, responder: None });
        ok(201, &json!({"integration": state.integration(&id).map(|found| self.shown_integration(state, found))}))
    }

    fn change_integration(&self, state: &mut State, id: &str, body: &Value) -> Outcome {
        let responder = field(body, "defaultResponderId");
        if responder.is_some_and(|responder| state.member(responder).is_none()) {
            return Err(Refusal::bad("Invalid defaultResponderId"));
        }
        if let Some(found) = state.integrations.iter_mut().find(|integration| integration.id == id) {
            if let Some(name) = body.get("displayName") {
                found.fields.insert("displayName".to_owned(), name.clone());
            }
            if body.get("defaultResponderId").is_some() && CHANNELS.contains(&found.kind.as_str()) {
                found.responder = responder.map(str::to_owned);
            }
        }
        ok(200, &json!({"integration": state.integration(id).map(|found| self.shown_integration(state, found))}))
    }

    fn shown_integration(&self, state: &State, integration: &Integration) -> Value {
        let mut shown = json!({"id": integration.id, "type": integration.kind, "status": "active"});
        extend(&mut shown, Value::Object(integration.fields.clone()));
        if integration.kind == "custom" {
            let own = state.hooks.iter().filter(|hook| hook.integration == integration.id);
            shown["webhooks"] = own.map(|hook| self.shown_webhook(hook)).collect();
        } else if let Some(member) = state.responder(integration) {
            shown["defaultResponder"] = member.shown();
            shown["defaultResponder"]["inherited"] = integration.responder.is_none().into();
        }
        shown
    }

    fn webhooks(&self, state: &mut State, integration: &str, method: &str, path: &[&str], body: &Value) -> Outcome {
        let own = |hook: &&Hook| hook.integration == integration;
        match (method, path) {
            ("GET", []) => {
                let shown: Vec<Value> = state.hooks.iter().filter(own).map(|hook| self.shown_webhook(hook)).collect();
                ok(200, &json!({ "webhooks": shown }))
            }
            ("POST", []) if state.hooks.iter().any(|hook| own(&hook)) => Err(Refusal::bad("Bad request")),
            ("POST", []) => {
                let id = self.add_webhook(state, integration, Version::Second, body)?;
                ok(
                    201,
                    &json!({"webhook": state.hooks.iter().find(|hook| hook.id == id).map(|hook| self.shown_webhook(hook))}),
                )
            }
            (method, [id]) => {
                let place = state.hooks.iter().position(|hook| hook.id == *id && own(&hook));
                let Some(hook) = place.and_then(|place| state.hooks.get_mut(place)) else {
                    return Err(Refusal::absent("not_found", "Resource"));
                };
                match method {
                    "GET" => ok(200, &json!({"webhook": self.shown_webhook(hook)})),
                    "PATCH" => {
                        change(hook, body, &TRIGGERS)?;
                        ok(200, &json!({"webhook": self.shown_webhook(hook)}))
                    }
                    "DELETE" => {
                        state.hooks.retain(|hook| hook.id != *id);
                        ok(200, &json!({}))
                    }
                    _ => Err(Refusal::absent("not_found", "Resource")),
                }
            }
            _ => Err(Refusal::absent("not_found", "Resource")),
        }
    }

    /// The webhooks of the first generation, each of which the second shows as a custom integration.
    pub(super) fn first_webhooks(&self, state: &mut State, method: &str, path: &[&str], body: &Value) -> Outcome {
        let is_first = |hook: &&Hook| hook.version == Version::First;
        match (method, path) {
            ("GET", []) => {
                let shown: Vec<Value> =
                    state.hooks.iter().filter(is_first).map(|hook| self.shown_first(hook)).collect();
                ok(200, &json!({ "webhooks": shown }))
            }
            ("POST", []) => {
                let integration = self.id();
                let id = self.add_webhook(state, &integration, Version::First, body)?;
                let fields = Map::from_iter([("displayName".to_owned(), Value::Null)]);
                state.integrations.push(Integration {
                    id: integration,
                    kind: "custom".to_owned(),
                    fields,
                    responder: None,
                });
                ok(
                    201,
                    &json!({"webhook": state.hooks.iter().find(|hook| hook.id == id).map(|hook| self.shown_first(hook))}),
                )
            }
            (method, [id]) => {
                let place = state.hooks.iter().position(|hook| hook.id == *id && is_first(&hook));
                let Some(hook) = place.and_then(|place| state.hooks.get_mut(place)) else {
                    return Err(Refusal::absent("not_found", "Webhook"));
                };
                match method {
                    "GET" => ok(200, &json!({"webhook": self.shown_first(hook)})),
                    "PUT" => {
                        change(hook, body, &FIRST_TRIGGERS)?;
                        ok(200, &json!({"webhook": self.shown_first(hook)}))
                    }
                    "DELETE" => {
                        let integration = hook.integration.clone();
                        state.hooks.retain(|hook| hook.id != *id);
                        state.integrations.retain(|found| found.id != integration);
                        ok(200, &json!({}))
                    }
                    _ => Err(Refusal::absent("not_found", "Resource")),
                }
            }
            _ => Err(Refusal::absent("not_found", "Resource")),
        }
    }

    /// A new webhook with a secret of its own; gives its id.
    fn add_webhook(
        &self,
        state: &mut State,
        integration: &str,
        version: Version,
        body: &Value,
    ) -> Result<String, Refusal> {
        if state.hooks.len() >= WEBHOOKS_MAX {
            return Err(Refusal::bad("Webhook limit reached"));
        }
        needed(body, "target")?;
        let mut hook = Hook {
            id: self.id(),
            version,
            integration: integration.to_owned(),
            target: String::new(),
            triggers: Vec::new(),
            secret: text::random_hex(&self.clock, 40),
            full_user: false,
            full_source: false,
        };
        let known: &[&str] = if version == Version::First { &FIRST_TRIGGERS } else { &TRIGGERS };
        change(&mut hook, body, known)?;
        if hook.triggers.is_empty() {
            return Err(Refusal::bad("should have required property 'triggers'"));
        }
        let id = hook.id.clone();
        state.hooks.push(hook);
        Ok(id)
    }

    fn shown_webhook(&self, hook: &Hook) -> Value {
        json!({"id": hook.id, "version": hook.version.word(), "target": self.target(hook), "triggers": hook.triggers,
            "secret": hook.secret, "includeFullUser": hook.full_user, "includeFullSource": hook.full_source})
    }

    fn shown_first(&self, hook: &Hook) -> Value {
        json!({"_id": hook.id, "version": hook.version.word(), "target": self.target(hook), "triggers": hook.triggers,
            "secret": hook.secret, "includeFullAppUser": hook.full_user, "includeClient": hook.full_source})
    }

    /// The whole address of a webhook.
    fn target(&self, hook: &Hook) -> String {
        let is_path = hook.target.starts_with('/');
        if is_path { format!("{}{}", self.sender.bridge(), hook.target) } else { hook.target.clone() }
    }
}

impl State {
    /// The member of the switchboard that answers new conversations of a channel.
    pub(super) fn responder(&self, integration: &Integration) -> Option<&Member> {
        let board = self.switchboard.as_ref().filter(|board| board.enabled)?;
        self.member(integration.responder.as_ref().or(board.default.as_ref())?)
    }
}

fn absent() -> Refusal {
    Refusal::absent("integration_not_found", "Integration")
}

/// Changes the fields of a webhook that a body names. Triggers are spelled exactly.
fn change(hook: &mut Hook, body: &Value, known: &[&str]) -> Result<(), Refusal> {
    if let Some(triggers) = body["triggers"].as_array() {
        let named: Vec<String> = triggers.iter().filter_map(|trigger| trigger.as_str().map(str::to_owned)).collect();
        if named.len() < triggers.len() || named.iter().any(|trigger| !known.contains(&trigger.as_str())) {
            return Err(Refusal::bad("Bad request"));
        }
        hook.triggers = named;
    }
    if let Some(target) = field(body, "target") {
        target.clone_into(&mut hook.target);
    }
    let flag = |name: &str, first: &str| body[name].as_bool().or(body[first].as_bool());
    hook.full_user = flag("includeFullUser", "includeFullAppUser").unwrap_or(hook.full_user);
    hook.full_source = flag("includeFullSource", "includeClient").unwrap_or(hook.full_source);
    Ok(())
}
