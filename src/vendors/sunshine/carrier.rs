//! Sunshine Conversations as a carrier of text messages and of WhatsApp messages, into talks that it keeps. Never chooses a
//! text, its recipient or its channel: the worker does.
//!
//! A message names the channel's integration, because the service would choose one by itself otherwise. It carries its mark
//! in the metadata, by which it is found in the talk's list after a lost answer.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use crate::domain::account::AccountId;
use crate::domain::budget::UserKey;
use crate::domain::event::{Customer, TicketId};
use crate::domain::line::{Channel, Lines};
use crate::domain::outgoing::{Part, Recipient};
use crate::domain::receipt::Mark;
use crate::domain::refusals::Object;
use crate::domain::retry::before;
use crate::ports::{CameIn, Carrier, Failure, FirstContact, Look, Meant, Responders, Sent, Sought, Talk, Text};
use crate::vendors::http::exchange::{Effect, Request};
use crate::vendors::sunshine::client::Sunshine;
use crate::vendors::sunshine::notification::is_stand_in;
use crate::vendors::sunshine::source::Reader;
use crate::vendors::sunshine::{MARK, TICKET};
use crate::vendors::sunshine::{keys, limits, shorthand};

/// The most pages of one look, of a hundred messages each: more than a talk has in a day.
const PAGES_MAX: usize = 50;

/// How much further back a look goes than the text is old, because the two clocks may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(600);

#[async_trait]
impl Carrier for Sunshine {
    fn takes_mappings(&self) -> bool {
        false
    }

    fn meaning(&self, words: &str, channel: Channel) -> Result<Meant, String> {
        match channel {
            Channel::Whatsapp if shorthand::names_a_template(words) => shorthand::read(words).map(|_| Meant::Form),
            Channel::Whatsapp | Channel::Sms | Channel::Rcs => {
                shorthand::refusal(words).map_or(Ok(Meant::Words), |why| Err(why.to_owned()))
            }
        }
    }

    /// The API's own links to private attachments take the key of the API.
    fn opens(&self, link: &str) -> Option<HeaderValue> {
        let link = Url::parse(link).ok()?;
        (link.origin() == self.exchange.base.origin()).then(|| self.credential()).flatten()
    }

    fn responders(&self) -> Option<&dyn Responders> {
        Some(self)
    }

    async fn send(&self, text: &Text<'_>) -> Result<Sent, Failure> {
        let content = self.content(text).await?;
        let (thread, part) = (thread(text.to), text.part);
        if is_stand_in(thread) {
            return self.notify(text, thread, &content).await;
        }
        let mark = Mark { id: part.id, part: part.number }.to_string();
        let mut metadata = json!({ MARK: mark });
        if let Some(ticket) = text.ticket {
            metadata[TICKET] = json!(ticket.to_string());
        }
        let mut body = json!({
            "author": {"type": "business"},
            "content": content,
            "metadata": metadata,
        });
        if body["content"]["type"] == "template" {
            body["schema"] = json!("whatsapp");
        }
        if let Some(integration) = text.line {
            body["destination"] = json!({"integrationId": integration});
        }
        let request = Request::post(limits::SEND, Effect::Lasting, self.messages(thread), &body)
            .about(Object::Recipient(UserKey::of(thread)));
        let (answer, json) = self.call(&request).await?;
        // Several messages would be a shorthand that was not seen; the first is the text.
        match json["messages"][0]["id"].as_str().filter(|id| !id.is_empty()) {
            Some(id) => Ok(Sent { dispatch: Some(id.to_owned()) }),
            None => Err(self.exchange.unreadable(&request, &answer, "no id")),
        }
    }

    /// Reads the talk's list, newest page first, back to before the text was accepted.
    async fn receipts(&self, recipient: &Recipient, sought: &Sought) -> Result<BTreeMap<String, String>, Failure> {
        let since = before(sought.since, CLOCKS_DIFFER);
        let mut found = BTreeMap::new();
        if is_stand_in(thread(recipient)) {
            return Ok(found);
        }
        let is_whole = self.back_to(thread(recipient), since, |page| {
            for mark in page.iter().filter_map(mark_of) {
                if mark.id == sought.id && mark.part <= sought.parts {
                    let part = Part { id: mark.id, number: mark.part, of: sought.parts };
                    found.insert(mark.to_string(), part.receipt());
                }
            }
        });
        // Of a list with an unread rest nothing is known of a text that was not found.
        if !is_whole.await? && found.is_empty() {
            return Err(too_long(since));
        }
        Ok(found)
    }

    /// The service keeps no consent: the channels behind it do, and refuse.
    async fn takes_texts(&self, _line: &str, _channel: Channel, _to: &Recipient) -> Result<Option<bool>, Failure> {
        Ok(None)
    }

    /// No list of the service holds the messages of all talks. The list of a talk is read where the talk tells of a later
    /// message, back to the time that is known.
    async fn texts_since(&self, look: &Look<'_>) -> Result<Option<CameIn>, Failure> {
        let Some(talk) = look.talk else { return Ok(None) };
        if is_stand_in(talk) {
            return Ok(Some(CameIn::default()));
        }
        if !self.has_message_since(talk, look.since).await? {
            return Ok(Some(CameIn::default()));
        }
        let mut newest_first: Vec<Value> = Vec::new();
        let is_customers = |message: &&Value| message["author"]["type"] == "user";
        let is_whole = self.back_to(talk, look.since, |page| {
            newest_first.extend(page.iter().rev().filter(is_customers).cloned());
        });
        if !is_whole.await? {
            return Err(too_long(look.since));
        }
        let reader = Reader { account: look.account, lines: look.lines.clone() };
        let mut came_in = CameIn::default();
        for message in newest_first.iter().rev().filter(|message| received(message).is_none_or(|at| at >= look.since)) {
            match reader.listed(talk, message) {
                Ok(text) => came_in.texts.extend(text),
                Err(stop) => match Reader::kept(talk, message, stop) {
                    Some(unread) => came_in.unread.push(unread),
                    None => came_in.unreadable += 1,
                },
            }
        }
        Ok(Some(came_in))
    }

