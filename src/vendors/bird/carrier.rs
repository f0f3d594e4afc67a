//! Bird as a carrier of text messages and of WhatsApp messages. Never chooses a text, its recipient or its channel: the worker does.
//!
//! Each part of a text goes under an idempotency key of its own ([`super::idempotency`]), so that the same part sent again within
//! three hours is the same text. It carries its mark as a tag as well, by which it is found after that time.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::domain::account::AccountId;
use crate::domain::budget::UserKey;
use crate::domain::line::{Channel, Lines};
use crate::domain::outgoing::{Part, Recipient};
use crate::domain::receipt::Mark;
use crate::domain::refusals::Object;
use crate::domain::retry::before;
use crate::ports::{CameIn, Carrier, Failure, Incoming, Look, Meant, Sent, Sought, Text};
use crate::vendors::bird::client::Bird;
use crate::vendors::bird::idempotency::key;
use crate::vendors::bird::mark::{MARK, mark_of, spelled, tag};
use crate::vendors::bird::source::Numbers;
use crate::vendors::bird::templates::Fit;
use crate::vendors::bird::{limits, source};
use crate::vendors::http::exchange::{Effect, Request};
use crate::vendors::http::headers;
use crate::vendors::shorthand;

/// The text messages, to send and to list.
const TEXTS: &str = "/v1/sms/messages";

/// The WhatsApp messages, to send and to list.
const CHATS: &str = "/v1/whatsapp/messages";

/// The pairs of a sender and a recipient to whom Bird sends nothing.
const SUPPRESSIONS: &str = "/v1/sms/suppressions";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The tag that all parts of one text share.
const DELIVERY: &str = "tandem_delivery";

/// The reason that Bird is told for texts: an answer to a customer.
const CATEGORY: &str = "service";

/// Why a text message is no template, for the agent.
const NOT_BY_TEXT: &str =
    "the text holds the shorthand of a template, `&((`, which goes on WhatsApp only: write the words themselves";

/// The most messages on one page of a list: more than a text has parts.
const LOOKED_AT: &str = "100";

/// The most pages of one look at a list. Later texts are left for the next.
pub(super) const PAGES_MAX: usize = 20;

/// How much further back a look goes than the text is old, because the two clocks may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(600);

#[async_trait]
impl Carrier for Bird {
    fn takes_mappings(&self) -> bool {
        false
    }

    /// On WhatsApp an agent's shorthand names a template. A template of text messages goes from a number that Bird chooses, so
    /// that its answer would be no part of the conversation.
    fn meaning(&self, words: &str, channel: Channel) -> Result<Meant, String> {
        if !shorthand::names_a_template(words) {
            return Ok(Meant::Words);
        }
        match channel {
            Channel::Whatsapp => shorthand::read(words).map(|_| Meant::Form),
            Channel::Sms | Channel::Rcs => Err(NOT_BY_TEXT.to_owned()),
        }
    }

