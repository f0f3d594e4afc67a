//! A pack as a carrier of text messages. Never chooses a text, its recipient or its channel: the worker does.
//!
//! A vendor of a pack has no list that could be searched for the bridge's mark. So a text whose answer was lost is sent again
//! only under an idempotency key that the vendor knows for longer than the bridge tries, and as long as it knows that key; any other
//! is unconfirmed, until a report with its mark or an operator tells.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use jiff::Timestamp;
use serde_json::Value;

use super::call::Call;
use super::client::Packed;
use super::limits;
use super::plan::{has_query, names};
use crate::domain::budget::UserKey;
use crate::domain::line::Channel;
use crate::domain::outgoing::Recipient;
use crate::domain::receipt::Mark;
use crate::domain::refusals::Object;
use crate::ports::{CameIn, Carrier, Failure, Look, Sent, Sought, Text};
use crate::vendors::http::exchange::{Effect, Request};
use crate::vendors::http::headers;

#[async_trait]
impl Carrier for Packed {
    fn takes_mappings(&self) -> bool {
        false
    }

    async fn send(&self, text: &Text<'_>) -> Result<Sent, Failure> {
        if text.channel != Channel::Sms {
            return Err(Failure::GiveUp { cause: format!("{} carries text messages alone", self.options.plan.title) });
        }
        if self.is_key_forgotten(text.doubted_since) {
            let cause =
                format!("an earlier try is older than the time for which {} knows its key", self.options.plan.title);
            return Err(Failure::Lose { cause });
        }
        let (to, mark) = (number(text.to), spelled(Mark { id: text.part.id, part: text.part.number }));
        let ticket = text.ticket.map(|ticket| ticket.to_string()).unwrap_or_default();
        let names = self.names([to, text.line.unwrap_or(&self.options.sender), text.words, &mark, &ticket]);
        let request = self.request(&names)?.about(Object::Recipient(UserKey::of(to)));
        let sent = self.call(&request, &names).await;
        match sent {
            // The same key is the same text.
            Err(Failure::Lose { cause } | Failure::Broke { cause, .. }) if self.options.plan.repeats_safely() => {
                Err(Failure::Retry { cause, after: None })
            }
            other => other,
        }
    }

    /// A pack has no list to look in.
    async fn receipts(&self, _recipient: &Recipient, _sought: &Sought) -> Result<BTreeMap<String, String>, Failure> {
        let cause = format!("{} has no list of texts that tandem could ask; compare its log", self.options.plan.title);
        Err(Failure::GiveUp { cause })
    }

    async fn takes_texts(&self, _line: &str, _: Channel, _recipient: &Recipient) -> Result<Option<bool>, Failure> {
        Ok(None)
    }

    async fn texts_since(&self, _look: &Look<'_>) -> Result<Option<CameIn>, Failure> {
        Ok(None)
    }

    async fn probe(&self, _form: &str) -> Result<(), Failure> {
        self.ask_whether_let_in().await.map(drop)
    }
}

impl Packed {
    /// Asks for something small, to see whether the account is let in; gives the time of the answer by the vendor's clock. Without
    /// a probe in the pack, any answer at all is good.
    ///
    /// # Errors
    /// As for every read.
    pub(super) async fn ask_whether_let_in(&self) -> Result<Option<Timestamp>, Failure> {
        let names = self.names(["", "", "", "", ""]);
        let path = self.options.plan.probe(&names).map_err(|what| self.of_template(&what))?;
        let (is_probe, path) = (path.is_some(), path.unwrap_or_else(|| "/".to_owned()));
        let has_query = self.options.plan.file.probe.as_ref().is_some_and(|probe| has_query(&probe.path));
        let request = asked(&path, has_query, |path| Request::get(limits::READ, path)).asking_whether_it_answers();
        let request = self.signed(request, "GET", b"")?;
        let answer = self.exchange.ask(&request, None).await?;
        if answer.status.is_success() || !is_probe {
            return Ok(headers::date(&answer.headers));
        }
        self.exchange.hear(&request, &answer);
        Err(self.failure(&request, &answer, &names))
    }

    /// Whether the vendor may know the key no more under which an attempt in doubt was made, so that the same text would be another.
    fn is_key_forgotten(&self, doubted_since: Option<Timestamp>) -> bool {
        let plan = &self.options.plan;
        let key = plan.file.send.idempotency.as_ref().filter(|_| plan.repeats_safely());
        let age = doubted_since.map(|since| self.exchange.clock.now().duration_since(since));
        key.zip(age).is_some_and(|(key, age)| age.as_hours() >= i64::from(key.hours.saturating_sub(1)))
    }

    fn names(&self, values: [&str; 5]) -> Value {
        let options = &self.options;
        names(values, [&options.account_id, &options.key_id, &options.webhook_url].map(|value| value.as_deref()))
    }

    fn request(&self, names: &Value) -> Result<Request, Failure> {
        let Call { path, headers, kind, body } =
            self.options.plan.call(names).map_err(|what| self.of_template(&what))?;
        let body = Bytes::from(body);
        let kind = HeaderValue::from_static(kind);
        let has_query = has_query(&self.options.plan.file.send.path);
        let request = asked(&path, has_query, |path| Request::post_bytes(limits::SEND, path, kind, body.clone()));
        let mut request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.effect = Effect::Lasting;
        self.signed(request, "POST", &body)
    }

    async fn call(&self, request: &Request, names: &Value) -> Result<Sent, Failure> {
        let answered = self.exchange.object(request, None, |answer| self.failure(request, answer, names)).await;
        let (mut answer, json) = answered?;
        if self.is_refused(&json) {
            answer.json = Some(json);
            return Err(self.failure(request, &answer, names));
        }
        match self.options.plan.file.answer.id.word(&json) {
            Some(id) => Ok(Sent { dispatch: Some(id) }),
            None => Err(self.exchange.unreadable(request, &answer, "no id")),
        }
    }
}

/// A mark in the letters that most vendors take.
fn spelled(mark: Mark) -> String {
    mark.to_string().replace('.', "-")
}

/// The customer's number, as the vendor named it.
fn number(recipient: &Recipient) -> &str {
    match recipient {
        Recipient::External(id) | Recipient::OfCarrier(id) => id,
    }
}

/// The request of a path, with the fields of the query that its template has written behind it.
fn asked(path: &str, has_query: bool, request: impl FnOnce(String) -> Request) -> Request {
    let (path, query) = path.split_once('?').filter(|_| has_query).unwrap_or((path, ""));
    let fields = form_urlencoded::parse(query.as_bytes());
    fields.fold(request(path.to_owned()), |request, (name, value)| request.query(name.into_owned(), value))
}
