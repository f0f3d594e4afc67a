//! The records of the embedded Zendesk, and their form in its API. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// A ticket's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TicketStatus {
    /// No agent has looked at it.
    #[default]
    New,
    /// An agent is on it.
    Open,
    /// Waiting for the customer.
    Pending,
    /// Waiting for a third party.
    Hold,
    /// Done, may be reopened.
    Solved,
    /// Done for good: no update is taken any more.
    Closed,
}

impl TicketStatus {
    const ALL: [Self; 6] = [Self::New, Self::Open, Self::Pending, Self::Hold, Self::Solved, Self::Closed];

    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Hold => "hold",
            Self::Solved => "solved",
            Self::Closed => "closed",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// The rights of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// A customer.
    #[default]
    EndUser,
    /// Staff.
    Agent,
    /// Staff who may change settings.
    Admin,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::EndUser => "end-user",
            Self::Agent => "agent",
            Self::Admin => "admin",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::EndUser, Self::Agent, Self::Admin].into_iter().find(|role| role.as_str() == word)
    }

    pub(super) fn is_staff(self) -> bool {
        self != Self::EndUser
    }
}

/// A user of the help desk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct User {
    /// Given by Zendesk; 0 in a user that is yet to be added.
    pub id: u64,
    /// The whole name.
    pub name: String,
    /// The primary address.
    pub email: Option<String>,
    /// The first number.
    pub phone: Option<String>,
    /// Further numbers: setting `phone` on a user who has one adds another and replaces none.
    pub more_phones: Vec<String>,
    /// Unique in the account.
    pub external_id: Option<String>,
    /// Their rights.
    pub role: Role,
    /// Custom user fields.
    pub user_fields: Map<String, Value>,
    /// Suspended users open no tickets.
    pub suspended: bool,
    /// When the user was added.
    pub created_at: Timestamp,
}

/// A file on a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub file_name: String,
    /// Its media type.
    pub content_type: String,
    /// Its address, which needs no authentication.
    pub content_url: String,
    /// Its size in bytes.
    pub size: usize,
    /// The result of Zendesk's scan: `malware_not_found` and the like.
    pub scan: &'static str,
    /// Whether an administrator has released it although it holds malware.
    pub released: bool,
    /// Whether it was deleted from its comment.
    pub deleted: bool,
    /// Whether it is a picture that stands within the comment's text.
    pub inline: bool,
}

/// The origin of a comment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Made {
    /// Its author wrote it.
    #[default]
    Written,
    /// Zendesk Talk wrote down a call.
    ByCall,
}

/// A comment on a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// Its id.
    pub id: u64,
    /// The shown author.
    pub author_id: u64,
    /// Whether the customer sees it.
    pub public: bool,
    /// As shown to agents.
    pub html_body: String,
    /// As read by people.
    pub plain_body: String,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// Its origin.
    pub made: Made,
    /// `{"system":{…},"custom":{…}}` of the audit that it came with.
    pub metadata: Value,
    /// Whether it came through the API.
    pub via_api: bool,
    /// When.
    pub created_at: Timestamp,
}

/// One update of a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// Its id.
    pub id: u64,
    /// The user who made the update; the comment may show another author.
    pub author_id: u64,
    /// When.
    pub created_at: Timestamp,
    /// `{"system":{…},"custom":{…}}`.
    pub metadata: Value,
    /// Its events: `Comment`, `Create` and `Change`.
    pub events: Vec<Value>,
    /// Whether it came through the API.
    pub via_api: bool,
}

/// A ticket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ticket {
    /// Its number.
    pub id: u64,
    /// Its status.
    pub status: TicketStatus,
    /// Its subject.
    pub subject: Option<String>,
    /// Our key; not unique.
    pub external_id: Option<String>,
    /// The customer.
    pub requester_id: u64,
    /// Who opened it.
    pub submitter_id: u64,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// `low`, `normal`, `high` or `urgent`.
    pub priority: Option<String>,
    /// `problem`, `incident`, `question` or `task`.
    pub kind: Option<String>,
    /// Its brand, its group and its form.
    pub placement: Placement,
    /// Custom fields, by id.
    pub custom_fields: Vec<(u64, Value)>,
    /// The closed ticket that this one follows.
    pub followup_source_id: Option<u64>,
    /// The tickets that follow this closed one.
    pub followup_ids: Vec<u64>,
    /// Its comments, oldest first.
    pub comments: Vec<Comment>,
    /// Its updates, oldest first.
    pub audits: Vec<Audit>,
    /// Deleted tickets are not found any more.
    pub deleted: bool,
    /// Whether it came through the API.
    pub via_api: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Where a ticket stands in the help desk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The brand.
    pub brand_id: Option<u64>,
    /// The group of agents.
    pub group_id: Option<u64>,
    /// The form.
    pub ticket_form_id: Option<u64>,
}

