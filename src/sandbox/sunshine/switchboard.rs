//! The switchboard: which integration is in control of a conversation, and the calls that change it.
//!
//! Zendesk's own messaging is a member of it. A conversation that comes under its control is a ticket of its own.

use serde_json::{Value, json};

use super::api::{Outcome, Refusal, field, needed, ok};
use super::app::Inner;
use super::model::{Member, State, Switchboard};

/// The most members of a switchboard.
const MEMBERS_MAX: usize = 10;

impl Inner {
    pub(super) fn switchboards(&self, state: &mut State, method: &str, path: &[&str], body: &Value) -> Outcome {
        match (method, path) {
            ("GET", []) => {
                let shown: Vec<Value> = state.switchboard.iter().map(shown).collect();
                ok(200, &json!({ "switchboards": shown }))
            }
            ("POST", []) if state.switchboard.is_some() => {
                Err(Refusal::bad("Only one switchboard can be created per app"))
            }
            ("POST", []) => {
                let board = Switchboard { id: self.id(), enabled: false, default: None, members: Vec::new() };
                let made = shown(&board);
                state.switchboard = Some(board);
                ok(201, &json!({ "switchboard": made }))
            }
            (method, [id, rest @ ..]) => {
                let Some(board) = state.switchboard.as_mut().filter(|board| board.id == *id) else {
                    return Err(Refusal::absent("switchboard_not_found", "Switchboard"));
                };
                match (method, rest) {
                    ("PATCH", []) => change(board, body),
                    ("DELETE", []) => {
                        state.switchboard = None;
                        ok(200, &json!({}))
                    }
                    (method, ["switchboardIntegrations", rest @ ..]) => self.members(state, method, rest, body),
                    _ => Err(Refusal::absent("not_found", "Resource")),
                }
            }
            _ => Err(Refusal::absent("not_found", "Resource")),
        }
    }

    fn members(&self, state: &mut State, method: &str, path: &[&str], body: &Value) -> Outcome {
        let kind = field(body, "integrationId").and_then(|id| state.integration(id)).map(|found| found.kind.clone());
        let Some(board) = state.switchboard.as_mut() else {
            return Err(Refusal::absent("switchboard_not_found", "Switchboard"));
        };
        match (method, path) {
            ("GET", []) => {
                let shown: Vec<Value> = board.members.iter().map(Member::shown).collect();
                ok(200, &json!({ "switchboardIntegrations": shown }))
            }
            ("POST", []) if board.members.len() >= MEMBERS_MAX => Err(Refusal::new(
                400,
                "too_many_switchboard_integrations",
                "Switchboard has reached the max number of switchboard integrations (10)",
            )),
            ("POST", []) => {
                let mut member = Member {
                    id: self.id(),
                    name: needed(body, "name")?.to_owned(),
                    integration: needed(body, "integrationId")?.to_owned(),
                    kind: kind.ok_or_else(|| Refusal::absent("integration_not_found", "Integration"))?,
                    on_standby: true,
                    next: None,
                    history: Value::Null,
                };
                fill(&mut member, body);
                let made = member.shown();
                board.members.push(member);
                ok(201, &json!({ "switchboardIntegration": made }))
            }
            (method, [id]) => {
                let Some(member) = board.members.iter_mut().find(|member| member.id == *id) else {
                    return Err(Refusal::absent("switchboard_integration_not_found", "SwitchboardIntegration"));
                };
                match method {
                    "PATCH" => {
                        fill(member, body);
                        ok(200, &json!({"switchboardIntegration": member.shown()}))
                    }
                    "DELETE" => {
                        board.members.retain(|member| member.id != *id);
                        ok(200, &json!({}))
                    }
                    _ => Err(Refusal::absent("not_found", "Resource")),
                }
            }
            _ => Err(Refusal::absent("not_found", "Resource")),
        }
    }

    /// Gives a new conversation to the integration that answers its channel.
    pub(super) fn answer_first(&self, state: &mut State, conversation: &str, integration: &str) {
        let responder = state.integration(integration).and_then(|found| state.responder(found));
        let Some(responder) = responder.map(|member| member.id.clone()) else { return };
        if let Some(found) = state.conversation_mut(conversation).filter(|found| found.active.is_none()) {
            found.active = Some(responder);
        }
        note_native(state, conversation);
    }

