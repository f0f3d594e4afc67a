//! The source of a pack's webhooks. A body is a customer's text, or the report of a text: one with a state in it.
//!
//! Events come in any order and more than once, so that a text is told by the vendor's id of it. A state that the pack does not
//! name is passed over and told to the operator, where no words or files stand beside it; a text without its sender or its number is
//! unreadable, because nothing here is guessed.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::Value;

use super::error_phrases::Known;
use super::file::{RefuseWith, Status, Text, Webhook};
use super::parts::{Encoding, Pointer};
use super::signature::{self, Terms};
use super::states::States;
use crate::domain::account::AccountId;
use crate::domain::conversation::Keyword;
use crate::domain::event::{Customer, CustomerText, DedupeKey, EventKind, TicketFields};
use crate::domain::inbound::Door;
use crate::domain::line::{Channel, Lines, is_one_line};
use crate::domain::phone;
use crate::domain::receipt::{Failure, Mark, Report, Reported};
use crate::intake::fields;
use crate::intake::{Batch, Credential, Posted, Reading, Refusal, Source, Stop, form};

/// An event that the bridge makes no use of.
const NOT_USED: &str = "not used";

/// A state that the pack does not name.
pub(super) const UNKNOWN_STATE: &str = "unknown state";

/// The words of a text that holds neither words nor files.
const NOTHING: &str = "[The customer sent something that is not passed on. Ask for it in words.]";

/// The webhooks of one account.
pub struct Webhooks {
    /// The account.
    pub carrier: AccountId,
    /// The sender of the line without an address, which takes the texts to this number.
    pub sender: String,
    /// The lines.
    pub lines: Lines,
    /// The terms on which a signature counts, and the pack.
    pub terms: Arc<Terms>,
    /// The states that were told to the operator.
    pub told: Option<States>,
}

impl Source for Webhooks {
    fn admit(&self, _door: Door, headers: &HeaderMap) -> Result<Credential, Refusal> {
        signature::admit(headers, &self.terms)
    }

    fn asks_again(&self) -> bool {
        self.terms.plan.file.webhook.refuse_with == RefuseWith::Unavailable
    }

    fn read(&self, posted: &Posted<'_>) -> Reading {
        match posted.door {
            Door::Carrier => self.event(posted).unwrap_or_else(|stop| Err(stop).into()),
            Door::Desk | Door::RecipeSend | Door::RecipeNewTicket | Door::RecipeAppend | Door::Reports => {
                Reading::unreadable("this carrier posts nothing there")
            }
        }
    }
}

impl Webhooks {
    fn event(&self, posted: &Posted<'_>) -> Result<Reading, Stop> {
        let webhook = &self.terms.plan.file.webhook;
        let body = Value::Object(match webhook.encoding {
            Encoding::Json => fields::object(posted.verified.body())?,
            Encoding::Form => form::parse(posted.verified.body(), "")?,
        });
        let Text { id, sender, words, media, .. } = &webhook.text;
        let state = webhook.status.as_ref().and_then(|status| Some((status, status.state.word(&body)?)));
        if let Some((status, state)) = state {
            // A vendor may write a state beside a text as well.
            let is_text = words.iter().chain(media).any(|at| !at.all(&body).is_empty());
            if status.names(&state) || !is_text {
                return Err(self.reports(status, &state, &body, posted)?);
            }
        }
        if [id, sender].into_iter().chain(words).all(|at| at.of(&body).is_none()) {
            return Err(Stop::Ignored(NOT_USED));
        }
        let id = id.id(&body)?.ok_or_else(|| Stop::Unreadable(format!("`{}` names no message", id.written())))?;
        let text = text(webhook, &body)?;
        if text.customer.phone.as_deref().is_some_and(|from| self.is_ours(from)) {
            return Err(Stop::Ignored(NOT_USED));
        }
        let text = self.on_its_line(text);
        Ok(Reading {
            dedupe: vec![DedupeKey::CarrierReport(format!("text:{id}"))],
            outcome: text.map(EventKind::CustomerText),
        })
    }

