//! The customers and their phones, and the hands of others: Zendesk's agents, the channels' providers, Meta.
//!
//! A customer is a number with its `+`, or, on WhatsApp, WhatsApp's own id of a person who hides theirs.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::lock::lock;
use super::app::{Inner, Sunshine};
use super::model::{Client, File, State, Status};
use super::options::{End, Linking, Text, WHATSAPP};

impl Sunshine {
    /// A customer writes on an integration; gives the id of the message. On text messages the provider keeps STOP and START
    /// to itself: neither arrives, and STOP ends the customer's messages until START.
    pub fn text(&self, integration: &str, from: &str, words: &str) -> String {
        self.text_sent_at(self.inner.clock.now(), integration, from, words)
    }

    /// Makes a person known on an integration, with a conversation in which nothing was written yet; gives that.
    pub fn meet(&self, integration: &str, person: &str) -> String {
        self.inner.act(|state| {
            let Some(kind) = state.integration(integration).map(|found| found.kind.clone()) else {
                return String::new();
            };
            let client = self.inner.meet(state, (integration, &kind, person), "message");
            state.client(&client).map(|client| client.conversation.clone()).unwrap_or_default()
        })
    }

    /// The same, of a message that the customer sent earlier than it arrives.
    pub fn text_sent_at(&self, at: Timestamp, integration: &str, from: &str, words: &str) -> String {
        let pair = (integration.to_owned(), from.to_owned());
        let is_text_message = integration != WHATSAPP;
        self.inner.act(|state| match words.trim().to_ascii_uppercase().as_str() {
            "STOP" if is_text_message => {
                state.stopped.insert(pair);
                String::new()
            }
            "START" if is_text_message => {
                state.stopped.remove(&pair);
                String::new()
            }
            _ => self.inner.hear(state, (integration, from), &json!({"type": "text", "text": words}), at),
        })
    }

    /// A customer sends a picture or another file, with words or without; gives the id of the message.
    pub fn picture(&self, integration: &str, from: &str, kind: &str, bytes: &[u8], words: &str) -> String {
        let (size, bytes) = (bytes.len(), bytes::Bytes::copy_from_slice(bytes));
        self.inner.act(|state| {
            let address = self.inner.keep(state, File { kind: kind.to_owned(), bytes });
            let word = if kind.starts_with("image/") { "image" } else { "file" };
            let mut content = json!({"type": word, "mediaUrl": address, "mediaType": kind, "mediaSize": size});
            if !words.is_empty() {
                content["text"] = words.into();
            }
            self.inner.hear(state, (integration, from), &content, self.inner.clock.now())
        })
    }

    /// A customer taps a reply button, which arrives as a text with a payload; gives the id of the message.
    pub fn tap_reply(&self, integration: &str, from: &str, words: &str, payload: &str) -> String {
        let content = json!({"type": "text", "text": words, "payload": payload});
        self.inner.act(|state| self.inner.hear(state, (integration, from), &content, self.inner.clock.now()))
    }

    /// A customer who has written before taps a postback button, which makes no message.
    pub fn tap_postback(&self, integration: &str, from: &str, payload: &str) {
        self.inner.act(|state| {
            let Some(client) = state.linked(integration, from) else { return };
            let payload = json!({
                "postback": {"payload": payload},
                "conversation": state.truncated(&client.conversation),
                "user": state.shown_user(&client.user),
                "source": state.source(client, None),
            });
            self.inner.emit(state, "conversation:postback", payload);
        });
    }

    /// A customer who has written before reads the conversation.
    pub fn read(&self, integration: &str, from: &str) {
        self.inner.act(|state| {
            let client = state.linked(integration, from).map(|client| client.id.clone());
            if let Some(client) = client {
                self.inner.read(state, &client);
            }
        });
    }

    /// From now on WhatsApp names the customer of a number by an id of its own, and the number beside it.
    pub fn name_on_whatsapp(&self, number: &str, id: &str) {
        self.inner.act(|state| state.named.insert(number.to_owned(), id.to_owned()));
    }