    /// Sends one part. A key that came before with other words ends as [`Failure::IdempotencyMismatch`]: the part is out.
    async fn send(&self, text: &Text<'_>) -> Result<Sent, Failure> {
        let (to, part, path) = (number(text.to), text.part, messages(text.channel)?);
        let mark = spelled(Mark { id: part.id, part: part.number });
        let mut body = json!({
            "to": to,
            "from": text.line.unwrap_or(&self.sender),
            "metadata": {MARK: mark, "ticket": text.ticket.map(|ticket| ticket.to_string())},
            "tags": [{"name": MARK, "value": mark}, {"name": DELIVERY, "value": part.id.to_string()}],
        });
        let content = match (text.channel, text.template) {
            (Channel::Whatsapp, Some(slug)) => {
                // Where the read tells nothing, such as by a key that may not read templates, Bird judges it.
                if let Ok(Fit::Never(cause)) = self.fit(slug).await {
                    return Err(Failure::GiveUp { cause });
                }
                json!({"template": {"slug": slug}})
            }
            (Channel::Whatsapp, None) if shorthand::names_a_template(text.words) => {
                let wanted = shorthand::read(text.words).map_err(|cause| Failure::GiveUp { cause })?;
                self.template(&wanted).await?
            }
            (Channel::Whatsapp, None) => json!({"text": {"body": text.words}}),
            (Channel::Sms | Channel::Rcs, _) => json!({"text": text.words, "category": CATEGORY}),
        };
        if let (Value::Object(body), Value::Object(content)) = (&mut body, content) {
            body.extend(content);
        }
        let mut request = Request::post(limits::SEND, Effect::Lasting, path, &without_nulls(body))
            .about(Object::Recipient(UserKey::of(to)));
        if let Ok(key) = HeaderValue::from_str(&key(&mark, text.refused_at)) {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let (answer, json) = self.call(&request).await?;
        match json["id"].as_str().filter(|id| !id.is_empty()) {
            Some(id) => Ok(Sent { dispatch: Some(id.to_owned()) }),
            None => Err(self.exchange.unreadable(&request, &answer, "no id")),
        }
    }

    /// Lists the parts that Bird has taken, by the tag that they share.
    async fn receipts(&self, recipient: &Recipient, sought: &Sought) -> Result<BTreeMap<String, String>, Failure> {
        let request = Request::get(limits::READ, messages(sought.channel)?)
            .query("direction", "outbound")
            .query("tag", format!("{DELIVERY}:{}", sought.id))
            .query("created_after", before(sought.since, CLOCKS_DIFFER).to_string())
            .query("limit", LOOKED_AT)
            .about(Object::Recipient(UserKey::of(number(recipient))));
        let (taken, _) = self.list(&request).await?;
        let marks = taken.iter().filter_map(|message| mark_of(tag(&message["tags"], MARK)?));
        let marks = marks.filter(|mark| mark.id == sought.id && mark.part <= sought.parts);
        let receipt = |mark: Mark| Part { id: mark.id, number: mark.part, of: sought.parts }.receipt();
        Ok(marks.map(|mark| (spelled(mark), receipt(mark))).collect())
    }

    /// Bird keeps no consent, only the pairs that it has suppressed: a customer whom it does not list may have stopped all the
    /// same, by a word or on a way that Bird does not count. Those of WhatsApp are of whole accounts with Meta, whose
    /// numbers are not told, so that Bird is not asked about them.
    async fn takes_texts(&self, line: &str, channel: Channel, recipient: &Recipient) -> Result<Option<bool>, Failure> {
        if channel.has_window() {
            return Ok(None);
        }
        let to = number(recipient);
        let request = Request::get(limits::READ, SUPPRESSIONS)
            .query("destination", to)
            .query("originator", line)
            .about(Object::Recipient(UserKey::of(to)));
        let (suppressions, _) = self.list(&request).await?;
        let is_between = |pair: &&Value| pair["destination"] == to && pair["originator"] == line;
        let is_out = suppressions.iter().filter(is_between).any(|pair| pair["blocking"] != false);
        Ok(is_out.then_some(false))
    }

    /// Lists the text messages, and the WhatsApp messages where the account has a line for them.
    async fn texts_since(&self, look: &Look<'_>) -> Result<Option<CameIn>, Failure> {
        let Look { account, lines, since, talk: _ } = *look;
        let has_window = lines.of_carrier(account).any(|line| line.channel.has_window());
        let channels = std::iter::once(Channel::Sms).chain(has_window.then_some(Channel::Whatsapp));
        let (numbers, mut all) = (self.numbers(account, lines), CameIn::default());
        for channel in channels {
            let (entries, until) = self.oldest(channel, since).await?;
            all.unreadable += entries.len();
            let texts: Vec<Incoming> =
                entries.iter().rev().filter_map(|entry| incoming(entry, channel, &numbers)).collect();
            all.unreadable -= texts.len();
            all.texts.extend(texts);
            all.until = all.until.into_iter().chain(until).min();
        }
        all.texts.sort_by_key(|text| text.at);
        Ok(Some(all))
    }

    async fn probe(&self, _form: &str) -> Result<(), Failure> {
        self.ask_whether_let_in().await.map(drop)
    }
}

impl Bird {
    /// Asks for something small, to see whether the account is let in; gives the time of the answer by Bird's clock.
    ///
    /// # Errors
    /// As for every read.
    pub(super) async fn ask_whether_let_in(&self) -> Result<Option<Timestamp>, Failure> {
        let request = Request::get(limits::READ, TEXTS).query("limit", "1").asking_whether_it_answers();
        self.call(&request).await.map(|(answer, _)| headers::date(&answer.headers))
    }

