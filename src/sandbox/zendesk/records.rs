//! The records that an administrator sets up: user fields, trigger categories, triggers and webhooks.
//!
//! Records are kept as the JSON that the API shows. An account is not empty at first: it has a category and a trigger
//! of its own, which are none of the bridge's.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::errors;
use super::model::time;
use crate::sandbox::sender::Webhook;
use crate::sandbox::server::Answer;
use crate::sandbox::triggers::Trigger;

/// The conditions that a trigger may have here: field, operators, values (none listed: any text).
pub(super) const CONDITIONS: [(&str, &[&str], &[&str]); 6] = [
    ("comment_is_public", &["is"], &["true", "false", "not_relevant", "requester_can_see_comment"]),
    ("role", &["is", "is_not"], &["agent", "end_user"]),
    ("current_tags", &["includes", "not_includes"], &[]),
    ("current_via_id", &["is", "is_not"], &["4", "5"]),
    ("update_type", &["is"], &["Create", "Change"]),
    (
        "status",
        &["is", "is_not", "changed", "not_changed", "value", "not_value", "value_previous", "not_value_previous"],
        &["new", "open", "pending", "hold", "solved", "closed"],
    ),
];

/// The account's brand; the next id is that of an inactive one.
pub(super) const BRAND: u64 = 10_031;
/// The account's group of agents.
pub(super) const GROUP: u64 = 10_041;
/// The account's form.
pub(super) const FORM: u64 = 10_051;

/// The records.
pub(super) struct Admin {
    pub(super) user_fields: Vec<Value>,
    pub(super) categories: Vec<Value>,
    pub(super) triggers: Vec<Value>,
    pub(super) webhooks: Vec<Hook>,
    /// Brands, groups and forms, each with its name in paths.
    pub(super) ticket_records: Vec<(&'static str, Value)>,
    /// A test that was asked for and is not made yet.
    pub(super) test: Option<Webhook>,
    pub(super) last_id: u64,
}

pub(super) struct Hook {
    pub(super) shown: Value,
    pub(super) secret: String,
}

impl Admin {
    pub(super) fn new(now: Timestamp) -> Self {
        let at = time(now);
        let category =
            json!({"id": "10026", "name": "Notifications", "position": 1, "created_at": at, "updated_at": at});
        let all = [json!({"field": "update_type", "operator": "is", "value": "Create"})];
        let trigger = json!({"id": 20001, "title": "Notify requester of new ticket", "active": true, "position": 1,
            "category_id": "10026", "conditions": {"all": all, "any": []}, "default": true, "description": null,
            "actions": [{"field": "notification_user", "value": ["requester_id", "Received", "We got it."]}],
            "raw_title": "Notify requester of new ticket", "created_at": at, "updated_at": at});
        let ticket_records = vec![
            ("brand", json!({"id": BRAND, "name": "Acme", "active": true})),
            ("brand", json!({"id": BRAND + 1, "name": "Acme of old", "active": false})),
            ("group", json!({"id": GROUP, "name": "Support", "deleted": false})),
            ("ticket_form", json!({"id": FORM, "name": "Default Ticket Form", "active": true})),
        ];
        let (categories, triggers) = (vec![category], vec![trigger]);
        Self {
            user_fields: Vec::new(),
            categories,
            triggers,
            webhooks: Vec::new(),
            ticket_records,
            test: None,
            last_id: 30_000,
        }
    }

    /// The test that was asked for, to be made now.
    pub(super) fn take_test(&mut self) -> Option<Webhook> {
        self.test.take()
    }

    pub(super) fn sign_with(&mut self, secret: &str) {
        self.webhooks.iter_mut().for_each(|hook| secret.clone_into(&mut hook.secret));
    }

    /// The active triggers that notify an active webhook, in the order in which they are evaluated.
    pub(super) fn armed(&self) -> Vec<Trigger> {
        self.sorted().into_iter().filter(|trigger| trigger["active"] == true).flat_map(|t| self.arm(t)).collect()
    }

    fn arm<'a>(&'a self, trigger: &'a Value) -> impl Iterator<Item = Trigger> + 'a {
        let actions = trigger["actions"].as_array().into_iter().flatten();
        actions.filter(|action| action["field"] == "notification_webhook").filter_map(|action| {
            let hook = self.webhooks.iter().find(|hook| hook.shown["id"] == action["value"][0])?;
            let endpoint = hook.shown["endpoint"].as_str()?.to_owned();
            let body = action["value"][1].as_str()?.to_owned();
            let is_active = hook.shown["status"] == "active";
            let (conditions, secret) = (trigger["conditions"].clone(), hook.secret.clone());
            is_active.then_some(Trigger { conditions, endpoint, secret, body, escaped: true })
        })
    }

    /// Categories come one after the other, and in each its triggers.
    pub(super) fn sorted(&self) -> Vec<&Value> {
        let mut triggers: Vec<&Value> = self.triggers.iter().collect();
        triggers.sort_by_key(|trigger| {
            let category = self.categories.iter().find(|category| category["id"] == trigger["category_id"]);
            (category.map(|category| category["position"].as_u64()), trigger["position"].as_u64())
        });
        triggers
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id = self.last_id.saturating_add(1);
        self.last_id
    }

    pub(super) fn check_trigger(&self, trigger: &Value) -> Result<(), Answer> {
        let invalid =
            |field: &str| errors::record_invalid(field, &format!("{field}: is invalid"), Some("InvalidValue"));
        if trigger["title"].as_str().is_none_or(str::is_empty) {
            return Err(errors::record_invalid("title", "Title: cannot be blank", Some("BlankValue")));
        }
        if !self.categories.iter().any(|category| category["id"] == trigger["category_id"]) {
            return Err(invalid("category_id"));
        }
        let lists = ["all", "any"].into_iter().flat_map(|list| trigger["conditions"][list].as_array());
        let known = |given: &Value| {
            let found = CONDITIONS.iter().find(|(field, ..)| given["field"] == *field);
            found.is_some_and(|(_, operators, values)| {
                let value = given["value"].as_str().unwrap_or_default();
                given["operator"].as_str().is_some_and(|operator| operators.contains(&operator))
                    && (values.is_empty() || values.contains(&value))
            })
        };
        if !lists.flatten().all(known) {
            return Err(invalid("conditions"));
        }
        match trigger["actions"].as_array() {
            Some(actions) if !actions.is_empty() => Ok(()),
            _ => Err(errors::record_invalid("actions", "Actions: cannot be blank", Some("BlankValue"))),
        }
    }
}