    async fn talks_with(&self, person: &Customer, account: AccountId, lines: &Lines) -> Result<Vec<Talk>, Failure> {
        self.talks_of(person, (account, lines)).await
    }

    async fn talk_named(&self, thread: &str, account: AccountId, lines: &Lines) -> Result<Option<Talk>, Failure> {
        self.talk_of(thread, (account, lines)).await
    }

    async fn begin(&self, with: &FirstContact<'_>) -> Result<Talk, Failure> {
        self.first_contact(with).await
    }

    fn leaves_nothing(&self, thread: &str) -> bool {
        is_stand_in(thread)
    }

    async fn pair(&self, thread: &str, ticket: TicketId) -> Result<(), Failure> {
        if is_stand_in(thread) {
            return Ok(());
        }
        self.note(thread, &[(TICKET, ticket.to_string())]).await
    }

    async fn probe(&self, _form: &str) -> Result<(), Failure> {
        self.ask_whether_let_in().await.map(drop)
    }
}

/// A page of a talk's messages.
pub(super) struct Page {
    pub(super) messages: Vec<Value>,
    /// Where the page before it ends.
    behind: Option<String>,
}

impl Sunshine {
    /// The content of a message: the words, or a template that the channel lists.
    async fn content(&self, text: &Text<'_>) -> Result<Value, Failure> {
        let refused = |cause: String| Failure::GiveUp { cause };
        let wanted = match text.template {
            Some(form) => Some(keys::wanted(form)),
            None if text.channel == Channel::Whatsapp && shorthand::names_a_template(text.words) => {
                Some(shorthand::read(text.words).map_err(refused)?)
            }
            None => None,
        };
        match (wanted, text.line) {
            // The bridge's plain spelling of a character may make a shorthand that the agent did not write.
            (None, _) => match shorthand::refusal(text.words) {
                Some(why) => Err(refused(why.to_owned())),
                None => Ok(json!({"type": "text", "text": text.words})),
            },
            (Some(wanted), Some(integration)) => self.template(integration, &wanted).await,
            (Some(_), None) => Err(refused("the line of the template is not known".to_owned())),
        }
    }

    /// Whether a talk has a message of this time or a later one. A talk that is gone has none.
    async fn has_message_since(&self, talk: &str, since: Timestamp) -> Result<bool, Failure> {
        let request = Request::get(limits::LOOK, self.path(&format!("/conversations/{talk}")))
            .about(Object::Recipient(UserKey::of(talk)));
        match self.call(&request).await {
            Ok((_, json)) => {
                let latest = json["conversation"]["lastUpdatedAt"].as_str().and_then(|at| at.parse().ok());
                Ok(latest.is_none_or(|at: Timestamp| at >= since))
            }
            Err(Failure::GiveUp { .. } | Failure::NotFound { .. }) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Hands the pages of a talk's list over, the newest first, back to this time; false where there are too many.
    async fn back_to(
        &self,
        talk: &str,
        since: Timestamp,
        mut take: impl FnMut(&[Value]) + Send,
    ) -> Result<bool, Failure> {
        let mut behind: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(talk, behind.take()).await?;
            take(&page.messages);
            let reaches_back = page.messages.iter().filter_map(received).any(|at| at < since);
            match page.behind.filter(|_| !reaches_back) {
                Some(next) => behind = Some(next),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// The path of a talk's messages.
    fn messages(&self, thread: &str) -> String {
        self.path(&format!("/conversations/{thread}/messages"))
    }

    pub(super) async fn page(&self, thread: &str, before: Option<String>) -> Result<Page, Failure> {
        let mut request =
            Request::get(limits::READ, self.messages(thread)).about(Object::Recipient(UserKey::of(thread)));
        if let Some(before) = before {
            request = request.query("page[before]", before);
        }
        let (answer, mut json) = self.call(&request).await?;
        let Value::Array(messages) = json["messages"].take() else {
            return Err(self.exchange.unreadable(&request, &answer, "no list"));
        };
        let meta = &json["meta"];
        let first = messages.first().and_then(|message| message["id"].as_str());
        let behind = meta["beforeCursor"].as_str().or(first).filter(|_| meta["hasMore"] == true).map(str::to_owned);
        Ok(Page { messages, behind })
    }
}

/// A talk's list that does not reach back to this time.
fn too_long(since: Timestamp) -> Failure {
    let cause = format!("Sunshine Conversations lists more than {PAGES_MAX} pages of messages since {since}");
    Failure::GiveUp { cause }
}

/// The bridge's mark on a listed message.
fn mark_of(message: &Value) -> Option<Mark> {
    message["metadata"][MARK].as_str()?.parse().ok()
}

/// When a listed message was taken.
pub(super) fn received(message: &Value) -> Option<Timestamp> {
    message["received"].as_str()?.parse().ok()
}

/// The name of a recipient's talk.
fn thread(recipient: &Recipient) -> &str {
    match recipient {
        Recipient::External(thread) | Recipient::OfCarrier(thread) => thread,
    }
}
