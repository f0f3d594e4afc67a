//! One exchange with a vendor: ask the budget, send once, learn from the answer's headers, and sort the answer.
//!
//! The meanings of a status that all vendors share stand here; each vendor's own stand in its module. Never sends a
//! request twice, and never waits: a call whose budget is spent ends with the time to ask again.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use url::{Position, Url};

use crate::clock::Clock;
use crate::domain::answer::{self, BODY_BYTES_MAX};
use crate::domain::breaker::Breaker;
use crate::domain::budget::{Budgets, Call, Level, Limits, Permit, Reached, Told};
use crate::domain::cause;
use crate::domain::lanes::{Gates, Need};
use crate::domain::refusals::Object;
use crate::domain::retry::later;
use crate::ports::{Account, Failure};
use crate::vendors::http::{Held, Personal, Reach, Transport, TransportError, attempt, error_phrases, headers};

/// The delay of a call whose vendor does not answer: the longest interval between two probes of the vendor.
const UNANSWERED_FOR: Duration = Duration::from_secs(30);

/// The delay of a call whose vendor the operator has paused. Few calls meet a pause: those in the middle of their
/// claim, and those that wait in the other vendor's lane.
const HELD_FOR: Duration = Duration::from_secs(60);

/// The effect of a request whose answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// No visible effect: a read, a token, an upload that no comment uses.
    None,
    /// An effect that must not happen twice.
    Lasting,
}

/// The bytes of an answer's body that are read for the operator: more than is kept, because parts may be taken out.
const OPENING_BYTES: usize = 4 * BODY_BYTES_MAX;

/// The text that replaces tandem's credential where a vendor repeats it.
const CREDENTIAL: &str = "[the credential]";

