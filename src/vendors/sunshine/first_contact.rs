//! An agent's first text to a person: a user for them, a talk, and the link of their phone to it. Never sends the text.
//!
//! The service knows no idempotency key, so that each step looks before it makes anything, and the whole may begin anew after
//! a crash or a lost answer. The names of what was made are kept at the service, in metadata, beside fields of others. A list
//! may show a new entry late. So the time is kept there before a talk or a link is asked for, and it is not asked for again
//! before [`SETTLES`] is over.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::domain::budget::UserKey;
use crate::domain::cause;
use crate::domain::conversation::fingerprint;
use crate::domain::refusals::Object;
use crate::domain::retry::later;
use crate::ports::{Failure, FirstContact, Talk};
use crate::vendors::http::exchange::{Answer, Effect, Request};
use crate::vendors::sunshine::client::Sunshine;
use crate::vendors::sunshine::keys::{FirstContactBy, is_id};
use crate::vendors::sunshine::{OWN_USERS, TICKET, is_sms, limits, notification};

/// How long a list may lag behind.
const SETTLES: Duration = Duration::from_secs(30);

/// How soon a link is looked at again.
const LINK_LOOK: Duration = Duration::from_secs(2);

/// When the bridge asked for a talk, on the user, or for a link, on the talk.
const ASKED: &str = "tandem_asked";

/// How long a channel may take to confirm a link.
const LINK_WITHIN: Duration = Duration::from_secs(15 * 60);

/// The line on which the service has taken the bridge's link, on the talk: a link that is gone from the list is told so from
/// one that was never asked for.
const LINE: &str = "tandem_line";

/// The digits of a number's digest in the name of a user.
const DIGEST_DIGITS: usize = 12;

/// The types of channels that link a phone by its number.
const LINKED: [&str; 3] = ["twilio", "messagebird", "whatsapp"];

/// The user of a person.
struct Person {
    id: String,
    metadata: Map<String, Value>,
    is_new: bool,
}

impl Sunshine {
    /// A talk with the person, whose phone is linked to it; or where the account writes to numbers, the name in a talk's place.
    pub(super) async fn first_contact(&self, first: &FirstContact<'_>) -> Result<Talk, Failure> {
        let channel = self.channel_of(first).await?;
        if self.first_contact == FirstContactBy::Notification && is_sms(&channel) {
            return Ok(notification::stand_in_of(first));
        }
        let person = self.person(first).await?;
        let thread = self.own_talk(first, &person).await?;
        self.link(first, &channel, &person, &thread).await?;
        let (person, line) = (Some(person.id), Some(first.line.to_owned()));
        Ok(Talk { thread, person, line, number: Some(first.number.to_owned()), heard_at: None })
    }

    /// The type of the line's channel.
    async fn channel_of(&self, first: &FirstContact<'_>) -> Result<String, Failure> {
        let request = Request::get(limits::READ, self.path(&format!("/integrations/{}", first.line)));
        let (_, json) = self.call(&request).await?;
        let channel = json["integration"]["type"].as_str().filter(|channel| LINKED.contains(channel));
        channel.map(str::to_owned).ok_or_else(|| {
            let of = cause::FOR_OPERATORS;
            let cause = format!("the line's channel links no phones; {of}: set the line's address to SMS or WhatsApp");
            Failure::GiveUp { cause }
        })
    }