    /// The messages that reached phones, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<Text> {
        lock(&self.inner.state).texts.clone()
    }

    /// The words that reached one phone, in order.
    #[must_use]
    pub fn reached(&self, person: &str) -> Vec<String> {
        self.texts().into_iter().filter(|text| text.to == person).map(|text| text.words).collect()
    }

    /// The conversation of a person on an integration, where there is one.
    #[must_use]
    pub fn conversation_of(&self, integration: &str, person: &str) -> Option<String> {
        lock(&self.inner.state).linked(integration, person).map(|client| client.conversation.clone())
    }

    /// How many users, conversations and clients there are.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let state = lock(&self.inner.state);
        [state.users.len(), state.conversations.len(), state.clients.len()]
    }

    /// The metadata of a conversation.
    #[must_use]
    pub fn metadata_of(&self, conversation: &str) -> Value {
        lock(&self.inner.state).conversation(conversation).map(|found| found.metadata.clone()).unwrap_or_default()
    }

    /// Another program writes a field of a conversation's metadata.
    pub fn set_metadata(&self, conversation: &str, field: &str, value: &str) {
        self.inner.act(|state| {
            if let Some(found) = state.conversation_mut(conversation) {
                found.metadata[field] = value.into();
            }
        });
    }

    /// The conversations of which Zendesk's own messaging has opened a ticket.
    #[must_use]
    pub fn native_tickets(&self) -> Vec<String> {
        lock(&self.inner.state).native.clone()
    }

    /// The messages of a conversation in order, with who wrote each.
    #[must_use]
    pub fn messages(&self, conversation: &str) -> Vec<(String, String)> {
        let state = lock(&self.inner.state);
        let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = state.messages.iter().filter(|message| message.conversation == conversation);
        told.map(|message| (part(&message.shown["author"]["type"]), part(&message.shown["content"]["text"]))).collect()
    }

    /// Sets the end of later messages.
    pub fn set_end(&self, end: End) {
        self.inner.act(|state| state.end = end);
    }

    /// A channel takes back a message, or a notification, that reached a phone: it fails with this code after all.
    pub fn fail_delivery(&self, id: &str, code: u32) {
        self.inner.act(|state| self.inner.fail_later(state, id, code));
    }

    /// Sets the end of later links that need no act of the customer.
    pub fn set_linking(&self, linking: Linking) {
        self.inner.act(|state| state.linking = linking);
    }

    /// The links that are pending, by their clients' ids.
    #[must_use]
    pub fn pending_links(&self) -> Vec<String> {
        let state = lock(&self.inner.state);
        state.clients.iter().filter(|client| client.status == Status::Pending).map(|client| client.id.clone()).collect()
    }

    /// Confirms a pending link, or lets it fail.
    pub fn end_link(&self, client: &str, is_confirmed: bool) {
        self.inner.act(|state| match is_confirmed {
            true => self.inner.confirm(state, client),
            false => self.inner.fail_link(state, client),
        });
    }

    /// Blocks the business on a channel, or unblocks it, as its customer does.
    pub fn block(&self, integration: &str, person: &str, is_blocked: bool) {
        self.inner.act(|state| {
            let client = state.linked(integration, person).map(|client| client.id.clone());
            if let Some(client) = client {
                self.inner.block(state, &client, is_blocked);
            }
        });
    }

    /// Whether the provider stops messages to a person, who has texted STOP.
    #[must_use]
    pub fn is_stopped(&self, integration: &str, person: &str) -> bool {
        lock(&self.inner.state).stopped.contains(&(integration.to_owned(), person.to_owned()))
    }

    /// No notification finds a user for this person.
    pub fn hide_from_notifications(&self, person: &str) {
        self.inner.act(|state| state.unmatched.insert(person.to_owned()));
    }

    /// From now on the events of notifications repeat the metadata, of which nothing is documented.
    pub fn repeat_metadata(&self) {
        self.inner.act(|state| state.repeats_metadata = true);
    }

    /// The user of one conversation is found to be that of another: the second conversation, and its user, are no more.
    pub fn merge(&self, surviving: &str, discarded: &str) {
        self.inner.act(|state| self.inner.merge(state, surviving, discarded));
    }

    /// Removes the user of a conversation, as an administrator does.
    pub fn remove_user_of(&self, conversation: &str) {
        self.inner.act(|state| {
            let user = state.conversation(conversation).map(|found| found.user.clone());
            if let Some(user) = user {
                drop(self.inner.remove_user(state, &user));
            }
        });
    }

    /// An agent answers in Zendesk's own messaging; gives the id of the message.
    pub fn native_reply(&self, conversation: &str, words: &str) -> String {
        let author = json!({"type": "business", "displayName": "Agent", "subtypes": ["agent"]});
        let content = json!({"type": "text", "text": words});
        let source = json!({"type": "zd:agentWorkspace"});
        self.inner.act(|state| self.inner.store(state, conversation, &author, &content, (&source, &Value::Null)))
    }

    /// Zendesk passes control of a conversation to the named switchboard integration, such as `zd-agentWorkspace`.
    pub fn pass_control(&self, conversation: &str, to: &str, reason: Option<&str>) {
        self.inner.act(|state| self.inner.pass(state, conversation, to, &json!({}), reason));
    }

    /// Meta sets the status of a WhatsApp template, in every language.
    pub fn set_template_status(&self, name: &str, status: &str) {
        self.inner.act(|state| {
            let meant = state.templates.iter_mut().filter(|template| template.name == name);
            meant.for_each(|template| status.clone_into(&mut template.status));
        });
    }

    /// How long ago a customer wrote on an integration, by the channel's clock.
    #[must_use]
    pub fn silent_for(&self, integration: &str, person: &str) -> Option<SignedDuration> {
        let pair = (integration.to_owned(), person.to_owned());
        lock(&self.inner.state).heard.get(&pair).map(|at| self.inner.clock.now().duration_since(*at))
    }
}

