//! The customers' phones: their texts, and the webhooks that Braze makes of them.

use http::Method;
use serde_json::Value;

use super::braze::{Braze, Profile, inbound};
use super::sender::{Seal, Webhook};

/// Braze's global keywords: one word, in any case.
const OPT_IN: [&str; 3] = ["START", "YES", "UNSTOP"];
const OPT_OUT: [&str; 6] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"];
const HELP: [&str; 2] = ["HELP", "INFO"];

/// The dispatch id of Braze's test button.
const TEST_DISPATCH: &str = "dispatch_id_for_unsent_campaign";

/// The customers' phones. Cheap to clone. Profiles are named by their Braze id.
#[derive(Clone)]
pub struct Phone(Braze);

/// One message from a phone, as Braze has read it.
struct Inbound<'a> {
    profile: &'a Profile,
    dispatch: &'a str,
    category: &'a str,
    group: &'a str,
    text: &'a str,
    media: &'a str,
}

impl Phone {
    pub(super) fn new(braze: Braze) -> Self {
        Self(braze)
    }

    /// Sends a text. A keyword changes the subscription first. Returns the dispatch id of the webhook, or nothing when
    /// Braze does not know the profile.
    pub fn text(&self, braze_id: &str, text: &str) -> Option<String> {
        self.text_with_media(braze_id, text, &[])
    }

    /// Sends a text to the line of another subscription group.
    pub fn text_to(&self, group: &str, braze_id: &str, text: &str) -> Option<String> {
        self.send_to(group, braze_id, text, &[])
    }

    /// Sends a text with links to media, as [`Braze::add_media`] gives them.
    pub fn text_with_media(&self, braze_id: &str, text: &str, media: &[&str]) -> Option<String> {
        self.send_to(&self.0.options().subscription_group, braze_id, text, media)
    }

    fn send_to(&self, group: &str, braze_id: &str, text: &str, media: &[&str]) -> Option<String> {
        let profile = self.0.profile(braze_id)?;
        let category = self.category(text);
        if let "opt_in" | "opt_out" = category.as_str() {
            self.share_opt_out(&profile, category == "opt_out");
        }
        self.0.tell_of_text(&profile, &category, text, media);
        let dispatch = self.0.new_dispatch();
        // How Braze prints several links is unconfirmed; a comma and a space here.
        let media = media.join(", ");
        let (category, dispatch) = (category.as_str(), dispatch.as_str());
        self.send(&Inbound { profile: &profile, dispatch, category, group, text, media: &media });
        let dispatch = dispatch.to_owned();
        Some(dispatch)
    }

    /// Sends a text from a number that no profile has. An opt-in or opt-out word makes an anonymous profile and
    /// returns its id; Braze ignores any other text.
    pub fn text_from_stranger(&self, number: &str, text: &str) -> Option<String> {
        if !matches!(self.category(text).as_str(), "opt_in" | "opt_out") {
            return None;
        }
        let braze_id = self.0.add_profile(Profile { phone: Some(number.to_owned()), ..Profile::default() });
        self.text(&braze_id, text).map(|_| braze_id)
    }

    /// Sends a WhatsApp message. Braze has no keywords there, and one webhook campaign takes every message.
    pub fn whatsapp(&self, braze_id: &str, text: &str) -> Option<String> {
        self.whatsapp_with(braze_id, &[("text", text)])
    }

    /// Sends a WhatsApp message of another kind: with these of the fields `text`, `media`, `flow`, `product`, `catalog` and
    /// `name`, or with none where Braze passes nothing on.
    pub fn whatsapp_with(&self, braze_id: &str, parts: &[(&str, &str)]) -> Option<String> {
        let profile = self.0.profile(braze_id)?;
        self.0.hear(braze_id);
        let (options, campaign) = (self.0.options(), self.0.inbound());
        let dispatch = self.0.new_dispatch();
        let part = |name: &str| parts.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
        let body = campaign.format.write_pairs(&[
            ("v", "1"),
            ("channel", "whatsapp"),
            ("category", "other"),
            ("group", &options.whatsapp_group),
            ("campaign", &options.campaign_whatsapp_inbound),
            ("dispatch", &dispatch),
            ("braze_id", &profile.braze_id),
            ("external_id", or_empty(&profile.external_id)),
            ("phone", or_empty(&profile.phone)),
            ("first_name", or_empty(&profile.first_name)),
            ("last_name", or_empty(&profile.last_name)),
            ("name", part("name")),
            ("text", part("text")),
            ("media", part("media")),
            ("flow", part("flow")),
            ("product", part("product")),
            ("catalog", part("catalog")),
        ]);
        self.post(&dispatch, &profile, body);
        Some(dispatch)
    }

    /// Presses the test button of the webhook campaign.
    pub fn test_button(&self, braze_id: &str) {
        if let Some(profile) = self.0.profile(braze_id) {
            let text = "This is a test";
            let group = &self.0.options().subscription_group;
            self.send(&Inbound {
                profile: &profile,
                dispatch: TEST_DISPATCH,
                category: "other",
                group,
                text,
                media: "",
            });
        }
    }