    fn numbers(&self, carrier: AccountId, lines: &Lines) -> Numbers {
        Numbers { carrier, sender: self.sender.clone(), lines: lines.clone() }
    }

    /// The oldest customers' messages of a list since this time, the newest first, and where later ones are left. A list
    /// begins with the newest, so that of one with too many pages an earlier part is asked for.
    async fn oldest(&self, channel: Channel, since: Timestamp) -> Result<(Vec<Value>, Option<Timestamp>), Failure> {
        let mut until = None;
        loop {
            let (entries, is_whole) = self.inbound(channel, since, until).await?;
            if is_whole {
                return Ok((entries, until));
            }
            let seen = entries.iter().rev().find_map(created_at).unwrap_or(since);
            let half = since.duration_until(seen) / 2;
            until = Some(since.saturating_add(half).unwrap_or(since)).filter(|until| *until > since);
            if until.is_none() {
                return Err(Failure::GiveUp { cause: format!("Bird's list has no end at {since}") });
            }
        }
    }

    /// The customers' messages of a range, the newest first, and whether they are all of it.
    async fn inbound(
        &self,
        channel: Channel,
        since: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<(Vec<Value>, bool), Failure> {
        let (mut entries, mut behind) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let mut request = Request::get(limits::READ, messages(channel)?)
                .query("direction", "inbound")
                .query("created_after", since.to_string())
                .query("limit", LOOKED_AT);
            if let Some(until) = until {
                request = request.query("created_before", until.to_string());
            }
            if let Some(cursor) = behind.take() {
                request = request.query("starting_after", cursor);
            }
            let (page, next) = self.list(&request).await?;
            entries.extend(page);
            let Some(next) = next else { return Ok((entries, true)) };
            behind = Some(next);
        }
        Ok((entries, false))
    }

    /// One page of a list, and where the next one begins.
    async fn list(&self, request: &Request) -> Result<(Vec<Value>, Option<String>), Failure> {
        let (answer, mut json) = self.call(request).await?;
        match json["data"].take() {
            Value::Array(items) => Ok((items, json["next_cursor"].as_str().map(str::to_owned))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                Err(self.exchange.unreadable(request, &answer, "no list"))
            }
        }
    }
}

/// The text in an entry of a list; `None` where it cannot be read.
fn incoming(entry: &Value, channel: Channel, numbers: &Numbers) -> Option<Incoming> {
    let (key, text) = source::listed(entry, channel, numbers)?;
    Some(Incoming { text, at: created_at(entry)?, dedupe: vec![key] })
}

fn created_at(entry: &Value) -> Option<Timestamp> {
    entry["created_at"].as_str()?.parse().ok()
}

/// The messages of a channel, to send and to list. A text for a channel that Bird does not carry goes by no other.
fn messages(channel: Channel) -> Result<&'static str, Failure> {
    match channel {
        Channel::Sms => Ok(TEXTS),
        Channel::Whatsapp => Ok(CHATS),
        Channel::Rcs => Err(Failure::GiveUp { cause: "Bird carries no RCS".to_owned() }),
    }
}

/// The customer's number, or WhatsApp's own id of them: both names are the carrier's.
fn number(recipient: &Recipient) -> &str {
    match recipient {
        Recipient::External(id) | Recipient::OfCarrier(id) => id,
    }
}

/// The same without the fields that are null, because Bird tells an absent field from a null one.
fn without_nulls(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(|value| *value = without_nulls(value.take()));
    }
    body
}