impl Inner {
    /// A customer does something that makes a message. A phone that was never heard is a new user, with a conversation.
    fn hear(&self, state: &mut State, (integration, person): (&str, &str), content: &Value, at: Timestamp) -> String {
        let Some(kind) = state.integration(integration).map(|found| found.kind.clone()) else { return String::new() };
        let awaits =
            |client: &&Client| client.integration == integration && client.person == person && client.awaits_activity;
        let awaiting = state.clients.iter().filter(|client| client.status == Status::Pending).find(awaits);
        if let Some(awaiting) = awaiting.map(|client| client.id.clone()) {
            self.confirm(state, &awaiting);
        }
        let id = match state.linked(integration, person).map(|client| client.id.clone()) {
            Some(id) => id,
            None => self.meet(state, (integration, &kind, person), "message"),
        };
        let now = self.clock.now();
        if let Some(client) = state.client_mut(&id) {
            client.seen_at = Some(now);
        }
        state.heard.insert((integration.to_owned(), person.to_owned()), at);
        let Some(client) = state.client(&id) else { return String::new() };
        let (conversation, prefix) = (client.conversation.clone(), if kind == "whatsapp" { "wamid." } else { "SM" });
        let source = state.source(client, Some((&format!("{prefix}{}", self.id()), at)));
        let author = json!({"type": "user", "userId": client.user, "displayName": "Someone",
            "user": state.shown_user(&client.user)});
        self.answer_first(state, &conversation, integration);
        self.store(state, &conversation, &author, content, (&source, &Value::Null))
    }

    /// A new user with a conversation, and a client for their phone; gives the client's id.
    pub(super) fn meet(
        &self,
        state: &mut State,
        (integration, kind, person): (&str, &str, &str),
        reason: &str,
    ) -> String {
        let user = self.add_user(state, None);
        let conversation = self.add_conversation(state, &user, reason);
        let (id, now) = (self.id(), self.clock.now());
        state.clients.push(Client {
            id: id.clone(),
            kind: kind.to_owned(),
            integration: integration.to_owned(),
            user,
            conversation,
            person: person.to_owned(),
            status: Status::Active,
            linked_at: Some(now),
            seen_at: None,
            awaits_activity: false,
            made_at: now,
        });
        id
    }

    fn merge(&self, state: &mut State, surviving: &str, discarded: &str) {
        let user = |id: &str| state.conversation(id).map(|found| found.user.clone());
        let (Some(kept), Some(lost)) = (user(surviving), user(discarded)) else { return };
        let payload = json!({
            "mergedUsers": {"surviving": state.shown_user(&kept), "discarded": state.shown_user(&lost)},
            "mergedConversations": {"surviving": state.truncated(surviving), "discarded": state.truncated(discarded)},
            "reason": "api",
        });
        for client in state.clients.iter_mut().filter(|client| client.conversation == discarded) {
            surviving.clone_into(&mut client.conversation);
            client.user.clone_from(&kept);
        }
        for message in state.messages.iter_mut().filter(|message| message.conversation == discarded) {
            surviving.clone_into(&mut message.conversation);
        }
        state.conversations.retain(|conversation| conversation.id != discarded);
        state.users.retain(|user| user.id != lost);
        self.emit(state, "user:merge", payload);
    }
}
