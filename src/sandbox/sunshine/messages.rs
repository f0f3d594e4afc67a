//! Post Message: a message of the business, checked, stored under an id, and handed to the channel that it names.
//!
//! Nothing tells two equal calls apart: each is a message. Shorthand in the text is read, so that one call may make several
//! messages.

use serde_json::{Value, json};

use super::api::{Outcome, Refusal, field, needed, ok};
use super::app::Inner;
use super::delivery::Sending;
use super::model::{Message, State, extend, stamp};
use super::users::named;

/// The longest text, in characters.
const TEXT_MAX: usize = 4096;

/// The contents that the sandbox stores, beside texts, pictures, files and templates.
const OTHERS: [&str; 5] = ["carousel", "form", "formResponse", "list", "location"];

impl Inner {
    pub(super) fn post_message(&self, state: &mut State, conversation: &str, body: &Value) -> Outcome {
        let held = state.messages.iter().filter(|message| message.conversation == conversation).count();
        if held >= state.messages_max {
            let title = format!("Message limit of {} per conversation reached.", state.messages_max);
            return Err(Refusal::new(423, "locked", title));
        }
        let author = author(state, &body["author"])?;
        check_content(body)?;
        let client = match author["type"] == "business" {
            true => client(state, conversation, &body["destination"])?,
            false => None,
        };
        let is_chat = client.as_ref().and_then(|id| state.client(id)).is_some_and(|client| client.kind == "whatsapp");
        let mut posted = Vec::new();
        for content in contents(&body["content"], is_chat) {
            posted.push(self.say(state, conversation, &author, &content, &body["metadata"], client.as_deref()));
        }
        ok(201, &json!({ "messages": posted }))
    }

    /// Stores a message, tells of it, and hands it to its client; gives it as the API shows it.
    fn say(
        &self,
        state: &mut State,
        conversation: &str,
        author: &Value,
        content: &Value,
        metadata: &Value,
        client: Option<&str>,
    ) -> Value {
        let source = json!({"type": "api:conversations"});
        let id = self.store(state, conversation, author, content, (&source, metadata));
        if let Some(client) = client {
            let sending = Sending { id: &id, conversation, client, content, metadata, is_notification: false };
            self.deliver(state, &sending);
        }
        let mut shown = json!({"id": id, "author": author, "content": content, "source": source, "metadata": metadata});
        if let Some(author) = shown["author"].as_object_mut() {
            author.remove("user");
        }
        extend(&mut shown, json!({"received": stamp(self.clock.now())}));
        shown
    }

    /// Stores a message with where it comes from and its metadata, and tells of it; gives its id.
    pub(super) fn store(
        &self,
        state: &mut State,
        conversation: &str,
        author: &Value,
        content: &Value,
        (source, metadata): (&Value, &Value),
    ) -> String {
        let (id, now) = (self.id(), self.clock.now());
        let shown = json!({"id": id, "received": stamp(now), "author": author, "content": content, "source": source,
            "metadata": metadata, "quotedMessage": null});
        let (conversation, kept) = (conversation.to_owned(), shown.clone());
        if let Some(found) = state.conversation_mut(&conversation) {
            found.updated_at = now;
        }
        let recent = match author["type"] == "user" {
            true => state.recent.remove(&conversation).unwrap_or_default(),
            false => Vec::new(),
        };
        let payload = json!({"conversation": state.truncated(&conversation), "message": shown,
            "recentNotifications": recent});
        state.messages.push(Message { id: id.clone(), conversation, shown: kept, received: now });
        self.emit(state, "conversation:message", payload);
        id
    }
}

/// The author, as messages show one.
fn author(state: &State, author: &Value) -> Result<Value, Refusal> {
    let mut shown = match needed(author, "type")? {
        "business" => json!({"type": "business"}),
        "user" => {
            let user = named(state, author)?;
            json!({"type": "user", "userId": user, "user": state.shown_user(&user)})
        }
        _ => return Err(Refusal::bad("author.type should be equal to one of the allowed values")),
    };
    for name in ["displayName", "avatarUrl", "subtypes"] {
        if !author[name].is_null() {
            shown[name] = author[name].clone();
        }
    }
    Ok(shown)
}

