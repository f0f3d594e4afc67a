//! Recorded samples beside a pack's file: requests, answers and webhooks of the vendor's, each with its meaning. A pack that does not
//! make the same of them is a fault of the configuration, so that `tandem check` proves it and no bridge starts with it.
//!
//! The samples hold no credential that opens anything: their secrets are made up.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Fate;
use super::error_phrases::Known;
use super::plan::{Plan, names};
use super::signature::Terms;
use super::source::Webhooks;
use crate::domain::account::{AccountId, Ends};
use crate::domain::event::{DedupeKey, EventKind};
use crate::domain::inbound::{Door, Endpoint};
use crate::domain::line::{Forms, Line, Lines};
use crate::domain::receipt::Reported;
use crate::intake::{Batch, Intake, RawWebhook, Source as _, read};

/// The word for a customer's text.
const TEXT: &str = "text";

/// How far the time of a sample's signature may be from the time of the sample.
const TOLERANCE: Duration = Duration::from_secs(300);

/// The file of samples.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Samples {
    #[serde(default)]
    call: Vec<Call>,
    #[serde(default)]
    answer: Vec<Answer>,
    #[serde(default)]
    webhook: Vec<Webhook>,
}

/// The call that a text makes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    account_id: Option<String>,
    key_id: Option<String>,
    webhook_url: Option<String>,
    to: String,
    from: String,
    text: String,
    #[serde(default)]
    mark: String,
    path: String,
    /// The body: JSON in any order of its names, or a form in any order of its fields.
    body: String,
}

/// An answer to a call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    name: String,
    status: u16,
    body: String,
    /// One of [`Fate::WORDS`].
    is: String,
    id: Option<String>,
}

/// A webhook, whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    name: String,
    secret: String,
    webhook_url: Option<String>,
    /// When it came; now does not matter.
    at: Timestamp,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    /// `text`, `sent`, `delivered`, `read`, `failed`, `ignored`, `unreadable`, or `refused`.
    is: String,
    from: Option<String>,
    to: Option<String>,
    words: Option<String>,
    media: Option<Vec<String>>,
    id: Option<String>,
    code: Option<String>,
}

/// Proves a pack by the text of its samples; gives how many there are.
///
/// # Errors
/// The samples of which the pack makes something else.
pub(super) fn prove(plan: &Arc<Plan>, text: &str) -> Result<usize, Vec<String>> {
    let samples: Samples = toml::from_str(text).map_err(|error| vec![error.to_string().replace('\n', " ")])?;
    let calls = samples.call.iter().filter_map(|call| call.fault(plan));
    let answers = samples.answer.iter().filter_map(|answer| answer.fault(plan));
    let webhooks = samples.webhook.iter().filter_map(|webhook| webhook.fault(plan));
    let faults: Vec<String> = calls.chain(answers).chain(webhooks).collect();
    let count = samples.call.len() + samples.answer.len() + samples.webhook.len();
    if faults.is_empty() { Ok(count) } else { Err(faults) }
}

/// A fault where the pack makes something else of a sample than it says.
fn differs(name: &str, what: &str, made: &str, wanted: &str) -> Option<String> {
    (made != wanted).then(|| format!("the sample {name:?} makes {what} {made:?}, and it says {wanted:?}"))
}

impl Call {
    fn fault(&self, plan: &Plan) -> Option<String> {
        let of_account = [&self.account_id, &self.key_id, &self.webhook_url].map(|value| value.as_deref());
        let made = plan.call(&names([&self.to, &self.from, &self.text, &self.mark, ""], of_account));
        match made {
            Err(what) => Some(format!("the sample {:?} makes no call: {what}", self.name)),
            Ok(made) => differs(&self.name, "the path", &made.path, &self.path).or_else(|| {
                let is_one = fields(&made.body) == fields(&self.body);
                (!is_one).then(|| {
                    format!("the sample {:?} makes the body {:?}, and it says {:?}", self.name, made.body, self.body)
                })
            }),
        }
    }
}

/// The fields of a body, in any order.
fn fields(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| {
        let mut fields: Vec<(String, String)> = form_urlencoded::parse(body.trim().as_bytes()).into_owned().collect();
        fields.sort();
        json!(fields)
    })
}

impl Answer {
    fn fault(&self, plan: &Plan) -> Option<String> {
        let json: Option<Value> = serde_json::from_str(&self.body).ok();
        let rules = &plan.file.answer;
        let code = json.as_ref().zip(rules.code.as_ref()).and_then(|(json, at)| at.word(json));
        let known = code.and_then(|code| Known::of(&plan.file.codes, &code));
        let fate = Fate::of(&plan.file, self.status, known);
        let id = json.filter(|_| fate == Fate::Sent).and_then(|json| rules.id.word(&json)).unwrap_or_default();
        differs(&self.name, "the text", fate.word(), &self.is)
            .or_else(|| differs(&self.name, "the id", &id, self.id.as_deref().unwrap_or_default()))
    }
}

