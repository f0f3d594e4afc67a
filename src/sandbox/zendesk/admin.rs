//! The requests for the records that an administrator sets up through the API: user fields, trigger categories, triggers and
//! webhooks; and for brands, groups and forms, which are only read.

use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::sender::{AttemptResult, Seal, Webhook};
use super::super::server::{Answer, Request};
use super::super::text;
use super::errors;
use super::model::time;
use super::records::{CONDITIONS, Hook};
use super::state::State;
use crate::clock::Clock;

/// Whether these segments below `/api/v2` are answered here.
pub(super) fn is_concerned(segments: &[&str]) -> bool {
    matches!(
        segments,
        ["user_fields" | "trigger_categories" | "triggers" | "webhooks" | "brands" | "groups" | "ticket_forms", ..]
    )
}

/// The answer that tells of a test: <https://developer.zendesk.com/api-reference/webhooks/webhooks-api/webhooks/>.
/// Its content for an unreachable address is unconfirmed; here it is a status that no server gives.
pub(super) fn tested(result: &AttemptResult) -> Answer {
    let (status, payload) = match result {
        AttemptResult::Answered { status, body, .. } => (*status, body.as_str()),
        AttemptResult::TimedOut | AttemptResult::Unreachable | AttemptResult::CircuitBroken => (0, ""),
    };
    Answer::json(200, &json!({"response": {"status_code": status, "headers": [], "payload": payload}}))
}

/// The list of conditions and actions that a trigger may have, in the documented shape.
fn definitions() -> Answer {
    let conditions: Vec<Value> = CONDITIONS
        .iter()
        .map(|(field, operators, values)| {
            let operators: Vec<Value> = operators
                .iter()
                .map(
                    |operator| json!({"value": operator, "title": operator, "terminal": operator.ends_with("changed")}),
                )
                .collect();
            let values: Vec<Value> =
                values.iter().map(|value| json!({"value": value, "title": value, "enabled": true})).collect();
            json!({"group": "ticket", "subject": field, "title": field, "type": "list", "nullable": false,
                "repeatable": false, "operators": operators, "values": values})
        })
        .collect();
    let action = |subject: &str| {
        json!({"group": "notification", "subject": subject, "title": subject, "type": "list", "nullable": false,
            "repeatable": true, "values": []})
    };
    let actions = [action("notification_webhook"), action("notification_user"), action("current_tags")];
    Answer::json(
        200,
        &json!({"definitions": {"actions": actions, "conditions_all": conditions, "conditions_any": conditions}}),
    )
}

