//! Braze as a carrier. Never chooses a text or its recipient: the worker does.
//!
//! Braze has no idempotency for messages. A send writes a receipt on the customer's profile, and a later look at the
//! profile finds out whether it went out.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::domain::budget::UserKey;
use crate::domain::cause;
use crate::domain::line::Channel;
use crate::domain::outgoing::Recipient;
use crate::domain::refusals::Object;
use crate::ports::{CameIn, Carrier, Failure, Look, RECEIPT, Sent, Sought, Text};
use crate::vendors::braze;
use crate::vendors::braze::client::Braze;
use crate::vendors::braze::limits;
use crate::vendors::http::error_phrases;
use crate::vendors::http::exchange::{Effect, Request};

#[async_trait]
impl Carrier for Braze {
    fn takes_mappings(&self) -> bool {
        true
    }

    /// Sends one message through an API-triggered campaign, to one recipient, because Braze sends one message only to a
    /// recipient who stands twice in a request.
    async fn send(&self, text: &Text<'_>) -> Result<Sent, Failure> {
        let unmapped = || Failure::GiveUp { cause: "no mapping has made the request of this text".to_owned() };
        let body = text.body.ok_or_else(unmapped)?;
        let request = Request::post(limits::SEND, Effect::Lasting, "/campaigns/trigger/send", body)
            .about(Object::Recipient(recipient_key(&body["recipients"][0])));
        let (answer, json) = self.call(&request).await?;
        let message = json["message"].as_str();
        let reject = |what: &str| {
            let status = answer.status.as_u16();
            let said =
                error_phrases::behind(what, &braze::error_phrases::said(Some(&json), status, &request.personal()));
            self.exchange.hear(&request, &answer);
            Failure::GiveUp { cause: error_phrases::cause("Braze", status, &said) }
        };
        if !is_empty(&json["errors"]) {
            return Err(reject(cause::WITH_PROBLEMS));
        }
        match message {
            // During maintenance Braze only queues the request, and gives no id.
            Some(word) if word.eq_ignore_ascii_case("success") || word.eq_ignore_ascii_case("queued") => {
                Ok(Sent { dispatch: json["dispatch_id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned) })
            }
            Some(_) => Err(reject(cause::NOT_SENT)),
            None => Err(self.exchange.unreadable(&request, &answer, "no message")),
        }
    }

    /// Reads the receipts among the profile's attributes, for which the key needs `users.export.ids`. None for a profile
    /// without any, or without a profile. Profiles become consistent only after a moment.
    async fn receipts(&self, recipient: &Recipient, _sought: &Sought) -> Result<BTreeMap<String, String>, Failure> {
        let fields = json!(["external_id", "braze_id", "custom_attributes"]);
        let (key, id, body) = match recipient {
            Recipient::External(id) => ("external_id", id, json!({"external_ids": [id], "fields_to_export": fields})),
            Recipient::OfCarrier(id) => ("braze_id", id, json!({"braze_id": id, "fields_to_export": fields})),
        };
        let request = Request::post(limits::EXPORT, Effect::None, "/users/export/ids", &body)
            .about(Object::Recipient(UserKey::of(id)));
        let (answer, json) = self.call(&request).await?;
        let Some(users) = json["users"].as_array() else {
            return Err(self.exchange.unreadable(&request, &answer, "no list of users"));
        };
        let user = users.iter().find(|user| user[key] == **id);
        let attributes = user.and_then(|user| user["custom_attributes"].as_object()).into_iter().flatten();
        let receipts = attributes.filter(|(name, _)| name.starts_with(RECEIPT));
        Ok(receipts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect())
    }

    /// Asks for the customer's state in the subscription group that is the line's address. Braze takes no id but the
    /// external one here.
    async fn takes_texts(&self, line: &str, _channel: Channel, recipient: &Recipient) -> Result<Option<bool>, Failure> {
        let Recipient::External(id) = recipient else { return Ok(None) };
        let request = Request::get(limits::READ, "/subscription/status/get")
            .query("subscription_group_id", line)
            .query("external_id[]", id.as_str());
        let (answer, json) = self.call(&request).await?;
        let Some(statuses) = json["status"].as_object() else {
            return Err(self.exchange.unreadable(&request, &answer, "no status"));
        };
        // Documented capitalised, recorded in lower case.
        let status = statuses.get(id).and_then(Value::as_str).map(str::to_ascii_lowercase);
        Ok(match status.as_deref() {
            Some("subscribed") => Some(true),
            Some("unsubscribed") => Some(false),
            _ => None,
        })
    }

    /// Braze lists no customers' texts.
    async fn texts_since(&self, _look: &Look<'_>) -> Result<Option<CameIn>, Failure> {
        Ok(None)
    }

    async fn probe(&self, form: &str) -> Result<(), Failure> {
        self.campaign(form).await.map(drop)
    }
}

/// A digest in place of the recipient of a send.
fn recipient_key(recipient: &Value) -> UserKey {
    let id = |name: &str| recipient[name].as_str();
    UserKey::of(id("external_user_id").or_else(|| id("braze_id")).unwrap_or_default())
}

/// Braze's `errors` are a list of texts or of objects, and usually absent.
fn is_empty(errors: &Value) -> bool {
    match errors {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
