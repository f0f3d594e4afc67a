//! Braze's REST endpoints.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::server::{Answer, Request};
use super::super::text;
use super::model::{CampaignState, Kind, PhoneText, Profile};
use super::{Inner, SENDS_PER_HOUR, SendAnswer, State};

/// The most recipients, external ids or attribute objects in a request.
const MAX_RECIPIENTS: usize = 50;
const MAX_TRACKED: usize = 75;
/// The largest `trigger_properties`, in bytes of JSON.
const MAX_PROPERTIES_BYTES: usize = 50 * 1024;

/// A refusal or another answer that is only a message.
fn message(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({"message": message}))
}

impl Inner {
    pub(super) fn route(&self, state: &mut State, request: &Request) -> Answer {
        if let (&Method::GET, Some(name)) = (&request.method, request.path.strip_prefix("/media/")) {
            return state.media(name);
        }
        if request.header("authorization") != Some(&format!("Bearer {}", self.options.braze_api_key)) {
            // Recorded: the three headers are there, and empty.
            let refusal = message(401, "Invalid API key: non-existent");
            let names = ["X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"];
            return names.into_iter().fold(refusal, |answer, name| answer.with(name, ""));
        }
        let now = self.clock.now();
        state.make_visible(now);
        let permission = request.path.trim_matches('/').replace('/', ".");
        if state.denied.contains(&permission) {
            return message(403, "Access Denied");
        }
        let seconds = now.as_second();
        let reset = seconds.saturating_sub(seconds.rem_euclid(3600)).saturating_add(3600);
        let limited = request.path == "/campaigns/trigger/send";
        if limited && state.sends_left == 0 {
            return headers(message(429, "Rate limit exceeded"), 0, reset, &self.clock);
        }
        if limited {
            state.sends_left = state.sends_left.saturating_sub(1);
        }
        let answer = match (&request.method, request.path.as_str()) {
            (&Method::POST, "/campaigns/trigger/send") => self.trigger_send(state, &request.json(), now),
            (&Method::POST, "/users/export/ids") => state.export(&request.json()),
            (&Method::POST, "/users/track") => self.track(state, &request.json(), now),
            (&Method::GET, "/subscription/status/get") => self.subscription_status(state, request),
            (&Method::GET, "/campaigns/details") => self.campaign_details(state, request),
            _ => message(404, "Not Found"),
        };
        headers(answer, state.sends_left, reset, &self.clock)
    }

    /// `POST /campaigns/trigger/send`. A success says only that the request was well formed.
    fn trigger_send(&self, state: &mut State, body: &Value, now: Timestamp) -> Answer {
        let recipients = match check_send(state, body) {
            Ok(recipients) => recipients,
            Err(refusal) => return refusal,
        };
        let dispatch_id = text::random_hex(&self.clock, 32);
        let script = state.scripted.pop_front();
        let (status, answer, takes_effect) = match script {
            None => (201, json!({"dispatch_id": dispatch_id, "message": "success"}), true),
            Some(SendAnswer::Queued { delivered }) => (202, json!({"message": "queued"}), delivered),
            Some(SendAnswer::Errors { errors, delivered }) => {
                (201, json!({"dispatch_id": dispatch_id, "message": "success", "errors": errors}), delivered)
            }
        };
        if takes_effect {
            let mut reached: Vec<String> = Vec::new();
            for recipient in recipients {
                let Some(braze_id) = self.recipient(state, recipient, now) else { continue };
                // The same customer twice in one request gets one text.
                if !reached.contains(&braze_id) {
                    self.deliver(state, body, recipient, &braze_id, &dispatch_id, now);
                    reached.push(braze_id);
                }
            }
        }
        Answer::json(status, &answer)
    }

    /// Finds the recipient and writes their attributes. Braze does so before the sending, and even when no text is
    /// sent.
    fn recipient(&self, state: &mut State, recipient: &Value, now: Timestamp) -> Option<String> {
        let found = state.find(recipient);
        let create = recipient["send_to_existing_only"] == false && recipient["attributes"].is_object();
        let braze_id = match (found, identifier(&recipient["external_user_id"])) {
            (Some(found), _) => found,
            (None, Some(external_id)) if create => {
                state.add(Profile { external_id: Some(external_id), ..Profile::default() }, &self.clock)
            }
            (None, _) => return None,
        };
        state.write(&braze_id, &recipient["attributes"], now);
        Some(braze_id)
    }

