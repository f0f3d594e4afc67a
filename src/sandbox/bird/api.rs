//! Bird's endpoints for text messages and for WhatsApp messages.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::server::{Answer, Request};
use super::{End, Inner, Message, State, on_whatsapp, templates};
use crate::domain::line::Channel;

/// How long a key replays its first answer.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(3);

/// Twelve segments of the short alphabet, of the long one the fewer.
const GSM_MAX: usize = 1836;
const UCS_MAX: usize = 804;

/// The longest text on WhatsApp, in characters.
const WHATSAPP_MAX: usize = 4096;

/// How long after a customer's message WhatsApp takes free text.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

const CATEGORIES: [&str; 4] = ["transactional", "marketing", "authentication", "service"];

/// Fields that the schema describes and the API refuses.
const UNSUPPORTED: [&str; 4] = ["media_urls", "scheduled_at", "validity_period", "contact_id"];

fn error(status: u16, kind: &str, code: &str, name: &str) -> Answer {
    let message = format!("{name}, with words that may name +15550123456");
    let error = json!({"type": kind, "code": code, "name": name, "message": message, "request_id": "req_1"});
    Answer::json(status, &json!({ "error": error }))
}

fn not_found() -> Answer {
    error(404, "not_found_error", "E01007", "NotFound")
}

fn invalid(name: &str) -> Answer {
    error(422, "validation_error", "E02001", name)
}

impl Inner {
    pub(super) fn route(&self, state: &mut State, request: &Request) -> Answer {
        let presented = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
        let region = |key: &str| key.split('_').nth(1).map(str::to_owned);
        match presented {
            Some(key) if key == self.options.api_key => {}
            Some(key) if region(key) != region(&self.options.api_key) => {
                return error(421, "misdirected_error", "E01003", "WrongRegion");
            }
            Some(_) | None => return error(401, "auth_error", "E01001", "InvalidApiKey"),
        }
        match (&request.method, request.path.as_str()) {
            (&Method::POST, "/v1/sms/messages") => self.send_once(state, request, Self::text),
            (&Method::POST, "/v1/whatsapp/messages") => self.send_once(state, request, Self::chat),
            (&Method::GET, "/v1/sms/messages") => list(state, request, Channel::Sms),
            (&Method::GET, "/v1/whatsapp/messages") => list(state, request, Channel::Whatsapp),
            (&Method::GET, "/v1/sms/suppressions") => suppressions(state, request),
            (&Method::GET, path) => path
                .strip_prefix("/v1/whatsapp/templates/")
                .and_then(|at| templates::read(&self.options.templates, at))
                .unwrap_or_else(not_found),
            _ => not_found(),
        }
    }

    /// Sends, or replays the first answer to the request's key.
    fn send_once(
        &self,
        state: &mut State,
        request: &Request,
        read: fn(&Self, &Value) -> Result<Message, Answer>,
    ) -> Answer {
        let now = self.clock.now();
        let send = |state: &mut State| match read(self, &request.json()) {
            Ok(_) if state.is_spent => error(402, "billing_error", "E03001", "InsufficientBalance"),
            Ok(message) => self.send(state, message),
            Err(refusal) => refusal,
        };
        let Some(key) = request.header("idempotency-key") else { return send(state) };
        let is_alive = |at: &Timestamp| now.duration_since(*at) < KEY_LIFE;
        match state.answered.get(key).filter(|(at, ..)| is_alive(at)) {
            Some((_, body, answer)) if *body == request.body => return answer.clone(),
            Some(_) => return error(409, "conflict_error", "E01005", "idempotency_key_reuse"),
            None => {}
        }
        let answer = send(state);
        state.answered.insert(key.to_owned(), (now, request.body.clone(), answer.clone()));
        answer
    }

