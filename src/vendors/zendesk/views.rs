//! Zendesk's answers as values. Reads only the fields that the bridge uses, so that no other field can make an answer
//! unreadable: strictly where a decision depends on the field, and leniently where none does.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::conversation::TicketStatus;
use crate::domain::event::{Attachment, CommentId, TicketId, UserId};
use crate::domain::note::WithheldFor;

/// A ticket as it is now.
#[derive(Clone, PartialEq)]
pub struct TicketView {
    /// Its number.
    pub id: TicketId,
    /// Its status.
    pub status: TicketStatus,
    /// Tandem's name for it: the conversation's key, on tickets that the bridge opened.
    pub external_id: Option<String>,
    /// The customer.
    pub requester_id: UserId,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its brand.
    pub brand_id: Option<u64>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The number of its comments, where the answer has it: [`super::Zendesk::tickets`] and [`super::Zendesk::ticket`].
    /// Zendesk does not document whether internal comments count.
    pub comment_count: Option<u32>,
    /// The customer, where the answer has the user: [`super::Zendesk::ticket`] only.
    pub requester: Option<UserView>,
}

/// Recently updated tickets.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketsUpdated {
    /// The tickets, oldest update first.
    pub tickets: Vec<TicketView>,
    /// The update time of the last ticket, where Zendesk's limit cut the list off.
    pub cut_off_at: Option<Timestamp>,
    /// When Zendesk answered, by its own clock.
    pub answered_at: Option<Timestamp>,
}

/// Tickets that were asked for by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketsRead {
    /// Those that exist.
    pub tickets: Vec<TicketView>,
    /// When Zendesk answered, by its own clock.
    pub answered_at: Option<Timestamp>,
}

/// The result of a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The ticket after it.
    pub ticket: TicketView,
    /// The comment that it made, if it made one.
    pub comment_id: Option<CommentId>,
    /// Whether the answer says that the customer may see that comment.
    pub is_public: bool,
}

/// A user after a save.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The user.
    pub user: UserView,
    /// Whether the save made the user.
    pub is_new: bool,
}

/// The holder of an external id.
#[derive(Clone, Debug, PartialEq)]
pub enum IdHolder {
    /// An end user has exactly this id.
    EndUser(UserView),
    /// A member of staff has it, or a user whose id differs in case only. A save under this id would change that user.
    Another,
    /// No user.
    Free,
}

/// A comment on a ticket.
#[derive(Clone, PartialEq)]
pub struct CommentView {
    /// Its number; later ones are larger.
    pub id: CommentId,
    /// The author; 0 for Zendesk itself, which calls itself -1.
    pub author_id: UserId,
    /// The author's role now.
    pub author: Author,
    /// The author's name, where the answer held it.
    pub author_name: Option<String>,
    /// Whether the customer may see it.
    pub public: bool,
    /// How it came to be.
    pub made: Made,
    /// When it was written, by Zendesk's clock, where the answer has the time.
    pub created_at: Option<Timestamp>,
    /// The text with its markup.
    pub html_body: String,
    /// The text without markup; blank lines and entities as Zendesk renders them.
    pub plain_body: String,
    /// Files, and pictures within the text, that the customer may get.
    pub attachments: Vec<Attachment>,
    /// Files that the customer may not get.
    pub withheld: Vec<Withheld>,
}

/// The author of a comment, by the users that the answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// An agent or an administrator.
    Staff,
    /// An end user.
    EndUser,
    /// A deleted user, or one who is not in the answer.
    Unknown,
    /// Zendesk itself.
    Zendesk,
}

/// How a comment came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Its author wrote it, or had it written.
    Written,
    /// Zendesk recorded a phone call.
    ByCall,
    /// A merge of tickets left it.
    ByMerge,
    /// Zendesk made it otherwise: a type or a channel that is no reply.
    ByRecord,
}