    /// The person's user, who is made where there is none. A number that was mended at the desk is another user with a talk of
    /// their own, so that no text of theirs can reach the number of before.
    async fn person(&self, first: &FirstContact<'_>) -> Result<Person, Failure> {
        let digest: String = fingerprint(first.number).chars().take(DIGEST_DIGITS).collect();
        let own = format!("{OWN_USERS}{}:{}:{digest}", first.desk, first.user);
        let known = Request::get(limits::READ, self.path(&format!("/users/{own}"))).about(about(&own));
        let found = self.find(&known).await?;
        let is_new = found.is_none();
        let (request, (answer, json)) = match found {
            Some(found) => (known, found),
            None => {
                let (given, family) = first.name.split_once(' ').unwrap_or((first.name, ""));
                let names = [("givenName", given), ("surname", family)];
                let profile: Map<String, Value> = names
                    .into_iter()
                    .filter(|(_, name)| !name.trim().is_empty())
                    .map(|(field, name)| (field.to_owned(), json!(name.trim())))
                    .collect();
                let body = json!({"externalId": own, "profile": profile, "metadata": {ASKED: self.now().to_string()}});
                let request =
                    Request::post(limits::WRITE, Effect::Lasting, self.path("/users"), &body).about(about(&own));
                let made = self.make(&request).await?;
                (request, made)
            }
        };
        let user = &json["user"];
        let Some(id) = user["id"].as_str().filter(|id| is_id(id)) else {
            return Err(again(self.exchange.unreadable(&request, &answer, "no id")));
        };
        let metadata = user["metadata"].as_object().cloned().unwrap_or_default();
        Ok(Person { id: id.to_owned(), metadata, is_new })
    }

    /// The talk with the person: one of the bridge's own before any other, and a new one where there is none.
    async fn own_talk(&self, first: &FirstContact<'_>, person: &Person) -> Result<String, Failure> {
        let by = ("filter[userId]", &person.id);
        let talks = self.listed("/conversations", "conversations", &person.id, Some(by)).await?.unwrap_or_default();
        let mut personal = talks.iter().filter(|talk| talk["type"] != "sdkGroup");
        let own = personal.clone().find(|talk| talk["metadata"][TICKET].is_string());
        if let Some(id) = own.or_else(|| personal.next()).and_then(|talk| talk["id"].as_str()).filter(|id| is_id(id)) {
            return Ok(id.to_owned());
        }
        if !person.is_new {
            self.settled(&person.metadata)?;
            let mut metadata = person.metadata.clone();
            metadata.insert(ASKED.to_owned(), json!(self.now().to_string()));
            self.change(&format!("/users/{}", person.id), &metadata, &person.id).await?;
        }
        let body = json!({
            "type": "personal",
            "participants": [{"userId": person.id}],
            "metadata": {TICKET: first.ticket.to_string()},
        });
        let path = self.path("/conversations");
        let request = Request::post(limits::WRITE, Effect::Lasting, path, &body).about(about(&person.id));
        let (answer, json) = self.make(&request).await?;
        match json["conversation"]["id"].as_str().filter(|id| is_id(id)) {
            Some(id) => Ok(id.to_owned()),
            None => Err(again(self.exchange.unreadable(&request, &answer, "no id"))),
        }
    }

    /// Sees that the person's number is linked to the talk.
    async fn link(
        &self,
        first: &FirstContact<'_>,
        channel: &str,
        person: &Person,
        thread: &str,
    ) -> Result<(), Failure> {
        if self.is_linked(first, person, thread).await? {
            return Ok(());
        }
        self.note(thread, &[(ASKED, self.now().to_string())]).await?;
        let body = json!({
            "matchCriteria": {"type": channel, "integrationId": first.line, "phoneNumber": first.number, "primary": true},
            "confirmation": {"type": "immediate"},
            "target": {"conversationId": thread},
        });
        let path = self.path(&format!("/users/{}/clients", person.id));
        let request = Request::post(limits::WRITE, Effect::Lasting, path, &body).about(about(&person.id));
        let (answer, json) = self.make(&request).await?;
        if json["client"]["id"].as_str().is_none_or(|id| !is_id(id)) {
            return Err(again(self.exchange.unreadable(&request, &answer, "no id")));
        }
        self.note(thread, &[(LINE, first.line.to_owned())]).await?;
        if self.is_linked(first, person, thread).await? { Ok(()) } else { Err(self.pending(&Map::new())) }
    }

