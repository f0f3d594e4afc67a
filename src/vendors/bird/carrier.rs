//! Bird as a carrier. Never chooses a text or its recipient: the worker does.
//!
//! Each part of a text goes under an idempotency key of its own, so that the same part sent again within three hours is the
//! same text. It carries its mark as a tag as well, by which it is found after that time.

use std::collections::BTreeMap;
use std::sync::MutexGuard;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::domain::breaker::Breaker;
use crate::domain::budget::UserKey;
use crate::domain::lanes::Need;
use crate::domain::outgoing::{By, Part, Recipient};
use crate::domain::receipt::Mark;
use crate::domain::refusals::Object;
use crate::domain::retry::before;
use crate::ports::{Account, Carrier, Failure, Sent, Sought, Text};
use crate::vendors::bird::client::Bird;
use crate::vendors::bird::limits;
use crate::vendors::http::exchange::{Effect, Request};
use crate::vendors::http::headers;

/// The messages, to send and to list.
const MESSAGES: &str = "/v1/sms/messages";

/// The pairs of a sender and a recipient to whom Bird sends nothing.
const SUPPRESSIONS: &str = "/v1/sms/suppressions";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The tag, and the field of the metadata, that holds the mark of a text.
pub(super) const MARK: &str = "tandem";

/// The tag that all parts of one text share.
const DELIVERY: &str = "tandem_delivery";

/// The reason that Bird is told for texts: an answer to a customer.
const CATEGORY: &str = "service";

/// The most messages that one look asks for: more than a text has parts.
const LOOKED_AT: &str = "100";

/// How much further back a look goes than the text is old, because the two clocks may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(600);

/// A mark in the letters that a tag takes.
pub(super) fn spelled(mark: Mark) -> String {
    mark.to_string().replace('.', "-")
}

/// The mark that a tag spells.
pub(super) fn mark_of(tag: &str) -> Option<Mark> {
    tag.trim().replace('-', ".").parse().ok()
}

/// The value of a tag in the list of a message.
pub(super) fn tag<'a>(tags: &'a Value, name: &str) -> Option<&'a str> {
    tags.as_array()?.iter().find(|tag| tag["name"] == name)?["value"].as_str()
}

#[async_trait]
impl Carrier for Bird {
    fn takes_mappings(&self) -> bool {
        false
    }

    fn knows_by(&self) -> By {
        By::Phone
    }

    /// Sends one part. A key that came before with other words ends as [`Failure::IdempotencyMismatch`]: the part is out.
    async fn send(&self, text: &Text<'_>) -> Result<Sent, Failure> {
        let (to, part) = (number(text.to), text.part);
        let mark = spelled(Mark { id: part.id, part: part.number });
        let body = json!({
            "to": to,
            "from": text.line.or(self.sender.as_deref()),
            "text": text.words,
            "category": CATEGORY,
            "metadata": {MARK: mark, "ticket": text.ticket.map(|ticket| ticket.to_string())},
            "tags": [{"name": MARK, "value": mark}, {"name": DELIVERY, "value": part.id.to_string()}],
        });
        let mut request = Request::post(limits::SEND, Effect::Lasting, MESSAGES, &without_nulls(body))
            .about(Object::Recipient(UserKey::of(to)));
        if let Ok(key) = HeaderValue::from_str(&format!("tandem-reply/{mark}")) {
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
        let to = number(recipient);
        let request = Request::get(limits::READ, MESSAGES)
            .query("direction", "outbound")
            .query("tag", format!("{DELIVERY}:{}", sought.id))
            .query("to", to)
            .query("created_after", before(sought.since, CLOCKS_DIFFER).to_string())
            .query("limit", LOOKED_AT)
            .about(Object::Recipient(UserKey::of(to)));
        let taken = self.list(&request).await?.0;
        let marks = taken.iter().filter_map(|message| mark_of(tag(&message["tags"], MARK)?));
        let marks = marks.filter(|mark| mark.id == sought.id && mark.part <= sought.parts);
        let receipt = |mark: Mark| Part { id: mark.id, number: mark.part, of: sought.parts }.receipt();
        Ok(marks.map(|mark| (spelled(mark), receipt(mark))).collect())
    }

    /// Bird keeps no consent, only the pairs that it has suppressed.
    async fn takes_texts(&self, line: &str, recipient: &Recipient) -> Result<Option<bool>, Failure> {
        let to = number(recipient);
        let request = Request::get(limits::READ, SUPPRESSIONS)
            .query("destination", to)
            .query("originator", line)
            .about(Object::Recipient(UserKey::of(to)));
        let (suppressions, is_whole) = self.list(&request).await?;
        let is_between = |pair: &&Value| pair["destination"] == to && pair["originator"] == line;
        let is_out = suppressions.iter().filter(is_between).any(|pair| pair["blocking"] != false);
        Ok(if is_out { Some(false) } else { is_whole.then_some(true) })
    }

    async fn probe(&self, _form: &str) -> Result<(), Failure> {
        self.ask_whether_let_in().await.map(drop)
    }
}

impl Account for Bird {
    fn vendor(&self) -> &'static str {
        self.exchange.vendor
    }

    fn opens_for(&self, need: Need) -> Option<Timestamp> {
        self.exchange.opens_for(need)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.exchange.breaker()
    }
}

impl Bird {
    /// Asks for something small, to see whether the account is let in; gives the time of the answer by Bird's clock.
    ///
    /// # Errors
    /// As for every read.
    pub(super) async fn ask_whether_let_in(&self) -> Result<Option<Timestamp>, Failure> {
        let request = Request::get(limits::READ, MESSAGES).query("limit", "1").asking_whether_it_answers();
        self.call(&request).await.map(|(answer, _)| headers::date(&answer.headers))
    }

    /// One page of a list, and whether it is the whole of it.
    async fn list(&self, request: &Request) -> Result<(Vec<Value>, bool), Failure> {
        let (answer, mut json) = self.call(request).await?;
        match json["data"].take() {
            Value::Array(items) => Ok((items, json["next_cursor"].is_null())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                Err(self.exchange.unreadable(request, &answer, "no list"))
            }
        }
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