    /// Delivers the webhook of a dispatch once more, as Braze does when it did not hear our answer.
    pub fn repeat(&self, dispatch: &str) -> bool {
        self.0.repeat_webhook(dispatch)
    }

    /// The recipe's first campaign: opens a ticket. Values are inserted unescaped.
    pub fn text_recipe_new_ticket(&self, braze_id: &str, text: &str) {
        let Some(profile) = self.0.profile(braze_id) else { return };
        let Profile { first_name, last_name, external_id, .. } = &profile;
        let (first, last, user_id) = (or_empty(first_name), or_empty(last_name), or_empty(external_id));
        let body = format!(
            "{{\n  \"ticket\": {{\n    \"subject\": \"Action Needed\",\n    \"comment\": {{\n      \"body\": \"{text}\"\n    \
             }},\n\"requester\":{{\n\"name\": \"{first} {last}\",\n\"user_fields\": {{\n\"braze_external_id\": \"{user_id}\"\n\
             }}\n}},\n    \"priority\": \"normal\",\n    \"type\": \"problem\"\n  }}\n}}"
        );
        self.send_recipe(&profile, Method::POST, "/api/v2/tickets.json".to_owned(), "application/json", body);
    }

    /// The recipe's second campaign: appends to the ticket in the profile's attribute `zendesk_ticket`. Values are
    /// inserted unescaped. Nothing is sent unless the attribute `zendesk_ticket_open` is true, its audience.
    pub fn text_recipe_append(&self, braze_id: &str, text: &str) {
        let Some(profile) = self.0.profile(braze_id) else { return };
        let is_open = profile.attributes.get("zendesk_ticket_open").is_some_and(|open| open == "true" || *open == true);
        let ticket = profile.attributes.get("zendesk_ticket").map(printed).filter(|_| is_open);
        let Some(ticket) = ticket else { return };
        let (first, last) = (or_empty(&profile.first_name), or_empty(&profile.last_name));
        let body = format!(
            "{{\n  \"ticket\": {{\n    \"comment\": {{\n      \"body\": \"Inbound message from {first} {last}: {text}\"\n    \
             }}\n}}\n}}"
        );
        self.send_recipe(&profile, Method::PUT, format!("/api/v2/tickets/{ticket}.json"), "application/JSON", body);
    }

    /// The keyword category of a text: one word, without regard to case and surrounding space.
    #[must_use]
    pub fn category(&self, text: &str) -> String {
        let word = text.trim().to_uppercase();
        let is_in = |words: &[&str]| words.contains(&word.as_str());
        let custom = self.0.options().custom_keywords.iter().find(|keyword| keyword.to_uppercase() == word);
        match custom {
            _ if is_in(&OPT_IN) => "opt_in".to_owned(),
            _ if is_in(&OPT_OUT) => "opt_out".to_owned(),
            _ if is_in(&HELP) => "help".to_owned(),
            Some(keyword) => keyword.to_lowercase(),
            None => "other".to_owned(),
        }
    }

    /// A keyword changes every profile that shares the number.
    fn share_opt_out(&self, profile: &Profile, opted_out: bool) {
        self.0.set_opted_out(&profile.braze_id, opted_out);
        let sharing =
            self.0.profiles().into_iter().filter(|other| other.phone.is_some() && other.phone == profile.phone);
        sharing.for_each(|other| self.0.set_opted_out(&other.braze_id, opted_out));
    }

    fn send(&self, message: &Inbound<'_>) {
        let (options, campaign) = (self.0.options(), self.0.inbound());
        let Profile { braze_id, external_id, phone, first_name, last_name, .. } = message.profile;
        let body = campaign.format.write(&[
            "1",
            "sms",
            message.category,
            message.group,
            &options.campaign_inbound,
            message.dispatch,
            braze_id,
            or_empty(external_id),
            or_empty(phone),
            or_empty(first_name),
            or_empty(last_name),
            message.text,
            message.media,
        ]);
        self.post(message.dispatch, message.profile, body);
    }

    /// A webhook campaign posts its body.
    fn post(&self, dispatch: &str, profile: &Profile, body: String) {
        let campaign = self.0.inbound();
        let (name, value) = campaign.auth_header(&self.0.options().braze_webhook_token);
        self.0.sender().send(Webhook {
            id: dispatch.to_owned(),
            method: Method::POST,
            path: format!("/webhooks/{}", self.0.options().braze_account),
            content_type: campaign.format.content_type().to_owned(),
            body,
            lane: profile.braze_id.clone(),
            seal: Seal::Header { name, value },
        });
    }

    fn send_recipe(&self, profile: &Profile, method: Method, path: String, content_type: &str, body: String) {
        let value = inbound::basic(&self.0.options().braze_webhook_token);
        self.0.sender().send(Webhook {
            id: self.0.new_dispatch(),
            method,
            path,
            content_type: content_type.to_owned(),
            body,
            lane: profile.braze_id.clone(),
            seal: Seal::Header { name: "authorization", value },
        });
    }
}

/// How Liquid prints an attribute.
fn printed(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn or_empty(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("")
}