    fn deliver(
        &self,
        state: &mut State,
        body: &Value,
        recipient: &Value,
        braze_id: &str,
        dispatch_id: &str,
        now: Timestamp,
    ) {
        let campaign_id = body["campaign_id"].as_str().unwrap_or("");
        let mut properties = body["trigger_properties"].as_object().cloned().unwrap_or_default();
        properties.extend(recipient["trigger_properties"].as_object().cloned().unwrap_or_default());
        let properties = Value::Object(properties);
        let found = state.profiles.iter().find(|profile| profile.braze_id == braze_id).cloned();
        let Some(profile) = found else { return };
        let Some(campaign) = state.campaigns.get_mut(campaign_id) else { return };
        let kind = campaign.kind;
        let again = campaign.once_only && campaign.reached.iter().any(|reached| reached == braze_id);
        // The keywords that opt a profile out are of its text messages only.
        let is_out = kind == Kind::Sms && profile.opted_out;
        if is_out || profile.phone.is_none() || again {
            let reason = if again { "The user is not eligible again" } else { "The user cannot be reached" };
            return self.tell_of_send(state, &profile, (campaign_id, kind, &properties), Some(reason));
        }
        let Some(text) = campaign.template.render(&properties) else { return };
        campaign.reached.push(braze_id.to_owned());
        self.tell_of_send(state, &profile, (campaign_id, kind, &properties), None);
        let is_heard = |at: &Timestamp| now.duration_since(*at) < state.window;
        if kind == Kind::Response && !state.heard.get(braze_id).is_some_and(is_heard) {
            return self.tell_of_shut_window(state, &profile);
        }
        state.texts.push(PhoneText {
            braze_id: braze_id.to_owned(),
            external_id: profile.external_id.clone(),
            body: text,
            msg_body: properties["msg_body"].as_str().map(str::to_owned),
            campaign_id: campaign_id.to_owned(),
            dispatch_id: dispatch_id.to_owned(),
            at: now,
        });
    }

    /// `POST /users/track`: attributes only; events and purchases are counted and forgotten.
    fn track(&self, state: &mut State, body: &Value, now: Timestamp) -> Answer {
        let count = |key: &str| body[key].as_array().map_or(0, Vec::len);
        if ["attributes", "events", "purchases"].iter().any(|key| count(key) > MAX_TRACKED) {
            return message(400, "Max Input Length Exceeded");
        }
        let mut processed: usize = 0;
        for attributes in body["attributes"].as_array().into_iter().flatten() {
            let existing_only = attributes["_update_existing_only"] == true;
            let found = state.find(attributes);
            let braze_id = match (found, identifier(&attributes["external_id"])) {
                (Some(found), _) => found,
                (None, Some(external_id)) if !existing_only => {
                    state.add(Profile { external_id: Some(external_id), ..Profile::default() }, &self.clock)
                }
                (None, _) => continue,
            };
            state.write(&braze_id, attributes, now);
            processed = processed.saturating_add(1);
        }
        Answer::json(201, &json!({"message": "success", "attributes_processed": processed}))
    }

    /// `GET /subscription/status/get`.
    fn subscription_status(&self, state: &State, request: &Request) -> Answer {
        let groups = [&self.options.subscription_group, &self.options.whatsapp_group];
        if !request.param("subscription_group_id").is_some_and(|group| groups.iter().any(|known| *known == group)) {
            return message(400, "Invalid subscription group ID");
        }
        let (by_id, key) = match request.params("external_id").chain(request.params("external_id[]")).next() {
            Some(_) => (true, "external_id"),
            None => (false, "phone"),
        };
        let list = format!("{key}[]");
        let mut status = serde_json::Map::new();
        for wanted in request.params(key).chain(request.params(&list)) {
            let is_wanted = |profile: &&Profile| {
                let value = if by_id { &profile.external_id } else { &profile.phone };
                value.as_deref() == Some(wanted)
            };
            // Documented in upper case, recorded in lower case for a user who was never seen.
            let word = match state.profiles.iter().find(is_wanted) {
                Some(profile) if profile.opted_out => "Unsubscribed",
                Some(_) => "Subscribed",
                None => "unknown",
            };
            status.insert(wanted.to_owned(), word.into());
        }
        Answer::json(200, &json!({"status": status, "message": "success"}))
    }

