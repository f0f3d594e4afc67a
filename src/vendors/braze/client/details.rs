//! Reads for the check of Braze: a campaign's details, and the key's permissions. Never changes anything at Braze.
//!
//! Source: <https://www.braze.com/docs/api/endpoints/export/campaigns/get_campaign_details/>. Re-eligibility, frequency
//! capping and quiet hours are not among the details, so the check cannot see them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Braze;
use crate::ports::Failure;
use crate::vendors::braze::limits;
use crate::vendors::http::exchange::{Effect, Request};
use crate::vendors::http::headers;

/// An external id that no customer has, for an export that should find nothing.
const NOBODY: &str = "tandem-check-nobody";

/// A campaign, as far as Braze shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CampaignView {
    /// Its name.
    pub name: String,
    /// Whether it was never launched.
    pub draft: bool,
    /// Whether it was archived.
    pub archived: bool,
    /// Whether it is running; older answers leave it out.
    pub enabled: Option<bool>,
    /// The kind of its trigger; Braze does not document the exact word for API-triggered campaigns.
    pub schedule: String,
    /// `sms`, `webhook`, …
    pub channels: Vec<String>,
    /// The bodies of its messages, where Braze shows them.
    pub bodies: Vec<String>,
    /// When Braze answered, by its own clock, to the second.
    pub answered_at: Option<Timestamp>,
}

impl Braze {
    /// One campaign.
    ///
    /// # Errors
    /// As for every read. [`Failure::Pause`] with 400 when the workspace has no such campaign, with 401 for a key
    /// that this host does not know, with 403 for a key without the permission.
    pub async fn campaign(&self, id: &str) -> Result<CampaignView, Failure> {
        let request =
            Request::get(limits::READ, "/campaigns/details").query("campaign_id", id).asking_whether_it_answers();
        let (answer, json) = self.call(&request).await?;
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let messages = json["messages"].as_object().into_iter().flat_map(|messages| messages.values());
        Ok(CampaignView {
            name: json["name"].as_str().unwrap_or_default().to_owned(),
            draft: json["draft"] == true,
            archived: json["archived"] == true,
            enabled: json["enabled"].as_bool(),
            schedule: json["schedule_type"].as_str().unwrap_or_default().to_owned(),
            channels: texts(&json["channels"]),
            bodies: messages.filter_map(|message| message["body"].as_str()).map(str::to_owned).collect(),
            answered_at: headers::date(&answer.headers),
        })
    }

    /// Exports a profile that does not exist, which shows whether the key may read receipts.
    ///
    /// # Errors
    /// As for every read; [`Failure::Pause`] with 403 when the key may not.
    pub async fn may_export(&self) -> Result<(), Failure> {
        let body = json!({"external_ids": [NOBODY], "fields_to_export": ["external_id"]});
        let request = Request::post(limits::EXPORT, Effect::None, "/users/export/ids", &body);
        self.call(&request).await.map(drop)
    }
}