/// A request to be made.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) call: Call,
    pub(crate) effect: Effect,
    /// The object that a refusal of this request may be about.
    about: Object,
    /// Whether it is made also while the vendor is known not to answer, to find out whether it answers again.
    asks_whether_it_answers: bool,
    method: Method,
    path: String,
    query: Vec<(Cow<'static, str>, String)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Request {
    pub(crate) fn get(call: Call, path: impl Into<String>) -> Self {
        Self {
            call,
            effect: Effect::None,
            about: Object::Other(UNNAMED),
            asks_whether_it_answers: false,
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn post(call: Call, effect: Effect, path: impl Into<String>, body: &Value) -> Self {
        Self { effect, method: Method::POST, ..Self::get(call, path) }.json(body)
    }

    pub(crate) fn put(call: Call, effect: Effect, path: impl Into<String>, body: &Value) -> Self {
        Self { effect, method: Method::PUT, ..Self::get(call, path) }.json(body)
    }

    /// A lasting change by this method, with or without a body.
    pub(crate) fn write(call: Call, method: Method, path: &str, body: Option<&Value>) -> Self {
        let request = Self { effect: Effect::Lasting, method, ..Self::get(call, path) };
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// Posts bytes as they are.
    pub(crate) fn post_bytes(call: Call, path: impl Into<String>, content_type: HeaderValue, body: Bytes) -> Self {
        let request = Self { method: Method::POST, body, ..Self::get(call, path) };
        request.header(CONTENT_TYPE, content_type)
    }

    /// Sets the object that a refusal of this request may be about.
    pub(crate) fn about(self, about: Object) -> Self {
        Self { about, ..self }
    }

    /// The same request, made also while the vendor is known not to answer or its budget is spent.
    pub(crate) fn asking_whether_it_answers(self) -> Self {
        Self { asks_whether_it_answers: true, ..self }
    }

    /// The campaign that the request names.
    pub(crate) fn campaign(&self) -> Option<String> {
        let asked = self.query.iter().find(|(name, _)| name == "campaign_id").map(|(_, id)| id.clone());
        let body = || serde_json::from_slice::<Value>(&self.body).ok()?["campaign_id"].as_str().map(str::to_owned);
        asked.or_else(body)
    }

    /// The data that no cause about this request may hold: every value in it, and the customer's data of the attempt at
    /// hand.
    pub(crate) fn personal(&self) -> Personal {
        let mut personal = attempt::personal();
        // A segment without a digit is a word of the vendor's API.
        let ids = self.path.split('/').filter(|segment| segment.contains(|c: char| c.is_ascii_digit()));
        ids.chain(self.query.iter().map(|(_, value)| value.as_str())).for_each(|value| personal.add(value));
        if let Ok(body) = serde_json::from_slice(&self.body) {
            personal.add_json(&body);
        }
        personal
    }

    pub(crate) fn query(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The credential among the headers, where it is not in `Authorization`.
    fn credential(&self) -> Option<HeaderValue> {
        self.headers.iter().map(|(_, value)| value).find(|value| value.is_sensitive()).cloned()
    }

    fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into();
        self.header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }
}

/// A whole answer of any status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body, where it is JSON.
    pub(crate) json: Option<Value>,
    /// The first [`OPENING_BYTES`] of the body.
    opening: Vec<u8>,
    /// The length of the body.
    length: usize,
    /// The credential that was presented.
    presented: Option<HeaderValue>,
}

/// A client whose calls all go through one exchange, and are an account's for it.
pub(crate) trait Exchanging: Send + Sync {
    /// Its exchange.
    fn exchange(&self) -> &Exchange;
}

impl<C: Exchanging> Account for C {
    fn vendor(&self) -> &'static str {
        self.exchange().vendor
    }

    fn gates(&self, needs: &[Need], most: usize) -> Gates {
        self.exchange().gates(needs, most)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.exchange().breaker()
    }
}

/// One vendor's side of every exchange.
pub(crate) struct Exchange {
    pub(crate) vendor: &'static str,
    pub(crate) base: Url,
    pub(crate) transport: Arc<dyn Transport>,
    /// The budgets of this account alone.
    pub(crate) budgets: Arc<Mutex<Budgets>>,
    /// Reads the vendor's limits from the headers of an answer.
    pub(crate) told: fn(&HeaderMap, Call, Timestamp) -> Vec<Told>,
    pub(crate) breaker: Mutex<Breaker>,
    pub(crate) clock: Clock,
    /// Whether the clock learns from the vendor's `Date`.
    pub(crate) tells_time: bool,
    /// Whether the operator has paused the vendor; `None` where a pause is not possible.
    pub(crate) held: Option<Held>,
}

impl Exchange {
    /// An exchange with budgets of its own, whose vendor's `Date` is not listened to.
    pub(crate) fn new(
        vendor: &'static str,
        base: Url,
        reach: Reach,
        limits: &'static Limits,
        told: fn(&HeaderMap, Call, Timestamp) -> Vec<Told>,
    ) -> Self {
        let Reach { transport, clock, held } = reach;
        let budgets = Arc::new(Mutex::new(Budgets::new(limits)));
        Self { vendor, base, transport, budgets, told, breaker: Mutex::default(), clock, tells_time: false, held }
    }

    /// Makes the call once and returns a success with its JSON object. `failure` is the meaning of every other status.
    pub(crate) async fn object(
        &self,
        request: &Request,
        authorization: impl Into<Option<HeaderValue>>,
        failure: impl FnOnce(&Answer) -> Failure,
    ) -> Result<(Answer, Value), Failure> {
        let mut answer = self.ask(request, authorization).await?;
        if !answer.status.is_success() {
            self.hear(request, &answer);
            return Err(failure(&answer));
        }
        match answer.json.take() {
            Some(json) if json.is_object() => Ok((answer, json)),
            _ => Err(self.unreadable(request, &answer, "no JSON object")),
        }
    }

    /// Makes the call once, if the budget allows it now, and returns the answer of any status.
    pub(crate) async fn ask(
        &self,
        request: &Request,
        authorization: impl Into<Option<HeaderValue>>,
    ) -> Result<Answer, Failure> {
        let asked_at = self.clock.now();
        if !request.asks_whether_it_answers && self.breaker().is_open() {
            let cause = format!("{} cannot be reached", self.vendor);
            return Err(Failure::Postpone { cause, until: later(asked_at, UNANSWERED_FOR), for_budget: false });
        }
        let permit = self.take(request.call, asked_at);
        if let Permit::At(until, limit) = permit
            && !request.asks_whether_it_answers
        {
            return Err(Failure::Postpone { cause: limit.said(self.vendor), until, for_budget: true });
        }
        let answer = self.send(request, authorization.into()).await?;
        let now = self.clock.now();
        let mut budgets = self.budgets();
        for told in (self.told)(&answer.headers, request.call, now) {
            budgets.learn(&told, now);
        }
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            let wait = headers::hint(&answer.headers, true, now);
            budgets.refused(request.call, wait.and_then(|wait| now.saturating_add(wait).ok()), now);
        }
        drop(budgets);
        Ok(answer)
    }

    /// Asks the budget for a call of the attempt at hand.
    fn take(&self, call: Call, now: Timestamp) -> Permit {
        let mut budgets = self.budgets();
        let permit = budgets.take(call, now);
        attempt::counted(|need| budgets.pools_of(call, need));
        permit
    }

    /// The vendor's breaker, locked. A poisoned lock holds a whole value.
    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much work with each of these needs the vendor's rate budget lets begin now, for `most` heads at most.
    pub(crate) fn gates(&self, needs: &[Need], most: usize) -> Gates {
        self.budgets().gates(needs, most, self.clock.now())
    }

    /// Takes in a limit that no header told.
    pub(crate) fn learn(&self, told: &Told) {
        self.budgets().learn(told, self.clock.now());
    }

    /// Whether little is left of the vendor's rate budget.
    pub(crate) fn is_budget_low(&self) -> bool {
        self.budgets().is_low(self.clock.now())
    }

    /// The calls left under each of the vendor's limits.
    pub(crate) fn levels(&self) -> Vec<Level> {
        self.budgets().levels(self.clock.now())
    }

    /// The limits that hold calls back now.
    pub(crate) fn reached(&self) -> Vec<Reached> {
        self.budgets().reached(self.clock.now())
    }

    /// Makes the call once, without regard to budgets. Every call goes through here, and none while the vendor is
    /// paused.
    pub(crate) async fn send(&self, request: &Request, authorization: Option<HeaderValue>) -> Result<Answer, Failure> {
        if self.held.as_ref().is_some_and(|held| held()) {
            let cause = format!("{} is paused by the operator", self.vendor);
            return Err(Failure::Postpone { cause, until: later(self.clock.now(), HELD_FOR), for_budget: false });
        }
        let message = self.message(request, authorization.as_ref())?;
        let response = self.transport.send(message).await;
        let now = self.clock.now();
        match &response {
            Ok(_) => self.breaker().answered(now),
            Err(_) => self.breaker().unanswered(now),
        }
        let response = response.map_err(|error| match error {
            TransportError::NotSent { cause } => {
                Failure::Retry { cause: format!("{} could not be reached: {cause}", self.vendor), after: None }
            }
            TransportError::TooLong if request.effect == Effect::None => {
                Failure::TooLong { cause: format!("{} gave an answer that is longer than 4 MiB", self.vendor) }
            }
            TransportError::TooLong => self.uncertain(request.effect, &format!("gave no whole answer: {error}")),
            TransportError::Lost { cause } => self.uncertain(request.effect, &format!("gave no whole answer: {cause}")),
        })?;
        let (head, body) = response.into_parts();
        if let Some(date) = headers::date(&head.headers).filter(|_| self.tells_time) {
            self.clock.heard(date);
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            json: serde_json::from_slice(&body).ok(),
            opening: body.get(..OPENING_BYTES).unwrap_or(&body).to_vec(),
            length: body.len(),
            presented: authorization.or_else(|| request.credential()),
        })
    }

    /// Keeps an answer that is a refusal or unusable in the attempt at hand.
    pub(crate) fn hear(&self, request: &Request, answer: &Answer) {
        let content_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let call = format!("{} {}", request.method, request.path);
        let (at, status) = (self.clock.now(), answer.status.as_u16());
        let length = u64::try_from(answer.length).unwrap_or(u64::MAX);
        attempt::hear(answer::Answer::new(at, &call, status, content_type, &answer.without_credential(), length));
    }

    /// The failure for a status to which the vendor gives no meaning of its own. `said` is the part of the vendor's
    /// words that a cause may repeat.
    pub(crate) fn failure(&self, request: &Request, answer: &Answer, said: &str) -> Failure {
        let status = answer.status.as_u16();
        let cause = error_phrases::cause(self.vendor, status, said);
        let effect = request.effect;
        match status {
            // Redirects are never followed, because they would carry the credentials to another host. Most likely the
            // configured address is not the vendor's API.
            300..=399 => {
                let cause = format!("{cause}, a redirect: is the address right?");
                Failure::Forbid { cause, status, object: request.about.clone() }
            }
            401 => Failure::Pause { cause, status },
            403 => self.forbidden(request, status, cause),
            // 408 and 425 refuse before reading, 423 and 409 (database collisions at Zendesk) before writing.
            408 | 409 | 423 | 425 | 429 => {
                let after = headers::hint(&answer.headers, status == 429, self.clock.now());
                Failure::Retry { cause, after }
            }
            400..=499 => Failure::GiveUp { cause },
            // A gateway gave up waiting for a machine that had the request. The 52x come from the network in front of
            // Zendesk.
            504 | 520 | 522 | 524 => match effect {
                Effect::None => Failure::Retry { cause, after: self.hint(answer) },
                Effect::Lasting => Failure::Lose { cause },
            },
            500..=599 => match effect {
                Effect::None => Failure::Retry { cause, after: self.hint(answer) },
                Effect::Lasting => Failure::Broke { cause, after: self.hint(answer) },
            },
            _ => self.unreadable(request, answer, "an answer that nobody expects"),
        }
    }

    /// The refusal of the request's object, which may be one of the bridge as a whole.
    pub(crate) fn forbidden(&self, request: &Request, status: u16, cause: String) -> Failure {
        let object = request.about.clone();
        let cause = if object == Object::Other(UNNAMED) { cause } else { format!("{cause} for {object}") };
        Failure::Forbid { cause, status, object }
    }

    /// The failure for an unreadable success: a lasting effect may have happened.
    pub(crate) fn unreadable(&self, request: &Request, answer: &Answer, what: &str) -> Failure {
        self.hear(request, answer);
        self.uncertain(request.effect, &format!("answered {} with {what}", answer.status.as_u16()))
    }

    fn uncertain(&self, effect: Effect, what: &str) -> Failure {
        let cause = format!("{} {what}", self.vendor);
        match effect {
            Effect::None => Failure::Retry { cause, after: None },
            Effect::Lasting => Failure::Lose { cause },
        }
    }

    /// The delay that the vendor asks for.
    pub(crate) fn hint(&self, answer: &Answer) -> Option<std::time::Duration> {
        headers::hint(&answer.headers, false, self.clock.now())
    }

    /// A poisoned lock holds budgets that are still usable.
    fn budgets(&self) -> MutexGuard<'_, Budgets> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of a request with the query behind it, to the letter as it is sent.
    pub(crate) fn target(&self, request: &Request) -> String {
        self.address(request)[Position::BeforePath..].to_owned()
    }

    fn address(&self, request: &Request) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), request.path));
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        url
    }

    fn message(&self, request: &Request, authorization: Option<&HeaderValue>) -> Result<http::Request<Bytes>, Failure> {
        let url = self.address(request);
        let unusable = |_| Failure::GiveUp { cause: format!("the address of {} {}", self.vendor, cause::UNUSABLE) };
        let mut message = http::Request::new(request.body.clone());
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = url.as_str().parse().map_err(unusable)?;
        message.headers_mut().extend(request.headers.iter().cloned());
        message.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = authorization {
            message.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        Ok(message)
    }
}

impl Answer {
    /// The opening of the body without the credential, because Braze repeats a key that it does not know.
    fn without_credential(&self) -> String {
        let opening = String::from_utf8_lossy(&self.opening);
        let presented = self.presented.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let credential = presented.split_once(' ').map_or(presented, |(_, credential)| credential);
        if credential.is_empty() {
            return opening.into_owned();
        }
        let mut clean = opening.replace(credential, CREDENTIAL);
        if self.length > self.opening.len() {
            // The opening may end within the credential.
            let end = clean.len().saturating_sub(credential.len());
            clean.truncate((0..=end).rev().find(|at| clean.is_char_boundary(*at)).unwrap_or_default());
        }
        clean
    }
}

/// The object of a call without one. A cause does not name it.
const UNNAMED: &str = "this call";

/// An `Authorization` header that no debug output shows. `None` when the credential holds a character that no header
/// may.
pub(crate) fn secret_header(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
