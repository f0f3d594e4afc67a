//! Zendesk's side: a webhook, a category with three triggers that notify it, and a user field.
//!
//! Every function compares the wanted object with the found one and returns a [`Step`]. Our objects are recognised by
//! their name, the webhook also by the address that it posts to. No other object is ever part of a step that writes.

use http::Method;
use serde_json::{Value, json};

use crate::vendors::setup::{Does, Step, Write};
use crate::vendors::zendesk::admin::{CategoryView, TriggerView, UserFieldView, WebhookView};

/// The tag of the tickets that tandem serves.
pub const TAG: &str = "sms";

/// The name of our webhook and of our category of triggers.
pub const NAME: &str = "tandem";

/// The description of a user field that we made, and that may be removed.
const FIELD_DESCRIPTION: &str = "Set up by tandem: the id by which Braze knows the customer.";

/// A fault of a trigger that an earlier version installed. It works: the bridge reads the requester from the ticket.
pub const OUTDATED_BODY: &str = "posts the body of an earlier version, which does not tell the requester";

/// The subscription that connects a webhook to triggers; it cannot be changed once the webhook is made.
const SUBSCRIPTION: &str = "conditional_ticket_events";

/// The wanted installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The address that the webhook posts to.
    pub endpoint: String,
    /// The key of the user field.
    pub user_field: String,
}

/// One of our triggers.
#[derive(Debug)]
pub struct TriggerSpec {
    /// Its title, by which it is recognised.
    pub title: &'static str,
    /// Field, operator and value of each condition, all of which must hold:
    /// <https://developer.zendesk.com/documentation/ticketing/reference-guides/conditions-reference/>.
    pub conditions: &'static [(&'static str, &'static str, &'static str)],
    /// The body that it posts: ids only, because Zendesk mangles any other value of a placeholder.
    pub body: &'static str,
}

/// Our triggers, in the order in which they fire: an update that replies and solves must not close before it replies.
pub const TRIGGERS: [TriggerSpec; 3] = [
    TriggerSpec {
        title: "tandem: agent replied",
        conditions: &[
            ("comment_is_public", "is", "requester_can_see_comment"),
            ("role", "is_not", "end_user"),
            ("current_tags", "includes", TAG),
        ],
        body: r#"{"event":"agent_reply","ticket_id":"{{ticket.id}}","comment_id":"{{ticket.latest_public_comment.id}}","requester_id":"{{ticket.requester.id}}"}"#,
    },
    TriggerSpec {
        title: "tandem: ticket solved",
        conditions: &[("status", "value", "solved"), ("current_tags", "includes", TAG)],
        body: r#"{"event":"ticket_solved","ticket_id":"{{ticket.id}}","requester_id":"{{ticket.requester.id}}"}"#,
    },
    TriggerSpec {
        title: "tandem: ticket reopened",
        conditions: &[
            ("status", "value_previous", "solved"),
            // A solved ticket that is closed for good has changed from solved as well.
            ("status", "not_value", "closed"),
            ("current_tags", "includes", TAG),
        ],
        body: r#"{"event":"ticket_reopened","ticket_id":"{{ticket.id}}","requester_id":"{{ticket.requester.id}}"}"#,
    },
];

/// Our webhook: the one that posts to our endpoint, by preference under our name; else the one of our name, which
/// posts to an earlier endpoint. A webhook that is subscribed to events cannot be notified by triggers.
#[must_use]
pub fn find_webhook<'a>(found: &'a [WebhookView], endpoint: &str) -> Option<&'a WebhookView> {
    let usable = |webhook: &&WebhookView| {
        webhook.subscriptions.as_ref().is_none_or(|list| list.iter().any(|entry| entry == SUBSCRIPTION))
    };
    found
        .iter()
        .filter(usable)
        .filter(|webhook| webhook.endpoint == endpoint || webhook.name == NAME)
        .max_by_key(|webhook| (webhook.endpoint == endpoint, webhook.name == NAME))
}

