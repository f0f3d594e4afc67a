//! The talks of the app's users, as its lists tell them. Never makes a talk.

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::budget::UserKey;
use crate::domain::event::Customer;
use crate::domain::refusals::Object;
use crate::ports::{Failure, Talk};
use crate::vendors::http::exchange::Request;
use crate::vendors::sunshine::carrier::received;
use crate::vendors::sunshine::client::Sunshine;
use crate::vendors::sunshine::keys::is_id;
use crate::vendors::sunshine::limits;

/// The most pages of one list, of a hundred entries each: more than one person has talks or channels.
const PAGES_MAX: usize = 10;

/// The most talks of one person whose messages are read, the latest ones.
const TALKS_READ_MAX: usize = 10;

impl Sunshine {
    /// The talks of a user, the one that they wrote in last first.
    pub(super) async fn talks_of(&self, person: &Customer) -> Result<Vec<Talk>, Failure> {
        let by = match (&person.carrier_id, &person.external_id) {
            (Some(id), _) => ("filter[userId]", id),
            (None, Some(id)) => ("filter[userExternalId]", id),
            (None, None) => return Ok(Vec::new()),
        };
        let Some(mut listed) = self.listed("/conversations", "conversations", by.1, Some(by)).await? else {
            return Ok(Vec::new());
        };
        let changed = |talk: &Value| time(&talk["lastUpdatedAt"]);
        listed.sort_by_key(|talk| std::cmp::Reverse(changed(talk)));
        let mut talks = Vec::new();
        for talk in listed.iter().take(TALKS_READ_MAX) {
            let Some(thread) = talk["id"].as_str().filter(|id| is_id(id)) else { continue };
            talks.push(self.talk(thread).await?);
        }
        // Equal ones stay in the order of their last change.
        talks.sort_by_key(|talk| std::cmp::Reverse(talk.heard_at));
        Ok(talks)
    }

    /// A talk, as its newest messages tell it.
    async fn talk(&self, thread: &str) -> Result<Talk, Failure> {
        let page = self.page(thread, None).await?;
        let heard = page.messages.iter().rev().find(|message| message["author"]["type"] == "user");
        let word = |pointer: &str| heard?.pointer(pointer)?.as_str().filter(|id| is_id(id)).map(str::to_owned);
        let sent_at = heard.and_then(|message| time(&message["source"]["originalMessageTimestamp"]));
        Ok(Talk {
            thread: thread.to_owned(),
            person: word("/author/userId"),
            line: word("/source/integrationId"),
            heard_at: sent_at.or_else(|| heard.and_then(received)),
        })
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

/// A time as the service writes it.
fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