impl State {
    /// Answers a request for which [`is_concerned`] holds.
    pub(super) fn administer(&mut self, segments: &[&str], request: &Request, clock: &Clock) -> Answer {
        let answer = match segments {
            ["user_fields", rest @ ..] => self.user_fields(rest, request, clock.now()),
            ["trigger_categories", rest @ ..] => self.categories(rest, request, clock.now()),
            ["triggers", rest @ ..] => self.triggers(rest, request, clock.now()),
            ["webhooks", rest @ ..] => self.webhooks(rest, request, clock),
            [list, id] if request.method == Method::GET => self.ticket_record(list, id),
            _ => Err(errors::invalid_endpoint()),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    /// A brand, a group or a form of the account.
    fn ticket_record(&self, list: &str, id: &str) -> Result<Answer, Answer> {
        let name = list.trim_end_matches('s');
        let id: Option<u64> = id.parse().ok();
        let is_asked = |record: &Value| id.is_some() && record["id"].as_u64() == id;
        let record = self.admin.ticket_records.iter().find(|(of, record)| *of == name && is_asked(record));
        record.map(|(_, record)| ok(json!({ name: record }))).ok_or_else(errors::not_found)
    }

    fn user_fields(&mut self, rest: &[&str], request: &Request, now: Timestamp) -> Result<Answer, Answer> {
        match (&request.method, rest) {
            (&Method::GET, []) => self.page("user_fields", self.admin.user_fields.clone(), request).map(ok),
            (&Method::POST, []) => {
                let given = object(request, "user_field")?;
                let key = given.get("key").and_then(Value::as_str).unwrap_or_default();
                let is_key = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let taken = self.admin.user_fields.iter().any(|field| field["key"] == key);
                if key.is_empty() || !key.chars().all(is_key) || key.chars().all(|c| c.is_ascii_digit()) || taken {
                    return Err(errors::record_invalid("key", "Key: is invalid", Some("InvalidValue")));
                }
                let id = self.admin.next_id();
                let mut field = json!({"id": id, "active": true, "position": 0, "description": "", "system": false,
                    "type": "text", "regexp_for_validation": null, "url": format!("{}/api/v2/user_fields/{id}.json", self.base)});
                merge(&mut field, &given, now);
                self.admin.user_fields.push(field.clone());
                Ok(Answer::json(201, &json!({"user_field": field})))
            }
            (&Method::DELETE, [id]) => remove(&mut self.admin.user_fields, id),
            _ => Err(errors::invalid_endpoint()),
        }
    }

    fn categories(&mut self, rest: &[&str], request: &Request, now: Timestamp) -> Result<Answer, Answer> {
        match (&request.method, rest) {
            (&Method::GET, []) => self.page("trigger_categories", self.admin.categories.clone(), request).map(ok),
            (&Method::POST, []) => {
                let given = object(request, "trigger_category")?;
                if given.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
                    return Err(errors::record_invalid("name", "Name: cannot be blank", Some("BlankValue")));
                }
                // The id of a category is a text, that of a trigger a number.
                let id = self.admin.next_id().to_string();
                let mut category = json!({"id": id, "position": self.admin.categories.len().saturating_add(1)});
                merge(&mut category, &given, now);
                self.admin.categories.push(category.clone());
                Ok(Answer::json(201, &json!({"trigger_category": category})))
            }
            (&Method::DELETE, [id]) if self.admin.triggers.iter().any(|trigger| trigger["category_id"] == **id) => {
                Err(errors::error(400, "CategoryNotEmpty", "The category still has triggers"))
            }
            (&Method::DELETE, [id]) => remove(&mut self.admin.categories, id),
            _ => Err(errors::invalid_endpoint()),
        }
    }

    fn triggers(&mut self, rest: &[&str], request: &Request, now: Timestamp) -> Result<Answer, Answer> {
        match (&request.method, rest) {
            (&Method::GET, []) => {
                let sorted = self.admin.sorted().into_iter().cloned().collect();
                self.page("triggers", sorted, request).map(ok)
            }
            (&Method::GET, ["definitions"]) => Ok(definitions()),
            (&Method::POST, []) => {
                let id = self.admin.next_id();
                let mut trigger = json!({"id": id, "active": true, "default": false, "description": null,
                    "position": self.admin.triggers.len().saturating_add(1),
                    "url": format!("{}/api/v2/triggers/{id}.json", self.base)});
                merge(&mut trigger, &object(request, "trigger")?, now);
                self.admin.check_trigger(&trigger)?;
                self.admin.triggers.push(trigger.clone());
                Ok(Answer::json(201, &json!({"trigger": trigger})))
            }
            (&Method::PUT, [id]) => {
                let at = self.admin.triggers.iter().position(|trigger| has_id(trigger, id));
                let mut trigger =
                    at.and_then(|at| self.admin.triggers.get(at)).cloned().ok_or_else(errors::not_found)?;
                merge(&mut trigger, &object(request, "trigger")?, now);
                self.admin.check_trigger(&trigger)?;
                if let Some(kept) = at.and_then(|at| self.admin.triggers.get_mut(at)) {
                    *kept = trigger.clone();
                }
                Ok(Answer::json(200, &json!({"trigger": trigger})))
            }
            (&Method::DELETE, [id]) => remove(&mut self.admin.triggers, id),
            _ => Err(errors::invalid_endpoint()),
        }
    }

    fn webhooks(&mut self, rest: &[&str], request: &Request, clock: &Clock) -> Result<Answer, Answer> {
        match (&request.method, rest) {
            (&Method::GET, []) => {
                let wanted = request.param("filter[name_contains]").unwrap_or_default();
                let shown = self.admin.webhooks.iter().map(|hook| hook.shown.clone());
                let shown = shown.filter(|hook| hook["name"].as_str().is_some_and(|name| name.contains(wanted)));
                self.page("webhooks", shown.collect(), request).map(ok)
            }
            (&Method::POST, []) => {
                let given = object(request, "webhook")?;
                let missing = ["name", "endpoint", "http_method", "request_format", "status"]
                    .iter()
                    .any(|name| given.get(*name).and_then(Value::as_str).is_none_or(str::is_empty));
                if missing {
                    return Err(errors::error(400, "BadRequest", "A required property is missing"));
                }
                let id = format!("01{}", text::random(clock, text::ULID_ALPHABET, 24));
                let mut shown = json!({"id": id, "created_by": self.api_user.to_string()});
                merge(&mut shown, &given, clock.now());
                let secret = format!("{}=", text::random(clock, b"abcdefghijklmnopqrstuvwxyzABCDEFG0123456789-_", 43));
                self.admin.webhooks.push(Hook { shown: shown.clone(), secret });
                Ok(Answer::json(201, &json!({"webhook": shown})))
            }
            (&Method::POST, ["test"]) => self.ask_for_test(request, clock),
            (_, [id, ..]) => {
                let at = self.admin.webhooks.iter().position(|hook| has_id(&hook.shown, id));
                let at = at.ok_or_else(errors::not_found)?;
                self.webhook(at, rest, request, clock.now())
            }
            _ => Err(errors::invalid_endpoint()),
        }
    }

    fn webhook(&mut self, at: usize, rest: &[&str], request: &Request, now: Timestamp) -> Result<Answer, Answer> {
        let Some(hook) = self.admin.webhooks.get_mut(at) else { return Err(errors::not_found()) };
        match (&request.method, rest) {
            (&Method::GET, [_]) => Ok(ok(json!({"webhook": hook.shown}))),
            (&Method::GET, [_, "signing_secret"]) => {
                Ok(ok(json!({"signing_secret": {"secret": hook.secret, "algorithm": "SHA256"}})))
            }
            (&Method::PUT | &Method::PATCH, [_]) => {
                merge(&mut hook.shown, &object(request, "webhook")?, now);
                Ok(nothing())
            }
            (&Method::DELETE, [id]) => {
                let notifies = |trigger: &Value| {
                    let actions = trigger["actions"].as_array().into_iter().flatten();
                    actions.filter(|action| action["field"] == "notification_webhook").any(|a| a["value"][0] == **id)
                };
                // Unconfirmed; the less generous reading.
                if self.admin.triggers.iter().any(notifies) {
                    return Err(errors::error(400, "WebhookInUse", "The webhook is connected to a trigger"));
                }
                self.admin.webhooks.remove(at);
                Ok(nothing())
            }
            _ => Err(errors::invalid_endpoint()),
        }
    }

    /// A test of an existing webhook is signed with its own secret and goes where it points; the rest is as given.
    fn ask_for_test(&mut self, request: &Request, clock: &Clock) -> Result<Answer, Answer> {
        let given = object(request, "request")?;
        let id = request.param("webhook_id").unwrap_or_default();
        let hook = self.admin.webhooks.iter().find(|hook| has_id(&hook.shown, id)).ok_or_else(errors::not_found)?;
        let invocation = format!("01{}", text::random(clock, text::ULID_ALPHABET, 24));
        self.admin.test = Some(Webhook {
            id: invocation.clone(),
            method: Method::POST,
            path: hook.shown["endpoint"].as_str().unwrap_or_default().to_owned(),
            content_type: "application/json; charset=utf-8".to_owned(),
            body: given.get("payload").and_then(Value::as_str).unwrap_or_default().to_owned(),
            lane: String::new(),
            seal: Seal::Zendesk { secret: hook.secret.clone(), invocation },
        });
        Ok(nothing())
    }
}

fn ok(body: Value) -> Answer {
    Answer::json(200, &body)
}

fn nothing() -> Answer {
    Answer { status: 204, headers: Vec::new(), body: bytes::Bytes::new() }
}

/// The one object that a body must hold.
fn object(request: &Request, name: &str) -> Result<Map<String, Value>, Answer> {
    request.json()[name].as_object().cloned().ok_or_else(|| errors::invalid_attribute(name))
}

/// Takes over the given fields; a record's id and times are its own.
fn merge(record: &mut Value, given: &Map<String, Value>, now: Timestamp) {
    for (name, value) in given.iter().filter(|(name, _)| !matches!(name.as_str(), "id" | "url" | "created_at")) {
        record[name] = value.clone();
    }
    if record["created_at"].is_null() {
        record["created_at"] = time(now).into();
    }
    record["updated_at"] = time(now).into();
}

fn remove(records: &mut Vec<Value>, id: &str) -> Result<Answer, Answer> {
    let at = records.iter().position(|record| has_id(record, id)).ok_or_else(errors::not_found)?;
    records.remove(at);
    Ok(nothing())
}

fn has_id(record: &Value, id: &str) -> bool {
    record["id"] == id || id.parse::<u64>().is_ok_and(|id| record["id"] == id)
}