/// How a webhook differs from ours, each as the end of a sentence that starts with it.
#[must_use]
pub fn webhook_faults(webhook: &WebhookView, endpoint: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if webhook.endpoint != endpoint {
        faults.push(format!("posts to {} instead of {endpoint}", webhook.endpoint));
    }
    if webhook.status != "active" {
        faults.push("is inactive".to_owned());
    }
    if webhook.http_method != "POST" || webhook.request_format != "json" {
        faults.push("does not post JSON".to_owned());
    }
    faults
}

/// The step for the webhook.
#[must_use]
pub fn webhook(found: &[WebhookView], wanted: &Wanted) -> Step {
    let wanted_now = json!({"endpoint": wanted.endpoint, "http_method": "POST", "request_format": "json",
        "status": "active"});
    let Some(webhook) = find_webhook(found, &wanted.endpoint) else {
        let mut body = wanted_now;
        body["name"] = NAME.into();
        body["description"] = "Set up by tandem: tells the bridge of replies.".into();
        body["subscriptions"] = json!([SUBSCRIPTION]);
        return Step::create(called("webhook", NAME), "/api/v2/webhooks", json!({ "webhook": body }));
    };
    let what = called("webhook", &webhook.name);
    let faults = webhook_faults(webhook, &wanted.endpoint);
    if faults.is_empty() {
        return Step::keep(what, &webhook.id);
    }
    let path = format!("/api/v2/webhooks/{}", webhook.id);
    // PATCH keeps fields that it does not name, such as an authentication that an administrator added.
    let write = Write { method: Method::PATCH, path, body: Some(json!({ "webhook": wanted_now })) };
    Step::mend(what, &webhook.id, faults, write)
}

/// The step for the category of triggers.
#[must_use]
pub fn category(found: &[CategoryView]) -> Step {
    let what = called("trigger category", NAME);
    match found.iter().find(|category| category.name == NAME) {
        Some(category) => Step::keep(what, &category.id),
        None => Step::create(what, "/api/v2/trigger_categories", json!({"trigger_category": {"name": NAME}})),
    }
}

/// The steps for the triggers, given the ids of the webhook and of the category, in the order of [`TRIGGERS`].
#[must_use]
pub fn triggers(found: &[TriggerView], webhook: &str, category: &str) -> Vec<Step> {
    let is_out_of_order = is_out_of_order(found);
    let step = |(index, spec): (usize, &TriggerSpec)| {
        let what = called("trigger", spec.title);
        let Some(trigger) = find_trigger(found, spec) else {
            return Step::create(what, "/api/v2/triggers", trigger_body(spec, index, webhook, category));
        };
        let mut faults = trigger_faults(trigger, spec, webhook);
        if trigger.category_id.as_deref() != Some(category) {
            faults.push("stands in another category".to_owned());
        }
        if is_out_of_order {
            faults.push("does not stand in the order reply, solved, reopened".to_owned());
        }
        if faults.is_empty() {
            return Step::keep(what, trigger.id);
        }
        let path = format!("/api/v2/triggers/{}", trigger.id);
        let body = Some(trigger_body(spec, index, webhook, category));
        Step::mend(what, trigger.id, faults, Write { method: Method::PUT, path, body })
    };
    TRIGGERS.iter().enumerate().map(step).collect()
}

/// The trigger with our title.
#[must_use]
pub fn find_trigger<'a>(found: &'a [TriggerView], spec: &TriggerSpec) -> Option<&'a TriggerView> {
    found.iter().find(|trigger| trigger.title == spec.title)
}

/// Whether those of our triggers that exist fire in another order than ours.
#[must_use]
pub fn is_out_of_order(found: &[TriggerView]) -> bool {
    let positions = TRIGGERS.iter().filter_map(|spec| find_trigger(found, spec)?.position);
    !positions.is_sorted_by(|earlier, later| earlier < later)
}