    /// Reads a text message.
    fn text(&self, body: &Value) -> Result<Message, Answer> {
        let (Some(to), Some(words)) = (field(body, "to"), field(body, "text")) else {
            return Err(invalid("MissingField"));
        };
        if !to.starts_with('+') {
            return Err(invalid("SMSInvalidRecipient"));
        }
        let Some(from) = field(body, "from").filter(|from| is_among(from, &self.options.senders)) else {
            return Err(invalid("SMSNoEligibleSender"));
        };
        if !field(body, "category").is_some_and(|category| CATEGORIES.contains(&category)) {
            return Err(invalid("MissingCategory"));
        }
        if UNSUPPORTED.iter().any(|field| !body[*field].is_null()) {
            return Err(invalid("SMSUnsupportedFeature"));
        }
        let most = if words.is_ascii() { GSM_MAX } else { UCS_MAX };
        if words.chars().count() > most || !has_labels(body) {
            return Err(invalid("ValueNotPermitted"));
        }
        Ok(self.message(Channel::Sms, "outbound", (to, from), words, body))
    }

    /// Reads a WhatsApp message, which has free text or a template.
    fn chat(&self, body: &Value) -> Result<Message, Answer> {
        let Some(to) = field(body, "to") else { return Err(invalid("MissingField")) };
        let Some(from) = field(body, "from").filter(|from| is_among(from, &self.options.on_whatsapp)) else {
            return Err(invalid("WhatsAppSenderNotFound"));
        };
        let words = match (field(&body["text"], "body"), field(&body["template"], "slug")) {
            (Some(words), None) if words.chars().count() <= WHATSAPP_MAX => words,
            (None, Some(slug)) if is_among(slug, &self.options.templates) => match templates::fits(&body["template"]) {
                true => slug,
                false => return Err(invalid("WhatsAppTemplateParameterMismatch")),
            },
            (None, Some(_)) => return Err(invalid("WhatsAppTemplateNotFound")),
            (Some(_), _) | (None, None) => return Err(invalid("ValueNotPermitted")),
        };
        if !has_labels(body) || !body["category"].is_null() {
            return Err(invalid("ValueNotPermitted"));
        }
        Ok(self.message(Channel::Whatsapp, "outbound", (to, from), words, body))
    }

    fn send(&self, state: &mut State, mut message: Message) -> Answer {
        let answer = Answer::json(202, &shown(&message));
        self.tell(&message, "accepted", None);
        let is_chat = message.channel.has_window();
        if state.suppressed.contains(&(message.from.clone(), message.to.clone())) {
            message.status = "rejected";
            let code = if is_chat { "recipient_suppressed" } else { "recipient_opted_out" };
            self.tell(&message, "rejected", Some(code));
        } else if is_chat && !is_among(&message.text, &self.options.templates) && !self.is_open(state, &message) {
            message.status = "failed";
            self.tell(&message, "failed", Some("service_window_expired"));
        } else {
            message.status = self.hand_over(state, &message);
        }
        state.messages.push(message);
        answer
    }

    /// Whether the recipient has written to the sender in the last day.
    fn is_open(&self, state: &State, message: &Message) -> bool {
        let now = self.clock.now();
        let opens = |heard: &&Message| {
            (heard.channel, heard.direction) == (message.channel, "inbound")
                && (&heard.from, &heard.to) == (&message.to, &message.from)
                && now.duration_since(heard.at) < WINDOW
        };
        state.messages.iter().any(|heard| opens(&heard))
    }

    /// Hands a text to the carrier; gives its status then.
    fn hand_over(&self, state: &State, message: &Message) -> &'static str {
        self.tell_unless_silent(state, message, "sent", None);
        match &state.end {
            End::Arrives => {
                self.tell(message, "delivered", None);
                "delivered"
            }
            End::Fails(code) => {
                self.tell(message, "failed", Some(code));
                "failed"
            }
            End::Silent => "sent",
        }
    }

    fn tell_unless_silent(&self, state: &State, message: &Message, what: &str, code: Option<&str>) {
        match state.end {
            End::Arrives | End::Fails(_) => self.tell(message, what, code),
            End::Silent => {}
        }
    }

    fn tell(&self, message: &Message, what: &str, code: Option<&str>) {
        let (id, to, from) = match message.channel {
            Channel::Whatsapp => ("whatsapp_id", on_whatsapp(&message.to), on_whatsapp(&message.from)),
            Channel::Sms | Channel::Rcs => ("sms_id", json!(message.to), json!(message.from)),
        };
        let mut data = json!({id: message.id, "workspace_id": "ws_1", "to": to, "from": from,
            "tags": message.tags, "metadata": message.metadata});
        if let (Some(code), Some(fields)) = (code, data.as_object_mut()) {
            fields.insert("error".to_owned(), json!({"code": code, "message": "words that may name a person"}));
        }
        drop(self.post(&format!("{}.{what}", message.channel), &message.id, data));
    }
}