    /// The reports of a state.
    fn reports(&self, status: &Status, state: &str, body: &Value, posted: &Posted<'_>) -> Result<Stop, Stop> {
        let is = |words: &[String]| is_among(words, state);
        let code = status.code.as_ref().and_then(|at| at.word(body));
        let reported = match () {
            () if is(&status.delivered) => Some(Reported::Delivered),
            () if is(&status.read) => Some(Reported::Read),
            () if is(&status.failed) => Some(Reported::Failed(self.failure(state, code))),
            () if is(&status.sent) => None,
            () if is(&status.ignored) => return Ok(Stop::Ignored(NOT_USED)),
            () => {
                if let Some(told) = &self.told {
                    told.tell(self.carrier, status.state.written(), state);
                }
                return Ok(Stop::Ignored(UNKNOWN_STATE));
            }
        };
        let at = &status.id;
        let id = at.id(body)?.ok_or_else(|| Stop::Unreadable(format!("`{}` names no message", at.written())))?;
        let customer = status.recipient.as_ref().map(|at| self.person(at, body)).transpose()?.flatten();
        let mark = status.mark.as_ref().and_then(|at| mark_of(&at.word(body)?));
        let line = status.line.as_ref().and_then(|at| self.line(at, body));
        let report = |id: String, dispatch: &str, what| Report {
            id,
            at: posted.at,
            customer: customer.clone().unwrap_or_default(),
            campaign: None,
            dispatch: Some(dispatch.to_owned()),
            line: line.clone(),
            carrier: self.carrier,
            what,
        };
        let own = format!("{}:{id}", state.to_ascii_lowercase());
        // Only the report of a send binds by its mark, and that of an earlier state may be lost or come later.
        let sent = mark.map(|mark| report(format!("{own}:sent"), &id, Reported::Sent { mark: Some(mark) }));
        let told: Vec<Report> = sent.into_iter().chain(reported.map(|what| report(own, &id, what))).collect();
        if told.is_empty() {
            return Ok(Stop::Ignored(NOT_USED));
        }
        // Without marks only the id tells whose text it is, and the answer that brings the id may still be on its way.
        Ok(Stop::Reports(match (mark, &status.mark) {
            (Some(_), _) | (None, None) => Batch { ours: told, ..Batch::default() },
            (None, Some(_)) => Batch { others: told, ..Batch::default() },
        }))
    }

    /// Why a text did not arrive: the word that other carriers have for a known code, with the vendor's own code beside it.
    fn failure(&self, state: &str, code: Option<String>) -> Failure {
        let code = code.filter(|code| is_code(code));
        let known = code.as_deref().and_then(|code| Known::of(&self.terms.plan.file.codes, code)?.reported());
        match known {
            Some(known) => Failure { code: Some(known.to_owned()), said: code, falls_back: false },
            None => Failure { code: code.or_else(|| Some(state.to_ascii_lowercase())), said: None, falls_back: false },
        }
    }

    /// Whether it is a number of this account.
    fn is_ours(&self, number: &str) -> bool {
        is_one_line(number, &self.sender) || self.lines.of_carrier(self.carrier).any(|line| line.is_at(number))
    }

    fn person(&self, at: &Pointer, body: &Value) -> Result<Option<Customer>, Stop> {
        person(&self.terms.plan.file.webhook, at, body)
    }

    fn line(&self, at: &Pointer, body: &Value) -> Option<String> {
        line(&self.terms.plan.file.webhook, at, body)
    }

    /// The same text on the line of its number.
    ///
    /// # Errors
    /// A text to a number of which there is no line, because its answer would leave from another number. It is kept until there
    /// is one.
    fn on_its_line(&self, text: CustomerText) -> Result<CustomerText, Stop> {
        let Some(told) = text.line.as_deref() else {
            return match &self.terms.plan.file.webhook.text.line {
                Some(at) => Err(Stop::Unreadable(format!("`{}` names no number", at.written()))),
                None => Ok(text),
            };
        };
        if self.lines.of_carrier(self.carrier).any(|line| line.is_at(told)) {
            return Ok(text);
        }
        if is_one_line(told, &self.sender) {
            return Ok(CustomerText { line: None, ..text });
        }
        Err(Stop::Unreadable(format!(
            "a text came to a number of which the configuration has no line: describe one with carrier = \"{}\" and the \
             number as its address",
            self.carrier
        )))
    }
}

impl Status {
    /// Whether the state is one of those that tell of a text that went out. One that tells nothing may stand beside a customer's.
    fn names(&self, state: &str) -> bool {
        let named = [&self.sent, &self.delivered, &self.read, &self.failed];
        named.into_iter().any(|words| is_among(words, state))
    }
}