    /// Passes control of a conversation to a member, by its id, name or type.
    pub(super) fn pass(&self, state: &mut State, conversation: &str, to: &str, metadata: &Value, reason: Option<&str>) {
        let active = state.conversation(conversation).and_then(|found| found.active.clone());
        let Some(member) = member(state, active.as_deref(), to).map(|member| member.id.clone()) else { return };
        if let Some(found) = state.conversation_mut(conversation) {
            found.active = Some(member);
        }
        note_native(state, conversation);
        self.tell_of_control(state, conversation, "passControl", metadata, reason);
    }

    pub(super) fn control(&self, state: &mut State, conversation: &str, control: &str, body: &Value) -> Outcome {
        let found = state.conversation(conversation);
        let (active, pending) = found.map(|found| (found.active.clone(), found.pending.clone())).unwrap_or_default();
        let metadata = &body["metadata"];
        if matches!(control, "passControl" | "offerControl") {
            let to = needed(body, "switchboardIntegration")?;
            let Some(member) = member(state, active.as_deref(), to).map(|member| member.id.clone()) else {
                return Err(Refusal::bad("Invalid switchboardIntegration"));
            };
            if control == "passControl" {
                self.pass(state, conversation, &member, metadata, None);
                return ok(200, &json!({}));
            }
            set(state, conversation, active, Some(member));
        } else if control == "acceptControl" {
            let accepted = pending.ok_or_else(|| Refusal::new(403, "forbidden", "Forbidden"))?;
            set(state, conversation, Some(accepted), None);
        } else {
            set(state, conversation, None, None);
        }
        self.tell_of_control(state, conversation, control, metadata, None);
        ok(200, &json!({}))
    }

    fn tell_of_control(
        &self,
        state: &mut State,
        conversation: &str,
        control: &str,
        metadata: &Value,
        reason: Option<&str>,
    ) {
        let mut payload = json!({"conversation": state.truncated(conversation), "metadata": metadata});
        if let Some(reason) = reason {
            payload["reason"] = reason.into();
        }
        self.emit(state, &format!("switchboard:{control}"), payload);
    }
}

fn set(state: &mut State, conversation: &str, active: Option<String>, pending: Option<String>) {
    if let Some(found) = state.conversation_mut(conversation) {
        (found.active, found.pending) = (active, pending);
    }
}

/// Zendesk's own messaging opens a ticket of a conversation in its control.
fn note_native(state: &mut State, conversation: &str) {
    let active = state.conversation(conversation).and_then(|found| state.member(found.active.as_deref()?));
    let is_native = active.is_some_and(|member| member.kind.starts_with("zd:"));
    if is_native && !state.native.iter().any(|known| known == conversation) {
        state.native.push(conversation.to_owned());
    }
}

/// The member that a call names: by id, name or type, in this order, or as the next one of the member in control.
fn member<'a>(state: &'a State, active: Option<&str>, named: &str) -> Option<&'a Member> {
    let members = &state.switchboard.as_ref()?.members;
    if named == "next" {
        return state.member(state.member(active?)?.next.as_deref()?);
    }
    let by = |field: fn(&Member) -> &String| members.iter().find(|member| field(member) == named);
    by(|member| &member.id).or_else(|| by(|member| &member.name)).or_else(|| by(|member| &member.kind))
}

fn fill(member: &mut Member, body: &Value) {
    if let Some(name) = field(body, "name") {
        name.clone_into(&mut member.name);
    }
    member.on_standby = body["deliverStandbyEvents"].as_bool().unwrap_or(member.on_standby);
    if let Some(next) = field(body, "nextSwitchboardIntegrationId") {
        member.next = Some(next.to_owned());
    }
    if body["messageHistoryCount"].is_number() {
        member.history = body["messageHistoryCount"].clone();
    }
}

fn change(board: &mut Switchboard, body: &Value) -> Outcome {
    if let Some(default) = field(body, "defaultSwitchboardIntegrationId") {
        if !board.members.iter().any(|member| member.id == default) {
            return Err(Refusal::absent("switchboard_integration_not_found", "SwitchboardIntegration"));
        }
        board.default = Some(default.to_owned());
    }
    let enabled = body["enabled"].as_bool().unwrap_or(board.enabled);
    if enabled && board.default.is_none() {
        let title = "Enabled switchboard must have an associated default switchboardIntegration";
        return Err(Refusal::new(404, "switchboard_integration_not_found", title));
    }
    board.enabled = enabled;
    ok(200, &json!({"switchboard": shown(board)}))
}

fn shown(board: &Switchboard) -> Value {
    json!({"id": board.id, "enabled": board.enabled, "defaultSwitchboardIntegrationId": board.default})
}