/// How Zendesk writes a time: whole seconds, UTC.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl User {
    pub(super) fn json(&self, base: &str, shared_phone: bool) -> Value {
        json!({
            "id": self.id, "url": format!("{base}/api/v2/users/{}.json", self.id), "name": self.name,
            "email": self.email, "phone": self.phone,
            "shared_phone_number": self.phone.as_ref().map(|_| shared_phone),
            "external_id": self.external_id, "role": self.role.as_str(), "user_fields": self.user_fields,
            "suspended": self.suspended, "active": true, "verified": self.role.is_staff(),
            "created_at": time(self.created_at), "updated_at": time(self.created_at), "tags": [],
        })
    }
}

impl Attachment {
    pub(super) fn json(&self, base: &str) -> Value {
        json!({
            "id": self.id, "url": format!("{base}/api/v2/attachments/{}.json", self.id), "file_name": self.file_name,
            "content_type": self.content_type, "content_url": self.content_url,
            "mapped_content_url": self.content_url, "size": self.size, "inline": self.inline, "deleted": self.deleted,
            "malware_access_override": self.released, "malware_scan_result": self.scan, "thumbnails": [],
        })
    }
}

impl Comment {
    pub(super) fn json(&self, base: &str, audit_id: u64) -> Value {
        let attachments: Vec<Value> = self.attachments.iter().map(|attachment| attachment.json(base)).collect();
        let (kind, via) = match self.made {
            Made::Written => ("Comment", via(self.via_api, None)),
            Made::ByCall => {
                ("VoiceComment", json!({"channel": "voice", "source": {"from": {}, "to": {}, "rel": "outbound"}}))
            }
        };
        json!({
            "id": self.id, "type": kind, "author_id": self.author_id, "body": self.plain_body,
            "html_body": self.html_body, "plain_body": self.plain_body, "public": self.public,
            "attachments": attachments, "audit_id": audit_id, "via": via,
            "created_at": time(self.created_at), "metadata": self.metadata,
        })
    }
}

impl Audit {
    pub(super) fn json(&self, ticket_id: u64) -> Value {
        json!({
            "id": self.id, "ticket_id": ticket_id, "created_at": time(self.created_at), "author_id": self.author_id,
            "metadata": self.metadata, "events": self.events, "via": via(self.via_api, None),
        })
    }
}

impl Ticket {
    /// The audit that brought a comment.
    pub(super) fn audit_of(&self, comment: u64) -> u64 {
        let brought = |audit: &&Audit| audit.events.iter().any(|event| event["id"] == comment);
        self.audits.iter().find(brought).map_or(0, |audit| audit.id)
    }

    pub(super) fn json(&self, base: &str) -> Value {
        let fields: Vec<Value> =
            self.custom_fields.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        json!({
            "id": self.id, "url": format!("{base}/api/v2/tickets/{}.json", self.id), "external_id": self.external_id,
            "via": via(self.via_api, self.followup_source_id), "created_at": time(self.created_at),
            "updated_at": time(self.updated_at), "type": self.kind, "subject": self.subject,
            "raw_subject": self.subject, "priority": self.priority, "status": self.status.as_str(),
            "description": self.comments.first().map(|comment| &comment.plain_body), "recipient": null,
            "requester_id": self.requester_id, "submitter_id": self.submitter_id, "assignee_id": null,
            "organization_id": null, "group_id": self.placement.group_id, "brand_id": self.placement.brand_id,
            "ticket_form_id": self.placement.ticket_form_id, "collaborator_ids": [], "follower_ids": [],
            "has_incidents": false, "is_public": self.comments.iter().any(|comment| comment.public),
            "tags": self.tags, "custom_fields": fields, "fields": fields, "followup_ids": self.followup_ids,
            "allow_channelback": false, "allow_attachments": true,
        })
    }
}

fn via(api: bool, follows: Option<u64>) -> Value {
    let rel = follows.map(|_| "follow_up");
    let from = follows.map_or_else(|| json!({}), |id| json!({"ticket_id": id, "channel": "web"}));
    json!({"channel": if api { "api" } else { "web" }, "source": {"from": from, "to": {}, "rel": rel}})
}