/// A file that is not for the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// As the agent named it.
    pub file_name: String,
    /// Why.
    pub why: WithheldFor,
}

/// A user, customer or agent.
#[derive(Clone, PartialEq)]
pub struct UserView {
    /// Its number.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Tandem's name for it.
    pub external_id: Option<String>,
    /// Its main e-mail address.
    pub email: Option<String>,
    /// Its main phone number, as written.
    pub phone: Option<String>,
    /// `end-user`, `agent` or `admin`.
    pub role: String,
    /// False for a deleted user.
    pub active: bool,
    /// Custom fields by their key.
    pub user_fields: Map<String, Value>,
}

impl UserView {
    /// Whether it is one of the brand's staff and no customer.
    #[must_use]
    pub fn is_agent(&self) -> bool {
        matches!(self.role.as_str(), "agent" | "admin")
    }
}

/// A debug form that shows only the number, because personal data stays out of logs and panics.
macro_rules! debug_by_number {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}, …)"), self.id)
            }
        }
    )*};
}
debug_by_number!(TicketView, CommentView, UserView);

#[derive(Deserialize)]
pub(super) struct TicketJson {
    id: u64,
    status: String,
    external_id: Option<String>,
    requester_id: u64,
    tags: Option<Vec<String>>,
    brand_id: Option<Value>,
    updated_at: Timestamp,
    comment_count: Option<Value>,
}

