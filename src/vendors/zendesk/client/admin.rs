//! An administrator's settings in Zendesk, read and written: user fields, trigger categories, triggers and webhooks.
//!
//! Never decides which settings there should be: [`crate::vendors::zendesk::setup`] does. Facts are from
//! <https://developer.zendesk.com/api-reference/ticketing/business-rules/triggers/> and
//! <https://developer.zendesk.com/api-reference/webhooks/webhooks-api/webhooks/>.

use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Credential, PAGE, Zendesk};
use crate::ports::Failure;
use crate::vendors::http::exchange::{Effect, Request};
use crate::vendors::http::headers;
use crate::vendors::setup::Write;
use crate::vendors::zendesk::limits;

/// Pages of one list of settings that are read. Accounts have far fewer than 1000 triggers or webhooks.
const SETTINGS_PAGES_MAX: usize = 10;

/// The scope of `tandem setup zendesk`. Zendesk does not document whether `users:write` covers the fields of users.
pub const SETUP_SCOPE: &str = "read users:write webhooks:write triggers:write";

/// The scope of `tandem check`: the bridge's own, and the test of a webhook, which is a POST.
pub const CHECK_SCOPE: &str = "read tickets:write users:write webhooks:write";

/// The user of tandem's credential, and the time of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// Absent for the anonymous user, which is Zendesk's answer to a wrong API token.
    pub id: Option<u64>,
    /// `admin`, `agent` or `end-user`.
    pub role: String,
    /// When Zendesk answered, by its own clock, to the second.
    pub answered_at: Option<Timestamp>,
}

/// A custom user field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UserFieldView {
    /// Its id.
    pub id: u64,
    /// Its key.
    pub key: String,
    /// Its type, `text` for tandem's.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its description, which identifies tandem's.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it can be used.
    #[serde(default)]
    pub active: Option<bool>,
}

/// A category of triggers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CategoryView {
    /// Its id: a text.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its place among the categories, from 1.
    #[serde(default)]
    pub position: Option<i64>,
}

/// A webhook. Its secrets are not shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WebhookView {
    /// Its id.
    pub id: String,
    /// Its name, which need not be unique.
    pub name: String,
    /// The address that it posts to.
    pub endpoint: String,
    /// `POST` for tandem's.
    pub http_method: String,
    /// `json` for tandem's.
    pub request_format: String,
    /// `active` or `inactive`.
    pub status: String,
    /// `conditional_ticket_events` for one that triggers notify.
    #[serde(default)]
    pub subscriptions: Option<Vec<String>>,
}

/// A trigger. Conditions and actions are kept as Zendesk writes them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TriggerView {
    /// Its id.
    pub id: u64,
    /// Its title.
    pub title: String,
    /// Whether it fires.
    pub active: bool,
    /// Its place in its category.
    #[serde(default)]
    pub position: Option<i64>,
    /// Its category.
    #[serde(default)]
    pub category_id: Option<String>,
    /// `{"all": […], "any": […]}`.
    #[serde(default)]
    pub conditions: Value,
    /// `[{"field", "value"}, …]`.
    #[serde(default)]
    pub actions: Value,
}

/// A record of the account that tickets of a line name by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketRecord {
    /// A brand.
    Brand,
    /// A group of agents.
    Group,
    /// A form.
    Form,
}

impl TicketRecord {
    /// The name of the record in paths and answers, without its plural.
    const fn name(self) -> &'static str {
        match self {
            Self::Brand => "brand",
            Self::Group => "group",
            Self::Form => "ticket_form",
        }
    }

    /// The record in words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Brand => "brand",
            Self::Group => "group",
            Self::Form => "form",
        }
    }
}

/// A brand, a group or a form, as far as it concerns a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRecordView {
    /// Its name.
    pub name: String,
    /// Whether tickets can be given to it.
    pub is_usable: bool,
}

/// The result of Zendesk's test of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTest {
    /// The endpoint's status; `None` without an answer.
    pub status: Option<u16>,
}

impl Zendesk {
    /// The user of tandem's credential. Zendesk may answer a wrong one with a success.
    ///
    /// # Errors
    /// As for every read.
    pub async fn me(&self) -> Result<Me, Failure> {
        let request = Request::get(limits::READ, "/api/v2/users/me").asking_whether_it_answers();
        let answer = self.call(&request).await?;
        let user: Value = self.part(&request, &answer, "user")?;
        let role = user["role"].as_str().unwrap_or_default().to_owned();
        Ok(Me { id: user["id"].as_u64(), role, answered_at: headers::date(&answer.headers) })
    }

    /// The scopes that were asked for and not given; empty where Zendesk does not say which it gave.
    ///
    /// # Errors
    /// As for every read.
    pub async fn scopes_missing(&self) -> Result<Vec<String>, Failure> {
        let credential = Arc::clone(&self.credential.read().unwrap_or_else(PoisonError::into_inner));
        match &*credential {
            Credential::Basic(_) => Ok(Vec::new()),
            Credential::OAuth(tokens) => tokens.scopes_missing(&self.exchange).await,
        }
    }