    /// `GET /campaigns/details`: the text campaigns, and the webhook campaign that calls the bridge.
    fn campaign_details(&self, state: &State, request: &Request) -> Answer {
        let id = request.param("campaign_id").unwrap_or("");
        if id == self.options.campaign_inbound {
            let (name, value) = state.inbound.auth_header(&self.options.braze_webhook_token);
            let url = format!("{}/webhooks/{}", self.sender.bridge(), self.options.braze_account);
            let headers = json!({name: value, "Content-Type": state.inbound.format.content_type()});
            let body = state.inbound.format.template(&self.options.subscription_group);
            let webhook = json!({"channel": "webhook", "url": url, "method": "POST", "headers": headers, "body": body,
                "type": "raw"});
            return Answer::json(200, &details("Inbound text", false, "action_based", "webhook", webhook));
        }
        let Some(campaign) = state.campaigns.get(id) else { return message(400, "Invalid Campaign ID") };
        let body = format!("{}{}", state.currents.tag(), campaign.template.source());
        let (channel, group) = (campaign.kind.word(), self.group_of(campaign.kind));
        let message = json!({"channel": channel, "body": body, "subscription_group_id": group, "from": null});
        let archived = campaign.state == CampaignState::Archived;
        Answer::json(200, &details(&campaign.name, archived, "api_triggered", channel, message))
    }
}

fn details(name: &str, archived: bool, schedule: &str, channel: &str, variation: Value) -> Value {
    json!({"message": "success", "name": name, "draft": false, "archived": archived, "schedule_type": schedule,
        "channels": [channel], "messages": {"variation-1": variation}})
}

fn headers(answer: Answer, left: u32, reset: i64, clock: &crate::clock::Clock) -> Answer {
    answer
        .with("X-Ratelimit-Limit", SENDS_PER_HOUR)
        .with("X-Ratelimit-Remaining", left)
        .with("X-Ratelimit-Reset", reset)
        .with("X-Request-Id", text::random_hex(clock, 32))
}

/// Checks a send and returns its recipients; a refusal means that nothing was sent.
fn check_send<'a>(state: &State, body: &'a Value) -> Result<&'a [Value], Answer> {
    if !body.is_object() {
        return Err(message(400, "Bad Request"));
    }
    let campaign = body["campaign_id"].as_str().and_then(|id| state.campaigns.get(id));
    let campaign = campaign.ok_or_else(|| message(400, "Invalid Campaign ID"))?;
    match campaign.state {
        CampaignState::Active => {}
        CampaignState::Paused => return Err(message(400, "The campaign is paused")),
        CampaignState::Archived => return Err(message(400, "The campaign is archived")),
    }
    let recipients = body["recipients"].as_array().map(Vec::as_slice).unwrap_or_default();
    if recipients.is_empty() {
        return Err(message(400, "No Recipients"));
    }
    if recipients.len() > MAX_RECIPIENTS {
        return Err(message(400, "The max number of ids per request was exceeded"));
    }
    for recipient in recipients {
        let named = ["external_user_id", "braze_id", "email", "user_alias"];
        let names = named.into_iter().filter(|name| !recipient[*name].is_null()).count();
        let refused = !recipient["braze_id"].is_null() && state.refuse_braze_id;
        // A new profile needs attributes.
        let incomplete = recipient["send_to_existing_only"] == false && !recipient["attributes"].is_object();
        let too_large = [&body["trigger_properties"], &recipient["trigger_properties"]]
            .into_iter()
            .any(|properties| properties.to_string().len() > MAX_PROPERTIES_BYTES);
        if names != 1 || refused || incomplete || too_large || body["broadcast"] == true {
            return Err(message(400, "Bad Request"));
        }
    }
    Ok(recipients)
}

/// An id, which may also be sent as a number.
fn identifier(value: &Value) -> Option<String> {
    match (value.as_str(), value.as_u64()) {
        (Some(text), _) if !text.is_empty() => Some(text.to_owned()),
        (_, Some(number)) => Some(number.to_string()),
        (_, None) => None,
    }
}