/// How a trigger differs from ours, each as the end of a sentence that starts with it.
#[must_use]
pub fn trigger_faults(trigger: &TriggerView, spec: &TriggerSpec, webhook: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !trigger.active {
        faults.push("is inactive".to_owned());
    }
    let no_alternatives = trigger.conditions["any"].as_array().is_none_or(Vec::is_empty);
    let mut conditions: Vec<_> = trigger.conditions["all"].as_array().into_iter().flatten().map(condition_of).collect();
    let mut wanted: Vec<_> =
        spec.conditions.iter().map(|(field, op, value)| [*field, *op, *value].map(str::to_owned)).collect();
    conditions.sort();
    wanted.sort();
    if conditions != wanted || !no_alternatives {
        faults.push("has other conditions".to_owned());
    }
    match trigger.actions.as_array().map(Vec::as_slice) {
        Some([action]) if action["field"] == "notification_webhook" && action["value"][0] == webhook => {
            let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
            let body = action["value"][1].as_str().and_then(parsed);
            if body.is_none() || body != parsed(spec.body) {
                let is_outdated = body.is_some() && body == parsed(spec.body).map(without_requester);
                faults.push(if is_outdated { OUTDATED_BODY } else { "posts another body" }.to_owned());
            }
        }
        Some([action]) if action["field"] == "notification_webhook" => {
            faults.push("notifies another webhook".to_owned());
        }
        _ => faults.push("has other actions".to_owned()),
    }
    faults
}

/// The body as it was before it told the requester.
fn without_requester(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("requester_id");
    }
    body
}

