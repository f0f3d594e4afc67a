//! Zendesk's answers as values. Reads only the fields that the bridge uses, so that no other field can make an answer
//! unreadable: strictly where a decision depends on the field, and leniently where none does.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::comment::{Author, CommentView, Made, Withheld};
use crate::domain::conversation::TicketStatus;
use crate::domain::event::{Attachment, CommentId, TicketId, UserId};
use crate::domain::note::WithheldFor;
use crate::ports::desk::{TicketView, UserView, Written};

/// The tag that Zendesk puts on a ticket which was merged into another. Source: tag data in public repositories; it is
/// in no documentation.
const MERGED_TAG: &str = "closed_by_merge";

/// The comments that a ticket takes; Zendesk refuses one more with 422 in undocumented words. Source:
/// <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/>.
const COMMENTS_MAX: u32 = 5000;

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
        let status = TicketStatus::parse(&self.status)?;
        let tags = self.tags.unwrap_or_default();
        let comment_count = self.comment_count.and_then(|count| u32::try_from(count.as_u64()?).ok());
        Some(TicketView {
            id: TicketId(self.id),
            status,
            external_id: filled(self.external_id),
            requester_id: UserId(self.requester_id),
            merged: status == TicketStatus::Closed && tags.iter().any(|tag| tag == MERGED_TAG),
            tags,
            brand_id: self.brand_id.and_then(|brand| brand.as_u64()),
            updated_at: self.updated_at,
            comment_count,
            is_full: comment_count.is_some_and(|count| count >= COMMENTS_MAX),
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
                _ if author_id.0 == 0 => Author::Desk,
                Some(user) if user.is_agent && user.active => Author::Staff,
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
    /// The view, whose customer's id is the value of the user field of this key.
    pub(super) fn view(self, customer_field: &str) -> UserView {
        let customer_id = match self.user_fields.as_ref().and_then(|fields| fields.get(customer_field)) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
        };
        UserView {
            id: UserId(self.id),
            name: self.name.unwrap_or_default(),
            external_id: filled(self.external_id),
            customer_id: filled(customer_id),
            email: filled(self.email),
            phone: filled(self.phone),
            is_agent: matches!(self.role.as_deref(), Some("agent" | "admin")),
            active: self.active.unwrap_or(true),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_of_text_or_of_numbers_holds_the_customers_id_and_no_other_field_does() {
        let id_of = |fields: Value| {
            let user: UserJson = serde_json::from_value(json!({ "id": 1, "user_fields": fields })).unwrap();
            user.view("crm_id").customer_id
        };
        assert_eq!(id_of(json!({ "crm_id": "c1", "other": "c2" })).as_deref(), Some("c1"));
        assert_eq!(id_of(json!({ "crm_id": 7 })).as_deref(), Some("7"));
        for nothing in [json!({}), json!({ "other": "c2" }), json!({ "crm_id": null }), json!({ "crm_id": "" })] {
            assert_eq!(id_of(nothing.clone()), None, "{nothing}");
        }
    }

    #[test]
    fn a_ticket_is_merged_only_where_it_is_closed_and_full_with_its_last_comment() {
        let view = |status: &str, tag: &str, comments: Value| {
            let ticket = json!({
                "id": 7, "status": status, "requester_id": 5, "tags": [tag], "updated_at": "2026-11-21T11:59:00Z",
                "comment_count": comments,
            });
            serde_json::from_value::<TicketJson>(ticket).unwrap().view().unwrap()
        };
        for (status, tag, merged) in
            [("closed", MERGED_TAG, true), ("open", MERGED_TAG, false), ("closed", "sms", false)]
        {
            assert_eq!(view(status, tag, Value::Null).merged, merged, "{status} {tag}");
        }
        for (comments, full) in [(json!(4999), false), (json!(5000), true), (Value::Null, false)] {
            assert_eq!(view("open", "sms", comments.clone()).is_full, full, "{comments}");
        }
    }
}