fn check_content(body: &Value) -> Result<(), Refusal> {
    let content = &body["content"];
    match needed(content, "type")? {
        "text" => match field(content, "text").map(|text| text.chars().count()) {
            Some(length) if length > TEXT_MAX => {
                Err(Refusal::bad(format!("content.text should NOT be longer than {TEXT_MAX} characters")))
            }
            Some(_) => Ok(()),
            None => Err(Refusal::bad("content should have required property 'text'")),
        },
        "image" | "file" => needed(content, "mediaUrl").map(drop),
        "template" if body["schema"] == "whatsapp" => needed(&content["template"], "name").map(drop),
        "template" => Err(Refusal::bad("content of type template needs the schema whatsapp")),
        other if OTHERS.contains(&other) => Ok(()),
        _ => Err(Refusal::bad("content.type should be equal to one of the allowed values")),
    }
}

/// The client that a message goes to. Without a destination that is the latest one of the conversation; nothing is said of
/// which else it could be.
fn client(state: &State, conversation: &str, destination: &Value) -> Result<Option<String>, Refusal> {
    let mut attached = state.clients.iter().rev().filter(|client| client.conversation == conversation);
    let found = match (field(destination, "integrationId"), field(destination, "integrationType")) {
        (None, None) => return Ok(attached.next().map(|client| client.id.clone())),
        (None, Some("none")) => return Ok(None),
        (Some(id), None) => attached.find(|client| client.integration == id),
        (None, Some(kind)) => attached.find(|client| client.kind == kind),
        (Some(_), Some(_)) => return Err(Refusal::bad("destination names an integration twice")),
    };
    match found {
        Some(client) => Ok(Some(client.id.clone())),
        None => Err(Refusal::bad("The user does not have a client for the destination")),
    }
}

/// The contents that a posted one comes to: its shorthand is read.
fn contents(content: &Value, is_chat: bool) -> Vec<Value> {
    let Some(text) = field(content, "text").filter(|_| content["type"] == "text") else { return vec![content.clone()] };
    if let Some((_, inside, _)) = around(text, "&((", "))&") {
        return vec![of_template(inside, is_chat)];
    }
    let (mut contents, mut rest) = (Vec::new(), text);
    while let Some((before, address, after)) = marked(rest, "![") {
        contents.extend(words(before, content));
        contents.push(json!({"type": "image", "mediaUrl": address.1}));
        rest = after;
    }
    contents.extend(words(rest, content));
    contents
}

/// A text with its buttons, `%[label](address)`, taken out; `None` where nothing is left of it.
fn words(text: &str, content: &Value) -> Option<Value> {
    let (mut left, mut actions, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, (label, address), after)) = marked(rest, "%[") {
        left.push_str(before);
        actions.push(json!({"type": "link", "text": label, "uri": address}));
        rest = after;
    }
    left.push_str(rest);
    if left.trim().is_empty() && actions.is_empty() {
        return None;
    }
    let mut made = content.clone();
    made["text"] = left.into();
    if !actions.is_empty() {
        made["actions"] = actions.into();
    }
    Some(made)
}

/// The template that shorthand asks for, and on a channel without templates its fallback.
fn of_template(shorthand: &str, is_chat: bool) -> Value {
    let part = |name: &str| around(shorthand, &format!("{name}=[["), "]]").map_or("", |(_, inside, _)| inside);
    if !is_chat {
        return json!({"type": "text", "text": part("fallback")});
    }
    let (mut parameters, mut rest) = (Vec::new(), shorthand);
    while let Some((_, value, after)) = around(rest, "body_text=[[", "]]") {
        parameters.push(json!({"type": "text", "text": value}));
        rest = after;
    }
    let language = Some(part("language")).filter(|code| !code.is_empty()).unwrap_or("en_US");
    json!({"type": "template", "template": {"name": part("template"), "namespace": part("namespace"),
        "language": {"policy": "deterministic", "code": language},
        "components": [{"type": "body", "parameters": parameters}]}})
}

/// The text before, between and after two marks.
pub(super) fn around<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, opened) = text.split_once(open)?;
    let (inside, after) = opened.split_once(close)?;
    Some((before, inside, after))
}

/// The text around `[label](address)` behind a sign, with both of its parts.
fn marked<'a>(text: &'a str, sign: &str) -> Option<(&'a str, (&'a str, &'a str), &'a str)> {
    let (before, label, opened) = around(text, sign, "](")?;
    let (address, after) = opened.split_once(')')?;
    Some((before, (label, address), after))
}