impl TicketJson {
    pub(super) fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// `None` for a ticket in an unknown status: a deleted one.
    pub(super) fn view(self) -> Option<TicketView> {
        Some(TicketView {
            id: TicketId(self.id),
            status: TicketStatus::parse(&self.status)?,
            external_id: filled(self.external_id),
            requester_id: UserId(self.requester_id),
            tags: self.tags.unwrap_or_default(),
            brand_id: self.brand_id.and_then(|brand| brand.as_u64()),
            updated_at: self.updated_at,
            comment_count: self.comment_count.and_then(|count| u32::try_from(count.as_u64()?).ok()),
            requester: None,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct CommentJson {
    pub(super) id: u64,
    author_id: i64,
    public: bool,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    via: Value,
    created_at: Option<Value>,
    html_body: Option<String>,
    plain_body: Option<String>,
    body: Option<String>,
    attachments: Option<Vec<AttachmentJson>>,
}

#[derive(Deserialize)]
struct AttachmentJson {
    file_name: Option<String>,
    content_url: Option<String>,
    deleted: Option<bool>,
    malware_scan_result: Option<String>,
    malware_access_override: Option<bool>,
}

impl AttachmentJson {
    /// Source of the fields: Zendesk's API reference, "Ticket Attachments".
    fn view(self) -> Result<Attachment, Withheld> {
        let file_name = filled(self.file_name).unwrap_or_else(|| "file".into());
        let is_malware = self.malware_scan_result.as_deref() == Some("malware_found");
        let url = filled(self.content_url);
        match url {
            _ if self.deleted == Some(true) => Err(Withheld { file_name, why: WithheldFor::Deleted }),
            _ if is_malware && self.malware_access_override != Some(true) => {
                Err(Withheld { file_name, why: WithheldFor::Malware })
            }
            None => Err(Withheld { file_name, why: WithheldFor::NoAddress }),
            Some(url) => Ok(Attachment { file_name, url }),
        }
    }
}

impl CommentJson {
    pub(super) fn view(self, users: &HashMap<UserId, UserView>) -> CommentView {
        let author_id = UserId(u64::try_from(self.author_id).unwrap_or(0));
        let author = users.get(&author_id);
        let made = self.made();
        let (mut attachments, mut withheld) = (Vec::new(), Vec::new());
        for file in self.attachments.into_iter().flatten().map(AttachmentJson::view) {
            match file {
                Ok(attachment) => attachments.push(attachment),
                Err(file) => withheld.push(file),
            }
        }
        CommentView {
            id: CommentId(self.id),
            author_id,
            author: match author {
                _ if author_id.0 == 0 => Author::Zendesk,
                Some(user) if user.is_agent() && user.active => Author::Staff,
                Some(user) if user.active => Author::EndUser,
                Some(_) | None => Author::Unknown,
            },
            author_name: author.map(|user| user.name.clone()).filter(|name| !name.is_empty()),
            public: self.public,
            made,
            created_at: self.created_at.as_ref().and_then(Value::as_str).and_then(|at| at.parse().ok()),
            html_body: self.html_body.unwrap_or_default(),
            plain_body: self.plain_body.or(self.body).unwrap_or_default(),
            attachments,
            withheld,
        }
    }

    /// How it came to be, by its type (`Comment` or `VoiceComment` in the API reference; telephone apps add types of
    /// their own) and its channel (the reference on "via" objects). Zendesk does not document its mark on the comments
    /// of a merge, so any mark that names a merge counts.
    fn made(&self) -> Made {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_ascii_lowercase();
        let (channel, rel) = (word(&self.via["channel"]), word(&self.via["source"]["rel"]));
        let kind = self.kind.as_deref().unwrap_or("Comment");
        if kind.contains("Voice") || channel.contains("voice") || channel.contains("phone") {
            Made::ByCall
        } else if channel.contains("merge") || rel.contains("merge") {
            Made::ByMerge
        } else if kind != "Comment" || channel == "system" {
            Made::ByRecord
        } else {
            Made::Written
        }
    }
}

#[derive(Deserialize)]
pub(super) struct UserJson {
    pub(super) id: u64,
    name: Option<String>,
    external_id: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    role: Option<String>,
    active: Option<bool>,
    user_fields: Option<Map<String, Value>>,
}

impl UserJson {
    pub(super) fn view(self) -> UserView {
        UserView {
            id: UserId(self.id),
            name: self.name.unwrap_or_default(),
            external_id: filled(self.external_id),
            email: filled(self.email),
            phone: filled(self.phone),
            role: self.role.unwrap_or_default(),
            active: self.active.unwrap_or(true),
            user_fields: self.user_fields.unwrap_or_default(),
        }
    }
}

/// Whether an audit carries this event's id in `metadata.custom.tandem`, a text or a list of texts.
pub(super) fn is_marked(audit: &Value, event: &str) -> bool {
    match &audit["metadata"]["custom"]["tandem"] {
        Value::String(id) => id == event,
        Value::Array(ids) => ids.iter().any(|id| id == event),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// Whether an audit made another user the ticket's requester. Source: Zendesk's API reference, Ticket Audits, "Change
/// event".
pub(super) fn hands_over(audit: &Value) -> bool {
    let hands = |event: &Value| event["type"] == "Change" && event["field_name"] == "requester_id";
    audit["events"].as_array().is_some_and(|events| events.iter().any(hands))
}

/// Whether an audit solved its ticket.
pub(super) fn solves(audit: &Value) -> bool {
    let events = audit["events"].as_array();
    events
        .is_some_and(|events| events.iter().any(|event| event["field_name"] == "status" && event["value"] == "solved"))
}

/// The public comment that an audit made.
pub(super) fn public_comment(audit: &Value) -> Option<CommentId> {
    let mut events = audit["events"].as_array()?.iter();
    let comment = events.find(|event| event["type"] == "Comment" && event["public"] == true)?;
    comment["id"].as_u64().map(CommentId)
}

/// A ticket and the comment that an audit made on it: its `Comment` event.
pub(super) fn written(ticket: TicketView, audit: &Value) -> Written {
    let events = audit["events"].as_array();
    let comment = events.and_then(|events| events.iter().find(|event| event["type"] == "Comment"));
    Written {
        ticket,
        comment_id: comment.and_then(|comment| comment["id"].as_u64()).map(CommentId),
        is_public: comment.is_some_and(|comment| comment["public"] == true),
    }
}

/// Blank means absent.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
