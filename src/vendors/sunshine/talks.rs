//! The talks of the app's users, as its lists tell them. Never makes a talk.

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::account::AccountId;
use crate::domain::budget::UserKey;
use crate::domain::event::Customer;
use crate::domain::line::Lines;
use crate::domain::refusals::Object;
use crate::ports::{Failure, Talk};
use crate::vendors::http::exchange::Request;
use crate::vendors::sunshine::carrier::received;
use crate::vendors::sunshine::client::Sunshine;
use crate::vendors::sunshine::keys::is_id;
use crate::vendors::sunshine::source::number;
use crate::vendors::sunshine::{is_sms, limits};

/// The most pages of one list, of a hundred entries each: more than one person has talks or channels.
const PAGES_MAX: usize = 10;

/// The most talks of one person whose messages are read, the latest ones.
const TALKS_READ_MAX: usize = 10;

/// The lines of one account.
type Ours<'a> = (AccountId, &'a Lines);

impl Sunshine {
    /// The talks in which a user has written on a line of ours, the one that they wrote in last first.
    pub(super) async fn talks_of(&self, person: &Customer, ours: Ours<'_>) -> Result<Vec<Talk>, Failure> {
        let by = match (&person.carrier_id, &person.external_id) {
            (Some(id), _) => ("filter[userId]", id),
            (None, Some(id)) => ("filter[userExternalId]", id),
            (None, None) => return Ok(Vec::new()),
        };
        let Some(mut listed) = self.listed("/conversations", "conversations", by.1, Some(by)).await? else {
            return Ok(Vec::new());
        };
        // A text in a group would reach others as well.
        listed.retain(|talk| talk["type"] != "sdkGroup");
        let changed = |talk: &Value| time(&talk["lastUpdatedAt"]);
        listed.sort_by_key(|talk| std::cmp::Reverse(changed(talk)));
        let mut talks = Vec::new();
        for talk in listed.iter().take(TALKS_READ_MAX) {
            let Some(thread) = talk["id"].as_str().filter(|id| is_id(id)) else { continue };
            talks.extend(self.talk(thread, ours).await?);
        }
        // Equal ones stay in the order of their last change.
        talks.sort_by_key(|talk| std::cmp::Reverse(talk.heard_at));
        self.tell_numbers(&mut talks).await?;
        Ok(talks)
    }

    /// The talk of this name, where a user has written in it on a line of ours.
    pub(super) async fn talk_of(&self, thread: &str, ours: Ours<'_>) -> Result<Option<Talk>, Failure> {
        if !is_id(thread) {
            return Ok(None);
        }
        let mut talk: Vec<Talk> = self.talk(thread, ours).await?.into_iter().collect();
        self.tell_numbers(&mut talk).await?;
        Ok(talk.pop())
    }

    /// A talk, as its newest messages tell it; `None` where no line of ours has brought one of them, or the talk is gone.
    async fn talk(&self, thread: &str, ours: Ours<'_>) -> Result<Option<Talk>, Failure> {
        let page = match self.page(thread, None).await {
            Ok(page) => page,
            // The list of a talk that was removed has no code of its own.
            Err(Failure::NotFound { .. } | Failure::Forbid { status: 404, .. }) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let Some(heard) = page.messages.iter().rev().find(|message| is_heard(message, ours)) else { return Ok(None) };
        let word = |pointer: &str| heard.pointer(pointer)?.as_str().filter(|id| is_id(id)).map(str::to_owned);
        Ok(Some(Talk {
            thread: thread.to_owned(),
            person: word("/author/userId"),
            line: word("/source/integrationId"),
            number: None,
            heard_at: time(&heard["source"]["originalMessageTimestamp"]).or_else(|| received(heard)),
        }))
    }

    /// Completes talks of one person by the numbers that the channels have for them. Two numbers on one line tell none.
    async fn tell_numbers(&self, talks: &mut [Talk]) -> Result<(), Failure> {
        let Some(person) = talks.first().and_then(|talk| talk.person.clone()) else { return Ok(()) };
        let clients = self.listed(&format!("/users/{person}/clients"), "clients", &person, None).await?;
        let clients = clients.unwrap_or_default();
        for talk in talks {
            let on_line = clients.iter().filter(|client| client["integrationId"].as_str() == talk.line.as_deref());
            let mut numbers: Vec<String> = on_line.filter_map(|client| number(&client.as_object()?.into())).collect();
            numbers.dedup();
            talk.number = numbers.pop().filter(|_| numbers.is_empty());
        }
        Ok(())
    }

    /// A whole list about one person; `None` where the service does not know them.
    pub(super) async fn listed(
        &self,
        path: &str,
        name: &str,
        person: &str,
        filter: Option<(&'static str, &String)>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        let (mut all, mut after): (Vec<Value>, Option<String>) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let about = Object::Recipient(UserKey::of(person));
            let mut request = Request::get(limits::READ, self.path(path)).about(about).query("page[size]", "100");
            if let Some((by, id)) = filter {
                request = request.query(by, id.clone());
            }
            if let Some(after) = after.take() {
                request = request.query("page[after]", after);
            }
            let Some((answer, mut json)) = self.find(&request).await? else { return Ok(None) };
            let Value::Array(page) = json[name].take() else {
                return Err(self.exchange.unreadable(&request, &answer, "no list"));
            };
            all.extend(page);
            let meta = &json["meta"];
            after = meta["afterCursor"].as_str().filter(|_| meta["hasMore"] == true).map(str::to_owned);
            if after.is_none() {
                return Ok(Some(all));
            }
        }
        let cause = format!("Sunshine Conversations lists more than {PAGES_MAX} pages of {name} of one customer");
        Err(Failure::GiveUp { cause })
    }
}

/// Whether a listed message is a customer's on a line of ours, by the rule for webhooks: on a configured integration, or
/// where none is configured, on any that carries SMS.
fn is_heard(message: &Value, (account, lines): Ours<'_>) -> bool {
    let source = &message["source"];
    let mut configured = lines.of_carrier(account).filter(|line| line.address.is_some()).peekable();
    let is_ours = match configured.peek() {
        Some(_) => source["integrationId"].as_str().is_some_and(|told| configured.any(|line| line.is_at(told))),
        None => source["type"].as_str().is_some_and(is_sms),
    };
    message["author"]["type"] == "user" && is_ours
}

/// A time as the service writes it.
fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
