//! The endpoints of both vendors that send a text, and Twilio's that shows the account.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value, json};

use super::super::server::{Answer, Request};
use super::{Dialect, End, Inner, Message, State};

/// The code of an opted-out recipient at Twilio.
const OPTED_OUT: u32 = 21610;

/// The longest text of Twilio's, in characters.
const TWILIO_MAX: usize = 1600;

impl Inner {
    pub(super) fn route(&self, state: &mut State, request: &Request) -> Answer {
        let presented = request.header("authorization").and_then(|header| header.strip_prefix("Basic "));
        let own = BASE64.encode(format!("{}:{}", self.options.account_id, self.options.secret));
        let is_let_in = presented == Some(own.as_str());
        match self.options.dialect {
            Dialect::Twilio if !is_let_in => twilio_error(401, 20003, "Authenticate"),
            Dialect::Twilio => self.twilio(state, request),
            Dialect::Vonage if !is_let_in => {
                vonage_error(401, "https://developer.vonage.com/api-errors#unauthorized", "Unauthorized")
            }
            Dialect::Vonage => self.vonage(state, request),
        }
    }

    fn twilio(&self, state: &mut State, request: &Request) -> Answer {
        let account = format!("/2010-04-01/Accounts/{}", self.options.account_id);
        match (&request.method, request.path.strip_prefix(&account)) {
            (&Method::GET, Some(".json")) => {
                Answer::json(200, &json!({"sid": self.options.account_id, "status": "active"}))
            }
            (&Method::POST, Some("/Messages.json")) => self.twilio_text(state, request),
            _ => twilio_error(404, 20404, "The requested resource was not found"),
        }
    }

    fn twilio_text(&self, state: &mut State, request: &Request) -> Answer {
        let fields: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| {
            fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let (to, from, words) = (field("To"), field("From"), field("Body"));
        if !to.starts_with('+') {
            return twilio_error(400, 21211, &format!("The 'To' number {to} is not a valid phone number."));
        }
        if !self.options.numbers.iter().any(|number| number == from) {
            return twilio_error(400, 21606, &format!("The From phone number {from} is not yours."));
        }
        if words.is_empty() || words.chars().count() > TWILIO_MAX || field("StatusCallback") != self.options.webhook_url
        {
            return twilio_error(400, 21617, "The request cannot be taken");
        }
        if state.stopped.contains(&(from.to_owned(), to.to_owned())) {
            return twilio_error(400, OPTED_OUT, "Attempt to send to unsubscribed recipient");
        }
        let message = self.taken(state, (to, from), words, None, ("sent", "delivered", "undelivered"));
        Answer::json(
            201,
            &json!({"sid": message.id, "account_sid": self.options.account_id, "to": to, "from": from, "body": words,
                "status": "queued", "error_code": null, "error_message": null}),
        )
    }

    fn vonage(&self, state: &mut State, request: &Request) -> Answer {
        if (&request.method, request.path.as_str()) != (&Method::POST, "/v1/messages") {
            return vonage_error(404, "about:blank", "Not Found");
        }
        let body = request.json();
        let field = |name: &str| body[name].as_str().unwrap_or_default();
        let is_bare = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let (to, from) = (format!("+{}", field("to")), format!("+{}", field("from")));
        let is_whole = is_bare(field("to"))
            && field("channel") == "sms"
            && field("message_type") == "text"
            && !field("text").is_empty();
        if !is_whole || field("client_ref").len() > 100 || !self.options.numbers.contains(&from) {
            return vonage_error(422, "https://developer.vonage.com/api-errors/messages#1150", "Invalid params");
        }
        let reference = body["client_ref"].as_str().map(str::to_owned);
        let states = ("submitted", "delivered", "undeliverable");
        let message = self.taken(state, (&to, &from), field("text"), reference, states);
        Answer::json(202, &json!({"message_uuid": message.id}))
    }

    /// Takes a text and tells of its way.
    fn taken(
        &self,
        state: &mut State,
        (to, from): (&str, &str),
        words: &str,
        reference: Option<String>,
        (sent, arrived, failed): (&str, &str, &str),
    ) -> Message {
        let message =
            Message { id: self.id(), to: to.to_owned(), from: from.to_owned(), text: words.to_owned(), reference };
        let tell = |what: &str, code| self.post(&format!("{}:{what}", message.id), &self.told(&message, what, code));
        match state.end {
            End::Arrives => {
                tell(sent, None);
                tell(arrived, None);
            }
            End::Fails(code) => {
                tell(sent, None);
                tell(failed, Some(code));
            }
            End::Silent => {}
        }
        state.texts.push(message.clone());
        message
    }
}

fn twilio_error(status: u16, code: u32, message: &str) -> Answer {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    Answer::json(status, &json!({"code": code, "message": message, "more_info": more, "status": status}))
}

fn vonage_error(status: u16, kind: &str, title: &str) -> Answer {
    let error: Value =
        json!({"type": kind, "title": title, "detail": "words that may name +15550123456", "instance": "bf0ca0bf"});
    Answer::json(status, &error)
}
