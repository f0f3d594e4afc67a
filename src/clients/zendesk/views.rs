//! What Zendesk's answers say, as values: only what the bridge uses, so that nothing else can make an answer
//! unreadable. Reads leniently where nothing depends on it, and strictly where it does.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::conversation::TicketStatus;
use crate::domain::event::{Attachment, CommentId, TicketId, UserId};

/// A ticket as it is now.
#[derive(Clone, PartialEq)]
pub struct TicketView {
    /// Its number.
    pub id: TicketId,
    /// Its status.
    pub status: TicketStatus,
    /// What we call it: the conversation's key, on tickets that the bridge opened.
    pub external_id: Option<String>,
    /// The customer.
    pub requester_id: UserId,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How many comments it holds, where the answer told: [`super::Zendesk::tickets`] only. Whether internal ones are
    /// among them is not documented.
    pub comment_count: Option<u32>,
    /// The customer, where the answer held it too: [`super::Zendesk::ticket`] only.
    pub requester: Option<UserView>,
}

/// Tickets that were updated of late.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketsUpdated {
    /// The tickets, oldest update first.
    pub tickets: Vec<TicketView>,
    /// When the last of the list was updated, where Zendesk gave no more although there may be.
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

/// What a write left behind.
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

/// Who has an external id.
#[derive(Clone, Debug, PartialEq)]
pub enum IdHolder {
    /// An end user has exactly this id.
    EndUser(UserView),
    /// One of the staff has it, or a user whose id differs in case only: Zendesk would take either for the one that is
    /// saved under it.
    Another,
    /// No user.
    Free,
}

/// A comment on a ticket.
#[derive(Clone, PartialEq)]
pub struct CommentView {
    /// Its number; later ones are larger.
    pub id: CommentId,
    /// Who wrote it; 0 for Zendesk itself, which calls itself -1.
    pub author_id: UserId,
    /// Whether an agent or administrator did, where the answer held the author.
    pub author_is_agent: Option<bool>,
    /// The author's name, where the answer held it.
    pub author_name: Option<String>,
    /// Whether the customer may see it.
    pub public: bool,
    /// The text with its markup.
    pub html_body: String,
    /// The text without; blank lines and entities as Zendesk renders them.
    pub plain_body: String,
    /// Files, and pictures within the text.
    pub attachments: Vec<Attachment>,
    /// When it was written, by Zendesk's clock.
    pub created_at: Option<Timestamp>,
}

/// A user, customer or agent.
#[derive(Clone, PartialEq)]
pub struct UserView {
    /// Its number.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// What we call it.
    pub external_id: Option<String>,
    /// Its main e-mail address.
    pub email: Option<String>,
    /// Its main phone number, as written.
    pub phone: Option<String>,
    /// `end-user`, `agent` or `admin`.
    pub role: String,
    /// Custom fields by their key.
    pub user_fields: Map<String, Value>,
}

impl UserView {
    /// Whether it works for the brand rather than being a customer of it.
    #[must_use]
    pub fn is_agent(&self) -> bool {
        matches!(self.role.as_str(), "agent" | "admin")
    }
}

/// Personal data stays out of logs and panics, so only numbers are shown.
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
    updated_at: Timestamp,
    comment_count: Option<Value>,
}

impl TicketJson {
    pub(super) fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// `None` for a ticket in no status that we know: a deleted one.
    pub(super) fn view(self) -> Option<TicketView> {
        Some(TicketView {
            id: TicketId(self.id),
            status: TicketStatus::parse(&self.status)?,
            external_id: filled(self.external_id),
            requester_id: UserId(self.requester_id),
            tags: self.tags.unwrap_or_default(),
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
    html_body: Option<String>,
    plain_body: Option<String>,
    body: Option<String>,
    attachments: Option<Vec<AttachmentJson>>,
    created_at: Option<Value>,
}

#[derive(Deserialize)]
struct AttachmentJson {
    file_name: Option<String>,
    content_url: Option<String>,
}

impl CommentJson {
    pub(super) fn view(self, users: &HashMap<UserId, UserView>) -> CommentView {
        let author_id = UserId(u64::try_from(self.author_id).unwrap_or(0));
        let author = users.get(&author_id);
        let attachment = |file: AttachmentJson| {
            let file_name = filled(file.file_name).unwrap_or_else(|| "file".into());
            Some(Attachment { file_name, url: filled(file.content_url)? })
        };
        CommentView {
            id: CommentId(self.id),
            author_id,
            author_is_agent: author.map(UserView::is_agent),
            author_name: author.map(|user| user.name.clone()).filter(|name| !name.is_empty()),
            public: self.public,
            html_body: self.html_body.unwrap_or_default(),
            plain_body: self.plain_body.or(self.body).unwrap_or_default(),
            attachments: self.attachments.into_iter().flatten().filter_map(attachment).collect(),
            created_at: self.created_at.and_then(|at| at.as_str()?.parse().ok()),
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