    /// One brand, group or form.
    ///
    /// # Errors
    /// As for every read; [`Failure::NotFound`] or a 404 where there is none of this id.
    pub async fn ticket_record(&self, record: TicketRecord, id: u64) -> Result<TicketRecordView, Failure> {
        let request = Request::get(limits::SEARCH, format!("/api/v2/{}s/{id}", record.name()));
        let answer = self.call(&request).await?;
        let shown: Value = self.part(&request, &answer, record.name())?;
        let is_usable = shown["active"] != false && shown["deleted"] != true;
        Ok(TicketRecordView { name: shown["name"].as_str().unwrap_or_default().to_owned(), is_usable })
    }

    /// Every custom user field.
    ///
    /// # Errors
    /// As for every read.
    pub async fn user_fields(&self) -> Result<Vec<UserFieldView>, Failure> {
        self.settings("/api/v2/user_fields", "user_fields").await
    }

    /// Every category of triggers.
    ///
    /// # Errors
    /// As for every read.
    pub async fn trigger_categories(&self) -> Result<Vec<CategoryView>, Failure> {
        self.settings("/api/v2/trigger_categories", "trigger_categories").await
    }

    /// Every trigger, inactive ones too.
    ///
    /// # Errors
    /// As for every read.
    pub async fn triggers(&self) -> Result<Vec<TriggerView>, Failure> {
        self.settings("/api/v2/triggers", "triggers").await
    }

    /// The conditions and actions that triggers of this account may have: `{"actions", "conditions_all", …}`.
    ///
    /// # Errors
    /// As for every read.
    pub async fn trigger_definitions(&self) -> Result<Value, Failure> {
        let request = Request::get(limits::SEARCH, "/api/v2/triggers/definitions");
        let answer = self.call(&request).await?;
        self.part(&request, &answer, "definitions")
    }

    /// Every webhook.
    ///
    /// # Errors
    /// As for every read.
    pub async fn webhooks(&self) -> Result<Vec<WebhookView>, Failure> {
        self.settings("/api/v2/webhooks", "webhooks").await
    }

    /// The secret that signs this webhook's requests.
    ///
    /// # Errors
    /// As for every read.
    pub async fn signing_secret(&self, webhook: &str) -> Result<SecretString, Failure> {
        let request = Request::get(limits::SEARCH, format!("/api/v2/webhooks/{webhook}/signing_secret"));
        let answer = self.call(&request).await?;
        let shown: Value = self.part(&request, &answer, "signing_secret")?;
        let secret = shown["secret"].as_str().filter(|secret| !secret.is_empty()).map(SecretString::from);
        secret.ok_or_else(|| self.exchange.unreadable(&request, &answer, "no signing secret"))
    }

    /// Has Zendesk post this payload to an existing webhook, with its signature, and returns the endpoint's answer. The
    /// name of the property for the payload is undocumented.
    ///
    /// # Errors
    /// As for every read: nothing is changed at Zendesk.
    pub async fn test_webhook(&self, webhook: &WebhookView, payload: &Value) -> Result<WebhookTest, Failure> {
        let sample = json!({
            "endpoint": webhook.endpoint,
            "http_method": webhook.http_method,
            "request_format": webhook.request_format,
            "payload": payload.to_string(),
        });
        let body = json!({ "request": sample });
        let request = Request::post(limits::SEARCH, Effect::None, "/api/v2/webhooks/test", &body)
            .query("webhook_id", webhook.id.as_str());
        let answer = self.call(&request).await?;
        let response: Value = self.part(&request, &answer, "response")?;
        let status = response["status_code"].as_u64().and_then(|status| u16::try_from(status).ok());
        Ok(WebhookTest { status: status.filter(|status| *status >= 100) })
    }

    /// Makes a change, and returns the id of the new record, if it makes one.
    ///
    /// # Errors
    /// As for every write.
    pub async fn write(&self, write: &Write) -> Result<Option<String>, Failure> {
        let request = Request::write(limits::SEARCH, write.method.clone(), &write.path, write.body.as_ref());
        let answer = self.call(&request).await?;
        // `{"trigger": {…}}`. A change to a webhook and a deletion have an empty answer.
        let made = answer.json.as_ref().and_then(Value::as_object).and_then(|json| json.values().next());
        Ok(made.and_then(|made| match &made["id"] {
            Value::String(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }))
    }

    /// One list of settings, all its pages. An unreadable record is left out, because it is none of tandem's.
    async fn settings<T: for<'a> Deserialize<'a>>(&self, path: &str, name: &str) -> Result<Vec<T>, Failure> {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..SETTINGS_PAGES_MAX {
            let request = Request::get(limits::SEARCH, path).query("page[size]", PAGE.to_string());
            let request = match &cursor {
                Some(cursor) => request.query("page[after]", cursor.as_str()),
                None => request,
            };
            let answer = self.call(&request).await?;
            let records: Vec<Value> = self.part(&request, &answer, name)?;
            found.extend(records.into_iter().filter_map(|record| serde_json::from_value(record).ok()));
            cursor = self.next_page(&request, &answer)?;
            if cursor.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