/// A customer's text.
fn text(webhook: &Webhook, body: &Value) -> Result<CustomerText, Stop> {
    let rules = &webhook.text;
    let customer = person(webhook, &rules.sender, body)?;
    let customer = customer.ok_or_else(|| Stop::Unreadable(format!("`{}` names no sender", rules.sender.written())))?;
    let kind = rules.kind.as_ref().and_then(|at| at.word(body));
    let (words, media) = match kind {
        Some(kind) if is_among(&rules.wordless, &kind) => (Vec::new(), Vec::new()),
        Some(_) | None => contents(rules, body)?,
    };
    let text = if words.is_empty() && media.is_empty() { NOTHING.to_owned() } else { words.join("\n") };
    let is = |words: &[String]| is_among(words, text.trim());
    let keyword = is(&rules.stop).then_some(Keyword::OptOut).or_else(|| is(&rules.start).then_some(Keyword::OptIn));
    let category = match keyword {
        Some(Keyword::OptIn) => "opt_in",
        Some(Keyword::OptOut) => "opt_out",
        Some(Keyword::Help) | None => "other",
    };
    Ok(CustomerText {
        customer,
        line: rules.line.as_ref().and_then(|at| line(webhook, at, body)),
        text,
        media,
        channel: Channel::Sms.word().to_owned(),
        category: category.to_owned(),
        keyword,
        ticket_id: None,
        fields: TicketFields::default(),
        answers: Vec::new(),
    })
}

/// The words and the addresses of files. A place of words may hold a table in texts of one kind, which has its own words
/// elsewhere. Files without addresses are lost at the vendor.
///
/// # Errors
/// Words that cannot be read, and a table that has neither words nor files at a place that the pack names: the text is kept until
/// the pack knows its form.
fn contents(rules: &Text, body: &Value) -> Result<(Vec<String>, Vec<String>), Stop> {
    let media: Vec<String> = rules.media.iter().flat_map(|at| at.all(body)).flat_map(addresses).collect();
    let is_table = |at: &&Pointer| at.of(body).is_some_and(|value| value.is_object() || value.is_array());
    let (tables, plain): (Vec<&Pointer>, Vec<&Pointer>) = rules.words.iter().partition(is_table);
    let words: Result<Vec<Option<String>>, Stop> = plain.into_iter().map(|at| at.text(body)).collect();
    let words: Vec<String> = words?.into_iter().flatten().collect();
    let is_known = !words.is_empty() || rules.media.iter().any(|at| at.has_a_list(body)) || !media.is_empty();
    match tables.first() {
        Some(table) if !is_known => table.text(body).map(|_| (words, media)),
        Some(_) | None => Ok((words, media)),
    }
}

/// The addresses of files: a text, or a list of texts.
fn addresses(value: &Value) -> Vec<String> {
    let one = |value: &Value| fields::one_line(value.as_str()?, usize::MAX);
    match value.as_array() {
        Some(values) => values.iter().filter_map(one).collect(),
        None => one(value).into_iter().collect(),
    }
}

fn person(webhook: &Webhook, at: &Pointer, body: &Value) -> Result<Option<Customer>, Stop> {
    let number = at.id(body)?.map(|raw| number(webhook, raw));
    Ok(number.map(|number| Customer { carrier_id: Some(number.clone()), phone: Some(number), ..Customer::default() }))
}

fn line(webhook: &Webhook, at: &Pointer, body: &Value) -> Option<String> {
    at.word(body).map(|raw| number(webhook, raw))
}

/// A number as it is stored; any other name as it came.
fn number(webhook: &Webhook, raw: String) -> String {
    let is_bare = webhook.numbers_lack_plus && raw.len() > 7 && raw.bytes().all(|byte| byte.is_ascii_digit());
    let plain = if is_bare { format!("+{raw}") } else { raw };
    phone::normalise(&plain).unwrap_or(plain)
}

/// Whether a word is one of these, in any case.
fn is_among(words: &[String], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// The mark that a vendor passes on.
fn mark_of(word: &str) -> Option<Mark> {
    word.trim().replace('-', ".").parse().ok()
}

/// A code: a short word without spaces.
fn is_code(code: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=40).contains(&code.len()) && code.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