/// Field, operator and value. Fields that take no operator come back with `is` or without one.
fn condition_of(condition: &Value) -> [String; 3] {
    let text = |name: &str| match &condition[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    let operator = Some(text("operator")).filter(|operator| !operator.is_empty());
    [text("field"), operator.unwrap_or_else(|| "is".to_owned()), text("value")]
}

fn trigger_body(spec: &TriggerSpec, index: usize, webhook: &str, category: &str) -> Value {
    let condition =
        |(field, operator, value): &(&str, &str, &str)| json!({"field": field, "operator": operator, "value": value});
    let all: Vec<Value> = spec.conditions.iter().map(condition).collect();
    json!({"trigger": {
        "title": spec.title,
        "active": true,
        "category_id": category,
        "position": index + 1,
        "conditions": {"all": all, "any": []},
        "actions": [{"field": "notification_webhook", "value": [webhook, spec.body]}],
    }})
}

/// Conditions that this account does not offer, by `GET /api/v2/triggers/definitions`: a trigger with one would be
/// refused, or never fire. `None` where the account lists no conditions at all, which tells nothing of ours.
#[must_use]
pub fn conditions_not_offered(definitions: &Value) -> Option<Vec<String>> {
    let offered = |list: &Value, value: &str| {
        let values = list.as_array().map(Vec::as_slice).unwrap_or_default();
        values.is_empty() || values.iter().any(|entry| entry["value"] == value)
    };
    let conditions = definitions["conditions_all"].as_array().filter(|conditions| !conditions.is_empty())?;
    let is_missing = |(field, operator, value): &&(&str, &str, &str)| {
        let definition = conditions.iter().find(|definition| definition["subject"] == *field);
        definition.is_none_or(|definition| {
            !offered(&definition["operators"], operator) || !offered(&definition["values"], value)
        })
    };
    let missing = TRIGGERS.iter().flat_map(|spec| spec.conditions).filter(is_missing);
    Some(missing.map(|(field, operator, value)| format!("{field} {operator} {value}")).collect())
}

/// The step for the user field.
#[must_use]
pub fn user_field(found: &[UserFieldView], key: &str) -> Step {
    let what = called("user field", key);
    let Some(field) = found.iter().find(|field| field.key == key) else {
        let field = json!({"key": key, "type": "text", "title": "Braze external id", "description": FIELD_DESCRIPTION});
        return Step::create(what, "/api/v2/user_fields", json!({ "user_field": field }));
    };
    match user_field_fault(field) {
        Some(fault) => Step::untouched(what, field.id, Does::Refuses(fault)),
        None => Step::keep(what, field.id),
    }
}

/// Why a field cannot be used, as the end of a sentence that starts with it.
#[must_use]
pub fn user_field_fault(field: &UserFieldView) -> Option<String> {
    if field.kind != "text" {
        return Some(format!("is of the type {} and cannot hold every id", field.kind));
    }
    (field.active == Some(false)).then(|| "is deactivated".to_owned())
}

/// The steps that remove all our objects, in the order in which Zendesk allows it.
#[must_use]
pub fn removal(
    webhooks: &[WebhookView],
    categories: &[CategoryView],
    triggers: &[TriggerView],
    user_fields: &[UserFieldView],
    wanted: &Wanted,
) -> Vec<Step> {
    let is_ours = |trigger: &&TriggerView| TRIGGERS.iter().any(|spec| spec.title == trigger.title);
    let mut steps: Vec<Step> = triggers
        .iter()
        .filter(is_ours)
        .map(|trigger| Step::remove(called("trigger", &trigger.title), trigger.id, "/api/v2/triggers"))
        .collect();
    for category in categories.iter().filter(|category| category.name == NAME) {
        let what = called("trigger category", NAME);
        let others = triggers.iter().filter(|trigger| trigger.category_id.as_ref() == Some(&category.id));
        steps.push(match others.filter(|trigger| !is_ours(trigger)).count() {
            0 => Step::remove(what, &category.id, "/api/v2/trigger_categories"),
            _ => Step::untouched(what, &category.id, Does::Leaves("it holds triggers that are not ours".to_owned())),
        });
    }
    if let Some(webhook) = find_webhook(webhooks, &wanted.endpoint) {
        let what = called("webhook", &webhook.name);
        let others = triggers.iter().filter(|trigger| !is_ours(trigger) && notifies(trigger, &webhook.id));
        steps.push(match others.map(|trigger| trigger.title.as_str()).next() {
            None => Step::remove(what, &webhook.id, "/api/v2/webhooks"),
            Some(title) => {
                Step::untouched(what, &webhook.id, Does::Leaves(format!("the trigger {title:?} notifies it as well")))
            }
        });
    }
    if let Some(field) = user_fields.iter().find(|field| field.key == wanted.user_field) {
        let what = called("user field", &field.key);
        steps.push(match field.description.as_deref() {
            Some(FIELD_DESCRIPTION) => {
                // Zendesk drops the values with the field; the bridge fills them in again where it is set up again.
                Step::remove(format!("{what}, with its value on every user,"), field.id, "/api/v2/user_fields")
            }
            _ => {
                Step::untouched(what, field.id, Does::Leaves("its description is not the one that we give".to_owned()))
            }
        });
    }
    steps
}

/// Whether a trigger notifies this webhook.
#[must_use]
pub fn notifies(trigger: &TriggerView, webhook: &str) -> bool {
    let mut actions = trigger.actions.as_array().into_iter().flatten();
    actions.any(|action| action["field"] == "notification_webhook" && action["value"][0] == webhook)
}

/// The OAuth scope that a call needs: <https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/>.
#[must_use]
pub fn scope_of(method: &Method, path: &str) -> String {
    let family = match path.split('/').nth(3).unwrap_or_default() {
        "triggers" | "trigger_categories" => "triggers",
        "webhooks" => "webhooks",
        _ => "users",
    };
    format!("{family}:{}", if *method == Method::GET { "read" } else { "write" })
}

fn called(kind: &str, name: &str) -> String {
    format!("{kind} {name:?}")
}

#[cfg(test)]
mod tests;