/// A field that is not blank.
fn field<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body[name].as_str().filter(|text| !text.is_empty())
}

fn is_among(name: &str, known: &[String]) -> bool {
    known.iter().any(|known| known == name)
}

/// Whether the tags and the metadata are such as Bird takes.
fn has_labels(body: &Value) -> bool {
    are_tags(&body["tags"]) && body["metadata"].to_string().len() <= 2048
}

/// Twenty tags at most, of letters that a tag takes.
fn are_tags(tags: &Value) -> bool {
    let is_word = |value: &Value, most: usize| {
        let is_fine = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        value.as_str().is_some_and(|text| !text.is_empty() && text.len() <= most && is_fine(text))
    };
    tags.as_array().is_none_or(|tags| {
        tags.len() <= 20 && tags.iter().all(|tag| is_word(&tag["name"], 32) && is_word(&tag["value"], 64))
    })
}

fn shown(message: &Message) -> Value {
    let (to, from, text) = match message.channel {
        Channel::Whatsapp => (on_whatsapp(&message.to), on_whatsapp(&message.from), json!({"body": message.text})),
        Channel::Sms | Channel::Rcs => (json!(message.to), json!(message.from), json!(message.text)),
    };
    json!({"id": message.id, "direction": message.direction, "to": to, "from": from, "text": text,
        "tags": message.tags, "metadata": message.metadata, "status": message.status,
        "created_at": message.at.to_string()})
}

/// The newest first, a page at a time.
fn list(state: &State, request: &Request, channel: Channel) -> Answer {
    let is = |name: &str, value: &str| request.param(name).is_none_or(|wanted| wanted == value);
    let time = |name: &str| request.param(name).and_then(|time| time.parse::<Timestamp>().ok());
    let (after, before) = (time("created_after"), time("created_before"));
    let has_tag = |message: &Message| {
        request.params("tag").all(|wanted| {
            let has =
                |tag: &Value| format!("{}:{}", tag["name"].as_str()?, tag["value"].as_str()?).eq(wanted).then_some(());
            message.tags.as_array().is_some_and(|tags| tags.iter().any(|tag| has(tag).is_some()))
        })
    };
    let fits = |message: &&Message| {
        message.channel == channel
            && is("direction", message.direction)
            && is("to", &message.to)
            && is("from", &message.from)
            && after.is_none_or(|after| message.at >= after)
            && before.is_none_or(|before| message.at < before)
            && has_tag(message)
    };
    let limit = request.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20_usize);
    let found = state.messages.iter().rev().filter(fits);
    let behind = |message: &&Message| request.param("starting_after").is_some_and(|cursor| cursor != message.id);
    let skipped = usize::from(request.param("starting_after").is_some());
    let found: Vec<&Message> = found.skip_while(behind).skip(skipped).collect();
    let page: Vec<Value> = found.iter().take(limit).map(|message| shown(message)).collect();
    let cursor = found.get(limit.saturating_sub(1)).filter(|_| found.len() > limit).map(|message| &message.id);
    Answer::json(200, &json!({"data": page, "next_cursor": cursor}))
}

fn suppressions(state: &State, request: &Request) -> Answer {
    let is = |name: &str, value: &str| request.param(name).is_none_or(|wanted| wanted == value);
    let fits = |(from, to): &&(String, String)| is("originator", from) && is("destination", to);
    let shown = |(from, to): &(String, String)| json!({"id": "sup_1", "originator": from, "destination": to, "reason": "keyword_stop", "blocking": true});
    let pairs: Vec<Value> = state.suppressed.iter().filter(fits).map(shown).collect();
    Answer::json(200, &json!({"data": pairs, "next_cursor": null}))
}