    /// Whether the number is linked; `false` where the link has to be asked for. The person's user has this number alone, so
    /// that each client of theirs on the line is the bridge's. A channel may show its number in another form, or not at all.
    async fn is_linked(&self, first: &FirstContact<'_>, person: &Person, thread: &str) -> Result<bool, Failure> {
        let talk = self.metadata_of(thread).await?;
        let path = format!("/users/{}/clients", person.id);
        let clients = self.listed(&path, "clients", &person.id, None).await?.unwrap_or_default();
        if let Some(theirs) = clients.iter().find(|client| client["integrationId"] == first.line) {
            return match theirs["status"].as_str() {
                Some("active") => Ok(true),
                Some("blocked") => Err(Failure::GiveUp { cause: cause::OPTED_OUT.to_owned() }),
                Some(_) | None => Err(self.pending(&talk)),
            };
        }
        // The list may not show a new link yet.
        self.settled(&talk)?;
        if talk.get(LINE).is_none_or(|line| line != first.line) {
            return Ok(false);
        }
        self.note(thread, &[(LINE, String::new())]).await?;
        Err(not_linked("the channel did not link it"))
    }

    /// The channel has not confirmed the phone yet, or not in time.
    fn pending(&self, talk: &Map<String, Value>) -> Failure {
        if asked_at(talk).is_some_and(|asked_at| later(asked_at, LINK_WITHIN) <= self.now()) {
            return not_linked(&format!(
                "the channel did not confirm it within {} minutes",
                LINK_WITHIN.as_secs() / 60
            ));
        }
        let cause = "the channel has not linked the customer's number yet".to_owned();
        Failure::Retry { cause, after: Some(LINK_LOOK) }
    }

    /// Writes fields of a talk's metadata beside those of others. A blank one stands for none, because the service may merge
    /// the fields or replace them.
    pub(super) async fn note(&self, thread: &str, fields: &[(&str, String)]) -> Result<(), Failure> {
        let known = self.metadata_of(thread).await?;
        let mut metadata = known.clone();
        metadata.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        if metadata == known {
            return Ok(());
        }
        self.change(&format!("/conversations/{thread}"), &metadata, thread).await
    }

    async fn metadata_of(&self, thread: &str) -> Result<Map<String, Value>, Failure> {
        let path = self.path(&format!("/conversations/{thread}"));
        let (_, json) = self.call(&Request::get(limits::READ, path).about(about(thread))).await?;
        Ok(json["conversation"]["metadata"].as_object().cloned().unwrap_or_default())
    }

    async fn change(&self, path: &str, metadata: &Map<String, Value>, of: &str) -> Result<(), Failure> {
        let body = json!({ "metadata": metadata });
        let request = Request::write(limits::WRITE, Method::PATCH, &self.path(path), Some(&body)).about(about(of));
        self.make(&request).await.map(drop)
    }

    /// Makes a call whose repetition is harmless once the lists have settled.
    async fn make(&self, request: &Request) -> Result<(Answer, Value), Failure> {
        self.call(request).await.map_err(again)
    }

    /// Whether all that was asked for shows by now.
    fn settled(&self, metadata: &Map<String, Value>) -> Result<(), Failure> {
        // A time that is still to come was noted by a clock that has been set right since.
        let asked_at = asked_at(metadata).filter(|asked_at| *asked_at <= later(self.now(), SETTLES));
        match asked_at.map(|asked_at| later(asked_at, SETTLES)).filter(|until| self.now() < *until) {
            None => Ok(()),
            Some(until) => {
                let cause = "the first text may have been prepared before".to_owned();
                Err(Failure::Postpone { cause, until: until.min(later(self.now(), SETTLES)), for_budget: false })
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.exchange.clock.now()
    }
}

/// The phone takes no texts, as far as the channel tells.
fn not_linked(why: &str) -> Failure {
    let of = cause::CANNOT_BE_TEXTED;
    Failure::GiveUp { cause: format!("{of}: {why}; compare the requester's number") }
}

/// When a talk or a link was asked for, by the clock of then.
fn asked_at(metadata: &Map<String, Value>) -> Option<Timestamp> {
    metadata.get(ASKED)?.as_str()?.parse().ok()
}

/// A call of unknown effect is looked for before it is made again.
fn again(failure: Failure) -> Failure {
    if let Failure::Lose { cause } = failure { Failure::Retry { cause, after: None } } else { failure }
}

fn about(person: &str) -> Object {
    Object::Recipient(UserKey::of(person))
}