impl State {
    /// The profile that an object names; the first when several share a number.
    fn find(&self, named: &Value) -> Option<String> {
        let external_id = identifier(&named["external_user_id"]).or_else(|| identifier(&named["external_id"]));
        let braze_id = identifier(&named["braze_id"]);
        // In an attributes object that names a profile, e-mail and phone are values to be written.
        let by_email = named["email"].as_str().filter(|_| external_id.is_none() && braze_id.is_none());
        let by_phone = named["phone"].as_str().filter(|_| external_id.is_none() && braze_id.is_none());
        let found = self.profiles.iter().find(|profile| {
            (external_id.is_some() && profile.external_id == external_id)
                || (braze_id.is_some() && Some(&profile.braze_id) == braze_id.as_ref())
                || (by_email.is_some() && profile.email.as_deref() == by_email)
                || (by_email.is_none() && by_phone.is_some() && profile.phone.as_deref() == by_phone)
        });
        found.map(|profile| profile.braze_id.clone())
    }

    /// Writes attributes: names and address at once, custom ones after the lag.
    fn write(&mut self, braze_id: &str, attributes: &Value, now: Timestamp) {
        let visible_at = now.saturating_add(self.attribute_lag).unwrap_or(Timestamp::MAX);
        for (name, value) in attributes.as_object().into_iter().flatten() {
            let Some(profile) = self.profiles.iter_mut().find(|profile| profile.braze_id == braze_id) else { return };
            if !profile.write_standard(name, value) {
                self.pending.push((visible_at, braze_id.to_owned(), name.clone(), value.clone()));
            }
        }
        self.make_visible(now);
    }

    /// Applies the custom attributes whose lag is over, in the order written.
    pub(super) fn make_visible(&mut self, now: Timestamp) {
        let (due, pending) = std::mem::take(&mut self.pending).into_iter().partition(|(at, ..)| *at <= now);
        self.pending = pending;
        let due: Vec<_> = due;
        for (_, braze_id, name, value) in due {
            if let Some(profile) = self.profiles.iter_mut().find(|profile| profile.braze_id == braze_id) {
                // A null deletes the attribute.
                match value.is_null() {
                    true => drop(profile.attributes.remove(&name)),
                    false => drop(profile.attributes.insert(name, value)),
                }
            }
        }
    }

    /// `POST /users/export/ids`.
    fn export(&self, body: &Value) -> Answer {
        let fields = body["fields_to_export"].as_array().map(Vec::as_slice);
        let ids = body["external_ids"].as_array().map(Vec::as_slice).unwrap_or_default();
        if ids.len() > MAX_RECIPIENTS {
            return message(400, "The max number of ids per request was exceeded");
        }
        let (braze_id, phone) = (body["braze_id"].as_str(), body["phone"].as_str());
        let email = body["email_address"].as_str();
        if ids.is_empty() && braze_id.is_none() && phone.is_none() && email.is_none() {
            return message(400, "Bad Request");
        }
        let wanted = |profile: &&Profile| {
            profile.external_id.as_ref().is_some_and(|id| ids.iter().any(|wanted| wanted == id))
                || braze_id.is_some_and(|wanted| wanted == profile.braze_id)
                || (phone.is_some() && profile.phone.as_deref() == phone)
                || (email.is_some() && profile.email.as_deref() == email)
        };
        let users: Vec<Value> = self.profiles.iter().filter(wanted).map(|profile| profile.json(fields)).collect();
        let known = |id: &&Value| self.profiles.iter().any(|p| p.external_id.as_deref() == id.as_str());
        let invalid: Vec<&Value> = ids.iter().filter(|id| !known(id)).collect();
        let mut answer = json!({"users": users, "message": "success"});
        if !invalid.is_empty() {
            answer["invalid_user_ids"] = json!(invalid);
        }
        Answer::json(201, &answer)
    }

    fn media(&self, name: &str) -> Answer {
        match self.media.get(name) {
            Some((media_type, bytes)) => {
                Answer { status: 200, headers: vec![("content-type".into(), media_type.clone())], body: bytes.clone() }
            }
            None => message(404, "Not Found"),
        }
    }

    /// Adds a profile and returns its Braze id.
    pub(super) fn add(&mut self, profile: Profile, clock: &crate::clock::Clock) -> String {
        let braze_id = if profile.braze_id.is_empty() { text::random_hex(clock, 24) } else { profile.braze_id.clone() };
        self.profiles.push(Profile { braze_id: braze_id.clone(), ..profile });
        braze_id
    }

    /// How late custom attributes can be read.
    pub(super) fn set_attribute_lag(&mut self, lag: SignedDuration) {
        self.attribute_lag = lag;
    }
}
