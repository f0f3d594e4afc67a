//! For Braze Currents: the events of texts that go out and come in, as its HTTP connector writes them. A test sends them in
//! batches, in any order and number.
//!
//! Where a fact is unconfirmed, the less generous reading is taken: the dispatch id of an event is not the one that the
//! sender was answered, and the mark of a send is there only where the campaign passes it on.

use http::Method;
use serde_json::{Map, Value, json};

use super::super::lock::lock;
use super::super::sender::{Seal, Webhook};
use super::super::text;
use super::model::Kind;
use super::{Braze, Inner, Profile, State};

impl Inner {
    /// A text of this campaign goes out with these properties, or is held back for this reason.
    pub(super) fn tell_of_send(
        &self,
        state: &mut State,
        profile: &Profile,
        (campaign, channel, given): (&str, Kind, &Value),
        held_back: Option<&str>,
    ) {
        if !state.currents.is_on {
            return;
        }
        let mark = given["tandem"].as_str().filter(|_| state.currents.passes_marks_on);
        let mut properties = json!({
            "campaign_id": campaign, "subscription_group_id": self.group_of(channel),
            "to_phone_number": profile.phone, "canvas_id": null,
        });
        let kind = match held_back {
            None => {
                properties["dispatch_id"] = text::random_hex(&self.clock, 24).into();
                properties["message_extras"] = mark.map(|mark| json!({"tandem": mark}).to_string()).into();
                "Send"
            }
            Some(reason) => {
                properties["abort_type"] = "not_sent".into();
                properties["abort_log"] = reason.into();
                "Abort"
            }
        };
        self.tell(state, &format!("users.messages.{}.{kind}", channel.word()), profile, properties);
    }

    /// The group of a campaign's messages.
    pub(super) fn group_of(&self, channel: Kind) -> &str {
        match channel {
            Kind::Sms => &self.options.subscription_group,
            Kind::Response | Kind::Template => &self.options.whatsapp_group,
        }
    }

    /// Meta refuses the free text that was just sent, because its customer wrote too long ago.
    pub(super) fn tell_of_shut_window(&self, state: &mut State, profile: &Profile) {
        let mut properties = state.currents.events.last().map_or(Value::Null, |send| send["properties"].clone());
        if let Some(properties) = properties.as_object_mut() {
            // Extras stand on the event of the send only.
            properties.remove("message_extras");
            properties.insert("provider_error_code".to_owned(), "131047".into());
            properties.insert("provider_error_title".to_owned(), "Re-engagement message".into());
        }
        self.tell(state, "users.messages.whatsapp.Failure", profile, properties);
    }

    /// A text comes in from a phone.
    fn tell_of_text(&self, state: &mut State, profile: &Profile, category: &str, body: &str, media: &[&str]) {
        let action = match category {
            "opt_in" => "Subscribed",
            "opt_out" => "Unsubscribed",
            _ => "None",
        };
        let properties = json!({
            "action": action, "message_body": body, "media_urls": media, "user_phone_number": profile.phone,
            "inbound_phone_number": "+15550009999", "subscription_group_id": self.options.subscription_group,
        });
        self.tell(state, "users.messages.sms.InboundReceive", profile, properties);
    }

    /// A subscription changes.
    pub(super) fn tell_of_subscription(&self, state: &mut State, profile: &Profile, opted_out: bool) {
        let status = if opted_out { "Unsubscribed" } else { "Subscribed" };
        let properties = json!({
            "channel": "sms", "channel_identifier": profile.phone, "subscription_status": status,
            "subscription_group_id": self.options.subscription_group, "state_change_source": "dashboard",
        });
        self.tell(state, "users.behaviors.subscriptiongroup.StateChange", profile, properties);
    }

    fn tell(&self, state: &mut State, kind: &str, profile: &Profile, properties: Value) {
        if state.currents.is_on {
            let event = json!({
                "event_type": kind, "id": text::random_hex(&self.clock, 32), "time": self.clock.now().as_second(),
                "user": {"user_id": profile.braze_id, "external_user_id": profile.external_id, "timezone": null},
                "properties": properties,
            });
            state.currents.events.push(event);
        }
    }
}

impl Braze {
    /// Has Currents tell of everything from now on.
    pub fn turn_currents_on(&self) {
        self.act(|state| state.currents.is_on = true);
    }

    /// Puts the tag into all campaigns that passes the mark of a send on.
    pub fn pass_marks_on(&self) {
        self.act(|state| state.currents.passes_marks_on = true);
    }

    /// The events of one type since Currents was turned on, oldest first: `sms.Send` for `users.messages.sms.Send`.
    #[must_use]
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let state = lock(&self.0.state);
        let is_it = |event: &&Value| event["event_type"].as_str().is_some_and(|told| told.ends_with(kind));
        state.currents.events.iter().filter(is_it).cloned().collect()
    }

    /// An event that follows on another one, about the same text: with its type, now, and with these properties instead.
    #[must_use]
    pub fn event_after(&self, event: &Value, kind: &str, properties: &Value) -> Value {
        let mut after = event.clone();
        after["event_type"] = format!("users.messages.{kind}").into();
        after["id"] = text::random_hex(&self.0.clock, 32).into();
        after["time"] = self.0.clock.now().as_second().into();
        let mut all: Map<String, Value> = after["properties"].as_object().cloned().unwrap_or_default();
        // Extras stand on the event of the send only.
        all.remove("message_extras");
        all.extend(properties.as_object().cloned().unwrap_or_default());
        after["properties"] = all.into();
        after
    }

    /// Has the connector post a batch to the bridge. As every webhook of Braze's it is repeated where the bridge is in
    /// trouble. Returns the name under which its attempts are logged.
    pub fn send_batch(&self, events: &[Value]) -> String {
        let id = text::random_hex(&self.0.clock, 32);
        let value = format!("Bearer {}", self.0.options.braze_currents_token);
        self.0.sender.send(Webhook {
            id: id.clone(),
            method: Method::POST,
            path: format!("/webhooks/{}/currents", self.0.options.braze_account),
            content_type: "application/json".to_owned(),
            body: json!({"events": events}).to_string(),
            lane: "currents".to_owned(),
            seal: Seal::Header { name: "authorization", value },
        });
        id
    }

    pub(in super::super) fn tell_of_text(&self, profile: &Profile, category: &str, body: &str, media: &[&str]) {
        self.act(|state| self.0.tell_of_text(state, profile, category, body, media));
    }
}
