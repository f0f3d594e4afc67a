//! What Braze tells of a campaign, and of a key that may not ask.
//!
//! <https://www.braze.com/docs/api/endpoints/export/campaigns/get_campaign_details/>: re-eligibility, frequency capping
//! and quiet hours are not among it, so nobody can check those from here.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Braze;
use crate::clients::exchange::{Effect, Order};
use crate::clients::{Failure, limits};
use crate::domain::budget::Call;

/// A user whom nobody has, for a look that should find nothing.
const NOBODY: &str = "tandem-check-nobody";

/// A campaign, as far as it can be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CampaignView {
    /// Its name.
    pub name: String,
    /// Whether it was never launched.
    pub draft: bool,
    /// Whether it was put away.
    pub archived: bool,
    /// Whether it is stopped or running; newer answers say so.
    pub enabled: Option<bool>,
    /// How it is set off; the word for API-triggered ones is not documented to the letter.
    pub schedule: String,
    /// `sms`, `webhook`, …
    pub channels: Vec<String>,
    /// What its messages say, where Braze shows it.
    pub bodies: Vec<String>,
    /// When Braze answered, by its own clock, to the second.
    pub answered_at: Option<Timestamp>,
}

impl Braze {
    /// One campaign.
    ///
    /// # Errors
    /// As for every read. [`Failure::Refused`] with 400 when the workspace has no such campaign, with 401 for a key that
    /// this host does not know, with 403 for one that may not ask.
    pub async fn campaign(&self, id: &str) -> Result<CampaignView, Failure> {
        let order =
            Order::get(Call::BrazeRead, "/campaigns/details").query("campaign_id", id).asking_whether_it_answers();
        let (answer, json) = self.call(&order).await?;
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
            answered_at: limits::date(&answer.headers),
        })
    }

    /// Looks for a profile that nobody has, which shows whether the key may look for receipts.
    ///
    /// # Errors
    /// As for every read; [`Failure::Refused`] with 403 when it may not.
    pub async fn may_export(&self) -> Result<(), Failure> {
        let body = json!({"external_ids": [NOBODY], "fields_to_export": ["external_id"]});
        let order = Order::post(Call::BrazeExport, Effect::None, "/users/export/ids", &body);
        self.call(&order).await.map(drop)
    }
}