impl Webhook {
    fn fault(&self, plan: &Arc<Plan>) -> Option<String> {
        if self.is == TEXT && self.to.is_none() && plan.file.webhook.text.line.is_some() {
            return Some(format!(
                "the sample {:?} is a text without `to`; add the number that it came to, which the pack has to find",
                self.name
            ));
        }
        let (made, told) = self.read(plan);
        let wanted = json!({"from": self.from, "to": self.to, "words": self.words, "media": self.media, "id": self.id,
            "code": self.code});
        let why = told["why"].as_str().map_or(String::new(), |why| format!(" ({why})"));
        differs(&self.name, "an event that is", made, &self.is).map(|fault| fault + &why).or_else(|| {
            let told =
                |field: &str| (!wanted[field].is_null()).then(|| (told[field].to_string(), wanted[field].to_string()));
            ["from", "to", "words", "media", "id", "code"]
                .into_iter()
                .find_map(|field| told(field).and_then(|(told, wanted)| differs(&self.name, field, &told, &wanted)))
        })
    }

    /// The kind of event that the pack makes of it, and its parts.
    fn read(&self, plan: &Arc<Plan>) -> (&'static str, Value) {
        let carrier = Ends::FIRST.carrier;
        let headers: Option<HeaderMap> = self.headers.iter().map(pair).collect();
        let terms = Arc::new(Terms {
            plan: Arc::clone(plan),
            secrets: vec![SecretString::from(self.secret.as_str())],
            tolerance: TOLERANCE,
            webhook_url: self.webhook_url.clone(),
        });
        // A line of the sample's number, so that a text tells the number that the pack has found.
        let of_sample =
            |to: &String| Line { address: Some(to.clone()), ..Line::default_of(Ends::FIRST, Forms::default()) };
        let lines = Lines::new(self.to.iter().map(of_sample).collect());
        let source = Webhooks { carrier, sender: String::new(), lines, terms, told: None };
        let webhook = self.raw(carrier, headers.unwrap_or_default());
        let credential = match source.admit(Door::Carrier, &webhook.headers) {
            Ok(credential) => credential,
            Err(why) => return ("refused", json!({"why": why.name()})),
        };
        match read(&webhook, &credential, &source) {
            Intake::Refused { why } => ("refused", json!({"why": why.name()})),
            Intake::Ignored { .. } => ("ignored", Value::Null),
            Intake::Quarantined { cause, .. } => ("unreadable", json!({"why": cause})),
            Intake::Reports(Batch { ours, others, .. }) => {
                let report = ours.last().or(others.last());
                report.map_or(("ignored", Value::Null), |report| {
                    let code = match &report.what {
                        Reported::Failed(why) => why.said.clone().or_else(|| why.code.clone()),
                        Reported::Sent { .. }
                        | Reported::Delivered
                        | Reported::Read
                        | Reported::HeldBack(_)
                        | Reported::Wrote(_)
                        | Reported::Unsubscribed
                        | Reported::Resubscribed
                        | Reported::TalkMoved { .. }
                        | Reported::TalkOver => None,
                    };
                    let told =
                        json!({"from": report.line, "to": report.customer.phone, "id": report.dispatch, "code": code});
                    (report.what.name(), told)
                })
            }
            Intake::Event { event, dedupe } => match event.kind {
                EventKind::CustomerText(text) => {
                    let id = dedupe.iter().find_map(|key| {
                        if let DedupeKey::CarrierReport(key) = key { key.strip_prefix("text:") } else { None }
                    });
                    let told = json!({"from": text.customer.phone, "to": text.line, "words": text.text, "media": text.media, "id": id});
                    (TEXT, told)
                }
                EventKind::AgentReply(_)
                | EventKind::PhoneText(_)
                | EventKind::Template(_)
                | EventKind::TicketSolved(_)
                | EventKind::TicketReopened(_)
                | EventKind::Note(_)
                | EventKind::Unreadable(_) => ("unreadable", Value::Null),
            },
        }
    }

    fn raw(&self, account: AccountId, headers: HeaderMap) -> RawWebhook {
        RawWebhook {
            endpoint: Endpoint { door: Door::Carrier, account },
            method: Method::POST,
            uri: http::Uri::from_static("/"),
            headers,
            body: bytes::Bytes::from(self.body.clone()),
            received_at: self.at,
        }
    }
}

fn pair((name, value): (&String, &String)) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
}
