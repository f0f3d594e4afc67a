//! The meaning of one event, and of one message in a talk's list. Never knows how a body is put together.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::content;
use super::failure;
use super::fate;
use super::message::{self, Message};
use super::parts::{OnLine, id, time, within};
use crate::domain::account::AccountId;
use crate::domain::event::{CustomerText, TicketId};
use crate::domain::line::{Channel, Lines};
use crate::domain::receipt::{Mark, Report, Reported};
use crate::intake::Stop;
use crate::intake::fields::{self, unreadable};
use crate::intake::json::{Json, Object};
use crate::ports::{Illegible, Incoming};
use crate::vendors::sunshine::keys::is_id;
use crate::vendors::sunshine::notification::stand_in;
use crate::vendors::sunshine::{MARK, TICKET, is_sms};

/// The most notifications of which an answer tells, the latest ones.
const ANSWERS_MAX: usize = 8;

/// The meaning of one event.
pub(super) enum Meant {
    Text(Message),
    /// A report about a text of this bridge's, or about one that may be.
    Report(Report),
    /// Nothing to this bridge.
    Nothing,
}

/// The reader of an account's events and lists.
pub struct Reader {
    /// The account.
    pub account: AccountId,
    /// The lines.
    pub lines: Lines,
}

impl Reader {
    /// The meaning of an event that came at this time.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn meaning(&self, event: &Object<'_>, at: Timestamp) -> Result<Meant, Stop> {
        let Some(kind) = fields::word(event, "type") else { return Err(unreadable("`type` names no event")) };
        // A message nearly always tells its own time.
        let created_at = || time(event.get("createdAt")).unwrap_or(at);
        let payload = || within(event, "payload").ok_or_else(|| unreadable("`payload` is not an object"));
        if kind == "conversation:message" {
            return self.message(payload()?, created_at);
        }
        let at = created_at();
        match &*kind {
            "user:merge" | "user:remove" | "conversation:remove" | "client:remove" | "client:update" => {
                Ok(fate::of(&kind, payload()?).map_or(Meant::Nothing, |told| self.fate(event, told, at)))
            }
            "conversation:postback" => self.postback(payload()?, at),
            "conversation:message:delivery:channel" => self.delivery(event, Reported::Sent { mark: None }, at),
            "conversation:message:delivery:user" => self.delivery(event, Reported::Delivered, at),
            "conversation:message:delivery:failure" => {
                let why = failure::of(payload()?.get("error"));
                self.delivery(event, Reported::Failed(why), at)
            }
            _ => Ok(Meant::Nothing),
        }
    }

    /// A customer's text in the list of a talk; `None` for every other message there.
    ///
    /// # Errors
    /// Why a customer's text cannot be read.
    pub(in crate::vendors::sunshine) fn listed(&self, talk: &str, message: &Value) -> Result<Option<Incoming>, Stop> {
        let conversation = Object::of("id", Json::Text(talk.into()));
        let payload = Object::of("conversation", conversation.into()).and("message", message.into());
        // Each has a time of its own; one without is never younger than its webhook.
        match self.message(&payload, || Timestamp::MIN)? {
            Meant::Text(Message { key, text, at }) => {
                Ok(Some(Incoming { text, at, dedupe: key.into_iter().collect() }))
            }
            Meant::Report(_) | Meant::Nothing => Ok(None),
        }
    }

    /// A listed message that cannot be read, as its webhook would have told it; `None` of one without an id, which could not
    /// be told again.
    pub(in crate::vendors::sunshine) fn kept(talk: &str, message: &Value, stop: Stop) -> Option<Illegible> {
        let Stop::Unreadable(cause) = stop else { return None };
        let own = id(&message.as_object()?.into(), "id").ok()?;
        let at = time(message.get("received").map(Json::from).as_ref()).unwrap_or(Timestamp::MIN);
        let payload = json!({ "conversation": { "id": talk }, "message": message });
        let event = json!({ "type": "conversation:message", "payload": payload });
        let body = json!({ "events": [event] }).to_string().into_bytes();
        Some(Illegible { cause, body, at, dedupe: vec![message::key(&own)] })
    }

    fn message(&self, payload: &Object<'_>, at: impl Fn() -> Timestamp) -> Result<Meant, Stop> {
        let told = within(payload, "message").ok_or_else(|| unreadable("`message` is not an object"))?;
        let id = id(told, "id")?;
        let author = within(told, "author").ok_or_else(|| unreadable("`author` is not an object"))?;
        match fields::word(author, "type").as_deref() {
            Some("user") => {}
            Some(_) => return Ok(self.own(&id, told, payload, at())),
            None => return Err(unreadable("`author.type` is blank")),
        }
        if told.get("deleted") == Some(&Json::Bool(true)) {
            return Ok(Meant::Nothing);
        }
        let source = within(told, "source");
        let Some(line) = self.line(source)? else { return Ok(Meant::Nothing) };
        let at = source
            .and_then(|source| time(source.get("originalMessageTimestamp")))
            .or_else(|| time(told.get("received")))
            .unwrap_or_else(at);
        let customer = message::customer(&thread(payload)?, author, source)?;
        let (text, media) = content::of(within(told, "content"))?;
        let mut message = Message::new(Some(message::key(&id)), customer, line, (text, media), ticket(payload), at);
        message.text.answers = answers(payload, &message.text);
        Ok(Meant::Text(message))
    }

    /// A message of a business: the bridge's own, which tells that it is out, or another's.
    fn own(&self, id: &str, message: &Object<'_>, payload: &Object<'_>, at: Timestamp) -> Meant {
        let mark = message.get("metadata").and_then(|metadata| metadata.get(MARK)).and_then(Json::as_str);
        let mark: Option<Mark> = mark.and_then(|mark| mark.parse().ok());
        let Some(mark) = mark else { return Meant::Nothing };
        Meant::Report(Report {
            id: format!("message:{id}"),
            at: time(message.get("received")).unwrap_or(at),
            customer: message::talk(thread(payload).ok()),
            campaign: None,
            dispatch: Some(id.to_owned()),
            line: None,
            carrier: self.account,
            what: Reported::Sent { mark: Some(mark) },
        })
    }

    /// A tap on a button, which is no message.
    fn postback(&self, payload: &Object<'_>, at: Timestamp) -> Result<Meant, Stop> {
        let Some(line) = self.line(within(payload, "source"))? else { return Ok(Meant::Nothing) };
        let user = within(payload, "user").ok_or_else(|| unreadable("`user` is not an object"))?;
        let author = Object::of("user", user.clone().into());
        let customer = message::customer(&thread(payload)?, &author, within(payload, "source"))?;
        let tapped = within(payload, "postback").and_then(|postback| fields::line(postback, "payload"));
        let words = format!("[The customer tapped a button: {}]", tapped.as_deref().unwrap_or("it has no name"));
        let mut message = Message::new(None, customer, line, (words, Vec::new()), ticket(payload), at);
        // A tap names no notifications, and so answers by its number alone.
        message.text.answers = answers(payload, &message.text);
        Ok(Meant::Text(message))
    }

    /// A report of talks.
    fn fate(&self, event: &Object<'_>, (customer, line, what): fate::Told, at: Timestamp) -> Meant {
        let Ok(own) = id(event, "id") else { return Meant::Nothing };
        Meant::Report(Report {
            id: format!("event:{own}"),
            at,
            customer,
            campaign: None,
            dispatch: None,
            line,
            carrier: self.account,
            what,
        })
    }

    fn delivery(&self, event: &Object<'_>, what: Reported, at: Timestamp) -> Result<Meant, Stop> {
        let payload = within(event, "payload").ok_or_else(|| unreadable("`payload` is not an object"))?;
        let message = within(payload, "message").ok_or_else(|| unreadable("`message` is not an object"))?;
        let message = id(message, "id")?;
        let destination = within(payload, "destination");
        // The other channels of the app are not this bridge's.
        let line = match self.line(destination) {
            Ok(Some(line)) => line.integration,
            Err(Stop::Unreadable(_)) => destination.and_then(|destination| fields::line(destination, "integrationId")),
            Ok(None) | Err(Stop::Ignored(_) | Stop::Reports(_)) => return Ok(Meant::Nothing),
        };
        let mut customer = message::talk(thread(payload).ok());
        customer.carrier_id = within(payload, "user").and_then(|user| id(user, "id").ok());
        let own = id(event, "id").unwrap_or_else(|_| format!("{}:{message}", what.name()));
        Ok(Meant::Report(Report {
            id: format!("delivery:{own}"),
            at,
            customer,
            campaign: None,
            dispatch: Some(message),
            line,
            carrier: self.account,
            what,
        }))
    }

    /// Whether an integration is on a line of the account, or no line names one.
    pub(super) fn has_line(&self, integration: &str) -> bool {
        let mut configured = self.lines.of_carrier(self.account).filter(|line| line.address.is_some()).peekable();
        configured.peek().is_none() || configured.any(|line| line.is_at(integration))
    }

    /// Whether a text is on a line, so that no operator has to configure one.
    pub(super) fn has_line_of(&self, text: &CustomerText) -> bool {
        let channel = Channel::of_word(&text.channel).unwrap_or_default();
        self.lines.of(self.account, text.told_line(), channel).is_some()
    }

    /// The line of a channel's integration; `None` for one that is not this bridge's. An app has one webhook for all of its
    /// integrations, so an account whose lines have addresses takes those alone.
    ///
    /// # Errors
    /// Where no line has an address, a WhatsApp message, because its answer would leave by another channel.
    fn line(&self, source: Option<&Object<'_>>) -> Result<Option<OnLine>, Stop> {
        let Some(source) = source else { return Err(unreadable("`source` is not an object")) };
        let integration = fields::line(source, "integrationId");
        let mut configured = self.lines.of_carrier(self.account).filter(|line| line.address.is_some()).peekable();
        if configured.peek().is_some() {
            let line = integration.as_deref().and_then(|told| configured.find(|line| line.is_at(told)));
            return Ok(line.map(|line| line.channel).map(|channel| OnLine { channel, integration }));
        }
        match fields::word(source, "type").as_deref() {
            Some(channel) if is_sms(channel) => Ok(Some(OnLine { integration, channel: Channel::Sms })),
            Some("whatsapp") => Err(Stop::Unreadable(format!(
                "a WhatsApp message came, and the account has no line with an integration's id: describe one with \
                 carrier = \"{}\", channel = \"whatsapp\" and the integration's id as its address",
                self.account
            ))),
            Some(_) | None => Ok(None),
        }
    }
}

/// The name of the talk.
fn thread(payload: &Object<'_>) -> Result<String, Stop> {
    let conversation = within(payload, "conversation").ok_or_else(|| unreadable("`conversation` is not an object"))?;
    id(conversation, "id")
}

/// The name in the place of the talk with the customer's number, and the notifications since their last message.
fn answers(payload: &Object<'_>, text: &CustomerText) -> Vec<String> {
    let recent = payload.get("recentNotifications").and_then(Json::as_list).into_iter().flatten();
    let ids = recent.rev().filter_map(|one| one.get("id")?.as_str()).filter(|id| is_id(id));
    let number = text.line.as_deref().zip(text.customer.phone.as_deref());
    let number = number.filter(|_| Channel::of_word(&text.channel).is_some_and(|channel| channel.is_sms()));
    let number = number.map(|(line, number)| stand_in(line, number));
    number.into_iter().chain(ids.take(ANSWERS_MAX).map(str::to_owned)).collect()
}

/// The ticket that the bridge has noted on the talk.
fn ticket(payload: &Object<'_>) -> Option<TicketId> {
    let noted = within(within(payload, "conversation")?, "metadata")?.get(TICKET)?;
    noted.as_str()?.parse().ok().map(TicketId)
}
